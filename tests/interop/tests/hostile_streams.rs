//! Connections whose peers are broken, slow, silent or many: they end, with a reason, and nobody else notices.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;

use jackfield_interop::{Switch, Wire, wait};

const TCP: &str = "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"";
const OK: &str = "SIP/2.0 200 OK";

fn switch(settings: &[&str]) -> Switch {
    Switch::listening(&[TCP], settings, &[])
}

#[test]
fn a_keep_alive_is_answered_and_messages_may_come_in_any_pieces() {
    let switch = switch(&[]);
    let mut wire = Wire::connect(switch.sip_port);
    wire.send("\r\n\r\n");
    assert_eq!(wire.answer(), "\r\n");
    let (one, two) = (wire.options("l: 2\r\n") + "{}", wire.options("Content-Length: 0\r\n"));
    wire.send(one.clone() + &two);
    assert!(wire.answer().starts_with(OK));
    assert!(wire.answer().starts_with(OK));
    for byte in one.bytes() {
        wire.send([byte]);
    }
    assert!(wire.answer().starts_with(OK));
}

#[test]
fn what_is_no_sip_is_closed_and_what_has_no_length_is_told_so_first() {
    let switch = switch(&[]);
    let mut bystander = Wire::connect(switch.sip_port);
    for garbage in ["\x16\x03\x01", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut wire = Wire::connect(switch.sip_port);
        wire.send(garbage);
        assert_eq!(wire.answer(), "");
    }
    for (length, status) in [
        ("", "SIP/2.0 400 Missing Content-Length"),
        ("Content-Length: x\r\n", "SIP/2.0 400 Content-Length is not a number"),
        ("Content-Length: 900000\r\n", "SIP/2.0 513 Message Too Large"),
    ] {
        let mut wire = Wire::connect(switch.sip_port);
        let options = wire.options(length);
        wire.send(options);
        assert_eq!(wire.answer().lines().next(), Some(status));
        assert_eq!(wire.answer(), "", "{length:?} is closed");
    }
    let mut gone = Wire::connect(switch.sip_port);
    gone.send("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TC");
    drop(gone);
    assert_eq!(bystander.ask(), OK);
    assert!(switch.log().contains("what came is no SIP message"), "{}", switch.log());
}

#[test]
fn a_peer_that_never_ends_its_message_or_never_begins_one_is_closed() {
    let switch = switch(&["streams.message_timeout_s=1", "streams.first_message_timeout_s=2"]);
    let mut bystander = Wire::connect(switch.sip_port);
    assert_eq!(bystander.ask(), OK);
    let mut slow = Wire::connect(switch.sip_port);
    let mut silent = Wire::connect(switch.sip_port);
    let options = slow.options("Content-Length: 0\r\n");
    let mut bytes = options.bytes().cycle();
    wait::until("the slow peer to be closed", || {
        slow.stream().write_all(&[bytes.next().unwrap_or_default()]).is_err().then_some(())
    });
    silent.expect_end();
    assert_eq!(bystander.ask(), OK);
    assert!(switch.log().contains("message_timeout_s"), "{}", switch.log());
    assert!(switch.log().contains("first_message_timeout_s"), "{}", switch.log());
}

#[test]
fn a_peer_that_does_not_read_is_closed_and_holds_nobody_up() {
    let switch = switch(&["streams.write_queue_kib=64"]);
    let mut bystander = Wire::connect(switch.sip_port);
    let mut stuck = Wire::connect(switch.sip_port);
    let options = stuck.options("Content-Length: 0\r\n").repeat(50);
    stuck.stream().set_nonblocking(true).expect("a socket");
    wait::until("the peer that does not read to be closed", || {
        assert_eq!(bystander.ask(), OK);
        loop {
            match stuck.stream().write(options.as_bytes()) {
                // Half a message would end it for another reason.
                Ok(length) if length < options.len() => return None,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some(()),
            }
        }
    });
    assert_eq!(bystander.ask(), OK);
    assert!(switch.log().contains("write_queue_kib"), "{}", switch.log());
}

/// Requests whose answers are as long as they are: so many bytes of them in all.
fn long_requests(wire: &mut Wire, bytes: usize) -> String {
    let via = format!("Via: SIP/2.0/TCP h;branch=z9hG4bK{}\r\n", "x".repeat(8000));
    let one = wire.options(&format!("{}Content-Length: 0\r\n", via.repeat(6)));
    one.repeat(bytes / one.len() + 1)
}

#[test]
fn what_many_peers_leave_unread_is_bounded_for_all_of_them_together() {
    let switch = switch(&["streams.write_queue_kib=65536", "streams.unread_mib_max=8"]);
    let mut bystander = Wire::connect(switch.sip_port);
    let mut stuck: Vec<Wire> = (0..8).map(|_| Wire::connect(switch.sip_port)).collect();
    for wire in &mut stuck {
        // More than the buffers of the system hold. Each names itself: answers for a connection that is gone go to where Via says.
        let requests = long_requests(wire, 24 << 20);
        // It may be closed before it has said all.
        let _ = wire.stream().write_all(requests.as_bytes());
        assert_eq!(bystander.ask(), OK);
    }
    wait::until("peers that leave too much unread to be closed", || {
        switch.log().contains("unread_mib_max").then_some(())
    });
    assert_eq!(bystander.ask(), OK);
}

#[test]
fn a_peer_that_reads_nothing_of_what_waits_for_it_is_closed_in_time() {
    let switch = switch(&["streams.write_queue_kib=65536", "streams.message_timeout_s=2"]);
    let mut bystander = Wire::connect(switch.sip_port);
    let mut stuck = Wire::connect(switch.sip_port);
    let requests = long_requests(&mut stuck, 24 << 20);
    // It may be closed before it has said all.
    let _ = stuck.stream().write_all(requests.as_bytes());
    wait::until("the peer that reads nothing to be closed", || {
        assert_eq!(bystander.ask(), OK);
        switch.log().contains("the peer has read nothing").then_some(())
    });
}

#[test]
fn two_thousand_connections_are_served_and_more_than_the_limit_turned_away() {
    let switch = switch(&["streams.connections_max=2000"]);
    let mut wires: Vec<Wire> = (0..2000).map(|_| Wire::connect(switch.sip_port)).collect();
    for wire in &mut wires {
        assert_eq!(wire.ask(), OK);
    }
    let mut excess = Wire::connect(switch.sip_port);
    assert_eq!(excess.answer(), "");
    assert_eq!(wires[1999].ask(), OK);
    drop(wires);
    wait::until("room for another", || {
        (Wire::connect(switch.sip_port).try_ask()? == OK).then_some(())
    });
}
