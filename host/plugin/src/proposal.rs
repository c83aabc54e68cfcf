use std::time::Duration;

use model::{
    Aor,
    hook::{
        Amendment, Command, Destination, Diversion, Failure, FailureKind, HeaderEdit, Hook,
        MediaMode, OwnerRuling, Plan, Question, Reason, Target, Verdict,
    },
};

use crate::{
    AnswerLimits,
    access::ProposedAccess,
    amendment::ProposedAmendment,
    client::{ProposedFanOut, check_changes},
    command::{self, ProposedCommand},
    header_edit::{self, ProposedEdit},
};

/// What a plugin answered, before the host looked at it. Both engines speak this, so both are held to the same rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) verdict: Proposed,
    pub(crate) reasons: Vec<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proposed {
    Pass,
    Amend(ProposedAmendment),
    Plan { targets: Vec<ProposedTarget>, media: Option<String>, mode: Option<String> },
    Proceed,
    Refuse(i64),
    Access(ProposedAccess),
    Commands(Vec<ProposedCommand>),
    Edits(Vec<ProposedEdit>),
    Owner(OwnerRuling),
    Deliver(ProposedFanOut),
    Changes(Vec<(String, String)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProposedTarget {
    pub(crate) kind: String,
    pub(crate) value: String,
    /// For a trunk, what it is sent; `None` for the user of the callee.
    pub(crate) number: Option<String>,
    /// 0 takes the switch's own time.
    pub(crate) ring_ms: u64,
    /// Tried together with the one before it.
    pub(crate) together: bool,
    /// Why the call goes there and not to who was called, if it was diverted.
    pub(crate) diverted: Option<String>,
}

/// An answer the host can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) ruling: Ruling,
    pub(crate) reasons: Vec<Reason>,
}

/// What becomes of the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The next plugin is asked.
    Pass,
    /// This is changed and the next plugin is asked.
    Amend(Amendment),
    /// This is changed of the header fields and the next plugin is asked.
    Edit(Vec<HeaderEdit>),
    /// These attributes of a T-Library request are changed and the next plugin is asked.
    Change(Vec<(String, String)>),
    /// This stands.
    Decide(Verdict),
    /// This is to be done, and the next plugin is asked; an error is a command that nobody can act on.
    Command(Vec<Result<Command, String>>),
}

impl Proposal {
    /// Checks everything the switch would otherwise have to trust.
    ///
    /// # Errors
    ///
    /// A [`FailureKind::BadAnswer`] that says what is wrong and what to write.
    pub(crate) fn check(
        self,
        question: &Question,
        limits: &AnswerLimits,
    ) -> Result<Checked, Failure> {
        let hook = question.hook();
        let ruling = match (self.verdict, hook) {
            (Proposed::Pass, _) => Ruling::Pass,
            (Proposed::Commands(commands), Hook::CallEvent) if commands.is_empty() => Ruling::Pass,
            (Proposed::Commands(commands), Hook::CallEvent) => {
                Ruling::Command(command::check(commands, limits))
            }
            (Proposed::Refuse(_), Hook::CallEvent | Hook::HeaderPolicy | Hook::DnOwner) => {
                return Err(no_verdict(hook, "refuse(…)"));
            }
            (Proposed::Edits(edits), Hook::HeaderPolicy) if edits.is_empty() => Ruling::Pass,
            (Proposed::Edits(edits), Hook::HeaderPolicy) => {
                Ruling::Edit(header_edit::check(edits, limits)?)
            }
            (Proposed::Amend(amendment), Hook::DialPlan) => {
                Ruling::Amend(amendment.check(&question.call, limits)?)
            }
            (Proposed::Plan { targets, media, mode }, Hook::Route | Hook::RouteOnFailure) => {
                let targets = plan(targets, limits)?;
                Ruling::Decide(Verdict::Plan(Plan { targets, media: way(media, mode)? }))
            }
            (Proposed::Proceed, Hook::RouteOnFailure) => Ruling::Decide(Verdict::Continue),
            (Proposed::Owner(ruling), Hook::DnOwner) => Ruling::Decide(Verdict::Owner(ruling)),
            (Proposed::Deliver(what), Hook::FanOut) => {
                Ruling::Decide(Verdict::Deliver(Box::new(what.check(limits)?)))
            }
            (Proposed::Changes(changes), Hook::AuthoriseRequest) if changes.is_empty() => {
                Ruling::Pass
            }
            (Proposed::Changes(changes), Hook::AuthoriseRequest) => {
                check_changes(&changes, limits)?;
                Ruling::Change(changes)
            }
            (Proposed::Access(ProposedAccess::Allow(None)), Hook::AuthoriseRequest) => {
                Ruling::Decide(Verdict::Authorised(Vec::new()))
            }
            (Proposed::Refuse(code), Hook::FanOut | Hook::AuthoriseRequest) => {
                Ruling::Decide(Verdict::Refuse(error_code(code)?))
            }
            (Proposed::Access(access), _) => {
                Ruling::Decide(Verdict::Access(access.check(hook, limits)?))
            }
            (Proposed::Refuse(status), _) => Ruling::Decide(Verdict::Refuse(refusal(status)?)),
            (
                other @ (Proposed::Amend(_)
                | Proposed::Plan { .. }
                | Proposed::Proceed
                | Proposed::Commands(_)
                | Proposed::Edits(_)
                | Proposed::Owner(_)
                | Proposed::Deliver(_)
                | Proposed::Changes(_)),
                _,
            ) => {
                return Err(no_verdict(hook, other.name()));
            }
        };
        Ok(Checked { ruling, reasons: reasons(self.reasons, limits) })
    }
}

