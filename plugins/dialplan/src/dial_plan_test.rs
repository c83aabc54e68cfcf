#![allow(clippy::unwrap_used, clippy::expect_used)]

use guest::testing;

use super::*;

fn dial(config: &[(&str, &str)], callee: &str) -> Rewrite {
    testing::reset();
    for (key, value) in config {
        testing::set_config(key, value);
    }
    let plugin: DialPlan = testing::plugin().unwrap();
    plugin.dial_plan(&testing::call(callee))
}

const AUSTRIA: [(&str, &str); 4] = [
    ("country", "43"),
    ("national", r#"["0"]"#),
    ("international", r#"["00"]"#),
    ("blocked", r#"["+43900"]"#),
];

#[test]
fn without_configuration_nothing_changes() {
    assert_eq!(dial(&[], "sip:0664123@example.com"), Rewrite::pass());
}

#[test]
fn a_national_number_is_called_in_its_full_form_and_labelled() {
    let expected = Rewrite::callee("+43664123")
        .label("class", "national")
        .because("national", "in its full form");
    assert_eq!(dial(&AUSTRIA, "sip:0664123@example.com"), expected);
    assert_eq!(dial(&AUSTRIA, "tel:0664123"), expected);
    let full = Rewrite::pass().label("class", "national").because("national", "in its full form");
    assert_eq!(dial(&AUSTRIA, "sip:+43664123@example.com"), full);
}

#[test]
fn a_blocked_number_is_refused() {
    let refused = dial(&AUSTRIA, "sip:0900123@example.com");
    assert_eq!(
        refused,
        Rewrite::refuse(403).because("blocked", "numbers that begin with +43900 are blocked")
    );
}

#[test]
fn a_callers_number_is_completed_when_it_is_asked_for() {
    testing::reset();
    for (key, value) in AUSTRIA {
        testing::set_config(key, value);
    }
    testing::set_config("callers", "true");
    let plugin: DialPlan = testing::plugin().unwrap();
    let mut call = testing::call("sip:2000@example.com");
    call.caller = testing::party("sip:0664123@example.com");
    assert_eq!(plugin.dial_plan(&call), Rewrite::pass().caller("+43664123"));
}
