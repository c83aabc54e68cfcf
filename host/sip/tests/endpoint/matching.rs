//! Which message belongs to which transaction (RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2), and where responses go.

use crate::support::*;

/// What is told of an ACK that matches nothing.
const STRAY: &str = "stray ack: ACK sip:us@192.0.2.1";

#[test]
fn a_rejection_is_acknowledged_on_the_flow_and_with_the_branch_of_its_invite() {
    let mut world = World::new();
    let mut draft = invite_draft();
    draft.header(sip::Name::Route, "<sip:p1;lr>, <sip:p2;lr>");
    draft.header(sip::Name::Route, "<sip:p3;lr>");
    let (_, invite) = world.send(udp(), draft);
    let elsewhere = flow(model::Transport::Udp, "203.0.113.77:1234");
    let out = world.receive(elsewhere, &response(&invite, "486 Busy Here", "bob"));
    let ack = format!(
        "ACK sip:bob@192.0.2.9 SIP/2.0\n\
         Via: {}\n\
         Route: <sip:p1;lr>, <sip:p2;lr>\n\
         Route: <sip:p3;lr>\n\
         Max-Forwards: 70\n\
         From: <sip:us@192.0.2.1>;tag=ours\n\
         To: <sip:bob@192.0.2.9>;tag=bob\n\
         Call-ID: our-call\n\
         CSeq: 1 ACK\n\
         Content-Length: 0\n\n",
        invite.field("Via")
    );
    assert_eq!(out[0], Out::Sent("UDP 192.0.2.9:5060".to_owned(), ack));
}

#[test]
fn a_request_of_ours_names_its_listener_and_asks_for_the_port() {
    let mut world = World::new();
    let (_, over_udp) = world.send(udp(), invite_draft());
    let via = over_udp.field("Via");
    let branch = via.strip_prefix("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK").unwrap();
    let random = branch.strip_suffix(";rport").unwrap();
    assert_eq!(random.len(), 16);
    assert!(random.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(over_udp.text().lines().nth(1), Some(format!("Via: {via}").as_str()));
    let (_, over_tcp) = world.send(tcp(), invite_draft());
    assert!(over_tcp.field("Via").starts_with("SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK"));
    assert!(!over_tcp.field("Via").contains("rport"));
    assert_ne!(
        over_tcp.field("Via").split_once("branch"),
        over_udp.field("Via").split_once("branch")
    );
}

#[test]
fn the_acks_of_a_forked_invite_are_kept_apart() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    let mut acks = Vec::new();
    for tag in ["bob", "carol"] {
        let ok = response(&invite, "200 OK", tag);
        world.receive(udp(), &ok);
        let dialog = dialog_of(&ok);
        world.endpoint.send_ack(world.now, tx, udp(), dialog.ack(1, ""));
        let ack = world.drain();
        assert!(ack[0].field("To").ends_with(tag));
        acks.push((ok, ack));
    }
    for (ok, ack) in acks {
        assert_eq!(world.receive(udp(), &ok), ack);
    }
}

#[test]
fn an_ack_sent_too_late_still_goes_out() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    let ok = response(&invite, "200 OK", "bob");
    world.receive(udp(), &ok);
    world.pass(MS * 40_000);
    world.endpoint.send_ack(world.now, tx, udp(), dialog_of(&ok).ack(1, ""));
    assert_eq!(lines(&world.drain()), ["ACK sip:bob@192.0.2.9:5060 SIP/2.0"]);
}

//= RFC 3261 section 17.1.3 type=test
//# If the method parameter in the CSeq header field matches the method of the request that created the transaction.
#[test]
fn a_response_matches_by_branch_and_method_and_any_other_is_told_apart() {
    let mut world = World::new();
    let (_, invite) = world.send(udp(), invite_draft());
    let ringing = response(&invite, "180 Ringing", "bob");
    let other_method = ringing.replace("1 INVITE", "1 BYE");
    let other_branch = ringing.replace("z9hG4bK", "z9hG4bK0");
    let no_branch = ringing.replace(";branch=", ";b=");
    let two_vias = ringing.replacen("From:", "Via: SIP/2.0/UDP 198.51.100.1;branch=x\nFrom:", 1);
    for stray in [other_method, other_branch, no_branch, two_vias] {
        let told = lines(&world.receive(udp(), &stray));
        assert!(told.len() == 1 && told[0].starts_with("stray: 180 Ringing"), "{told:?}");
    }
    assert_eq!(world.endpoint.stats().stray_responses, 4);
    assert_eq!(lines(&world.receive(udp(), &ringing)), ["response: 180 Ringing (INVITE)"]);
}