impl Proposed {
    /// What a script calls it.
    const fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass()",
            Self::Amend(_) => "rewrite()",
            Self::Plan { .. } => "plan(…)",
            Self::Proceed => "proceed()",
            Self::Refuse(_) => "refuse(…)",
            Self::Access(access) => access.name(),
            Self::Commands(_) => "commands()",
            Self::Edits(_) => "edit()",
            Self::Owner(OwnerRuling::Claim) => "claim()",
            Self::Owner(OwnerRuling::Keep) => "keep()",
            Self::Owner(OwnerRuling::Release) => "disown()",
            Self::Deliver(_) => "deliver()",
            Self::Changes(_) => "change(…)",
        }
    }
}

fn refusal(status: i64) -> Result<u16, Failure> {
    match u16::try_from(status) {
        Ok(status @ 400..=699) => Ok(status),
        Ok(_) | Err(_) => Err(bad(format!("refuse takes a status of 400 to 699, not {status}"))),
    }
}

/// An error code of EventError, with which a request of a T-Library client is refused.
fn error_code(code: i64) -> Result<u16, Failure> {
    match u16::try_from(code) {
        Ok(code @ 1..=9999) => Ok(code),
        Ok(_) | Err(_) => Err(bad(format!("refuse takes an error code of 1 to 9999, not {code}"))),
    }
}

/// A bad answer to `hook`, in words.
pub(crate) fn no_verdict(hook: Hook, got: &str) -> Failure {
    let hint = match hook {
        Hook::Admission => "pass(), allow(), refuse(…) or drop()",
        Hook::Authenticate => "pass(), allow(…), challenge(), password(…), ha1(…) or refuse(…)",
        Hook::Register => "pass(), accept() or refuse(…)",
        Hook::DialPlan => "pass(), rewrite(…) or refuse(…)",
        Hook::Route => "pass(), plan(…) or refuse(…)",
        Hook::HeaderPolicy => "pass() or edit()",
        Hook::RouteOnFailure => "pass(), proceed(), plan(…) or refuse(…)",
        Hook::CallEvent => "pass(), tag(…), timer(…), release(…) or commands()",
        Hook::DnOwner => "pass(), claim(), keep() or disown()",
        Hook::FanOut => "pass(), deliver() or refuse(…)",
        Hook::AuthoriseRequest => "pass(), allow(), change(…) or refuse(…)",
    };
    bad(format!("{hook} gave {got} where a verdict belongs; end every path with {hint}"))
}

pub(crate) fn bad(detail: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::BadAnswer, detail: detail.into() }
}

fn plan(proposed: Vec<ProposedTarget>, limits: &AnswerLimits) -> Result<Vec<Target>, Failure> {
    if proposed.is_empty() {
        return Err(bad("the plan has no target; use pass or refuse when there is nowhere to go"));
    }
    if proposed.len() > limits.targets_max {
        let (have, max) = (proposed.len(), limits.targets_max);
        return Err(bad(format!("the plan has {have} targets; at most {max} are taken")));
    }
    let targets = proposed.into_iter().enumerate();
    targets
        .map(|(n, proposed)| {
            target(&proposed, limits).map_err(|what| {
                let value = shown(&proposed.value);
                bad(format!("target {} ({} `{value}`): {what}", n + 1, shown(&proposed.kind)))
            })
        })
        .collect()
}

