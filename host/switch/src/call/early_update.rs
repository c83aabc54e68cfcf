//! An offer before the call is answered (RFC 3311): an UPDATE that crosses between an early dialog of the caller's and the one of
//! the called side whose descriptions pass in it.

use media::Side;
use model::{ConnId, Instant};
use sip::{Message, Method, Name, ServerTx, response_to};

use super::{Call, answer::finish, early::EarlyId, headers::ALLOW, offer::refuse};
use crate::{
    tables::{ClientUse, Tables},
    trunk::Challenged,
};

/// An UPDATE on its way across.
#[derive(Debug)]
pub(crate) struct EarlyUpdate {
    pub(crate) conn: ConnId,
    from: Side,
    /// The dialog of the called side.
    of: EarlyId,
    server: ServerTx,
    request: Box<Message>,
    /// Who it was asked to prove to be.
    challenged: Challenged,
    /// The description of its sender that counts again if it is refused.
    before: Option<Box<[u8]>>,
}

impl Call {
    /// An UPDATE with an offer in the early dialog that has this tag of ours towards the caller.
    pub(super) fn on_early_update(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        server: ServerTx,
        update: Message,
        tag: &str,
    ) {
        let early = self.caller.early.as_mut();
        let open = early.as_ref().and_then(|early| early.update);
        let with = early.and_then(|early| early.dialog_mut(tag)?.agreed_with());
        //= RFC 3311 section 5.2
        //# If an UPDATE is received that contains an offer, and the UAS has received an offer (in an UPDATE, PRACK, or INVITE) to
        //# which it has not yet generated an answer, the UAS MUST reject the UPDATE with a 500 response, and MUST include a
        //# Retry-After header field with a randomly chosen value between 0 and 10 seconds.
        let Some(of) = with.filter(|_| open != Some(Side::A)) else {
            return tables.refuse_for_now(now, server, &update, 500);
        };
        if open.is_some() {
            return refuse(tables, now, server, &update, 491, "");
        }
        self.begin_early_update(tables, now, Side::A, of, server, update);
    }

    /// The same of somebody who is called.
    pub(super) fn on_early_update_of_branch(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        server: ServerTx,
        update: Message,
        of: EarlyId,
    ) {
        let early = self.caller.early.as_mut();
        let open = early.as_ref().and_then(|early| early.update);
        let agreed = early.is_some_and(|early| early.agreed_with(&of).is_some());
        if open == Some(Side::B) {
            return tables.refuse_for_now(now, server, &update, 500);
        }
        // Our offer is not answered yet, or not in a way that it can be changed before the 2xx.
        if open.is_some() || !agreed {
            return refuse(tables, now, server, &update, 491, "");
        }
        self.begin_early_update(tables, now, Side::B, of, server, update);
    }

    fn begin_early_update(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        from: Side,
        of: EarlyId,
        server: ServerTx,
        request: Message,
    ) {
        let before = self.media.said(from).map(Box::from);
        let (conn, request) = (self.conn, Box::new(request));
        let challenged = Challenged::default();
        let update = EarlyUpdate { conn, from, of, server, request, challenged, before };
        self.send_early_update(tables, now, update);
    }

