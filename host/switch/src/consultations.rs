//! Consultations: a leg that goes from the call its party holds to another one, and back.

use std::sync::Arc;

use media::Side;
use model::{ConnId, Directory, Instant, LegId, hook::Party};

use crate::{
    Fact, Switch, Unfit,
    call::{Call, Handed, Pair, State, callee_of},
    controls::Progress,
};

impl Switch {
    /// A party wants to call somebody else with the same leg.
    pub(crate) fn on_consult(
        &mut self,
        now: Instant,
        (ticket, leg): (u64, LegId),
        to: &str,
    ) -> Result<Progress, Unfit> {
        let is_full = self.calls.len() >= self.tables.config.limits.calls_max;
        let call = self.calls.get_mut(&leg.conn).ok_or(Unfit::NoCall)?;
        let side = call.side_of_number(leg.number).ok_or(Unfit::NoLeg)?;
        let callee = callee_of(to, &call.facts.callee.host).ok_or(Unfit::Destination)?;
        if is_full {
            return Err(Unfit::Limit);
        }
        call.consult_by(&mut self.tables, now, (ticket, side), callee)
    }

    /// Both parties know that they are held: the consultation call begins.
    pub(crate) fn begin_consultation(
        &mut self,
        (now, dir): (Instant, &dyn Directory),
        ticket: u64,
        (conn, side): (ConnId, Side),
        callee: &Party,
    ) {
        let Some(held) = self.calls.get_mut(&conn).filter(|call| stands(call)) else {
            return self.tables.controlled(ticket, Err(Unfit::NoCall));
        };
        let consultation = Call::of_consulting(&mut self.tables, (now, dir), held, side, callee);
        let Some(mut next) = consultation else {
            return self.tables.controlled(ticket, Err(Unfit::Destination));
        };
        let (number, other) = (held.leg_id(side).number, next.conn);
        held.pair = Some(Box::new(Pair { other, side, number, is_here: true }));
        let pair = Pair { other: conn, side: Side::A, number: 0, is_here: false };
        next.pair = Some(Box::new(pair));
        let Some(leg) = held.give_shared(&mut self.tables, now) else { return };
        self.tables.stats.calls_offered += 1;
        let facts = Arc::clone(&next.facts);
        self.tables.emit(Fact::CallOffered { facts, ticket: Some(ticket) });
        next.take_shared(&mut self.tables, leg);
        // It is told when somebody answers.
        next.media.set_held(Side::A, false);
        self.tables.controlled(ticket, Ok(other));
        next.begin(&mut self.tables, now, dir);
        self.keep(next);
    }

    /// A party takes the call back that it holds; its leg is in the other call.
    pub(crate) fn on_take_back(
        &mut self,
        now: Instant,
        ticket: u64,
        (conn, leg): (ConnId, LegId),
    ) -> Result<Progress, Unfit> {
        let held = self.calls.get(&conn).ok_or(Unfit::NoCall)?;
        let pair = **held.pair.as_ref().filter(|pair| !pair.is_here).ok_or(Unfit::NoLeg)?;
        held.may_act()?;
        let other = self.calls.get_mut(&pair.other).ok_or(Unfit::State)?;
        let there = other.pair.as_ref().map(|pair| pair.number).ok_or(Unfit::State)?;
        let names =
            [LegId { conn, number: pair.number }, LegId { conn: pair.other, number: there }];
        if !names.contains(&leg) {
            return Err(Unfit::NoLeg);
        }
        other.leave_by(&mut self.tables, now, ticket)
    }

    /// Who the party talked to is on hold: its leg goes back to the call that it takes back.
    pub(crate) fn switch_over(&mut self, now: Instant, ticket: u64, from: ConnId, to: ConnId) {
        let goes = self.calls.get(&to).is_some_and(|call| stands(call) && call.pair.is_some());
        let leg = match self.calls.get_mut(&from) {
            Some(call) if goes => call.give_shared(&mut self.tables, now),
            _ => None,
        };
        let (Some(leg), Some(call)) = (leg, self.calls.get_mut(&to)) else {
            return self.tables.controlled(ticket, Err(Unfit::State));
        };
        call.take_shared(&mut self.tables, leg);
        let side = call.pair.as_ref().map_or(Side::A, |pair| pair.side);
        let begun = call.retrieve_shared(&mut self.tables, now, (ticket, side));
        if let Err(why) = begun {
            self.tables.controlled(ticket, Err(why));
        }
    }

    /// A call has ended whose leg goes back to the other one.
    pub(crate) fn come_back(&mut self, now: Instant, to: ConnId, from: LegId, leg: Handed) {
        let call = self.calls.get_mut(&to).filter(|call| call.pair.is_some() && stands(call));
        let Some(call) = call else { return leg.hang_up(&mut self.tables, now) };
        call.take_shared(&mut self.tables, (from, leg));
        call.pair = None;
        call.tell_again(&mut self.tables, now);
    }

    /// The other call of a pair is over, and had no leg for this one.
    pub(crate) fn unpair(&mut self, of: ConnId) {
        if let Some(call) = self.calls.get_mut(&of) {
            call.pair = None;
        }
    }
}

fn stands(call: &Call) -> bool {
    matches!(call.state, State::Established { .. })
}

#[cfg(test)]
#[path = "consultations_bench.rs"]
pub(crate) mod bench;
#[cfg(test)]
#[path = "consultations_test.rs"]
mod tests;
