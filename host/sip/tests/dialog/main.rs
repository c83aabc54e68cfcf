//! Dialogs (RFC 3261 section 12).
#![allow(clippy::unwrap_used, clippy::expect_used)]

extern crate jackfield_sip as sip;

use bytes::Bytes;
use model::{Flow, ListenerId, Transport};
use sip::{
    Dialog, DialogError, DialogId, DialogSeed, DialogState, Message, Method, ParseLimits,
    RequestDraft,
};

const CONTACT: &str = "<sip:us@192.0.2.1:5060>";

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        peer: "192.0.2.9:5060".parse().unwrap(),
    }
}

fn message(text: &str) -> Message {
    Message::parse(Bytes::from(text.replace('\n', "\r\n")), &ParseLimits::default()).unwrap()
}

/// The INVITE of Alice; `more` are header lines.
fn invite(more: &str) -> Message {
    message(&format!(
        "INVITE sip:us@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\n\
         From: \"Alice; tag=x\" <sip:alice@example.com;user=phone>;tag=alice;q=1\n\
         To: <sip:us@192.0.2.1>\nCall-ID: call\nCSeq: 314 INVITE\n{more}\n"
    ))
}

fn seed() -> DialogSeed {
    DialogSeed {
        call_id: "our-call".to_owned(),
        local_tag: "ours".to_owned(),
        local_uri: "<sip:us@192.0.2.1>".to_owned(),
        remote_uri: "<sip:bob@example.com>".to_owned(),
        cseq: 7,
        flow: flow(),
    }
}

/// Bob's response to our INVITE.
fn response(status: &str, tag: &str, more: &str) -> Message {
    message(&format!(
        "SIP/2.0 {status}\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\n\
         From: <sip:us@192.0.2.1>;tag=ours\nTo: <sip:bob@example.com>{tag}\n\
         Call-ID: our-call\nCSeq: 7 INVITE\n{more}\n"
    ))
}

fn text(draft: RequestDraft) -> String {
    let bytes = draft.finish("SIP/2.0/UDP here;branch=z9hG4bKx");
    String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n")
}

/// A request of the peer in the dialog of [`invite`].
fn in_dialog(method: &str, cseq: u32, more: &str) -> Message {
    message(&format!(
        "{method} sip:us@192.0.2.1:5060 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\n\
         From: <sip:alice@example.com>;tag=alice\nTo: <sip:us@192.0.2.1>;tag=mine\n\
         Call-ID: call\nCSeq: {cseq} {method}\n{more}\n"
    ))
}

fn of_invite() -> Dialog {
    let contact = "Contact: <sip:alice@192.0.2.9:5062>\n";
    Dialog::from_request(&invite(contact), "mine", flow()).unwrap()
}

//= RFC 3261 section 12.1.1 type=test
//# The remote sequence number MUST be set to the value of the sequence number in the CSeq header field of the request.
#[test]
fn a_request_makes_the_dialog_of_its_callee() {
    let request = invite(
        "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr;x=1>\n\
         Record-Route: <sip:p0.example.com;lr>\nContact: \"A\" <sip:alice@192.0.2.9:5062;ob>;expires=5\n",
    );
    let dialog = Dialog::from_request(&request, "mine", flow()).unwrap();
    assert_eq!(
        dialog,
        Dialog {
            id: DialogId {
                call_id: "call".to_owned(),
                local_tag: "mine".to_owned(),
                remote_tag: "alice".to_owned(),
            },
            state: DialogState::Confirmed,
            local_uri: "<sip:us@192.0.2.1>".to_owned(),
            remote_uri: "\"Alice; tag=x\" <sip:alice@example.com;user=phone>;q=1".to_owned(),
            remote_target: "sip:alice@192.0.2.9:5062;ob".to_owned(),
            route_set: vec![
                "<sip:p2.example.com;lr>".to_owned(),
                "<sip:p1.example.com;lr;x=1>".to_owned(),
                "<sip:p0.example.com;lr>".to_owned(),
            ],
            local_cseq: 0,
            remote_cseq: Some(314),
            flow: flow(),
        }
    );
}

