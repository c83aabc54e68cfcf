//! The arrows, on a workspace small enough to see.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;

/// A workspace of the given crates, `(name, [(dependency, kind)])`, and third-party crates with their own dependencies.
fn workspace(ours: &[(&str, &[(&str, &str)])], theirs: &[(&str, &[&str])]) -> Value {
    let is_ours = |name: &str| ours.iter().any(|(known, _)| *known == name);
    let full =
        |name: &str| if is_ours(name) { format!("jackfield-{name}") } else { name.to_owned() };
    let mut packages = Vec::new();
    let mut nodes = Vec::new();
    for (name, used) in ours {
        let dependencies: Vec<Value> = used
            .iter()
            .map(|(used, kind)| {
                let kind = if *kind == "normal" { Value::Null } else { json!(kind) };
                let path = is_ours(used).then(|| format!("/tree/host/{used}"));
                json!({ "name": full(used), "path": path, "kind": kind })
            })
            .collect();
        packages.push(json!({
            "id": name, "name": full(name), "manifest_path": format!("/tree/host/{name}/Cargo.toml"),
            "dependencies": dependencies,
        }));
        let deps: Vec<Value> = used
            .iter()
            .map(|(used, kind)| {
                let kind = if *kind == "normal" { Value::Null } else { json!(kind) };
                json!({ "pkg": used, "dep_kinds": [{ "kind": kind }] })
            })
            .collect();
        nodes.push(json!({ "id": name, "deps": deps }));
    }
    for (name, used) in theirs {
        packages.push(json!({ "id": name, "name": name, "manifest_path": "/elsewhere/Cargo.toml", "dependencies": [] }));
        let deps: Vec<Value> = used
            .iter()
            .map(|used| json!({ "pkg": used, "dep_kinds": [{ "kind": null }] }))
            .collect();
        nodes.push(json!({ "id": name, "deps": deps }));
    }
    let members: Vec<&str> = ours.iter().map(|(name, _)| *name).collect();
    json!({
        "workspace_root": "/tree", "workspace_members": members, "packages": packages, "resolve": { "nodes": nodes },
    })
}

fn found(metadata: &Value) -> Vec<String> {
    check(metadata).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn the_order_of_the_design_passes() {
    let metadata = workspace(
        &[
            ("model", &[]),
            ("sip", &[("model", "normal"), ("bytes", "normal")]),
            ("switch", &[("sip", "normal"), ("model", "normal")]),
            ("plugin", &[("model", "normal"), ("tokio", "normal")]),
            ("node", &[("switch", "normal"), ("plugin", "normal")]),
        ],
        &[("bytes", &[]), ("tokio", &["mio"]), ("mio", &[])],
    );
    assert_eq!(found(&metadata), Vec::<String>::new());
}

#[test]
fn the_switch_may_not_see_the_plugin_host_not_even_in_its_tests() {
    for kind in ["normal", "dev", "build"] {
        let metadata =
            workspace(&[("model", &[]), ("plugin", &[]), ("switch", &[("plugin", kind)])], &[]);
        let findings = found(&metadata);
        assert_eq!(findings.len(), 1, "{kind}");
        assert!(findings[0].starts_with(&format!(
            "host/switch/Cargo.toml: `switch` depends on `plugin` ({kind})"
        )));
    }
}

#[test]
fn io_is_found_at_any_depth() {
    let metadata = workspace(
        &[("model", &[("handy", "normal")])],
        &[("handy", &["helper"]), ("helper", &["tokio"]), ("tokio", &[])],
    );
    let findings = found(&metadata);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].contains("reaches I/O: jackfield-model -> handy -> helper -> tokio"),
        "{findings:?}"
    );
}

#[test]
fn io_in_the_tests_of_a_sans_io_crate_is_its_own_affair() {
    let metadata = workspace(
        &[("model", &[("proptest", "dev")])],
        &[("proptest", &["getrandom"]), ("getrandom", &[])],
    );
    assert_eq!(found(&metadata), Vec::<String>::new());
}

#[test]
fn a_crate_without_a_place_is_asked_for_one() {
    let findings = found(&workspace(&[("helpers", &[])], &[]));
    assert!(findings[0].contains("`helpers` has no place in the order of crates"), "{findings:?}");
}

#[test]
fn an_answer_of_another_shape_is_an_error_and_no_pass() {
    assert!(check(&json!({})).is_err());
}
