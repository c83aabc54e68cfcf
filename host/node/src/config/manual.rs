#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Writes `docs/configuration.md` from the doc comments of the configuration's structures.
//!
//! `JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-node configuration_manual` rewrites the file.

use std::{fmt::Write as _, path::Path};

use super::{
    Config, DnSection, ListenConfig, SubscriberConfig, TlibListen, TrunkSection,
    check::RANGES,
    live::{LIVE, is_live},
};

/// The sections in the manual's order: heading, source text, structure.
const SECTIONS: &[(&str, &str, &str)] = &[
    ("node", include_str!("node.rs"), "NodeConfig"),
    ("sip", include_str!("sip.rs"), "SipConfig"),
    ("sip.listen", include_str!("sip.rs"), "ListenConfig"),
    ("streams", include_str!("streams.rs"), "StreamsConfig"),
    ("dns", include_str!("dns.rs"), "DnsConfig"),
    ("http", include_str!("http.rs"), "HttpConfig"),
    ("media", include_str!("media.rs"), "MediaConfig"),
    ("registrar", include_str!("registrar.rs"), "RegistrarSection"),
    ("events", include_str!("events.rs"), "EventsSection"),
    ("auth", include_str!("auth.rs"), "AuthSection"),
    ("store", include_str!("store.rs"), "StoreConfig"),
    ("subscriber", include_str!("subscriber.rs"), "SubscriberConfig"),
    ("trunk", include_str!("trunk.rs"), "TrunkSection"),
    ("tlib", include_str!("tlib.rs"), "TlibSection"),
    ("tlib.listen", include_str!("tlib_listen.rs"), "TlibListen"),
    ("dn", include_str!("dn.rs"), "DnSection"),
    ("plugins", include_str!("plugins.rs"), "PluginsConfig"),
    ("emergency", include_str!("emergency.rs"), "EmergencyConfig"),
    ("transfers", include_str!("transfers.rs"), "TransfersConfig"),
    ("call_events", include_str!("call_events.rs"), "CallEventsConfig"),
    ("proxy", include_str!("proxy.rs"), "ProxyConfig"),
    ("session", include_str!("session.rs"), "SessionSection"),
    ("limits", include_str!("limits.rs"), "LimitsConfig"),
    ("journal", include_str!("journal.rs"), "JournalConfig"),
    ("records", include_str!("records.rs"), "RecordsConfig"),
    ("log", include_str!("log.rs"), "LogConfig"),
];

const INTRODUCTION: &str = "# Configuration\n\n\
    <!-- Written by a test of host/node/src/config/manual.rs from the doc comments beside it; do not edit. -->\n\n\
    `jackfield run --config FILE` reads one TOML file. Every key has a default and no file is needed: without one, the stock \
    plugins route calls and every listener is on loopback. `--set KEY=VALUE` lays a value over the file, for example \
    `--set sip.t1_ms=250`. A key that does not exist and a value that cannot be are errors that name the file, the line and what \
    to write instead; `jackfield check` reports them all without starting anything.\n\n\
    `jackfield reload`, SIGHUP, or with `node.watch_config` a change of the file has the running switch read it again: keys marked \
    *live* are taken at once, those marked *restart* with the next start ([reload.md](reload.md)).\n";

/// The doc comment of structure `name` in `source`, and its fields, each with its own.
pub(crate) fn documented_fields(source: &str, name: &str) -> (String, Vec<(String, String)>) {
    let mut doc = String::new();
    let mut found: Option<(String, Vec<(String, String)>)> = None;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(text.trim());
        } else if line == format!("pub struct {name} {{") {
            found = Some((std::mem::take(&mut doc), Vec::new()));
        } else if let Some((about, mut fields)) = found.take() {
            if line == "}" {
                return (about, fields);
            }
            if let Some((field, _)) =
                line.strip_prefix("pub ").and_then(|rest| rest.split_once(':'))
            {
                let field = field.strip_prefix("r#").unwrap_or(field);
                fields.push((field.to_owned(), std::mem::take(&mut doc)));
            }
            found = Some((about, fields));
        } else if !line.starts_with("#[") {
            doc.clear();
        }
    }
    panic!("no structure {name}");
}

