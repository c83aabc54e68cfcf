//! What plugins say of T-Library clients and of the DNs that they own and watch.

use model::hook::{CHANGEABLE, Failure, FanOut};

use crate::{
    AnswerLimits,
    proposal::{bad, shown},
};

/// What a subscriber gets, before the host looked at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProposedFanOut {
    pub(crate) events: Vec<String>,
    pub(crate) without: Vec<String>,
    pub(crate) call_types: Vec<String>,
    pub(crate) group: Option<String>,
}

impl ProposedFanOut {
    /// Checks everything that the host would otherwise carry out for each event. Whether T-Library knows a name is not looked at here.
    ///
    /// # Errors
    ///
    /// A bad answer that says what is wrong.
    pub(crate) fn check(self, limits: &AnswerLimits) -> Result<FanOut, Failure> {
        let Self { events, without, call_types, group } = self;
        for (list, names) in
            [("events", &events), ("without", &without), ("call_types", &call_types)]
        {
            check_names(names, list != "call_types", limits)
                .map_err(|why| bad(format!("{list}: {why}")))?;
        }
        group
            .as_deref()
            .map_or(Ok(()), |name| check_group(name, limits))
            .map_err(|why| bad(format!("group: {why}")))?;
        Ok(FanOut { events, without, call_types, group })
    }
}

fn check_names(names: &[String], are_events: bool, limits: &AnswerLimits) -> Result<(), String> {
    let (have, most) = (names.len(), limits.event_names_max);
    if have > most {
        return Err(format!("{have} names; at most {most} are taken (event_names_max)"));
    }
    names.iter().try_for_each(|name| {
        let most = limits.event_name_bytes_max;
        let text = shown(name);
        if name.len() > most {
            return Err(format!("`{text}` is longer than {most} bytes (event_name_bytes_max)"));
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("`{text}` is no name; a name has letters and digits only"));
        }
        if are_events && !name.starts_with("Event") {
            return Err(format!("`{text}` is no event; write EventRinging"));
        }
        Ok(())
    })
}

fn check_group(name: &str, limits: &AnswerLimits) -> Result<(), String> {
    let most = limits.group_bytes_max;
    if name.len() > most {
        return Err(format!("the name is longer than {most} bytes (group_bytes_max)"));
    }
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(format!("`{}` is no name; it has printable characters only", shown(name)));
    }
    Ok(())
}

/// Checks attributes that a plugin of `authorise-request` writes.
///
/// # Errors
///
/// A bad answer that says which one is wrong, and why.
pub(crate) fn check_changes(
    changes: &[(String, String)],
    limits: &AnswerLimits,
) -> Result<(), Failure> {
    let (have, most) = (changes.len(), limits.request_changes_max);
    if have > most {
        let why = format!("{have} changes; at most {most} are made (request_changes_max)");
        return Err(bad(why));
    }
    changes.iter().try_for_each(|(name, value)| {
        check_change(name, value, limits)
            .map_err(|why| bad(format!("change of `{}`: {why}", shown(name))))
    })
}

fn check_change(name: &str, value: &str, limits: &AnswerLimits) -> Result<(), String> {
    let most = limits.request_value_bytes_max;
    if !CHANGEABLE.contains(&name) {
        return Err(format!("it cannot be changed; these can: {}", CHANGEABLE.join(", ")));
    }
    if value.len() > most {
        return Err(format!("the value is longer than {most} bytes (request_value_bytes_max)"));
    }
    if value.contains(char::is_control) {
        return Err("the value has control characters in it, which are not allowed".to_owned());
    }
    if value.is_empty() {
        return Err(
            "the value is empty; an attribute can be changed, but not taken away".to_owned()
        );
    }
    Ok(())
}

#[cfg(test)]
#[path = "client_test.rs"]
mod tests;
