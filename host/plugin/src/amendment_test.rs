#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use super::*;
use crate::{AnswerLimits, probe};

fn call() -> Arc<CallFacts> {
    let party = |user| probe::party(user, "example.com");
    probe::about(party("0664123"), party("12"), model::hook::Ask::DialPlan).call
}

fn check(proposed: ProposedAmendment) -> Result<Amendment, String> {
    proposed.check(&call(), &AnswerLimits::default()).map_err(|failure| failure.detail)
}

fn callee(to: &str) -> Result<Party, String> {
    let proposed = ProposedAmendment { callee: Some(to.into()), ..Default::default() };
    check(proposed).map(|amendment| amendment.callee.unwrap())
}

#[test]
fn a_number_stays_at_its_host() {
    let callee = callee("+43664123").unwrap();
    assert_eq!(callee, probe::party("+43664123", "example.com"));
}

#[test]
fn a_whole_uri_takes_the_place_of_the_old_one() {
    let read = |uri| {
        let party = callee(uri).unwrap();
        (party.user, party.host)
    };
    assert_eq!(read("sip:a%20b@Example.ORG:5070;x=y"), ("a b".into(), "example.org".into()));
    assert_eq!(read("sips:[2001:db8::1]:5061"), (String::new(), "[2001:db8::1]".into()));
    assert_eq!(read("tel:+431;phone-context=x"), ("+431".into(), String::new()));
}

#[test]
fn what_would_break_a_message_is_refused() {
    for evil in [
        "1\r\nX: y",
        "1\n",
        "sip:1@h\r\nVia: x",
        "sip:1@h>;tag=1",
        "sip:1@h\"",
        "sip:1%0d%0a@h",
        "sip:1%zz@h",
        "sip:1@h h",
        "sip:",
        "tel:",
        "1 2",
        "1@h",
        "<1>",
        "",
        "sip:1@ä",
    ] {
        callee(evil).expect_err(evil);
    }
    callee(&"1".repeat(129)).expect_err("too long");
    callee(&format!("sip:{}@h", "1".repeat(600))).expect_err("too long");
}

#[test]
fn a_name_is_text_without_control_characters() {
    let name = |name: &str| {
        check(ProposedAmendment { caller_name: Some(name.into()), ..Default::default() })
    };
    let caller = name("Ada \"the\" Countess").unwrap().caller.unwrap();
    assert_eq!((caller.display.as_str(), caller.user.as_str()), ("Ada \"the\" Countess", "12"));
    name("Ada\r\nX: y").expect_err("a line break");
    name(&"a".repeat(129)).expect_err("too long");
}

#[test]
fn labels_are_few_and_clean() {
    let labels = |labels: Vec<(String, String)>| {
        check(ProposedAmendment { labels, ..Default::default() }).map(|a| a.labels.len())
    };
    let numbered = |n: usize| (format!("l{n}"), String::new());
    assert_eq!(labels((0..32).map(numbered).collect()), Ok(32));
    assert!(labels((0..33).map(numbered).collect()).unwrap_err().contains("labels_max"));
    assert!(labels((0..100_000).map(numbered).collect()).unwrap_err().contains("labels_max"));
    labels(vec![(String::new(), "x".into())]).expect_err("no name");
    labels(vec![("a".into(), "\r\n".into())]).expect_err("a line break");
    labels(vec![("a\0".into(), String::new())]).expect_err("a control character");
}

#[test]
fn labels_of_earlier_plugins_count() {
    let mut call = call();
    let have = (0..31).map(|n| (format!("h{n}"), String::new())).collect();
    Arc::make_mut(&mut call).amend(Amendment { labels: have, ..Amendment::default() });
    let check = |names: &[&str]| {
        let labels = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        let proposed = ProposedAmendment { labels, ..Default::default() };
        proposed.check(&call, &AnswerLimits::default())
    };
    check(&["new", "h1", "h2"]).expect("one more");
    check(&["new", "newer"]).expect_err("two more");
}
