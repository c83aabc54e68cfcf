//! An offer within the call (RFC 3261 section 14): hold, resume, a codec or an address that changes.

use media::{RelayCommand, Side};
use model::{Instant, RelayId};
use sip::{ClientTx, Message, Method, Name, ServerTx, response_to};

use super::{
    Call, State,
    answer::finish,
    headers::ALLOW,
    media::{holds, streams_of},
    offer::refuse,
};
use crate::{
    Fact,
    tables::{ClientUse, Tables},
    trunk::Challenged,
};

/// A re-INVITE on its way across.
pub(crate) struct Reinvite {
    from: Side,
    server: ServerTx,
    request: Message,
    /// The other side has not acknowledged our 2xx yet; until then no INVITE may be sent to it (RFC 3261 section 14.1).
    waits_for_ack: bool,
    /// `None` until it is sent on: it may wait for an ACK, or for the relay.
    client: Option<ClientTx>,
    /// Who it was asked to prove to be.
    challenged: Challenged,
    /// The description of its sender that counts again if it is refused.
    before: Option<Box<[u8]>>,
}

/// A 2xx whose ACK waits for the ACK of the other side, which has the answer in it.
pub(crate) struct PendingAck {
    /// The side whose ACK is awaited.
    pub(crate) from: Side,
    /// The INVITE, on the other side, that the ACK will acknowledge.
    pub(crate) tx: ClientTx,
    /// Its CSeq number.
    pub(crate) cseq: u32,
}

impl Call {
    /// A re-INVITE came from `side`; its CSeq has been checked.
    pub(crate) fn on_reinvite(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        server: ServerTx,
        request: Message,
    ) {
        match self.state {
            State::Established { .. } if self.away_side() == Some(side.other()) => {
                return self.answer_alone(tables, now, (side, server), &request);
            }
            State::Established { .. } => {}
            _ if self.is_set_up() => {
                return self.answer_alone(tables, now, (side, server), &request);
            }
            State::Ending => return refuse(tables, now, server, &request, 481, ""),
            // The dialog stands and an offer of ours is under way in it, or soon will be.
            _ => return refuse(tables, now, server, &request, 491, ""),
        }
        match &self.reinvite {
            // RFC 3261 section 14.2: a second INVITE of the same side before the first is answered.
            Some(open) if open.from == side => {
                return tables.refuse_for_now(now, server, &request, 500);
            }
            Some(_) => return refuse(tables, now, server, &request, 491, ""),
            None => {}
        }
        let is_busy = self.pending_ack.is_some() || self.has_own_offer();
        if is_busy || self.has_given_up(side.other()) {
            return refuse(tables, now, server, &request, 491, "");
        }
        let waits_for_ack = self.awaits_ack_of(side.other());
        self.reinvite = Some(Reinvite {
            from: side,
            server,
            request,
            waits_for_ack,
            client: None,
            challenged: Challenged::default(),
            before: None,
        });
        if !waits_for_ack {
            self.begin_reinvite(tables, now);
        }
    }

    /// `side` has acknowledged our 2xx: a re-INVITE of the other side that waited for that goes on.
    pub(super) fn reinvite_after_ack(&mut self, tables: &mut Tables, now: Instant, side: Side) {
        let waited = |open: &&mut Reinvite| open.waits_for_ack && open.from == side.other();
        if let Some(open) = self.reinvite.as_mut().filter(waited) {
            open.waits_for_ack = false;
            self.begin_reinvite(tables, now);
        }
    }

    fn begin_reinvite(&mut self, tables: &mut Tables, now: Instant) {
        let Some(open) = &self.reinvite else { return };
        let wanted = streams_of(&open.request).min(tables.config.limits.streams_max);
        let extend = self.media.is_anchored() && usize::from(wanted) > self.media.streams();
        if extend {
            let relay = RelayId(self.conn);
            tables.relay(RelayCommand::Extend { relay, streams: wanted });
            let deadline = now + tables.config.relay_timeout;
            self.start_timer(tables, deadline, crate::Reason::Relay);
        } else {
            self.send_reinvite(tables, now);
        }
    }

