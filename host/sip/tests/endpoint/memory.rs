//! What a transaction keeps: the bytes it may have to send again, and no longer than that.

use bytes::Bytes;
use sip::{Event, Input, Output, response_to};

use crate::support::*;

/// The one datagram that the endpoint wants sent.
fn transmitted(world: &mut World) -> Bytes {
    let mut sent = None;
    while let Some(output) = world.endpoint.poll_output() {
        if let Output::Transmit { bytes, .. } = output {
            assert!(sent.replace(bytes).is_none(), "one datagram");
        }
    }
    sent.unwrap()
}

#[test]
fn an_invite_of_ours_is_kept_until_its_final_response() {
    for status in ["200 OK", "486 Busy Here"] {
        let mut world = World::new();
        world.endpoint.send_request(world.now, udp(), invite_draft()).unwrap();
        let bytes = transmitted(&mut world);
        assert!(!bytes.is_unique());
        let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
        let invite = Out::Sent(String::new(), text);
        world.receive(udp(), &response(&invite, "180 Ringing", "bob"));
        assert!(!bytes.is_unique(), "a CANCEL may have to be made from it");
        world.receive(udp(), &response(&invite, status, "bob"));
        assert!(bytes.is_unique());
    }
}

#[test]
fn an_invite_that_came_is_kept_until_the_first_response() {
    for after_trying in [false, true] {
        let mut world = World::new();
        let datagram = from_alice("INVITE", "z9hG4bK-1", 1, "", "").replace('\n', "\r\n");
        let bytes = Bytes::from(datagram);
        let input = Input::Datagram { flow: udp(), bytes: bytes.clone() };
        world.endpoint.handle_input(world.now, input);
        let Some(Output::Event(Event::Request { tx, message, .. })) = world.endpoint.poll_output()
        else {
            panic!("no request came up")
        };
        let ringing = response_to(&message, 180, "", Some("ours")).finish(None);
        drop(message);
        assert!(!bytes.is_unique(), "100 (Trying) would be made from it");
        if after_trying {
            world.pass(MS * 200);
        } else {
            world.endpoint.respond(world.now, tx, ringing);
            world.drain();
        }
        assert!(bytes.is_unique());
    }
}

#[test]
fn a_2xx_is_kept_until_its_ack() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    let ok = response_to(&invite.message, 200, "", Some("ours")).finish(None);
    world.endpoint.respond(world.now, invite.tx, ok);
    let bytes = transmitted(&mut world);
    assert!(!bytes.is_unique());
    world.receive(udp(), &from_alice("ACK", "z9hG4bK-2", 1, "ours", ""));
    assert!(bytes.is_unique());
}

#[test]
fn a_rejection_is_kept_until_its_ack() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    let busy = response_to(&invite.message, 486, "", Some("ours")).finish(None);
    world.endpoint.respond(world.now, invite.tx, busy);
    let bytes = transmitted(&mut world);
    assert!(!bytes.is_unique());
    world.receive(udp(), &from_alice("ACK", "z9hG4bK-1", 1, "ours", ""));
    assert!(bytes.is_unique());
}