    fn send_early_update(&mut self, tables: &mut Tables, now: Instant, mut update: EarlyUpdate) {
        let Ok(body) = self.body_across(tables, update.from, &update.request) else {
            return self.early_update_failed(tables, now, update, 488);
        };
        let crossing = self.crossing(tables, update.from);
        let (dialog, contact, trunk) = match update.from {
            Side::A => {
                let branch = self.branches.iter_mut().find(|b| b.leg.number == update.of.leg);
                let Some(branch) = branch.filter(|branch| !branch.cancelled) else {
                    return self.early_update_failed(tables, now, update, 481);
                };
                let trunk = branch.trunk.as_ref().map(|on| on.id);
                let contact = branch.contact.clone();
                let early = branch.early_mut(&update.of.tag);
                // Whoever takes none would be asked in vain.
                let early = early.filter(|early| early.takes_update);
                (early.map(|early| &mut early.dialog), contact, trunk)
            }
            Side::B => {
                let takes = |(_, invite): &(ServerTx, Message)| super::fork::takes_update(invite);
                let takes = self.caller.invite.as_ref().is_some_and(takes);
                let early = self.caller.early.as_mut().filter(|_| takes);
                let dialog = early.and_then(|early| early.agreed_with(&update.of));
                (dialog, self.caller.contact.clone(), None)
            }
        };
        let Some(dialog) = dialog else {
            return self.early_update_failed(tables, now, update, 488);
        };
        let flow = dialog.flow;
        let mut draft = dialog.request(Method::Update, &contact);
        draft.header(Name::Allow, ALLOW);
        crossing.copy(&update.request, |name, value| {
            draft.other(name, value);
        });
        if let Some(trunk) = trunk {
            tables.prove(trunk, &mut update.challenged, &mut draft);
        }
        match tables.endpoint.send_request(now, flow, draft.with_body(body)) {
            Ok(tx) => {
                self.note_early_update(Some(update.from));
                tables.uses_by_client_tx.insert(tx, ClientUse::EarlyUpdate(Box::new(update)));
            }
            Err(_) => self.early_update_failed(tables, now, update, 503),
        }
    }

    fn note_early_update(&mut self, from: Option<Side>) {
        if let Some(early) = self.caller.early.as_mut() {
            early.update = from;
        }
    }

    /// The other side answers an UPDATE that was sent across, or has not; the error is the status.
    pub(crate) fn on_early_update_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        mut update: EarlyUpdate,
        response: Result<&Message, u16>,
    ) {
        self.note_early_update(None);
        let response = match response {
            Ok(response) => response,
            Err(status) => return self.early_update_failed(tables, now, update, status),
        };
        if matches!(response.status(), 401 | 407) {
            let branch = self.branches.iter().find(|b| b.leg.number == update.of.leg);
            let on = branch.and_then(|branch| branch.trunk.as_ref());
            let asks = update.from == Side::A && on.is_some_and(|on| tables.can_prove(on.id));
            if asks && update.challenged.take(response) {
                return self.send_early_update(tables, now, update);
            }
            return self.early_update_failed(tables, now, update, 502);
        }
        if response.status() >= 300 {
            return self.early_update_failed(tables, now, update, response.status());
        }
        let to = update.from.other();
        let Ok(body) = self.body_across(tables, to, response) else {
            return self.early_update_failed(tables, now, update, 488);
        };
        let contact = match update.from {
            Side::A => self.caller.contact.to_string(),
            Side::B => {
                let branch = self.branches.iter().find(|b| b.leg.number == update.of.leg);
                branch.map_or_else(|| self.contact(Side::B).to_owned(), |b| b.contact.to_string())
            }
        };
        let mut accept = response_to(&update.request, 200, response.reason(), None);
        accept.header(Name::Contact, contact);
        accept.header(Name::Allow, ALLOW);
        self.crossing(tables, to).copy(response, |name, value| {
            accept.other(name, value);
        });
        tables.sign_response(&mut accept);
        tables.endpoint.respond(now, update.server, finish(accept, body));
    }

    /// The session goes on as it was.
    fn early_update_failed(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        update: EarlyUpdate,
        status: u16,
    ) {
        if let Some(before) = update.before {
            // It was told to the relay before, so it can be again.
            let _ = self.sdp_across(tables, update.from, &before);
            self.media.note_said(update.from, Some(before));
        }
        refuse(tables, now, update.server, &update.request, status, "");
    }
}

impl EarlyUpdate {
    /// Its call is over.
    pub(crate) fn forget(self, tables: &mut Tables, now: Instant) {
        refuse(tables, now, self.server, &self.request, 481, "");
    }
}

#[cfg(test)]
#[path = "early_update_test.rs"]
mod tests;
