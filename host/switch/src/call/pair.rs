//! Two calls that share the leg of one party: the one it holds and its consultation call. The leg is in one of them.

use media::Side;
use model::{ConnId, Instant, LegId, hook::Party};

use super::{
    Call, State,
    handover::Handed,
    ticket::{Awaited, Ticket},
};
use crate::{Cause, Fact, ReleasedBy, Unfit, controls::Progress, errand::Errand, tables::Tables};

/// What a call knows of the other one that its party's leg is in as well.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// The other call.
    pub(crate) other: ConnId,
    /// The party's side here.
    pub(crate) side: Side,
    /// The number of its leg here.
    pub(crate) number: u16,
    /// Whether the leg is here.
    pub(crate) is_here: bool,
}

impl Call {
    /// A party puts the call on hold, to call somebody else with the same leg.
    pub(crate) fn consult_by(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (ticket, side): (u64, Side),
        callee: Party,
    ) -> Result<Progress, Unfit> {
        self.may_act()?;
        if self.pair.is_some() || !self.has_spoken() {
            return Err(Unfit::State);
        }
        let awaits = Awaited::Consult(side, Box::new(callee));
        self.ticket = Some(Box::new(Ticket { number: ticket, awaits }));
        self.want_held(tables, now, true);
        Ok(Progress::Open)
    }

    /// The party whose leg is here is about to take the other call back: who it talks to here is put on hold.
    pub(crate) fn leave_by(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        ticket: u64,
    ) -> Result<Progress, Unfit> {
        self.may_act()?;
        let pair = self.pair.as_deref().filter(|pair| pair.is_here).copied();
        let Pair { side, other, .. } = pair.ok_or(Unfit::State)?;
        if !self.has_spoken() {
            return Err(Unfit::State);
        }
        let awaits = Awaited::Leave(side, other);
        self.ticket = Some(Box::new(Ticket { number: ticket, awaits }));
        self.wanted_held.set(side.other(), true);
        self.pursue_hold(tables, now);
        self.settle_hold(tables);
        Ok(Progress::Open)
    }

    /// Takes the leg out that is shared; `None` when it is not here.
    pub(crate) fn give_shared(
        &mut self,
        tables: &mut Tables,
        now: Instant,
    ) -> Option<(LegId, Handed)> {
        let Pair { side, .. } = **self.pair.as_ref().filter(|pair| pair.is_here)?;
        let from = self.leg_id(side);
        // The other party may change its media meanwhile, and hears what was said before.
        let said = self.media.said(side).map(Box::from);
        let leg = self.hand_over(tables, now, side)?;
        self.media.note_said(side, said);
        self.wanted_held.set(side, true);
        self.media.set_held(side, true);
        if let Some(pair) = &mut self.pair {
            pair.is_here = false;
        }
        tables.touched.push((self.conn, false));
        Some((from, leg))
    }

    /// The shared leg comes, from a call where it had another name.
    pub(crate) fn take_shared(&mut self, tables: &mut Tables, (from, leg): (LegId, Handed)) {
        let Some(pair) = &mut self.pair else { return };
        pair.is_here = true;
        let Pair { side, number, .. } = **pair;
        self.media.note_said(side, None);
        self.take_over(tables, side, leg.numbered(number));
        // What it was told last was told of another call.
        self.media.set_held(side, !self.wanted_held.of(side));
        tables.emit(Fact::LegMoved { from, to: self.leg_id(side) });
        tables.touched.push((self.conn, true));
    }

    /// This call ends: a leg that it shares goes to the other one, unless its party has left.
    pub(super) fn leave_pair(&mut self, tables: &mut Tables, now: Instant, sender: Option<Side>) {
        let Some(pair) = self.pair.as_deref().copied() else { return };
        let of = pair.other;
        let errand = match pair.is_here {
            false => Errand::Unpair { of },
            true if sender == Some(pair.side) => Errand::PartyLeft { of },
            true => match self.give_shared(tables, now) {
                Some((from, leg)) => Errand::ComeBack { to: of, from, leg: Box::new(leg) },
                None => Errand::Unpair { of },
            },
        };
        self.pair = None;
        tables.errands.push_back(errand);
    }

    /// The party whose leg is in the other call has hung up there.
    pub(crate) fn party_left(&mut self, tables: &mut Tables, now: Instant) {
        let Some(pair) = self.pair.take() else { return };
        self.release(tables, now, Cause::Hangup(by(pair.side)), None);
    }

    /// A leg that is in the other call just now.
    pub(super) fn away(&self, number: u16) -> Option<Side> {
        let pair = self.pair.as_ref()?;
        (!pair.is_here && pair.number == number).then_some(pair.side)
    }

    /// Whether a party takes this call back whose leg is in the other one, by this name of the leg.
    pub(crate) fn is_taken_back_by(&self, leg: LegId) -> bool {
        let is_here = leg.conn == self.conn && self.side_of_number(leg.number).is_some();
        self.away_side().is_some() && !is_here
    }

    /// The side whose leg is in the other call.
    pub(crate) fn away_side(&self) -> Option<Side> {
        self.pair.as_ref().filter(|pair| !pair.is_here).map(|pair| pair.side)
    }

    /// Whether nobody has answered yet, so that another caller may take the place of its own.
    pub(crate) const fn is_set_up(&self) -> bool {
        matches!(
            self.state,
            State::Asking(_)
                | State::OpeningMedia
                | State::Locating(_)
                | State::Waiting
                | State::Trying { .. }
        )
    }
}

/// Who ends a call that a party of this side ends.
pub(crate) const fn by(side: Side) -> ReleasedBy {
    match side {
        Side::A => ReleasedBy::Caller,
        Side::B => ReleasedBy::Callee,
    }
}
