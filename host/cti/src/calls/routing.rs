//! Calls at Routing Points (sections 2.5 and 4.6).

use std::{sync::Arc, time::Duration};

use model::{Aor, ConnId, hook::CallFacts};
use switch::Action;
use tlib::{
    Attribute as A, CallState, DNRole, ErrorCode, KvValue, Message, MessageType, RouteType,
};

use super::{
    Calls, CallsOutput, Party,
    call::{Routed, State},
    called::RouteTo,
    tell::More,
};
use crate::{NoAnswerAction, Refusal, Token, answer::error};

/// The status of a call that a routing client has disconnected, where the Routing Point has no option `reject-call-status`.
const DISCONNECTED: u16 = 603;

/// The status of a call that nobody can send on.
const UNAVAILABLE: u16 = 480;

/// The longest NO_ANSWER_TIMEOUT, in seconds: what a call may ring at most.
const RING_MAX_S: u64 = 3600;

impl Calls {
    pub(super) fn on_queued(&mut self, engine: ConnId, point: &Aor, failed: Option<u16>) {
        let Some(conn) = self.call_of(engine) else { return };
        let number: Arc<str> = match self.dns.of(point.user(), point.host()) {
            Some(dn) => Arc::clone(&dn.number),
            None => point.user().into(),
        };
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let routed = call.routed.take();
        call.queue = None;
        // Who sent it on to where it was routed has nothing to do with where it goes next.
        call.via.take_if(|(_, role)| *role == DNRole::Destination);
        let is_here =
            call.party_on(&number).is_some_and(|at| call.parties[at].state == State::Queued);
        if is_here {
            let was_default = routed.as_ref().is_some_and(|routed| routed.is_default);
            if let (Some(_), Some(status)) = (routed, failed) {
                self.route_failed(conn, &number, status);
            }
            return self.await_route_again(conn, &number, was_default);
        }
        let uuid = self.mint_uuid();
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.parties.push(Party {
            uuid,
            number: Arc::clone(&number),
            is_dn: true,
            role: DNRole::Destination,
            state: State::Queued,
            target: None,
            legs: Vec::new(),
            queue: Some(Arc::clone(&number)),
            via: None,
        });
        let at = call.parties.len() - 1;
        self.enter(&number, conn);
        self.monitor_joined(conn, at);
        if let (Some(routed), Some(call)) = (routed, self.calls.get_mut(&conn)) {
            // Where it was sent is another Routing Point: it has left the one before.
            call.routed = Some(routed);
            self.leave_point(conn, at);
        }
        let Some(at) = self.calls.get(&conn).and_then(|call| call.party_on(&number)) else {
            return;
        };
        self.tell(conn, at, MessageType::EventQueued, More::state(CallState::Ok));
        self.tell(conn, at, MessageType::EventRouteRequest, More::default());
        self.await_route(conn, &number);
    }

    /// A call is at its Routing Point as before. Where the option `default-dn` led nowhere, nobody is left who could say where it goes.
    fn await_route_again(&mut self, conn: ConnId, point: &str, was_default: bool) {
        if !was_default {
            return self.await_route(conn, point);
        }
        let engine = self.calls.get(&conn).and_then(|call| call.engines.last().copied());
        if let Some(conn) = engine {
            self.control(Action::Refuse { conn, status: UNAVAILABLE });
        }
    }

