//! What has changed, in words that many calls have in common.

use crate::{Canonical, Class, Failed, Spoken};

/// Characters of a failure's text that tell groups apart.
const DETAIL_CHARS_MAX: usize = 120;

/// What changed from one answer to another, without what differs from call to call.
pub(crate) fn change(
    class: Class,
    before: Result<&Spoken, &Failed>,
    after: Result<&Spoken, &Failed>,
) -> String {
    match (before, after) {
        (_, Err(failed)) => {
            let detail: String = failed.detail.chars().take(DETAIL_CHARS_MAX).collect();
            format!("{}: {detail}", failed.kind)
        }
        (Err(failed), Ok(after)) => {
            format!("a failure ({}) -> {}", failed.kind, after.verdict.shape())
        }
        (Ok(before), Ok(after)) => match class {
            Class::ReasonsOnly => reasons(before, after),
            Class::Slower => "takes longer".to_owned(),
            _ => verdicts(&before.verdict, &after.verdict),
        },
    }
}

fn reasons(before: &Spoken, after: &Spoken) -> String {
    let codes = |spoken: &Spoken| {
        let codes: Vec<&str> = spoken.reasons.iter().map(|why| why.code.as_str()).collect();
        if codes.is_empty() { "no reason".to_owned() } else { codes.join(", ") }
    };
    match (codes(before), codes(after)) {
        (a, b) if a == b => format!("the text of {a}"),
        (a, b) => format!("{a} -> {b}"),
    }
}

fn verdicts(before: &Canonical, after: &Canonical) -> String {
    let (a, b) = (before.shape(), after.shape());
    if a != b {
        return format!("{a} -> {b}");
    }
    match (before, after) {
        (Canonical::Plan { targets: old, .. }, Canonical::Plan { targets: new, .. }) => {
            let is_same = |what: fn(&crate::CanonicalTarget, &crate::CanonicalTarget) -> bool| {
                old.iter().zip(new).all(|(old, new)| what(old, new))
            };
            if !is_same(|old, new| old.to == new.to) {
                format!("{a}: other numbers")
            } else if !is_same(|old, new| old.ring_ms == new.ring_ms) {
                format!("{a}: other ring times")
            } else {
                format!("{a}: other diversions")
            }
        }
        (Canonical::Verify, _) => "verify: other credentials".to_owned(),
        _ => format!("{a}: other values"),
    }
}
