//! MESSAGE outside of any dialog: a text for a user, sent on to where it is registered (RFC 3428).
//!
//! Nothing is kept: who is nowhere gets no text, and its sender is told so.

use std::collections::{BTreeMap, BTreeSet};

use model::{Aor, Binding, Directory, Flow, Instant, Membership, TrunkId};
use sip::{ClientTx, Message, Method, Name, ServerTx, Uri, Writer, response_to};

use crate::{
    Switch,
    call::{ANONYMOUS, Crossing, Privacy, connection_for_size, refuse, refuse_unknown},
    door::Arrival,
    gruu,
    tables::{ClientUse, Tables},
};

/// Names a text of a shard that is on its way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TextId(u64);

/// Texts on their way.
#[derive(Default)]
pub(crate) struct Texts {
    sent: BTreeMap<TextId, Text>,
    next: u64,
}

/// One text, at each contact of its user.
struct Text {
    tx: ServerTx,
    request: Message,
    /// Contacts that have not answered.
    open: usize,
    /// The best refusal so far, 0 while there is none.
    best: u16,
}

impl Switch {
    /// A MESSAGE outside of any dialog, after it is known who it is from.
    pub(crate) fn on_text(&mut self, now: Instant, dir: &dyn Directory, arrival: Arrival) {
        let Arrival { tx, flow, request, .. } = arrival;
        if refuse_unknown(&mut self.tables, now, tx, &request) {
            return;
        }
        let bindings = match self.places_of(now, dir, &request) {
            Ok(bindings) => bindings,
            Err(status) => return refuse(&mut self.tables, now, tx, &request, status, ""),
        };
        let trunk = self.tables.trunk_of(dir, flow, &request);
        self.texts.next += 1;
        let id = TextId(self.texts.next);
        let sent = bindings.iter().filter(|binding| {
            let sent = send(&mut self.tables, now, (&request, trunk, flow), binding);
            sent.is_some_and(|client| {
                self.tables.uses_by_client_tx.insert(client, ClientUse::Text(id)).is_none()
            })
        });
        let open = sent.count();
        if open == 0 {
            return refuse(&mut self.tables, now, tx, &request, 503, "");
        }
        self.tables.stats.texts += 1;
        self.texts.sent.insert(id, Text { tx, request, open, best: 0 });
    }

    /// Where a text goes: every contact of its user; the error is the status it is refused with.
    fn places_of(
        &self,
        now: Instant,
        dir: &dyn Directory,
        request: &Message,
    ) -> Result<Vec<Binding>, u16> {
        let limits = &self.tables.config.limits;
        if request.body().len() > limits.text_bytes_max {
            return Err(413);
        }
        if request.max_forwards() == Some(0) {
            return Err(483);
        }
        if self.texts.sent.len() >= limits.texts_max {
            return Err(503);
        }
        let target = Uri::parse(request.request_uri()).ok();
        let sealer = self.tables.sealer();
        let named = gruu::named(sealer, request.request_uri());
        let named = named.transpose().map_err(|gruu::NoSuch| 404_u16)?;
        let aor = match (&named, target) {
            (Some(named), Some(uri)) => Aor::new(&named.user, uri.host),
            (_, uri) => uri.and_then(|uri| uri.aor()).ok_or(404_u16)?,
        };
        if dir.membership(&aor) != Membership::Subscriber {
            return Err(404);
        }
        let bindings = dir.bindings(&aor);
        let live = bindings.iter().flat_map(|all| all.iter()).filter(|b| b.expires_at > now);
        // Of the ways to one phone the best alone, or it would show the text twice.
        let is_meant = |b: &&Binding| named.as_ref().is_none_or(|named| named.is(sealer, b));
        let mut live: Vec<Binding> = live.filter(is_meant).cloned().collect();
        let mut phones = BTreeSet::new();
        live.retain(|b| b.instance.is_empty() || phones.insert(b.instance.clone()));
        live.truncate(limits.branches_max);
        if live.is_empty() {
            return Err(named.map_or(480, |named| named.status_of_none()));
        }
        Ok(live)
    }

    /// A contact has answered: the first that takes the text is what its sender is told, else the best of the refusals.
    pub(crate) fn on_text_answer(
        &mut self,
        now: Instant,
        tx: ClientTx,
        answer: Result<&Message, u16>,
    ) {
        let Some(ClientUse::Text(id)) = self.tables.uses_by_client_tx.remove(&tx) else { return };
        let Some(text) = self.texts.sent.get_mut(&id) else { return };
        text.open = text.open.saturating_sub(1);
        let status = answer.map_or_else(|status| status, Message::status);
        if let (200..=299, Ok(response)) = (status, answer) {
            let Some(text) = self.texts.sent.remove(&id) else { return };
            let tag = self.tables.endpoint.mint_tag();
            let mut writer = response_to(&text.request, status, response.reason(), Some(&tag));
            let crossing = Crossing::of_strangers(Privacy::of(response));
            crossing.copy(response, |name, value| {
                writer.other(name, value);
            });
            self.tables.sign_response(&mut writer);
            return self.tables.endpoint.respond(now, text.tx, writer.finish(None));
        }
        let status = match status {
            // A challenge of a phone is for nobody but this switch.
            401 | 407 => 403,
            status => status,
        };
        if text.best == 0 || rank(status) < rank(text.best) {
            text.best = status;
        }
        if text.open == 0
            && let Some(Text { tx, request, best, .. }) = self.texts.sent.remove(&id)
        {
            refuse(&mut self.tables, now, tx, &request, best, "");
        }
    }
}

/// The order of RFC 3261 section 16.7 step 6: 6xx, then the lowest class.
const fn rank(status: u16) -> u16 {
    if status >= 600 { 0 } else { status / 100 }
}

/// Sends the text to one contact.
fn send(
    tables: &mut Tables,
    now: Instant,
    (request, trunk, from): (&Message, Option<TrunkId>, Flow),
    binding: &Binding,
) -> Option<ClientTx> {
    let uri = Uri::parse(&binding.contact);
    let uri = uri.as_ref().map_or(&*binding.contact, |uri| uri.for_request(&binding.contact));
    let tag = tables.endpoint.mint_tag();
    let mut writer = Writer::request(Method::Message, uri);
    let hops = request.max_forwards().unwrap_or(70).saturating_sub(1).min(255);
    writer.header(Name::MaxForwards, hops);
    let crossing = Crossing {
        believed: tables.trusts(trunk, from.peer.ip()),
        told: tables.trusts(None, binding.flow.peer.ip()),
        shown: false,
        privacy: Privacy::of_sender(request),
    };
    let sender = match crossing.privacy.hides_party() && !crossing.told {
        true => ANONYMOUS.to_owned(),
        false => request.from().ok()?.without_tag(),
    };
    writer.header(Name::From, format_args!("{sender};tag={tag}"));
    writer.header(Name::To, request.to().ok()?.without_tag());
    writer.header(Name::CallId, tables.endpoint.mint_call_id());
    writer.header(Name::CSeq, "1 MESSAGE");
    if !binding.path.is_empty() {
        writer.header(Name::Route, &binding.path);
    }
    crossing.copy(request, |name, value| {
        writer.other(name, value);
    });
    tables.sign_request(&mut writer);
    let kind = request.header(Name::ContentType).unwrap_or("text/plain");
    let body = request.body();
    let draft = writer.draft((!body.is_empty()).then_some((kind, body)));
    let way = match binding.is_a_flow() {
        true => None,
        false => connection_for_size(&tables.config, binding.flow, uri, draft.size()),
    };
    tables.endpoint.send_request(now, way.unwrap_or(binding.flow), draft).ok()
}