    /// What a call was to be sent on by is not carried out: it stays at its Routing Point.
    pub(super) fn route_unfit(&mut self, conn: ConnId) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let Some(routed) = call.routed.take() else { return };
        call.queue = None;
        self.await_route_again(conn, &routed.point, routed.is_default);
    }

    /// Where a routing client has sent a call could not take it: the client learns why, and may send it somewhere else.
    fn route_failed(&mut self, conn: ConnId, point: &Arc<str>, status: u16) {
        let waits = self.expected.met_by(MessageType::EventRouteUsed, point, conn);
        let Some(expected) = waits.and_then(|ticket| self.expected.remove(ticket)) else {
            return;
        };
        let Some(asked) = expected.asked else { return };
        let code = match status {
            486 | 600 => ErrorCode::DNBusy,
            408 | 480 => ErrorCode::NoAnswer,
            603 => ErrorCode::Rejected,
            404 | 484 | 604 => ErrorCode::InvalidRouteAddress,
            _ => ErrorCode::ConnectionFailed,
        };
        let text = format!("where the call was sent answered {status}");
        let message = error(asked.token, Some(&expected.request), code, Some(&text));
        self.outputs.push_back(CallsOutput::Answer { token: asked.token, message });
    }

    /// Starts the time in which a routing client must say where the call goes, if there is something to do at its end.
    fn await_route(&mut self, conn: ConnId, point: &str) {
        self.stop_routing(conn);
        let Some(dn) = self.dns.get(point) else { return };
        let Some(default_dn) = dn.options.get("default-dn").cloned() else { return };
        let wait = match dn.number_of("router-timeout") {
            Some(seconds) => Duration::from_secs(seconds),
            None => self.config.router_timeout,
        };
        let at = self.now + wait;
        if let Some(call) = self.calls.get_mut(&conn) {
            call.route_by = Some(at);
            call.default_dn = Some(default_dn);
            self.route_by.insert((at, conn));
        }
    }

    pub(super) fn stop_routing(&mut self, conn: ConnId) {
        let at = self.calls.get_mut(&conn).and_then(|call| call.route_by.take());
        if let Some(at) = at {
            self.route_by.remove(&(at, conn));
        }
    }

    /// Sends calls on whose time at a Routing Point is over.
    pub(super) fn route_by_default(&mut self) {
        while let Some((_, conn)) = self.route_by.first().copied().filter(|(at, _)| *at <= self.now)
        {
            self.route_by.pop_first();
            let Some(call) = self.calls.get(&conn).filter(|call| call.routed.is_none()) else {
                continue;
            };
            let waits = |party: &&Party| party.state == State::Queued;
            let Some(point) = call.parties.iter().rev().find(waits).map(|p| Arc::clone(&p.number))
            else {
                continue;
            };
            let to = match self.dns.get(&point) {
                Some(dn) => dn.options.get("default-dn").cloned(),
                None => call.default_dn.clone(),
            };
            let Some(to) = to else { continue };
            let route_type = RouteType::Default as i64;
            self.send(conn, point, to, Said { route_type, ring: None, no_answer: None });
            if let Some(routed) = self.calls.get_mut(&conn).and_then(|call| call.routed.as_mut()) {
                routed.is_default = true;
            }
        }
    }

    /// Sends a call on from its Routing Point.
    fn send(&mut self, conn: ConnId, point: Arc<str>, to: Arc<str>, said: Said) -> u64 {
        let Said { route_type, ring, no_answer } = said;
        let text = to.to_string();
        let mut engine = conn;
        if let Some(call) = self.calls.get_mut(&conn) {
            engine = call.engines.last().copied().unwrap_or(conn);
            call.queue = Some(Arc::clone(&point));
            call.no_answer = no_answer;
            call.routed = Some(Routed { point, to, route_type, is_default: false });
        }
        self.stop_routing(conn);
        let ticket = self.control(Action::Route { conn: engine, to: text, ring });
        self.routes.insert(ticket, conn);
        ticket
    }

    pub(super) fn on_routed(&mut self, engine: ConnId, _facts: &CallFacts) {
        if let Some(conn) = self.call_of(engine) {
            self.stop_routing(conn);
        }
    }

    /// Whom a call was sent to rings: it leaves the Routing Point for it.
    pub(super) fn leave_point(&mut self, conn: ConnId, to: usize) {
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let Some(routed) = call.routed.take() else { return };
        let reached = call.parties.get(to).map(|party| Arc::clone(&party.number));
        let Some(at) = call.party_on(&routed.point) else { return };
        self.tell_used(conn, at, &routed, None);
        let third = reached.unwrap_or(routed.to);
        let more = More::state(CallState::Ok).by(&third, DNRole::Destination);
        self.tell_last(conn, at, MessageType::EventDiverted, more);
    }

    fn tell_used(
        &mut self,
        conn: ConnId,
        at: usize,
        routed: &Routed,
        other: Option<(Arc<str>, DNRole)>,
    ) {
        let attributes = vec![(A::RouteType, routed.route_type.into())];
        let more = More { attributes, other, ..More::default() };
        let more = match routed.to.is_empty() {
            true => more,
            false => more.by(&routed.to, DNRole::Destination),
        };
        self.tell(conn, at, MessageType::EventRouteUsed, more);
    }

    /// A call ends at a Routing Point; gives whether a routing client has disconnected it, which is told.
    pub(super) fn end_at_point(
        &mut self,
        conn: ConnId,
        at: usize,
        other: Option<(Arc<str>, DNRole)>,
    ) -> bool {
        let routed = self.calls.get_mut(&conn).and_then(|call| call.routed.take());
        let Some(routed) = routed.filter(|routed| routed.to.is_empty()) else { return false };
        self.tell_used(conn, at, &routed, other);
        true
    }

    /// TRouteCall.
    pub(super) fn route_call(&mut self, token: Token, request: &Message) -> Result<(), Refusal> {
        let no_answer = NoAnswerAction::of_route(request)?;
        let (conn, at, dn) = self.party_asked(request)?;
        let call = &self.calls[&conn];
        if call.parties[at].state != State::Queued {
            return Err(ErrorCode::CallState.into());
        }
        if call.routed.is_some() {
            return Err(ErrorCode::RequestInProgress.into());
        }
        let (number, to) = RouteTo::of(request)?;
        let to = match to {
            RouteTo::Nowhere => None,
            RouteTo::Agent(id) => {
                Some(self.agents.dn_of(&id).cloned().ok_or(ErrorCode::NotLoggedIn)?)
            }
            RouteTo::Number(to) => Some(to),
        };
        let expected =
            self.expecting(token, request, MessageType::EventRouteUsed, (&dn, Some(conn)));
        if self.expected.len() >= self.config.requests_max {
            return Err(ErrorCode::TooManyRequests.into());
        }
        let Some(to) = to else {
            let status = self.dns.get(&dn).and_then(|dn| dn.number_of("reject-call-status"));
            let status = status.and_then(|status| u16::try_from(status).ok());
            let status = status.filter(|s| (400..700).contains(s)).unwrap_or(DISCONNECTED);
            let engine = call.engines.last().copied().unwrap_or(conn);
            if let Some(call) = self.calls.get_mut(&conn) {
                let (to, is_default) = ("".into(), false);
                call.routed = Some(Routed { point: dn, to, route_type: number, is_default });
            }
            let ticket = self.control(Action::Refuse { conn: engine, status });
            self.routes.insert(ticket, conn);
            self.expected.insert(ticket, expected);
            return Ok(());
        };
        if to == dn {
            return Err(ErrorCode::DestinationIsRoutePoint.into());
        }
        let ring = no_answer_timeout(request)?;
        let said = Said { route_type: number, ring, no_answer };
        let ticket = self.send(conn, dn, to, said);
        self.expected.insert(ticket, expected);
        Ok(())
    }
}

/// What a route says besides its destination.
struct Said {
    route_type: i64,
    /// How long what rings then may ring.
    ring: Option<Duration>,
    /// What is to become of an agent that does not answer.
    no_answer: Option<NoAnswerAction>,
}

/// The extension NO_ANSWER_TIMEOUT of TRouteCall (section 1.6): for how many seconds the destination may ring; 0 is as if it were not there.
fn no_answer_timeout(request: &Message) -> Result<Option<Duration>, ErrorCode> {
    let extensions = request.list(A::Extensions);
    let Some(value) = extensions.and_then(|list| list.get("NO_ANSWER_TIMEOUT")) else {
        return Ok(None);
    };
    let seconds = match value {
        KvValue::Int(seconds) => u64::try_from(*seconds).ok(),
        KvValue::Text(text) | KvValue::Unicode(text) => text.parse().ok(),
        KvValue::Binary(_) | KvValue::List(_) => None,
    };
    let seconds = seconds.filter(|s| *s <= RING_MAX_S).ok_or(ErrorCode::InvalidAttribute)?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}
