//! A leg that goes from one call to another.

use media::Side;
use model::{Aor, Flow, Instant, LegId, Seat};
use sip::{Dialog, ServerTx};

use super::{
    Call, Leg, Parting, Privacy, given_up::GivenUp, over_trunk::OnTrunk, session::Talking,
};
use crate::{Reason, tables::Tables};

/// A leg between two calls.
#[derive(Debug)]
pub(crate) struct Handed {
    dialog: Dialog,
    contact: Box<str>,
    uri: String,
    user: Option<Aor>,
    number: u16,
    holding: bool,
    awaits_ack: Option<ServerTx>,
    trunk: Option<OnTrunk>,
    /// The place on the trunk it came over.
    seat: Option<Seat>,
    was_called: bool,
    moves: u16,
    talking: Talking,
    /// What the party wants hidden.
    privacy: Privacy,
    given_up: Option<GivenUp>,
    /// The last description of the party.
    said: Option<Box<[u8]>>,
    /// The last description that the party was told.
    told: Option<Box<[u8]>>,
}

impl Handed {
    /// The same, which was told this last.
    pub(super) fn told(self, told: Option<Box<[u8]>>) -> Self {
        Self { told, ..self }
    }

    /// The same, with the number that it had in the call it goes back to.
    pub(super) fn numbered(self, number: u16) -> Self {
        Self { number, ..self }
    }

    /// Ends it: no call takes it.
    pub(crate) fn hang_up(mut self, tables: &mut Tables, now: Instant) {
        let trunk = self.trunk.as_ref().map(|on| on.id);
        tables.forget_leg(&self.dialog.id.local_tag);
        if let Some(open) = self.given_up {
            open.outlive(tables, &self.dialog);
        }
        tables.send_bye(now, &mut self.dialog, &self.contact, trunk, Parting::Plain);
    }

    /// Where it is reached.
    pub(super) const fn flow(&self) -> Flow {
        self.dialog.flow
    }

    /// Its party's Contact.
    pub(super) fn target(&self) -> &str {
        &self.dialog.remote_target
    }
}

impl Call {
    /// Takes an established leg out of this call; `None` when there is none. What was open on it is ended: the other side's
    /// INVITE with 487, its own with 491, which has it try again.
    pub(crate) fn hand_over(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
    ) -> Option<Handed> {
        self.dialog_mut(side)?;
        self.end_reinvite_of(tables, now, side);
        self.abandon_pending_ack(tables, now);
        self.abandon_own_offer(tables, now);
        let told = self.told(tables, side);
        let said = self.media.note_said(side, None);
        let (talking, moves) = (self.take_talking(tables, side), self.moves);
        let given_up = self.take_given_up(side);
        let privacy = self.privacy(side);
        match side {
            Side::A => {
                let user = self.calling_user();
                self.stop_timer(tables, Reason::Reliable);
                let caller = &mut self.caller;
                // The tag goes with the dialog, and so it is no tag of an early one that was not acknowledged.
                caller.tag = "".into();
                caller.early = None;
                Some(Handed {
                    user,
                    dialog: caller.dialog.take()?,
                    contact: caller.contact.clone(),
                    uri: self.facts.caller.uri.clone(),
                    number: 0,
                    holding: caller.holding,
                    awaits_ack: caller.awaits_ack.take(),
                    trunk: caller.trunk.take(),
                    seat: self.seat.take(),
                    was_called: caller.was_called,
                    moves,
                    talking,
                    privacy,
                    given_up,
                    said,
                    told,
                })
            }
            Side::B => {
                let leg = self.callee.take()?;
                Some(Handed {
                    dialog: leg.dialog,
                    contact: leg.contact,
                    uri: leg.uri,
                    user: leg.user,
                    number: leg.id.number,
                    holding: leg.holding,
                    awaits_ack: leg.awaits_ack,
                    trunk: leg.trunk,
                    seat: None,
                    was_called: true,
                    moves,
                    talking,
                    privacy,
                    given_up,
                    said,
                    told,
                })
            }
        }
    }

    /// Puts a leg in its place on this side of the call.
    pub(crate) fn take_over(&mut self, tables: &mut Tables, side: Side, leg: Handed) {
        let Handed { dialog, contact, trunk, holding, awaits_ack, said, told, .. } = leg;
        let number = match side {
            Side::A => 0,
            // One that called has no number of its own.
            Side::B if leg.number == 0 => {
                self.next_leg = self.next_leg.saturating_add(1);
                self.next_leg
            }
            Side::B => leg.number,
        };
        let id = LegId { conn: self.conn, number };
        tables.legs_by_tag.insert(dialog.id.local_tag.as_str().into(), id);
        if let Some(tx) = awaits_ack {
            tables.invites_by_server_tx.insert(tx, (self.conn, side));
        }
        self.moves = self.moves.max(leg.moves);
        self.put_talking(tables, side, leg.talking);
        self.put_given_up(tables, side, leg.given_up);
        self.note_privacy(side, leg.privacy);
        self.media.note_path(side, dialog.flow);
        self.media.continue_session(side, told.as_deref());
        if said.is_some() && self.media.said(side).is_none() {
            self.media.note_said(side, said);
        }
        match side {
            Side::A => {
                self.caller.flow = dialog.flow;
                self.caller.tag = dialog.id.local_tag.as_str().into();
                self.caller.contact = contact;
                self.caller.dialog = Some(dialog);
                self.caller.holding = holding;
                self.caller.awaits_ack = awaits_ack;
                self.caller.trunk = trunk;
                self.caller.was_called = leg.was_called;
                self.seat = leg.seat;
            }
            Side::B => {
                self.callee = Some(Leg {
                    id,
                    uri: leg.uri,
                    user: leg.user,
                    contact,
                    dialog,
                    holding,
                    awaits_ack,
                    bye_after_ack: false,
                    trunk,
                });
            }
        }
    }
}
