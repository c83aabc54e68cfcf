use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use model::hook::{
    Access, Amendment, Command, FanOut, HeaderEdit, MediaMode, Plan, Target, Verdict,
};
use serde::{Deserialize, Serialize};

/// What a plugin said, in a form that is equal where the switch would do the same. Credentials are left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Canonical {
    /// The next plugin decides.
    Pass,
    /// The remaining targets are tried.
    Proceed,
    /// Refused.
    Refuse {
        /// With this status.
        status: u16,
    },
    /// Targets.
    Plan {
        /// In order.
        targets: Vec<CanonicalTarget>,
        /// `default`, `anchor`, `bypass` or `proxy`.
        media: String,
    },
    /// Facts of the call are changed and the next plugin is asked.
    Amend {
        /// The URI that is called instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        callee: Option<String>,
        /// The URI that the called party sees.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
        /// The name that it sees.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller_name: Option<String>,
        /// `id` or `none`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        privacy: Option<String>,
        /// Labels that are set, by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    },
    /// Header fields of an INVITE are changed, and the next plugin is asked.
    Edit {
        /// As the journal shows them, in order.
        edits: Vec<String>,
    },
    /// Let in.
    Allow {
        /// As this `user@host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// Nothing is answered.
    Drop,
    /// Asked for credentials.
    Challenge,
    /// Verified with credentials, which are not shown.
    Verify,
    /// A registration is taken.
    Accept {
        /// For so many seconds at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_s: Option<u64>,
        /// With so many contacts at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contacts: Option<u64>,
    },
    /// Things to be done about a call.
    Commands {
        /// As the journal shows them, in order.
        commands: Vec<String>,
    },
    /// Whose a DN is.
    Owner {
        /// `claim`, `keep` or `release`.
        ruling: String,
    },
    /// What a T-Library client gets.
    Deliver {
        /// These events, sorted; none is all.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        events: BTreeSet<String>,
        /// Not these.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        without: BTreeSet<String>,
        /// Of calls of these types; none is all.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        call_types: BTreeSet<String>,
        /// For this group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
    },
    /// Attributes of a T-Library request are changed, and the next plugin is asked.
    Change {
        /// Values by their names; of one that is named twice the last.
        changes: BTreeMap<String, String>,
    },
}

/// A target of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanonicalTarget {
    /// `aor:user@host`, `uri:sip:…`, `trunk:name`, `trunk:name/number` or `routing-point:user@host`.
    pub to: String,
    /// How long it rings, in milliseconds; absent for the switch's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_ms: Option<u64>,
    /// Tried together with the one before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub together: bool,
    /// Why the call is diverted to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverted: Option<String>,
}

