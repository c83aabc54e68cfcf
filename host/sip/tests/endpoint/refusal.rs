//! What the endpoint refuses by itself, and its limits.

use bytes::Bytes;
use sip::LimitError;

use crate::support::*;

#[test]
fn beyond_transactions_max_new_calls_are_refused_and_standing_ones_can_end() {
    let mut world = World::with(|config| {
        config.transactions_max = 8;
        config.server_header = Some("Jackfield".to_owned());
    });
    for number in 0..8 {
        let text = from_alice("OPTIONS", &format!("z9hG4bK-{number}"), number, "", "");
        world.receive_request(udp(), &text);
    }
    let out = world.receive(udp(), &from_alice("INVITE", "z9hG4bK-9", 9, "", ""));
    assert_eq!(lines(&out), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(out[0].field("Retry-After"), "5");
    assert_eq!(out[0].field("Server"), "Jackfield");
    // The reserve, an eighth, is for what stands.
    world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-10", 10, "ours", ""));
    let out = world.receive(udp(), &from_alice("BYE", "z9hG4bK-11", 11, "ours", ""));
    assert_eq!(lines(&out), ["SIP/2.0 503 Service Unavailable"]);
    let refused = world.endpoint.send_request(world.now, udp(), invite_draft());
    assert_eq!(refused, Err(LimitError::Transactions { live: 9, max: 8 }));
    assert_eq!(world.drain(), []);
    world.pass(MS * 32_000);
    assert!(world.endpoint.send_request(world.now, udp(), invite_draft()).is_ok());
}

#[test]
fn what_transactions_keep_is_bounded_by_its_size_too_and_is_all_given_back() {
    let mut world = World::with(|config| config.transaction_bytes_max = 16_000);
    let long = format!("X: {}\n", "x".repeat(4000));
    let request = |n: u32, tag: &str| {
        let text = from_alice("INVITE", &format!("z9hG4bK-{n}"), n, tag, "");
        text.replacen("\n", &format!("\n{long}"), 1).replace("Call-ID: ", &format!("Call-ID: {n}-"))
    };
    let kept = |world: &World| world.endpoint.stats().kept_bytes_now;
    let first = world.receive_request(udp(), &request(0, ""));
    assert!((4000..5000).contains(&kept(&world)), "{}", kept(&world));
    for n in 1..4 {
        world.receive_request(udp(), &request(n, ""));
    }
    assert!(kept(&world) > 16_000);
    let out = world.receive(udp(), &request(4, ""));
    assert_eq!(lines(&out), ["SIP/2.0 503 Service Unavailable"]);
    // The reserve, an eighth, is for what stands.
    world.receive_request(udp(), &request(5, "ours"));
    let out = world.receive(udp(), &request(6, "ours"));
    assert_eq!(lines(&out), ["SIP/2.0 503 Service Unavailable"]);
    assert!(world.endpoint.send_request(world.now, udp(), invite_draft()).is_err());
    // An answer is shorter than what it answers, and there is room again.
    let before = kept(&world);
    world.respond(&first, 486);
    assert!(kept(&world) + 3000 < before);
    let (sent, invite) = world.send(udp(), invite_draft());
    world.receive(udp(), &response(&invite, "200 OK", "bob"));
    world.endpoint.cancel(world.now, sent);
    world.pass(MS * 200_000);
    assert_eq!(world.endpoint.stats().invite_servers_now, 4, "nobody has answered them");
    assert!(kept(&world) < 5 * 1000, "a 100 is what is left of them");
}

#[test]
fn a_cancel_is_honoured_even_when_the_reserve_is_used_up() {
    let mut world = World::with(|config| config.transactions_max = 1);
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    let out = world.receive(udp(), &from_alice("CANCEL", "z9hG4bK-1", 1, "", ""));
    assert_eq!(lines(&out), ["SIP/2.0 200 OK", "cancelled: CANCEL sip:us@192.0.2.1"]);
    assert_eq!(world.endpoint.stats().non_invite_servers_now, 0);
    world.respond(&invite, 487);
    world.receive(udp(), &from_alice("ACK", "z9hG4bK-1", 1, "ours", ""));
    world.pass(MS * 5_000);

    let (tx, invite) = world.send(udp(), invite_draft());
    world.receive(udp(), &response(&invite, "180 Ringing", "bob"));
    world.endpoint.cancel(world.now, tx);
    assert_eq!(lines(&world.drain()), ["CANCEL sip:bob@192.0.2.9 SIP/2.0"]);
    assert_eq!(
        timed_lines(&world.pass(MS * 60_000)),
        [(69_000 - 32_000, "timed out: ".to_owned())]
    );
}

#[test]
fn a_listener_that_is_not_configured_sends_nothing() {
    let mut world = World::with(|config| config.listeners.clear());
    let refused = world.endpoint.send_request(world.now, udp(), invite_draft());
    assert_eq!(refused, Err(LimitError::UnknownListener { listener: 0 }));
    assert_eq!(world.drain(), []);
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.mint_call_id().len(), 32 + "-s0".len());
}

#[test]
fn a_request_out_of_hops_is_refused_unless_it_ends_here() {
    let mut world = World::new();
    let spent = |method, branch, tag| {
        from_alice(method, branch, 1, tag, "").replace("Max-Forwards: 70", "Max-Forwards: 0")
    };
    let out = world.receive(udp(), &spent("INVITE", "z9hG4bK-1", ""));
    assert_eq!(lines(&out), ["SIP/2.0 483 Too Many Hops"]);
    world.receive_request(udp(), &spent("OPTIONS", "z9hG4bK-2", ""));
    world.receive_request(udp(), &spent("REGISTER", "z9hG4bK-3", ""));
    world.receive_request(udp(), &spent("BYE", "z9hG4bK-4", "ours"));
}

