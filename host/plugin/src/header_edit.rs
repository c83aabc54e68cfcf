//! Edits of the hook `header-policy`, as plugins give them.

use model::hook::{End, Failure, FieldOwner, HeaderChange, HeaderEdit, long_form, owner_of};

use crate::{
    AnswerLimits,
    proposal::{bad, shown},
};

/// An edit before the host looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProposedEdit {
    pub(crate) toward: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Checks everything that would otherwise reach a message.
///
/// # Errors
///
/// A bad answer that says which edit is wrong, and why.
pub(crate) fn check(
    edits: Vec<ProposedEdit>,
    limits: &AnswerLimits,
) -> Result<Vec<HeaderEdit>, Failure> {
    let (have, most) = (edits.len(), limits.header_edits_max);
    if have > most {
        return Err(bad(format!("{have} edits; at most {most} are made (header_edits_max)")));
    }
    let edits = edits.into_iter().enumerate();
    edits
        .map(|(n, edit)| {
            let (kind, name) = (shown(&edit.kind), shown(&edit.name));
            edit.check(limits)
                .map_err(|why| bad(format!("edit {} ({kind} `{name}`): {why}", n + 1)))
        })
        .collect()
}

impl ProposedEdit {
    fn check(self, limits: &AnswerLimits) -> Result<HeaderEdit, String> {
        let toward = End::named(&self.toward).ok_or_else(|| {
            format!("goes toward `{}`, not callee or caller", shown(&self.toward))
        })?;
        let is_removal = self.kind == "remove";
        check_name(&self.name, is_removal, limits)?;
        let change = match self.kind.as_str() {
            "remove" => HeaderChange::Remove,
            "keep" => HeaderChange::Keep,
            "set" => HeaderChange::Set(value(self.value, limits)?),
            "add" => HeaderChange::Add(value(self.value, limits)?),
            _ => return Err("is none of remove, keep, set and add".to_owned()),
        };
        Ok(HeaderEdit { toward, name: self.name, change })
    }
}

/// A name in the long form, of a field that is not the switch's; of a removal maybe the beginning of one.
fn check_name(name: &str, is_removal: bool, limits: &AnswerLimits) -> Result<(), String> {
    let start = name.strip_suffix('*').filter(|_| is_removal);
    if name.len() > limits.header_name_bytes_max {
        let most = limits.header_name_bytes_max;
        return Err(format!("the name is longer than {most} bytes (header_name_bytes_max)"));
    }
    // A token of RFC 3261 section 25.1, of which `*` would say something else here.
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!%_+`'~".contains(c);
    let bare = start.unwrap_or(name);
    if !bare.chars().all(is_token) || bare.is_empty() && start.is_none() {
        return Err("no name of a header field; write letters, digits and -".to_owned());
    }
    if start.is_some() {
        return Ok(());
    }
    let long = long_form(name);
    if long != name {
        return Err(format!("this is the short form of {long}; write that"));
    }
    match owner_of(name) {
        FieldOwner::Switch(why) => Err(format!("it belongs to the switch: {why}")),
        FieldOwner::Author(why) if !is_removal => {
            Err(format!("it can be removed, but not written: {why}"))
        }
        FieldOwner::Author(_) | FieldOwner::Anybody => Ok(()),
    }
}

fn value(value: String, limits: &AnswerLimits) -> Result<String, String> {
    let most = limits.header_value_bytes_max;
    if value.len() > most {
        return Err(format!("the value is longer than {most} bytes (header_value_bytes_max)"));
    }
    if value.contains(char::is_control) {
        return Err("the value has control characters in it, which are not allowed".to_owned());
    }
    if value.trim().is_empty() {
        return Err("the value is empty; remove the field instead".to_owned());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn edit(toward: &str, kind: &str, name: &str, value: &str) -> ProposedEdit {
        let [toward, kind, name, value] = [toward, kind, name, value].map(str::to_owned);
        ProposedEdit { toward, kind, name, value }
    }

    fn said(kind: &str, name: &str, value: &str) -> String {
        let checked = check(vec![edit("callee", kind, name, value)], &AnswerLimits::default());
        checked.map_or_else(|failure| failure.detail, |edits| edits[0].to_string())
    }

    #[test]
    fn what_can_be_edited() {
        assert_eq!(said("remove", "X-*", ""), "callee remove X-*");
        assert_eq!(said("remove", "*", ""), "callee remove *");
        assert_eq!(said("remove", "Identity", ""), "callee remove Identity");
        assert_eq!(said("set", "User-Agent", "SBC"), "callee set User-Agent: SBC");
        assert_eq!(said("add", "X-Tag", "\u{e9}"), "callee add X-Tag: \u{e9}");
        assert_eq!(said("keep", "Server", ""), "callee keep Server");
    }

    #[test]
    fn every_field_of_the_switch_is_refused_in_any_case() {
        for (name, owner) in model::hook::owned_fields() {
            for name in [name.to_owned(), name.to_ascii_lowercase()] {
                for kind in ["set", "add", "keep", "remove"] {
                    let may = kind == "remove" && matches!(owner, FieldOwner::Author(_));
                    let checked =
                        check(vec![edit("caller", kind, &name, "x")], &AnswerLimits::default());
                    assert_eq!(checked.is_ok(), may, "{kind} {name}");
                }
            }
        }
    }

    #[test]
    fn what_would_break_a_message_is_refused() {
        for (kind, name, value, why) in [
            ("set", "X-A", "1\r\nX-B: 2", "control characters"),
            ("add", "X-A", "\u{7f}", "control characters"),
            ("set", "X-A", " ", "empty"),
            ("set", "X-A: 1\r\nX-B", "2", "no name"),
            ("set", "", "2", "no name"),
            ("set", "X-*", "2", "no name"),
            ("keep", "*", "", "no name"),
            ("remove", "X-*-Y", "", "no name"),
            ("set", "f", "<sip:x@y>", "short form of From"),
            ("replace", "X-A", "1", "none of remove"),
        ] {
            let said = said(kind, name, value);
            assert!(said.contains(why), "{kind} {name}: {said}");
        }
        let limits = AnswerLimits::default();
        let many = vec![edit("callee", "keep", "X-A", ""); limits.header_edits_max + 1];
        assert!(check(many, &limits).unwrap_err().detail.contains("header_edits_max"));
        let long = "x".repeat(limits.header_value_bytes_max + 1);
        assert!(said("set", "X-A", &long).contains("header_value_bytes_max"));
        assert!(said("remove", &long, "").contains("header_name_bytes_max"));
        let nowhere = check(vec![edit("both", "keep", "X-A", "")], &limits);
        assert!(nowhere.unwrap_err().detail.contains("not callee or caller"));
    }
}
