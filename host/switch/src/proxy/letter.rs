//! A request as it is sent on (RFC 3261 section 16.6).

use model::Flow;
use sip::{Endpoint, Message, Name, NameAddr, RequestDraft, Uri, body_of, forwarded_request};

use crate::tables::Tables;

/// A request, where it came from, and where it goes.
pub(crate) struct Letter<'a> {
    pub(crate) request: &'a Message,
    pub(crate) from: Flow,
    /// The Request-URI it is sent on with.
    pub(crate) uri: &'a str,
    /// Its Route, each value as it stood.
    pub(crate) routes: Vec<&'a str>,
    /// Where it goes: what may be read there.
    pub(crate) to: Flow,
    /// What is put above the Record-Route it has.
    pub(crate) record: Vec<String>,
}

impl Letter<'_> {
    /// The request but for our Via.
    pub(crate) fn draft(self, tables: &Tables) -> RequestDraft {
        let mut uri = self.uri;
        let mut routes: Vec<&str> = self.routes.clone();
        //= RFC 3261 section 16.6
        //# If the URI does not contain the lr parameter
        let strict = routes.first().and_then(|route| NameAddr::parse(route).ok());
        let strict = strict.filter(|next| Uri::parse(next.uri).is_ok_and(|uri| !uri.has_lr()));
        let last = format!("<{uri}>");
        if let Some(next) = strict {
            uri = next.uri;
            routes.remove(0);
            routes.push(&last);
        }
        let hops = self.request.max_forwards().map_or(70, |hops| hops.saturating_sub(1).min(255));
        let realm = tables.config.auth.as_ref().map(|auth| format!("realm=\"{}\"", auth.realm));
        let is_for_us = |value: &[u8]| {
            let text = std::str::from_utf8(value).unwrap_or_default();
            realm.as_ref().is_some_and(|realm| text.contains(realm.as_str()))
        };
        let crossing = tables.crossing_between(self.from, self.to, self.request);
        let writer = forwarded_request(
            self.request,
            uri,
            |writer| {
                writer.header(Name::Via, Endpoint::stamped_via(self.from, self.request));
                for via in self.request.headers(Name::Via).skip(1) {
                    writer.header(Name::Via, via);
                }
                writer.header(Name::MaxForwards, hops);
                for route in &routes {
                    writer.header(Name::Route, route);
                }
                for record in &self.record {
                    writer.header(Name::RecordRoute, record);
                }
            },
            // What was proved to us is nobody else's business.
            |name, value| {
                crossing.lets(name)
                    && !(matches!(name, Name::Authorization | Name::ProxyAuthorization)
                        && is_for_us(value))
            },
        );
        writer.draft(body_of(self.request))
    }
}
