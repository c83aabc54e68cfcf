//! One target after another.

use std::{collections::VecDeque, sync::Arc};

use model::{
    Aor, Directory, Flow, ForwardWhen, Instant, LegId,
    hook::{Attempt, Destination, Diversion, Target},
};

use super::{
    Call, State,
    contacts::groups_of_aor,
    early::EarlyId,
    forward::Forward,
    over_trunk::{OnTrunk, TrunksLeft, fails_over},
    question::RING_MAX,
};
use crate::{Fact, Reason, TrunkPassed, tables::Tables};

/// One contact of a target.
#[derive(Clone)]
pub(crate) struct Hop {
    /// Which of the targets that are tried together.
    pub(crate) of: usize,
    /// The Request-URI.
    pub(crate) uri: String,
    /// The proxies on the way, as the value of a Route field (RFC 3327); or empty.
    pub(crate) path: Arc<str>,
    pub(crate) flow: Flow,
    /// Other places of the same host, tried in order when this one is dead (RFC 3263 section 4.3).
    pub(crate) others: VecDeque<Flow>,
    /// Other ways to the same phone, tried in order when this one has failed (RFC 5626 section 7).
    pub(crate) spares: Vec<Self>,
    /// Its INVITE was found too large for a datagram, and goes over a connection first; or it goes by this way, however large.
    pub(crate) is_large: bool,
    /// The trunk it goes over.
    pub(crate) trunk: Option<OnTrunk>,
    /// Its phone is to answer by itself.
    pub(crate) auto: bool,
    /// The leg that it goes on as, if it is one that was told of.
    pub(crate) as_leg: Option<LegId>,
}

impl Hop {
    /// The next place or way to the same, with those that are left after it.
    pub(super) fn onward(mut self) -> Option<Self> {
        if let Some(flow) = self.others.pop_front() {
            return Some(Self { flow, ..self });
        }
        let mut spares = self.spares.into_iter();
        let next = spares.next()?;
        Some(Self { spares: spares.collect(), ..next })
    }

    /// Whether there is a next place or way to the same.
    pub(super) fn has_another(&self) -> bool {
        !self.others.is_empty() || !self.spares.is_empty()
    }

    /// Whether another is tried when it says nothing. A trunk that says nothing has failed, whether or not there is another: what
    /// follows it in the plan is not kept waiting.
    pub(super) fn gives_way(&self) -> bool {
        self.has_another() || self.trunk.is_some()
    }
}

/// What became of the question where a target is.
pub(super) enum Places {
    /// It is known.
    Known(Box<Hop>),
    /// The DNS has been asked.
    Asked,
}

/// The status of a target whose calls go somewhere else.
const MOVED: u16 = 302;

/// The targets being tried: one, or several at the same time.
pub(crate) struct Trying {
    targets: Vec<Tried>,
    /// Those whose place is not known yet. The DNS is asked for one after another, and nothing rings before it has answered.
    unplaced: VecDeque<usize>,
    since: Instant,
    /// Whose early media the caller hears.
    heard: Option<EarlyId>,
}

/// One target being tried.
pub(super) struct Tried {
    target: Target,
    /// When it has rung long enough; `None` until it rings.
    until: Option<Instant>,
    /// The best final status of its branches so far (RFC 3261 section 16.7 step 6), 0 while there is none.
    best: u16,
    /// Contacts of the 3xx that is the best answer so far.
    redirect: Vec<String>,
    /// Where its calls go, as was set for it, if this one does.
    forward: Option<Forward>,
    /// Of a target that is a trunk.
    pub(super) trunks: TrunksLeft,
}

impl Tried {
    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    /// How it has failed so far: 0 while it has not.
    pub(super) const fn status(&self) -> u16 {
        self.best
    }

    /// It goes somewhere else from here, as when its phone had said so.
    pub(super) fn sent_on(&mut self, forward: Forward) {
        self.best = MOVED;
        self.redirect = Vec::new();
        self.forward = Some(forward);
    }
}