impl Canonical {
    /// Of a verdict that stands.
    pub fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::BuiltIn => Self::Pass,
            Verdict::Continue => Self::Proceed,
            Verdict::Refuse(status) => Self::Refuse { status: *status },
            Verdict::Plan(plan) => Self::of_plan(plan),
            Verdict::Access(access) => Self::of_access(access),
            Verdict::Edit(edits) => Self::of_edits(edits),
            Verdict::Orders(orders) => Self::of_commands(orders.iter().map(|o| &o.command)),
            Verdict::Owner(ruling) => Self::Owner { ruling: ruling.name().to_owned() },
            Verdict::Deliver(what) => Self::of_fan_out(what),
            Verdict::Authorised(changes) if changes.is_empty() => Self::Allow { user: None },
            Verdict::Authorised(changes) => Self::of_changes(changes),
        }
    }

    /// Of changes to the facts of a call.
    pub fn of_amendment(amendment: &Amendment) -> Self {
        Self::Amend {
            callee: amendment.callee.as_ref().map(|party| party.uri.clone()),
            caller: amendment.caller.as_ref().map(|party| party.uri.clone()),
            caller_name: amendment.caller.as_ref().map(|party| party.display.clone()),
            privacy: amendment.privacy.map(|privacy| privacy.name().to_owned()),
            labels: amendment.labels.iter().cloned().collect(),
        }
    }

    /// Of changes to the header fields of an INVITE.
    pub fn of_edits(edits: &[HeaderEdit]) -> Self {
        Self::Edit { edits: edits.iter().map(ToString::to_string).collect() }
    }

    /// Of changes to the attributes of a T-Library request.
    pub fn of_changes(changes: &[(String, String)]) -> Self {
        Self::Change { changes: changes.iter().cloned().collect() }
    }

    fn of_fan_out(what: &FanOut) -> Self {
        let FanOut { events, without, call_types, group } = what.clone();
        Self::Deliver {
            events: events.into_iter().collect(),
            without: without.into_iter().collect(),
            call_types: call_types.into_iter().collect(),
            group,
        }
    }

    /// Of what is to be done about a call; an error is a command that nobody can act on.
    pub fn of_commands<'a>(commands: impl Iterator<Item = &'a Result<Command, String>>) -> Self {
        let shown = commands.map(|command| match command {
            Ok(command) => command.to_string(),
            Err(why) => format!("wrong: {why}"),
        });
        Self::Commands { commands: shown.collect() }
    }

    fn of_plan(plan: &Plan) -> Self {
        let media = match plan.media {
            MediaMode::Default => "default",
            MediaMode::Anchor => "anchor",
            MediaMode::Bypass => "bypass",
            MediaMode::Proxy => "proxy",
        };
        let targets = plan.targets.iter().map(CanonicalTarget::of).collect();
        Self::Plan { targets, media: media.to_owned() }
    }

    fn of_access(access: &Access) -> Self {
        match access {
            Access::Allow(user) => Self::Allow { user: user.as_ref().map(ToString::to_string) },
            Access::Drop => Self::Drop,
            Access::Challenge => Self::Challenge,
            Access::Verify(_) => Self::Verify,
            Access::Accept(registration) => Self::Accept {
                expires_s: registration.expires_max.map(|max| max.as_secs()),
                contacts: registration.contacts_max.and_then(|max| u64::try_from(max).ok()),
            },
        }
    }

    /// Whether somebody is turned away.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refuse { .. } | Self::Drop)
    }

    /// The same without what differs from call to call: numbers become `…`.
    pub fn shape(&self) -> String {
        match self {
            Self::Plan { targets, media } => {
                let mut text = String::new();
                for (n, target) in targets.iter().enumerate() {
                    text.push_str(match (n, target.together) {
                        (0, _) => "",
                        (_, true) => " and ",
                        (_, false) => ", then ",
                    });
                    text.push_str(&shape(&target.to));
                }
                text + &shown_media(media)
            }
            Self::Amend { callee, caller, caller_name, privacy, labels } => {
                let parts = [("callee", callee), ("caller", caller), ("name", caller_name)];
                let parts = parts.into_iter().filter(|(_, to)| to.is_some());
                let parts = parts.map(|(name, _)| name.to_owned());
                let privacy = privacy.iter().map(|privacy| format!("privacy {privacy}"));
                let labels = labels.keys().map(|name| format!("label {name}"));
                let all: Vec<String> = parts.chain(privacy).chain(labels).collect();
                if all.is_empty() {
                    "amend nothing".into()
                } else {
                    format!("amend {}", all.join(", "))
                }
            }
            Self::Allow { user: Some(_) } => "allow …".to_owned(),
            Self::Edit { edits } => {
                // What a field says may hold a number; its name does not.
                let name = |edit: &String| edit.split(": ").next().unwrap_or_default().to_owned();
                edits.iter().map(name).collect::<Vec<_>>().join(", ")
            }
            Self::Commands { commands } => {
                let word = |command: &String| {
                    command.split([' ', ':']).next().unwrap_or_default().to_owned()
                };
                commands.iter().map(word).collect::<Vec<_>>().join(", ")
            }
            Self::Change { changes } => {
                let names: Vec<&str> = changes.keys().map(String::as_str).collect();
                format!("change {}", names.join(", "))
            }
            other => other.to_string(),
        }
    }
}

impl CanonicalTarget {
    fn of(target: &Target) -> Self {
        Self {
            to: target.to.to_string(),
            ring_ms: target.ring.map(|ring| u64::try_from(ring.as_millis()).unwrap_or(u64::MAX)),
            together: target.together,
            diverted: target.diverted.map(|why| why.name().to_owned()),
        }
    }
}

/// A destination without the number in it.
fn shape(to: &str) -> String {
    if let Some(trunk) = to.strip_prefix("trunk:") {
        return match trunk.split_once('/') {
            Some((name, _)) => format!("trunk:{name}/…"),
            None => to.to_owned(),
        };
    }
    let (kind, rest) = to.split_once(':').unwrap_or(("", to));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{kind}:…@{host}"),
        None => to.to_owned(),
    }
}

fn shown_media(media: &str) -> String {
    match media {
        "default" => String::new(),
        "anchor" => ", media anchored".to_owned(),
        "bypass" => ", media bypassed".to_owned(),
        "proxy" => ", as a proxy".to_owned(),
        other => format!(", media {other}"),
    }
}

impl fmt::Display for CanonicalTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to)?;
        if let Some(ms) = self.ring_ms {
            write!(f, " for {} s", ms as f64 / 1000.0)?;
        }
        self.diverted.as_ref().map_or(Ok(()), |why| write!(f, " (diverted: {why})"))
    }
}

