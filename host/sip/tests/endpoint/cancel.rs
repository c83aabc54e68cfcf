//! CANCEL, both ways, and its races (RFC 3261 section 9).

use crate::support::*;

//= RFC 3261 section 9.1 type=test
//# If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the client MUST wait for the
//# arrival of a provisional response before sending the request.
#[test]
fn a_cancel_waits_for_a_provisional_response_and_looks_like_its_invite() {
    let mut world = World::new();
    let mut draft = invite_draft();
    draft.header(sip::Name::Route, "<sip:proxy.example.com;lr>");
    draft.header(sip::Name::Require, "100rel");
    let (tx, invite) = world.send(udp(), draft);
    world.endpoint.cancel(world.now, tx);
    assert_eq!(world.drain(), []);
    let out = world.receive(udp(), &response(&invite, "100 Trying", ""));
    let cancel = format!(
        "CANCEL sip:bob@192.0.2.9 SIP/2.0\n\
         Via: {}\n\
         Route: <sip:proxy.example.com;lr>\n\
         Max-Forwards: 70\n\
         From: <sip:us@192.0.2.1>;tag=ours\n\
         To: <sip:bob@192.0.2.9>\n\
         Call-ID: our-call\n\
         CSeq: 1 CANCEL\n\
         Content-Length: 0\n\n",
        invite.field("Via")
    );
    let told = Out::Told("response", "100 Trying (INVITE)".to_owned());
    let cancel = Out::Sent("UDP 192.0.2.9:5060".to_owned(), cancel);
    assert_eq!(out, [told, cancel.clone()]);

    // A second wish changes nothing; the CANCEL is a transaction of its own that the user does not hear of.
    world.endpoint.cancel(world.now, tx);
    assert_eq!(world.drain(), []);
    assert_eq!(world.pass(MS * 500), [(500, cancel.clone())]);
    assert_eq!(world.receive(udp(), &response(&cancel, "200 OK", "bob")), []);
    let out = world.receive(udp(), &response(&invite, "487 Request Terminated", "bob"));
    assert_eq!(
        lines(&out),
        ["ACK sip:bob@192.0.2.9 SIP/2.0", "response: 487 Request Terminated (INVITE)"]
    );
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), []);
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 9.1 type=test
//# If there is no final response for the original request in 64*T1 seconds (T1 is defined in Section 17.1.1.1), the client
//# SHOULD then consider the original transaction cancelled and SHOULD destroy the client transaction handling the original
//# request.
#[test]
fn a_cancelled_invite_without_a_final_response_is_given_up_after_64_t1() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    world.receive(udp(), &response(&invite, "180 Ringing", "bob"));
    world.pass(MS * 100_000);
    world.endpoint.cancel(world.now, tx);
    let cancel = world.drain();
    assert_eq!(lines(&cancel), ["CANCEL sip:bob@192.0.2.9 SIP/2.0"]);
    world.receive(udp(), &response(&cancel[0], "200 OK", "bob"));
    assert_eq!(timed_lines(&world.pass(MS * 60_000)), [(132_000, "timed out: ".to_owned())]);
    assert!(world.endpoint.is_idle());
}

#[test]
fn a_cancel_that_crosses_the_2xx_still_leaves_the_2xx_to_the_user() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    world.receive(udp(), &response(&invite, "180 Ringing", "bob"));
    world.endpoint.cancel(world.now, tx);
    let cancel = world.drain();
    let ok = response(&invite, "200 OK", "bob");
    assert_eq!(lines(&world.receive(udp(), &ok)), ["response: 200 OK (INVITE)"]);
    assert_eq!(world.receive(udp(), &response(&cancel[0], "481 No", "bob")), []);
    // The user must acknowledge and hang up.
    let mut dialog = dialog_of(&ok);
    world.endpoint.send_ack(world.now, tx, udp(), dialog.ack(1, ""));
    assert_eq!(lines(&world.drain()), ["ACK sip:bob@192.0.2.9:5060 SIP/2.0"]);
    let (_, bye) = world.send(udp(), dialog.request(sip::Method::Bye, ""));
    world.receive(udp(), &response(&bye, "200 OK", "bob"));
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), [], "no time-out of the cancelled INVITE");
    assert!(world.endpoint.is_idle());
}

