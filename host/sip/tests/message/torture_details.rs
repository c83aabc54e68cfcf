//! What the torture messages of RFC 4475 mean.

use sip::{Method, Name, NameAddr, Uri, UriError, sdp::Sdp};

use crate::torture::torture;

#[test]
fn a_short_tortuous_invite() {
    let message = torture("wsinv");
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.request_uri(), "sip:vivekg@chair-dnrc.example.com;unknownparam");
    let (from, to) = (message.from().unwrap(), message.to().unwrap());
    assert_eq!((from.display.as_ref(), from.uri), (r#"J Rosenberg \""#, "sip:jdrosen@example.com"));
    assert_eq!((from.tag(), to.tag()), (Some("98asjd8"), Some("1918181833n")));
    assert_eq!(to.uri, "sip:vivekg@chair-dnrc.example.com");
    assert_eq!((message.cseq().number, message.max_forwards()), (9, Some(68)));
    let via = message.top_via().unwrap();
    assert_eq!((via.transport, via.host, via.branch()), ("UDP", "192.0.2.2", Some("390skdjuw")));
    let below: Vec<_> =
        message.values(Name::Via).map(|via| sip::Via::parse(via).unwrap()).collect();
    let hosts: Vec<_> = below.iter().map(|via| (via.host, via.branch().unwrap())).collect();
    assert_eq!(
        hosts,
        [
            ("192.0.2.2", "390skdjuw"),
            ("spindle.example.com", "z9hG4bK9ikj8"),
            ("192.168.255.111", "z9hG4bK30239"),
        ]
    );
    assert_eq!(message.header(Name::Subject), Some(""));
    let contact = message.contact().unwrap().unwrap();
    assert_eq!(contact.display, r#"Quoted string """#);
    assert_eq!(contact.params.get("newparam"), Some(Some("newvalue")));
    assert_eq!(contact.params.get("secondparam"), Some(None));
    assert_eq!(contact.params.get("q"), Some(Some("0.33")));
    let route = NameAddr::parse(message.header(Name::Route).unwrap()).unwrap();
    assert!(route.parsed_uri().unwrap().has_lr());
    let odd: Vec<_> = message.fields().filter(|field| field.name == Name::Other).collect();
    assert_eq!(odd[0].raw_name, "NewFangledHeader");
    assert_eq!(odd[0].value, b"newfangled value   continued newfangled value");
    assert_eq!(odd[1].value, b";;,,;;,;");
    assert_eq!(Sdp::parse(message.body()).unwrap().media().count(), 2);
}

#[test]
fn a_wide_range_of_valid_characters() {
    let message = torture("intmeth");
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(message.method(), Method::Other(method));
    assert_eq!(message.cseq().number, 139_122_385);
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!(uri.host, "example.com");
    assert_eq!(uri.user_unescaped(), "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    assert_eq!(message.to().unwrap().display, "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    let from = message.from().unwrap();
    assert_eq!(from.display, "token1~` token2'+_ token3*%!.-");
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(from.params.get("fromParam''~+*_!.-%"), Some(Some("работающий")));
    assert_eq!(message.call_id(), r#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#);
    assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bK-.!%66*_+`'~"));
    let unknown = message.fields().find(|field| field.name == Name::Other).unwrap();
    assert_eq!(unknown.value, "\u{feff}大停電".as_bytes());
}

#[test]
fn escapes_where_they_are_escapes_and_where_not() {
    let message = torture("esc01");
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!((uri.user_unescaped().as_ref(), uri.host), ("sips:user@example.com", "example.net"));
    assert_eq!(
        message.to().unwrap().parsed_uri().unwrap().aor().unwrap().as_str(),
        "user@example.com"
    );
    assert_eq!(message.from().unwrap().parsed_uri().unwrap().user_unescaped(), "I have spaces");
    let contact = message.contact().unwrap().unwrap();
    assert_eq!(contact.parsed_uri().unwrap().user_unescaped(), "caller");

    let message = torture("esc02");
    assert_eq!(message.method(), Method::Other("RE%47IST%45R"));
    assert_eq!(message.to().unwrap().display, "%Z%45");
    assert_eq!(message.values(Name::Contact).count(), 2);

    let message = torture("escnull");
    let contacts: Vec<_> = message
        .values(Name::Contact)
        .map(|contact| NameAddr::parse(contact).unwrap().uri.to_owned())
        .collect();
    assert_eq!(contacts, ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]);
    assert_ne!(Uri::parse(&contacts[0]).unwrap(), Uri::parse(&contacts[1]).unwrap());
    let aor = message.to().unwrap().parsed_uri().unwrap().aor().unwrap();
    assert_eq!(aor.as_str(), "null-%00-null@example.com");
}

#[test]
fn long_values_many_vias_and_noise_behind_the_body() {
    let message = torture("longreq");
    assert_eq!(message.values(Name::Via).count(), 34);
    assert_eq!(message.top_via().unwrap().host, "sip33.example.com");
    assert_eq!(message.call_id().len(), 141);
    assert_eq!(message.from().unwrap().tag().unwrap().len(), 155);
    assert_eq!(message.to().unwrap().parsed_uri().unwrap().port, Some(6000));

    let message = torture("dblreq");
    assert_eq!((message.method(), message.body()), (Method::Register, &b""[..]));
    assert_eq!(message.call_id(), "dblreq.0ha0isndaksdj99sdfafnl3lk233412");
}

#[test]
fn parameters_in_a_user_part_transports_and_binary_bodies() {
    let message = torture("semiuri");
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!(
        (uri.user_unescaped().as_ref(), uri.host),
        ("user;par=u@example.net", "example.com")
    );
    assert_eq!(message.values(Name::Accept).nth(5), Some("message/sipfrag"));

    let message = torture("transports");
    let transports: Vec<_> =
        message.values(Name::Via).map(|via| sip::Via::parse(via).unwrap().transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);

    let message = torture("mpart01");
    assert_eq!(message.body().len(), 553);
    assert!(message.body().contains(&0));
    assert_eq!(message.top_via().unwrap().rport(), Some(None));
}

#[test]
fn reason_phrases_of_any_kind() {
    let message = torture("unreason");
    assert_eq!((message.status(), message.method()), (200, Method::Invite));
    assert_eq!(message.reason(), "= 2**3 * 5**2 но сто девяносто девять - простое");
    let message = torture("noreason");
    assert_eq!((message.status(), message.reason()), (100, ""));
}

#[test]
fn what_is_wrong_and_yet_plain_is_read_as_it_is_meant() {
    let message = torture("lwsdisp");
    assert_eq!(message.from().unwrap().display, "caller");
    assert_eq!(torture("trws").request_uri(), "sip:remote-target@example.com");
    assert_eq!(torture("badaspec").to().unwrap().uri, "sip:t.watson@example.org");
    assert_eq!(torture("baddn").from().unwrap().display, "Bell, Alexander");
    let message = torture("escruri");
    let uri = Uri::parse(message.request_uri()).unwrap();
    assert_eq!((uri.host, uri.headers), ("example.com", "Route=%3Csip:example.com%3E"));
    let contact = torture("regbadct");
    let contact = contact.contact().unwrap().unwrap().parsed_uri().unwrap().headers.to_owned();
    assert_eq!(contact, "Route=%3Csip:sip.example.com%3E");
}

#[test]
fn what_the_layers_above_must_judge() {
    assert_eq!(Uri::parse(torture("unkscm").request_uri()), Err(UriError::Scheme));
    assert_eq!(Uri::parse(torture("novelsc").request_uri()), Err(UriError::Scheme));
    let message = torture("unksm2");
    assert_eq!(message.to().unwrap().parsed_uri(), Err(UriError::Scheme));
    assert_eq!(message.from().unwrap().uri, "http://www.example.com");
    let message = torture("bext01");
    let wanted: Vec<_> = message.values(Name::Require).collect();
    assert_eq!(wanted, ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(torture("invut").header(Name::ContentType), Some("application/unknownformat"));
    assert_eq!(torture("zeromf").max_forwards(), Some(0));
    assert_eq!(torture("badbranch").top_via().unwrap().branch(), Some("z9hG4bK"));
    assert_eq!(torture("bcast").values(Name::Via).count(), 2);
    assert_eq!(torture("sdp01").header(Name::Accept), Some("text/nobodyKnowsThis"));
}

#[test]
fn a_parameter_belongs_to_the_contact_without_brackets_and_to_the_uri_with_them() {
    let message = torture("cparam01");
    let contact = message.contact().unwrap().unwrap();
    assert_eq!(contact.params.get("unknownparam"), Some(None));
    assert_eq!(contact.parsed_uri().unwrap().param("unknownparam"), None);
    let message = torture("cparam02");
    let contact = message.contact().unwrap().unwrap();
    assert_eq!(contact.params.get("unknownparam"), None);
    assert_eq!(contact.parsed_uri().unwrap().param("unknownparam"), Some(None));
}

#[test]
fn an_invite_of_rfc_2543_has_no_branch_no_tag_and_no_content_length() {
    let message = torture("inv2543");
    assert_eq!(message.top_via().unwrap().branch(), None);
    assert_eq!(message.from().unwrap().tag(), None);
    assert_eq!(message.header(Name::ContentLength), None);
    assert!(message.body().ends_with(b"m=audio 49217 RTP/AVP 0\r\n"));
}
