//! Simple messages mean the same to `rsip`.

use proptest::prelude::*;
use rsip::{
    headers::untyped::{ToTypedHeader, UntypedHeader},
    message::{HasHeaders, HeadersExt},
};
use sip::{Message, NameAddr, Uri};

use crate::{properties::simple_message, support::parse};

/// What a message says, as text that both can give.
#[derive(PartialEq, Debug)]
struct Facts {
    is_request: bool,
    method: String,
    status: u16,
    request_uri: Option<Place>,
    from: (Option<String>, Place, Option<String>),
    to: (Option<String>, Place, Option<String>),
    via: (String, String, Option<u16>, Option<String>),
    call_id: String,
    sequence: u32,
    fields: usize,
    body: Vec<u8>,
}

/// User, host and port of a URI.
type Place = (Option<String>, String, Option<u16>);

fn facts(message: &Message) -> Facts {
    let via = message.top_via().unwrap();
    let place = |uri: Uri<'_>| (uri.user.map(str::to_owned), uri.host.to_owned(), uri.port);
    let address = |address: NameAddr<'_>| {
        let display = Some(address.display.to_string()).filter(|display| !display.is_empty());
        (display, place(address.parsed_uri().unwrap()), address.tag().map(str::to_owned))
    };
    Facts {
        is_request: message.is_request(),
        method: message.method().to_string(),
        status: message.status(),
        request_uri: message
            .is_request()
            .then(|| place(Uri::parse(message.request_uri()).unwrap())),
        from: address(message.from().unwrap()),
        to: address(message.to().unwrap()),
        via: (
            via.transport.to_owned(),
            via.host.to_owned(),
            via.port,
            via.branch().map(str::to_owned),
        ),
        call_id: message.call_id().to_owned(),
        sequence: message.cseq().number,
        fields: message.fields().count(),
        body: message.body().to_vec(),
    }
}

fn facts_of_rsip(message: &rsip::SipMessage) -> Facts {
    let place = |uri: &rsip::Uri| {
        let port = uri.port().map(|port| *port.value());
        (uri.user().map(str::to_owned), uri.host().to_string(), port)
    };
    let unquoted = |display: Option<String>| display.map(|name| name.trim_matches('"').to_owned());
    let from = message.from_header().unwrap().typed().unwrap();
    let to = message.to_header().unwrap().typed().unwrap();
    let via = message.via_header().unwrap().typed().unwrap();
    let cseq = message.cseq_header().unwrap().typed().unwrap();
    let (status, request_uri) = match message {
        rsip::SipMessage::Request(request) => (0, Some(place(&request.uri))),
        rsip::SipMessage::Response(response) => (response.status_code.clone().into(), None),
    };
    Facts {
        is_request: message.is_request(),
        method: cseq.method.to_string(),
        status,
        request_uri,
        from: (
            unquoted(from.display_name.clone()),
            place(&from.uri),
            from.tag().map(|tag| tag.value().to_owned()),
        ),
        to: (
            unquoted(to.display_name.clone()),
            place(&to.uri),
            to.tag().map(|tag| tag.value().to_owned()),
        ),
        via: (
            via.transport.to_string(),
            via.uri.host().to_string(),
            via.uri.port().map(|port| *port.value()),
            via.branch().map(|branch| branch.value().to_owned()),
        ),
        call_id: message.call_id_header().unwrap().value().to_owned(),
        sequence: cseq.seq,
        fields: message.headers().iter().count(),
        body: message.body().clone(),
    }
}

proptest! {
    #[test]
    fn a_simple_message_means_the_same_to_both(text in simple_message()) {
        let ours = parse(text.clone()).unwrap();
        let theirs = rsip::SipMessage::try_from(text.as_bytes()).unwrap();
        prop_assert_eq!(facts(&ours), facts_of_rsip(&theirs));
    }
}
