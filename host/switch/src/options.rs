//! OPTIONS (RFC 3261 section 11): what this switch can do, and whether somebody is there.

use model::{Aor, Flow, Instant};
use sip::{Message, Method, Name, ServerTx, Writer};

use crate::{
    Switch,
    call::{known, refuse_unknown},
    events::allow_events,
    tables::Tables,
    trunk::escaped,
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

/// Asks a contact of `aor` whether it is there, under this tag and CSeq number of ours.
pub(crate) fn options_to(
    tables: &mut Tables,
    (tag, cseq): (&str, u32),
    aor: &Aor,
    uri: &str,
    flow: Flow,
) -> Writer {
    let mut writer = Writer::request(Method::Options, uri);
    writer.header(Name::MaxForwards, 70);
    let ours = tables.advertised(flow.listener);
    writer.header(Name::From, format_args!("<sip:{ours}>;tag={tag}"));
    writer.header(Name::To, format_args!("<sip:{}@{}>", escaped(aor.user()), aor.host()));
    writer.header(Name::CallId, tables.endpoint.mint_call_id());
    writer.header(Name::CSeq, format_args!("{cseq} OPTIONS"));
    tables.sign_request(&mut writer);
    writer
}

/// Whether an answer to an OPTIONS of ours says no more than none: a proxy on the way got none, or there is nobody to do anything.
pub(crate) const fn says_nothing(status: u16) -> bool {
    matches!(status, 408 | 503)
}
