//! OPTIONS: what this switch can do (RFC 3261 section 11).

use model::Instant;
use sip::{Message, Name, ServerTx};

use crate::{
    Switch,
    call::{known, refuse_unknown},
    events::allow_events,
    tables::Tables,
};

impl Switch {
    pub(crate) fn on_options(&mut self, now: Instant, tx: ServerTx, request: &Message) {
        if refuse_unknown(&mut self.tables, now, tx, request) {
            return;
        }
        let tag = self.tables.endpoint.mint_tag();
        answer_options(&mut self.tables, now, tx, request, Some(&tag));
    }
}

/// Says what we can do, within a dialog as outside of it (section 11.2); `tag` is ours where the request has none yet.
pub(crate) fn answer_options(
    tables: &mut Tables,
    now: Instant,
    tx: ServerTx,
    request: &Message,
    tag: Option<&str>,
) {
    let mut response = sip::response_to(request, 200, "", tag);
    response.header(
        Name::Allow,
        "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, MESSAGE, PRACK, UPDATE, REFER, SUBSCRIBE",
    );
    let packages = allow_events(&tables.config.events);
    if !packages.is_empty() {
        response.header(Name::AllowEvents, packages);
    }
    response.header(Name::Supported, known(tables).collect::<Vec<_>>().join(", "));
    response.header(Name::Accept, "application/sdp");
    tables.sign_response(&mut response);
    tables.endpoint.respond(now, tx, response.finish(None));
}
