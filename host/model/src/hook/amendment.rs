//! What the plugins of `dial-plan` change of a call.

use std::sync::Arc;

use super::{CallFacts, Decision, Party};

/// Changes to the facts of a call, each checked by the host.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Amendment {
    /// Who is called instead.
    pub callee: Option<Party>,
    /// Who calls, as the called party shall see it.
    pub caller: Option<Party>,
    /// Labels to set; one that is there gets the new value.
    pub labels: Vec<(String, String)>,
    /// Whether the caller is to be known, whatever it asked for itself.
    pub privacy: Option<Privacy>,
}

/// Whether a caller is to be known (RFC 3323 section 4.2, RFC 3325 section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// By everybody.
    None,
    /// Only by those whom the switch trusts with it.
    Id,
}

impl Privacy {
    /// As it stands in a Privacy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Id => "id",
        }
    }

    /// The one of that name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::None, Self::Id].into_iter().find(|privacy| privacy.name() == name)
    }
}

/// The parties of a call as its INVITE named them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// From.
    pub caller: Party,
    /// The Request-URI.
    pub callee: Party,
}

/// What the chain of `dial-plan` made of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amended {
    /// The facts from now on; the same as before when every plugin passed.
    pub facts: Arc<CallFacts>,
    /// The journal entry.
    pub decision: Decision,
}

impl CallFacts {
    /// The called party as the INVITE named it.
    pub fn dialled_callee(&self) -> &Party {
        self.dialled.as_ref().map_or(&self.callee, |dialled| &dialled.callee)
    }

    /// The caller as the INVITE named it.
    pub fn dialled_caller(&self) -> &Party {
        self.dialled.as_ref().map_or(&self.caller, |dialled| &dialled.caller)
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Makes the changes; what the INVITE said is kept in `dialled`.
    pub fn amend(&mut self, amendment: Amendment) {
        let Amendment { callee, caller, labels, privacy } = amendment;
        self.privacy = privacy.or(self.privacy);
        if callee.is_some() || caller.is_some() {
            self.dialled.get_or_insert_with(|| {
                Box::new(Dialled { caller: self.caller.clone(), callee: self.callee.clone() })
            });
        }
        if let Some(callee) = callee {
            self.callee = callee;
        }
        if let Some(caller) = caller {
            self.caller = caller;
        }
        for (name, value) in labels {
            match self.labels.iter_mut().find(|(have, _)| *have == name) {
                Some((_, have)) => *have = value,
                None => self.labels.push((name, value)),
            }
        }
    }
}

impl Party {
    /// The same party under another user: the host, port and parameters of its URI stay, and a `tel:` URI stays one. What may
    /// not stand in a user part as it is gets escaped (RFC 3261 section 19.1.2).
    #[must_use]
    pub fn with_user(&self, user: &str) -> Self {
        let escaped = escaped(user);
        let (scheme, rest) = self.uri.split_once(':').unwrap_or(("sip", ""));
        let uri = if scheme.eq_ignore_ascii_case("tel") {
            let params = rest.find(';').map_or("", |at| &rest[at..]);
            format!("tel:{escaped}{params}")
        } else {
            // The user part ends at the first `@`: an escaped one is no `@`, and hosts have none.
            let host = rest.split_once('@').map_or(rest, |(_, host)| host);
            let host = if host.is_empty() { &self.host } else { host };
            format!("{scheme}:{escaped}@{host}")
        };
        Self { uri, user: user.to_owned(), host: self.host.clone(), display: self.display.clone() }
    }
}

fn escaped(user: &str) -> String {
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(uri: &str, host: &str) -> Party {
        Party { uri: uri.into(), user: "x".into(), host: host.into(), display: "Ada".into() }
    }

    #[test]
    fn a_new_user_keeps_the_rest_of_the_uri() {
        let uri = |party: &Party, user: &str| party.with_user(user).uri;
        let sip = party("sip:0664@example.com:5070;lr", "example.com");
        assert_eq!(uri(&sip, "+43664"), "sip:+43664@example.com:5070;lr");
        assert_eq!(sip.with_user("+43664").user, "+43664");
        assert_eq!(sip.with_user("+43664").display, "Ada");
        assert_eq!(uri(&party("sips:example.com", "example.com"), "1"), "sips:1@example.com");
        assert_eq!(uri(&party("tel:0664;phone-context=+43", ""), "1"), "tel:1;phone-context=+43");
    }

    #[test]
    fn what_a_user_part_cannot_hold_is_escaped() {
        let sip = party("sip:a@example.com", "example.com");
        assert_eq!(sip.with_user("*21#").uri, "sip:*21%23@example.com");
        assert_eq!(sip.with_user("a@b\r\n").uri, "sip:a%40b%0D%0A@example.com");
    }
}
