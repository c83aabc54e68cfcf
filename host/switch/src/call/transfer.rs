//! A transfer: in the call whose party asks for it, and in the call that it makes.

use std::sync::Arc;

use bytes::Bytes;
use media::Side;
use model::{
    Aor, ConnId, Directory, Instant,
    hook::{CallFacts, MediaMode, Party, Transfer, TransferKind},
};
use sip::{
    ClientTx, Dialog, Message, Method, Name, NameAddr, Replaces, ServerTx, Writer, response_to,
    sdp::Sdp,
};

use super::{
    ANONYMOUS, Branch, Call, CallerLeg, Leg, PendingAck, Reliability, State,
    answer::Stray,
    facts_of,
    headers::name_addr,
    media::SDP_TYPE,
    offer::refuse,
    own_offer::{Offered, Outcome, Purpose},
    refer::Wish,
    subscription::Subscription,
};
use crate::{Cause, Fact, Reason, ReleasedBy, TransferBy, Unfit, errand::Errand, tables::Tables};

/// A transfer that a party of a call has asked for.
pub(crate) struct Transferring {
    /// The party.
    pub(super) by: Side,
    /// The call that the other party is to be in.
    pub(crate) into: ConnId,
    /// `None` when the party does not want to be told, or cannot.
    pub(super) subscription: Option<Subscription>,
}

/// Where the caller of a call comes from that a transfer began.
pub(crate) struct Origin {
    /// The call.
    pub(crate) of: ConnId,
    /// The side of the party there.
    pub(crate) side: Side,
    /// The party is here.
    pub(crate) taken: bool,
    /// The call and the side that the called party comes from, if it is not called anew.
    pub(crate) callee: Option<(ConnId, Side)>,
    /// Neither party knows what the other can do: the caller is asked for an offer.
    pub(crate) asks: bool,
}

impl Call {
    /// Whether a REFER of `by` may be taken; the error is the status to refuse it with.
    pub(crate) fn judge_refer(
        &self,
        tables: &Tables,
        by: Side,
        refer: &Message,
    ) -> Result<Wish, (u16, &'static str)> {
        let wish = Wish::read(refer)?;
        let allowed = match tables.config.transfers.by {
            TransferBy::Anybody => true,
            TransferBy::Phones => self.trunk_of_side(tables, by).is_none(),
            TransferBy::Nobody => false,
        };
        if !allowed {
            return Err((403, "Transfers are not allowed"));
        }
        // Before the answer there is nobody to send on; and one transfer at a time.
        let State::Established { .. } = self.state else { return Err((491, "")) };
        if self.transfer.is_some() {
            return Err((491, ""));
        }
        if self.transfers() >= tables.config.transfers.count_max {
            return Err((483, "Transferred too often"));
        }
        Ok(wish)
    }

    /// What a plugin or a third party wants that has a party sent to `to`: a URI, or a number of the host that was called.
    ///
    /// # Errors
    ///
    /// Why the call is in no state for that, or that nobody can be called there; also for a person.
    pub(crate) fn wish_for(&self, tables: &Tables, to: &str) -> Result<Wish, (Unfit, String)> {
        let State::Established { .. } = self.state else {
            return Err((Unfit::State, "the parties do not talk".to_owned()));
        };
        if self.transfer.is_some() {
            return Err((Unfit::State, "a party is being sent on already".to_owned()));
        }
        if self.transfers() >= tables.config.transfers.count_max {
            let text = "the party was sent on as often as transfers.count_max allows".to_owned();
            return Err((Unfit::Limit, text));
        }
        let host = &self.facts.callee.host;
        let uri = match to.contains(':') {
            true => to.to_owned(),
            false if host.is_empty() => {
                let text = "a number needs a host here: give a URI".to_owned();
                return Err((Unfit::Destination, text));
            }
            false => format!("sip:{to}@{host}"),
        };
        let text = || (Unfit::Destination, format!("`{to}` is no URI that can be called"));
        Wish::to(uri).ok_or_else(text)
    }

    /// A plugin has the party sent on that `by` talks to. Nobody is told how it goes but the plugins.
    pub(crate) fn begin_transfer_for(
        &mut self,
        tables: &mut Tables,
        by: Side,
        into: ConnId,
        wish: &Wish,
    ) {
        self.transfer = Some(Box::new(Transferring { by, into, subscription: None }));
        let (leg, to) = (self.leg_id(by), wish.uri.clone());
        tables.emit(Fact::TransferBegun { leg, into, to, dropped: false });
    }