fn target(proposed: &ProposedTarget, limits: &AnswerLimits) -> Result<Target, String> {
    let value = proposed.value.as_str();
    if value.len() > limits.value_bytes_max {
        return Err(format!("longer than {} bytes", limits.value_bytes_max));
    }
    if value.chars().any(|c| c.is_control() || c == ' ' || c == '<' || c == '>' || c == '"') {
        return Err("control characters, blanks, quotes and angle brackets are not allowed".into());
    }
    let to = match proposed.kind.as_str() {
        "aor" => Destination::Aor(aor(value)?),
        "uri" => Destination::Uri(uri(value)?),
        "routing-point" => Destination::RoutingPoint(aor(value)?),
        "trunk" => Destination::Trunk {
            name: trunk(value)?,
            user: proposed.number.as_deref().map(|user| number(user, limits)).transpose()?,
        },
        _ => return Err("the kind is none of `aor`, `uri`, `trunk` and `routing-point`".into()),
    };
    let ring = Duration::from_millis(proposed.ring_ms);
    if ring > limits.ring_max {
        return Err(format!("may ring at most {} s", limits.ring_max.as_secs()));
    }
    let ring = Some(ring).filter(|ring| !ring.is_zero());
    let diverted = match proposed.diverted.as_deref() {
        None => None,
        Some(why) => Some(Diversion::of(why).ok_or_else(|| {
            let all = Diversion::ALL.map(Diversion::name).join(", ");
            format!("diverted for `{}`, which is none of {all}", shown(why))
        })?),
    };
    Ok(Target { to, ring, together: proposed.together, diverted })
}

pub(crate) fn aor(value: &str) -> Result<Aor, String> {
    match value.rsplit_once('@') {
        _ if value.starts_with("sip:") || value.starts_with("sips:") => {
            Err("an AOR is user@host, without a scheme; or use uri".into())
        }
        Some((user, host)) if !user.is_empty() && !host.is_empty() => Ok(Aor::new(user, host)),
        Some(_) | None => Err("an AOR is user@host".into()),
    }
}

pub(crate) fn uri(value: &str) -> Result<String, String> {
    let scheme = |prefix: &str| {
        value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let rest = match (scheme("sips:"), scheme("sip:")) {
        (true, _) => value.get(5..),
        (false, true) => value.get(4..),
        (false, false) => None,
    };
    // The host of a SIP URI stands behind the user part; RFC 3261 section 19.1.1.
    let host = rest.map(|rest| rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    match host {
        _ if !value.is_ascii() => Err("a SIP URI is ASCII; escape the rest as %HH".into()),
        Some(host) if host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') => {
            Ok(value.to_owned())
        }
        Some(_) | None => Err("a URI is sip:host, sip:user@host or the same with sips:".into()),
    }
}

/// The name of a trunk or a group; whether there is one the switch knows.
fn trunk(value: &str) -> Result<String, String> {
    match value {
        "" => Err("a trunk has a name; it is one of a [[trunk]] or its group".into()),
        name => Ok(name.to_owned()),
    }
}

pub(crate) fn number(user: &str, limits: &AnswerLimits) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/#%".contains(c);
    if user.is_empty() || user.len() > limits.value_bytes_max || !user.chars().all(is_plain) {
        return Err("the number is no user part of a SIP URI".into());
    }
    Ok(user.to_owned())
}

/// Where the media goes, and whether the switch is a party of the call at all.
fn way(media: Option<String>, mode: Option<String>) -> Result<MediaMode, Failure> {
    match (mode.as_deref(), media.as_deref()) {
        (None | Some("b2bua"), _) => {}
        (Some("proxy"), Some("anchor")) => {
            return Err(bad("a proxy does not lead media; take `anchor` or `proxy` away"));
        }
        (Some("proxy"), _) => return Ok(MediaMode::Proxy),
        (Some(other), _) => {
            return Err(bad(format!("mode is `{}`; it is `b2bua` or `proxy`", shown(other))));
        }
    }
    match media.as_deref() {
        None | Some("default") => Ok(MediaMode::Default),
        Some("anchor") => Ok(MediaMode::Anchor),
        Some("bypass") => Ok(MediaMode::Bypass),
        Some(other) => Err(bad(format!("media is `{}`; it is `anchor` or `bypass`", shown(other)))),
    }
}

/// Reasons never cost a call its verdict: what is too much is cut off.
fn reasons(reasons: Vec<Reason>, limits: &AnswerLimits) -> Vec<Reason> {
    reasons
        .into_iter()
        .take(limits.reasons_max)
        .map(|reason| Reason {
            code: clean(reason.code, limits.code_bytes_max),
            text: clean(reason.text, limits.text_bytes_max),
        })
        .collect()
}

/// Text of a plugin on one line and within a limit, fit for a log or the journal.
pub(crate) fn clean(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    if text.contains(char::is_control) {
        text = text.replace(char::is_control, " ");
    }
    text
}

pub(crate) fn shown(text: &str) -> String {
    const SHOWN_BYTES_MAX: usize = 80;
    clean(text.to_owned(), SHOWN_BYTES_MAX)
}

#[cfg(test)]
#[path = "proposal_test.rs"]
mod tests;
