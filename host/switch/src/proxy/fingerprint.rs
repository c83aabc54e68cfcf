//! How a loop is told from a spiral (RFC 3261 section 16.3 item 4 and 16.6 item 8).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sip::{Endpoint, Message, Name, Via};

/// What of a request decides where it is sent. One that comes back with the same loops; one that comes back with another
/// Request-URI or Route spirals, which is no fault.
pub(crate) fn fingerprint(request: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    request.request_uri().hash(&mut hasher);
    for address in [request.from(), request.to()] {
        address.ok().and_then(|address| address.tag().map(str::to_owned)).hash(&mut hasher);
    }
    request.call_id().hash(&mut hasher);
    request.cseq().number.hash(&mut hasher);
    for name in [Name::Route, Name::ProxyRequire, Name::ProxyAuthorization] {
        for value in request.headers(name) {
            value.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Whether a request was sent on from here before, with this fingerprint.
pub(crate) fn is_loop(endpoint: &Endpoint, request: &Message, fingerprint: u64) -> bool {
    let mut vias = request.values(Name::Via).filter_map(|via| Via::parse(via).ok());
    vias.any(|via| {
        via.branch().and_then(sip::fingerprint_of) == Some(fingerprint) && endpoint.is_own_via(&via)
    })
}