fn defaults_of(section: &str) -> toml::Table {
    match section {
        "sip.listen" => toml::Table::try_from(ListenConfig::default()).unwrap(),
        "subscriber" => toml::Table::try_from(SubscriberConfig::default()).unwrap(),
        "tlib.listen" => toml::Table::try_from(TlibListen::default()).unwrap(),
        "dn" => toml::Table::try_from(DnSection::default()).unwrap(),
        "trunk" => toml::Table::try_from(TrunkSection::default()).unwrap(),
        section => toml::Table::try_from(Config::default()).unwrap()[section]
            .as_table()
            .expect("a section is a table")
            .clone(),
    }
}

fn default_text(value: Option<&toml::Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(toml::Value::Table(_)) => "empty".to_owned(),
        Some(toml::Value::Array(values)) if values.iter().any(toml::Value::is_table) => {
            "one block with the defaults below".to_owned()
        }
        Some(value) => format!("`{value}`"),
    }
}

fn manual() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (section, source, structure) in SECTIONS {
        let (about, fields) = documented_fields(source, structure);
        let (heading, about) = about.split_once(": ").expect("`[section]`: what it is about");
        let about = about[..1].to_uppercase() + &about[1..];
        write!(
            text,
            "\n## {heading}\n\n{about}\n\n| key | default | change | |\n|---|---|---|---|\n"
        )
        .unwrap();
        let defaults = defaults_of(section);
        for (name, doc) in fields {
            let default = default_text(defaults.get(&name));
            let path = format!("{section}.{name}");
            let range = RANGES.iter().find(|(key, _, _)| *key == path);
            let range = range.map_or_else(String::new, |(_, min, max)| format!(" {min} to {max}."));
            let doc = doc.replace('|', "\\|");
            let change = if is_live(&path) { "live" } else { "restart" };
            writeln!(text, "| `{name}` | {default} | {change} | {doc}{range} |").unwrap();
        }
    }
    text
}

#[test]
fn the_configuration_manual_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let manual = manual();
    if std::env::var_os("JACKFIELD_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &manual).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == manual,
        "docs/configuration.md is stale; run: \
         JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-node configuration_manual"
    );
}

#[test]
fn every_field_of_the_configuration_is_in_the_manual_with_a_doc_comment() {
    for (section, source, structure) in SECTIONS {
        let (_, fields) = documented_fields(source, structure);
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        for key in defaults_of(section).keys() {
            assert!(names.contains(&key.as_str()), "[{section}] {key} is not documented");
        }
        for (name, doc) in &fields {
            assert!(doc.ends_with('.'), "[{section}] {name}: {doc:?}");
        }
    }
}

#[test]
fn every_key_that_is_taken_live_is_there() {
    let config = toml::Table::try_from(Config::default()).unwrap();
    for path in LIVE {
        let mut steps = path.splitn(2, '.');
        let (section, key) = (steps.next().unwrap(), steps.next());
        let source = SECTIONS.iter().find(|(name, _, _)| *name == section).expect(path);
        let (_, fields) = documented_fields(source.1, source.2);
        assert!(key.is_none_or(|key| fields.iter().any(|(name, _)| name == key)), "{path}");
        assert!(config.contains_key(section), "{path}");
    }
}

#[test]
fn every_whole_number_has_a_range_that_holds_its_default() {
    let config = toml::Table::try_from(Config::default()).unwrap();
    for (section, table) in &config {
        for (key, value) in table.as_table().into_iter().flatten() {
            let Some(value) = value.as_integer() else { continue };
            let path = format!("{section}.{key}");
            let (_, min, max) = RANGES
                .iter()
                .find(|(name, _, _)| *name == path)
                .unwrap_or_else(|| panic!("{path} has no range"));
            assert!((*min..=*max).contains(&value), "{path}");
        }
    }
    for (path, _, _) in RANGES {
        let (section, key) = path.split_once('.').unwrap();
        assert!(config[section].get(key).is_some(), "{path} is the range of no key");
    }
}
