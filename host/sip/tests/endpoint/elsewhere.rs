//! Dialogs whose call has gone to another shard.

use model::Shard;

use crate::support::*;

#[test]
fn what_belongs_to_no_transaction_is_passed_on_and_what_does_is_not() {
    let mut world = World::new();
    let request = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK1", 1, "", ""));
    world.respond(&request, 200);
    assert_eq!(
        lines(&world.receive(udp(), &from_alice("ACK", "z9hG4bK2", 1, "ours", ""))),
        ["ack: ACK sip:us@192.0.2.1"]
    );
    let info = world.receive_request(udp(), &from_alice("INFO", "z9hG4bK3", 2, "ours", ""));
    world.respond(&info, 200);
    world.endpoint.send_elsewhere("alices-call", Shard(2));
    // Both were answered here, and come again.
    assert_eq!(world.receive(udp(), &from_alice("INVITE", "z9hG4bK1", 1, "", "")), []);
    let again = world.receive(udp(), &from_alice("INFO", "z9hG4bK3", 2, "ours", ""));
    assert_eq!(lines(&again), ["SIP/2.0 200 OK"]);
    for (method, cseq) in [("INFO", 3), ("INVITE", 4), ("ACK", 4), ("CANCEL", 4), ("BYE", 5)] {
        let out =
            world.receive(udp(), &from_alice(method, &format!("z9hG4bK{cseq}x"), cseq, "ours", ""));
        assert_eq!(lines(&out), [format!("elsewhere: 2 {method} sip:us@192.0.2.1 SIP/2.0")]);
    }
    world.endpoint.keep_here("alices-call");
    world.receive_request(udp(), &from_alice("BYE", "z9hG4bK6", 6, "ours", ""));
}

#[test]
fn a_response_to_nothing_of_this_endpoint_is_passed_on() {
    let mut world = World::new();
    let (tx, invite) = world.send(udp(), invite_draft());
    let ok = response(&invite, "200 OK", "bob");
    world.receive(udp(), &ok);
    let (now, dialog) = (world.now, dialog_of(&ok));
    world.endpoint.send_ack(now, tx, udp(), dialog.ack(1, ""));
    world.drain();
    world.endpoint.send_elsewhere("our-call", Shard(1));
    // The 2xx whose ACK was lost is acknowledged here.
    assert_eq!(world.receive(udp(), &ok)[0].line(), "ACK sip:bob@192.0.2.9:5060 SIP/2.0");
    let other = ok.replace("branch=z9hG4bK", "branch=z9hG4bKx");
    assert_eq!(lines(&world.receive(udp(), &other)), ["elsewhere: 1 SIP/2.0 200 OK"]);
}

#[test]
fn a_request_is_taken_back_as_long_as_nothing_was_answered() {
    let mut world = World::new();
    let text = from_alice("INVITE", "z9hG4bK1", 1, "", "");
    let request = world.receive_request(udp(), &text);
    assert_eq!(world.endpoint.take_back(request.tx), Some(udp()));
    assert_eq!(world.endpoint.take_back(request.tx), None);
    assert!(world.endpoint.is_idle());
    // It never was here.
    let request = world.receive_request(udp(), &text);
    world.respond(&request, 180);
    assert_eq!(world.endpoint.take_back(request.tx), None);
}