#[test]
fn an_invite_that_is_over_or_accepted_is_not_cancelled_and_neither_is_another_request() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    world.receive(udp(), &response(&invite, "200 OK", "bob"));
    world.endpoint.cancel(world.now, tx);
    assert_eq!(world.drain(), []);
    let (rejected, invite) = world.send(udp(), invite_draft());
    world.receive(udp(), &response(&invite, "486 Busy Here", "bob"));
    world.endpoint.cancel(world.now, rejected);
    assert_eq!(world.drain(), []);
    let (options, _) = world.send(udp(), draft_of(sip::Method::Options, "1 OPTIONS"));
    world.endpoint.cancel(world.now, options);
    assert_eq!(world.drain(), []);
    world.pass(MS * 64_000);
    for tx in [tx, rejected, options] {
        world.endpoint.cancel(world.now, tx);
    }
    assert!(world.endpoint.is_idle());
}

#[test]
fn a_cancel_wished_while_calling_is_forgotten_when_nobody_answers() {
    let mut world = World::new();
    let (tx, _) = world.send(udp(), invite_draft());
    world.endpoint.cancel(world.now, tx);
    let outputs = world.pass(MS * 60_000);
    assert!(outputs.iter().all(|(_, out)| !out.line().starts_with("CANCEL")));
    assert_eq!(outputs.last(), Some(&(32_000, Out::Told("timed out", String::new()))));
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 9.2 type=test
//# Regardless of the method of the original request, as long as the CANCEL matched an existing transaction, the UAS answers
//# the CANCEL request itself with a 200 (OK) response.
#[test]
fn a_cancel_of_a_ringing_call_is_answered_and_told_once() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    world.respond(&invite, 180);
    let text = from_alice("CANCEL", "z9hG4bK-1", 1, "", "");
    let out = world.receive(udp(), &text);
    let ok = "SIP/2.0 200 OK\n\
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1\n\
        From: <sip:alice@192.0.2.9>;tag=alice\n\
        To: <sip:us@192.0.2.1>;tag=ours\n\
        Call-ID: alices-call\n\
        CSeq: 1 CANCEL\n\
        Content-Length: 0\n\n";
    let ok = Out::Sent("UDP 192.0.2.9:5060".to_owned(), ok.to_owned());
    let told = Out::Told("cancelled", "CANCEL sip:us@192.0.2.1".to_owned());
    assert_eq!(out, [ok.clone(), told]);
    assert_eq!(world.receive(udp(), &text), [ok], "a repeated CANCEL gets the same answer");
    assert_eq!(lines(&world.respond(&invite, 487)), ["SIP/2.0 487 Request Terminated"]);
    assert_eq!(world.receive(udp(), &from_alice("ACK", "z9hG4bK-1", 1, "ours", "")), []);
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), []);
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 9.2 type=test
//# If it has, the CANCEL request has no effect on the processing of the original request, no effect on any session state, and
//# no effect on the responses generated for the original request.
#[test]
fn a_cancel_after_the_final_response_is_answered_and_has_no_effect() {
    for status in [200, 486] {
        let mut world = World::new();
        let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
        world.respond(&invite, status);
        let out = world.receive(udp(), &from_alice("CANCEL", "z9hG4bK-1", 1, "", ""));
        assert_eq!(lines(&out), ["SIP/2.0 200 OK"]);
        assert_eq!(out[0].field("CSeq"), "1 CANCEL");
    }
}

//= RFC 3261 section 9.2 type=test
//# If the UAS did not find a matching transaction for the CANCEL according to the procedure above, it SHOULD respond to the
//# CANCEL with a 481 (Call Leg/Transaction Does Not Exist).
#[test]
fn a_cancel_of_nothing_is_answered_481_with_the_same_tag_each_time() {
    let mut world = World::new();
    let text = from_alice("CANCEL", "z9hG4bK-1", 1, "", "");
    let out = world.receive(udp(), &text);
    assert_eq!(lines(&out), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert!(out[0].field("To").contains(";tag="));
    assert_eq!(world.receive(udp(), &text), out);
    assert!(world.endpoint.is_idle(), "no transaction was made for it");
    assert_eq!(world.endpoint.stats().refused_by_status.get(&481), Some(&2));
}

#[test]
fn a_second_cancel_transaction_does_not_tell_the_user_again() {
    let mut world = World::new();
    world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    world.receive(udp(), &from_alice("CANCEL", "z9hG4bK-1", 1, "", ""));
    // The CANCEL's own transaction is over; the INVITE's is not.
    world.pass(MS * 32_000);
    let out = world.receive(udp(), &from_alice("CANCEL", "z9hG4bK-1", 1, "", ""));
    assert_eq!(lines(&out), ["SIP/2.0 200 OK"]);
}
