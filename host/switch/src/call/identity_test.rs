#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use model::hook::{Amended, Answer, Decision, Destination, Hook, MediaMode, Plan, Target, Verdict};

use super::*;
use crate::{
    Input, TrunkConfig,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, trunk},
};

const ASSERTED: &str = "P-Asserted-Identity: \"Ann\" <sip:+431000@carrier.test>\r\n";

fn first() -> TrunkConfig {
    TrunkConfig {
        identify: vec!["203.0.113.1".parse().unwrap()],
        ..trunk("first", "sip:203.0.113.1", 1)
    }
}

fn second() -> TrunkConfig {
    TrunkConfig {
        identify: vec!["203.0.113.2".parse().unwrap()],
        ..trunk("second", "sip:203.0.113.2", 1)
    }
}

fn open(trunk: TrunkConfig) -> TrunkConfig {
    TrunkConfig { trusted: false, ..trunk }
}

/// The INVITE that a trunk gets of a call with these fields.
fn sent_on(trunks: [TrunkConfig; 2], from: [u8; 4], fields: &str, to: &str) -> Sent {
    let mut bench = Bench::new(trunks.into());
    bench.invite_asking(from, fields, "");
    let sent = bench.route(&[to]);
    sent.into_iter().find(|sent| sent.text.starts_with("INVITE")).unwrap()
}

/// The fields of a message that tell of somebody, by name.
fn telling(sent: &Sent) -> Vec<String> {
    let names = [
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Remote-Party-ID",
        "Privacy",
        "Subject",
        "Organization",
        "History-Info",
        "Diversion",
    ];
    let has = |line: &&str| names.iter().any(|name| line.starts_with(&format!("{name}:")));
    sent.text.lines().filter(has).map(str::to_owned).collect()
}

const EVERYTHING: &str = "P-Asserted-Identity: <sip:+431000@carrier.test>\r\nP-Preferred-Identity: <sip:boss@office.test>\r\n\
    Remote-Party-ID: <sip:+431000@carrier.test>\r\nSubject: lunch\r\nOrganization: us\r\n\
    History-Info: <sip:7@h>;index=1\r\nDiversion: <sip:8@h>;reason=deflection\r\n";

#[test]
fn who_a_phone_says_it_is_does_not_cross() {
    let sent = sent_on([first(), second()], PHONE, EVERYTHING, "first");
    assert_eq!(telling(&sent), ["Subject: lunch", "Organization: us"]);
}

#[test]
fn a_trunk_that_is_trusted_is_believed_and_one_that_is_not_is_not() {
    let sent = sent_on([first(), second()], FIRST, EVERYTHING, "second");
    assert_eq!(
        telling(&sent),
        [
            "P-Asserted-Identity: <sip:+431000@carrier.test>",
            "Remote-Party-ID: <sip:+431000@carrier.test>",
            "Subject: lunch",
            "Organization: us",
            "History-Info: <sip:7@h>;index=1",
            "Diversion: <sip:8@h>;reason=deflection"
        ]
    );
    let sent = sent_on([open(first()), second()], FIRST, EVERYTHING, "second");
    assert_eq!(telling(&sent), ["Subject: lunch", "Organization: us"]);
}

#[test]
fn who_wants_not_to_be_known_is_known_to_the_trusted_alone() {
    let fields = format!("{ASSERTED}Privacy: id\r\nSubject: lunch\r\n");
    let told = sent_on([first(), second()], FIRST, &fields, "second");
    let asserted = ASSERTED.trim_end();
    assert_eq!(telling(&told), [asserted, "Privacy: id", "Subject: lunch"]);
    assert!(told.line("From").starts_with("\"Ann\" <sip:1000@"), "{}", told.text);
    let open = sent_on([first(), open(second())], FIRST, &fields, "second");
    assert_eq!(telling(&open), ["Subject: lunch"]);
    let from = open.line("From");
    assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{from}");
    assert!(!open.text.contains("1000") && !open.text.contains("Ann\""), "{}", open.text);
}

