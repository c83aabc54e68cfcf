#![allow(clippy::unwrap_used)]

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn said(proposed: ProposedFanOut) -> String {
    proposed
        .check(&AnswerLimits::default())
        .map_or_else(|failure| failure.detail, |what| what.to_string())
}

#[test]
fn what_a_subscriber_can_get() {
    let all = ProposedFanOut::default();
    assert_eq!(said(all.clone()), "deliver all");
    let some = ProposedFanOut {
        events: names(&["EventRinging", "EventEstablished"]),
        without: names(&["EventPartyChanged"]),
        call_types: names(&["Inbound"]),
        group: Some("Call watchers (\u{e9})".into()),
    };
    assert_eq!(
        said(some),
        "deliver EventRinging, EventEstablished but EventPartyChanged of Inbound calls, for group Call watchers (\u{e9})"
    );
}

#[test]
fn names_that_no_event_has_are_refused() {
    let events = |list: &[&str]| said(ProposedFanOut { events: names(list), ..Default::default() });
    assert_eq!(
        events(&["RequestMakeCall"]),
        "events: `RequestMakeCall` is no event; write EventRinging"
    );
    assert_eq!(events(&["eventRinging"]), "events: `eventRinging` is no event; write EventRinging");
    for wrong in ["", "Event Ringing", "EventRinging\n", "Event*", "Event\u{e9}"] {
        assert!(events(&["EventRinging", wrong]).ends_with("letters and digits only"), "{wrong:?}");
    }
    let without = ProposedFanOut { without: names(&["Ringing"]), ..Default::default() };
    assert_eq!(said(without), "without: `Ringing` is no event; write EventRinging");
    let types = ProposedFanOut { call_types: names(&["In-bound"]), ..Default::default() };
    assert_eq!(
        said(types),
        "call_types: `In-bound` is no name; a name has letters and digits only"
    );
}

#[test]
fn lists_names_and_groups_have_limits() {
    let AnswerLimits { event_names_max, event_name_bytes_max, group_bytes_max, .. } =
        AnswerLimits::default();
    let one = |name: String| ProposedFanOut { events: vec![name], ..Default::default() };
    let long = |bytes: usize| format!("Event{}", "x".repeat(bytes - 5));
    assert!(said(one(long(event_name_bytes_max))).starts_with("deliver Event"));
    assert!(said(one(long(event_name_bytes_max + 1))).ends_with("64 bytes (event_name_bytes_max)"));
    let many = |count| vec!["EventRinging".to_owned(); count];
    for (list, proposed) in [
        ("events", ProposedFanOut { events: many(event_names_max + 1), ..Default::default() }),
        ("without", ProposedFanOut { without: many(event_names_max + 1), ..Default::default() }),
        (
            "call_types",
            ProposedFanOut { call_types: many(event_names_max + 1), ..Default::default() },
        ),
    ] {
        assert_eq!(
            said(proposed),
            format!("{list}: 257 names; at most 256 are taken (event_names_max)")
        );
    }
    let group =
        |name: &str| said(ProposedFanOut { group: Some(name.into()), ..Default::default() });
    assert!(group(&"g".repeat(group_bytes_max)).starts_with("deliver all, for group g"));
    assert!(group(&"g".repeat(group_bytes_max + 1)).ends_with("128 bytes (group_bytes_max)"));
    for wrong in ["", " ", "a\tb", "a\u{7f}"] {
        assert!(group(wrong).ends_with("it has printable characters only"), "{wrong:?}");
    }
}

#[test]
fn attributes_that_say_who_asks_and_for_which_call_are_not_changed() {
    let said = |name: &str, value: &str| {
        check_changes(&[(name.to_owned(), value.to_owned())], &AnswerLimits::default())
            .map_or_else(|failure| failure.detail, |()| "fine".to_owned())
    };
    for name in CHANGEABLE {
        assert_eq!(said(name, "2000"), "fine");
    }
    for name in ["ThisDN", "ConnID", "ReferenceID", "otherdn", "Extensions.KEY", "UserData", ""] {
        let why =
            "it cannot be changed; these can: OtherDN, ThisQueue, OtherQueue, AgentID, Location";
        assert_eq!(said(name, "2000"), format!("change of `{name}`: {why}"));
    }
    assert!(
        said("OtherDN", "20\r\n00").ends_with("control characters in it, which are not allowed")
    );
    assert!(said("OtherDN", "").contains("the value is empty"));
    assert_eq!(said("OtherDN", &"1".repeat(256)), "fine");
    assert!(said("OtherDN", &"1".repeat(257)).ends_with("256 bytes (request_value_bytes_max)"));
    let many = vec![("OtherDN".to_owned(), "1".to_owned()); 17];
    let failure = check_changes(&many, &AnswerLimits::default()).unwrap_err();
    assert_eq!(failure.detail, "17 changes; at most 16 are made (request_changes_max)");
}