    /// The relay has answered (or will not): the re-INVITE that waited for it goes on with the streams there are.
    pub(crate) fn on_relay_extended(&mut self, tables: &mut Tables, now: Instant) {
        if self.reinvite.as_ref().is_some_and(|open| open.client.is_none() && !open.waits_for_ack) {
            self.stop_timer(tables, crate::Reason::Relay);
            self.send_reinvite(tables, now);
        }
    }

    fn send_reinvite(&mut self, tables: &mut Tables, now: Instant) {
        let Some(mut open) = self.reinvite.take() else { return };
        let before = self.media.note_said(open.from, None);
        let body = self.body_across(tables, open.from, &open.request);
        if self.media.said(open.from).is_none() {
            self.media.note_said(open.from, before);
        } else if open.before.is_none() {
            open.before = before;
        }
        let Ok(body) = body else {
            return refuse(tables, now, open.server, &open.request, 488, "");
        };
        let to = open.from.other();
        let contact = self.contact(to).to_owned();
        let crossing = self.crossing(tables, open.from);
        let takes_update = self.talking(to).takes_update;
        let session = self.session_fields(tables, to);
        let trunk = self.trunk_of_side(tables, to);
        let Some(dialog) = self.dialog_mut(to) else {
            return refuse(tables, now, open.server, &open.request, 481, "");
        };
        let flow = dialog.flow;
        let is_update = takes_update && open.request.method() == Method::Update;
        let method = if is_update { Method::Update } else { Method::Invite };
        let mut draft = dialog.request(method, &contact);
        draft.header(Name::Allow, ALLOW);
        for (name, value) in session {
            draft.header(name, value);
        }
        crossing.copy(&open.request, |name, value| {
            draft.other(name, value);
        });
        if let Some(trunk) = trunk {
            tables.prove(trunk, &mut open.challenged, &mut draft);
        }
        match tables.endpoint.send_request(now, flow, draft.with_body(body)) {
            Ok(client) => {
                tables.uses_by_client_tx.insert(client, ClientUse::Reinvite { conn: self.conn });
                self.reinvite = Some(Reinvite { client: Some(client), ..open });
            }
            Err(_) => refuse(tables, now, open.server, &open.request, 503, ""),
        }
    }

    /// The other side's response to the re-INVITE we passed on.
    pub(crate) fn on_reinvite_response(
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
        let Some(mut open) = self.reinvite.take_if(|open| open.client == Some(tx)) else { return };
        // Only a trunk may ask who we are.
        let is_asked = matches!(response.status(), 401 | 407)
            && self.trunk_of_side(tables, open.from.other()).is_some_and(|id| tables.can_prove(id));
        if is_asked && open.challenged.take(response) {
            self.reinvite = Some(Reinvite { client: None, ..open });
            return self.send_reinvite(tables, now);
        }
        let to = open.from.other();
        let again = match response.status() {
            422 => self.raise_session(to, response),
            // It takes no UPDATE after all.
            405 | 501 if response.method() == Method::Update => {
                self.talking(to).takes_update = false;
                true
            }
            _ => false,
        };
        if again {
            self.reinvite = Some(Reinvite { client: None, ..open });
            return self.send_reinvite(tables, now);
        }
        if response.status() >= 300 {
            return self.reinvite_failed(tables, now, open, response.status());
        }
        self.reinvite_answered(tables, now, tx, open, response);
    }

    /// No final response came to the re-INVITE.
    pub(crate) fn on_reinvite_lost(&mut self, tables: &mut Tables, now: Instant, tx: ClientTx) {
        if let Some(open) = self.reinvite.take_if(|open| open.client == Some(tx)) {
            self.reinvite_failed(tables, now, open, 408);
        }
    }

