//! A target that is a trunk, or a group of them.

use std::{collections::VecDeque, sync::Arc};

use media::Side;
use model::{Directory, Instant, LegId, Seat, TrunkId, hook::Party};
use sip::{
    Message, Uri,
    locate::{Locate, LocateError, Place},
};

use super::{
    Call, attempt::Hop, branch::Faces, headers::name_addr, identity::ANONYMOUS, locate::NOWHERE,
};
use crate::{Fact, LocateId, TrunkPassed, tables::Tables};

/// The trunk a branch goes over.
#[derive(Clone, Debug)]
pub(crate) struct OnTrunk {
    pub(crate) id: TrunkId,
    /// What it is sent.
    pub(crate) number: String,
    /// Held for its capacity, and for nothing else.
    seat: Seat,
}

impl OnTrunk {
    /// A trunk whose place was taken before.
    pub(super) const fn taken(id: TrunkId, number: String, seat: Seat) -> Self {
        Self { id, number, seat }
    }

    /// The place goes with the call.
    pub(super) fn take_seat(&mut self) -> Seat {
        std::mem::take(&mut self.seat)
    }
}

/// The trunks of one of the targets being tried.
#[derive(Default)]
pub(crate) struct TrunksLeft {
    untried: VecDeque<TrunkId>,
    number: String,
    /// The trunk the DNS is asked for, its Request-URI, and the question.
    looked_for: Option<(OnTrunk, String, LocateId)>,
}

impl TrunksLeft {
    /// Whether none is left to be tried.
    pub(super) fn is_empty(&self) -> bool {
        self.untried.is_empty()
    }
}

/// Whether a failure says something of the trunk rather than of who is called, so that the next one of its group is tried. No
/// answer, a fault of the other side, and a challenge that our password does not satisfy do; that the number is not known,
/// busy, not there or barred does not. `docs/trunks.md` has the list.
pub(super) const fn fails_over(status: u16) -> bool {
    matches!(status, 401 | 407 | 408 | 500..=599)
}

/// The proxies on the way to a trunk, as its registrar names them, and the URI of the first.
fn way_through(dir: &dyn Directory, id: TrunkId) -> (Arc<str>, Option<String>) {
    let Some(route) = dir.service_route(id) else { return (Arc::default(), None) };
    let first = sip::route_uri(&route).map(str::to_owned);
    (route, first)
}

impl Call {
    /// The trunks that a target stands for.
    pub(super) fn trunks_of(
        &self,
        tables: &mut Tables,
        dir: &dyn Directory,
        name: &str,
        user: Option<&str>,
    ) -> TrunksLeft {
        let Tables { trunks, endpoint, .. } = tables;
        let mut untried = trunks.order(name, || endpoint.mint_number());
        if self.facts.emergency {
            untried.make_contiguous().sort_by_key(|id| !dir.trunk_is_up(*id));
        }
        if untried.is_empty() {
            self.pass_trunk(tables, name, TrunkPassed::Unknown);
        }
        let number = user.unwrap_or(&self.facts.callee.user).to_owned();
        TrunksLeft { untried, number, looked_for: None }
    }

    /// Begins with the first trunk of each target that is being tried.
    pub(super) fn begin_trunks(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        for of in 0..self.targets_tried() {
            if let Some(hop) = self.hop_over_trunk(tables, now, dir, of) {
                self.add_hop(hop);
            }
        }
        // What rings together with a trunk that the DNS is asked for does not wait for it.
        if self.looks_for_trunk()
            && let Some(group) = self.groups.pop_front()
        {
            self.try_group(tables, now, dir, group);
        }
    }

    /// Goes on with the next trunk of a target, if there is one that can take a call.
    pub(super) fn next_trunk(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        of: usize,
    ) {
        while let Some(hop) = self.hop_over_trunk(tables, now, dir, of) {
            match self.open_somewhere(tables, now, hop) {
                Ok(()) => return self.ring_anew(tables, now, of),
                Err(status) => self.note_failure(of, status, Vec::new()),
            }
        }
    }

