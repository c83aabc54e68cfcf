use model::hook::{Amendment, CallFacts, Failure, Party, Privacy, Reason};

use crate::{
    AnswerLimits,
    proposal::{bad, shown},
};

/// What a plugin wants changed of a call, before the host looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct ProposedAmendment {
    /// A user part or a whole URI.
    pub(crate) callee: Option<String>,
    /// The same.
    pub(crate) caller: Option<String>,
    pub(crate) caller_name: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    /// `id` or `none`.
    pub(crate) privacy: Option<String>,
}

impl ProposedAmendment {
    /// Checks everything that would otherwise reach a message or the next plugin unseen.
    ///
    /// # Errors
    ///
    /// A bad answer that says what is wrong.
    pub(crate) fn check(
        self,
        call: &CallFacts,
        limits: &AnswerLimits,
    ) -> Result<Amendment, Failure> {
        let party = |what: &str, now: &Party, to: Option<String>| match to {
            None => Ok(None),
            Some(to) => rewritten(now, &to, limits)
                .map(Some)
                .map_err(|why| bad(format!("{what} `{}`: {why}", shown(&to)))),
        };
        let callee = party("callee", &call.callee, self.callee)?;
        let mut caller = party("caller", &call.caller, self.caller)?;
        if let Some(name) = self.caller_name {
            check_text(&name, limits)
                .map_err(|why| bad(format!("caller name `{}`: {why}", shown(&name))))?;
            caller.get_or_insert_with(|| call.caller.clone()).display = name;
        }
        let labels = self.labels;
        for (name, value) in &labels {
            let ok = !name.is_empty() && check_text(name, limits).is_ok();
            if !ok || check_text(value, limits).is_err() {
                return Err(bad(format!(
                    "label `{}`: a name and a value are text of at most {} bytes without control characters",
                    shown(name),
                    limits.number_bytes_max
                )));
            }
        }
        let is_new = |(at, (name, _)): &(usize, &(String, String))| {
            call.label(name).is_none() && !labels[..*at].iter().any(|(have, _)| have == name)
        };
        // Counted up to the limit only: a flood must not be compared with itself.
        let most = limits.labels_max;
        if labels.len() > most
            || call.labels.len() + labels.iter().enumerate().filter(is_new).count() > most
        {
            return Err(bad(format!("more than {most} labels on one call (labels_max)")));
        }
        let privacy = match self.privacy {
            None => None,
            Some(name) => Some(Privacy::of(&name).ok_or_else(|| {
                bad(format!("privacy `{}` is neither `id` nor `none`", shown(&name)))
            })?),
        };
        Ok(Amendment { callee, caller, labels, privacy })
    }
}

/// What an amendment changes, for the journal: only what differs is told.
pub(crate) fn told(call: &CallFacts, amendment: &Amendment, limits: &AnswerLimits) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut tell = |code: &str, text: String| {
        let text = crate::proposal::clean(text, limits.text_bytes_max);
        reasons.push(Reason { code: code.into(), text });
    };
    if let Some(callee) = amendment.callee.as_ref().filter(|to| **to != call.callee) {
        tell("callee", format!("{} is now {}", call.callee.uri, callee.uri));
    }
    if let Some(caller) = amendment.caller.as_ref().filter(|to| **to != call.caller) {
        let show = |p: &Party| format!("{:?} <{}>", p.display, p.uri);
        tell("caller", format!("{} is now {}", show(&call.caller), show(caller)));
    }
    if let Some(privacy) = amendment.privacy {
        tell("privacy", privacy.name().to_owned());
    }
    for (name, value) in &amendment.labels {
        tell("label", format!("{name} = {value}"));
    }
    reasons
}

/// A party under the user or URI that a plugin gave.
fn rewritten(now: &Party, to: &str, limits: &AnswerLimits) -> Result<Party, String> {
    if to.is_empty() {
        return Err("is empty; leave it out to change nothing".into());
    }
    let scheme = |name: &str| to.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
    if !(scheme("sip:") || scheme("sips:") || scheme("tel:")) {
        check_text(to, limits)?;
        if to.contains([' ', '<', '>', '"', '@', ':']) {
            return Err("give a number or user name alone, or a whole sip: or tel: URI".into());
        }
        return Ok(now.with_user(to));
    }
    if to.len() > limits.value_bytes_max {
        return Err(format!("longer than {} bytes", limits.value_bytes_max));
    }
    if !to.is_ascii() || to.contains(|c: char| c.is_ascii_control() || " <>\"\\^`{|}".contains(c)) {
        return Err("holds characters that no URI has; escape them as %HH".into());
    }
    let mut party = party_of_uri(to).ok_or("is no URI that can be called")?;
    party.display.clone_from(&now.display);
    Ok(party)
}

pub(crate) fn check_text(text: &str, limits: &AnswerLimits) -> Result<(), String> {
    if text.len() > limits.number_bytes_max {
        return Err(format!("longer than {} bytes", limits.number_bytes_max));
    }
    if text.contains(char::is_control) {
        return Err("holds control characters".into());
    }
    Ok(())
}

/// The parts of `sip:user@host`, `sip:host` or `tel:number`, parameters and port left out of them.
pub fn party_of_uri(uri: &str) -> Option<Party> {
    let (scheme, rest) = uri.split_once(':')?;
    let bare = rest.split([';', '?']).next().unwrap_or_default();
    let (user, host) = match bare.rsplit_once('@') {
        _ if scheme.eq_ignore_ascii_case("tel") => (bare, ""),
        Some((user, host)) => (user, host),
        None => ("", bare),
    };
    // A colon inside brackets belongs to an IPv6 reference, one after them to the port.
    let port = host.rfind(':').filter(|at| *at > host.rfind(']').unwrap_or(0));
    let host = &host[..port.unwrap_or(host.len())];
    let user = user.split_once(':').map_or(user, |(user, _)| user);
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-[]:".contains(c);
    if !host.chars().all(is_host) || (host.is_empty() && !scheme.eq_ignore_ascii_case("tel")) {
        return None;
    }
    let user = unescaped(user)?;
    if host.is_empty() && user.is_empty() {
        return None;
    }
    let host = host.to_ascii_lowercase();
    Some(Party { uri: uri.to_owned(), user, host, display: String::new() })
}

/// A user part without its escapes; `None` when one is broken or hides a control character.
fn unescaped(user: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok().filter(|user| !user.contains(char::is_control))
}

#[cfg(test)]
#[path = "amendment_test.rs"]
mod tests;
