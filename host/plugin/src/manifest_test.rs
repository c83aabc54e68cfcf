#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn an_empty_manifest_asks_every_hook_and_grants_log_and_configuration() {
    let manifest = Manifest::parse("", "plugin.toml").unwrap();
    assert_eq!(manifest, Manifest::default());
    assert_eq!(manifest.grants, Grants { log: true, config: true, state: false });
}

#[test]
fn a_full_manifest_is_read() {
    let text = r#"
        id = "acme.lnp"
        version = "2.4.0"
        kind = "rhai"
        code = "main.rhai"
        [hooks.route]
        priority = 10
        [hooks.route-on-failure]
        [need]
        log = true
        [config]
        table = { a = 1 }
        [[vectors]]
        callee = "sip:2000@example.com"
        expect = "aor:2000@example.com"
    "#;
    let manifest = Manifest::parse(text, "plugin.toml").unwrap();
    assert_eq!(manifest.id.as_deref(), Some("acme.lnp"));
    assert_eq!(manifest.kind, Some(Kind::Rhai));
    assert_eq!(manifest.hooks, Some(vec![(Hook::Route, 10), (Hook::RouteOnFailure, 100)]));
    assert_eq!(manifest.grants, Grants { log: true, config: false, state: false });
    assert!(manifest.config.contains_key("table"));
    assert_eq!(manifest.vectors.len(), 1);
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let cases = [
        ("id = \"a\"\nverison = \"1\"\n", 2, "verison"),
        ("[hooks.route]\npriorty = 1\n", 2, "priorty"),
        ("[hooks.routing]\n", 1, "routing"),
        ("[need]\nlog = true\nhttp = true\n", 3, "http"),
    ];
    for (text, line, key) in cases {
        let diagnostic = Manifest::parse(text, "plugin.toml").unwrap_err();
        assert_eq!(diagnostic.line, Some(line), "{diagnostic}");
        assert!(diagnostic.reason.contains(key), "{diagnostic}");
        assert!(diagnostic.help.contains("plugin.toml takes"), "{diagnostic}");
    }
}

#[test]
fn a_broken_line_is_named_with_its_place() {
    let diagnostic = Manifest::parse("id = \"a\"\n\nkind = wasm\n", "x/plugin.toml").unwrap_err();
    assert_eq!((diagnostic.line, diagnostic.file.as_str()), (Some(3), "x/plugin.toml"));
}
