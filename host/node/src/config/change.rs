//! What is different between two configurations, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, live::is_live};

/// What stands for a value that is nobody's business.
const HIDDEN: &str = "(hidden)";
/// Keys whose values are not shown.
const SECRETS: &[&str] = &["password", "ha1_md5", "ha1_sha256", "token", "secret"];
/// The settings of plugins may hold anything, such as the key of a service.
const SECRET_SECTION: &str = "plugins.config.";
/// The keys that tell the blocks of an array apart.
const NAMES: &[&str] = &["name", "user", "number"];

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key with its section; a block of an array is named by its `name`, `user` or `number`: `subscriber.1000.password`,
    /// `dn.2000-2199.type`.
    pub key: String,
    /// What it was, as TOML; `None` when it was absent. Secrets are hidden.
    pub from: Option<String>,
    /// What it is to be, the same way.
    pub to: Option<String>,
    /// Whether it is taken without a restart.
    pub live: bool,
}

/// A value of the configuration.
struct Leaf {
    /// As TOML, secrets included.
    text: String,
    shown: String,
    live: bool,
}

/// Every key in which `new` differs from what is in force: from `current` for what is taken live, from `started` for what takes a
/// restart.
pub fn changes(started: &Config, current: &Config, new: &Config) -> Vec<Change> {
    let [started, current, new] = [started, current, new].map(leaves);
    let keys: BTreeSet<&String> = started.keys().chain(current.keys()).chain(new.keys()).collect();
    let change = |key: &String| {
        let live = [&new, &current, &started].iter().find_map(|l| l.get(key))?.live;
        let from = if live { current.get(key) } else { started.get(key) };
        let to = new.get(key);
        let differs = from.map(|leaf| &leaf.text) != to.map(|leaf| &leaf.text);
        let shown = |leaf: Option<&Leaf>| leaf.map(|leaf| leaf.shown.clone());
        differs.then(|| Change { key: key.clone(), from: shown(from), to: shown(to), live })
    };
    keys.into_iter().filter_map(change).collect()
}

fn leaves(config: &Config) -> BTreeMap<String, Leaf> {
    let mut leaves = BTreeMap::new();
    // A configuration was read from TOML, so it has a form as TOML.
    if let Ok(table) = toml::Table::try_from(config) {
        walk(&toml::Value::Table(table), "", "", &mut leaves);
    }
    leaves
}

/// Goes down to every value; `key` is how it is called, `path` how its documentation calls it.
fn walk(value: &toml::Value, key: &str, path: &str, leaves: &mut BTreeMap<String, Leaf>) {
    let below = |of: &str, step: &str| match of {
        "" => step.to_owned(),
        of => format!("{of}.{step}"),
    };
    match value {
        toml::Value::Table(table) => {
            for (step, value) in table {
                walk(value, &below(key, step), &below(path, step), leaves);
            }
        }
        toml::Value::Array(blocks)
            if !blocks.is_empty() && blocks.iter().all(toml::Value::is_table) =>
        {
            let mut seen = BTreeMap::new();
            for block in blocks {
                let name = NAMES.iter().find_map(|name| text(block.get(name)?)).unwrap_or_default();
                let count =
                    seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1_u32);
                let name = match count {
                    1 => name,
                    count => format!("{name}#{count}"),
                };
                walk(block, &below(key, &name), path, leaves);
            }
        }
        value => {
            let text = value.to_string();
            let last = path.rsplit('.').next().unwrap_or_default();
            let is_secret = SECRETS.contains(&last) || path.starts_with(SECRET_SECTION);
            let shown = if is_secret { HIDDEN.to_owned() } else { text.clone() };
            leaves.insert(key.to_owned(), Leaf { text, shown, live: is_live(path) });
        }
    }
}

/// A text, or several as one.
fn text(value: &toml::Value) -> Option<String> {
    let Some(all) = value.as_array() else { return value.as_str().map(str::to_owned) };
    let all: Option<Vec<&str>> = all.iter().map(toml::Value::as_str).collect();
    all.map(|all| all.join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    fn told(started: &str, current: &str, new: &str) -> Vec<String> {
        changes(&config(started), &config(current), &config(new))
            .into_iter()
            .map(|Change { key, from, to, live }| {
                let shown = |value: Option<String>| value.unwrap_or_else(|| "absent".to_owned());
                let how = if live { "live" } else { "restart" };
                format!("{how} {key}: {} to {}", shown(from), shown(to))
            })
            .collect()
    }

    #[test]
    fn a_key_is_told_with_what_it_was_and_is() {
        assert_eq!(told("", "", ""), [""; 0]);
        assert_eq!(
            told("", "", "[sip]\nring_timeout_s = 30\nt1_ms = 400\n[node]\nzone = \"UTC\""),
            [
                "live node.zone: absent to \"UTC\"",
                "live sip.ring_timeout_s: 120 to 30",
                "restart sip.t1_ms: 500 to 400",
            ]
        );
    }

    #[test]
    fn blocks_go_by_their_names_and_secrets_are_hidden() {
        let before = "[[subscriber]]\nuser=\"1\"\npassword=\"a\"\n[[subscriber]]\nuser=\"2\"\nhost=\"x\"\n[[subscriber]]\nuser=\"2\"\nhost=\"y\"";
        let after = "[[subscriber]]\nuser=\"2\"\nhost=\"x\"\n[[subscriber]]\nuser=\"2\"\nhost=\"z\"\n[[subscriber]]\nuser=\"1\"\npassword=\"b\"\n[[subscriber]]\nuser=\"3\"";
        assert_eq!(
            told(before, before, after),
            [
                "live subscriber.1.password: (hidden) to (hidden)",
                "live subscriber.2#2.host: \"y\" to \"z\"",
                "live subscriber.3.user: absent to \"3\"",
            ]
        );
        let settings =
            "[plugins.config.office]\nkey = \"abc\"\n[http]\ntoken = \"0123456789abcdef\"";
        assert_eq!(
            told("", "", settings),
            [
                "restart http.token: absent to (hidden)",
                "live plugins.config.office.key: absent to (hidden)",
            ]
        );
    }

    #[test]
    fn a_block_of_several_numbers_goes_by_all_of_them() {
        let before = "[[dn]]\nnumber = [\"2000-2009\", \"2100\"]\n[[dn]]\nnumber = \"8000\"";
        let after =
            "[[dn]]\nnumber = [\"2000-2009\", \"2100\"]\noptions = { wrap-up-time = \"3\" }";
        assert_eq!(
            told(before, before, after),
            [
                "live dn.2000-2009,2100.options.wrap-up-time: absent to \"3\"",
                "live dn.8000.contact: \"*\" to absent",
                "live dn.8000.number: \"8000\" to absent",
                "live dn.8000.type: \"extension\" to absent",
            ]
        );
    }

    #[test]
    fn what_still_waits_for_a_restart_is_told_again_and_what_is_taken_is_not() {
        let started = "";
        let current = "[sip]\nring_timeout_s = 30\nt1_ms = 400";
        assert_eq!(told(started, current, current), ["restart sip.t1_ms: 500 to 400"]);
        assert_eq!(told(started, current, ""), ["live sip.ring_timeout_s: 30 to 120"]);
    }
}
