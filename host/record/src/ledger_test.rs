#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::{Canonical, CanonicalTarget, Recorded, Why};

const LIMITS: LedgerLimits = LedgerLimits {
    groups_max: 4,
    examples_max: 2,
    prefix_chars: 3,
    slower_times: 4.0,
    slow: Duration::from_micros(500),
};
const GATE: Gate = Gate {
    calls: 3,
    time: Duration::from_secs(600),
    p99_times: 1.2,
    p99_floor: Duration::from_micros(100),
};

fn call(number: usize, trunk: Option<&str>, user: &str) -> CallFacts {
    let line = include_str!("../../../tests/fuzz/corpus/recorded/04-route");
    let mut call = Arc::unwrap_or_clone(Recorded::from_line(line).unwrap().question.call);
    call.call_id = format!("call-{number}");
    call.trunk = trunk.map(str::to_owned);
    call.callee = call.callee.with_user(user);
    call
}

fn spoken(verdict: Canonical) -> Spoken {
    Spoken { verdict, reasons: Vec::new() }
}

fn plan(to: &str) -> Spoken {
    let target =
        CanonicalTarget { to: to.to_owned(), ring_ms: None, together: false, diverted: None };
    spoken(Canonical::Plan { targets: vec![target], media: "default".to_owned() })
}

fn refuse(status: u16) -> Spoken {
    spoken(Canonical::Refuse { status })
}

fn trap() -> Failed {
    Failed { kind: "trap".to_owned(), detail: "unreachable".to_owned() }
}

fn note(
    ledger: &mut Ledger,
    call: &CallFacts,
    before: Result<&Spoken, &Failed>,
    after: Result<&Spoken, &Failed>,
) -> Class {
    let (hook, other_credentials) = (Hook::Route, false);
    ledger.note(Came { hook, call, before, after, other_credentials, took_ns: Some([1000, 1000]) })
}

#[test]
fn answers_differ_in_classes() {
    let mut ledger = Ledger::new(LedgerLimits { groups_max: 100, ..LIMITS }, Vec::new());
    let call = call(1, None, "2000");
    let (desk, other) = (plan("aor:2000@a"), plan("aor:2001@a"));
    let mut because = desk.clone();
    because.reasons.push(Why { code: "desk".to_owned(), text: String::new() });
    let mut class =
        |before: &Spoken, after: &Spoken| note(&mut ledger, &call, Ok(before), Ok(after));
    assert_eq!(class(&desk, &desk), Class::Same);
    assert_eq!(class(&desk, &because), Class::ReasonsOnly);
    assert_eq!(class(&desk, &other), Class::DifferentTarget);
    assert_eq!(class(&desk, &refuse(404)), Class::DifferentRefusal);
    assert_eq!(class(&refuse(404), &refuse(410)), Class::DifferentRefusal);
    assert_eq!(class(&desk, &spoken(Canonical::Pass)), Class::Other);
    assert_eq!(note(&mut ledger, &call, Err(&trap()), Ok(&desk)), Class::Other);
    assert_eq!(note(&mut ledger, &call, Ok(&desk), Err(&trap())), Class::Failed);
    assert_eq!(note(&mut ledger, &call, Err(&trap()), Err(&trap())), Class::Failed);
    let changes: Vec<&str> = ledger.groups().iter().map(|group| group.change.as_str()).collect();
    assert_eq!(
        changes,
        [
            "no reason -> desk",
            "aor:…@a: other numbers",
            "aor:…@a -> refuse 404",
            "refuse 404 -> refuse 410",
            "a failure (trap) -> aor:…@a",
            "aor:…@a -> pass",
            "trap: unreachable",
        ]
    );
}

