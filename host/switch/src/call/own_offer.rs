//! A re-INVITE that this switch begins itself (RFC 3261 section 14.1), towards one party of an established call.

use bytes::Bytes;
use media::Side;
use model::Instant;
use sip::{
    ClientTx, Message, Method, Name,
    offer_answer::{CallIdOwner, glare_delay},
};

use super::{
    Call, State,
    headers::ALLOW,
    media::{Body, SDP_TYPE},
};
use crate::{
    Reason,
    tables::{ClientUse, Tables},
    trunk::Challenged,
};

/// What a re-INVITE of ours says of the media.
#[derive(Clone, Debug)]
pub(crate) enum Offered {
    /// What the party was told last: nothing changes (RFC 4028 section 7.4).
    Again,
    /// Nothing: the party is asked for an offer. The answer goes out by [`Call::answer_asked`].
    Ask,
    /// This description of the other party, with our ports put in where the media is anchored.
    This(Bytes),
}

/// What a re-INVITE of ours is for; says who is told of its outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A session timer (RFC 4028).
    Refresh,
    /// Another takes the place of the one that the party has spoken to.
    Replace,
    /// The party is joined to another than it has spoken to.
    Join,
    /// A plugin or a third party holds the party, or takes it back.
    Hold,
}

/// What came of a re-INVITE of ours.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    /// A 2xx. It has been acknowledged, unless the party was asked for an offer that is in it.
    Accepted(&'a Message),
    /// The party refused; the session goes on as it was. With the response where there was one: 491 too often, 488, 422, or 503
    /// when it could not be sent.
    Refused(u16, Option<&'a Message>),
    /// The dialog is dead: 408 or 481 (RFC 3261 section 12.2.1.2). The call has not been released yet.
    Gone(u16),
}

/// A re-INVITE of ours, from the wish to its final response.
pub(crate) struct OwnOffer {
    to: Side,
    why: Purpose,
    what: Offered,
    /// `None` while it waits: for an ACK, for an INVITE of a party to end, or after a 491.
    client: Option<ClientTx>,
    /// How often it has met an INVITE of the party.
    collisions: u8,
    /// It waits out a collision.
    backs_off: bool,
    challenged: Challenged,
}

/// A 2xx of a party that was asked for an offer: it waits for our ACK with the answer.
pub(crate) struct Asked {
    to: Side,
    /// The INVITE that the ACK will acknowledge.
    tx: ClientTx,
    /// Its CSeq number.
    cseq: u32,
}

/// How often a re-INVITE of ours is sent anew after a 491 before it counts as refused.
const COLLISIONS_MAX: u8 = 6;

impl Call {
    /// Begins a re-INVITE towards `to` as soon as nothing stands in its way, and tells [`Self::own_offer_done`] what came of it.
    /// False when the call is not established, or another re-INVITE of ours is open: only one is at a time.
    pub(crate) fn offer_to(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        to: Side,
        why: Purpose,
        what: Offered,
    ) -> bool {
        let is_up = matches!(self.state, State::Established { .. } | State::Joining);
        if !is_up && !self.is_set_up() {
            return false;
        }
        if self.own_offer.is_some() {
            return false;
        }
        self.own_offer = Some(Box::new(OwnOffer {
            to,
            why,
            what,
            client: None,
            collisions: 0,
            backs_off: false,
            challenged: Challenged::default(),
        }));
        self.try_own_offer(tables, now);
        true
    }

    /// Whether an INVITE of a party is open, so that it must not be met by one of ours (RFC 3261 section 14.1).
    fn is_offering(&self, to: Side) -> bool {
        // Of a party that joins another, the answer is what that one's ACK waits for.
        let owes_ack = self.pending_ack.is_some() && self.state != State::Joining;
        self.reinvite.is_some() || self.has_given_up(to) || owes_ack || self.awaits_ack_of(to)
    }

    /// Whether a re-INVITE of ours is under way, so that one of a party is refused with 491 (RFC 3261 section 14.2).
    pub(super) fn has_own_offer(&self) -> bool {
        self.own_offer.as_ref().is_some_and(|own| own.client.is_some()) || self.asked.is_some()
    }

    /// What may have stood in the way of a re-INVITE of ours is over.
    pub(super) fn try_own_offer(&mut self, tables: &mut Tables, now: Instant) {
        let Some(own) = &self.own_offer else { return };
        let to = own.to;
        if own.client.is_some() || own.backs_off {
            return;
        }
        if !self.is_offering(to) {
            self.send_own_offer(tables, now);
        }
    }

    /// The time after a 491 is over.
    pub(crate) fn on_own_offer_timer(&mut self, tables: &mut Tables, now: Instant) {
        self.stop_timer(tables, Reason::OwnOffer);
        if let Some(own) = &mut self.own_offer {
            own.backs_off = false;
        }
        self.try_own_offer(tables, now);
    }

    fn send_own_offer(&mut self, tables: &mut Tables, now: Instant) {
        let Some(mut own) = self.own_offer.take() else { return };
        let to = own.to;
        let Ok(body) = self.body_of_own(tables, to, &own.what) else {
            return self.own_offer_done(tables, now, to, own.why, Outcome::Refused(488, None));
        };
        let contact = self.contact(to).to_owned();
        let trunk = self.trunk_of_side(tables, to);
        // Without them it would end the session timer of the leg, whatever it is for (RFC 4028 section 7.4).
        let session = self.session_fields(tables, to);
        let Some(dialog) = self.dialog_mut(to) else { return };
        let flow = dialog.flow;
        let mut draft = dialog.request(Method::Invite, &contact);
        draft.header(Name::Allow, ALLOW);
        for (name, value) in session {
            draft.header(name, value);
        }
        if !tables.config.server_header.is_empty() {
            draft.header(Name::UserAgent, &tables.config.server_header);
        }
        if let Some(trunk) = trunk {
            tables.prove(trunk, &mut own.challenged, &mut draft);
        }
        match tables.endpoint.send_request(now, flow, draft.with_body(body)) {
            Ok(client) => {
                tables.uses_by_client_tx.insert(client, ClientUse::OwnOffer { conn: self.conn });
                own.client = Some(client);
                self.own_offer = Some(own);
            }
            Err(_) => self.own_offer_done(tables, now, to, own.why, Outcome::Refused(503, None)),
        }
    }

    /// The body of a re-INVITE of ours; the error says that a description cannot be shown to the party.
    fn body_of_own(&mut self, tables: &mut Tables, to: Side, what: &Offered) -> Result<Body, ()> {
        let other = match what {
            Offered::Ask => return Ok(None),
            Offered::Again => match self.media.said(to.other()) {
                Some(said) => Bytes::copy_from_slice(said),
                None => {
                    // The parties never spoke of media, or it knows nobody yet.
                    let told = self.media.told_elsewhere(to).map(Bytes::copy_from_slice);
                    return Ok(told.map(|told| (SDP_TYPE.to_owned(), told)));
                }
            },
            Offered::This(body) => body.clone(),
        };
        let sdp = self.sdp_across(tables, to.other(), &other).map_err(|_| ())?;
        Ok(Some((SDP_TYPE.to_owned(), sdp.unwrap_or(other))))
    }

    /// A response to a re-INVITE of ours.
    pub(crate) fn on_own_offer_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        response: &Message,
    ) {
        if response.status() < 200 {
            return;
        }
        tables.uses_by_client_tx.remove(&tx);
        let Some(mut own) = self.own_offer.take_if(|own| own.client == Some(tx)) else { return };
        own.client = None;
        let (to, why) = (own.to, own.why);
        match response.status() {
            200..=299 => self.own_offer_accepted(tables, now, tx, &own, response),
            401 | 407
                if self.trunk_of_side(tables, to).is_some_and(|id| tables.can_prove(id))
                    && own.challenged.take(response) =>
            {
                self.own_offer = Some(own);
                self.send_own_offer(tables, now);
            }
            491 if own.collisions < COLLISIONS_MAX => {
                own.collisions += 1;
                own.backs_off = true;
                self.own_offer = Some(own);
                let wait = glare_delay(self.owner_of_call_id(to), tables.endpoint.mint_number());
                self.start_timer(tables, now + wait, Reason::OwnOffer);
            }
            status @ (408 | 481) => {
                self.own_offer_done(tables, now, to, why, Outcome::Gone(status));
            }
            status => {
                let outcome = Outcome::Refused(status, Some(response));
                self.own_offer_done(tables, now, to, why, outcome);
            }
        }
    }

    fn own_offer_accepted(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        own: &OwnOffer,
        response: &Message,
    ) {
        let (to, why, cseq) = (own.to, own.why, response.cseq().number);
        if let Some(dialog) = self.dialog_mut(to) {
            dialog.refresh_target(response);
        }
        self.note_session(tables, now, to, response);
        if matches!(own.what, Offered::Ask) && !response.body().is_empty() {
            self.asked = Some(Box::new(Asked { to, tx, cseq }));
        } else {
            self.acknowledge_own(tables, now, &Asked { to, tx, cseq }, None);
            // What the party answers is where it is reached from now on; it is acknowledged whatever it says.
            if why == Purpose::Hold && self.media.is_held(to) {
                self.note_held_answer(tables, to, response);
            } else {
                let _ = self.body_across(tables, to, response);
            }
        }
        self.own_offer_done(tables, now, to, why, Outcome::Accepted(response));
    }

    /// Answers the offer that a party was asked for: with a description of the other party, or so that the session stays as it was.
    pub(crate) fn answer_asked(&mut self, tables: &mut Tables, now: Instant, answer: Offered) {
        let Some(asked) = self.asked.take() else { return };
        // An ACK cannot be left out, and cannot refuse.
        let body = self.body_of_own(tables, asked.to, &answer).unwrap_or_default();
        self.acknowledge_own(tables, now, &asked, body);
    }

    fn acknowledge_own(&mut self, tables: &mut Tables, now: Instant, asked: &Asked, body: Body) {
        let contact = self.contact(asked.to).to_owned();
        let Some(dialog) = self.dialog_mut(asked.to) else { return };
        let (flow, ack) = (dialog.flow, dialog.ack(asked.cseq, &contact));
        tables.endpoint.send_ack(now, asked.tx, flow, ack.with_body(body));
    }

    /// No final response came to a re-INVITE of ours: `status` says how, 408 or 503.
    pub(crate) fn on_own_offer_lost(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        status: u16,
    ) {
        let Some(own) = self.own_offer.take_if(|own| own.client == Some(tx)) else { return };
        let outcome =
            if status == 408 { Outcome::Gone(408) } else { Outcome::Refused(status, None) };
        self.own_offer_done(tables, now, own.to, own.why, outcome);
    }

    /// What came of a re-INVITE of ours goes to what it was for.
    fn own_offer_done(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        to: Side,
        why: Purpose,
        outcome: Outcome<'_>,
    ) {
        match (why, outcome) {
            (Purpose::Refresh, outcome) => self.refresh_done(tables, now, to, outcome),
            (Purpose::Replace, outcome) => self.replace_done(tables, now, outcome),
            (Purpose::Join, outcome) => self.join_done(tables, now, to, outcome),
            (Purpose::Hold, outcome) => self.hold_done(tables, now, to, outcome),
        }
        self.pursue_hold(tables, now);
        self.settle_hold(tables);
    }

    /// Whether a party is being told that it is held, or is not any more.
    pub(super) fn is_telling_of_hold(&self) -> bool {
        self.own_offer.as_ref().is_some_and(|own| own.why == Purpose::Hold)
    }

    /// Ends a re-INVITE of ours, because the call ends.
    pub(super) fn abandon_own_offer(&mut self, tables: &mut Tables, now: Instant) {
        if let Some(asked) = self.asked.take() {
            // What the party was told in the call it came from is what holds again if it goes back there.
            let told = self.media.told_elsewhere(asked.to).map(Bytes::copy_from_slice);
            let body = told.map(|told| (SDP_TYPE.to_owned(), told));
            self.acknowledge_own(tables, now, &asked, body);
        }
        let Some(own) = self.own_offer.take() else { return };
        if let Some(client) = own.client {
            self.give_up_offer(tables, now, (own.to, client, matches!(own.what, Offered::Ask)));
        }
    }

    /// Who made the Call-ID of a side's dialog.
    const fn owner_of_call_id(&self, side: Side) -> CallIdOwner {
        match side {
            Side::A if !self.caller.was_called => CallIdOwner::Peer,
            Side::A | Side::B => CallIdOwner::Us,
        }
    }
}

#[cfg(test)]
#[path = "own_offer_test.rs"]
mod tests;