impl Call {
    /// Tries the next group of contacts, or the next targets, or ends the call with the last failure.
    pub(super) fn try_next(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        while self.branches_live() == 0
            && !self.keeps_answer()
            && !matches!(self.state, State::Locating(_))
            && !self.looks_for_trunk()
        {
            if let Some(group) = self.groups.pop_front() {
                self.try_group(tables, now, dir, group);
                continue;
            }
            if self.note_attempts(tables, now, dir) {
                if self.dial.is_some() {
                    continue;
                }
                // The route of an emergency is tried to its end; no plugin has a say in it.
                if self.facts.emergency && tables.config.emergency.has_route() {
                    continue;
                }
                return self.ask_route_on_failure(tables, now);
            }
            if let Some(point) = self.next_routing_point(tables.config.limits.attempts_max) {
                return self.wait_at(tables, now, point);
            }
            let targets = self.next_targets(tables.config.limits.attempts_max);
            if targets.is_empty() {
                if self.follow_redirect(tables, now, dir) {
                    return;
                }
                return self.give_up(tables, now);
            }
            self.begin_targets(tables, now, dir, targets);
        }
    }

    /// Takes the next target of the plan if it is a routing point, within what is left of `most`. A call that is sent on rather
    /// than taken over cannot wait.
    fn next_routing_point(&mut self, most: usize) -> Option<Aor> {
        let may_wait = self.proxied.is_none() && self.attempts.len() < most;
        match &self.plan.front()?.to {
            Destination::RoutingPoint(point) if may_wait => Some(point.clone()),
            _ => None,
        }
    }

    /// Takes the next target of the plan, and those that are to be tried together with it, within what is left of `most`.
    fn next_targets(&mut self, most: usize) -> Vec<Target> {
        let left = most.saturating_sub(self.attempts.len());
        let mut targets = Vec::new();
        while targets.len() < left
            && self.plan.front().is_some_and(|next| {
                targets.is_empty() || (next.together && !is_routing_point(&next.to))
            })
        {
            targets.extend(self.plan.pop_front());
        }
        targets
    }

    fn begin_targets(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        targets: Vec<Target>,
    ) {
        self.media.forget_callee(tables, self.conn);
        self.state = State::Trying { alerting: false };
        self.renew_policy();
        self.groups.clear();
        let mut trying =
            Trying { targets: Vec::new(), unplaced: VecDeque::new(), since: now, heard: None };
        // Not of an emergency, and not of a phone that is called for its own user.
        let heeds = !self.facts.emergency && self.dial.is_none();
        for (of, target) in targets.into_iter().enumerate() {
            let (mut best, mut trunks) = (0, TrunksLeft::default());
            let forward = self.forward(tables, dir, &target.to, ForwardWhen::Always);
            match &target.to {
                _ if forward.is_some() => best = MOVED,
                // Whoever calls finds the user busy (RFC 3261 section 21.4.24).
                Destination::Aor(aor) if heeds && dir.do_not_disturb(aor) => best = 486,
                // Nobody waits for a phone that does not answer the switch (section 21.4.18).
                Destination::Aor(aor) if !self.facts.emergency && dir.out_of_service(aor) => {
                    best = 480;
                }
                Destination::Aor(aor) => {
                    match groups_of_aor(tables, dir, now, of, aor, &self.facts.callee) {
                        Ok(groups) => self.add_groups(groups),
                        Err(status) => best = status,
                    }
                }
                Destination::Uri(_) => trying.unplaced.push_back(of),
                Destination::Trunk { name, user } => {
                    trunks = self.trunks_of(tables, dir, name, user.as_deref());
                    best = if trunks.is_empty() { TrunkPassed::Unknown.status() } else { 0 };
                }
                Destination::RoutingPoint(_) => best = 480,
            }
            let redirect = Vec::new();
            trying.targets.push(Tried { target, until: None, best, redirect, forward, trunks });
        }
        self.trying = Some(trying);
        self.place_targets(tables, now, dir);
    }

