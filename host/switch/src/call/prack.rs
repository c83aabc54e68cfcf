//! PRACK, each way (RFC 3262).

use media::Side;
use model::{ConnId, Instant};
use sip::{ClientTx, Message, Method, Name, ServerTx, reliable::RAck, response_to};

use super::{
    Call, Crossing,
    answer::finish,
    early::{Acknowledged, Asked},
    media::Body,
    offer::refuse,
};
use crate::{
    tables::{ClientUse, Tables},
    trunk::Challenged,
};

/// A PRACK of ours that waits for its answer.
#[derive(Debug)]
pub(crate) struct Prack {
    pub(crate) conn: ConnId,
    asked: Asked,
    /// The PRACK of the caller's that it passes on, and that gets its answer.
    of: Option<(ServerTx, Box<Message>)>,
    challenged: Challenged,
}

impl Call {
    /// A PRACK from the caller to this tag of ours; its dialog and its CSeq have been checked.
    pub(crate) fn on_prack(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tag: &str,
        server: ServerTx,
        prack: Message,
    ) {
        let Some(rack) = RAck::of(&prack) else {
            return refuse(tables, now, server, &prack, 400, "Missing or malformed RAck");
        };
        let early = self.caller.early.as_mut().and_then(|early| early.dialog_mut(tag));
        //= RFC 3262 section 3
        //# If a PRACK request is received by the UA core that does not match any unacknowledged reliable provisional response,
        //# the UAS MUST respond to the PRACK with a 481 response.
        let Some(Acknowledged { asked }) = early.and_then(|early| early.acknowledge(rack)) else {
            return refuse(tables, now, server, &prack, 481, "");
        };
        match asked {
            // What it says is for the called side, which has the last word on it.
            Some(asked) if !prack.body().is_empty() => {
                self.send_prack(tables, now, &asked, Some((server, Box::new(prack))));
            }
            // An offer to somebody who has been acknowledged: nothing is left to carry it.
            None if !prack.body().is_empty() => refuse(tables, now, server, &prack, 488, ""),
            asked => {
                let mut response = response_to(&prack, 200, "", None);
                tables.sign_response(&mut response);
                tables.endpoint.respond(now, server, response.finish(None));
                if let Some(asked) = asked {
                    self.send_prack(tables, now, &asked, None);
                }
            }
        }
        self.tell_caller_next(tables, now, tag);
    }

    /// Acknowledges a reliable response of the called side; `of` is the caller's PRACK, where it goes on.
    pub(super) fn send_prack(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        asked: &Asked,
        of: Option<(ServerTx, Box<Message>)>,
    ) {
        let (conn, asked) = (self.conn, asked.clone());
        self.send_prack_again(
            tables,
            now,
            Prack { conn, asked, of, challenged: Challenged::default() },
        );
    }

    fn send_prack_again(&mut self, tables: &mut Tables, now: Instant, mut prack: Prack) {
        let said = prack.of.as_ref().map(|(_, message)| message.clone());
        let body = match said.map(|message| self.body_across(tables, Side::A, &message)).transpose()
        {
            Ok(body) => body.flatten(),
            Err(_) => return answer(tables, now, prack, Err(488)),
        };
        let privacy = self.privacy[0];
        let branch = self.branches.iter_mut().find(|b| b.leg.number == prack.asked.of.leg);
        let Some((trunk, early)) = branch.and_then(|branch| {
            let trunk = branch.trunk.as_ref().map(|on| on.id);
            Some((trunk, branch.early_mut(&prack.asked.of.tag)?))
        }) else {
            return answer(tables, now, prack, Err(481));
        };
        let flow = early.dialog.flow;
        let mut draft = early.dialog.request(Method::Prack, "");
        draft.header(Name::RAck, prack.asked.rack);
        if let Some((_, message)) = &prack.of {
            Crossing::of_strangers(privacy).copy(message, |name, value| {
                draft.other(name, value);
            });
        }
        if let Some(trunk) = trunk {
            tables.prove(trunk, &mut prack.challenged, &mut draft);
        }
        match tables.endpoint.send_request(now, flow, draft.with_body(body)) {
            Ok(tx) => {
                tables.uses_by_client_tx.insert(tx, ClientUse::Prack(Box::new(prack)));
            }
            Err(_) => answer(tables, now, prack, Err(503)),
        }
    }

    /// The called side answers a PRACK of ours, or has not.
    pub(crate) fn on_prack_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        response: Result<&Message, u16>,
    ) {
        let Some(ClientUse::Prack(mut prack)) = tables.uses_by_client_tx.remove(&tx) else {
            return;
        };
        let response = match response {
            Ok(response) => response,
            Err(status) => return answer(tables, now, *prack, Err(status)),
        };
        if matches!(response.status(), 401 | 407) {
            // Only a trunk may ask who we are.
            let leg = prack.asked.of.leg;
            let asks = self
                .branches
                .iter()
                .find(|branch| branch.leg.number == leg)
                .is_some_and(|b| b.trunk.as_ref().is_some_and(|on| tables.can_prove(on.id)));
            if asks && prack.challenged.take(response) {
                return self.send_prack_again(tables, now, *prack);
            }
            return answer(tables, now, *prack, Err(502));
        }
        if response.status() >= 300 {
            return answer(tables, now, *prack, Err(response.status()));
        }
        let body = self.body_across(tables, Side::B, response).map_err(|_| 488);
        answer(tables, now, *prack, body);
    }

    /// The call of a PRACK is over.
    pub(crate) fn forget_prack(tables: &mut Tables, now: Instant, tx: ClientTx) {
        if let Some(ClientUse::Prack(prack)) = tables.uses_by_client_tx.remove(&tx) {
            answer(tables, now, *prack, Err(481));
        }
    }
}

/// Answers the caller's PRACK, if that waits.
fn answer(tables: &mut Tables, now: Instant, prack: Prack, body: Result<Body, u16>) {
    let Some((server, request)) = prack.of else { return };
    match body {
        Ok(body) => {
            let mut response = response_to(&request, 200, "", None);
            tables.sign_response(&mut response);
            tables.endpoint.respond(now, server, finish(response, body));
        }
        Err(status) => refuse(tables, now, server, &request, status, ""),
    }
}

#[cfg(test)]
#[path = "prack_test.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
