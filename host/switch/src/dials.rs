//! Click-to-dial, where more than one call is at work: the phone that is called first, and the call of it.

use std::time::Duration;

use media::Side;
use model::{Aor, ConnId, Directory, Instant};

use crate::{
    Cause, Fact, Switch, Unfit,
    call::{Call, Dial, callee_of},
};

impl Switch {
    /// Calls the phones of a user, to have one of them call somebody.
    pub(crate) fn on_make(
        &mut self,
        (now, dir): (Instant, &dyn Directory),
        ticket: u64,
        (from, display): (Aor, String),
        to: &str,
        ring: Option<Duration>,
    ) {
        let begun = self.begin_make((now, dir), Names { ticket, from, display, to }, ring);
        if let Err(why) = begun {
            self.tables.controlled(ticket, Err(why));
        }
    }

    fn begin_make(
        &mut self,
        (now, dir): (Instant, &dyn Directory),
        names: Names<'_>,
        ring: Option<Duration>,
    ) -> Result<(), Unfit> {
        let Names { ticket, from, display, to } = names;
        if self.draining || self.calls.len() >= self.tables.config.limits.calls_max {
            return Err(Unfit::Limit);
        }
        let callee = callee_of(to, from.host()).ok_or(Unfit::Destination)?;
        let bindings = dir.bindings(&from);
        let mut live = bindings.iter().flat_map(|all| all.iter()).filter(|b| b.expires_at > now);
        let flow = live.next().ok_or(Unfit::Phone(480))?.flow;
        let dial = Dial::new(ticket, from, display, callee);
        let call = Call::dial(&mut self.tables, (now, dir), flow, dial);
        let mut call = call.ok_or(Unfit::Destination)?;
        call.begin_dial(&mut self.tables, (now, dir), ring);
        let conn = call.conn;
        self.keep(call);
        if !self.calls.contains_key(&conn) {
            self.tables.forget_call(conn);
        }
        Ok(())
    }

    /// A phone has answered that was called first: it calls from now on.
    pub(crate) fn on_dialled(&mut self, now: Instant, dir: &dyn Directory, conn: ConnId) {
        let Some(first) = self.calls.get_mut(&conn) else { return };
        let dialled = first.take_dialled(&mut self.tables, now);
        self.with_call(conn, |first, tables| first.release(tables, now, Cause::Transferred, None));
        let Some(dialled) = dialled else { return };
        let ticket = dialled.dial.ticket();
        let Some(mut call) = Call::of_dialled(&mut self.tables, now, dir, &dialled) else {
            dialled.leg.hang_up(&mut self.tables, now);
            return self.tables.controlled(ticket, Err(Unfit::Destination));
        };
        call.take_over(&mut self.tables, Side::A, dialled.leg);
        self.tables.stats.calls_offered += 1;
        let facts = call.facts.clone();
        self.tables.emit(Fact::CallOffered { facts, ticket: Some(ticket) });
        self.tables.controlled(ticket, Ok(call.conn));
        call.begin(&mut self.tables, now, dir);
        self.keep(call);
    }
}

/// Whose phone calls whom.
struct Names<'a> {
    ticket: u64,
    from: Aor,
    display: String,
    to: &'a str,
}