    pub(super) fn add_hop(&mut self, hop: Hop) {
        self.add_groups(vec![vec![hop]]);
    }

    /// The best contacts of each target ring first, and at the same time.
    fn add_groups(&mut self, groups: Vec<Vec<Hop>>) {
        for (at, group) in groups.into_iter().enumerate() {
            match self.groups.get_mut(at) {
                Some(have) => have.extend(group),
                None => self.groups.push_back(group),
            }
        }
    }

    /// Finds the places of the targets that have none yet, up to the first for which the DNS is to be asked. When there is none
    /// left they all may ring.
    fn place_targets(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        while let Some((of, uri)) = self.unplaced() {
            let placed = match self.locate(tables, now, of, &uri) {
                Ok(Places::Asked) => return,
                Ok(Places::Known(hop)) => Ok(*hop),
                Err(status) => Err(status),
            };
            self.note_place(of, placed);
        }
        self.start_ringing(tables, now);
        self.begin_trunks(tables, now, dir);
    }

    /// The target whose place is looked for, and its URI.
    pub(super) fn unplaced(&self) -> Option<(usize, String)> {
        let trying = self.trying.as_ref()?;
        let of = *trying.unplaced.front()?;
        match &trying.targets.get(of)?.target.to {
            Destination::Uri(uri) => Some((of, uri.clone())),
            Destination::Aor(_) | Destination::Trunk { .. } | Destination::RoutingPoint(_) => None,
        }
    }

    /// Whose early media the caller hears.
    pub(super) fn heard(&self) -> Option<&EarlyId> {
        self.trying.as_ref()?.heard.as_ref()
    }

    /// From now on the caller hears this one's.
    pub(super) fn set_heard(&mut self, id: EarlyId) {
        if let Some(trying) = &mut self.trying {
            trying.heard = Some(id);
        }
    }

    /// How many targets are being tried together.
    pub(super) fn targets_tried(&self) -> usize {
        self.trying.as_ref().map_or(0, |trying| trying.targets.len())
    }

    /// One of the targets being tried.
    pub(super) fn tried(&self, of: usize) -> Option<&Tried> {
        self.trying.as_ref()?.targets.get(of)
    }

    /// The same, to be changed.
    pub(super) fn tried_mut(&mut self, of: usize) -> Option<&mut Tried> {
        self.trying.as_mut()?.targets.get_mut(of)
    }

    fn note_place(&mut self, of: usize, hop: Result<Hop, u16>) {
        if let Some(trying) = &mut self.trying {
            trying.unplaced.retain(|unplaced| *unplaced != of);
        }
        match hop {
            Ok(hop) => self.add_hop(hop),
            Err(status) => self.note_failure(of, status, Vec::new()),
        }
    }

    /// It is known where the target is, or that it is nowhere.
    pub(super) fn place_found(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        of: usize,
        hop: Result<Hop, u16>,
    ) {
        self.state = State::Trying { alerting: false };
        self.note_place(of, hop);
        self.place_targets(tables, now, dir);
        self.try_next(tables, now, dir);
    }

    /// Each target may ring from now on for as long as its plan says.
    fn start_ringing(&mut self, tables: &mut Tables, now: Instant) {
        let default = tables.config.ring_timeout;
        let Some(trying) = &mut self.trying else { return };
        for tried in &mut trying.targets {
            tried.until = Some(now + tried.target.ring.unwrap_or(default).min(RING_MAX));
        }
        self.await_ring_timeout(tables);
    }

    /// One of the targets may ring anew: it has begun with another trunk.
    pub(super) fn ring_anew(&mut self, tables: &mut Tables, now: Instant, of: usize) {
        let default = tables.config.ring_timeout;
        if let Some(tried) = self.tried_mut(of) {
            tried.until = Some(now + tried.target.ring.unwrap_or(default).min(RING_MAX));
        }
        self.await_ring_timeout(tables);
    }

