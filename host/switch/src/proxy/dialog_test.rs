#![allow(clippy::unwrap_used)]
//! One call through the proxy, from its INVITE to its BYE (RFC 3261 section 16).

use std::time::Duration;

use super::bench::{BOB, all, answer, bench, call, forward, within};
use crate::{
    Cause, ReleasedBy,
    trunk::bench::{Bench, PHONE, what},
};

const ROUTE: &str = "<sip:192.0.2.9:5060;lr>";

#[test]
fn an_invite_is_sent_on_as_it_is_with_a_via_and_a_record_route() {
    let mut bench = bench();
    bench.invite(PHONE);
    let sent = forward(&mut bench, &["sip:bob@203.0.113.1"], false);
    assert_eq!(what(&sent), ["INVITE sip:bob@203.0.113.1 > trunk 1"]);
    let vias = all(&sent[0], "Via");
    assert!(vias[0].starts_with("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK"), "{vias:?}");
    assert_eq!(vias[1..], ["SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1"]);
    let rest: Vec<&str> = sent[0].text.lines().skip(3).collect();
    assert_eq!(
        rest.join("\n"),
        "Max-Forwards: 69\nRecord-Route: <sip:192.0.2.9:5060;lr>\nFrom: \"Ann\" <sip:1000@office.test>;tag=a\n\
         To: <sip:+43123@office.test>\nCall-ID: 1\nCSeq: 1 INVITE\nContact: <sip:1000@198.51.100.1>\n\
         Content-Length: 0\n"
    );
}

/// Up to the 2xx, which came back as it was but for our Via.
fn established() -> Bench {
    let mut bench = bench();
    let invite = call(&mut bench);
    let ringing = bench.receive(BOB, answer(&invite, "183 Hold on", "b", "X-Early: yes\r\n"));
    assert_eq!(what(&ringing), ["183 Hold on > phone"]);
    assert_eq!(all(&ringing[0], "Via"), ["SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1"]);
    assert_eq!(ringing[0].line("X-Early"), "yes");
    let ok = answer(&invite, "200 OK", "b", "Contact: <sip:bob@203.0.113.1>\r\n");
    let sent = bench.receive(BOB, ok.clone());
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert_eq!(sent[0].line("Contact"), "<sip:bob@203.0.113.1>");
    assert_eq!(sent[0].line("Record-Route"), ROUTE);
    assert_eq!(sent[0].line("To"), "<sip:+43123@office.test>;tag=b");
    // Bob repeats it until he has an ACK; we neither repeat it by ourselves nor keep the repetition.
    assert_eq!(what(&bench.receive(BOB, ok)), ["200 OK > phone"]);
    assert_eq!(what(&bench.pass(10)), [] as [&str; 0]);
    bench
}

#[test]
fn the_ack_of_a_2xx_goes_through_without_a_transaction_the_same_each_time() {
    let mut bench = established();
    let before = bench.switch.sip_stats().non_invite_clients_now;
    let ack = within("ACK", "sip:bob@203.0.113.1", ROUTE, 1, ["a", "b"]);
    let first = bench.receive(PHONE, ack.clone());
    assert_eq!(what(&first), ["ACK sip:bob@203.0.113.1 > trunk 1"]);
    assert_eq!(all(&first[0], "Route"), [] as [&str; 0]);
    assert_eq!(
        all(&first[0], "Via")[1],
        "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKd1ACK;received=198.51.100.1;rport=5060"
    );
    assert_eq!(bench.receive(PHONE, ack)[0].text, first[0].text);
    assert_eq!(bench.switch.sip_stats().non_invite_clients_now, before);
}

#[test]
fn a_bye_from_either_side_goes_through_and_ends_the_call() {
    for (from, parties, by) in
        [(PHONE, ["a", "b"], ReleasedBy::Caller), (BOB, ["b", "a"], ReleasedBy::Callee)]
    {
        let mut bench = established();
        assert_eq!(bench.switch.stats().calls_now, 1);
        let uri = if from == PHONE { "sip:bob@203.0.113.1" } else { "sip:1000@198.51.100.1" };
        let sent = bench.receive(from, within("BYE", uri, ROUTE, 2, parties));
        let to = if from == PHONE { "trunk 1" } else { "phone" };
        assert_eq!(what(&sent), [format!("BYE {uri} > {to}")]);
        assert_eq!(bench.released(), Some(Cause::Hangup(by)));
        assert_eq!(bench.switch.stats().calls_now, 0);
        let peer = if from == PHONE { BOB } else { PHONE };
        let back = bench.receive(peer, answer(&sent[0], "200 OK", "", ""));
        // Both vias of the test's requests name the phone; the answer goes where the BYE came from.
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].to, std::net::IpAddr::from(from));
        bench.pass(64);
        assert!(bench.switch.is_idle());
    }
}