//= RFC 3261 section 12.1.2 type=test
//# The route set MUST be set to the list of URIs in the Record-Route header field from the response, taken in reverse order and
//# preserving all URI parameters.
#[test]
fn a_response_makes_the_dialog_of_its_caller() {
    let ringing = response(
        "180 Ringing",
        ";tag=bob",
        "Record-Route: <sip:p2;lr>,<sip:p1;lr>\nContact: <sip:bob@192.0.2.9>\n",
    );
    let mut dialog = Dialog::from_response(&seed(), &ringing).unwrap();
    assert_eq!(dialog.state, DialogState::Early);
    assert_eq!(dialog.route_set, ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert_eq!(dialog.id.remote_tag, "bob");
    assert_eq!((dialog.local_cseq, dialog.remote_cseq), (7, None));

    // The 2xx may have come another way.
    let ok = response(
        "200 OK",
        ";tag=bob",
        "Record-Route: <sip:p3;lr>\nContact: <sip:bob@192.0.2.10>\n",
    );
    dialog.confirm(&ok).unwrap();
    assert_eq!(dialog.state, DialogState::Confirmed);
    assert_eq!(dialog.route_set, ["<sip:p3;lr>"]);
    assert_eq!(dialog.remote_target, "sip:bob@192.0.2.10");
    let fresh = Dialog::from_response(&seed(), &ok).unwrap();
    assert_eq!(fresh, dialog);
}

#[test]
fn a_message_without_contact_makes_no_dialog_and_too_long_a_route_neither() {
    assert_eq!(Dialog::from_request(&invite(""), "mine", flow()), Err(DialogError::NoContact));
    let ok = response("200 OK", ";tag=bob", "");
    assert_eq!(Dialog::from_response(&seed(), &ok), Err(DialogError::NoContact));
    let routes = "Record-Route: <sip:p;lr>\n".repeat(33);
    let request = invite(&format!("{routes}Contact: <sip:a@b>\n"));
    let refused = Dialog::from_request(&request, "mine", flow());
    assert_eq!(refused, Err(DialogError::TooManyRoutes(33)));
    let broken = invite("Contact: <sip:a@b\n");
    let refused = Dialog::from_request(&broken, "mine", flow());
    assert!(matches!(refused, Err(DialogError::Header(_))), "{refused:?}");
}

//= RFC 3261 section 12.2.1.1 type=test
//# If the route set is empty, the UAC MUST place the remote target URI into the Request-URI.
#[test]
fn a_request_within_a_dialog_has_its_parts_and_the_next_number() {
    let mut dialog = of_invite();
    let info = text(dialog.request(Method::Info, CONTACT));
    let expected = "INFO sip:alice@192.0.2.9:5062 SIP/2.0\n\
        Via: SIP/2.0/UDP here;branch=z9hG4bKx\n\
        Max-Forwards: 70\n\
        From: <sip:us@192.0.2.1>;tag=mine\n\
        To: \"Alice; tag=x\" <sip:alice@example.com;user=phone>;q=1;tag=alice\n\
        Call-ID: call\n\
        CSeq: 1 INFO\n\
        Contact: <sip:us@192.0.2.1:5060>\n\
        Content-Length: 0\n\n";
    assert_eq!(info, expected);
    let bye = text(dialog.request(Method::Bye, CONTACT));
    assert!(bye.contains("CSeq: 2 BYE\n"));
    assert!(!bye.contains("Contact:"), "a BYE has no Contact (RFC 3261 table 2)");
}

//= RFC 3261 section 13.2.2.4 type=test
//# The sequence number of the CSeq header field MUST be the same as the INVITE being acknowledged, but the CSeq method MUST be
//# ACK.
#[test]
fn an_ack_has_the_number_of_its_invite_and_takes_none() {
    let ok = response("200 OK", ";tag=bob", "Contact: <sip:bob@192.0.2.9>\n");
    let mut dialog = Dialog::from_response(&seed(), &ok).unwrap();
    assert!(text(dialog.ack(7, CONTACT)).contains("CSeq: 7 ACK\n"));
    assert!(text(dialog.request(Method::Bye, "")).contains("CSeq: 8 BYE\n"));
}

#[test]
fn tags_that_are_null_are_left_out_and_bare_addresses_get_brackets() {
    let ok = response("200 OK", "", "Contact: <sip:bob@192.0.2.9>\n");
    let mut bare = seed();
    bare.local_uri = "sip:us@192.0.2.1".to_owned();
    let mut dialog = Dialog::from_response(&bare, &ok).unwrap();
    let bye = text(dialog.request(Method::Bye, ""));
    assert!(bye.contains("To: <sip:bob@example.com>\n"), "{bye}");
    assert!(bye.contains("From: <sip:us@192.0.2.1>;tag=ours\n"), "{bye}");
}

//= RFC 3261 section 12.2.1.1 type=test
//# the UAC MUST place the remote target URI into the Request-URI and MUST include a Route header field containing the route
//# set values in order, including all parameters.
#[test]
fn a_loose_route_leaves_the_request_uri_to_the_target() {
    let mut dialog = of_invite();
    dialog.route_set = vec!["<sip:192.0.2.50:5070;lr>".to_owned(), "\"P\" <sip:p2>;x=1".to_owned()];
    let bye = text(dialog.request(Method::Bye, ""));
    assert!(bye.starts_with("BYE sip:alice@192.0.2.9:5062 SIP/2.0\n"), "{bye}");
    let routes: Vec<_> = bye.lines().filter(|line| line.starts_with("Route: ")).collect();
    assert_eq!(routes, ["Route: <sip:192.0.2.50:5070;lr>", "Route: \"P\" <sip:p2>;x=1"]);
    assert_eq!(dialog.next_hop(), Some("192.0.2.50:5070".parse().unwrap()));
}

/// The example of RFC 3261 section 12.2.1.1.
//= RFC 3261 section 12.2.1.1 type=test
//# The UAC MUST then place the remote target URI into the Route header field as the last value.
#[test]
fn a_strict_route_takes_the_request_uri_and_the_target_goes_last() {
    let mut dialog = of_invite();
    dialog.remote_target = "sip:user@remoteua".to_owned();
    dialog.route_set =
        ["<sip:proxy1?Subject=x>", "<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>"]
            .map(str::to_owned)
            .to_vec();
    let bye = text(dialog.request(Method::Bye, ""));
    assert!(bye.starts_with("BYE sip:proxy1 SIP/2.0\n"), "{bye}");
    let routes: Vec<_> = bye.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(routes, ["<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:user@remoteua>"]);
    assert_eq!(dialog.next_hop(), None, "a name is not looked up here");
}

#[test]
fn the_next_hop_is_the_target_when_there_is_no_route() {
    let dialog = of_invite();
    assert_eq!(dialog.next_hop(), Some("192.0.2.9:5062".parse().unwrap()));
}

//= RFC 3261 section 12.2.2 type=test
//# If the remote sequence number was not empty, but the sequence number of the request is lower than the remote sequence
//# number, the request is out of order and MUST be rejected with a 500 (Server Internal Error) response.
#[test]
fn numbers_of_the_peer_may_jump_ahead_but_not_go_back() {
    let mut dialog = of_invite();
    assert_eq!(dialog.check_request(&in_dialog("INFO", 313, "")), Err(500));
    assert_eq!(dialog.check_request(&in_dialog("INFO", 315, "")), Ok(()));
    assert_eq!(dialog.check_request(&in_dialog("INFO", 400, "")), Ok(()));
    assert_eq!(dialog.remote_cseq, Some(400));
    assert_eq!(dialog.check_request(&in_dialog("ACK", 314, "")), Ok(()), "an ACK has its INVITE's");
    assert_eq!(dialog.remote_cseq, Some(400));
    dialog.remote_cseq = None;
    assert_eq!(dialog.check_request(&in_dialog("BYE", 1, "")), Ok(()));
    assert_eq!(dialog.remote_cseq, Some(1));
}

#[test]
fn a_request_belongs_to_a_dialog_by_call_id_and_both_tags() {
    let dialog = of_invite();
    assert!(dialog.is_of(&in_dialog("BYE", 315, "")));
    for (from, to) in [("tag=alice", "tag=x"), ("tag=mine", "tag=x"), (": call", ": other")] {
        let text = String::from_utf8(in_dialog("BYE", 315, "").bytes().to_vec()).unwrap();
        assert!(!dialog.is_of(&message(&text.replace("\r\n", "\n").replace(from, to))), "{from}");
    }
}

//= RFC 3261 section 12.2.2 type=test
//# When a UAS receives a target refresh request, it MUST replace the dialog's remote target URI with the URI from the Contact
//# header field in that request, if present.
#[test]
fn a_target_refresh_moves_the_target_and_leaves_the_route() {
    let mut dialog = of_invite();
    dialog.route_set = vec!["<sip:p;lr>".to_owned()];
    let moved = "Contact: <sip:alice@198.51.100.1>\nRecord-Route: <sip:other;lr>\n";
    dialog.refresh_target(&in_dialog("INVITE", 315, moved));
    assert_eq!(dialog.remote_target, "sip:alice@198.51.100.1");
    assert_eq!(dialog.route_set, ["<sip:p;lr>"]);
    for unusable in ["", "Contact: *\n", "Contact: <sip:a@b\n"] {
        dialog.refresh_target(&in_dialog("INVITE", 316, unusable));
        assert_eq!(dialog.remote_target, "sip:alice@198.51.100.1");
    }
}
