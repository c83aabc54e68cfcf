//! Where the Route of a request leads (RFC 3261 section 16.4), and what Record-Route says of us (section 16.6 item 4).

use model::{Flow, Transport};
use sip::{Message, Name, NameAddr, Uri};

use super::token;
use crate::{
    Config,
    call::{is_sips, our_contact},
    tables::Tables,
};

/// The way of a request that goes through this switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Way {
    /// The Request-URI it is sent on with.
    pub(crate) uri: String,
    /// The routes that are left, each as it stood.
    pub(crate) routes: Vec<String>,
    /// The flow that we wrote into our own route.
    pub(crate) flow: Option<Flow>,
}

impl Way {
    /// The URI that says where it goes next.
    pub(crate) fn next(&self) -> &str {
        let first = self.routes.first().and_then(|route| uri_of(route));
        first.unwrap_or(&self.uri)
    }
}

fn uri_of(route: &str) -> Option<&str> {
    NameAddr::parse(route).ok().map(|address| address.uri)
}

/// Whether a URI is an address of this switch.
fn is_ours(config: &Config, uri: &str) -> bool {
    let address = Uri::parse(uri).ok().and_then(|uri| uri.socket_addr());
    address.is_some_and(|address| config.listeners.iter().any(|l| l.advertised == address))
}

/// The way of a request with a Route that begins with this switch; `None` when it has none, ends here, or has one that we did not
/// write for its call.
pub(crate) fn way_of(config: &Config, request: &Message) -> Option<Way> {
    let mut routes: Vec<&str> = request.values(Name::Route).collect();
    let mut uri = request.request_uri();
    let mut own: Option<&str> = None;
    //= RFC 3261 section 16.4
    //# If the Request-URI of the request contains a value this proxy previously placed into a Record-Route header field
    let is_strict =
        is_ours(config, uri) && Uri::parse(uri).is_ok_and(|uri| uri.has_lr()) && !routes.is_empty();
    if is_strict {
        own = Some(uri);
        uri = uri_of(routes.pop()?)?;
    }
    while let Some(route) = routes.first().and_then(|route| uri_of(route)) {
        if !is_ours(config, route) {
            break;
        }
        own = Some(route);
        routes.remove(0);
    }
    let user = Uri::parse(own?).ok()?.user.unwrap_or_default();
    let token = token::signed(config.proxy_key, request.call_id(), user)?;
    let flow = token::flow(config, token);
    let ends_here = routes.is_empty() && is_ours(config, uri);
    let routes = routes.into_iter().map(str::to_owned).collect();
    (!ends_here).then(|| Way { uri: uri.to_owned(), routes, flow })
}

/// The Record-Route values of an INVITE that came by `from` and goes to `uri` by `to`, topmost first.
///
/// Both sides get one of their own when they differ (RFC 5658), and when one of them is not reached at the address it names.
pub(crate) fn record_routes(
    tables: &Tables,
    invite: &Message,
    from: Flow,
    uri: &str,
    to: Flow,
) -> Vec<String> {
    let said = |text: &str| Uri::parse(text).ok().and_then(|uri| uri.socket_addr());
    let contact = invite.contact().ok().flatten().and_then(|contact| said(contact.uri));
    let is_bound = |flow: Flow, said| flow.transport != Transport::Udp || said != Some(flow.peer);
    // A proxy before the caller has its own Record-Route, and is reached by that.
    let is_direct = invite.header(Name::RecordRoute).is_none();
    let inward = (is_direct && is_bound(from, contact)).then(|| token::token(from));
    let target = said(uri);
    let outward = (target.is_some() && is_bound(to, target)).then(|| token::token(to));
    let is_double = from.listener != to.listener || inward.is_some() || outward.is_some();
    let sign = |token: Option<String>| {
        token::sign(tables.config.proxy_key, invite.call_id(), token.unwrap_or_default())
    };
    let mut values = vec![route(tables, to, &sign(outward), is_sips(uri))];
    if is_double {
        values.push(route(tables, from, &sign(inward), is_sips(invite.request_uri())));
    }
    values
}

fn route(tables: &Tables, flow: Flow, user: &str, secure: bool) -> String {
    let token = (!user.is_empty()).then_some(user);
    let ours = our_contact(token, tables.advertised(flow.listener), flow.transport, secure);
    format!("{};lr>", ours.trim_end_matches('>'))
}

#[cfg(test)]
#[path = "way_test.rs"]
mod tests;
