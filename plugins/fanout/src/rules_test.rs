#![allow(clippy::unwrap_used, clippy::expect_used)]

use guest::testing;

use super::*;

#[test]
fn a_pattern_fits_a_text_or_its_beginning() {
    assert!(matches("Request*", "RequestHoldCall") && matches("*", "") && matches("2001", "2001"));
    assert!(!matches("2001", "20011") && !matches("", "2001"));
}

#[test]
fn a_wrong_rule_is_refused_with_its_key() {
    for (list, rules, text) in [
        ("subscriptions", "1", "subscriptions: write a list of rules"),
        ("subscriptions", "[1]", "subscriptions: write each rule as a table"),
        ("subscriptions", r#"[{"events":["Ringing"]}]"#, "subscriptions.events: write whole names"),
        ("subscriptions", r#"[{"without":[1]}]"#, "subscriptions.without: write whole names"),
        ("subscriptions", r#"[{"events":[]}]"#, "subscriptions.events: write whole names"),
        ("subscriptions", r#"[{"kinds":[]}]"#, "subscriptions.kinds: write any of"),
        ("subscriptions", r#"[{"call-types":[]}]"#, "subscriptions.call-types: write a text or"),
        ("requests", r#"[{"applications":[],"refuse":true}]"#, "requests.applications: write a"),
        ("requests", r#"[{"ports":[],"refuse":true}]"#, "requests.ports: write any of"),
        ("subscriptions", r#"[{"kinds":["queue"]}]"#, "subscriptions.kinds: write any of"),
        ("subscriptions", r#"[{"group":""}]"#, "subscriptions.group: write the name"),
        ("subscriptions", r#"[{"names":["RequestHoldCall"]}]"#, "subscriptions.names: no rule"),
        ("requests", r#"[{"ports":["tcp"]}]"#, "requests.ports: write any of"),
        ("requests", r#"[{"names":["HoldCall"]}]"#, "requests.names: write names"),
        ("requests", r#"[{"refuse":0}]"#, "requests.refuse: write an error code"),
        ("requests", r#"[{"refuse":"no"}]"#, "requests.refuse: write an error code"),
        ("requests", r#"[{"events":["EventRinging"]}]"#, "requests.events: no rule"),
    ] {
        testing::reset();
        testing::set_config(list, rules);
        let refused = Rules::read(&Config).unwrap_err();
        assert!(refused.starts_with(&format!("config key {text}")), "{rules}: {refused}");
    }
    testing::reset();
    let many = vec!["{}"; RULES_MAX + 1].join(",");
    testing::set_config("requests", &format!("[{many}]"));
    assert_eq!(Rules::read(&Config).unwrap_err(), "config key requests: write 512 rules at most");
    testing::reset();
    testing::set_config("requests", r#"[{"refuse":false}]"#);
    assert_eq!(Rules::read(&Config).unwrap().requests, [Rule::default()]);
}
