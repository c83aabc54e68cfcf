//! Whole calls, output list by output list.

use crate::support::*;

#[test]
fn a_call_to_us_is_rung_answered_acknowledged_and_ended() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    assert_eq!(lines(&world.respond(&invite, 180)), ["SIP/2.0 180 Ringing"]);
    assert_eq!(lines(&world.respond(&invite, 200)), ["SIP/2.0 200 OK"]);
    let ack = from_alice("ACK", "z9hG4bK-2", 1, "ours", "");
    assert_eq!(lines(&world.receive(udp(), &ack)), ["ack: ACK sip:us@192.0.2.1"]);
    assert_eq!(lines(&world.receive(udp(), &ack)), [""; 0]);
    let bye = world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-3", 2, "ours", ""));
    assert_eq!(lines(&world.respond(&bye, 200)), ["SIP/2.0 200 OK"]);
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), []);
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.poll_timeout(), None);
}

#[test]
fn a_call_of_ours_is_rung_answered_acknowledged_and_ended() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    let ringing = response(&invite, "180 Ringing", "bob");
    assert_eq!(lines(&world.receive(udp(), &ringing)), ["response: 180 Ringing (INVITE)"]);
    let ok = response(&invite, "200 OK", "bob");
    assert_eq!(lines(&world.receive(udp(), &ok)), ["response: 200 OK (INVITE)"]);
    let mut dialog = dialog_of(&ok);
    world.endpoint.send_ack(world.now, tx, udp(), dialog.ack(1, "<sip:us@192.0.2.1:5060>"));
    let ack = world.drain();
    assert_eq!(lines(&ack), ["ACK sip:bob@192.0.2.9:5060 SIP/2.0"]);
    assert_eq!(world.receive(udp(), &ok), ack, "a repeated 2xx gets the same ACK");
    let (_, bye) = world.send(udp(), dialog.request(sip::Method::Bye, ""));
    assert_eq!(bye.field("CSeq"), "2 BYE");
    let gone = response(&bye, "200 OK", "bob");
    assert_eq!(lines(&world.receive(udp(), &gone)), ["response: 200 OK (BYE)"]);
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), []);
    assert!(world.endpoint.is_idle());
}
