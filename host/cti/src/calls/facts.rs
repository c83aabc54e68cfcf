//! What the call engine tells, and what becomes of it.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    ConnId, LegId,
    hook::{CallFacts, Destination, Diversion, RequestKind},
};
use switch::{Cause, Fact, ReleasedBy};
use tlib::{Attribute, CallState, CallType, DNRole, MessageType, Reliability};

use super::{Call, Calls, Party, call::State, tell::More};

impl Calls {
    pub(super) fn take_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::CallOffered { facts, ticket } => self.on_offered(facts, *ticket),
            Fact::Amended { facts } => self.on_amended(facts),
            Fact::LegOffered { leg, uri, target, .. } => self.on_leg(*leg, uri, target),
            Fact::LegAlerting { leg, .. } => self.on_alerting(*leg),
            Fact::LegFailed { leg, .. } => self.on_leg_failed(*leg),
            Fact::TargetFailed { conn, attempt, sent_to } => {
                let sent_to = sent_to.as_ref().map(|to| self.number_of(to));
                self.on_target_failed(*conn, (&attempt.target.to, attempt.status), sent_to);
            }
            Fact::Established { conn, leg } => self.on_established(*conn, *leg),
            Fact::Held { leg } => self.on_held(*leg),
            Fact::Retrieved { leg } => self.on_retrieved(*leg),
            Fact::TransferBegun { leg, into, .. } => self.on_transfer_begun(*leg, *into),
            Fact::Transferred { conn, into } => self.on_transferred(*conn, *into),
            Fact::TransferFailed { conn, status } => self.on_transfer_failed(*conn, *status),
            Fact::Queued { conn, point, failed } => self.on_queued(*conn, point, *failed),
            Fact::Routed { conn, facts } => self.on_routed(*conn, facts),
            Fact::LegMoved { from, to } => self.on_leg_moved(*from, *to),
            Fact::DtmfSent { leg, digits } => self.on_dtmf_sent(*leg, digits),
            Fact::Controlled { ticket, outcome } => self.on_controlled(*ticket, *outcome),
            Fact::Released { conn, cause, .. } => self.on_released(*conn, *cause),
            Fact::TurnedAway { conn, status } => self.on_released(*conn, Cause::Refused(*status)),
            Fact::Decided { .. }
            | Fact::Judged { .. }
            | Fact::LegOnTrunk { .. }
            | Fact::TrunkPassed { .. }
            | Fact::Trunk { .. }
            | Fact::Device { .. }
            | Fact::NotAuthenticated { .. }
            | Fact::Registered { .. }
            | Fact::Unregistered { .. } => {}
        }
    }

    fn on_offered(&mut self, facts: &CallFacts, ticket: Option<u64>) {
        let engine = facts.conn_id;
        if self.by_engine.contains_key(&engine) {
            // The call that a party was sent on to goes on under the ConnID it had.
            return self.note_joining(facts);
        }
        // The call that a party was sent on from is known, or nothing is of this one.
        if facts.request != RequestKind::Invite || facts.transfer.is_some() {
            return;
        }
        if self.calls.len() >= self.config.calls_max {
            self.missed += 1;
            return;
        }
        let caller = self.caller_of(facts);
        let begins = ticket.and_then(|ticket| self.beginning(ticket, engine));
        let dnis: Arc<str> = facts.dialled_callee().user.as_str().into();
        let is_called_dn = self.dns.of(&facts.callee.user, &facts.callee.host).is_some();
        let main = begins.as_ref().and_then(|begins| begins.main);
        let kind = match (&caller, is_called_dn) {
            _ if main.is_some() => CallType::Consult,
            (Ok(_), true) => CallType::Internal,
            (Ok(_), false) => CallType::Outbound,
            (Err(_), _) => CallType::Inbound,
        };
        let (number, is_dn) = match caller {
            Ok(dn) => (dn, true),
            Err(number) => (number, false),
        };
        let (uuid, party) = (self.mint_uuid(), self.mint_uuid());
        let call = Call {
            conn: engine,
            uuid,
            // 32 bits of a counter.
            id: (self.minted & 0xffff_ffff) as u32,
            kind,
            ani: Some(Arc::clone(&number)).filter(|number| !number.is_empty()),
            dnis,
            user_data: begins.map(|begins| begins.user_data).unwrap_or_default(),
            parties: vec![Party {
                uuid: party,
                number: Arc::clone(&number),
                is_dn,
                role: DNRole::Origination,
                state: State::Dialing,
                target: None,
                legs: vec![LegId { conn: engine, number: 0 }],
                queue: None,
                via: None,
            }],
            main,
            engines: vec![engine],
            is_reached: false,
            transfer: None,
            via: None,
            queue: None,
            routed: None,
            no_answer: None,
            route_by: None,
            sent_on: facts.redirections.len(),
            default_dn: None,
        };
        self.calls.insert(engine, call);
        self.by_engine.insert(engine, engine);
        self.monitor_created(engine);
        self.monitor_joined(engine, 0);
        if is_dn {
            self.enter(&number, engine);
            self.tell(engine, 0, MessageType::EventDialing, More::state(CallState::Ok));
        }
    }

    /// The DN of a caller, or what an external one is known by.
    fn caller_of(&self, facts: &CallFacts) -> Result<Arc<str>, Arc<str>> {
        let party = facts.dialled_caller();
        let (user, host) = match &facts.identity {
            Some(aor) => (aor.user(), aor.host()),
            None => (party.user.as_str(), party.host.as_str()),
        };
        let dn = self.dns.of(user, host).filter(|_| facts.trunk.is_none());
        dn.map(|dn| Arc::clone(&dn.number)).ok_or_else(|| party.user.as_str().into())
    }

    /// What a party is known by: the number of the DN that it is, or its user.
    fn number_of(&self, party: &model::hook::Party) -> Arc<str> {
        match self.dns.of(&party.user, &party.host) {
            Some(dn) => Arc::clone(&dn.number),
            None => party.user.as_str().into(),
        }
    }

    /// A call goes to somebody else than was called: who rings next has it from who has sent it on.
    fn note_sent_on(&mut self, conn: ConnId, facts: &CallFacts) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let before = std::mem::replace(&mut call.sent_on, facts.redirections.len());
        let Some(last) = facts.redirections.get(before..).and_then(<[_]>::last) else { return };
        // Of a phone whose client has redirected the call it is known since that was asked for.
        if last.why == Diversion::Deflection && call.via.is_some() {
            return;
        }
        let by = self.number_of(&last.by);
        if let Some(call) = self.calls.get_mut(&conn) {
            call.via = Some((by, DNRole::Destination));
        }
    }

    fn on_amended(&mut self, facts: &CallFacts) {
        let Some(conn) = self.call_of(facts.conn_id) else { return };
        self.note_sent_on(conn, facts);
        // A dial plan may have found that the number is one of ours.
        let is_called_dn = self.dns.of(&facts.callee.user, &facts.callee.host).is_some();
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let kind = match (call.kind, is_called_dn) {
            (CallType::Outbound, true) => CallType::Internal,
            (CallType::Internal, false) => CallType::Outbound,
            (kind, _) => kind,
        };
        if std::mem::replace(&mut call.kind, kind) != kind {
            self.monitor_data(conn);
        }
    }

    fn on_leg(&mut self, leg: LegId, uri: &str, target: &Destination) {
        let Some(conn) = self.call_of(leg.conn) else { return };
        let (number, is_dn) = self.party_at(uri, target);
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let same = |party: &Party| {
            party.state.is_called() && party.is_dn == is_dn && party.number == number
        };
        if let Some(party) = call.parties.iter_mut().find(|party| same(party)) {
            party.legs.push(leg);
            return;
        }
        let (queue, via) = (call.queue.clone(), call.via.clone());
        let uuid = self.mint_uuid();
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.parties.push(Party {
            uuid,
            number: Arc::clone(&number),
            is_dn,
            role: DNRole::Destination,
            state: State::Offered,
            target: Some(target.clone()),
            legs: vec![leg],
            queue,
            via,
        });
        if is_dn {
            self.enter(&number, conn);
        }
    }

    /// Who is called at a place: the DN, or what an external party is known by.
    pub(super) fn party_at(&self, uri: &str, target: &Destination) -> (Arc<str>, bool) {
        if let Destination::Aor(aor) = target
            && let Some(dn) = self.dns.of(aor.user(), aor.host())
        {
            return (Arc::clone(&dn.number), true);
        }
        let number = match target {
            Destination::Aor(aor) => aor.user(),
            _ => user_of(uri),
        };
        (number.into(), false)
    }

    fn on_alerting(&mut self, leg: LegId) {
        let Some((conn, at)) = self.find(leg) else { return };
        let Some(party) = self.party_mut(conn, at).filter(|party| party.state == State::Offered)
        else {
            return;
        };
        party.state = State::Alerting;
        self.leave_point(conn, at);
        let Some((conn, at)) = self.find(leg) else { return };
        self.monitor_joined(conn, at);
        self.reach(conn, at);
        self.tell(conn, at, MessageType::EventRinging, More::state(CallState::Ok));
    }

    /// An external party is called: the network has taken the call (section 4.2).
    fn reach(&mut self, conn: ConnId, at: usize) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let is_external = call.parties.get(at).is_some_and(|party| !party.is_dn);
        let origin = call.origin().filter(|at| call.parties[*at].state == State::Dialing);
        let Some(origin) = origin.filter(|_| is_external && !call.is_reached) else { return };
        call.is_reached = true;
        self.tell(conn, origin, MessageType::EventNetworkReached, More::state(CallState::Ok));
    }

    fn on_leg_failed(&mut self, leg: LegId) {
        // Why is told by what comes next: the failure of its target, an answer somewhere else, the end of the call.
        let Some((conn, at)) = self.find(leg) else { return };
        if let Some(party) = self.party_mut(conn, at).filter(|party| party.state.is_called()) {
            party.legs.retain(|have| *have != leg);
        }
    }

    fn on_target_failed(
        &mut self,
        engine: ConnId,
        (target, status): (&Destination, u16),
        sent_to: Option<Arc<str>>,
    ) {
        let Some(conn) = self.call_of(engine) else { return };
        let Some(call) = self.calls.get(&conn) else { return };
        let is_it =
            |party: &Party| party.state.is_called() && party.target.as_ref() == Some(target);
        let Some(at) = call.parties.iter().position(is_it) else { return };
        if call.parties[at].state == State::Alerting {
            let more = match sent_to {
                Some(to) => More::state(CallState::Forwarded).by(&to, DNRole::Destination),
                None if status == 408 => More::state(CallState::NoAnswer),
                None => More::state(CallState::Ok),
            };
            self.tell_last(conn, at, MessageType::EventReleased, more);
        } else {
            self.drop_party(conn, at);
        }
    }

    fn on_established(&mut self, engine: ConnId, leg: LegId) {
        let Some(conn) = self.call_of(engine) else { return };
        if self.joins(conn, engine) {
            self.joined_leg.insert(engine, leg.number);
            return;
        }
        let Some((conn, at)) = self.find(leg) else { return };
        if self.party_mut(conn, at).is_some_and(|party| party.state == State::Offered) {
            self.on_alerting(leg);
        }
        self.end_transfer(conn, engine);
        let Some((conn, at)) = self.find(leg) else { return };
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.parties[at].state = State::Connected;
        call.parties[at].legs = vec![leg];
        call.via = None;
        let answered = call.parties[at].uuid.clone();
        // What else rings has lost the call to who answered.
        while let Some(other) = self.calls.get(&conn).and_then(|call| call.called().pop()) {
            let rang = self.party_mut(conn, other).is_some_and(|p| p.state == State::Alerting);
            if rang {
                let more = More::state(CallState::Pickedup);
                self.tell_last(conn, other, MessageType::EventReleased, more);
            } else {
                self.drop_party(conn, other);
            }
        }
        let place = |call: &Call| call.parties.iter().position(|party| party.uuid == answered);
        let Some(at) = self.calls.get(&conn).and_then(place) else { return };
        self.monitor_state(conn, at);
        let origin = self.calls.get(&conn).and_then(Call::origin).filter(|origin| *origin != at);
        let dialling = origin.filter(|origin| {
            self.party_mut(conn, *origin).is_some_and(|party| party.state == State::Dialing)
        });
        if let Some(origin) = dialling {
            if let Some(party) = self.party_mut(conn, origin) {
                party.state = State::Connected;
            }
            self.monitor_state(conn, origin);
            self.tell(conn, origin, MessageType::EventEstablished, More::state(CallState::Ok));
        }
        self.tell(conn, at, MessageType::EventEstablished, More::state(CallState::Ok));
        if let Some(party) = self.party_mut(conn, at) {
            party.via = None;
        }
    }

    fn on_held(&mut self, leg: LegId) {
        self.change(leg, State::Connected, State::Held, MessageType::EventHeld);
    }

    fn on_retrieved(&mut self, leg: LegId) {
        self.change(leg, State::Held, State::Connected, MessageType::EventRetrieved);
    }

    fn change(&mut self, leg: LegId, from: State, to: State, what: MessageType) {
        let Some((conn, at)) = self.find(leg) else { return };
        let Some(party) = self.party_mut(conn, at).filter(|party| party.state == from) else {
            return;
        };
        party.state = to;
        self.monitor_state(conn, at);
        self.tell(conn, at, what, More::state(CallState::Ok));
    }

    fn on_leg_moved(&mut self, from: LegId, to: LegId) {
        // In both calls: the party is held in the one, and talks in the other, with one leg. It keeps the name that it had in each.
        // It may hold further calls, under the same number.
        for conn in self.calls_with(from, to) {
            let Some(call) = self.calls.get_mut(&conn) else { continue };
            for party in call.parties.iter_mut().filter(|party| party.legs.contains(&from)) {
                party.legs.retain(|leg| *leg != to);
                party.legs.insert(0, to);
            }
        }
    }

    /// The calls of whose parties one may have a leg that goes from one call of the engine to another.
    fn calls_with(&self, from: LegId, to: LegId) -> BTreeSet<ConnId> {
        let of_engine = [from, to].into_iter().filter_map(|leg| self.call_of(leg.conn));
        let number = self.find(from).and_then(|(conn, at)| {
            let party = self.calls.get(&conn)?.parties.get(at)?;
            party.is_dn.then_some(&party.number)
        });
        let of_dn = number.and_then(|number| self.by_dn.get(number)).into_iter().flatten();
        of_engine.chain(of_dn.copied()).collect()
    }

    fn on_dtmf_sent(&mut self, leg: LegId, digits: &str) {
        let Some((conn, at)) = self.find(leg) else { return };
        let attributes = vec![(Attribute::DTMFDigits, digits.into())];
        self.tell(conn, at, MessageType::EventDTMFSent, More { attributes, ..More::default() });
    }

    fn on_released(&mut self, engine: ConnId, cause: Cause) {
        let Some(conn) = self.call_of(engine) else { return };
        self.by_engine.remove(&engine);
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.engines.retain(|have| *have != engine);
        if !call.engines.is_empty() {
            return self.leave_engine(conn, engine, cause);
        }
        self.tell_of_failure(conn, cause);
        self.release_all(conn, cause, false);
    }

    /// It is not known how a call is: each party learns that it is over, with Reliability Uncertain.
    pub(super) fn clear_lost(&mut self, conn: ConnId) {
        self.release_all(conn, Cause::PartyGone, true);
    }

    /// Each party leaves a call that is over, or of which that is to be supposed.
    fn release_all(&mut self, conn: ConnId, cause: Cause, is_supposed: bool) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.via = None;
        // What each saw last is whom it talked to.
        let others: Vec<_> = (0..call.parties.len()).map(|at| call.seen_by(at)).collect();
        // Who ended it first, and then in the order in which they came.
        let last = matches!(cause, Cause::Hangup(ReleasedBy::Callee));
        for n in 0..others.len() {
            let at = if last { others.len() - 1 - n } else { 0 };
            let of = if last { at } else { n };
            let other = others[of].clone();
            self.release_party(conn, at, Parting { cause, other, is_supposed });
        }
        self.forget(conn);
    }

    /// A call that could not be set up: who called learns why before it is over (section 4.3).
    fn tell_of_failure(&mut self, conn: ConnId, cause: Cause) {
        let Some(call) = self.calls.get(&conn) else { return };
        let origin = call.origin().filter(|at| call.parties[*at].state == State::Dialing);
        let (Some(origin), Cause::Refused(status)) = (origin, cause) else { return };
        let Some(state) = failure_of(status).filter(|state| *state != CallState::NoAnswer) else {
            return;
        };
        if let Some(party) = self.party_mut(conn, origin) {
            party.state = State::Busy;
        }
        self.tell(conn, origin, MessageType::EventDestinationBusy, More::state(state));
    }

    fn release_party(
        &mut self,
        conn: ConnId,
        at: usize,
        Parting { cause, other, is_supposed }: Parting,
    ) {
        let Some(party) = self.party_mut(conn, at) else { return };
        let state = call_state_of(cause);
        let uncertain = (Attribute::Reliability, (Reliability::Uncertain as i64).into());
        let attributes: Vec<_> = is_supposed.then_some(uncertain).into_iter().collect();
        let more = |state| More {
            other: other.clone(),
            attributes: attributes.clone(),
            ..More::state(state)
        };
        match party.state {
            State::Offered => self.drop_party(conn, at),
            State::Alerting | State::Queued if cause == Cause::Cancelled => {
                self.tell_last(conn, at, MessageType::EventAbandoned, more(CallState::Ok));
            }
            // Why the caller was refused is no concern of who rang.
            State::Alerting if matches!(cause, Cause::Refused(_)) => {
                self.tell_last(conn, at, MessageType::EventReleased, more(CallState::Ok));
            }
            State::Queued => {
                let is_meant = self.end_at_point(conn, at, other.clone());
                let state = if is_meant { CallState::Ok } else { state };
                self.tell_last(conn, at, MessageType::EventAbandoned, more(state));
            }
            _ => self.tell_last(conn, at, MessageType::EventReleased, more(state)),
        }
    }

    /// Forgets a call that has no party any more.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.fail_requests_of(conn);
        self.stop_routing(conn);
        let Some(call) = self.calls.remove(&conn) else { return };
        for engine in &call.engines {
            self.by_engine.remove(engine);
        }
        self.monitor_deleted(&call);
    }

    /// The call that one of the engine belongs to.
    pub(super) fn call_of(&self, engine: ConnId) -> Option<ConnId> {
        self.by_engine.get(&engine).copied()
    }

    /// The party of a leg.
    pub(super) fn find(&self, leg: LegId) -> Option<(ConnId, usize)> {
        let conn = self.call_of(leg.conn)?;
        let at = self.calls.get(&conn)?.party_of(leg)?;
        Some((conn, at))
    }

    pub(super) fn party_mut(&mut self, conn: ConnId, at: usize) -> Option<&mut Party> {
        self.calls.get_mut(&conn)?.parties.get_mut(at)
    }
}

