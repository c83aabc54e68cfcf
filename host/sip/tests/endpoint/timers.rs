//! When messages are sent again, and when a transaction gives up (RFC 3261 table 4, RFC 6026).

use std::time::Duration;

use crate::support::*;

/// The moments of outputs that all have this first line.
fn moments(outputs: &[(u64, Out)], line: &str) -> Vec<u64> {
    outputs.iter().filter(|(_, out)| out.line() == line).map(|(ms, _)| *ms).collect()
}

//= RFC 3261 section 17.1.1.2 type=test
//# This process MUST continue so that the request is retransmitted with intervals that double after each transmission.
#[test]
fn an_unanswered_invite_is_sent_seven_times_with_doubling_intervals_and_then_given_up() {
    let mut world = World::new();
    let (_, invite) = world.send(udp(), invite_draft());
    let outputs = world.pass(MS * 60_000);
    let repeat = |ms| (ms, invite.clone());
    assert_eq!(
        outputs,
        [
            repeat(500),
            repeat(1_500),
            repeat(3_500),
            repeat(7_500),
            repeat(15_500),
            repeat(31_500),
            (32_000, Out::Told("timed out", String::new())),
        ]
    );
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.stats().retransmissions_sent, 6);
    assert_eq!(world.endpoint.stats().timeouts, 1);
}

#[test]
fn over_a_reliable_transport_an_invite_is_sent_once_and_still_given_up() {
    let mut world = World::new();
    world.send(tcp(), invite_draft());
    assert_eq!(timed_lines(&world.pass(MS * 60_000)), [(32_000, "timed out: ".to_owned())]);
}

//= RFC 3261 section 17.1.1.2 type=test
//# If the client transaction is still in the "Calling" state when timer B fires, the client transaction SHOULD inform the TU
//# that a timeout has occurred.
#[test]
fn a_ringing_call_outlives_timer_b() {
    let mut world = World::new();
    let (_, invite) = world.send(udp(), invite_draft());
    world.pass(MS * 600);
    let ringing = response(&invite, "180 Ringing", "bob");
    assert_eq!(lines(&world.receive(udp(), &ringing)), ["response: 180 Ringing (INVITE)"]);
    assert_eq!(world.endpoint.poll_timeout(), None, "nothing ends a ringing call but its user");
    assert_eq!(timed_lines(&world.pass(MS * 3_600_000)), []);
    let ok = response(&invite, "200 OK", "bob");
    assert_eq!(lines(&world.receive(udp(), &ok)), ["response: 200 OK (INVITE)"]);
}