    /// How often a party of this call was sent on.
    pub(crate) fn transfers(&self) -> u8 {
        self.facts.transfer.as_ref().map_or(0, |transfer| transfer.count)
    }

    /// Takes a REFER: answers it, and says that the transfer is tried.
    pub(crate) fn begin_transfer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        by: Side,
        into: ConnId,
        (tx, refer, wish): (ServerTx, &Message, &Wish),
    ) {
        let mut accept = response_to(refer, 202, "", None);
        accept.header(Name::Contact, self.contact(by));
        if !wish.notifies {
            accept.other("Refer-Sub", b"false");
        }
        tables.sign_response(&mut accept);
        tables.endpoint.respond(now, tx, accept.finish(None));
        let refers = match by {
            Side::A => &mut self.refers[0],
            Side::B => &mut self.refers[1],
        };
        // RFC 3515 section 2.4.6: the first REFER of a dialog may do without, every other has its CSeq number for an id.
        let id = (*refers > 0).then(|| refer.cseq().number);
        *refers = refers.saturating_add(1);
        let subscription = wish.notifies.then(|| Subscription::new(by, id));
        self.transfer = Some(Box::new(Transferring { by, into, subscription }));
        tables.emit(Fact::TransferBegun {
            leg: self.leg_id(by),
            into,
            to: wish.uri.clone(),
            dropped: wish.dropped,
        });
        self.notify_transfer(tables, now, 100, "");
    }

    /// The call of the party that `by` sends on. The error is a status to refuse the REFER with.
    pub(crate) fn sent_on(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        by: Side,
        wish: &Wish,
    ) -> Result<Self, u16> {
        let side = by.other();
        let flow = self.dialog_mut(side).ok_or(481_u16)?.flow;
        let invite = self.invite_of_sent_on(tables, by, wish)?;
        let conn = tables.mint_conn_id();
        let facts = facts_of(tables, dir, conn, flow, &invite, None).map_err(|_| 400_u16)?;
        let kind = match wish.replaces {
            Some(_) => TransferKind::Attended,
            None => TransferKind::Blind,
        };
        let facts = self.facts_of_sent_on(tables, by, kind, facts);
        let names = ("".into(), "".into());
        let caller = CallerLeg::new(flow, names, (ServerTx::NONE, invite), Reliability::Unknown);
        let mut call = Self::new(now, Arc::new(facts), caller, None);
        let (of, taken, callee, asks) = (self.conn, false, None, false);
        call.origin = Some(Box::new(Origin { of, side, taken, callee, asks }));
        Ok(call)
    }

    /// What plugins and records may know of a call whose caller is the party that `by` sends on.
    pub(crate) fn facts_of_sent_on(
        &self,
        tables: &Tables,
        by: Side,
        kind: TransferKind,
        facts: CallFacts,
    ) -> CallFacts {
        let side = by.other();
        let trunk = self.trunk_of_side(tables, side);
        let mut labels = self.facts.labels.clone();
        let own = facts.labels.iter().filter(|(name, _)| self.facts.label(name).is_none());
        labels.extend(own.cloned());
        CallFacts {
            labels,
            caller: self.party(side),
            identity: self.facts.identity.clone().filter(|_| side == Side::A),
            trunk: trunk.and_then(|id| Some(tables.trunks.get(id)?.name.clone())),
            transfer: Some(Box::new(Transfer {
                kind,
                by: self.party(by),
                of: self.conn,
                count: self.transfers() + 1,
            })),
            ..facts
        }
    }

    /// The call of both parties of an attended transfer begins: `callee` and its side are where the called party comes from. The
    /// media goes through the relay where that of either call did.
    pub(crate) fn begin_joining(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        callee: (ConnId, Side),
        mode: MediaMode,
    ) {
        if let Some(origin) = &mut self.origin {
            origin.callee = Some(callee);
            origin.asks = true;
        }
        self.state = State::OpeningMedia;
        if !self.open_media(tables, now, mode) {
            self.take_parties(tables);
        }
    }

    /// The relay is open: the parties can come.
    pub(super) fn take_parties(&mut self, tables: &mut Tables) {
        self.caller.invite = None;
        self.state = State::Joining;
        tables.errands.push_back(Errand::Take { into: self.conn });
    }

    /// The caller of this call that nobody has answered gives way to the party that it sends on from another call. `next` is the INVITE
    /// that others are called with from now on.
    pub(crate) fn give_way(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (of, side): (ConnId, Side),
        next: Message,
    ) {
        let Some((tx, invite)) = self.caller.invite.take() else { return };
        // A leg that was called by us, or came from another call, has no INVITE of its own.
        if tx != ServerTx::NONE {
            refuse(tables, now, tx, &invite, 487, "");
            tables.invites_by_server_tx.remove(&tx);
        }
        tables.forget_leg(&self.caller.tag);
        self.caller.tag = "".into();
        self.caller.invite = Some((ServerTx::NONE, next));
        self.shown = None;
        // Who rings knows a session by now, which goes on.
        let told = self.told(tables, Side::B);
        self.media.continue_session(Side::B, told.as_deref());
        self.media.note_said(Side::A, None);
        self.leave_early_dialogs(tables, None);
        self.seat = None;
        let (taken, callee, asks) = (false, None, true);
        self.origin = Some(Box::new(Origin { of, side, taken, callee, asks }));
    }

    /// Whether the caller's INVITE waits for an answer, so that a party may take its place.
    pub(crate) const fn is_ringing(&self) -> bool {
        matches!(self.state, State::Trying { .. }) && self.origin.is_none()
    }

    /// The side of this call whose dialog a Replaces names; `None` when there is none.
    pub(crate) fn side_replaced(&mut self, side: Side, replaces: &Replaces) -> Option<Side> {
        let is_it = match self.dialog_mut(side) {
            Some(dialog) => {
                dialog.id.call_id == replaces.call_id && dialog.id.remote_tag == replaces.from_tag
            }
            None => self.caller.invite.as_ref().is_some_and(|(_, invite)| {
                let tag = invite.from().ok().and_then(|from| from.tag().map(str::to_owned));
                side == Side::A
                    && invite.call_id() == replaces.call_id
                    && tag.as_deref() == Some(&replaces.from_tag)
            }),
        };
        is_it.then_some(side)
    }

    /// The INVITE that the party might have sent itself: from it, to whom it is sent, with what it last said of its media.
    pub(crate) fn invite_of_sent_on(
        &mut self,
        tables: &mut Tables,
        by: Side,
        wish: &Wish,
    ) -> Result<Message, u16> {
        let side = by.other();
        let referred_by = match &wish.referred_by {
            _ if self.privacy(by).hides_party() => ANONYMOUS.to_owned(),
            Some(value) => value.clone(),
            None => format!("<{}>", self.party(by).uri),
        };
        let from = match (side, &self.shown) {
            (Side::A, Some(shown)) => name_addr(shown),
            _ => name_addr(&self.party(side)),
        };
        let said = self.media.said(side).and_then(|said| Some(Sdp::parse(said).ok()?.resumed()));
        let target = self.dialog_mut(side).ok_or(481_u16)?.remote_target.clone();
        let (call_id, tag) = (tables.endpoint.mint_call_id(), tables.endpoint.mint_tag());
        let mut writer = Writer::request(Method::Invite, &wish.uri);
        writer.header(Name::Via, format_args!("SIP/2.0/UDP transfer.invalid;branch=z9hG4bK{tag}"));
        writer.header(Name::MaxForwards, 70);
        writer.header(Name::From, format_args!("{from};tag={tag}"));
        writer.header(Name::To, format_args!("<{}>", wish.uri));
        writer.header(Name::CallId, &call_id);
        writer.header(Name::CSeq, "1 INVITE");
        writer.header(Name::Contact, format_args!("<{target}>"));
        writer.header(Name::ReferredBy, referred_by);
        if self.privacy(side).hides_party() {
            writer.header(Name::Privacy, "id");
        }
        let bytes = writer.finish(said.as_deref().map(|said| (SDP_TYPE, said)));
        Message::parse(bytes, &tables.config.sip_limits).map_err(|_| 400_u16)
    }

    /// A party of this call: a user of ours as what was registered, any other as its own messages name it.
    pub(crate) fn party(&self, side: Side) -> Party {
        if side == Side::A {
            return self.facts.caller.clone();
        }
        let Some(leg) = &self.callee else { return self.facts.callee.clone() };
        let Ok(address) = NameAddr::parse(&leg.dialog.remote_uri) else {
            return self.facts.callee.clone();
        };
        let party = super::offer::party_of(&address);
        // Who was called as one of several has a name of its own.
        let is_other = |user: &&Aor| (user.user(), user.host()) != (&*party.user, &*party.host);
        match leg.user.as_ref().filter(is_other) {
            Some(user) => Party {
                uri: format!("sip:{user}"),
                user: user.user().to_owned(),
                host: user.host().to_owned(),
                display: String::new(),
            },
            None => party,
        }
    }

    /// A target has answered the call of a party that was sent on.
    pub(super) fn answer_transfer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        branch: Branch,
        dialog: Dialog,
        response: &Message,
    ) -> Result<(), Box<Stray>> {
        let (tx, cseq) = (branch.tx(), branch.facts.cseq);
        self.media.note_path(Side::B, dialog.flow);
        if self.dial.is_some() {
            // It is the only party.
            self.media.note_path(Side::A, dialog.flow);
        }
        if self.answer_body(tables, &branch, response, false).is_err() {
            return Err(Box::new(Stray { tx, contact: branch.contact, dialog, cseq }));
        }
        let Some((_, invite)) = self.caller.invite.take() else {
            return Err(Box::new(Stray { tx, contact: branch.contact, dialog, cseq }));
        };
        self.stop_timer(tables, Reason::Ring);
        self.cancel_branches(tables, now, None);
        self.acknowledge_target(
            tables,
            now,
            (tx, cseq),
            &invite,
            &dialog,
            &branch.contact,
            response,
        );
        tables.legs_by_tag.insert(branch.tag, branch.leg);
        self.callee = Some(Leg {
            id: branch.leg,
            uri: branch.uri,
            user: branch.user,
            contact: branch.contact,
            dialog,
            holding: false,
            awaits_ack: None,
            bye_after_ack: false,
            trunk: branch.trunk,
        });
        self.note_session(tables, now, Side::B, response);
        self.state = State::Joining;
        self.forget_plan(tables);
        tables.errands.push_back(Errand::Take { into: self.conn });
        Ok(())
    }

    /// The ACK goes at once, unless the 2xx has an offer in it, which the party that was sent on answers.
    #[expect(clippy::too_many_arguments, reason = "all of one response")]
    fn acknowledge_target(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (tx, cseq): (ClientTx, u32),
        invite: &Message,
        dialog: &Dialog,
        contact: &str,
        response: &Message,
    ) {
        if invite.body().is_empty() && !response.body().is_empty() {
            self.pending_ack = Some(PendingAck { from: Side::A, tx, cseq });
        } else {
            let ack = dialog.ack(cseq, contact);
            tables.endpoint.send_ack(now, tx, dialog.flow, ack);
        }
    }

    /// The party that was sent on is here: it is told where its media goes now.
    pub(crate) fn join(&mut self, tables: &mut Tables, now: Instant) {
        // A refresh of its session while it waited for somebody.
        self.abandon_own_offer(tables, now);
        // An offer that is here already needs no asking for one.
        if self.pending_ack.is_none() && self.origin.as_ref().is_some_and(|origin| origin.asks) {
            self.offer_to(tables, now, Side::A, Purpose::Join, Offered::Ask);
            return;
        }
        let said = self.media.said(Side::B).map(Bytes::copy_from_slice);
        let Some(said) = said else { return self.joined(tables, now) };
        // Its INVITE waits until its own is over; nothing else can be in the way.
        self.offer_to(tables, now, Side::A, Purpose::Join, Offered::This(said));
    }

    /// What came of the re-INVITE to the party that was sent on.
    pub(super) fn join_done(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        to: Side,
        outcome: Outcome<'_>,
    ) {
        let into = self.conn;
        match outcome {
            // The offer that the caller was asked for goes to the called party.
            Outcome::Accepted(response) if to == Side::A && self.asked.is_some() => {
                let offer = response.body_bytes();
                self.media.note_said(Side::A, Some(offer.as_ref().into()));
                self.offer_to(tables, now, Side::B, Purpose::Join, Offered::This(offer));
            }
            Outcome::Accepted(_) if to == Side::B => {
                self.answer_asked(tables, now, Offered::Again);
                self.joined(tables, now);
            }
            Outcome::Accepted(response) => {
                if self.pending_ack.is_some() {
                    self.pass_ack(tables, now, response);
                }
                self.joined(tables, now);
            }
            Outcome::Refused(status, _) => {
                tables.errands.push_back(Errand::NotJoined { into, status, gone: None });
            }
            Outcome::Gone(status) => {
                tables.errands.push_back(Errand::NotJoined { into, status, gone: Some(to) });
            }
        }
    }

    fn joined(&mut self, tables: &mut Tables, now: Instant) {
        self.state = State::Established { since: now };
        self.watch_over(tables, now);
        tables.stats.calls_established += 1;
        tables.emit(Fact::Established { conn: self.conn, leg: self.leg_id(Side::B) });
        self.answered(tables, self.leg_id(Side::B));
        tables.errands.push_back(Errand::Joined { into: self.conn });
    }

    /// News of the call that a party of this one is to be in.
    pub(crate) fn on_told(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        into: ConnId,
        status: u16,
        reason: &str,
    ) {
        if self.transfer.as_ref().is_none_or(|transfer| transfer.into != into) {
            return;
        }
        self.notify_transfer(tables, now, status, reason);
        if status >= 300 {
            self.transfer = None;
            tables.emit(Fact::TransferFailed { conn: self.conn, status });
            self.end_if_alone(tables, now);
        }
    }

    /// Ends an established call that one of its parties has left for another call, from which it did not come back.
    pub(crate) fn end_if_alone(&mut self, tables: &mut Tables, now: Instant) {
        let is_up = matches!(self.state, State::Established { .. });
        let away = self.away_side();
        let lacks_caller = self.caller.dialog.is_none() && away != Some(Side::A);
        let lacks_callee = self.callee.is_none() && away != Some(Side::B);
        if is_up && (lacks_caller || lacks_callee) {
            self.release(tables, now, Cause::Transferred, None);
        }
    }

    /// This call ends before its parties were joined: the calls they come from learn of it.
    pub(super) fn leave_origin(&mut self, tables: &mut Tables) {
        let into = self.conn;
        let Some(origin) = self.origin.take_if(|_| self.caller.invite.is_none()) else { return };
        let (of, status, reason) = (origin.of, 487, String::new());
        tables.errands.push_back(Errand::Told { of, into, status, reason });
        if let Some((of, _)) = origin.callee {
            tables.errands.push_back(Errand::Deserted { of });
        }
    }

    /// The other party talks in its new call: this one is over.
    pub(crate) fn end_transferred(&mut self, tables: &mut Tables, now: Instant, into: ConnId) {
        if self.transfer.as_ref().is_none_or(|transfer| transfer.into != into) {
            return;
        }
        self.notify_transfer(tables, now, 200, "");
        let Some(transfer) = self.transfer.take() else { return };
        tables.emit(Fact::Transferred { conn: self.conn, into: transfer.into });
        self.release(tables, now, Cause::Transferred, None);
    }

    /// The party that asked for the transfer has said BYE: this call is over, the other party is in its new one.
    pub(crate) fn end_left(&mut self, tables: &mut Tables, now: Instant) {
        let Some(by) = self.transfer.as_ref().map(|transfer| transfer.by) else { return };
        let who = match by {
            Side::A => ReleasedBy::Caller,
            Side::B => ReleasedBy::Callee,
        };
        self.release_as(tables, now, Cause::Hangup(who), Some(by), None);
        self.forget_tag(tables, by);
    }

    /// This call ends while a transfer is under way. When it was left by the party that asked for it, the transfer goes on and the
    /// party is told; else there is nobody to be sent on.
    pub(super) fn leave_transfer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        sender: Option<Side>,
    ) {
        let Some(transfer) = &self.transfer else { return };
        if sender == Some(transfer.by) {
            return;
        }
        tables.errands.push_back(Errand::Abandon { into: transfer.into });
        self.notify_transfer(tables, now, 487, "");
        self.transfer = None;
    }
}

impl Tables {
    /// Has the call that a party came from know how it goes.
    pub(super) fn tell_transfer(&mut self, of: ConnId, into: ConnId, status: u16, reason: &str) {
        self.errands.push_back(Errand::Told { of, into, status, reason: reason.to_owned() });
    }
}

#[cfg(test)]
#[path = "transfer_test.rs"]
mod tests;

#[cfg(test)]
#[path = "attended_test.rs"]
mod attended;