    /// Wakes the call when the next of its targets has rung long enough.
    fn await_ring_timeout(&mut self, tables: &mut Tables) {
        let targets = self.trying.iter().flat_map(|trying| &trying.targets);
        if let Some(at) = targets.filter_map(|tried| tried.until).min() {
            self.start_timer(tables, at, Reason::Ring);
        }
    }

    pub(super) fn try_group(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        mut group: Vec<Hop>,
    ) {
        let most = tables.config.limits.branches_max.max(1);
        if group.len() > most {
            self.groups.push_front(group.split_off(most));
        }
        for hop in group {
            let hop = Hop { auto: hop.auto || self.dial.is_some(), ..hop };
            self.open_or_next_trunk(tables, now, dir, hop);
        }
    }

    /// Sends the INVITE of one contact to the first of its places that it can go to. The error is the status of the last.
    pub(super) fn open_somewhere(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        mut hop: Hop,
    ) -> Result<(), u16> {
        let of = hop.of;
        while hop.has_another() {
            let onward = hop.clone().onward();
            let opened = self.open_branch(tables, now, hop);
            match (opened, onward) {
                (Err(status), Some(next)) => {
                    self.note_failure(of, status, Vec::new());
                    hop = next;
                }
                (opened, _) => return opened,
            }
        }
        self.open_branch(tables, now, hop)
    }

    /// The same. Where it can go to none, the next trunk of the target is tried.
    pub(super) fn open_or_next_trunk(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        hop: Hop,
    ) {
        let of = hop.of;
        if let Err(status) = self.open_somewhere(tables, now, hop) {
            self.note_failure(of, status, Vec::new());
            self.next_trunk(tables, now, dir, of);
        }
    }

    /// Where one of the targets being tried is.
    pub(super) fn target_of(&self, of: usize) -> Option<Destination> {
        Some(self.trying.as_ref()?.targets.get(of)?.target.to.clone())
    }

    /// Why a target being tried is not who was called.
    pub(super) fn target_diverted(&self, of: usize) -> Option<Diversion> {
        self.trying.as_ref()?.targets.get(of)?.target.diverted
    }

    /// Remembers the best failure of a target being tried.
    pub(super) fn note_failure(&mut self, of: usize, status: u16, redirect: Vec<String>) {
        let Some(tried) = self.trying.as_mut().and_then(|trying| trying.targets.get_mut(of)) else {
            return;
        };
        if tried.best == 0 || rank(status) < rank(tried.best) {
            tried.best = status;
            tried.redirect = redirect;
        }
    }

    /// A branch of a target being tried has failed: on to what is left.
    pub(super) fn branch_failed(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        failed: Failed,
    ) {
        let Failed { leg, of, status, redirect } = failed;
        tables.emit(Fact::LegFailed { leg, status });
        self.not_answered(tables, leg, status);
        if !self.is_looking() {
            return;
        }
        if !fails_over(status) {
            self.leave_trunks(of);
        }
        // What the last trunk says is what became of the call.
        if !self.has_another_trunk(of) {
            self.note_failure(of, status, redirect);
        }
        self.next_trunk(tables, now, dir, of);
        if status >= 600 {
            // RFC 3261 section 16.7 step 5: a 6xx ends the search for whom it was said. Others are asked for themselves.
            self.end_target(tables, now, of);
        }
        self.try_next(tables, now, dir);
    }

    /// Gives up one of the targets being tried.
    fn end_target(&mut self, tables: &mut Tables, now: Instant, of: usize) {
        self.cancel_branches(tables, now, Some(of));
        self.leave_trunks(of);
        self.leave_policy_of(tables, of);
        for group in &mut self.groups {
            group.retain(|hop| hop.of != of);
        }
        self.groups.retain(|group| !group.is_empty());
    }

