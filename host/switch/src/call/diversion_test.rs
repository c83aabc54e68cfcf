#![allow(clippy::unwrap_used)]

use model::hook::{Destination, Hook, MediaMode, Plan, Target, Verdict};

use super::*;
use crate::{
    Limits, TrunkConfig,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, trunk},
};

fn trunks() -> Vec<TrunkConfig> {
    let of = |name: &str, at: &str| TrunkConfig {
        identify: vec![at.parse().unwrap()],
        from_domain: Some("office.test".to_owned()),
        ..trunk(name, &format!("sip:{at}"), 1)
    };
    vec![of("first", "203.0.113.1"), of("second", "203.0.113.2")]
}

fn to(name: &str, number: &str, diverted: Option<Diversion>) -> Verdict {
    let to = Destination::Trunk { name: name.to_owned(), user: Some(number.to_owned()) };
    let targets = vec![Target { diverted, ..Target::new(to) }];
    Verdict::Plan(Plan { targets, media: MediaMode::Default })
}

fn lines<'a>(sent: &'a Sent, name: &str) -> Vec<&'a str> {
    sent.text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

/// The Diversions and History-Infos of the INVITE that goes to the first trunk.
fn said(style: DiversionStyle, from: [u8; 4], fields: &str) -> [Vec<String>; 2] {
    let mut trunks = trunks();
    trunks[0].diversion = style;
    let mut bench = Bench::new(trunks);
    bench.invite_asking(from, fields, "");
    let sent = bench.decide(Hook::Route, to("first", "0664", Some(Diversion::UserBusy))).remove(0);
    ["Diversion", "History-Info"]
        .map(|name| lines(&sent, name).into_iter().map(str::to_owned).collect())
}

const DIVERTED: &str = "<sip:+43123@office.test>;reason=user-busy;counter=1";
const HISTORY: &str =
    "<sip:+43123@office.test>;index=1, <sip:0664@203.0.113.1;cause=486>;index=1.1;mp=1";

#[test]
fn a_diverted_call_says_so_as_its_trunk_wants_it() {
    assert_eq!(said(DiversionStyle::Both, PHONE, ""), [vec![DIVERTED], vec![HISTORY]]);
    assert_eq!(said(DiversionStyle::Diversion, PHONE, ""), [vec![DIVERTED], vec![]]);
    assert_eq!(said(DiversionStyle::HistoryInfo, PHONE, ""), [vec![], vec![HISTORY]]);
    let none: [Vec<&str>; 2] = [vec![], vec![]];
    assert_eq!(said(DiversionStyle::Off, PHONE, ""), none);
}

#[test]
fn what_came_with_the_call_stays_below_or_before() {
    let before = "Diversion: <sip:7@far.test>;reason=away\r\nHistory-Info: <sip:7@far.test>;index=1,\
                  <sip:8@far.test>;index=1.3\r\n";
    let [diversions, history] = said(DiversionStyle::Both, SECOND, before);
    assert_eq!(diversions, [DIVERTED, "<sip:7@far.test>;reason=away"]);
    assert_eq!(
        history,
        [
            "<sip:7@far.test>;index=1,<sip:8@far.test>;index=1.3",
            "<sip:0664@203.0.113.1;cause=486>;index=1.3.1;mp=1.3"
        ]
    );
    // A phone's word on that is not believed.
    assert_eq!(said(DiversionStyle::Both, PHONE, before), [vec![DIVERTED], vec![HISTORY]]);
}

/// A call to the first trunk that is answered with this 3xx.
fn redirected(fields: &str) -> (Bench, Vec<Sent>) {
    let mut bench = Bench::new(trunks());
    let invite = bench.call("first").remove(0);
    let response = invite.response("302 Moved Temporarily", fields);
    bench.receive(FIRST, response);
    assert!(bench.asked.is_some(), "what to do is for the plugins to say first");
    let sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
    (bench, sent)
}

fn facts(bench: &Bench) -> model::hook::CallFacts {
    let all = bench.facts.iter().rev();
    let mut amended = all.filter_map(|fact| match fact {
        Fact::Amended { facts } => Some((**facts).clone()),
        _ => None,
    });
    amended.next().unwrap()
}