#[test]
fn a_signature_names_the_caller_in_either_form_of_its_name() {
    for name in ["Identity", "y", "Y", "Identity-Info", "n", "N"] {
        let line = format!("{name}: abc;info=<https://a.test/c>");
        let has = |privacy: &str| {
            let fields = format!("{privacy}{line}\r\n");
            let sent = sent_on([first(), open(second())], FIRST, &fields, "second");
            sent.text.contains(&line)
        };
        assert!(has("") && !has("Privacy: id\r\n"), "{name}");
    }
}

#[test]
fn each_value_of_privacy_takes_what_is_its_own() {
    let hidden = |privacy: &str| {
        let fields = format!("{EVERYTHING}Privacy: {privacy}\r\n");
        telling(&sent_on([first(), open(second())], FIRST, &fields, "second"))
    };
    let diversion = "Diversion: <sip:8@h>;reason=deflection";
    let history = "History-Info: <sip:7@h>;index=1";
    let lunch = ["Subject: lunch", "Organization: us"];
    let known = [
        "P-Asserted-Identity: <sip:+431000@carrier.test>",
        "Remote-Party-ID: <sip:+431000@carrier.test>",
    ];
    assert_eq!(hidden("user"), [history, diversion]);
    assert_eq!(hidden("ID ; critical"), [lunch[0], lunch[1], history, diversion]);
    for value in ["history", "header"] {
        assert_eq!(hidden(value), [known[0], known[1], lunch[0], lunch[1], diversion], "{value}");
    }
    assert_eq!(hidden("none"), [known[0], known[1], lunch[0], lunch[1], history, diversion]);
}

#[test]
fn privacy_of_the_session_takes_the_media_through_the_relay() {
    let mut bench = Bench::new(vec![first()]);
    bench.invite_asking(PHONE, "Privacy: session\r\n", "v=0\r\n");
    assert!(bench.route(&["first"]).is_empty(), "nobody is called before there are ports");
    assert!(bench.pass(2).iter().any(|sent| sent.text.starts_with("SIP/2.0 503")));
}

#[test]
fn what_is_said_within_networks_stays_there() {
    let fields = "P-Charging-Vector: icid-value=1\r\nP-Served-User: <sip:+431000@carrier.test>\r\nIdentity: eyJ;info=<x>\r\n\
                  Geolocation: <cid:1>\r\nX-Own: 1\r\n";
    let crossed = |from: [u8; 4], trunks: [TrunkConfig; 2], privacy: &str| {
        let sent = sent_on(trunks, from, &format!("{fields}{privacy}"), "second");
        let names = ["P-Charging-Vector", "P-Served-User", "Identity", "Geolocation", "X-Own"];
        names.map(|name| !sent.line(name).is_empty())
    };
    let private = "Privacy: id\r\n";
    assert_eq!(crossed(FIRST, [first(), second()], private), [true; 5]);
    assert_eq!(crossed(FIRST, [first(), open(second())], ""), [true; 5]);
    let private = crossed(FIRST, [first(), open(second())], private);
    assert_eq!(private, [false, false, false, false, true]);
    assert_eq!(crossed(PHONE, [first(), second()], ""), [false, false, true, true, true]);
}

/// The INVITE that the first trunk gets when the dial plan says this of the caller.
fn decided(trunk: TrunkConfig, fields: &str, privacy: hook::Privacy, user: Option<&str>) -> Sent {
    let mut bench = Bench::new(vec![trunk]);
    bench.invite_asking(PHONE, fields, "");
    let facts = bench.facts.iter().find_map(|fact| match fact {
        crate::Fact::CallOffered { facts, .. } => Some((**facts).clone()),
        _ => None,
    });
    let mut facts = facts.unwrap();
    let caller = user.map(|user| facts.caller.with_user(user));
    facts.amend(hook::Amendment { privacy: Some(privacy), caller, ..hook::Amendment::default() });
    let id = bench.asked.take().unwrap();
    let amended = Amended { facts: Arc::new(facts), decision: Decision::of(Hook::DialPlan, 0) };
    let to = Destination::Trunk { name: "first".to_owned(), user: None };
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Default };
    let (verdict, decision) = (Verdict::Plan(plan), Decision::of(Hook::Route, 0));
    let answer = Answer { id, verdict, amended: Some(Box::new(amended)), pin: None, decision };
    bench.switch.handle_input(bench.now, &bench.town, Input::Answer(answer));
    bench.drain().into_iter().find(|sent| sent.text.starts_with("INVITE")).unwrap()
}

