//! A call that waits at a routing point until a third party says where it goes.

use std::{sync::Arc, time::Duration};

use model::{
    Aor, Directory, Instant,
    hook::{Dialled, Party},
};
use sip::{Message, Uri, response_to};

use super::{Call, Crossing, Edits, Privacy, State, early::Provisional, offer::party_of_uri};
use crate::{Fact, Reason, Unfit, tables::Tables};

/// What a call keeps that has come to a routing point.
pub(crate) struct Waiting {
    /// The point it waits at, or has left last.
    point: Aor,
    /// When it has waited long enough altogether.
    until: Instant,
    /// When the caller is told again.
    again: Instant,
    /// How long what it was sent to may ring, if who sent it said so.
    ring: Option<Duration>,
    /// How often it had been sent on when it came. What those do that it is sent to from here is forgotten when it is back.
    redirections: usize,
}

/// How often a caller is told that it waits.
//= RFC 3261 section 13.3.1.1
//# To prevent cancellation, the UAS MUST send a non-100 provisional response at every minute, to handle the possibility of lost
//# provisional responses.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// The status of a call that has waited long enough.
const WAITED_LONG_ENOUGH: u16 = 480;

impl Call {
    /// The call comes to a routing point.
    pub(super) fn wait_at(&mut self, tables: &mut Tables, now: Instant, point: Aor) {
        let until = match &self.waiting {
            Some(waiting) => waiting.until,
            None => now + tables.config.routing_timeout,
        };
        self.plan.clear();
        let redirections = self.facts.redirections.len();
        let (again, ring) = (now, None);
        self.waiting = Some(Box::new(Waiting { point, until, again, ring, redirections }));
        self.wait(tables, now, None);
    }

    /// Where the call was sent from a routing point has failed with this status: it waits there again. Gives whether it does.
    pub(super) fn wait_again(&mut self, tables: &mut Tables, now: Instant, status: u16) -> bool {
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| waiting.until > now) else {
            return false;
        };
        waiting.again = now;
        self.plan.clear();
        self.wait(tables, now, Some(status));
        true
    }

    fn wait(&mut self, tables: &mut Tables, now: Instant, failed: Option<u16>) {
        let Some(waiting) = &self.waiting else { return };
        let point = waiting.point.clone();
        self.state = State::Waiting;
        tables.emit(Fact::Queued { conn: self.conn, point, failed });
        self.tell_queued(tables, now);
    }

    /// Tells the caller that it waits, and when it is told again.
    fn tell_queued(&mut self, tables: &mut Tables, now: Instant) {
        let Some(waiting) = &mut self.waiting else { return };
        waiting.again = now + TELL_AGAIN;
        let at = waiting.again.min(waiting.until);
        self.start_timer(tables, at, Reason::Routing);
        let Some((_, invite)) = &self.caller.invite else { return };
        let bytes = response_to(invite, 182, "", None).finish(None);
        let Ok(response) = Message::parse(bytes, &tables.config.sip_limits) else { return };
        let crossing = Crossing::of_strangers(Privacy::default());
        let (body, edits, from, asked) = (None, Edits::default(), None, None);
        let queued = Provisional { response, body, crossing, edits, from, asked };
        self.tell_caller(tables, now, queued);
    }

    /// The caller is to be told again, or has waited long enough.
    pub(crate) fn on_routing_timer(&mut self, tables: &mut Tables, now: Instant) {
        let Some(waiting) = self.waiting.as_ref().filter(|_| self.state == State::Waiting) else {
            return;
        };
        if waiting.until <= now {
            return self.refuse_caller(tables, now, WAITED_LONG_ENOUGH, None);
        }
        if waiting.again <= now {
            self.tell_queued(tables, now);
        }
    }

    /// The call leaves the routing point for `to`, which the plugins of `route` are asked about.
    pub(crate) fn route_to(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        (ticket, to, ring): (u64, &str, Option<Duration>),
    ) -> Result<(), Unfit> {
        let waiting = self.waiting.as_mut().filter(|_| self.state == State::Waiting);
        let waiting = waiting.ok_or(Unfit::State)?;
        let callee = callee_of(to, waiting.point.host()).ok_or(Unfit::Destination)?;
        waiting.ring = ring;
        let redirections = waiting.redirections;
        self.stop_timer(tables, Reason::Routing);
        self.attempts.clear();
        self.forget_redirect();
        Arc::make_mut(&mut self.facts).redirections.truncate(redirections);
        self.call_instead(tables, callee);
        tables.emit(Fact::Routed { conn: self.conn, facts: self.facts.clone() });
        tables.emit(Fact::Controlled { ticket, outcome: Ok(self.conn) });
        self.begin(tables, now, dir);
        Ok(())
    }

    /// Somebody else is called from now on; what the INVITE said is kept.
    pub(super) fn call_instead(&mut self, tables: &Tables, callee: Party) {
        let facts = Arc::make_mut(&mut self.facts);
        let (caller, before) = (&facts.caller, &facts.callee);
        facts.dialled.get_or_insert_with(|| {
            Box::new(Dialled { caller: caller.clone(), callee: before.clone() })
        });
        facts.emergency = tables.config.emergency.number(&callee).is_some();
        facts.callee = callee;
    }

    /// Refuses a call that waits.
    pub(crate) fn refuse_waiting(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        status: u16,
    ) -> Result<(), Unfit> {
        if self.state != State::Waiting || !(400..700).contains(&status) {
            return Err(Unfit::State);
        }
        self.refuse_caller(tables, now, status, None);
        Ok(())
    }

    /// How long what the call was sent to may ring, if who sent it there said so.
    pub(super) fn ring_of_route(&self) -> Option<Duration> {
        self.waiting.as_ref()?.ring
    }
}

/// Who is called by a URI, or by a number of `host`; `None` when it is neither.
pub(crate) fn callee_of(to: &str, host: &str) -> Option<Party> {
    let uri = match to.contains(':') {
        true => to.to_owned(),
        false if host.is_empty() || to.is_empty() => return None,
        false => format!("sip:{to}@{host}"),
    };
    let is_plain = !uri.chars().any(|c| c.is_control() || matches!(c, ' ' | '<' | '>' | '"'));
    Uri::parse(&uri).ok().filter(|parsed| is_plain && parsed.headers.is_empty())?;
    Some(party_of_uri(&uri, ""))
}

#[cfg(test)]
#[path = "routing_point_test.rs"]
mod tests;
