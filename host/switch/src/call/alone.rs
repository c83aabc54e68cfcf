//! An offer within a dialog whose other party is not there: it rings, or its leg is in another call. The switch answers it with what the
//! party was told last.

use media::Side;
use model::Instant;
use sip::{Message, Method, Name, ServerTx, response_to, sdp::Sdp};

use super::{
    Call,
    answer::finish,
    headers::ALLOW,
    media::{SDP_TYPE, describes},
    offer::refuse,
};
use crate::tables::Tables;

impl Call {
    /// Answers a re-INVITE, or an UPDATE with an offer, of `side`.
    pub(super) fn answer_alone(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (side, server): (Side, ServerTx),
        request: &Message,
    ) {
        let told = match self.media.said(side.other()).is_some() {
            true => self.told(tables, side),
            false => self.media.told_elsewhere(side).map(Box::from),
        };
        let count = |body: &[u8]| Sdp::parse(body).map_or(0, |sdp| sdp.media().count());
        let streams = told.as_deref().map(count);
        // RFC 3264 section 6: an answer has as many streams as the offer.
        if describes(request) && streams != Some(count(request.body())) {
            return refuse(tables, now, server, request, 488, "");
        }
        if describes(request) {
            // Where its media goes changes at once; who hears it learns of it when it is there.
            let _ = self.body_across(tables, side, request);
        }
        self.note_hold(tables, side, request);
        let mut accept = response_to(request, 200, "", None);
        accept.header(Name::Contact, self.contact(side));
        accept.header(Name::Allow, ALLOW);
        self.accept_session(tables, now, side, request, &mut accept);
        tables.sign_response(&mut accept);
        if request.method() == Method::Invite {
            tables.invites_by_server_tx.insert(server, (self.conn, side));
            self.set_awaits_ack(side, server);
        }
        let body = told.map(|told| (SDP_TYPE.to_owned(), told.into_vec().into()));
        tables.endpoint.respond(now, server, finish(accept, body));
    }
}