/// How a party leaves a call that is over.
struct Parting {
    cause: Cause,
    /// Whom it talked to.
    other: Option<(Arc<str>, DNRole)>,
    /// Nobody has told that the call is over.
    is_supposed: bool,
}

impl State {
    /// Whether it is called and has not answered.
    pub(super) const fn is_called(self) -> bool {
        matches!(self, Self::Offered | Self::Alerting)
    }
}

/// The user of a SIP or tel URI, or all of it.
pub(super) fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let user = rest.split_once('@').map_or(rest, |(user, _)| user);
    user.split([';', '?', ':']).next().unwrap_or(user)
}

/// What a caller is told of a call that was refused with this status; `None` says no more than that it is over.
const fn failure_of(status: u16) -> Option<CallState> {
    match status {
        486 | 600 => Some(CallState::Busy),
        404 | 484 | 604 => Some(CallState::SitInvalidnum),
        408 | 480 => Some(CallState::NoAnswer),
        487 => None,
        503 => Some(CallState::AllTrunksBusy),
        _ => Some(CallState::GeneralError),
    }
}

/// CallState of the last event of a party.
const fn call_state_of(cause: Cause) -> CallState {
    match cause {
        Cause::Refused(status) => match failure_of(status) {
            Some(state) => state,
            None => CallState::Ok,
        },
        Cause::Transferred => CallState::Transferred,
        Cause::AckMissing | Cause::SessionExpired | Cause::MediaSilent | Cause::PartyGone => {
            CallState::SystemError
        }
        Cause::Operator | Cause::Plugin(_) | Cause::TooLong => CallState::Cleared,
        Cause::Hangup(_) | Cause::Cancelled => CallState::Ok,
    }
}
