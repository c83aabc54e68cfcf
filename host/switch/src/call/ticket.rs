//! What a third party waits for in a call. One thing at a time: whatever else is wanted meanwhile is refused.

use media::Side;
use model::{ConnId, Instant, LegId, hook::Party};

use super::{Call, State, digits::Digits};
use crate::{Fact, Unfit, controls::Progress, errand::Errand, tables::Tables};

/// Something that is answered once it is known what came of it.
pub(crate) struct Ticket {
    /// Its name.
    pub(super) number: u64,
    /// What it waits for.
    pub(super) awaits: Awaited,
}

/// What a third party waits for.
pub(crate) enum Awaited {
    /// Both parties have been told that this one holds.
    Hold(Side),
    /// Both parties have been told that this one does not hold any more.
    Retrieve(Side),
    /// Both parties have been told that this one holds, who calls somebody else then.
    Consult(Side, Box<Party>),
    /// The other party has been told that this one holds, who takes another call back then.
    Leave(Side, ConnId),
    /// The phone of this leg has answered.
    Answer(LegId),
    /// The other party has taken digits.
    Digits(Digits),
}

impl Ticket {
    const fn is_of_hold(&self) -> bool {
        !matches!(self.awaits, Awaited::Answer(_) | Awaited::Digits(_))
    }
}

impl Call {
    /// Whether nothing is in the way of something new that a third party wants of parties that talk.
    pub(crate) fn may_act(&self) -> Result<(), Unfit> {
        let is_up = matches!(self.state, State::Established { .. });
        let is_free = self.ticket.is_none() && self.transfer.is_none();
        if is_up && is_free { Ok(()) } else { Err(Unfit::State) }
    }

    /// A party puts the call on hold: neither hears the other, until all who hold have taken it back.
    pub(crate) fn hold_by(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (ticket, side): (u64, Side),
    ) -> Result<Progress, Unfit> {
        self.may_act()?;
        if self.holders.of(side) || !self.has_spoken() {
            return Err(Unfit::State);
        }
        self.ticket = Some(Box::new(Ticket { number: ticket, awaits: Awaited::Hold(side) }));
        self.want_held(tables, now, true);
        Ok(Progress::Open)
    }

    /// Whether both parties have spoken of media.
    pub(super) fn has_spoken(&self) -> bool {
        [Side::A, Side::B].into_iter().all(|side| self.media.said(side).is_some())
    }

    /// A party takes the call back whose leg has just come from another one: it is told in any case.
    pub(crate) fn retrieve_shared(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        of: (u64, Side),
    ) -> Result<Progress, Unfit> {
        let is_held = self.holders.of(of.1.other());
        self.media.set_held(of.1, !is_held);
        self.retrieve_by(tables, now, of)
    }

    /// Tells parties again what is not what they were told last.
    pub(crate) fn tell_again(&mut self, tables: &mut Tables, now: Instant) {
        self.pursue_hold(tables, now);
    }

    /// A party takes the call back.
    pub(crate) fn retrieve_by(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (ticket, side): (u64, Side),
    ) -> Result<Progress, Unfit> {
        self.may_act()?;
        if !self.holders.of(side) {
            return Err(Unfit::State);
        }
        self.ticket = Some(Box::new(Ticket { number: ticket, awaits: Awaited::Retrieve(side) }));
        let held = self.holders.of(side.other());
        self.want_held(tables, now, held);
        Ok(Progress::Open)
    }

    /// Tells both parties that they are held, or are not any more.
    pub(super) fn want_held(&mut self, tables: &mut Tables, now: Instant, held: bool) {
        for side in [Side::A, Side::B] {
            self.wanted_held.set(side, held);
        }
        self.pursue_hold(tables, now);
        self.settle_hold(tables);
    }

    /// Answers who has wanted a hold, or its end, once both parties know.
    pub(super) fn settle_hold(&mut self, tables: &mut Tables) {
        let is_told = |side| self.wanted_held.of(side) == self.media.is_held(side);
        if !is_told(Side::A) || !is_told(Side::B) || self.is_telling_of_hold() {
            return;
        }
        let Some(ticket) = self.ticket.take_if(|ticket| ticket.is_of_hold()) else { return };
        let Ticket { number, awaits } = *ticket;
        match awaits {
            Awaited::Hold(side) => {
                self.note_holder(tables, side);
            }
            Awaited::Retrieve(side) => {
                self.holders.set(side, false);
                tables.emit(Fact::Retrieved { leg: self.leg_id(side) });
            }
            Awaited::Consult(side, callee) => {
                self.note_holder(tables, side);
                let (conn, ticket) = (self.conn, number);
                return tables.errands.push_back(Errand::Consult { conn, side, callee, ticket });
            }
            Awaited::Leave(side, to) => {
                self.note_holder(tables, side);
                let (from, ticket) = (self.conn, number);
                return tables.errands.push_back(Errand::SwitchOver { from, to, ticket });
            }
            Awaited::Answer(_) | Awaited::Digits(_) => {}
        }
        tables.controlled(number, Ok(self.conn));
    }

    /// From now on this party holds, unless it does already.
    fn note_holder(&mut self, tables: &mut Tables, side: Side) {
        if !self.holders.of(side) {
            self.holders.set(side, true);
            tables.emit(Fact::Held { leg: self.leg_id(side) });
        }
    }

    /// Whether a third party waits for a party to be told that it is held, or is not any more.
    pub(super) fn is_held_by_ticket(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.is_of_hold())
    }

    /// A party has refused what a third party waits for: it is as it was.
    pub(super) fn hold_refused(&mut self, tables: &mut Tables, status: u16) {
        let Some(ticket) = self.ticket.take_if(|ticket| ticket.is_of_hold()) else { return };
        let held = matches!(ticket.awaits, Awaited::Retrieve(_));
        let held = held || self.holders.of(Side::A) || self.holders.of(Side::B);
        for side in [Side::A, Side::B] {
            self.wanted_held.set(side, held);
        }
        tables.controlled(ticket.number, Err(Unfit::Phone(status)));
    }

    /// The call ends, and with it what was waited for.
    pub(super) fn leave_ticket(&mut self, tables: &mut Tables) {
        if let Some(ticket) = self.ticket.take() {
            tables.controlled(ticket.number, Err(Unfit::NoCall));
        }
    }

    /// Whether this party holds the other: by what its phone says, or by what a third party has wanted for it.
    pub(super) fn holds(&self, side: Side) -> bool {
        let says = match side {
            Side::A => self.caller.holding,
            Side::B => self.callee.as_ref().is_some_and(|leg| leg.holding),
        };
        says || self.holders.of(side)
    }
}

#[cfg(test)]
#[path = "ticket_test.rs"]
mod tests;
