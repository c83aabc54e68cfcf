//! OPTIONS outside of any dialog: what this switch can do (RFC 3261 section 11).

use model::Instant;
use sip::{Message, Name, ServerTx};

use crate::{Switch, call::refuse_unknown, events::allow_events};

impl Switch {
    pub(crate) fn on_options(&mut self, now: Instant, tx: ServerTx, request: &Message) {
        if refuse_unknown(&mut self.tables, now, tx, request) {
            return;
        }
        let tag = self.tables.endpoint.mint_tag();
        let mut response = sip::response_to(request, 200, "", Some(&tag));
        response.header(
            Name::Allow,
            "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, MESSAGE, PRACK, UPDATE, REFER, SUBSCRIBE",
        );
        let packages = allow_events(&self.tables.config.events);
        if !packages.is_empty() {
            response.header(Name::AllowEvents, packages);
        }
        response.header(Name::Accept, "application/sdp");
        self.tables.sign_response(&mut response);
        self.tables.endpoint.respond(now, tx, response.finish(None));
    }
}