    /// A target rang long enough.
    pub(crate) fn on_ring_timeout(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        if !self.is_looking() {
            return;
        }
        let Some(trying) = &mut self.trying else { return };
        let mut over = Vec::new();
        for (of, tried) in trying.targets.iter_mut().enumerate() {
            if tried.until.is_some_and(|until| until <= now) {
                tried.until = None;
                over.push(of);
            }
        }
        for of in over {
            // What has failed already did not ring that long.
            let waits = self.groups.iter().flatten().any(|h| h.of == of);
            let is_live = self.has_branch(of) || waits || self.looks_for_trunk_of(of);
            if let Some(tried) = self.trying.as_mut().and_then(|t| t.targets.get_mut(of))
                && (is_live || tried.best == 0)
            {
                tried.best = 408;
            }
            self.end_target(tables, now, of);
        }
        self.await_ring_timeout(tables);
        self.try_next(tables, now, dir);
    }

    /// Takes note of the targets that were tried and have failed; gives whether there were any.
    fn note_attempts(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) -> bool {
        let Some(Trying { mut targets, since, .. }) = self.trying.take() else { return false };
        self.stop_timer(tables, Reason::Ring);
        (self.last_status, self.last_forward) = (0, None);
        let mut last = 0;
        for (at, tried) in targets.iter_mut().enumerate() {
            self.heed_forward(tables, dir, tried);
            if self.last_status == 0 || rank(tried.best) < rank(self.last_status) {
                last = at;
                self.last_status = tried.best;
                self.last_redirect = std::mem::take(&mut tried.redirect);
                self.last_forward = tried.forward.take().map(Box::new);
            }
        }
        let sent_to = self.plan.is_empty().then(|| self.redirection(tables)).flatten();
        let mut sent_to = sent_to.map(|(_, to, _)| Box::new(to));
        for (at, Tried { target, best, .. }) in targets.into_iter().enumerate() {
            let attempt = Attempt { target, status: best, lasted: now - since };
            let sent_to = sent_to.take_if(|_| at == last);
            tables.emit(Fact::TargetFailed { conn: self.conn, attempt: attempt.clone(), sent_to });
            self.attempts.push(attempt);
        }
        true
    }

    /// Every target failed. The caller gets the last failure, of targets that were tried together the best; 408 becomes 480,
    /// since it is the called party that did not answer and not this switch.
    fn give_up(&mut self, tables: &mut Tables, now: Instant) {
        if self.dial.is_some() {
            return self.dial_failed(tables, now);
        }
        if self.proxied.is_some() {
            let status = if self.last_status == 0 { 480 } else { self.last_status };
            return self.end_proxied(tables, now, status, crate::Cause::Refused(status));
        }
        if self.wait_again(tables, now, if self.last_status == 0 { 480 } else { self.last_status })
        {
            return;
        }
        let status = match self.last_status {
            // Whoever is not reached in an emergency may be reached through another switch, which a phone tries on a 503.
            0 | 404 | 408 | 480 if self.facts.emergency => 503,
            0 | 408 => 480,
            // It was for this switch to answer the challenge of a next hop, and not for the caller.
            401 | 407 => 502,
            status => status,
        };
        let contacts = std::mem::take(&mut self.last_redirect);
        self.respond_to_caller(tables, now, status, "", &contacts);
        self.release(tables, now, crate::Cause::Refused(status), None);
    }
}

/// A branch that has failed.
pub(super) struct Failed {
    pub(super) leg: LegId,
    /// Which of the targets that are tried together.
    pub(super) of: usize,
    pub(super) status: u16,
    /// Contacts of a 3xx.
    pub(super) redirect: Vec<String>,
}

const fn is_routing_point(to: &Destination) -> bool {
    matches!(to, Destination::RoutingPoint(_))
}

/// The order of RFC 3261 section 16.7 step 6: 6xx, then the lowest class.
const fn rank(status: u16) -> u16 {
    if status >= 600 { 0 } else { status / 100 }
}
