//! Transfers, where more than one call is at work.

use std::{collections::BTreeMap, sync::Arc};

use media::Side;
use model::{
    ConnId, Directory, Instant,
    hook::{CallFacts, MediaMode, TransferKind},
};
use sip::{ClientTx, Message, Replaces, ServerTx};

use crate::{
    Cause, Fact, Switch, Unfit,
    call::{Call, State, Wish, refuse},
    errand::Errand,
    tables::{ClientUse, Tables},
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
            Errand::Take { into } if self.calls.get(&into).is_some_and(|c| c.dial.is_some()) => {
                self.on_dialled(now, dir, into);
            }
            Errand::Take { into } => self.take_sent_on(now, into),
            Errand::Joined { into } => self.on_joined(now, into),
            Errand::NotJoined { into, status, gone } => self.on_not_joined(now, into, status, gone),
            Errand::Left { of } => self.on_left(now, of),
            Errand::Replace { into } => self.take_replaced(now, into),
            Errand::Replaced { into } => self.on_replaced(now, into),
            Errand::NotReplaced { into, status } => self.on_not_replaced(now, into, status),
            Errand::Deserted { of } => {
                self.with_call(of, |call, tables| call.end_if_alone(tables, now));
            }
            Errand::Consult { conn, side, callee, ticket } => {
                self.begin_consultation((now, dir), ticket, (conn, side), &callee);
            }
            Errand::SwitchOver { from, to, ticket } => self.switch_over(now, ticket, from, to),
            Errand::ComeBack { to, from, leg } => self.come_back(now, to, from, *leg),
            Errand::Unpair { of } => self.unpair(of),
            Errand::Controlled { ticket, conn } => self.tables.controlled(ticket, Ok(conn)),
            Errand::PartyLeft { of } => self.with_call(of, |call, tables| {
                call.party_left(tables, now);
            }),
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
        let to = wish.replaces.as_ref().and_then(|named| self.tables.shard_of_dialog(named));
        if to.is_some_and(|to| self.follow(now, (conn, by), (tx, refer), to)) {
            return;
        }
        if is_full {
            return refuse(&mut self.tables, now, tx, refer, 503, "");
        }
        let Some(call) = self.calls.get_mut(&conn) else { return };
        let mut next = match call.sent_on(&mut self.tables, now, dir, by, &wish) {
            Ok(next) => next,
            Err(status) => return refuse(&mut self.tables, now, tx, refer, status, ""),
        };
        if let Some(replaces) = &wish.replaces {
            let into = next.conn;
            self.on_attended(now, (conn, by, tx), refer, &wish, replaces, next);
            return self.with_call(into, |call, tables| call.follow(tables, dir));
        }
        call.begin_transfer(&mut self.tables, now, by, next.conn, (tx, refer, &wish));
        self.tables.stats.calls_offered += 1;
        self.tables.emit(Fact::CallOffered { facts: next.facts.clone(), ticket: None });
        next.begin(&mut self.tables, now, dir);
        self.keep(next);
    }

    /// A plugin or a third party has a party sent on, as if the other one had asked for it. Gives the call that it is to be in.
    ///
    /// # Errors
    ///
    /// Why it cannot be, also for a person.
    pub(crate) fn send_on(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        (conn, party): (ConnId, Side),
        to: &str,
    ) -> Result<ConnId, (Unfit, String)> {
        if self.calls.len() >= self.tables.config.limits.calls_max {
            let text = "there are as many calls as limits.calls_max allows".to_owned();
            return Err((Unfit::Limit, text));
        }
        let no_call = || (Unfit::NoCall, "there is no such call".to_owned());
        let call = self.calls.get_mut(&conn).ok_or_else(no_call)?;
        let by = party.other();
        let wish = call.wish_for(&self.tables, to)?;
        let sent_on = call.sent_on(&mut self.tables, now, dir, by, &wish);
        let nowhere =
            |status| (Unfit::Destination, format!("nobody can be called there ({status})"));
        let mut next = sent_on.map_err(nowhere)?;
        let into = next.conn;
        call.begin_transfer_for(&mut self.tables, by, next.conn, &wish);
        self.tables.stats.calls_offered += 1;
        self.tables.emit(Fact::CallOffered { facts: next.facts.clone(), ticket: None });
        next.begin(&mut self.tables, now, dir);
        self.keep(next);
        Ok(into)
    }

    /// An attended transfer: the party of the one call is joined to that of the other, whose dialog Replaces names (RFC 3891).
    fn on_attended(
        &mut self,
        now: Instant,
        (conn, by, tx): (ConnId, Side, ServerTx),
        refer: &Message,
        wish: &Wish,
        replaces: &Replaces,
        mut next: Call,
    ) {
        let found = match self.find_replaced((conn, by), replaces) {
            Ok(found) => found,
            Err(status) => return refuse(&mut self.tables, now, tx, refer, status, ""),
        };
        let other = found.map(|(other, _)| other);
        let rings =
            other.is_some_and(|other| self.calls.get(&other).is_some_and(|c| c.is_ringing()));
        let into = other.filter(|_| rings).unwrap_or(next.conn);
        let Some(call) = self.calls.get_mut(&conn) else { return };
        call.begin_transfer(&mut self.tables, now, by, into, (tx, refer, wish));
        let is_anchored = call.media.is_anchored();
        let invite = call.invite_of_sent_on(&mut self.tables, by, wish).ok();
        let facts = |other: &Call, tables: &Tables, call: &Call| {
            let facts = CallFacts::clone(&other.facts);
            Arc::new(call.facts_of_sent_on(tables, by, TransferKind::Attended, facts))
        };
        match found {
            // RFC 3891 section 3: 481 where nothing matches, 486 where what was to be early is not.
            None => call.on_told(&mut self.tables, now, into, 481, ""),
            Some(_) if replaces.early_only && !rings => {
                call.on_told(&mut self.tables, now, into, 486, "");
            }
            Some((other, _)) if rings => {
                let Some(call) = self.calls.get(&conn) else { return };
                let Some(ringing) = self.calls.get(&other) else { return };
                let facts = facts(ringing, &self.tables, call);
                self.with_call(other, |ringing, tables| {
                    ringing.facts = facts.clone();
                    tables.emit(Fact::Amended { facts });
                    if let Some(invite) = invite {
                        ringing.give_way(tables, now, (conn, by.other()), invite);
                    }
                });
            }
            Some((other, side)) => {
                let Some(consult) = self.calls.get(&other) else { return };
                let mode = match is_anchored || consult.media.is_anchored() {
                    true => MediaMode::Anchor,
                    false => MediaMode::Bypass,
                };
                Arc::make_mut(&mut next.facts).callee = consult.party(side.other());
                self.tables.stats.calls_offered += 1;
                self.tables.emit(Fact::CallOffered { facts: next.facts.clone(), ticket: None });
                next.begin_joining(&mut self.tables, now, (other, side.other()), mode);
                self.keep(next);
            }
        }
    }

    /// The other call, and the side of it, whose dialog a Replaces names; 403 when it is not a dialog of who asks.
    fn find_replaced(
        &mut self,
        (asks_in, by): (ConnId, Side),
        replaces: &Replaces,
    ) -> Result<Option<(ConnId, Side)>, u16> {
        let Some(who) = self.calls.get_mut(&asks_in).map(|call| call.who(by)) else {
            return Ok(None);
        };
        let leg = self.tables.legs_by_tag.get(replaces.to_tag.as_str()).copied();
        let Some(leg) = leg.filter(|leg| leg.conn != asks_in) else { return Ok(None) };
        let Some(call) = self.calls.get_mut(&leg.conn) else { return Ok(None) };
        let side = if leg.number == 0 { Side::A } else { Side::B };
        let Some(side) = call.side_replaced(side, replaces) else { return Ok(None) };
        let counts = matches!(call.state, State::Established { .. }) || call.is_ringing();
        if !counts || call.transfer.is_some() {
            return Ok(None);
        }
        let is_let = self.tables.config.transfers.lets(&who, &call.who(side));
        if is_let { Ok(Some((leg.conn, side))) } else { Err(403) }
    }

    /// Brings the party that was sent on into its new call, and the called party where it comes from another call too. Gives
    /// whether they are there.
    pub(crate) fn bring(&mut self, now: Instant, into: ConnId) -> bool {
        let origin = self.calls.get_mut(&into).and_then(|call| call.origin.as_mut());
        let Some(origin) = origin else { return false };
        if origin.taken {
            return true;
        }
        let (from, callee) = ((origin.of, origin.side), origin.callee);
        if !self.has_party(from) || callee.is_some_and(|callee| !self.has_party(callee)) {
            return false;
        }
        if let Some(origin) = self.calls.get_mut(&into).and_then(|call| call.origin.as_mut()) {
            origin.taken = true;
        }
        self.move_leg(now, from, (into, Side::A));
        if let Some(callee) = callee {
            self.move_leg(now, callee, (into, Side::B));
        }
        true
    }

    pub(crate) fn has_party(&mut self, (conn, side): (ConnId, Side)) -> bool {
        let call = self.calls.get_mut(&conn);
        call.is_some_and(|call| {
            matches!(call.state, State::Established { .. }) && call.dialog_mut(side).is_some()
        })
    }

    /// Moves a leg from one call to another; nothing when it is not there.
    pub(crate) fn move_leg(
        &mut self,
        now: Instant,
        (from, side): (ConnId, Side),
        to: (ConnId, Side),
    ) -> bool {
        let from = self.calls.get_mut(&from);
        let leg = from.and_then(|call| call.hand_over(&mut self.tables, now, side));
        match (leg, self.calls.get_mut(&to.0)) {
            (Some(leg), Some(call)) => {
                call.take_over(&mut self.tables, to.1, leg);
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
        let Some(origin) = origin else { return };
        self.with_call(origin.of, |call, tables| call.end_transferred(tables, now, into));
        if let Some((conn, _)) = origin.callee {
            self.with_call(conn, |call, tables| {
                tables.emit(Fact::Transferred { conn, into });
                call.release(tables, now, Cause::Transferred, None);
            });
        }
    }

    /// The party goes back to where it came from, if that is still there.
    fn on_not_joined(&mut self, now: Instant, into: ConnId, status: u16, gone: Option<Side>) {
        let Some(origin) = self.calls.get_mut(&into).and_then(|call| call.origin.take()) else {
            return;
        };
        let waits = |calls: &BTreeMap<ConnId, Box<Call>>, of| {
            let call: Option<&Box<Call>> = calls.get(&of);
            call.is_some_and(|call| matches!(call.state, State::Established { .. }))
        };
        if waits(&self.calls, origin.of) && gone != Some(Side::A) {
            self.move_leg(now, (into, Side::A), (origin.of, origin.side));
        }
        let callee = origin.callee.filter(|(of, _)| waits(&self.calls, *of));
        if let Some(callee) = callee.filter(|_| gone != Some(Side::B)) {
            self.move_leg(now, (into, Side::B), callee);
        }
        self.with_call(into, |call, tables| {
            call.release(tables, now, Cause::Refused(status), None);
        });
        self.with_call(origin.of, |call, tables| {
            call.on_told(tables, now, into, status, "");
        });
        if let Some((of, _)) = origin.callee {
            self.with_call(of, |call, tables| call.end_if_alone(tables, now));
        }
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

    /// A NOTIFY of a transfer was answered, or with 408 was not. The last one, if something later has overtaken it, is refused with
    /// 500 (RFC 3261 section 12.2.2) and said once more.
    pub(crate) fn on_report_answered(&mut self, now: Instant, tx: ClientTx, status: u16) {
        match self.tables.uses_by_client_tx.remove(&tx) {
            Some(ClientUse::Report { conn }) => {
                self.with_call(conn, |call, tables| {
                    call.on_notify_answered(tables, now, tx, status);
                });
            }
            Some(ClientUse::LastReport(report)) if status == 500 => {
                let conn = report.conn;
                self.with_call(conn, |call, tables| call.report_again(tables, now, &report));
            }
            _ => {}
        }
    }
}
