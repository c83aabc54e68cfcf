//! Requests that are made from another request of ours: ACK and CANCEL.

use bytes::Bytes;

use crate::{Message, Method, Name, ParseLimits, Writer};

/// Max-Forwards of the requests the endpoint makes (RFC 3261 section 8.1.1.6).
const MAX_FORWARDS: u32 = 70;

/// The ACK of a final response other than 2xx (RFC 3261 section 17.1.1.3).
//= RFC 3261 section 17.1.1.3
//# The ACK request constructed by the client transaction MUST contain values for the Call-ID, From, and Request-URI that are
//# equal to the values of those header fields in the request passed to the transport by the client transaction
//= RFC 3261 section 17.1.1.3
//# The To header field in the ACK MUST equal the To header field in the response being acknowledged
pub(super) fn ack_of(request: &Bytes, response: &Message, limits: &ParseLimits) -> Option<Bytes> {
    let invite = Message::parse(request.clone(), limits).ok()?;
    let to = response.header(Name::To)?;
    Some(derived(&invite, Method::Ack, to)?.finish(None))
}

/// The CANCEL of an INVITE, and their common branch (RFC 3261 section 9.1).
//= RFC 3261 section 9.1
//# The Request-URI, Call-ID, To, the numeric part of CSeq, and From header fields in the CANCEL request MUST be identical to
//# those in the request being cancelled, including tags.
pub(super) fn cancel_of(
    request: &Bytes,
    reason: &str,
    limits: &ParseLimits,
) -> Option<(String, Bytes)> {
    let invite = Message::parse(request.clone(), limits).ok()?;
    let branch = invite.top_via().ok()?.branch()?.to_owned();
    let to = invite.header(Name::To)?;
    let mut cancel = derived(&invite, Method::Cancel, to)?;
    if !reason.is_empty() {
        cancel.header(Name::Reason, reason);
    }
    Some((branch, cancel.finish(None)))
}

/// A request with the Request-URI, top Via, Route, From, Call-ID and CSeq number of `invite`.
fn derived(invite: &Message, method: Method<'_>, to: &str) -> Option<Writer> {
    let mut writer = Writer::request(method, invite.request_uri());
    writer.header(Name::Via, invite.values(Name::Via).next()?);
    for route in invite.headers(Name::Route) {
        writer.header(Name::Route, route);
    }
    writer.header(Name::MaxForwards, MAX_FORWARDS);
    writer.header(Name::From, invite.header(Name::From)?);
    writer.header(Name::To, to);
    writer.header(Name::CallId, invite.call_id());
    writer.header(Name::CSeq, format_args!("{} {}", invite.cseq().number, method.as_str()));
    Some(writer)
}
