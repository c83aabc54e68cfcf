//! The host as a unit test plays it: header fields, configuration and log of one thread.
//!
//! ```
//! use jackfield_guest::{Answer, Call, Plugin, testing};
//!
//! #[derive(Default)]
//! struct Spam;
//!
//! impl Plugin for Spam {
//!     fn route(&self, call: &Call) -> Answer {
//!         match call.header("Subject").as_deref() {
//!             Some("spam") => Answer::refuse(603).because("spam", "its subject says so"),
//!             Some(_) | None => Answer::pass(),
//!         }
//!     }
//! }
//!
//! testing::reset();
//! testing::add_header("Subject", "spam");
//! let spam: Spam = testing::plugin().unwrap();
//! let answer = spam.route(&testing::call("sip:2000@example.com"));
//! assert_eq!(answer, Answer::refuse(603).because("spam", "its subject says so"));
//! ```

use std::{cell::RefCell, collections::BTreeMap};

use crate::{Call, Config, Level, LocalTime, Party, Plugin};

#[derive(Default)]
struct World {
    headers: Vec<(String, String)>,
    config: Vec<(String, String)>,
    facts: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    kept: BTreeMap<String, String>,
    log: Vec<(Level, String)>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Forgets header fields, facts, labels, configuration, what is kept, and log.
pub fn reset() {
    WORLD.with(|world| world.take());
}

/// Adds a header field to the INVITE.
pub fn add_header(name: &str, value: &str) {
    WORLD.with_borrow_mut(|world| world.headers.push((name.to_owned(), value.to_owned())));
}

/// Sets a fact that goes by name, such as `identity` or `dialled-user`.
pub fn set_fact(name: &str, value: &str) {
    WORLD.with_borrow_mut(|world| world.facts.push((name.to_owned(), value.to_owned())));
}

/// Sets a label, as a plugin of `dial-plan` would.
pub fn set_label(name: &str, value: &str) {
    WORLD.with_borrow_mut(|world| world.labels.push((name.to_owned(), value.to_owned())));
}

/// Has the plugin keep a value, as a question before would.
pub fn keep(key: &str, value: &str) {
    WORLD.with_borrow_mut(|world| world.kept.insert(key.to_owned(), value.to_owned()));
}

/// Everything that the plugin keeps.
pub fn everything_kept() -> BTreeMap<String, String> {
    WORLD.with_borrow(|world| world.kept.clone())
}

/// What the host does for `crate::state`, without its limits.
pub(crate) mod kept {
    use super::{WORLD, everything_kept, keep};

    pub(crate) fn get(key: &str) -> Result<Option<String>, String> {
        Ok(WORLD.with_borrow(|world| world.kept.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &str) -> Result<(), String> {
        keep(key, value);
        Ok(())
    }

    pub(crate) fn delete(key: &str) -> Result<bool, String> {
        Ok(WORLD.with_borrow_mut(|world| world.kept.remove(key).is_some()))
    }

    pub(crate) fn increment(key: &str, by: i64) -> Result<i64, String> {
        let now = get(key)?.unwrap_or_else(|| "0".to_owned());
        let now = now.parse::<i64>().map_err(|_| "the value is no whole number".to_owned())?;
        let now = now.saturating_add(by);
        keep(key, &now.to_string());
        Ok(now)
    }

    pub(crate) fn list(prefix: &str, most: u32) -> Result<Vec<(String, String)>, String> {
        let found = everything_kept().into_iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(found.take(most.try_into().unwrap_or(usize::MAX)).collect())
    }
}

/// Sets a value of the configuration: a text as it is, a table or list as JSON.
pub fn set_config(key: &str, value: &str) {
    WORLD.with_borrow_mut(|world| {
        world.config.retain(|(have, _)| have != key);
        world.config.push((key.to_owned(), value.to_owned()));
    });
}

/// The lines logged since the last [`reset`].
pub fn logged() -> Vec<(Level, String)> {
    WORLD.with_borrow(|world| world.log.clone())
}

/// A plugin configured as the host would.
///
/// # Errors
///
/// What the plugin's `configure` gives.
pub fn plugin<P: Plugin>() -> Result<P, String> {
    let mut plugin = P::default();
    plugin.configure(&Config)?;
    Ok(plugin)
}

/// A call from `sip:1000@example.com` to this URI, at noon UTC on Thursday 1 January 2026.
pub fn call(callee: &str) -> Call {
    Call {
        conn_id: "0000000000000001".to_owned(),
        call_id: "1@192.0.2.10".to_owned(),
        tenant: "default".to_owned(),
        ingress: "lan".to_owned(),
        source: "192.0.2.10:5060".to_owned(),
        caller: party("sip:1000@example.com"),
        callee: party(callee),
        at_ms: 1_767_268_800_000,
        local: LocalTime {
            year: 2026,
            month: 1,
            day: 1,
            weekday: 4,
            hour: 12,
            minute: 0,
            second: 0,
            utc_offset_min: 0,
        },
    }
}

/// A party with this URI: `sip:user@host`, `sip:host` or `tel:number`.
pub fn party(uri: &str) -> Party {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
    let rest = rest.split([';', '?']).next().unwrap_or_default();
    let (user, host) = match rest.split_once('@') {
        _ if scheme == "tel" => (rest, ""),
        Some((user, host)) => (user, host),
        None => ("", rest),
    };
    // A colon inside brackets belongs to an IPv6 reference, one after them to the port.
    let port = host.rfind(':').filter(|at| *at > host.rfind(']').unwrap_or(0));
    Party {
        uri: uri.to_owned(),
        user: user.to_owned(),
        host: host[..port.unwrap_or(host.len())].to_ascii_lowercase(),
        display: String::new(),
    }
}

/// Notes a line in the log.
pub fn log(level: Level, message: &str) {
    WORLD.with_borrow_mut(|world| world.log.push((level, message.to_owned())));
}

pub(crate) fn headers(name: &str) -> Vec<String> {
    WORLD.with_borrow(|world| {
        let named = world.headers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.clone()).collect()
    })
}

pub(crate) fn fact(name: &str) -> Option<String> {
    WORLD.with_borrow(|world| {
        world.facts.iter().rev().find(|(have, _)| have == name).map(|(_, value)| value.clone())
    })
}

pub(crate) fn labels() -> Vec<(String, String)> {
    WORLD.with_borrow(|world| world.labels.clone())
}

pub(crate) fn config(key: &str) -> Option<String> {
    WORLD.with_borrow(|world| {
        world.config.iter().find(|(have, _)| have == key).map(|(_, value)| value.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_read_from_its_uri() {
        let read = |uri| {
            let party = party(uri);
            (party.user, party.host)
        };
        assert_eq!(read("sip:2000@Example.com:5070;lr"), ("2000".into(), "example.com".into()));
        assert_eq!(read("sip:2000@[2001:db8::1]:5070"), ("2000".into(), "[2001:db8::1]".into()));
        assert_eq!(read("sip:2000@[2001:db8::1]"), ("2000".into(), "[2001:db8::1]".into()));
        assert_eq!(read("sip:example.com"), (String::new(), "example.com".into()));
        assert_eq!(read("tel:+4930;x=y"), ("+4930".into(), String::new()));
    }

    #[test]
    fn header_fields_are_found_in_any_case_and_in_order() {
        reset();
        add_header("X-Tag", "one");
        add_header("x-tag", "two");
        let call = call("sip:2000@example.com");
        assert_eq!(call.headers("X-TAG"), ["one", "two"]);
        assert_eq!(call.header("x-tag").as_deref(), Some("one"));
        assert_eq!(call.header("Subject"), None);
    }
}