#[test]
fn what_is_too_much_is_refused_without_a_transaction_and_what_stands_is_not() {
    let mut world = World::new();
    world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-0", 1, "", ""));
    world.endpoint.shed(sip::Shedding::Calls);
    let again = from_alice("INVITE", "z9hG4bK-0", 1, "", "");
    assert_eq!(world.receive(udp(), &again), [], "it came again and is known");
    let other = |method, n: u32| {
        let branch = format!("z9hG4bK-{n}");
        from_alice(method, &branch, n, "", "").replace("Call-ID: ", &format!("Call-ID: {n}-"))
    };
    let out = world.receive(udp(), &other("INVITE", 2));
    assert_eq!(lines(&out), ["SIP/2.0 503 Service Unavailable"]);
    assert!(matches!(&out[0], Out::Sent(_, text) if text.contains("\nRetry-After: 5\n")));
    world.receive_request(udp(), &other("REGISTER", 3));
    world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-4", 4, "ours", ""));
    world.endpoint.shed(sip::Shedding::Requests);
    let out = world.receive(udp(), &other("REGISTER", 5));
    assert_eq!(lines(&out), ["SIP/2.0 503 Service Unavailable"]);
    world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-6", 6, "ours", ""));
    world.endpoint.exempt(Box::new(|request| request.call_id().starts_with("7-")));
    world.receive_request(udp(), &other("INVITE", 7));
    world.endpoint.shed(sip::Shedding::Nothing);
    world.receive_request(udp(), &other("INVITE", 8));
    assert_eq!(world.endpoint.stats().shed, 2);
    assert_eq!(world.endpoint.stats().invite_servers_now, 3, "a refused one has no transaction");
}

#[test]
fn a_request_that_cannot_be_read_is_answered_when_it_can_be_answered() {
    let mut world = World::new();
    let good = from_alice("INVITE", "z9hG4bK-1", 1, "", "");
    let version = good.replace(" SIP/2.0\nVia", " SIP/3.0\nVia");
    assert_eq!(lines(&world.receive(udp(), &version)), ["SIP/2.0 505 Version Not Supported"]);
    let twisted = good.replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    assert_eq!(lines(&world.receive(udp(), &twisted)), ["SIP/2.0 400 Bad Request"]);
    let ack = from_alice("ACK", "z9hG4bK-1", 1, "", "").replace("CSeq: 1 ACK", "CSeq: 1 BYE");
    assert_eq!(world.receive(udp(), &ack), [], "an ACK is never answered");
    let response = response_with_bad_length(&mut world);
    assert_eq!(world.receive(udp(), &response), [], "a response is never answered");
    assert_eq!(world.receive_bytes(udp(), Bytes::from_static(b"\x00\x01garbage")), []);
    assert_eq!(world.endpoint.stats().unreadable, 2);
    assert!(world.endpoint.stats().refused_by_status.contains_key(&505));
}

fn response_with_bad_length(world: &mut World) -> String {
    let (_, invite) = world.send(udp(), invite_draft());
    response(&invite, "200 OK", "bob").replace("Content-Length: 0", "Content-Length: 9")
}

#[test]
fn a_keep_alive_is_counted_and_answered_on_streams() {
    let mut world = World::new();
    assert_eq!(world.receive(udp(), "\n\n"), []);
    let pong = Out::Sent("TCP 192.0.2.9:5060".to_owned(), "\n".to_owned());
    assert_eq!(world.receive(tcp(), "\n\n"), [pong]);
    assert_eq!(world.endpoint.stats().keep_alives, 2);
}

#[test]
fn an_endpoint_is_sent_between_threads_and_its_outputs_are_of_bounded_size() {
    fn is_send<T: Send>() {}
    is_send::<sip::Endpoint>();
    assert!(size_of::<sip::Event>() <= 640, "{}", size_of::<sip::Event>());
}

#[test]
fn two_runs_of_one_seed_are_equal() {
    let run = || {
        let mut world = World::new();
        let (_, invite) = world.send(udp(), invite_draft());
        let tag = world.endpoint.mint_tag();
        let call_id = world.endpoint.mint_call_id();
        (invite, tag, call_id)
    };
    assert_eq!(run(), run());
    assert_eq!(run().1.len(), 16);
    assert!(run().2.ends_with("-s0@192.0.2.1:5060"));
}

#[test]
fn a_neighbour_that_asks_is_told_how_many_calls_are_refused() {
    let mut world = World::new();
    world.endpoint.tell_load(Box::new(|ip| ip == udp().peer.ip()));
    let invite = |n: usize| {
        from_alice("INVITE", &format!("z9hG4bK-{n}"), 1, "", "")
            .replace(&format!("z9hG4bK-{n}"), &format!("z9hG4bK-{n};oc;oc-algo=\"loss\""))
    };
    let told = |out: &[Out]| out[0].field("Via");
    world.endpoint.shed(sip::Shedding::Calls);
    let first = told(&world.receive(udp(), &invite(1)));
    assert!(first.contains(";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq="), "{first}");
    assert!(first.contains("branch=z9hG4bK-1;"), "{first}");
    world.pass(std::time::Duration::from_millis(500));
    let second = told(&world.receive(udp(), &invite(2)));
    assert!(second.contains(";oc=95;oc-algo=\"loss\";oc-validity=1000;oc-seq="), "{second}");
}