    fn reinvite_failed(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        mut open: Reinvite,
        status: u16,
    ) {
        // RFC 3261 section 14.1: the session goes on as it was.
        if let Some(before) = open.before.take() {
            let _ = self.sdp_across(tables, open.from, &before);
            self.media.note_said(open.from, Some(before));
        }
        refuse(tables, now, open.server, &open.request, status, "");
        // RFC 3261 section 14.1: 481 and 408 end the dialog; a call with one dead side ends.
        if matches!(status, 408 | 481) {
            self.release(tables, now, crate::Cause::Hangup(crate::ReleasedBy::Switch), None);
        }
        self.try_own_offer(tables, now);
    }

    fn reinvite_answered(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        open: Reinvite,
        response: &Message,
    ) {
        let to = open.from.other();
        let contact = self.contact(to).to_owned();
        let delayed = open.request.body().is_empty();
        let cseq = response.cseq().number;
        let body = self.body_across(tables, to, response);
        if let Some(dialog) = self.dialog_mut(to) {
            dialog.refresh_target(response);
            if response.method() == Method::Update {
                // An UPDATE has no ACK.
            } else if !delayed || body.is_err() || self.state == State::Ending {
                let Some(dialog) = self.dialog_mut(to) else { return };
                let (flow, ack) = (dialog.flow, dialog.ack(cseq, &contact));
                tables.endpoint.send_ack(now, tx, flow, ack);
            } else {
                self.pending_ack = Some(PendingAck { from: open.from, tx, cseq });
            }
        }
        let Ok(body) = body else {
            return refuse(tables, now, open.server, &open.request, 488, "");
        };
        self.note_session(tables, now, to, response);
        self.note_hold(tables, open.from, &open.request);
        let own = self.contact(open.from).to_owned();
        let mut accept = response_to(&open.request, 200, response.reason(), None);
        accept.header(Name::Contact, &own);
        accept.header(Name::Allow, ALLOW);
        self.crossing(tables, open.from.other()).copy(response, |name, value| {
            accept.other(name, value);
        });
        self.accept_session(tables, now, open.from, &open.request, &mut accept);
        tables.sign_response(&mut accept);
        if open.request.method() == Method::Invite {
            tables.invites_by_server_tx.insert(open.server, (self.conn, open.from));
            self.set_awaits_ack(open.from, open.server);
        }
        tables.endpoint.respond(now, open.server, finish(accept, body));
    }

    pub(super) fn note_hold(&mut self, tables: &mut Tables, side: Side, request: &Message) {
        let Some(holding) = holds(request) else { return };
        let leg = self.leg_id(side);
        let was = match side {
            Side::A => std::mem::replace(&mut self.caller.holding, holding),
            Side::B => match &mut self.callee {
                Some(callee) => std::mem::replace(&mut callee.holding, holding),
                None => holding,
            },
        };
        match (was, holding) {
            (false, true) => tables.emit(Fact::Held { leg }),
            (true, false) => tables.emit(Fact::Retrieved { leg }),
            (true, true) | (false, false) => {}
        }
    }

    /// Ends the re-INVITE that is open, because the call ends.
    pub(super) fn abandon_reinvite(&mut self, tables: &mut Tables, now: Instant) {
        self.end_reinvite(tables, now, 487);
    }

    /// Ends the re-INVITE that is open, because `leaving` goes to another call, where it may try again.
    pub(super) fn end_reinvite_of(&mut self, tables: &mut Tables, now: Instant, leaving: Side) {
        let is_its_own = self.reinvite.as_ref().is_some_and(|open| open.from == leaving);
        self.end_reinvite(tables, now, if is_its_own { 491 } else { 487 });
    }

    fn end_reinvite(&mut self, tables: &mut Tables, now: Instant, status: u16) {
        let Some(open) = self.reinvite.take() else { return };
        refuse(tables, now, open.server, &open.request, status, "");
        if let Some(client) = open.client {
            let asks = open.request.body().is_empty();
            self.give_up_offer(tables, now, (open.from.other(), client, asks));
        }
    }
}
