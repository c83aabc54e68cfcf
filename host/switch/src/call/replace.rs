//! An INVITE that takes the place of a dialog (RFC 3891): who sends it comes into a call instead of one of its parties, or instead
//! of the phones that ring.

use bytes::Bytes;
use media::Side;
use model::{
    ConnId, Flow, Instant, LegId,
    hook::{Destination, MediaMode},
};
use sip::{Dialog, Message, Name, Replaces, ServerTx, Uri, response_to, sdp};

use super::{
    Call, Leg, State,
    answer::finish,
    headers::{ALLOW, OPTION_REPLACES},
    is_sips,
    media::SDP_TYPE,
    our_contact,
    own_offer::{Offered, Outcome, Purpose},
};
use crate::{Fact, Reason, errand::Errand, tables::Tables};

/// The dialog that the caller of a call takes the place of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Replaced {
    /// The call it is in.
    pub(crate) of: ConnId,
    /// The side of the party that stays.
    pub(crate) stays: Side,
    /// That party is here.
    pub(crate) taken: bool,
}

/// What a Replaces stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A party of an established call.
    Party(Side),
    /// A phone that rings.
    Ringing,
}

impl Call {
    /// The place of this call that a Replaces names, by the leg that has its tag. The error is a status of RFC 3891 section 3.
    pub(crate) fn place_of(&mut self, leg: LegId, replaces: &Replaces) -> Result<Place, u16> {
        let branch = self.branches.iter().find(|branch| branch.leg == leg && !branch.cancelled);
        if let Some(branch) = branch {
            let tag = branch.peer_tag.as_deref();
            let is_it = branch.call_id() == replaces.call_id && tag == Some(&replaces.from_tag);
            return if is_it { Ok(Place::Ringing) } else { Err(481) };
        }
        let side = if leg.number == 0 { Side::A } else { Side::B };
        self.side_replaced(side, replaces).ok_or(481_u16)?;
        match self.state {
            State::Established { .. } if self.transfer.is_some() => Err(481),
            State::Established { .. } if replaces.early_only => Err(486),
            State::Established { .. } => Ok(Place::Party(side)),
            State::Ending => Err(603),
            // An early dialog that we did not begin is not replaced.
            _ => Err(481),
        }
    }

    /// The caller of this call is to come in the place of a party of another.
    pub(crate) fn begin_replacing(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        replaced: Replaced,
        is_anchored: bool,
    ) {
        self.replaced = Some(replaced);
        let is_described =
            self.caller.invite.as_ref().is_some_and(|(_, invite)| !invite.body().is_empty());
        if !is_described {
            // What the other party would offer could only be answered in the ACK.
            return self.refuse_caller(
                tables,
                now,
                488,
                Some("An offer is needed to replace a call"),
            );
        }
        let mode = if is_anchored { MediaMode::Anchor } else { MediaMode::Bypass };
        self.state = State::OpeningMedia;
        if !self.open_media(tables, now, mode) {
            self.take_replaced(tables);
        }
    }

    /// The relay is open: the party that stays can come.
    pub(super) fn take_replaced(&mut self, tables: &mut Tables) {
        self.state = State::Joining;
        tables.errands.push_back(Errand::Replace { into: self.conn });
    }

    /// The party that stays is here: it gets the caller's offer.
    pub(crate) fn offer_to_replaced(&mut self, tables: &mut Tables, now: Instant) {
        let Some((_, invite)) = &self.caller.invite else { return };
        let offer = invite.body_bytes();
        self.media.note_path(Side::A, self.caller.flow);
        self.media.note_said(Side::A, Some(offer.as_ref().into()));
        self.offer_to(tables, now, Side::B, Purpose::Replace, Offered::This(offer));
    }

    /// What the party that stays says to the caller's offer.
    pub(super) fn replace_done(&mut self, tables: &mut Tables, now: Instant, outcome: Outcome<'_>) {
        let into = self.conn;
        let status = match outcome {
            Outcome::Accepted(_) if self.answer_replacing(tables, now) => {
                tables.errands.push_back(Errand::Replaced { into });
                return;
            }
            Outcome::Accepted(_) => 488,
            Outcome::Refused(status, _) => status,
            Outcome::Gone(_) => 480,
        };
        tables.errands.push_back(Errand::NotReplaced { into, status });
    }

    /// Answers the caller's INVITE with what the party that stays has said. False when it cannot be answered.
    fn answer_replacing(&mut self, tables: &mut Tables, now: Instant) -> bool {
        let Some(said) = self.media.said(Side::B).map(Bytes::copy_from_slice) else { return false };
        let Ok(told) = self.sdp_across(tables, Side::B, &said) else { return false };
        let Some((tx, invite)) = self.caller.invite.take() else { return false };
        let Ok(dialog) = Dialog::from_request(&invite, &self.caller.tag, self.caller.flow) else {
            self.caller.invite = Some((tx, invite));
            return false;
        };
        self.accept_caller(tables, now, (tx, &invite), dialog, told.unwrap_or(said));
        true
    }

