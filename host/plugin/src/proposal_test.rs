#![allow(clippy::unwrap_used)]

use super::*;
use crate::probe;

fn question(hook: Hook) -> Question {
    probe::question(hook)
}

fn plan_of(targets: &[(&str, &str, u64)]) -> Proposal {
    let targets = targets.iter().map(|(kind, value, ring_ms)| ProposedTarget {
        kind: (*kind).into(),
        value: (*value).into(),
        number: None,
        ring_ms: *ring_ms,
        together: false,
        diverted: None,
    });
    Proposal {
        verdict: Proposed::Plan { targets: targets.collect(), media: None, mode: None },
        reasons: Vec::new(),
    }
}

fn check(proposal: Proposal) -> Result<Checked, Failure> {
    proposal.check(&question(Hook::RouteOnFailure), &AnswerLimits::default())
}

#[test]
fn a_sound_plan_passes_the_check() {
    let checked = check(plan_of(&[
        ("aor", "2000@Example.com", 0),
        ("uri", "sip:+49301@[2001:db8::1]:5070;transport=udp", 3_600_000),
        ("routing-point", "8000@Example.com", 0),
    ]));
    let targets = vec![
        Target::new(Destination::Aor(Aor::new("2000", "example.com"))),
        Target {
            to: Destination::Uri("sip:+49301@[2001:db8::1]:5070;transport=udp".into()),
            ring: Some(Duration::from_secs(3600)),
            together: false,
            diverted: None,
        },
        Target::new(Destination::RoutingPoint(Aor::new("8000", "example.com"))),
    ];
    let plan = Plan { targets, media: MediaMode::Default };
    assert_eq!(checked.unwrap().ruling, Ruling::Decide(Verdict::Plan(plan)));
}

#[test]
fn a_number_for_a_trunk_cannot_leave_its_place() {
    let with = |number: &str| {
        let mut proposal = plan_of(&[("trunk", "outside", 0)]);
        if let Proposed::Plan { targets, .. } = &mut proposal.verdict {
            targets[0].number = Some(number.into());
        }
        check(proposal).map(|_| ())
    };
    assert_eq!(with("+43(1)23*#"), Ok(()));
    for wrong in ["", "1@x", "1 2", "1\r\nVia: x", "<1>", "ü"] {
        let failure = with(wrong).unwrap_err();
        assert!(failure.detail.contains("no user part"), "{wrong}: {}", failure.detail);
    }
}

#[test]
fn an_unsound_target_is_a_bad_answer_that_says_what_to_write() {
    let long = format!("sip:{}@192.0.2.1", "a".repeat(512));
    let cases: [(&str, &str, u64, &str); 12] = [
        ("aor", "2000", 0, "user@host"),
        ("aor", "@example.com", 0, "user@host"),
        ("aor", "sip:2000@example.com", 0, "without a scheme"),
        ("aor", "2000@example.com\r\nVia: x", 0, "control characters"),
        ("uri", "sip:2000@192.0.2.1\r\nVia:x", 0, "control characters"),
        ("uri", "sip:a b@192.0.2.1", 0, "blanks"),
        ("uri", "2000@192.0.2.1", 0, "sip:host"),
        ("uri", "sip:2000@", 0, "sip:host"),
        ("uri", "sip:jürgen@192.0.2.1", 0, "ASCII"),
        ("uri", &long, 0, "longer than 512 bytes"),
        ("dn", "2000", 0, "none of `aor`, `uri`, `trunk` and `routing-point`"),
        ("uri", "sip:192.0.2.1", 3_600_001, "at most 3600 s"),
    ];
    for (kind, value, ring_ms, expected) in cases {
        let failure = check(plan_of(&[(kind, value, ring_ms)])).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert!(failure.detail.contains(expected), "{value}: {}", failure.detail);
        assert!(!failure.detail.contains(char::is_control), "{}", failure.detail);
    }
}

#[test]
fn a_plan_has_one_to_sixty_four_targets() {
    let many = vec![("aor", "2000@example.com", 0); 65];
    assert!(check(plan_of(&many)).unwrap_err().detail.contains("65 targets"));
    assert!(check(plan_of(&many[..64])).is_ok());
    assert!(check(plan_of(&[])).unwrap_err().detail.contains("no target"));
}

#[test]
fn a_refusal_has_a_final_status_of_failure() {
    for status in [-1, 0, 200, 302, 399, 700, 65_936] {
        let proposal = Proposal { verdict: Proposed::Refuse(status), reasons: Vec::new() };
        assert_eq!(check(proposal).unwrap_err().kind, FailureKind::BadAnswer, "{status}");
    }
    for status in [400, 699] {
        let proposal = Proposal { verdict: Proposed::Refuse(status), reasons: Vec::new() };
        let expected = u16::try_from(status).unwrap();
        assert_eq!(check(proposal).unwrap().ruling, Ruling::Decide(Verdict::Refuse(expected)));
    }
}

#[test]
fn only_a_failure_can_be_proceeded_from() {
    let proceed = Proposal { verdict: Proposed::Proceed, reasons: Vec::new() };
    assert_eq!(check(proceed.clone()).unwrap().ruling, Ruling::Decide(Verdict::Continue));
    let failure = proceed.check(&question(Hook::Route), &AnswerLimits::default()).unwrap_err();
    assert!(failure.detail.contains("route gave proceed()"), "{}", failure.detail);
}

#[test]
fn reasons_are_cut_to_size_and_kept_on_one_line() {
    let reason = Reason { code: "ö".repeat(64), text: "a\r\nb".into() };
    let proposal = Proposal { verdict: Proposed::Pass, reasons: vec![reason; 20] };
    let checked = check(proposal).unwrap();
    assert_eq!(checked.reasons.len(), 16);
    assert_eq!((checked.reasons[0].code.len(), checked.reasons[0].text.as_str()), (64, "a  b"));
}

#[test]
fn media_is_anchor_or_bypass() {
    let with = |media: &str| {
        let mut proposal = plan_of(&[("aor", "a@b", 0)]);
        if let Proposed::Plan { media: slot, .. } = &mut proposal.verdict {
            *slot = Some(media.into());
        }
        check(proposal)
    };
    assert!(with("anchor").is_ok() && with("bypass").is_ok());
    assert!(with("relay").unwrap_err().detail.contains("`anchor` or `bypass`"));
}