/// A peer that sends the cookie and nothing behind it has no unique branch, and is matched as one that knows only RFC 2543.
#[test]
fn a_branch_that_is_only_the_cookie_does_not_identify_a_request() {
    let mut world = World::new();
    let text = from_alice("OPTIONS", "z9hG4bK", 1, "ours", "");
    world.receive_request(udp(), &text);
    world.receive_request(udp(), &text.replace("CSeq: 1 ", "CSeq: 2 "));
    assert_eq!(world.receive(udp(), &text), []);
    assert_eq!(world.endpoint.stats().non_invite_servers_now, 2);
}

//= RFC 3261 section 17.2.3 type=test
//# the sent-by value in the top Via of the request is equal to the one in the request that created the transaction, and
#[test]
fn requests_differ_by_branch_by_sent_by_and_by_method() {
    let mut world = World::new();
    let text = from_alice("OPTIONS", "z9hG4bK-1", 1, "ours", "");
    world.receive_request(udp(), &text);
    world.receive_request(udp(), &text.replace("branch=z9hG4bK-1", "branch=z9hG4bK-2"));
    world.receive_request(udp(), &text.replace("UDP 192.0.2.9:5060", "UDP 192.0.2.9:5061"));
    world.receive_request(udp(), &text.replace("UDP 192.0.2.9:5060", "UDP 192.0.2.9"));
    world.receive_request(udp(), &text.replace("UDP 192.0.2.9:5060", "UDP host:5060"));
    world.receive_request(udp(), &text.replace("OPTIONS", "MESSAGE"));
    assert_eq!(world.receive(udp(), &text), []);
    assert_eq!(world.endpoint.stats().non_invite_servers_now, 6);
}

#[test]
fn a_request_without_the_magic_cookie_is_matched_by_all_its_parts() {
    let mut world = World::new();
    let text = from_alice("INVITE", "1", 1, "", "");
    let invite = world.receive_request(udp(), &text);
    let ringing = world.respond(&invite, 180);
    assert_eq!(world.receive(udp(), &text), ringing);
    // The same branch, reused for another call by an old client that knows no better.
    let other = text.replace("alices-call", "another-call");
    let second = world.receive_request(udp(), &other);
    assert_eq!(lines(&world.respond(&second, 486)), ["SIP/2.0 486 Busy Here"]);
    let ack = from_alice("ACK", "1", 1, "ours", "").replace("alices-call", "another-call");
    let foreign = ack.replace("tag=ours", "tag=theirs");
    assert_eq!(lines(&world.receive(udp(), &foreign)), [STRAY]);
    assert_eq!(world.endpoint.stats().stray_acks, 1, "its To tag is not that of our response");
    assert_eq!(world.receive(udp(), &ack), []);
    assert_eq!(world.endpoint.stats().stray_acks, 1);
    assert_eq!(lines(&world.receive(udp(), &from_alice("CANCEL", "1", 1, "", ""))).len(), 2);
}

#[test]
fn the_ack_of_a_2xx_is_found_by_its_dialog_whatever_its_branch() {
    for branch in ["z9hG4bK-1", "z9hG4bK-new", "1"] {
        let mut world = World::new();
        let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 7, "", ""));
        world.respond(&invite, 200);
        let ack = from_alice("ACK", branch, 7, "ours", "");
        let stray = [
            ack.replace("tag=ours", "tag=other"),
            ack.replace("alices-call", "other-call"),
            ack.replace("CSeq: 7", "CSeq: 6"),
        ];
        for stray in &stray {
            assert_eq!(lines(&world.receive(udp(), stray)), [STRAY], "{stray}");
        }
        assert_eq!(world.endpoint.stats().stray_acks, 3);
        assert_eq!(lines(&world.receive(udp(), &ack)), ["ack: ACK sip:us@192.0.2.1"]);
        assert_eq!(world.receive(udp(), &ack), [], "a repeated ACK is absorbed");
        assert_eq!(timed_lines(&world.pass(MS * 20_000)), [], "the 2xx is not repeated any more");
    }
}

#[test]
fn an_ack_comes_up_though_its_first_copy_was_lost_and_though_the_bye_was_faster() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    let ok = world.respond(&invite, 200);
    assert_eq!(world.pass(MS * 500), [(500, ok[0].clone())]);
    let bye = world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-3", 2, "ours", ""));
    assert_eq!(lines(&world.respond(&bye, 200)), ["SIP/2.0 200 OK"]);
    assert_eq!(world.pass(MS * 1_000), [(1_500, ok[0].clone())], "the ACK is still awaited");
    let ack = from_alice("ACK", "z9hG4bK-2", 1, "ours", "");
    assert_eq!(lines(&world.receive(udp(), &ack)), ["ack: ACK sip:us@192.0.2.1"]);
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), []);
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 8.2.2.2 type=test
//# The UAS processes the first such request received and responds with a 482 (Loop Detected) to the rest of them.
#[test]
fn a_request_that_comes_by_a_second_path_is_answered_482() {
    let mut world = World::new();
    world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    let copy = from_alice("INVITE", "z9hG4bK-2", 1, "", "");
    let out = world.receive(udp(), &copy);
    assert_eq!(lines(&out), ["SIP/2.0 482 Loop Detected"]);
    // Within a dialog the same numbers are a matter of the dialog.
    world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-3", 1, "ours", ""));
    // The next attempt of the same client has the next number.
    world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-4", 2, "", ""));
    assert_eq!(world.endpoint.stats().refused_by_status.get(&482), Some(&1));
}

