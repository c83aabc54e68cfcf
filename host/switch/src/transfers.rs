//! Transfers, where more than one call is at work.

use media::Side;
use model::{ConnId, Directory, Instant};
use sip::{ClientTx, Message, ServerTx};

use crate::{
    Cause, Switch,
    call::{State, refuse},
    errand::Errand,
};

impl Switch {
    /// Does what a call wants of another.
    pub(crate) fn run(&mut self, now: Instant, dir: &dyn Directory, errand: Errand) {
        match errand {
            Errand::Refer { conn, side, tx, request } => {
                self.on_refer(now, dir, conn, side, tx, &request);
            }
            Errand::Told { of, into, status, reason } => self.with_call(of, |call, tables| {
                call.on_told(tables, now, into, status, &reason);
            }),
            Errand::Take { into } => self.take_sent_on(now, into),
            Errand::Joined { into } => self.on_joined(now, into),
            Errand::NotJoined { into, status, gone } => self.on_not_joined(now, into, status, gone),
            Errand::Left { of } => self.on_left(now, of),
            Errand::Abandon { into } => self.with_call(into, |call, tables| {
                call.release(tables, now, Cause::Cancelled, None);
            }),
        }
    }

    /// A REFER within a call.
    fn on_refer(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        conn: ConnId,
        by: Side,
        tx: ServerTx,
        refer: &Message,
    ) {
        let is_full = self.calls.len() >= self.tables.config.limits.calls_max;
        let Some(call) = self.calls.get_mut(&conn) else {
            return refuse(&mut self.tables, now, tx, refer, 481, "");
        };
        let wish = match call.judge_refer(&self.tables, by, refer) {
            Ok(wish) => wish,
            Err((status, reason)) => {
                return refuse(&mut self.tables, now, tx, refer, status, reason);
            }
        };
        if is_full {
            return refuse(&mut self.tables, now, tx, refer, 503, "");
        }
        let mut next = match call.sent_on(&mut self.tables, now, dir, by, &wish) {
            Ok(next) => next,
            Err(status) => return refuse(&mut self.tables, now, tx, refer, status, ""),
        };
        call.begin_transfer(&mut self.tables, now, by, next.conn, (tx, refer, &wish));
        self.tables.stats.calls_offered += 1;
        self.tables.emit(crate::Fact::CallOffered { facts: next.facts.clone() });
        next.begin(&mut self.tables, now, dir);
        self.calls.insert(next.conn, Box::new(next));
    }

    /// Brings the party that was sent on into its new call. Gives whether it is there.
    fn bring(&mut self, now: Instant, into: ConnId) -> bool {
        let origin = self.calls.get_mut(&into).and_then(|call| call.origin.as_mut());
        let Some(origin) = origin else { return false };
        if origin.taken {
            return true;
        }
        origin.taken = true;
        let (of, side) = (origin.of, origin.side);
        let from = self.calls.get_mut(&of);
        let leg = from.and_then(|call| call.hand_over(&mut self.tables, now, side));
        match (leg, self.calls.get_mut(&into)) {
            (Some(leg), Some(call)) => {
                call.take_over(&mut self.tables, Side::A, leg);
                true
            }
            _ => false,
        }
    }

    fn take_sent_on(&mut self, now: Instant, into: ConnId) {
        let is_there = self.bring(now, into);
        self.with_call(into, |call, tables| {
            if is_there {
                call.join(tables, now);
            } else {
                call.release(tables, now, Cause::Cancelled, None);
            }
        });
    }

    fn on_joined(&mut self, now: Instant, into: ConnId) {
        let origin = self.calls.get_mut(&into).and_then(|call| call.origin.take());
        if let Some(origin) = origin {
            self.with_call(origin.of, |call, tables| call.end_transferred(tables, now));
        }
    }

    /// The party goes back to where it came from, if that is still there.
    fn on_not_joined(&mut self, now: Instant, into: ConnId, status: u16, gone: bool) {
        let Some(origin) = self.calls.get_mut(&into).and_then(|call| call.origin.take()) else {
            return;
        };
        let waits = self
            .calls
            .get(&origin.of)
            .is_some_and(|call| matches!(call.state, State::Established { .. }));
        let back = match self.calls.get_mut(&into) {
            Some(call) if waits && !gone => call.hand_over(&mut self.tables, now, Side::A),
            _ => None,
        };
        let is_back = back.is_some();
        if let (Some(leg), Some(call)) = (back, self.calls.get_mut(&origin.of)) {
            call.take_over(&mut self.tables, origin.side, leg);
        }
        self.with_call(into, |call, tables| {
            call.release(tables, now, Cause::Refused(status), None);
        });
        self.with_call(origin.of, |call, tables| {
            call.on_told(tables, now, into, status, "");
            if waits && !is_back {
                call.release(tables, now, Cause::Refused(status), None);
            }
        });
    }

    /// The party that asked for a transfer has gone before it was done.
    fn on_left(&mut self, now: Instant, of: ConnId) {
        let Some(into) = self.calls.get(&of).and_then(|call| Some(call.transfer.as_ref()?.into))
        else {
            return;
        };
        let is_there = self.bring(now, into);
        self.with_call(of, |call, tables| {
            if is_there {
                call.end_left(tables, now);
            } else {
                call.release(tables, now, Cause::Cancelled, None);
            }
        });
    }

    pub(crate) fn on_notify_answered(
        &mut self,
        now: Instant,
        conn: ConnId,
        tx: ClientTx,
        status: u16,
    ) {
        self.tables.uses_by_client_tx.remove(&tx);
        self.with_call(conn, |call, tables| call.on_notify_answered(tables, now, tx, status));
    }
}