    /// The way over the next trunk of a target that can take a call; `None` when there is none, or the DNS has been asked for it.
    fn hop_over_trunk(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        of: usize,
    ) -> Option<Hop> {
        while let Some((id, number)) = self.take_untried(of) {
            let Some(trunk) = tables.trunks.get(id) else { continue };
            let (name, uri) = (trunk.name.clone(), trunk.request_uri(&number));
            let seat = match dir.trunk_is_up(id) {
                // Help is called over a trunk that may be dead, or has to make room, rather than not at all.
                _ if self.facts.emergency => Ok(dir.seat(id).unwrap_or_default()),
                true => dir.seat(id).ok_or(TrunkPassed::Full),
                false => Err(TrunkPassed::Down),
            };
            let on = match seat {
                Ok(seat) => OnTrunk { id, number, seat },
                Err(why) => {
                    self.pass_trunk(tables, &name, why);
                    self.note_failure(of, why.status(), Vec::new());
                    continue;
                }
            };
            let (path, first) = way_through(dir, id);
            let first = first.as_deref().unwrap_or(&uri);
            let places = Locate::new(first, &tables.transports, 0).map(|locate| locate.places());
            let hop = match places {
                Ok(Some(places)) => self.hop_to(tables, of, &uri, places),
                Ok(None) => {
                    let asked = self.ask_dns(tables, now, first);
                    self.tried_mut(of)?.trunks.looked_for = Some((on, uri, asked));
                    return None;
                }
                Err(_) => Err(NOWHERE),
            };
            match hop.and_then(|hop| self.unless_held_back(tables, now, &name, hop)) {
                Ok(hop) => return Some(Hop { trunk: Some(on), path, ..hop }),
                Err(status) => self.note_failure(of, status, Vec::new()),
            }
        }
        None
    }

    /// A way over a trunk, by the first of its places that does not have this call held back (RFC 7339 section 5.10).
    fn unless_held_back(
        &self,
        tables: &mut Tables,
        now: Instant,
        name: &str,
        mut hop: Hop,
    ) -> Result<Hop, u16> {
        if self.facts.emergency || tables.loads.is_empty() {
            return Ok(hop);
        }
        let draw = tables.endpoint.mint_number();
        while tables.loads.holds_back(now, hop.flow.peer, draw) {
            let Some(other) = hop.others.pop_front() else {
                self.pass_trunk(tables, name, TrunkPassed::Overloaded);
                return Err(TrunkPassed::Overloaded.status());
            };
            hop.flow = other;
        }
        Ok(hop)
    }

    /// It is known where a trunk is, or that it is nowhere.
    pub(super) fn on_trunk_located(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        id: LocateId,
        places: Result<Vec<Place>, LocateError>,
    ) {
        if !self.is_looking() {
            return;
        }
        let looks = |of: &usize| {
            self.tried(*of).is_some_and(|tried| {
                tried.trunks.looked_for.as_ref().is_some_and(|(.., asked)| *asked == id)
            })
        };
        let Some(of) = (0..self.targets_tried()).find(looks) else { return };
        let looked_for = self.tried_mut(of).and_then(|tried| tried.trunks.looked_for.take());
        let Some((on, uri, _)) = looked_for else { return };
        let name = tables.trunks.get(on.id).map(|trunk| trunk.name.clone()).unwrap_or_default();
        let hop = self.hop_to(tables, of, &uri, places);
        let hop = hop.and_then(|hop| self.unless_held_back(tables, now, &name, hop));
        let (path, _) = way_through(dir, on.id);
        let opened = hop
            .and_then(|hop| self.open_somewhere(tables, now, Hop { trunk: Some(on), path, ..hop }));
        match opened {
            Ok(()) => self.ring_anew(tables, now, of),
            Err(status) => {
                self.note_failure(of, status, Vec::new());
                self.next_trunk(tables, now, dir, of);
            }
        }
        self.try_next(tables, now, dir);
    }

    /// The DNS takes too long.
    pub(super) fn on_trunks_not_located(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        if !self.is_looking() {
            return;
        }
        for of in 0..self.targets_tried() {
            let waits = self.tried_mut(of).and_then(|tried| tried.trunks.looked_for.take());
            if waits.is_some() {
                self.note_failure(of, NOWHERE, Vec::new());
                self.next_trunk(tables, now, dir, of);
            }
        }
        self.try_next(tables, now, dir);
    }

    /// Whether the DNS is asked for a trunk, or plugins for the header fields of an INVITE.
    pub(super) fn looks_for_trunk(&self) -> bool {
        (0..self.targets_tried()).any(|of| self.looks_for_trunk_of(of))
    }