//= RFC 3261 section 18.2.1 type=test
//# This parameter MUST contain the source address from which the packet was received.
#[test]
fn responses_go_where_the_request_came_from_and_say_so() {
    let nat = flow(model::Transport::Udp, "203.0.113.5:40000");
    let cases = [
        ("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1", ";received=203.0.113.5"),
        ("SIP/2.0/UDP host.example.com;branch=z9hG4bK-1", ";received=203.0.113.5"),
        ("SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK-1", ""),
        ("SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK-1", ""),
    ];
    for (via, added) in cases {
        let mut world = World::new();
        let text = from_alice("OPTIONS", "z9hG4bK-1", 1, "", "")
            .replace("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1", via);
        let request = world.receive_request(nat, &text);
        let out = world.respond(&request, 200);
        assert_eq!(out[0].field("Via"), format!("{via}{added}"));
        let Out::Sent(to, _) = &out[0] else { panic!("{out:?}") };
        assert_eq!(to, "UDP 203.0.113.5:40000");
    }
}

#[test]
fn a_client_that_asks_for_its_port_is_told_address_and_port() {
    let nat = flow(model::Transport::Udp, "203.0.113.5:40000");
    let mut world = World::new();
    let text = from_alice("OPTIONS", "z9hG4bK-1;rport", 1, "", "");
    let request = world.receive_request(nat, &text);
    let out = world.respond(&request, 200);
    assert_eq!(
        out[0].field("Via"),
        "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1;received=203.0.113.5;rport=40000"
    );
    assert_eq!(world.receive(nat, &text), out, "and so is the repetition");
    // Also when the endpoint itself refuses.
    let out = world.receive(nat, &from_alice("CANCEL", "z9hG4bK-9;rport", 1, "", ""));
    assert!(out[0].field("Via").ends_with(";received=203.0.113.5;rport=40000"));
}

#[test]
fn a_transport_error_ends_what_is_pending_on_that_flow_only() {
    let mut world = World::new();
    let other = flow(model::Transport::Udp, "192.0.2.10:5060");
    world.send(udp(), invite_draft());
    world.send(udp(), draft_of(sip::Method::Options, "1 OPTIONS"));
    let (_, elsewhere) = world.send(other, invite_draft());
    let (_, answered) = world.send(udp(), draft_of(sip::Method::Options, "2 OPTIONS"));
    world.receive(udp(), &response(&answered, "200 OK", "bob"));
    world.endpoint.handle_input(world.now, sip::Input::TransportError { flow: udp() });
    assert_eq!(lines(&world.drain()), ["unreachable: ", "unreachable: "]);
    assert_eq!(world.pass(MS * 500), [(500, elsewhere)]);
}

#[test]
fn a_final_response_is_given_once() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    world.respond(&invite, 486);
    assert_eq!(world.respond(&invite, 200), []);
    assert_eq!(world.respond(&invite, 180), []);
    assert_eq!(world.endpoint.stats().invalid_transitions, 2);
    let bye = world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-2", 2, "ours", ""));
    world.respond(&bye, 200);
    assert_eq!(world.respond(&bye, 500), []);
}

#[test]
fn bytes_that_are_no_response_are_not_sent_as_one() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    for nonsense in ["", "SIP/2.0", "SIP/2.0 abc", "INVITE sip:a SIP/2.0\r\n\r\n"] {
        world.endpoint.respond(world.now, invite.tx, nonsense.into());
        assert_eq!(world.drain(), []);
    }
    assert_eq!(world.endpoint.stats().invalid_transitions, 4);
}

#[test]
fn a_second_2xx_of_the_user_takes_the_place_of_the_first() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    world.respond(&invite, 200);
    let other = sip::response_to(&invite.message, 200, "", Some("other")).finish(None);
    world.endpoint.respond(world.now, invite.tx, other);
    let second = world.drain();
    assert!(second[0].field("To").ends_with(";tag=other"));
    let late = world.receive(udp(), &from_alice("ACK", "z9hG4bK-2", 1, "ours", ""));
    assert_eq!(lines(&late), [STRAY]);
    assert_eq!(world.endpoint.stats().stray_acks, 1);
    assert_eq!(world.pass(MS * 500), [(500, second[0].clone())]);
    let ack = from_alice("ACK", "z9hG4bK-3", 1, "other", "");
    assert_eq!(lines(&world.receive(udp(), &ack)), ["ack: ACK sip:us@192.0.2.1"]);
}