#[test]
fn the_dial_plan_has_the_last_word() {
    let asserting = TrunkConfig { assert_identity: true, ..first() };
    let sent = decided(asserting.clone(), "", hook::Privacy::Id, Some("+4312345"));
    assert!(sent.line("From").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
    let who = "P-Asserted-Identity: \"Ann\" <sip:+4312345@203.0.113.1>";
    assert_eq!(telling(&sent), [who, "Privacy: id"]);
    let sent = decided(asserting, "Privacy: id\r\n", hook::Privacy::None, Some("+4312345"));
    assert!(sent.line("From").starts_with("\"Ann\" <sip:+4312345@203.0.113.1>"), "{}", sent.text);
    assert_eq!(telling(&sent), [who]);
    let sent = decided(first(), "", hook::Privacy::Id, None);
    assert!(
        sent.line("From").starts_with("\"Ann\" <sip:1000@"),
        "else nobody would know: {}",
        sent.text
    );
    assert_eq!(telling(&sent), ["Privacy: id"]);
}

#[test]
fn what_an_answer_says_of_its_sender_crosses_by_the_same_rules() {
    let answered = |callee: TrunkConfig, fields: &str| {
        let mut bench = Bench::new(vec![callee, second()]);
        bench.invite(SECOND);
        let invite = bench.route(&["first"]).remove(0);
        let contact = "Contact: <sip:x@203.0.113.1>\r\n";
        let sent = bench.receive(FIRST, invite.response("200 OK", &format!("{contact}{fields}")));
        telling(sent.iter().find(|sent| sent.text.starts_with("SIP/2.0 200")).unwrap())
    };
    assert_eq!(answered(first(), ASSERTED), [ASSERTED.trim_end()]);
    let private = format!("{ASSERTED}Privacy: id\r\n");
    assert_eq!(answered(first(), &private), [ASSERTED.trim_end(), "Privacy: id"]);
    assert!(answered(open(first()), ASSERTED).is_empty());
}

#[test]
fn a_phone_that_is_anonymous_in_from_may_prove_who_it_is() {
    let invite = |fields: &str| {
        let text = format!(
            "INVITE sip:2@office.test SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
             From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a\r\nTo: <sip:2@office.test>\r\nCall-ID: a\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:x@a>\r\n{fields}\r\n"
        );
        let message = Message::parse(text.into_bytes().into(), &sip::ParseLimits::default());
        crate::authenticate::claimed(&message.unwrap()).map(|aor| aor.to_string())
    };
    let by_name = "Authorization: Digest username=\"1000\", realm=\"office.test\"\r\n";
    assert_eq!(invite(by_name).as_deref(), Some("1000@office.test"));
    let whole = "Authorization: Digest username=\"1000@other.test\", realm=\"r\"\r\n";
    assert_eq!(invite(whole).as_deref(), Some("1000@other.test"));
    let preferred = "P-Preferred-Identity: \"Ann\" <sip:1000@office.test>\r\n";
    assert_eq!(invite(preferred).as_deref(), Some("1000@office.test"));
    assert_eq!(invite("").as_deref(), Some("anonymous@anonymous.invalid"));
    let somebody = |from: &str| {
        let text = format!(
            "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: \"Police\" <sip:{from}>;tag=a\r\n\
             To: <sip:2@h>\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n{by_name}\r\n"
        );
        let message = Message::parse(text.into_bytes().into(), &sip::ParseLimits::default());
        is_anonymous(&message.unwrap())
    };
    assert!(!somebody("+43133@x.invalid") && !somebody("+43133@anonymous.invalid"));
    assert!(somebody("Anonymous@anonymous.INVALID") && somebody("anonymous.invalid"));
    assert_eq!(
        invite("Authorization: Basic x\r\n").as_deref(),
        Some("anonymous@anonymous.invalid")
    );
}
