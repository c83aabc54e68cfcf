//! Route sets: from Record-Route to Request-URI and Route.

use std::borrow::Cow;

use super::DialogError;
use crate::{Message, Name, Uri};

/// The Request-URI and the Route values of a request within a dialog.
pub(super) struct Routing<'a> {
    pub(super) request_uri: &'a str,
    pub(super) routes: Vec<Cow<'a, str>>,
}

/// Every Record-Route value of a message in order.
pub(super) fn record_routes(message: &Message, most: usize) -> Result<Vec<String>, DialogError> {
    let routes: Vec<String> = message.values(Name::RecordRoute).map(str::to_owned).collect();
    if routes.len() > most { Err(DialogError::TooManyRoutes(routes.len())) } else { Ok(routes) }
}

/// How a request gets to `target` over `route_set` (RFC 3261 section 12.2.1.1).
pub(super) fn routing<'a>(target: &'a str, route_set: &'a [String]) -> Routing<'a> {
    let Some((first, rest)) = route_set.split_first() else {
        //= RFC 3261 section 12.2.1.1
        //# If the route set is empty, the UAC MUST place the remote target URI into the Request-URI.
        return Routing { request_uri: target, routes: Vec::new() };
    };
    let uri = uri_of(first);
    if Uri::parse(uri).is_ok_and(|uri| uri.has_lr()) {
        //= RFC 3261 section 12.2.1.1
        //# If the route set is not empty, and the first URI in the route set contains the lr parameter (see Section 19.1.1),
        //# the UAC MUST place the remote target URI into the Request-URI and MUST include a Route header field containing
        //# the route set values in order, including all parameters.
        let routes = route_set.iter().map(|route| Cow::from(route.as_str())).collect();
        return Routing { request_uri: target, routes };
    }
    //= RFC 3261 section 12.2.1.1
    //# If the route set is not empty, and its first URI does not contain the lr parameter, the UAC MUST place the first URI
    //# from the route set into the Request-URI, stripping any parameters that are not allowed in a Request-URI.  The UAC MUST
    //# add a Route header field containing the remainder of the route set values in order, including all parameters.  The UAC
    //# MUST then place the remote target URI into the Route header field as the last value.
    let mut routes: Vec<Cow<'_, str>> =
        rest.iter().map(|route| Cow::from(route.as_str())).collect();
    routes.push(Cow::from(format!("<{target}>")));
    Routing { request_uri: as_request_uri(uri), routes }
}

/// The URI of a Route or Record-Route value.
pub(super) fn uri_of(route: &str) -> &str {
    let inner = route.split_once('<').map_or(route, |(_, rest)| rest);
    inner.split_once('>').map_or(inner, |(uri, _)| uri).trim()
}

/// The URI without its headers, which a Request-URI must not have (RFC 3261 section 19.1.1 table 1). The `method` parameter,
/// which it must not have either, is never met in a Record-Route.
fn as_request_uri(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(uri, _)| uri)
}
