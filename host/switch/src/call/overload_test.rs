#![allow(clippy::unwrap_used)]
//! Trunks that ask for calls to be held back (RFC 7339), message by message.

use crate::{
    Emergency, TrunkConfig,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, two, what},
};

const ALL: &str = ";oc=100;oc-algo=\"loss\";oc-validity=5000;oc-seq=7.0";

fn talking() -> Vec<TrunkConfig> {
    two().into_iter().map(|trunk| TrunkConfig { overload_control: true, ..trunk }).collect()
}

/// What a place answers to an INVITE, with this in its top Via.
fn answer(invite: &Sent, status: &str, load: &str) -> String {
    let via = invite.line("Via");
    let told = via.replace(";oc;oc-algo=\"loss\"", load);
    invite.response(status, "").replace(&via, &told)
}

/// A call that the first trunk has refused while it said so of its load; then its second one.
fn after(load: &str) -> (Bench, Vec<Sent>) {
    let mut bench = Bench::new(talking());
    let first = bench.call("a").remove(0);
    assert!(first.line("Via").ends_with(";oc;oc-algo=\"loss\""), "{}", first.line("Via"));
    bench.receive(FIRST, answer(&first, "486 Busy Here", load));
    let sent = bench.call("outside");
    (bench, sent)
}

#[test]
fn a_trunk_that_has_too_much_to_do_is_passed_over_as_long_as_it_says() {
    let (mut bench, sent) = after(ALL);
    assert_eq!(what(&sent), ["INVITE sip:+43123@203.0.113.2;transport=udp > trunk 2"]);
    assert!(bench.trunks_told().contains(&"a passed, Overloaded".to_owned()));
    bench.pass(5);
    assert_eq!(what(&bench.call("outside")), ["INVITE sip:+43123@203.0.113.1 > trunk 1"]);
}

#[test]
fn with_nowhere_else_to_go_the_caller_is_told() {
    let (mut bench, _) = after(ALL);
    let sent = bench.call("a");
    assert!(sent.is_empty() && bench.asked.is_some(), "the plan goes on: {:?}", what(&sent));
}

#[test]
fn what_says_nothing_of_losses_holds_back_nothing() {
    for load in [
        ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=7.0",
        ";oc;oc-algo=\"loss\"",
        ";oc=100;oc-algo=\"rate\";oc-seq=7.0",
    ] {
        let (_, sent) = after(load);
        assert_eq!(what(&sent), ["INVITE sip:+43123@203.0.113.1 > trunk 1"], "{load}");
    }
    // One that was not asked is not heeded either.
    let mut bench = Bench::new(two());
    let first = bench.call("a").remove(0);
    let via = first.line("Via");
    assert!(!via.contains("oc"), "{via}");
    let told = first.response("486 Busy Here", "").replace(&via, &format!("{via}{ALL}"));
    bench.receive(FIRST, told);
    assert_eq!(what(&bench.call("outside")), ["INVITE sip:+43123@203.0.113.1 > trunk 1"]);
}

#[test]
fn a_call_for_help_goes_all_the_same() {
    let mut config = Bench::config(talking(), None);
    config.emergency = Emergency::new(&["43123".to_owned()], &[], &["trunk:a".to_owned()]).unwrap();
    let mut bench = Bench::of(config);
    let first = bench.invite(PHONE).pop().unwrap();
    bench.receive(FIRST, answer(&first, "486 Busy Here", ALL));
    let again = what(&bench.invite(PHONE));
    assert_eq!(again.last().unwrap(), "INVITE sip:43123@203.0.113.1 > trunk 1");
}

#[test]
fn a_neighbour_is_told_of_our_load_and_nobody_else() {
    let network = |ip: [u8; 4]| crate::Network::from(std::net::IpAddr::from(ip));
    let mut trunks = talking();
    trunks[0].identify = vec![network(FIRST)];
    let mut bench = Bench::new(trunks);
    let asks = ";oc;oc-algo=\"other,loss\"";
    let via =
        |sent: Vec<Sent>| sent.iter().map(|sent| sent.line("Via")).collect::<Vec<_>>().concat();
    let told = via(bench.options(FIRST, asks));
    assert!(told.contains(";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq="), "{told}");
    assert!(!told.contains("other"), "{told}");
    for (from, asks) in
        [(FIRST, ""), (FIRST, ";oc;oc-algo=\"other\""), (SECOND, asks), (PHONE, asks)]
    {
        let told = via(bench.options(from, asks));
        assert!(!told.contains("oc=0"), "{told}");
    }
}