    /// Whether the DNS is asked for a trunk of this target, or plugins for its header fields.
    pub(super) fn looks_for_trunk_of(&self, of: usize) -> bool {
        self.awaits_policy(of)
            || self.tried(of).is_some_and(|tried| tried.trunks.looked_for.is_some())
    }

    fn take_untried(&mut self, of: usize) -> Option<(TrunkId, String)> {
        let trunks = &mut self.tried_mut(of)?.trunks;
        Some((trunks.untried.pop_front()?, trunks.number.clone()))
    }

    fn pass_trunk(&self, tables: &mut Tables, name: &str, why: TrunkPassed) {
        tables.emit(Fact::TrunkPassed { conn: self.conn, trunk: name.to_owned(), why });
    }

    /// Whether a target has a trunk that was not tried.
    pub(super) fn has_another_trunk(&self, of: usize) -> bool {
        self.tried(of).is_some_and(|tried| !tried.trunks.untried.is_empty())
    }

    /// No other trunk of a target is tried.
    pub(super) fn leave_trunks(&mut self, of: usize) {
        if let Some(tried) = self.tried_mut(of) {
            tried.trunks = TrunksLeft::default();
        }
    }

    /// The addresses of an INVITE as a trunk wants them: both parties at its domain, so that nothing of this network shows.
    pub(super) fn faces_on(&self, tables: &Tables, on: &OnTrunk, hidden: bool) -> Option<Faces> {
        let trunk = tables.trunks.get(on.id)?;
        let caller = self.shown_caller();
        let user = trunk.from_user.as_deref().unwrap_or(&caller.user);
        let from =
            Party { uri: trunk.own_uri(user), display: caller.display.clone(), ..Party::default() };
        let registered = trunk.register.as_ref().map(|register| register.contact_user.clone());
        let own = || Uri::parse(&caller.uri).ok()?.user.map(str::to_owned);
        Some(Faces {
            from: if hidden { ANONYMOUS.to_owned() } else { name_addr(&from) },
            to: format!("<{}>", trunk.called_uri(&on.number)),
            contact_user: registered.or_else(|| if hidden { None } else { own() }),
        })
    }

    /// A trunk asks who we are: its INVITE goes out once more with the answer, if there is one. Gives whether it did.
    pub(super) fn answer_challenge(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        response: &Message,
    ) -> bool {
        let asked = |branch: &super::Branch| branch.leg == leg && !branch.cancelled;
        let Some(at) = self.branches.iter().position(asked) else { return false };
        let mut branch = self.branches.swap_remove(at);
        let Tables { trunks, endpoint, .. } = tables;
        let login = branch.trunk.as_ref().and_then(|on| trunks.get(on.id)?.login.as_ref());
        let mut sent = false;
        if let Some(login) = login
            && branch.challenged.take(response)
        {
            let cnonce = || endpoint.mint_number();
            let answers = branch.challenged.answers(login, "INVITE", &branch.uri, cnonce);
            sent = self.send_branch_again(tables, now, &mut branch, &answers);
        }
        self.branches.push(branch);
        sent
    }

    /// The call is over: others may have its places on trunks.
    pub(super) fn leave_seats(&mut self) {
        self.seat = None;
        self.trying = None;
        if let Some(on) = &mut self.caller.trunk {
            on.seat = Seat::default();
        }
        if let Some(on) = self.callee.as_mut().and_then(|callee| callee.trunk.as_mut()) {
            on.seat = Seat::default();
        }
    }

    /// The trunk that a side is reached over.
    pub(super) fn trunk_of_side(&self, tables: &Tables, side: Side) -> Option<TrunkId> {
        match side {
            Side::A if self.caller.trunk.is_some() => self.caller.trunk.as_ref().map(|on| on.id),
            Side::A => tables.trunks.named(self.facts.trunk.as_deref()?),
            Side::B => self.callee.as_ref()?.trunk.as_ref().map(|on| on.id),
        }
    }

    /// The caller as the called party sees it.
    pub(super) fn shown_caller(&self) -> &Party {
        self.shown.as_ref().unwrap_or(&self.facts.caller)
    }
}

#[cfg(test)]
#[path = "overload_test.rs"]
mod overload_tests;
#[cfg(test)]
#[path = "over_trunk_test.rs"]
mod tests;