#[test]
fn where_a_called_party_sends_a_call_it_goes_as_the_plugins_say() {
    let contacts =
        "Contact: <sip:300@office.test>;q=0.4, <sip:400@office.test;cause=486?Subject=x>;q=0.9\r\n";
    let (mut bench, sent) = redirected(contacts);
    assert!(sent.is_empty(), "the plugins are asked anew: {}", sent.len());
    let now = facts(&bench);
    assert_eq!((now.callee.user.as_str(), now.callee.uri.as_str()), ("400", "sip:400@office.test"));
    assert_eq!(now.redirections.len(), 1);
    assert_eq!(now.redirections[0].by.user, "+43123");
    assert_eq!(now.redirections[0].why, Diversion::UserBusy);
    let sent = bench.decide(Hook::Route, to("second", "400", None));
    let invite = sent.iter().find(|sent| sent.text.starts_with("INVITE")).unwrap();
    assert_eq!(invite.what(), "INVITE sip:400@203.0.113.2 > trunk 2");
    assert_eq!(lines(invite, "Diversion"), [DIVERTED]);
    let answer = invite.response("200 OK", "Contact: <sip:x@203.0.113.2>\r\n");
    let sent = bench.receive(SECOND, answer);
    assert!(sent.iter().any(|sent| sent.what() == "200 OK > phone"), "the caller is answered");
}

#[test]
fn why_it_was_sent_on_is_taken_from_the_3xx() {
    let why = |fields: &str| {
        facts(&redirected(&format!("Contact: <sip:300@h>\r\n{fields}")).0).redirections[0].why
    };
    assert_eq!(why(""), Diversion::Unconditional);
    assert_eq!(why("Diversion: <sip:1@h>;reason=\"no-answer\"\r\n"), Diversion::NoAnswer);
    assert_eq!(why("Diversion: <sip:1@h>;reason=because\r\n"), Diversion::Unconditional);
}

#[test]
fn a_3xx_that_names_nobody_or_comes_too_often_is_for_the_caller() {
    let (_, sent) = redirected("Contact: <sip:office.test>\r\n");
    assert!(sent.iter().any(|sent| sent.what() == "302 Moved Temporarily > phone"));
    let mut config = Bench::config(trunks(), None);
    config.limits = Limits { redirections_max: 2, ..Limits::default() };
    let mut bench = Bench::of(config);
    let mut sent = bench.call("first");
    for round in 0..3 {
        let invite = sent.iter().find(|sent| sent.text.starts_with("INVITE")).unwrap();
        bench.receive(FIRST, invite.response("302 Moved Temporarily", "Contact: <sip:1@h>\r\n"));
        sent = bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
        if round < 2 {
            sent = bench.decide(Hook::Route, to("first", "1", None));
        }
    }
    let end = sent.iter().find(|sent| sent.text.starts_with("SIP/2.0")).unwrap();
    assert_eq!(
        (end.what().as_str(), end.line("Contact").as_str()),
        ("302 Moved Temporarily > phone", "<sip:1@h>")
    );
}

#[test]
fn every_one_who_sent_the_call_on_is_named() {
    let mut bench = Bench::new(trunks());
    let mut sent = bench.call("first");
    for next in ["300", "400"] {
        let contact = format!("Contact: <sip:{next}@office.test>\r\n");
        bench.receive(FIRST, sent.remove(0).response("302 Moved", &contact));
        bench.decide(Hook::RouteOnFailure, Verdict::BuiltIn);
        sent = bench.decide(Hook::Route, to("first", next, None));
        sent.retain(|sent| sent.text.starts_with("INVITE"));
    }
    let invite = &sent[0];
    assert_eq!(
        lines(invite, "Diversion"),
        [
            "<sip:300@office.test>;reason=unconditional;counter=1",
            "<sip:+43123@office.test>;reason=unconditional;counter=1"
        ]
    );
    assert_eq!(
        lines(invite, "History-Info"),
        ["<sip:+43123@office.test>;index=1, <sip:300@office.test;cause=302>;index=1.1;mp=1, \
          <sip:400@203.0.113.1;cause=302>;index=1.1.1;mp=1.1"]
    );
}

#[test]
fn who_is_called_cannot_make_an_emergency_of_a_call_to_see_who_calls() {
    let (bench, _) = redirected("Contact: <sip:112@203.0.113.66:15505>\r\n");
    assert!(!facts(&bench).emergency);
}

#[test]
fn a_uri_is_cut_behind_its_host() {
    assert_eq!(bare("sip:x;a=b?c@host:5070;lr?Subject=y"), "sip:x;a=b?c@host:5070");
    assert_eq!(bare("sip:[2001:db8::1];transport=tcp"), "sip:[2001:db8::1]");
    assert_eq!(bare("tel:+43;phone-context=+1"), "tel:+43");
}
