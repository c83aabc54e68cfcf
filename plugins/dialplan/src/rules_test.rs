#![allow(clippy::unwrap_used, clippy::expect_used)]

use guest::testing;

use super::*;

fn rules(config: &[(&str, &str)]) -> Result<Rules, String> {
    testing::reset();
    for (key, value) in config {
        testing::set_config(key, value);
    }
    Rules::read(&Config)
}

/// An office in Vienna: 0 for a line, extensions of three digits.
const VIENNA: [(&str, &str); 8] = [
    ("country", "43"),
    ("international", r#"["00"]"#),
    ("national", r#"["0"]"#),
    ("area", "1"),
    ("outside", "0"),
    ("internal", r#"["3"]"#),
    ("short", r#"{"*1":"2000"}"#),
    ("blocked", r#"["+43900","+881"]"#),
];

fn outside(number: &str, class: &'static str) -> Dialled {
    Dialled::Outside { number: number.into(), class }
}

#[test]
fn without_rules_every_number_stays() {
    let rules = rules(&[]).unwrap();
    for user in ["2000", "0043123", "+43123", "alice", "*1", ""] {
        assert_eq!(rules.dial(user), Dialled::Unknown, "{user}");
    }
}

#[test]
fn what_is_dialled_gets_one_full_form() {
    let rules = rules(&VIENNA).unwrap();
    assert_eq!(rules.dial("0 1234567"), outside("+4311234567", "local"));
    assert_eq!(rules.dial("0 0664 123456"), outside("+43664123456", "national"));
    assert_eq!(rules.dial("0 0043 664 123456"), outside("+43664123456", "national"));
    assert_eq!(rules.dial("0 0049 30 123456"), outside("+4930123456", "international"));
    assert_eq!(rules.dial("+49 30 123456"), outside("+4930123456", "international"));
}

#[test]
fn extensions_short_codes_and_names_stay_inside() {
    let rules = rules(&VIENNA).unwrap();
    assert_eq!(rules.dial("123"), Dialled::Internal);
    assert_eq!(rules.dial("012"), Dialled::Internal, "three digits are an extension");
    assert_eq!(rules.dial("*1"), Dialled::Short("2000".into()));
    assert_eq!(rules.dial("*2"), Dialled::Unknown);
    assert_eq!(rules.dial("alice"), Dialled::Unknown);
    assert_eq!(rules.dial("12345"), Dialled::Unknown, "without the 0 there is no line");
}

#[test]
fn blocked_numbers_are_found_in_every_form() {
    let rules = rules(&VIENNA).unwrap();
    for dialled in ["0 0900 123456", "0 0043 900 123456", "+43900123456"] {
        assert_eq!(rules.dial(dialled), Dialled::Blocked("+43900".into()), "{dialled}");
    }
    assert_eq!(rules.dial("0 00881 61234"), Dialled::Blocked("+881".into()));
}

#[test]
fn what_no_number_can_be_is_told() {
    let rules = rules(&VIENNA).unwrap();
    let long = "0 00 1234567890123456";
    assert_eq!(rules.dial(long), Dialled::Impossible("+1234567890123456".into()));
    assert_eq!(rules.dial("0 00 0"), Dialled::Impossible("+0".into()));
}

#[test]
fn the_longest_entry_of_the_table_is_taken_before_anything_else() {
    let table = [("rewrite", r#"{"0800":"+43800","08":"x","90":"0"}"#)];
    let plain = rules(&table).unwrap();
    assert_eq!(plain.dial("0800123"), outside("+43800123", ""));
    assert_eq!(plain.dial("902000"), outside("02000", ""));
    assert_eq!(plain.dial("2000"), Dialled::Unknown);
    let country = rules(&[table[0], ("country", "43"), ("national", r#"["0"]"#)]).unwrap();
    assert_eq!(country.dial("90664"), outside("+43664", "national"));
}

#[test]
fn callers_get_the_same_form() {
    let rules = rules(&VIENNA).unwrap();
    assert_eq!(rules.caller("0664123456").as_deref(), Some("+43664123456"));
    assert_eq!(rules.caller("004930123").as_deref(), Some("+4930123"));
    for user in ["+43664123456", "123", "anonymous", ""] {
        assert_eq!(rules.caller(user), None, "{user}");
    }
}

#[test]
fn wrong_rules_are_named_with_what_to_write() {
    for (key, value) in [
        ("country", "+43"),
        ("country", "043"),
        ("area", "1"),
        ("outside", "x"),
        ("internal", r#"["three"]"#),
        ("internal", r#"["99"]"#),
        ("national", r#"["zero"]"#),
        ("blocked", r#"["4-3"]"#),
        ("short", r#"{"x":"2000"}"#),
        ("short", r#"{"*1":["1","2"]}"#),
        ("rewrite", r#"{"0":"1\r\n"}"#),
    ] {
        let error = rules(&[(key, value)]).unwrap_err();
        assert!(error.contains(&text(&["config key ", key])), "{key} = {value}: {error}");
    }
}