#[test]
fn differences_are_grouped_by_what_they_have_in_common_and_bounded() {
    let mut ledger = Ledger::new(LIMITS, Vec::new());
    let (desk, gone) = (plan("aor:2000@a"), refuse(410));
    for number in 0..5 {
        note(&mut ledger, &call(number, Some("carrier"), "+431"), Ok(&desk), Ok(&gone));
    }
    note(&mut ledger, &call(5, None, "+431"), Ok(&desk), Ok(&gone));
    note(&mut ledger, &call(6, Some("carrier"), "+491"), Ok(&desk), Ok(&gone));
    note(&mut ledger, &call(7, Some("carrier"), "+49"), Ok(&desk), Ok(&refuse(404)));
    note(&mut ledger, &call(8, Some("carrier"), "+1"), Ok(&desk), Ok(&gone));
    let groups = ledger.groups();
    assert_eq!(groups.len(), 4);
    let largest = groups[0];
    assert_eq!((largest.count, largest.prefix.as_str()), (5, "+43"));
    assert_eq!(largest.trunk.as_deref(), Some("carrier"));
    let calls: Vec<&str> = largest.examples.iter().map(|e| e.call_id.as_str()).collect();
    assert_eq!(calls, ["call-0", "call-1"]);
    assert_eq!(largest.examples[0].after, "refuse 410");
    assert_eq!(ledger.beyond(), 1);
    assert!(ledger.missing(&GATE, Duration::ZERO).iter().any(|what| what.contains("no room")));
}

#[test]
fn what_is_missing_is_told_until_all_is_approved_or_expected() {
    let rule = Rule { prefix: Some("+49".to_owned()), why: "moved".to_owned(), ..Rule::default() };
    let mut ledger = Ledger::new(LIMITS, vec![rule]);
    let (desk, gone) = (plan("aor:2000@a"), refuse(410));
    note(&mut ledger, &call(1, None, "+4930"), Ok(&desk), Ok(&gone));
    note(&mut ledger, &call(2, None, "+4310"), Ok(&desk), Ok(&gone));
    let id = ledger.groups().iter().find(|group| group.is_open()).unwrap().id.clone();
    assert_eq!(
        ledger.missing(&GATE, Duration::from_secs(1)),
        [
            "2 of 3 questions were compared, or 1 of 600 s have passed".to_owned(),
            format!("1 group of differences is neither expected nor approved: {id}"),
        ]
    );
    assert_eq!(ledger.missing(&GATE, Duration::from_secs(600)).len(), 1, "time is enough");
    let approval = Approval { by: "ada".to_owned(), why: "agreed".to_owned(), at_ms: 1 };
    let unknown = ["beef".to_owned(), id.clone()];
    assert_eq!(ledger.approve(&unknown, &approval), Err(NoSuchGroup("beef".to_owned())));
    assert_eq!(ledger.approve(&[id], &approval), Ok(()));
    note(&mut ledger, &call(3, None, "1"), Ok(&desk), Ok(&desk));
    assert_eq!(ledger.missing(&GATE, Duration::ZERO), Vec::<String>::new());
    note(&mut ledger, &call(4, None, "1"), Ok(&desk), Err(&trap()));
    assert_eq!(ledger.missing(&GATE, Duration::ZERO), ["it failed 1 times"]);
}

#[test]
fn time_counts_where_it_is_felt() {
    let mut ledger = Ledger::new(LIMITS, Vec::new());
    let (call, desk) = (call(1, None, "1"), plan("aor:2000@a"));
    let mut took = |took_ns| {
        let (hook, other_credentials) = (Hook::Route, false);
        let (before, after) = (Ok(&desk), Ok(&desk));
        ledger.note(Came { hook, call: &call, before, after, other_credentials, took_ns })
    };
    assert_eq!(took(Some([10_000, 90_000])), Class::Same, "slower, and not slow");
    assert_eq!(took(Some([10_000, 600_000])), Class::Slower);
    assert_eq!(took(Some([300_000, 600_000])), Class::Same);
    assert_eq!(took(None), Class::Same);
    let missing = ledger.missing(&GATE, Duration::ZERO);
    assert_eq!(missing.len(), 1, "the slower call itself holds nothing up: {missing:?}");
    assert!(missing[0].starts_with("it takes 623 us, what serves 311 (p99)"), "{missing:?}");
}
