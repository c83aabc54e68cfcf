//! Numbers of emergency services: known to the host, routed by the configuration, shown to no plugin that could stand in
//! their way. `docs/decisions/0007-emergency-numbers.md` says why.

use std::fmt;

use model::{
    Aor,
    hook::{Destination, MediaMode, Party, Plan, Target},
};
use sip::Uri;

use crate::call::party_of_uri;

/// Which numbers are those of emergency services, and where their calls go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emergency {
    numbers: Vec<String>,
    /// What callers are used to dial before a number of the outside world.
    prefixes: Vec<String>,
    route: Vec<Way>,
}

/// One target of the route.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// As it stands.
    To(Destination),
    /// A SIP URI without a user: scheme and the rest, between which the number goes.
    Number(&'static str, String),
    /// A trunk or a group by its name, which is sent the number.
    Trunk(String),
}

/// What is wrong with an emergency route or number: the text, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyError {
    /// The text.
    pub text: String,
    /// What to write instead.
    pub help: &'static str,
}

impl fmt::Display for EmergencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.text.escape_debug(), self.help)
    }
}

impl std::error::Error for EmergencyError {}

impl Emergency {
    /// Numbers without separators, prefixes callers may dial before them, and targets in the order they are tried:
    /// `sip:192.0.2.1` is sent the number, `sip:desk@192.0.2.1` is called as it stands, `user@host` where it is registered, and
    /// `trunk:name` is a trunk or a group that is sent the number.
    ///
    /// # Errors
    ///
    /// The first text that is none of these.
    pub fn new(
        numbers: &[String],
        prefixes: &[String],
        route: &[String],
    ) -> Result<Self, EmergencyError> {
        let error = |text: &str, help| EmergencyError { text: text.to_owned(), help };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(wrong) = numbers.iter().chain(prefixes).find(|text| !is_number(text)) {
            return Err(error(wrong, "write digits and nothing else"));
        }
        let route = route.iter().map(|text| {
            way(text).ok_or_else(|| {
                error(
                    text,
                    "write sip:ADDRESS, sip:USER@ADDRESS, USER@HOST or trunk:NAME; an address is an IP address",
                )
            })
        });
        Ok(Self {
            numbers: numbers.to_vec(),
            prefixes: prefixes.to_vec(),
            route: route.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the configuration says where emergency calls go.
    pub fn has_route(&self) -> bool {
        !self.route.is_empty()
    }

    /// Whether a call to this party goes where the configuration says, and no plugin is asked.
    pub fn takes(&self, callee: &Party) -> bool {
        self.has_route() && self.number(callee).is_some()
    }

    /// Whether this party is an emergency service, whether there is a route to it or not.
    pub fn knows(&self, callee: &Party) -> bool {
        self.number(callee).is_some()
    }

    /// Whether who wants a call to `to`, a number or a URI as [`crate::Action::Make`] takes it, wants an emergency service.
    pub fn is_wanted(&self, to: &str) -> bool {
        let to = to.trim();
        let number = Party { user: to.to_owned(), ..Party::default() };
        self.knows(&number) || (to.contains(':') && self.knows(&party_of_uri(to, "")))
    }

    /// The trunks and groups that the route names.
    pub fn trunks(&self) -> impl Iterator<Item = &str> {
        self.route.iter().filter_map(|way| match way {
            Way::Trunk(name) => Some(name.as_str()),
            Way::To(_) | Way::Number(..) => None,
        })
    }

    /// The emergency number that a callee stands for: as it is, with separators, `+` or one of the prefixes before it, as a
    /// `tel:` URI, or as the service URN `urn:service:sos` (RFC 5031), which stands for the first number.
    pub(crate) fn number(&self, callee: &Party) -> Option<&str> {
        if is_service_urn(&callee.uri) {
            return self.numbers.first().map(String::as_str);
        }
        let dialled = callee.user.split(';').next().unwrap_or_default();
        // Longer than any number of an emergency service with its prefix, separators included.
        const DIALLED_BYTES_MAX: usize = 64;
        if dialled.is_empty() || dialled.len() > DIALLED_BYTES_MAX {
            return None;
        }
        let is_separator = |c: &char| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')');
        let bare: String = dialled.chars().filter(|c| !is_separator(c)).collect();
        let bare = bare.strip_prefix('+').unwrap_or(&bare);
        let named = |text: &str| self.numbers.iter().find(|number| *number == text);
        let after = |prefix: &String| bare.strip_prefix(prefix.as_str()).and_then(named);
        named(bare).or_else(|| self.prefixes.iter().find_map(after)).map(String::as_str)
    }

    /// The plan for an emergency call to `number`; `None` without a route.
    pub(crate) fn plan(&self, number: &str) -> Option<Plan> {
        let targets: Vec<Target> = self
            .route
            .iter()
            .map(|way| match way {
                Way::To(to) => to.clone(),
                Way::Number(scheme, rest) => Destination::Uri(format!("{scheme}{number}@{rest}")),
                Way::Trunk(name) => {
                    Destination::Trunk { name: name.clone(), user: Some(number.to_owned()) }
                }
            })
            .map(Target::new)
            .collect();
        (!targets.is_empty()).then_some(Plan { targets, media: MediaMode::Default })
    }
}

fn is_service_urn(uri: &str) -> bool {
    const SOS: &str = "urn:service:sos";
    let is_sos = uri.get(..SOS.len()).is_some_and(|start| start.eq_ignore_ascii_case(SOS));
    is_sos && matches!(uri.as_bytes().get(SOS.len()), None | Some(b'.'))
}

fn way(text: &str) -> Option<Way> {
    if let Some(name) = text.strip_prefix("trunk:") {
        return (!name.is_empty()).then(|| Way::Trunk(name.to_owned()));
    }
    for scheme in ["sip:", "sips:"] {
        let Some(rest) = text.strip_prefix(scheme) else { continue };
        let uri = Uri::parse(text).ok()?;
        // Nothing is looked up for an emergency: the address is there, or it is not.
        uri.socket_addr()?;
        return Some(match uri.user {
            Some(_) => Way::To(Destination::Uri(text.to_owned())),
            None => Way::Number(scheme, rest.to_owned()),
        });
    }
    let (user, host) =
        text.rsplit_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty())?;
    let is_plain =
        !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>\":;".contains(c));
    is_plain.then(|| Way::To(Destination::Aor(Aor::new(user, host))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn emergency(route: &[&str]) -> Result<Emergency, EmergencyError> {
        Emergency::new(&texts(&["112", "911"]), &texts(&["0", "9"]), &texts(route))
    }

    fn number(uri: &str, user: &str) -> Option<String> {
        let party = Party { uri: uri.into(), user: user.into(), ..Party::default() };
        emergency(&[]).unwrap().number(&party).map(str::to_owned)
    }

    #[test]
    fn every_usual_form_of_a_number_is_known() {
        for user in ["112", "1-1-2", "(112)", "+112", "0112", "9 112", "112;phone-context=+43"] {
            assert_eq!(number("sip:x@y", user).as_deref(), Some("112"), "{user}");
        }
        assert_eq!(number("sip:9911@y", "9911").as_deref(), Some("911"));
        assert_eq!(number("urn:service:sos", "").as_deref(), Some("112"));
        assert_eq!(number("URN:service:SOS.fire", "").as_deref(), Some("112"));
    }

    #[test]
    fn longer_and_other_numbers_are_none() {
        for user in ["", "1120", "2112", "11", "112a", "alice", "00112"] {
            assert_eq!(number("sip:x@y", user), None, "{user}");
        }
        assert_eq!(number("urn:service:sosaria", ""), None);
        assert_eq!(number("urn:service:counseling", ""), None);
        assert_eq!(number("sip:x@y", &"1".repeat(70)), None);
    }

    #[test]
    fn who_wants_help_by_a_uri_wants_it_as_well() {
        let emergency = emergency(&[]).unwrap();
        for to in [
            "112",
            " 0112 ",
            "sip:112@192.0.2.1",
            "SIPS:9%31%312@example.com;user=phone",
            "tel:112",
            "tel:+112;phone-context=+43",
            "urn:service:sos.police",
        ] {
            assert!(emergency.is_wanted(to), "{to}");
        }
        for to in [
            "",
            "2001",
            "sip:alice@112",
            "sip:2001@example.com",
            "tel:1120",
            "112@example.com",
            ":",
        ] {
            assert!(!emergency.is_wanted(to), "{to}");
        }
    }

    #[test]
    fn the_route_is_sent_the_number() {
        let emergency = emergency(&[
            "sip:192.0.2.1:5070;lr",
            "sip:desk@192.0.2.2",
            "199@home.test",
            "trunk:out",
        ])
        .unwrap();
        let plan = emergency.plan("112").unwrap();
        let to: Vec<_> = plan.targets.into_iter().map(|target| target.to).collect();
        assert_eq!(
            to,
            [
                Destination::Uri("sip:112@192.0.2.1:5070;lr".into()),
                Destination::Uri("sip:desk@192.0.2.2".into()),
                Destination::Aor(Aor::new("199", "home.test")),
                Destination::Trunk { name: "out".into(), user: Some("112".into()) },
            ]
        );
        assert_eq!(Emergency::default().plan("112"), None);
    }

    #[test]
    fn what_cannot_be_called_is_refused_by_name() {
        for wrong in
            ["", "sip:", "sip:psap.example.com", "112", "@host", "a b@host", "tel:112", "trunk:"]
        {
            let error = emergency(&[wrong]).unwrap_err();
            assert_eq!(error.text, wrong);
        }
        Emergency::new(&texts(&["11 2"]), &[], &[]).unwrap_err();
        Emergency::new(&texts(&["112"]), &texts(&["+"]), &[]).unwrap_err();
    }
}
