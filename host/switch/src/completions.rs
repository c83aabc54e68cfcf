//! A party connects those it talks to in two calls, and leaves both.

use std::sync::Arc;

use media::Side;
use model::{
    ConnId, Directory, Instant, LegId,
    hook::{CallFacts, MediaMode, TransferKind},
};

use crate::{
    Action, Cause, Control, Fact, Switch, Unfit,
    call::{State, Wish},
};

/// The two calls of a party, and its side in each.
#[derive(Clone, Copy)]
struct Both {
    held: (ConnId, Side),
    consult: (ConnId, Side),
}

impl Switch {
    /// Joins the other parties of both calls; one that still rings goes on ringing for the other.
    pub(crate) fn on_complete(
        &mut self,
        (now, dir): (Instant, &dyn Directory),
        ticket: u64,
        (held, consult): (ConnId, ConnId),
        leg: LegId,
    ) {
        if let Some(to) = self.shard_of_call(consult) {
            let action = Action::Complete { held, consult, leg };
            return self.follow_for(now, Control { ticket, action }, held, to);
        }
        let outcome = self.both(held, consult, leg).and_then(|both| {
            let rings = self.calls.get(&consult).is_some_and(|call| call.is_set_up());
            match rings {
                true => self.give_over(now, both),
                false => self.join_both((now, dir), both),
            }
        });
        self.tables.controlled(ticket, outcome);
    }

    fn both(&mut self, held: ConnId, consult: ConnId, leg: LegId) -> Result<Both, Unfit> {
        if held == consult {
            return Err(Unfit::State);
        }
        let second = self.calls.get_mut(&consult).ok_or(Unfit::NoCall)?;
        let shared = second.pair.as_deref().copied().filter(|pair| pair.other == held);
        let talks = matches!(second.state, State::Established { .. });
        if second.transfer.is_some() || !(talks || second.is_set_up()) {
            return Err(Unfit::State);
        }
        let there = match shared {
            Some(pair) => pair.side,
            None if leg.conn == consult => second.side_of_number(leg.number).ok_or(Unfit::NoLeg)?,
            None => return Err(Unfit::NoLeg),
        };
        // Who rings is nobody that could connect anybody.
        let is_elsewhere = second.origin.is_some() && second.caller.dialog.is_none();
        if !talks && (there != Side::A || is_elsewhere) {
            return Err(Unfit::State);
        }
        let who = second.who(there);
        let first = self.calls.get_mut(&held).ok_or(Unfit::NoCall)?;
        first.may_act()?;
        if first.transfers() >= self.tables.config.transfers.count_max {
            return Err(Unfit::Limit);
        }
        let here = match first.pair.as_ref().filter(|pair| pair.other == consult) {
            Some(pair) => pair.side,
            None => {
                let is_it = |side: &Side| first.who(*side).is(&who);
                [Side::A, Side::B].into_iter().find(is_it).ok_or(Unfit::NoLeg)?
            }
        };
        Ok(Both { held: (held, here), consult: (consult, there) })
    }

    /// Both calls stand: their other parties meet in a new one.
    fn join_both(
        &mut self,
        (now, dir): (Instant, &dyn Directory),
        both: Both,
    ) -> Result<ConnId, Unfit> {
        let Both { held: (held, by), consult: (consult, there) } = both;
        if self.calls.len() >= self.tables.config.limits.calls_max {
            return Err(Unfit::Limit);
        }
        let second = self.calls.get(&consult).ok_or(Unfit::NoCall)?;
        let (callee, was_anchored) = (second.party(there.other()), second.media.is_anchored());
        let wish = Wish::to(callee.uri.clone()).ok_or(Unfit::Destination)?;
        let first = self.calls.get_mut(&held).ok_or(Unfit::NoCall)?;
        let next = first.sent_on(&mut self.tables, now, dir, by, &wish);
        let mut next = next.map_err(|_| Unfit::State)?;
        let into = next.conn;
        let facts = Arc::make_mut(&mut next.facts);
        facts.callee = callee;
        if let Some(transfer) = &mut facts.transfer {
            transfer.kind = TransferKind::Attended;
        }
        first.begin_transfer_for(&mut self.tables, by, into, &wish);
        let mode = match was_anchored || first.media.is_anchored() {
            true => MediaMode::Anchor,
            false => MediaMode::Bypass,
        };
        self.tables.stats.calls_offered += 1;
        self.tables.emit(Fact::CallOffered { facts: next.facts.clone(), ticket: None });
        next.begin_joining(&mut self.tables, now, (consult, there.other()), mode);
        self.keep(next);
        self.with_call(into, |call, tables| call.follow(tables, dir));
        Ok(into)
    }

    /// The consultation call is not answered yet: the other party of the one that is held waits there from now on, and who connects them
    /// is let go.
    fn give_over(&mut self, now: Instant, both: Both) -> Result<ConnId, Unfit> {
        let Both { held: (held, by), consult: (consult, _) } = both;
        let second = self.calls.get(&consult).ok_or(Unfit::NoCall)?;
        let facts = CallFacts::clone(&second.facts);
        let wish = Wish::to(facts.callee.uri.clone()).ok_or(Unfit::Destination)?;
        let first = self.calls.get_mut(&held).ok_or(Unfit::NoCall)?;
        // Who is called from now on hears of the new caller.
        let invite = first.invite_of_sent_on(&mut self.tables, by, &wish);
        let invite = invite.map_err(|_| Unfit::State)?;
        first.begin_transfer_for(&mut self.tables, by, consult, &wish);
        let facts = first.facts_of_sent_on(&self.tables, by, TransferKind::Attended, facts);
        let facts = Arc::new(facts);
        first.pair = None;
        let mut let_go = None;
        self.with_call(consult, |call, tables| {
            let_go = call.hand_over(tables, now, Side::A);
            call.pair = None;
            call.facts = facts.clone();
            tables.emit(Fact::Amended { facts });
            call.give_way(tables, now, (held, by.other()), invite);
        });
        let is_there = self.bring(now, consult);
        if let Some(leg) = let_go {
            leg.hang_up(&mut self.tables, now);
        }
        self.with_call(held, |call, tables| {
            call.transfer = None;
            tables.emit(Fact::Transferred { conn: held, into: consult });
            call.release(tables, now, Cause::Transferred, None);
        });
        if is_there { Ok(consult) } else { Err(Unfit::State) }
    }
}

#[cfg(test)]
#[path = "completions_test.rs"]
mod tests;
