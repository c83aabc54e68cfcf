//! Version 1 of the contract is frozen: `contract-1.0.0.txt` is what it was when it was given out.
//!
//! An interface that plugins export, and the types, never change. An interface that they import may get functions: a component
//! that was built before does not call them. New interfaces and new worlds are new names. Comments are free.

use std::{collections::BTreeMap, fs, path::Path};

use jackfield_plugin::{Kind, PluginHost};
use model::hook::{Hook, Verdict};

use crate::{
    common::{answer, host, patient, route, source},
    guest,
};

/// The interfaces that plugins import, which may grow.
const IMPORTED: [&str; 2] = ["interface snapshot", "interface logging"];

/// The declarations of each interface and world, without comments.
type Contract = BTreeMap<String, Vec<String>>;

fn read(text: &str) -> Contract {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code = code.collect::<Vec<_>>().join(" ");
    let mut words = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut contract = Contract::new();
    while let Some((head, rest)) = words.split_once('{') {
        let name = head.rsplit(';').next().unwrap_or_default().trim().to_owned();
        let end = closing(rest);
        contract.insert(name, declarations(&rest[..end]));
        words = rest[end + 1..].to_owned();
    }
    contract
}

/// Where the brace is that closes one that stands open.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("a brace is not closed: {text}");
}

/// What stands between braces, ended by semicolons and by braces of its own.
fn declarations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        // `use types.{…};` goes on behind its brace.
        let is_end = match c {
            ';' => depth == 0,
            '}' => depth == 0 && !text[start..].trim_start().starts_with("use "),
            _ => false,
        };
        if is_end {
            found.push(text[start..=at].trim().to_owned());
            start = at + 1;
        }
    }
    found
}

/// What of the frozen contract is not as it was.
fn broken(frozen: &Contract, now: &Contract) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, was) in frozen {
        let Some(is) = now.get(name) else {
            broken.push(format!("{name} is gone"));
            continue;
        };
        broken
            .extend(was.iter().filter(|one| !is.contains(one)).map(|one| format!("{name}: {one}")));
        let is_import = |one: &str| name.starts_with("world ") && one.starts_with("import ");
        // `every-hook` is what a host is built against, and no plugin.
        if IMPORTED.contains(&name.as_str()) || name == "world every-hook" {
            continue;
        }
        let new = is.iter().filter(|one| !was.contains(one) && !is_import(one));
        broken.extend(new.map(|one| format!("{name} has got {one}")));
    }
    broken
}

#[test]
fn version_1_is_what_was_given_out() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let now = fs::read_to_string(here.join("../../sdk/wit/v1/plugin.wit")).unwrap();
    let frozen = fs::read_to_string(here.join("tests/host/contract-1.0.0.txt")).unwrap();
    let (frozen, now) = (read(&frozen), read(&now));
    assert_eq!(frozen.len(), 20, "{:?}", frozen.keys());
    assert_eq!(frozen["interface route"].len(), 3, "{:?}", frozen["interface route"]);
    assert_eq!(
        broken(&frozen, &now),
        Vec::<String>::new(),
        "write version 2 instead, or a new interface"
    );
}

#[test]
fn a_component_that_knows_more_hooks_than_the_host_is_asked_those_of_both() {
    let host = host(patient(), vec![source("new", Kind::Wasm, guest::of_tomorrow(""))]);
    assert_eq!(host.list()[0].hooks, [(Hook::Route, 100)]);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
}

#[test]
fn a_component_that_needs_more_than_the_host_has_is_refused_with_its_name() {
    let weather = r#"(import "jackfield:plugin/snapshot@1.0.0" "weather" (func (result i32)))"#;
    let host = PluginHost::new(patient()).unwrap();
    let refused = host.install(vec![source("new", Kind::Wasm, guest::of_tomorrow(weather))]);
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("weather") && said.contains("(help: "), "{said}");
}

#[test]
fn what_breaks_components_is_found_and_what_does_not_is_let_pass() {
    let text = "package a:b@1.0.0; interface snapshot { f: func(a: string); } \
                interface route { record r { a: u8, } decide: func(r: r); } world w { export route; }";
    let frozen = read(text);
    let after = |from: &str, to: &str| broken(&frozen, &read(&text.replace(from, to)));
    let none = Vec::<String>::new();
    assert_eq!(after("f: func(a: string);", "f: func(a: string); g: func();"), none);
    assert_eq!(after("world w", "interface new { h: func(); } world w"), none);
    assert_eq!(after("export route;", "import snapshot; export route; // as ever\n"), none);
    assert_eq!(after("a: u8,", "a: u8, b: u8,").len(), 2, "a record has grown");
    assert_eq!(after("decide: func(r: r);", "decide: func(r: r); g: func();").len(), 1);
    assert_eq!(after("f: func(a: string);", "f: func(a: string) -> bool;").len(), 1);
    assert_eq!(after("export route;", "export route; export other;").len(), 1);
    assert_eq!(after("interface route", "interface routes").len(), 1);
}