/// One line, as the journal shows verdicts: `refuse 404`, `aor:2000@example.com for 20 s, then trunk:outside`.
impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Proceed => f.write_str("proceed"),
            Self::Refuse { status } => write!(f, "refuse {status}"),
            Self::Plan { targets, media } => {
                for (n, target) in targets.iter().enumerate() {
                    f.write_str(match (n, target.together) {
                        (0, _) => "",
                        (_, true) => " and ",
                        (_, false) => ", then ",
                    })?;
                    write!(f, "{target}")?;
                }
                f.write_str(&shown_media(media))
            }
            Self::Amend { callee, caller, caller_name, privacy, labels } => {
                f.write_str("amend")?;
                let parts = [
                    ("callee", callee),
                    ("caller", caller),
                    ("name", caller_name),
                    ("privacy", privacy),
                ];
                for (name, to) in parts {
                    if let Some(to) = to {
                        write!(f, " {name} {to}")?;
                    }
                }
                labels.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
            Self::Edit { edits } => f.write_str(&edits.join(", ")),
            Self::Allow { user: None } => f.write_str("allow"),
            Self::Allow { user: Some(user) } => write!(f, "allow {user}"),
            Self::Drop => f.write_str("drop"),
            Self::Challenge => f.write_str("challenge"),
            Self::Verify => f.write_str("verify"),
            Self::Accept { expires_s, contacts } => {
                f.write_str("accept")?;
                if let Some(expires) = expires_s {
                    write!(f, " expires {expires}")?;
                }
                contacts.map_or(Ok(()), |contacts| write!(f, " contacts {contacts}"))
            }
            Self::Commands { commands } => f.write_str(&commands.join(", ")),
            Self::Owner { ruling } => f.write_str(ruling),
            Self::Deliver { events, without, call_types, group } => {
                let list = |names: &BTreeSet<String>| names.iter().cloned().collect();
                let (events, without) = (list(events), list(without));
                let call_types = list(call_types);
                write!(f, "{}", FanOut { events, without, call_types, group: group.clone() })
            }
            Self::Change { changes } => {
                f.write_str("change")?;
                changes.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{
        Aor,
        hook::{Credentials, Destination},
    };

    use super::*;

    #[test]
    fn a_plan_is_a_line_and_has_a_shape() {
        let desk = Target::new(Destination::Aor(Aor::new("2000", "example.com")));
        let desk = Target { ring: Some(Duration::from_millis(2500)), ..desk };
        let (name, user) = ("outside".to_owned(), Some("+4312345".to_owned()));
        let outside = Target::new(Destination::Trunk { name, user });
        let plan = Plan { targets: vec![desk, outside], media: MediaMode::Anchor };
        let plan = Canonical::of_verdict(&Verdict::Plan(plan));
        assert_eq!(
            plan.to_string(),
            "aor:2000@example.com for 2.5 s, then trunk:outside/+4312345, media anchored"
        );
        assert_eq!(plan.shape(), "aor:…@example.com, then trunk:outside/…, media anchored");
    }

    #[test]
    fn the_order_of_names_is_no_difference_and_a_number_has_no_part_in_a_shape() {
        let deliver = |events: [&str; 2]| {
            let events = events.map(str::to_owned).into();
            let group = Some("Call watchers".to_owned());
            let what = FanOut { events, group, ..FanOut::default() };
            Canonical::of_verdict(&Verdict::Deliver(Box::new(what)))
        };
        let one = deliver(["EventRinging", "EventEstablished"]);
        assert_eq!(one, deliver(["EventEstablished", "EventRinging"]));
        let line = "deliver EventEstablished, EventRinging, for group Call watchers";
        assert_eq!((one.to_string().as_str(), one.shape().as_str()), (line, line));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let list = [pair("OtherDN", "2000"), pair("AgentID", "7"), pair("OtherDN", "2001")];
        let change = Canonical::of_changes(&list);
        assert_eq!(change.to_string(), "change AgentID=7 OtherDN=2001");
        assert_eq!(change.shape(), "change AgentID, OtherDN");
        let allowed = Canonical::of_verdict(&Verdict::Authorised(Vec::new()));
        assert_eq!(allowed, Canonical::Allow { user: None });
    }

    #[test]
    fn the_order_of_labels_is_no_difference_and_a_password_is_not_there() {
        let labels = |pairs: [(&str, &str); 2]| {
            let labels = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Canonical::of_amendment(&Amendment { labels: labels.into(), ..Amendment::default() })
        };
        assert_eq!(labels([("a", "1"), ("b", "2")]), labels([("b", "2"), ("a", "1")]));
        let verify = Access::Verify(Credentials::Password("top-secret".to_owned()));
        let said = Canonical::of_verdict(&Verdict::Access(verify));
        assert_eq!(serde_json::to_string(&said).ok().as_deref(), Some(r#"{"kind":"verify"}"#));
    }
}
