//! The crates of the protocol do nothing themselves: no clock, socket, thread or random source, and no order that
//! differs from run to run.

use std::collections::BTreeSet;

use crate::{
    Finding,
    rust_source::{Line, is_word, lines},
    tree::File,
};

/// Crates below `host/` that are sans-IO.
pub const CRATES: [&str; 8] =
    ["model", "sip", "media", "tlib", "cluster", "websocket", "switch", "cti"];

/// What their code may not name, with what to do instead.
const BANNED: [(&str, &str); 12] = [
    ("std::time::Instant", "take `model::Instant` as an argument"),
    ("SystemTime", "take the moment as an argument"),
    ("thread_rng", "take a seed in the configuration"),
    ("rand::rng(", "take a seed in the configuration"),
    ("OsRng", "take a seed in the configuration"),
    ("RandomState", "order by key: use BTreeMap, or a map with a fixed hash"),
    ("std::net::UdpSocket", "give the effect out as a value"),
    ("std::net::TcpStream", "give the effect out as a value"),
    ("std::net::TcpListener", "give the effect out as a value"),
    ("std::fs::", "take the content as an argument"),
    ("std::thread", "leave threads to the node"),
    ("tokio::", "leave the runtime to the node"),
];

/// `Instant::now` is banned on its own, since an import may have shortened the path.
const CLOCK: &str = "Instant::now";

/// Methods that walk a map in its own order.
const WALKS: [&str; 9] = [
    ".iter()",
    ".iter_mut()",
    ".keys()",
    ".values()",
    ".values_mut()",
    ".into_iter()",
    ".into_keys()",
    ".into_values()",
    ".drain(",
];

/// The comment, on the line or above it, that says why nothing sees the order of a walk (a count, a sum).
const ANY_ORDER: &str = "any order:";

/// True when `path` is source of a sans-IO crate and no test of it.
pub fn applies_to(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("host")
        && parts.next().is_some_and(|name| CRATES.contains(&name))
        && parts.next() == Some("src")
        && path.ends_with(".rs")
        && !path.ends_with("_test.rs")
}

/// Checks one source file of a sans-IO crate, up to its test module.
pub fn check(file: &File) -> Vec<Finding> {
    let mut lines = lines(&file.text);
    let end = lines.iter().position(|line| line.code.contains("cfg(test)")).unwrap_or(lines.len());
    lines.truncate(end);
    let mut findings = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        for (name, remedy) in
            BANNED.into_iter().chain([(CLOCK, "take `model::Instant` as an argument")])
        {
            if line.code.contains(name) {
                let what = format!("a sans-IO crate names `{name}`");
                findings.push(Finding::new(&file.path, number + 1, what, remedy));
            }
        }
    }
    findings.extend(walks_of_hash_maps(file, &lines));
    findings
}

fn walks_of_hash_maps(file: &File, lines: &[Line]) -> Vec<Finding> {
    let names = hash_map_names(lines);
    let mut findings = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let explained = lines[number.saturating_sub(1)..=number]
            .iter()
            .any(|line| line.comment.contains(ANY_ORDER));
        if !explained && let Some(name) = names.iter().find(|name| walks(&line.code, name)) {
            findings.push(Finding::new(
                &file.path,
                number + 1,
                format!(
                    "walks `{name}`, a HashMap or HashSet, in an order that differs from run to run"
                ),
                "use a BTreeMap where it is iterated, or say in a comment `// any order: ...` why the order is not seen",
            ));
        }
    }
    findings
}

/// Fields and variables declared as hash maps or sets in this file: `name: HashMap<` and `name = HashMap::`.
fn hash_map_names(lines: &[Line]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in lines {
        for kind in ["HashMap", "HashSet"] {
            let Some(at) = line.code.find(kind) else { continue };
            let before = line.code[..at].trim_end_matches("std::collections::").trim_end();
            let Some(before) = before.strip_suffix([':', '=']) else { continue };
            let name: String =
                before.trim_end().chars().rev().take_while(|c| is_word(*c)).collect();
            if !name.is_empty() {
                names.insert(name.chars().rev().collect());
            }
        }
    }
    names
}

fn walks(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = &code[..at];
        let after = &code[at + name.len()..];
        if before.chars().next_back().is_some_and(is_word) {
            return false;
        }
        let looped = before.contains("for ")
            && before.contains(" in ")
            && after.trim_start().starts_with('{');
        looped || WALKS.iter().any(|walk| after.starts_with(walk))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        check(&File { path: "host/sip/src/a.rs".into(), text: text.into() })
            .into_iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn a_clock_a_socket_and_a_random_source_are_found() {
        assert_eq!(
            found("let now = Instant::now();\nlet r = thread_rng();\nuse std::net::UdpSocket;\n"),
            [1, 2, 3]
        );
        assert_eq!(found("use std::net::SocketAddr;\nuse model::Instant;\n"), [0_usize; 0]);
    }

    #[test]
    fn walking_a_hash_map_is_found_and_looking_up_is_not() {
        let text = "struct S { calls: HashMap<u8, u8>, order: BTreeMap<u8, u8> }\n\
                    self.calls.get(&1);\nself.calls.values().sum();\nfor x in &self.calls {\nself.order.values();\n";
        assert_eq!(found(text), [3, 4]);
        let sum = "struct S { calls: HashMap<u8, u8> }\n// any order: it is a sum\nself.calls.values().sum();\n";
        assert_eq!(found(sum), [0_usize; 0]);
    }

    #[test]
    fn tests_may_use_what_the_code_may_not() {
        assert_eq!(
            found("#[cfg(test)]\nmod tests { fn f() { SystemTime::now(); } }\n"),
            [0_usize; 0]
        );
        assert!(!applies_to("host/sip/src/message_test.rs"));
        assert!(!applies_to("host/node/src/main.rs"));
        assert!(!applies_to("host/sip/tests/torture.rs"));
        assert!(applies_to("host/switch/src/call/leg.rs"));
    }
}