    fn accept_caller(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (tx, invite): (ServerTx, &Message),
        dialog: Dialog,
        body: Bytes,
    ) {
        let mut accept = response_to(invite, 200, "", Some(&self.caller.tag));
        accept.header(Name::Contact, &self.caller.contact);
        accept.header(Name::Allow, ALLOW);
        self.accept_session(tables, now, Side::A, invite, &mut accept);
        accept.header(Name::Supported, OPTION_REPLACES);
        self.watch_over(tables, now);
        tables.sign_response(&mut accept);
        tables.endpoint.respond(now, tx, finish(accept, Some((SDP_TYPE.to_owned(), body))));
        self.caller.dialog = Some(dialog);
        self.caller.awaits_ack = Some(tx);
        self.state = State::Established { since: now };
        self.forget_plan(tables);
        tables.stats.calls_established += 1;
        tables.emit(Fact::Established { conn: self.conn, leg: self.leg_id(Side::B) });
    }

    /// `invite` picks this call up, which still rings elsewhere: its sender becomes the called party. The error is a status for it.
    pub(crate) fn pick_up(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (tx, flow, invite): (ServerTx, Flow, &Message),
    ) -> Result<(), u16> {
        let (State::Trying { .. }, None, None) = (self.state, &self.origin, &self.caller.early)
        else {
            return Err(491);
        };
        let offered =
            |message: &Message| (!message.body().is_empty()).then(|| message.body_bytes());
        let Some((caller_tx, caller_invite)) = self.caller.invite.clone() else { return Err(481) };
        let (Some(theirs), Some(ours)) = (offered(invite), offered(&caller_invite)) else {
            return Err(488);
        };
        // Each has offered: each is answered with what the other has offered, as far as it can do it.
        let to_caller = sdp::answer(&ours, &theirs).ok_or(488_u16)?;
        let to_sender = sdp::answer(&theirs, &ours).ok_or(488_u16)?;
        let tag = tables.endpoint.mint_tag();
        let dialog = Dialog::from_request(invite, &tag, flow).map_err(|_| 400_u16)?;
        let caller_dialog =
            Dialog::from_request(&caller_invite, &self.caller.tag, self.caller.flow)
                .map_err(|_| 480_u16)?;
        self.media.forget_callee(tables, self.conn);
        self.media.note_path(Side::A, self.caller.flow);
        self.media.note_path(Side::B, flow);
        let across = |call: &mut Self, tables: &mut Tables, side, sdp: Vec<u8>| {
            let told = call.sdp_across(tables, side, &sdp).map_err(|_| 488_u16)?;
            call.media.note_said(side, Some(sdp.as_slice().into()));
            Ok::<_, u16>(told.unwrap_or_else(|| sdp.into()))
        };
        let to_caller = across(self, tables, Side::B, to_caller)?;
        let to_sender = across(self, tables, Side::A, to_sender)?;
        self.stop_timer(tables, Reason::Ring);
        self.cancel_branches(tables, now, None);
        self.caller.invite = None;
        self.become_callee(tables, now, (tx, flow, invite), dialog, to_sender);
        self.accept_caller(tables, now, (caller_tx, &caller_invite), caller_dialog, to_caller);
        Ok(())
    }

    fn become_callee(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (tx, flow, invite): (ServerTx, Flow, &Message),
        dialog: Dialog,
        body: Bytes,
    ) {
        self.next_leg += 1;
        let id = LegId { conn: self.conn, number: self.next_leg };
        let uri = dialog.remote_target.clone();
        let shown = (!self.privacy(Side::A).hides_party()).then(|| self.shown_caller());
        let user = shown.and_then(|shown| Uri::parse(&shown.uri).ok()?.user);
        let advertised = tables.advertised(flow.listener);
        let secure = is_sips(invite.request_uri());
        let contact = our_contact(user, advertised, flow.transport, secure);
        let mut accept = response_to(invite, 200, "", Some(&dialog.id.local_tag));
        accept.header(Name::Contact, &contact);
        accept.header(Name::Allow, ALLOW);
        accept.header(Name::Supported, OPTION_REPLACES);
        tables.sign_response(&mut accept);
        tables.endpoint.respond(now, tx, finish(accept, Some((SDP_TYPE.to_owned(), body))));
        tables.invites_by_server_tx.insert(tx, (self.conn, Side::B));
        tables.legs_by_tag.insert(dialog.id.local_tag.as_str().into(), id);
        tables.host_leg(&dialog.id.local_tag, &dialog.id.call_id, self.moves);
        tables.emit(Fact::LegOffered {
            leg: id,
            uri: uri.clone(),
            call_id: dialog.id.call_id.clone(),
            flow,
            target: Destination::Uri(uri.clone()),
        });
        let from = invite.from().ok().and_then(|from| from.parsed_uri().ok()?.aor());
        self.callee = Some(Leg {
            id,
            uri,
            contact: contact.into(),
            user: from,
            dialog,
            holding: false,
            awaits_ack: Some(tx),
            bye_after_ack: false,
            trunk: None,
        });
    }

    /// This call ends before its caller has come into the other: that one has lost its party, or has it still.
    pub(super) fn leave_replaced(&mut self, tables: &mut Tables) {
        if let Some(replaced) = self.replaced.take().filter(|replaced| replaced.taken) {
            tables.errands.push_back(Errand::Deserted { of: replaced.of });
        }
    }
}