#[test]
fn a_bye_of_strangers_ends_nothing() {
    let mut bench = established();
    let sent = bench.receive(PHONE, within("BYE", "sip:bob@203.0.113.1", ROUTE, 2, ["a", "other"]));
    assert_eq!(sent.len(), 1, "it is for Bob to refuse it");
    assert_eq!(bench.released(), None);
}

#[test]
fn requests_of_a_dialog_go_through_after_a_restart_too() {
    let mut bench = bench();
    let bye = bench.receive(BOB, within("BYE", "sip:1000@198.51.100.1", ROUTE, 2, ["b", "a"]));
    assert_eq!(what(&bye), ["BYE sip:1000@198.51.100.1 > phone"]);
    let info = within(
        "INFO",
        "sip:bob@203.0.113.1",
        "<sip:192.0.2.9;lr>, <sip:203.0.113.2;lr>",
        3,
        ["a", "b"],
    );
    let info = bench.receive(PHONE, info);
    assert_eq!(what(&info), ["INFO sip:bob@203.0.113.1 > trunk 2"], "to the next route");
    assert_eq!(all(&info[0], "Route"), ["<sip:203.0.113.2;lr>"]);
}

#[test]
fn a_request_for_ourselves_is_not_sent_on() {
    let mut bench = bench();
    let sent = bench.receive(PHONE, within("BYE", "sip:x@192.0.2.9:5060", ROUTE, 2, ["a", "b"]));
    assert_eq!(what(&sent), ["481 Call/Transaction Does Not Exist > phone"]);
    let sent = bench
        .receive(PHONE, within("BYE", "sip:x@203.0.113.1", "<sip:203.0.113.9;lr>", 3, ["a", "b"]));
    assert_eq!(what(&sent), ["481 Call/Transaction Does Not Exist > phone"], "no route of ours");
}

#[test]
fn a_reinvite_rings_until_timer_c_and_is_cancelled_by_its_sender() {
    let mut bench = established();
    let request = within("INVITE", "sip:bob@203.0.113.1", ROUTE, 2, ["a", "b"]);
    let sent = bench.receive(PHONE, request.clone());
    bench.receive(BOB, answer(&sent[0], "180 Ringing", "b", ""));
    bench.pass(100);
    bench.receive(BOB, answer(&sent[0], "180 Ringing", "b", ""));
    assert_eq!(what(&bench.pass(100)), [] as [&str; 0], "the second 180 began it anew");
    let cancel = bench.pass(91);
    assert_eq!(what(&cancel), ["CANCEL sip:bob@203.0.113.1 > trunk 1"]);
    assert_eq!(cancel[0].line("Via"), sent[0].line("Via"));
    bench.receive(BOB, answer(&cancel[0], "200 OK", "b", ""));
    let refused = bench.receive(BOB, answer(&sent[0], "487 Request Terminated", "b", ""));
    assert_eq!(
        what(&refused),
        ["ACK sip:bob@203.0.113.1 > trunk 1", "487 Request Terminated > phone"]
    );

    let again = bench
        .receive(PHONE, request.replace("z9hG4bKd2", "z9hG4bKd3").replace("2 INVITE", "3 INVITE"));
    bench.receive(BOB, answer(&again[0], "180 Ringing", "b", ""));
    let cancel = request
        .replace("z9hG4bKd2", "z9hG4bKd3")
        .replace("2 INVITE", "3 CANCEL")
        .replacen("INVITE", "CANCEL", 1);
    let sent = bench.receive(PHONE, cancel);
    assert_eq!(what(&sent), ["200 OK > phone", "CANCEL sip:bob@203.0.113.1 > trunk 1"]);
}

