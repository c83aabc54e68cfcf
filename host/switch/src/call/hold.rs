//! Parties that a plugin or a third party holds: what they are told of the other party's media is inactive until they are taken back.

use media::Side;
use model::{
    Instant,
    hook::{End, Happening},
};

use super::{
    Call, State,
    own_offer::{Offered, Outcome, Purpose},
};
use crate::{Cause, ReleasedBy, tables::Tables};

/// Of the caller and the called party: whether they are held, or hold.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted([bool; 2]);

impl Wanted {
    pub(super) const fn of(self, side: Side) -> bool {
        match side {
            Side::A => self.0[0],
            Side::B => self.0[1],
        }
    }

    pub(super) const fn set(&mut self, side: Side, held: bool) {
        match side {
            Side::A => self.0[0] = held,
            Side::B => self.0[1] = held,
        }
    }
}

/// The side of an end.
pub(crate) const fn side_of(end: End) -> Side {
    match end {
        End::Caller => Side::A,
        End::Callee => Side::B,
    }
}

const fn end_of(side: Side) -> End {
    match side {
        Side::A => End::Caller,
        Side::B => End::Callee,
    }
}

impl Call {
    /// Holds a party, or takes it back; `None` is both. It is told as soon as no other INVITE is in the way.
    ///
    /// # Errors
    ///
    /// Why the call is in no state for that.
    pub(crate) fn hold_for(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        who: Option<End>,
        held: bool,
    ) -> Result<(), String> {
        if !matches!(self.state, State::Established { .. }) {
            return Err("the parties do not talk".to_owned());
        }
        if self.transfer.is_some() {
            return Err("a party is being sent on".to_owned());
        }
        let sides: Vec<Side> = match who {
            Some(end) => vec![side_of(end)],
            None => vec![Side::A, Side::B],
        };
        if sides.iter().any(|side| self.media.said(side.other()).is_none()) {
            return Err("the parties have not spoken of media".to_owned());
        }
        for side in sides {
            self.wanted_held.set(side, held);
        }
        self.pursue_hold(tables, now);
        Ok(())
    }

    /// Tells the next party that is to be held, or not any more. Only one re-INVITE of ours is open at a time.
    pub(super) fn pursue_hold(&mut self, tables: &mut Tables, now: Instant) {
        let is_up = matches!(self.state, State::Established { .. });
        if !is_up || self.own_offer.is_some() || self.transfer.is_some() {
            return;
        }
        let wants = |side: &Side| self.wanted_held.of(*side) != self.media.is_held(*side);
        let Some(side) = [Side::A, Side::B].into_iter().find(wants) else { return };
        if !self.media.continues(side) {
            // What it is told is not what the other party says any more, and has versions of its own.
            let told = self.told(tables, side);
            self.media.continue_session(side, told.as_deref());
        }
        self.media.set_held(side, self.wanted_held.of(side));
        self.offer_to(tables, now, side, Purpose::Hold, Offered::Again);
    }

    /// What came of the re-INVITE to a party that is held, or was.
    pub(super) fn hold_done(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        outcome: Outcome<'_>,
    ) {
        let (held, party) = (self.media.is_held(side), end_of(side));
        match outcome {
            Outcome::Accepted(response) => {
                self.note_session(tables, now, side, response);
                if self.is_held_by_ticket() {
                    return;
                }
                tables.tell_followers(self.conn, Happening::PluginHeld { party, held });
            }
            Outcome::Refused(status, _) => {
                // The session goes on as it was (RFC 3261 section 14.1).
                self.media.set_held(side, !held);
                self.wanted_held.set(side, !held);
                if self.is_held_by_ticket() {
                    return self.hold_refused(tables, status);
                }
                let command = if held { "hold" } else { "resume" };
                let failed = Happening::CommandFailed { command, party, status };
                tables.tell_followers(self.conn, failed);
            }
            Outcome::Gone(status) => {
                self.hold_refused(tables, status);
                self.release(tables, now, Cause::Hangup(ReleasedBy::Switch), None);
            }
        }
    }
}

#[cfg(test)]
#[path = "hold_test.rs"]
mod tests;
