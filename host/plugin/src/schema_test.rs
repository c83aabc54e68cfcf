#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

const SCHEMA: &str = r##"{
    "type": "object",
    "additionalProperties": false,
    "required": ["country"],
    "properties": {
        "country": {"type": "string", "pattern": "^[0-9]+$", "description": "the country code"},
        "ring_s": {"type": "integer", "minimum": 1, "default": 20, "title": "how long it rings"},
        "prefixes": {"type": "array", "items": {"$ref": "#/$defs/prefix"}},
        "server": {
            "type": "object",
            "properties": {"port": {"type": "integer", "default": 5060}, "host": {"type": "string"}}
        }
    },
    "$defs": {"prefix": {"type": "string", "maxLength": 4, "description": "a prefix"}}
}"##;

fn applied(config: &str) -> Result<toml::Table, String> {
    let schema = Schema::read(SCHEMA.as_bytes(), "config.schema.json").unwrap();
    let mut config: toml::Table = config.parse().unwrap();
    schema.apply(&mut config).map(|()| config)
}

fn refused(schema: &str) -> Diagnostic {
    Schema::read(schema.as_bytes(), "a.json").err().expect("refused")
}

#[test]
fn defaults_fill_what_is_left_out() {
    let config = applied("country = \"43\"\nserver = { host = \"a\" }").unwrap();
    assert_eq!(config["ring_s"].as_integer(), Some(20));
    assert_eq!(config["server"]["port"].as_integer(), Some(5060));
    let config = applied("country = \"43\"\nring_s = 5").unwrap();
    assert_eq!(config["ring_s"].as_integer(), Some(5));
    assert!(!config.contains_key("server"));
}

#[test]
fn what_is_wrong_is_told_with_its_key_and_what_the_schema_says() {
    assert_eq!(applied("").unwrap_err(), "`country`: is missing (the country code)");
    assert_eq!(
        applied("country = \"43\"\nring_s = 0").unwrap_err(),
        "`ring_s`: its value is less than the minimum of 1 (how long it rings), default 20"
    );
    assert_eq!(
        applied("country = \"43\"\ncontry = 1\nother = 1").unwrap_err(),
        "`the configuration`: there is no `contry`, did you mean `country`?, `other`"
    );
    assert_eq!(
        applied("country = \"43\"\nprefixes = [\"1\", \"12345\"]").unwrap_err(),
        "`prefixes.1`: its value is longer than 4 characters (a prefix)"
    );
    let two = applied("country = 43\nserver = 1").unwrap_err();
    assert!(two.contains("`country`: ") && two.contains("; `server`: "), "{two}");
}

#[test]
fn values_are_not_told() {
    let error = applied("country = \"secret\"\nring_s = \"hidden\"").unwrap_err();
    assert!(!error.contains("secret") && !error.contains("hidden"), "{error}");
}

#[test]
fn only_so_much_is_told() {
    let prefixes = ["\"12345\""; 8].join(", ");
    let error = applied(&format!("country = \"43\"\nprefixes = [{prefixes}]")).unwrap_err();
    assert!(error.ends_with("; and 3 more"), "{error}");
}

#[test]
fn a_file_that_is_no_schema_is_refused_with_its_place() {
    let error = refused("{\n  \"type\": strin\n}");
    assert_eq!(error.line, Some(2), "{error}");
    assert!(refused("{\"type\": \"strin\"}").reason.contains("no JSON Schema"));
    assert!(refused("{\"pattern\": \"(\"}").reason.contains("no JSON Schema"));
    assert!(refused(&"[".repeat(1000)).reason.contains("not JSON"));
}

#[test]
fn a_schema_that_refers_to_itself_or_elsewhere_is_refused() {
    for (schema, why) in [
        (r##"{"$ref": "#"}"##, "refers to itself"),
        (r##"{"properties": {"a": {"$ref": "#"}}}"##, "refers to itself"),
        (
            r##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}"##,
            "refers to itself",
        ),
        (r##"{"properties": {"a": {"items": {"$ref": "#/properties/a"}}}}"##, "refers to itself"),
        (r##"{"$ref": "https://example.com/a.json"}"##, "is not in this file"),
        (r##"{"$ref": "other.json"}"##, "is not in this file"),
        (r##"{"$ref": "#/$defs/none"}"##, "is not in this file"),
        (r##"{"$dynamicRef": "#a"}"##, "is not known here"),
        (r##"{"$id": "https://example.com/"}"##, "is not known here"),
    ] {
        let error = refused(schema);
        assert!(error.reason.contains(why), "{schema}: {error}");
    }
}

#[test]
fn a_schema_that_is_larger_than_it_looks_is_refused() {
    // Each refers to the next one twice: a thousand million of them in the end.
    let level = |n: usize| {
        let next = n + 1;
        format!(
            r##""l{n}": {{"allOf": [{{"$ref": "#/$defs/l{next}"}}, {{"$ref": "#/$defs/l{next}"}}]}}"##
        )
    };
    let levels: Vec<String> = (0..30).map(level).collect();
    let schema = format!(
        r##"{{"$ref": "#/$defs/l0", "$defs": {{{}, "l30": {{"type": "string"}}}}}}"##,
        levels.join(", ")
    );
    assert!(refused(&schema).reason.contains("too much"), "{}", refused(&schema));
}
