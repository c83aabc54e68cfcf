//! One target after another.

use std::collections::VecDeque;

use model::{
    Aor, Binding, Directory, Flow, Instant, LegId,
    hook::{Attempt, Destination, Target},
};
use sip::Uri;

use super::{Call, State, question::RING_MAX, route};
use crate::{Fact, Reason, tables::Tables};

/// One contact of a target.
pub(crate) struct Hop {
    /// The Request-URI.
    pub(crate) uri: String,
    pub(crate) flow: Flow,
    /// Other places of the same host, tried in order when this one is dead (RFC 3263 section 4.3).
    pub(crate) others: VecDeque<Flow>,
}

/// What became of the question where a target is.
pub(super) enum Places {
    /// It is known.
    Known(Hop),
    /// The DNS has been asked.
    Asked,
}

/// The target being tried.
pub(crate) struct Trying {
    target: Target,
    since: Instant,
    /// The best final status of its branches so far (RFC 3261 section 16.7 step 6), 0 while there is none.
    best: u16,
    /// Contacts of the 3xx that is the best answer so far.
    redirect: Vec<String>,
}

impl Call {
    /// Tries the next group of contacts, or the next target, or ends the call with the last failure.
    pub(super) fn try_next(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        while self.branches_live() == 0 && !matches!(self.state, State::Locating(_)) {
            if let Some(group) = self.groups.pop_front() {
                self.try_group(tables, now, group);
                continue;
            }
            if self.note_attempt(tables, now) {
                // The route of an emergency is tried to its end; no plugin has a say in it.
                if self.facts.emergency && tables.config.emergency.has_route() {
                    continue;
                }
                return self.ask_route_on_failure(tables, now);
            }
            let over = self.attempts.len() >= tables.config.limits.attempts_max;
            match self.plan.pop_front().filter(|_| !over) {
                Some(target) => self.begin_target(tables, now, dir, target),
                None => return self.give_up(tables, now),
            }
        }
    }

    fn begin_target(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        target: Target,
    ) {
        self.media.forget_callee(tables, self.conn);
        self.state = State::Trying { alerting: false };
        let resolved = match &target.to {
            Destination::Aor(aor) => groups_of_aor(tables, dir, now, aor),
            Destination::Uri(uri) => match self.locate(tables, now, uri) {
                Ok(Places::Known(hop)) => Ok(vec![vec![hop]]),
                Ok(Places::Asked) => Ok(Vec::new()),
                Err(status) => Err(status),
            },
        };
        let (groups, best) = match resolved {
            Ok(groups) => (groups, 0),
            Err(status) => (Vec::new(), status),
        };
        self.groups = groups.into();
        self.trying = Some(Trying { target, since: now, best, redirect: Vec::new() });
        if let State::Trying { .. } = self.state {
            self.start_ringing(tables, now);
        }
    }

    /// The target may ring from now on for as long as its plan says.
    fn start_ringing(&mut self, tables: &mut Tables, now: Instant) {
        let planned = self.trying.as_ref().and_then(|trying| trying.target.ring);
        let ring = planned.unwrap_or(tables.config.ring_timeout).min(RING_MAX);
        self.start_timer(tables, now + ring, Reason::Ring);
    }

    /// The URI of the target being tried, if it is one.
    pub(super) fn target_uri(&self) -> Option<String> {
        match &self.trying.as_ref()?.target.to {
            Destination::Uri(uri) => Some(uri.clone()),
            Destination::Aor(_) => None,
        }
    }

    /// It is known where the target is, or that it is nowhere.
    pub(super) fn place_found(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        hop: Result<Hop, u16>,
    ) {
        self.state = State::Trying { alerting: false };
        self.start_ringing(tables, now);
        match hop {
            Ok(hop) => self.groups.push_back(vec![hop]),
            Err(status) => self.note_failure(status, Vec::new()),
        }
        self.try_next(tables, now, dir);
    }