#[test]
fn a_request_that_nobody_answers_times_out_and_one_that_leads_nowhere_is_refused() {
    let mut bench = established();
    bench.receive(PHONE, within("INFO", "sip:bob@203.0.113.1", ROUTE, 2, ["a", "b"]));
    let late = [bench.pass(31), bench.pass(2)].concat();
    // RFC 4320 section 4.2: nobody waits for a 408 any more.
    assert!(late.iter().all(|sent| sent.text.starts_with("INFO ")), "{:?}", what(&late));
    let client =
        bench.receive(PHONE, within("INVITE", "sip:bob@203.0.113.1", ROUTE, 9, ["a", "b"]));
    assert_eq!(what(&client), ["INVITE sip:bob@203.0.113.1 > trunk 1"]);
    let late = what(&[bench.pass(31), bench.pass(2)].concat());
    assert!(late.contains(&"408 Request Timeout > phone".to_owned()), "{late:?}");
    let v6 = within("INFO", "sip:bob@[2001:db8::1]", ROUTE, 3, ["a", "b"]);
    assert_eq!(what(&bench.receive(PHONE, v6)), ["500 Next hop unreachable > phone"]);
    let named = within("INFO", "sip:bob@phone.example", ROUTE, 4, ["a", "b"]);
    assert_eq!(what(&bench.receive(PHONE, named)), [] as [&str; 0]);
    assert_eq!(bench.lookups.last().unwrap().1, "sip:bob@phone.example");
    let given_up = what(&bench.pass(4));
    assert_eq!(given_up.last().unwrap(), "500 Next hop unreachable > phone", "the DNS is silent");
}

#[test]
fn a_next_hop_with_a_name_is_looked_up() {
    use sip::locate::Place;
    let mut bench = bench();
    let named = within("INFO", "sip:bob@phone.example", ROUTE, 4, ["a", "b"]);
    bench.receive(PHONE, named);
    let id = bench.lookups.pop().unwrap().0;
    let place = Place { transport: model::Transport::Udp, address: (BOB, 5080).into() };
    let located = crate::Input::Located { id, places: Ok(vec![place]) };
    bench.switch.handle_input(bench.now, &bench.town, located);
    assert_eq!(what(&bench.drain()), ["INFO sip:bob@phone.example > trunk 1"]);
}

#[test]
fn what_may_not_be_sent_on_is_refused() {
    let mut bench = bench();
    let info = |more: &str| {
        within("INFO", "sip:bob@203.0.113.1", ROUTE, 2, ["a", "b"])
            .replace("Max-Forwards: 70\r\n", more)
    };
    let over = bench.receive(PHONE, info("Max-Forwards: 0\r\n"));
    assert_eq!(what(&over), ["483 Too Many Hops > phone"]);
    let asks = info("Max-Forwards: 70\r\nProxy-Require: foo\r\n").replace("z9hG4bKd", "z9hG4bKe");
    let refused = bench.receive(PHONE, asks);
    assert_eq!(what(&refused), ["420 Bad Extension > phone"]);
    assert_eq!(refused[0].line("Unsupported"), "foo");
    let first = bench.receive(PHONE, info("Max-Forwards: 70\r\n").replace("z9hG4bKd", "z9hG4bKf"));
    // It comes back from where it went, as it was: a loop. With another Request-URI it spirals.
    let looped = |uri: &str| {
        let route = format!(
            "Route: {ROUTE}\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{}\r\nVia: ",
            uri.len()
        );
        first[0].text.replacen("Via: ", &route, 1).replacen("sip:bob@203.0.113.1", uri, 1)
    };
    let refused = bench.receive(BOB, looped("sip:bob@203.0.113.1"));
    assert_eq!(what(&refused), ["482 Loop Detected > trunk 1"]);
    let spirals = bench.receive(BOB, looped("sip:robert@203.0.113.1"));
    assert_eq!(what(&spirals), ["INFO sip:robert@203.0.113.1 > trunk 1"]);
}

#[test]
fn a_proxied_call_is_listed_for_so_long_and_leaves_with_the_switch() {
    let mut bench = established();
    assert_eq!(bench.switch.calls(bench.now).next().unwrap().legs[1].uri, "sip:bob@203.0.113.1");
    bench.now = bench.now + Duration::from_secs(43_200);
    assert_eq!(what(&bench.flush()), [] as [&str; 0], "no BYE: it is not our call");
    assert_eq!(bench.released(), Some(Cause::Hangup(ReleasedBy::Switch)));
    let mut bench = established();
    bench.switch.handle_input(bench.now, &bench.town, crate::Input::Command(crate::Command::Drain));
    bench.drain();
    assert_eq!(bench.switch.stats().calls_now, 0);
}