//= RFC 3261 section 17.1.2.2 type=test
//# For the default values of T1 and T2, this results in intervals of 500 ms, 1 s, 2 s, 4 s, 4 s, 4 s, etc.
#[test]
fn an_unanswered_request_is_repeated_at_most_every_t2_and_given_up_at_64_t1() {
    let mut world = World::new();
    let (_, options) = world.send(udp(), draft_of(sip::Method::Options, "1 OPTIONS"));
    let outputs = world.pass(MS * 60_000);
    assert_eq!(
        moments(&outputs, &options.line()),
        [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
    );
    assert_eq!(outputs.last(), Some(&(32_000, Out::Told("timed out", String::new()))));
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 17.1.2.2 type=test
//# If Timer E fires while in the "Proceeding" state, the request MUST be passed to the transport layer for retransmission, and
//# Timer E MUST be reset with a value of T2 seconds.
#[test]
fn after_a_provisional_response_a_request_is_repeated_every_t2() {
    let mut world = World::new();
    let (_, options) = world.send(udp(), draft_of(sip::Method::Options, "1 OPTIONS"));
    world.pass(MS * 100);
    world.receive(udp(), &response(&options, "100 Trying", "bob"));
    let outputs = world.pass(MS * 12_000);
    assert_eq!(moments(&outputs, &options.line()), [500, 4_500, 8_500]);
    // Timer F runs on.
    assert_eq!(world.pass(MS * 30_000).last().unwrap().0, 32_000);
}

//= RFC 3261 section 17.1.2.2 type=test
//# Once the client transaction enters the "Completed" state, it MUST set Timer K to fire in T4 seconds for unreliable
//# transports, and zero seconds for reliable transports.
#[test]
fn repeated_final_responses_are_absorbed_for_t4_over_udp_and_not_at_all_over_tcp() {
    let mut world = World::new();
    let (_, options) = world.send(udp(), draft_of(sip::Method::Options, "1 OPTIONS"));
    let ok = response(&options, "200 OK", "bob");
    assert_eq!(lines(&world.receive(udp(), &ok)), ["response: 200 OK (OPTIONS)"]);
    world.pass(MS * 4_999);
    assert_eq!(world.receive(udp(), &ok), []);
    assert_eq!(world.endpoint.stats().stray_responses, 0);
    world.pass(MS);
    assert!(world.endpoint.is_idle());
    assert_eq!(lines(&world.receive(udp(), &ok)), ["stray: 200 OK (OPTIONS)"]);
    assert_eq!(world.endpoint.stats().stray_responses, 1);

    let (_, options) = world.send(tcp(), draft_of(sip::Method::Options, "2 OPTIONS"));
    let ok = response(&options, "200 OK", "bob");
    assert_eq!(lines(&world.receive(tcp(), &ok)), ["response: 200 OK (OPTIONS)"]);
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 17.1.1.2 type=test
//# Any retransmissions of the final response that are received while in the "Completed" state MUST cause the ACK to be
//# re-passed to the transport layer for retransmission, but the newly received response MUST NOT be passed up to the TU.
#[test]
fn a_repeated_rejection_is_acknowledged_again_until_timer_d() {
    let mut world = World::new();
    let (_, invite) = world.send(udp(), invite_draft());
    let busy = response(&invite, "486 Busy Here", "bob");
    let first = world.receive(udp(), &busy);
    assert_eq!(
        lines(&first),
        ["ACK sip:bob@192.0.2.9 SIP/2.0", "response: 486 Busy Here (INVITE)"]
    );
    world.pass(MS * 31_999);
    assert_eq!(world.receive(udp(), &busy), first[..1]);
    world.pass(MS);
    assert!(world.endpoint.is_idle());
    assert_eq!(lines(&world.receive(udp(), &busy)), ["stray: 486 Busy Here (INVITE)"]);

    // Timer D is zero over TCP.
    let (_, invite) = world.send(tcp(), invite_draft());
    let busy = response(&invite, "486 Busy Here", "bob");
    assert_eq!(world.receive(tcp(), &busy).len(), 2);
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 17.2.1 type=test
//# From then on, when timer G fires, the response is passed to the transport again for transmission, and timer G is reset with
//# a value that doubles, unless that value exceeds T2, in which case it is reset with the value of T2.
#[test]
fn a_rejection_is_repeated_at_most_every_t2_until_timer_h() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    let busy = world.respond(&invite, 486);
    let outputs = world.pass(MS * 32_000);
    let expected = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
        .map(|ms| (ms, busy[0].clone()));
    assert_eq!(outputs, expected);
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.poll_timeout(), None, "Timer G went with its transaction");
    assert_eq!(world.endpoint.stats().unacknowledged, 1);
}

//= RFC 3261 section 17.2.1 type=test
//# If an ACK is received while the server transaction is in the "Completed" state, the server transaction MUST transition to
//# the "Confirmed" state.
#[test]
fn an_ack_stops_the_repetition_of_a_rejection_and_is_absorbed_for_t4() {
    let mut world = World::new();
    let invite = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    world.respond(&invite, 486);
    world.pass(MS * 600);
    let ack = from_alice("ACK", "z9hG4bK-1", 1, "ours", "");
    assert_eq!(world.receive(udp(), &ack), []);
    assert_eq!(world.receive(udp(), &ack), []);
    assert_eq!(world.endpoint.stats().stray_acks, 0);
    world.pass(MS * 4_999);
    assert!(!world.endpoint.is_idle());
    assert_eq!(timed_lines(&world.pass(MS)), []);
    assert!(world.endpoint.is_idle());
    assert_eq!(world.endpoint.stats().unacknowledged, 0);
}

#[test]
fn over_a_reliable_transport_a_rejection_is_sent_once_and_over_with_its_ack() {
    let mut world = World::new();
    let invite = world.receive_request(tcp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    world.respond(&invite, 486);
    assert_eq!(timed_lines(&world.pass(MS * 31_000)), []);
    world.receive(tcp(), &from_alice("ACK", "z9hG4bK-1", 1, "ours", ""));
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 13.3.1.4 type=test
//# The 2xx response is passed to the transport with an interval that starts at T1 seconds and doubles for each retransmission
//# until it reaches T2 seconds (T1 and T2 are defined in Section 17).
//= RFC 3261 section 13.3.1.4 type=test
//# This is independent of whatever transport protocols are used to send the response.
#[test]
fn a_2xx_is_repeated_over_any_transport_until_its_ack_is_missed() {
    for flow in [udp(), tcp()] {
        let mut world = World::new();
        let invite = world.receive_request(flow, &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
        let ok = world.respond(&invite, 200);
        let outputs = world.pass(MS * 32_000);
        let mut expected =
            [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
                .map(|ms| (ms, ok[0].clone()))
                .to_vec();
        expected.push((32_000, Out::Told("ack missing", String::new())));
        assert_eq!(outputs, expected);
        assert!(world.endpoint.is_idle());
        assert_eq!(world.endpoint.poll_timeout(), None, "the repetition went with it");
    }
}

//= RFC 6026 section 8.7 type=test
//# The purpose of the "Accepted" state is to absorb retransmissions of an accepted INVITE request.  Any such retransmissions
//# are absorbed entirely within the server transaction.
#[test]
fn a_repeated_invite_that_was_accepted_is_absorbed_until_timer_l() {
    let mut world = World::new();
    let text = from_alice("INVITE", "z9hG4bK-1", 1, "", "");
    let invite = world.receive_request(udp(), &text);
    world.respond(&invite, 200);
    assert_eq!(world.receive(udp(), &text), [], "before the ACK");
    world.receive(udp(), &from_alice("ACK", "z9hG4bK-2", 1, "ours", ""));
    assert_eq!(world.receive(udp(), &text), [], "after the ACK");
    assert_eq!(timed_lines(&world.pass(MS * 31_999)), []);
    assert!(!world.endpoint.is_idle());
    assert_eq!(timed_lines(&world.pass(MS)), []);
    assert!(world.endpoint.is_idle());
    assert_eq!(lines(&world.receive(udp(), &text)), ["request: INVITE sip:us@192.0.2.1"]);
}

//= RFC 6026 section 8.4 type=test
//# Any 2xx responses that match this client transaction and that are received while in the "Accepted" state MUST be passed up
//# to the TU.
#[test]
fn each_2xx_of_a_forked_invite_comes_up_until_timer_m() {
    let mut world = World::new();
    let (_, invite) = world.send(udp(), invite_draft());
    let up = ["response: 200 OK (INVITE)"];
    assert_eq!(lines(&world.receive(udp(), &response(&invite, "200 OK", "bob"))), up);
    assert_eq!(lines(&world.receive(udp(), &response(&invite, "200 OK", "bob"))), up);
    world.pass(MS * 31_999);
    assert_eq!(lines(&world.receive(udp(), &response(&invite, "200 OK", "carol"))), up);
    world.pass(MS);
    let late = world.receive(udp(), &response(&invite, "200 OK", "dave"));
    assert_eq!(lines(&late), ["stray: 200 OK (INVITE)"]);
    assert!(world.endpoint.is_idle());
}

//= RFC 3261 section 17.2.2 type=test
//# While in the "Completed" state, the server transaction MUST pass the final response to the transport layer for
//# retransmission whenever a retransmission of the request is received.
#[test]
fn a_repeated_request_gets_the_same_response_until_timer_j() {
    let mut world = World::new();
    let text = from_alice("BYE", "z9hG4bK-1", 2, "ours", "");
    let bye = world.receive_request(udp(), &text);
    assert_eq!(world.receive(udp(), &text), [], "there is no response yet");
    let ok = world.respond(&bye, 200);
    assert_eq!(world.receive(udp(), &text), ok);
    world.pass(MS * 31_999);
    assert_eq!(world.receive(udp(), &text), ok);
    world.pass(MS);
    assert_eq!(lines(&world.receive(udp(), &text)), ["request: BYE sip:us@192.0.2.1"]);
}

#[test]
fn a_request_nobody_answers_is_forgotten_when_its_client_has_given_up() {
    let mut world = World::new();
    let bye = world.receive_request(udp(), &from_alice("BYE", "z9hG4bK-1", 2, "ours", ""));
    assert_eq!(timed_lines(&world.pass(MS * 32_000)), []);
    assert!(world.endpoint.is_idle());
    assert_eq!(world.respond(&bye, 200), []);
    assert_eq!(world.endpoint.stats().invalid_transitions, 1);
}

//= RFC 3261 section 17.2.1 type=test
//# The server transaction MUST generate a 100 (Trying) response unless it knows that the TU will generate a provisional or
//# final response within 200 ms, in which case it MAY generate a 100 (Trying) response.
#[test]
fn trying_is_sent_after_200_ms_unless_the_user_was_faster() {
    let mut world = World::new();
    let text = from_alice("INVITE", "z9hG4bK-1", 1, "", "Timestamp: 54\n");
    let invite = world.receive_request(udp(), &text);
    let trying = "SIP/2.0 100 Trying\n\
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1\n\
        From: <sip:alice@192.0.2.9>;tag=alice\n\
        To: <sip:us@192.0.2.1>\n\
        Call-ID: alices-call\n\
        CSeq: 1 INVITE\n\
        Timestamp: 54\n\
        Content-Length: 0\n\n";
    let trying = Out::Sent("UDP 192.0.2.9:5060".to_owned(), trying.to_owned());
    assert_eq!(world.pass(MS * 400), [(200, trying.clone())]);
    assert_eq!(world.receive(udp(), &text), [trying], "a repeated INVITE gets the 100 again");
    let ringing = world.respond(&invite, 180);
    assert_eq!(world.receive(udp(), &text), ringing, "and then the latest provisional response");

    let second = world.receive_request(udp(), &from_alice("INVITE", "z9hG4bK-5", 5, "", ""));
    world.pass(MS * 199);
    assert_eq!(lines(&world.respond(&second, 180)), ["SIP/2.0 180 Ringing"]);
    assert_eq!(timed_lines(&world.pass(MS * 10_000)), []);
}

#[test]
fn trying_without_delay_goes_out_at_once() {
    let mut world = World::with(|config| config.trying_after = Duration::ZERO);
    let out = world.receive(udp(), &from_alice("INVITE", "z9hG4bK-1", 1, "", ""));
    assert_eq!(lines(&out), ["request: INVITE sip:us@192.0.2.1", "SIP/2.0 100 Trying"]);
}

#[test]
fn every_timer_follows_t1() {
    let mut world = World::with(|config| config.timers.t1 = MS * 10);
    let (_, invite) = world.send(udp(), invite_draft());
    let outputs = world.pass(MS * 2_000);
    assert_eq!(moments(&outputs, &invite.line()), [10, 30, 70, 150, 310, 630]);
    assert_eq!(outputs.last(), Some(&(640, Out::Told("timed out", String::new()))));
}

#[test]
fn timers_of_no_length_count_as_a_millisecond() {
    let mut world = World::with(|config| {
        config.timers = sip::Timers {
            t1: Duration::ZERO,
            t2: Duration::ZERO,
            t4: Duration::ZERO,
            d: Duration::ZERO,
        };
    });
    world.send(udp(), draft_of(sip::Method::Options, "1 OPTIONS"));
    let outputs = world.pass(MS * 100);
    assert_eq!(outputs.len(), 65, "64 repetitions and the timeout");
    assert_eq!(outputs.last().unwrap().0, 64);
}