    fn try_group(&mut self, tables: &mut Tables, now: Instant, group: Vec<Hop>) {
        let most = tables.config.limits.branches_max;
        for hop in group.into_iter().take(most) {
            if let Err(status) = self.open_branch(tables, now, hop) {
                self.note_failure(status, Vec::new());
            }
        }
    }

    /// Remembers the best failure of the target being tried.
    pub(super) fn note_failure(&mut self, status: u16, redirect: Vec<String>) {
        let Some(trying) = &mut self.trying else { return };
        if trying.best == 0 || rank(status) < rank(trying.best) {
            trying.best = status;
            trying.redirect = redirect;
        }
    }

    /// A branch of the target being tried has failed: on to what is left of it.
    pub(super) fn branch_failed(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        leg: LegId,
        status: u16,
        redirect: Vec<String>,
    ) {
        tables.emit(Fact::LegFailed { leg, status });
        let State::Trying { .. } = self.state else { return };
        self.note_failure(status, redirect);
        if status >= 600 {
            // RFC 3261 section 16.7 step 5: a 6xx ends the search.
            self.cancel_branches(tables, now);
            self.groups.clear();
        }
        self.try_next(tables, now, dir);
    }

    /// The target rang long enough.
    pub(crate) fn on_ring_timeout(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        let State::Trying { .. } = self.state else { return };
        self.groups.clear();
        if let Some(trying) = &mut self.trying {
            trying.best = 408;
        }
        self.cancel_branches(tables, now);
        self.try_next(tables, now, dir);
    }

    /// Takes note of the target that was tried and has failed; gives whether there was one.
    fn note_attempt(&mut self, tables: &mut Tables, now: Instant) -> bool {
        let Some(trying) = self.trying.take() else { return false };
        self.stop_timer(tables, Reason::Ring);
        self.attempts.push(Attempt {
            target: trying.target,
            status: trying.best,
            lasted: now - trying.since,
        });
        self.last_redirect = trying.redirect;
        true
    }

    /// Every target failed. The caller gets the last failure; 408 becomes 480, since it is the called party that did not
    /// answer and not this switch.
    fn give_up(&mut self, tables: &mut Tables, now: Instant) {
        let status = match self.attempts.last().map(|attempt| attempt.status) {
            // Whoever is not reached in an emergency may be reached through another switch, which a phone tries on a 503.
            Some(404 | 408 | 480) | None if self.facts.emergency => 503,
            Some(408) | None => 480,
            Some(status) => status,
        };
        let contacts = std::mem::take(&mut self.last_redirect);
        self.respond_to_caller(tables, now, status, "", &contacts);
        self.release(tables, now, crate::Cause::Refused(status), None);
    }
}

/// The contacts of an address-of-record in groups of equal q, best first; 480 when there are none (RFC 3261 section 21.4.18).
fn groups_of_aor(
    tables: &Tables,
    dir: &dyn Directory,
    now: Instant,
    aor: &Aor,
) -> Result<Vec<Vec<Hop>>, u16> {
    let bindings = dir.bindings(aor);
    let live = bindings.iter().flat_map(|b| b.iter()).filter(|b| b.expires_at > now);
    let mut groups: Vec<(u16, Vec<Hop>)> = Vec::new();
    for Binding { contact, flow, q_milli, .. } in live {
        let parsed = Uri::parse(contact);
        let uri = parsed.as_ref().map_or(&**contact, |uri| uri.for_request(contact));
        let listeners = &tables.config.listeners;
        let flow = parsed.as_ref().map_or(*flow, |uri| route::flow_of(listeners, *flow, uri));
        let hop = Hop { uri: uri.to_owned(), flow, others: VecDeque::new() };
        match groups.iter_mut().find(|(q, _)| q == q_milli) {
            Some((_, group)) => group.push(hop),
            None => groups.push((*q_milli, vec![hop])),
        }
    }
    groups.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    if groups.is_empty() { Err(480) } else { Ok(groups.into_iter().map(|(_, g)| g).collect()) }
}

/// The order of RFC 3261 section 16.7 step 6: 6xx, then the lowest class.
const fn rank(status: u16) -> u16 {
    if status >= 600 { 0 } else { status / 100 }
}
