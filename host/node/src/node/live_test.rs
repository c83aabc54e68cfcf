#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::config::{LIVE, is_live};

fn config(key: &str, value: &str) -> Config {
    let text = match key.rsplit_once('.') {
        Some((section, key)) => format!("[{section}]\n{key} = {value}\n"),
        None => value.to_owned(),
    };
    toml::from_str(&text).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// Another value of a key than its default, as TOML.
fn another(key: &str, default: Option<&toml::Value>) -> String {
    match (key, default) {
        ("node.zone", _) => "\"UTC\"".to_owned(),
        ("events.watchers", _) => "\"everyone\"".to_owned(),
        ("media.mode", _) => "\"bypass\"".to_owned(),
        ("http.bind", _) => "\"127.0.0.1:9\"".to_owned(),
        ("media.bind", _) => "\"127.0.0.9\"".to_owned(),
        ("transfers.by", _) => "\"nobody\"".to_owned(),
        ("sip.diversion", _) => "\"off\"".to_owned(),
        ("transfers.take_over", _) => "\"anybody\"".to_owned(),
        ("session.timer", _) => "\"ask\"".to_owned(),
        ("auth.mode", _) => "\"digest\"".to_owned(),
        ("auth.algorithms", _) => "[\"MD5\"]".to_owned(),
        ("registrar.service_route", _) => "[\"sip:a;lr\"]".to_owned(),
        ("registrar.keepalive", _) => "\"crlf\"".to_owned(),
        ("records.format", _) => "\"csv\"".to_owned(),
        ("log.format", _) => "\"json\"".to_owned(),
        ("tlib.log_filter", _) => "{ Card = \"hide\" }".to_owned(),
        ("plugins.grants", _) => "{ office = [\"log\"] }".to_owned(),
        ("plugins.config", _) => "{ office = { a = 1 } }".to_owned(),
        ("emergency.route", _) => "[\"sip:192.0.2.1\"]".to_owned(),
        ("emergency.numbers" | "emergency.prefixes", _) => "[\"1\"]".to_owned(),
        ("sip.trusted", _) => "[\"192.0.2.0/24\"]".to_owned(),
        (_, Some(toml::Value::Integer(number))) => (number + 1).to_string(),
        (_, Some(toml::Value::Boolean(flag))) => (!flag).to_string(),
        (_, Some(toml::Value::String(_)) | None) => "\"other\"".to_owned(),
        (_, Some(toml::Value::Array(list))) if list.is_empty() => "[\"other\"]".to_owned(),
        (_, Some(value)) => panic!("{key} = {value}: say what else it could be"),
    }
}

/// As the switch takes it: what it leaves as it is does not count.
fn taken(config: &Config) -> Live {
    let mut live = Live::of(config, &[]);
    live.settings.limits.transactions_max = 0;
    live.settings.limits.transaction_bytes_max = 0;
    live.settings.limits.streams_max = 0;
    live.settings.registrar.store = None;
    live
}

#[test]
fn what_is_said_to_be_live_is_taken_and_nothing_else() {
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let mut base = Config::default();
    base.auth.mode = crate::config::AuthMode::Digest;
    let mut seen = 0;
    for (section, table) in &defaults {
        let Some(table) = table.as_table() else { continue };
        // Keys without a default are not in the table.
        let absent = LIVE.iter().filter_map(|key| key.split_once('.'));
        let absent = absent.filter(|(name, key)| name == section && !table.contains_key(*key));
        let keys = table.keys().map(String::as_str).chain(absent.map(|(_, key)| key));
        for key in keys {
            let path = format!("{section}.{key}");
            if ["sip.listen", "tlib.listen", "dns.servers"].contains(&path.as_str()) {
                continue;
            }
            let mut changed = config(&path, &another(&path, table.get(key)));
            if path != "auth.mode" {
                changed.auth.mode = base.auth.mode;
            }
            let before = if path == "auth.mode" { Config::default() } else { base.clone() };
            let differs = taken(&changed) != taken(&before);
            assert_eq!(differs, is_live(&path), "{path}");
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");
    let with = config("dn", "[[dn]]\nnumber = \"2001\"\n");
    assert!(taken(&with) != taken(&Config::default()) && is_live("dn.options"));
    let with = config("subscriber", "[[subscriber]]\nuser = \"1\"\n");
    assert!(taken(&with) != taken(&Config::default()) && is_live("subscriber.user"));
}
