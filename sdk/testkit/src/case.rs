//! One question and what must come of it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use model::{
    Aor, ConnId, HeaderBlock, Moment, Transport,
    hook::{
        Access, Answer, Ask, Attempt, CallEvent, CallFacts, ContactFacts, Destination, End,
        Happening, MediaMode, Party, Question, QuestionId, Registration, RequestKind, Target,
        Verdict,
    },
};
use serde::Deserialize;

use crate::time;

/// A case of a scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is shown when it fails.
    pub name: String,
    /// `admission`, `authenticate`, `register`, `dial-plan`, `route`, `route-on-failure` or `call-event`. The plugin's own dial plan is asked on the way to `route`, as in a switch.
    #[serde(default = "route")]
    pub hook: String,
    /// The civil time, as `2026-11-18T09:15:00`.
    #[serde(default = "noon")]
    pub now: String,
    /// The caller's URI.
    #[serde(default = "caller")]
    pub caller: String,
    /// The URI that is called.
    pub callee: String,
    /// Who the caller has proved to be: `user@host`.
    pub identity: Option<String>,
    /// The trunk the call came over.
    pub trunk: Option<String>,
    /// Labels that another plugin's dial plan set.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Header fields of the INVITE.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Where the request comes from.
    #[serde(default = "source")]
    pub source: SocketAddr,
    /// What the request is, for `admission` and `authenticate`: `INVITE` or `REGISTER`.
    #[serde(default = "invite")]
    pub method: String,
    /// URIs of the contacts, for `register`.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// What has happened, for `call-event`: a kind and values, such as `timer name=long`.
    #[serde(default = "answered")]
    pub event: String,
    /// What was tried, for `route-on-failure`.
    #[serde(default)]
    pub attempts: Vec<Tried>,
    /// What was not tried yet: `aor:user@host`, `uri:sip:…`, `trunk:name` or `trunk:name/number`.
    #[serde(default)]
    pub remaining: Vec<String>,
    /// What must come out.
    pub expect: Expectation,
}

/// A target that was tried.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// `aor:user@host`, `uri:sip:…`, `trunk:name` or `trunk:name/number`.
    pub target: String,
    /// The status it ended with.
    pub status: u16,
    /// Milliseconds it was tried for.
    #[serde(default)]
    pub lasted_ms: u64,
}

/// What must come out; name exactly one of `targets`, `refuse`, `pass`, `proceed`, `access` and `commands`, or for `dial-plan` what is
/// rewritten.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// A plan of these, each `aor:user@host` or `uri:sip:…`, with ` ring MS` where a ring time is given and
    /// ` together` where it rings together with the one before it, and ` diverted WHY` where it is.
    pub targets: Option<Vec<String>>,
    /// The plan's media: `anchor`, `bypass`, or `proxy` when the switch is to be no party of the call.
    pub media: Option<String>,
    /// A refusal with this status.
    pub refuse: Option<u16>,
    /// The next plugin is asked.
    pub pass: bool,
    /// The remaining targets are tried.
    pub proceed: bool,
    /// Of `dial-plan`: the URI that is called instead.
    pub callee: Option<String>,
    /// Of `dial-plan`: the URI the called party sees as the caller.
    pub caller: Option<String>,
    /// Of `dial-plan`: the name the called party sees.
    pub caller_name: Option<String>,
    /// Of `dial-plan`: the labels that are set, all of them.
    pub labels: BTreeMap<String, String>,
    /// Of `dial-plan`: whether the caller is to be known: `id` or `none`.
    pub privacy: Option<String>,
    /// Of the hooks before a call: `allow`, `allow user@host`, `drop`, `challenge`, `verify`, or `accept` with ` expires SECONDS`
    /// and ` contacts NUMBER` where they are given.
    pub access: Option<String>,
    /// Of `call-event`: the commands, in order, as the journal shows them.
    pub commands: Option<Vec<String>>,
    /// The code of one of the reasons.
    pub reason: Option<String>,
}

fn route() -> String {
    "route".to_owned()
}

fn source() -> SocketAddr {
    ([192, 0, 2, 1], 5060).into()
}

fn invite() -> String {
    "INVITE".to_owned()
}

fn answered() -> String {
    "answered leg=1".to_owned()
}

fn noon() -> String {
    "2026-11-18T12:00:00".to_owned()
}

fn caller() -> String {
    "sip:1000@home.test".to_owned()
}

impl Case {
    /// The question this case asks, and when.
    ///
    /// # Errors
    ///
    /// What in the case cannot be read.
    pub(crate) fn question(&self) -> Result<(Question, Moment), String> {
        let moment = time::parse(&self.now)
            .ok_or_else(|| format!("{}: now = \"{}\" is no time", self.name, self.now))?;
        let call = CallFacts {
            conn_id: ConnId(1),
            request: match self.method.as_str() {
                "INVITE" if self.hook != "register" => RequestKind::Invite,
                "INVITE" | "REGISTER" => RequestKind::Register,
                other => return Err(format!("{}: method = \"{other}\" is not known", self.name)),
            },
            call_id: "scenario".to_owned(),
            tenant: "default".to_owned(),
            ingress: "udp".to_owned(),
            transport: Transport::Udp,
            source: self.source,
            trunk: self.trunk.clone(),
            identity: self.identity.as_deref().map(aor).transpose()?,
            caller: party(&self.caller),
            callee: party(&self.callee),
            dialled: None,
            labels: self.labels.clone().into_iter().collect(),
            privacy: None,
            redirections: Vec::new(),
            emergency: false,
            transfer: None,
            headers: HeaderBlock::from_pairs(
                self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            ),
        };
        let ask = match self.hook.as_str() {
            "admission" => Ask::Admission,
            "authenticate" => Ask::Authenticate,
            "register" => {
                Ask::Register { contacts: self.contacts.iter().map(|uri| contact(uri)).collect() }
            }
            "dial-plan" => Ask::DialPlan,
            "route" => Ask::Route,
            "route-on-failure" => Ask::RouteOnFailure {
                attempts: self.attempts.iter().map(attempt).collect::<Result<_, _>>()?,
                remaining: self.remaining.iter().map(|t| target(t)).collect::<Result<_, _>>()?,
            },
            "call-event" => Ask::CallEvent(Arc::new(event(&self.event)?)),
            other => return Err(format!("{}: hook = \"{other}\" is not known", self.name)),
        };
        Ok((Question { id: QuestionId(1), call: Arc::new(call), ask, pin: None }, moment))
    }

    /// Compares an answer with what must come out.
    ///
    /// # Errors
    ///
    /// What was expected and what came.
    pub(crate) fn check(&self, answer: &Answer) -> Result<(), String> {
        let (came, expected) = match &answer.amended {
            Some(amended) if self.hook == "dial-plan" => {
                (self.rewritten(&amended.facts), self.expect.text())
            }
            Some(_) | None => (came(&answer.verdict), self.expect.text()),
        };
        if came != expected {
            let steps = &answer.decision.steps;
            return Err(format!("expected {expected}, came {came}; {steps:?}"));
        }
        if let Some(code) = &self.expect.reason
            && !answer.decision.reasons.iter().any(|reason| reason.code == *code)
        {
            let reasons = &answer.decision.reasons;
            return Err(format!("expected the reason {code}, came {reasons:?}"));
        }
        Ok(())
    }
}

impl Case {
    /// What a dial plan changed of the call, as an expectation is shown.
    fn rewritten(&self, facts: &CallFacts) -> String {
        let changed = |now: &String, was: &String| (now != was).then(|| now.clone());
        let (caller, callee) = (&facts.caller, &facts.callee);
        let have: BTreeMap<_, _> = facts.labels.iter().cloned().collect();
        let came = Expectation {
            callee: changed(&callee.uri, &facts.dialled_callee().uri),
            caller: changed(&caller.uri, &facts.dialled_caller().uri),
            caller_name: changed(&caller.display, &facts.dialled_caller().display),
            privacy: facts.privacy.map(|privacy| privacy.name().to_owned()),
            labels: if have == self.labels { BTreeMap::new() } else { have },
            ..Expectation::default()
        };
        came.text()
    }
}

impl Expectation {
    fn text(&self) -> String {
        let parts = [
            ("callee", &self.callee),
            ("caller", &self.caller),
            ("name", &self.caller_name),
            ("privacy", &self.privacy),
        ];
        let parts =
            parts.into_iter().filter_map(|(name, to)| Some(format!("{name} {}", to.as_ref()?)));
        let labels = self.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let rewritten: Vec<String> = parts.chain(labels).collect();
        if !rewritten.is_empty() {
            return format!("rewrite {}", rewritten.join(", "));
        }
        let media = self.media.as_ref().map_or_else(String::new, |media| format!(" {media}"));
        if let Some(commands) = &self.commands {
            return format!("commands [{}]", commands.join(", "));
        }
        if let Some(access) = &self.access {
            return access.clone();
        }
        match (&self.targets, self.refuse) {
            (Some(targets), _) => format!("plan [{}]{media}", targets.join(", ")),
            (None, Some(status)) => format!("refuse {status}"),
            (None, None) if self.proceed => "proceed".to_owned(),
            (None, None) => "pass".to_owned(),
        }
    }
}

fn came(verdict: &Verdict) -> String {
    match verdict {
        Verdict::BuiltIn => "pass".to_owned(),
        Verdict::Continue => "proceed".to_owned(),
        Verdict::Access(access) => access_shown(access),
        Verdict::Orders(orders) => {
            let shown = orders.iter().map(|order| match &order.command {
                Ok(command) => command.to_string(),
                Err(why) => format!("wrong: {why}"),
            });
            format!("commands [{}]", shown.collect::<Vec<_>>().join(", "))
        }
        Verdict::Refuse(status) => format!("refuse {status}"),
        Verdict::Plan(plan) => {
            let media = match plan.media {
                MediaMode::Default => "",
                MediaMode::Anchor => " anchor",
                MediaMode::Bypass => " bypass",
                MediaMode::Proxy => " proxy",
            };
            let targets: Vec<String> = plan.targets.iter().map(shown).collect();
            format!("plan [{}]{media}", targets.join(", "))
        }
    }
}

/// A verdict on a request that is no call yet. Secrets are not shown.
fn access_shown(access: &Access) -> String {
    match access {
        Access::Allow(None) => "allow".to_owned(),
        Access::Allow(Some(aor)) => format!("allow {aor}"),
        Access::Drop => "drop".to_owned(),
        Access::Challenge => "challenge".to_owned(),
        Access::Verify(_) => "verify".to_owned(),
        Access::Accept(Registration { expires_max, contacts_max }) => {
            let expires =
                expires_max.map_or_else(String::new, |max| format!(" expires {}", max.as_secs()));
            let contacts = contacts_max.map_or_else(String::new, |max| format!(" contacts {max}"));
            format!("accept{expires}{contacts}")
        }
    }
}

fn shown(target: &Target) -> String {
    let ring = target.ring.map_or_else(String::new, |ring| format!(" ring {}", ring.as_millis()));
    let together = if target.together { " together" } else { "" };
    let diverted =
        target.diverted.map_or_else(String::new, |why| format!(" diverted {}", why.name()));
    format!("{}{ring}{together}{diverted}", target.to)
}

fn contact(uri: &str) -> ContactFacts {
    ContactFacts { uri: uri.to_owned(), expires: Some(Duration::from_secs(3600)), q_milli: 1000 }
}

/// An event as scenarios write it.
fn event(text: &str) -> Result<CallEvent, String> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let attrs: BTreeMap<_, _> = words.filter_map(|word| word.split_once('=')).collect();
    let attr = |name: &str| attrs.get(name).copied().unwrap_or_default();
    let number = |name: &str| attr(name).parse().unwrap_or(0);
    let end = || End::named(attr("by")).unwrap_or(End::Caller);
    let what = match kind {
        "offered" => Happening::Offered,
        "ringing" => Happening::Ringing { leg: number("leg"), status: number("status") },
        "leg-failed" => Happening::LegFailed { leg: number("leg"), status: number("status") },
        "answered" => Happening::Answered { leg: number("leg") },
        "held" => Happening::Held { by: end() },
        "resumed" => Happening::Resumed { by: end() },
        "transfer-begun" => {
            let (to, into) = (attr("to").to_owned(), ConnId(2));
            Happening::TransferBegun { by: end(), to, into }
        }
        "transferred" => Happening::Transferred { into: ConnId(2) },
        "transfer-failed" => Happening::TransferFailed { status: number("status") },
        "timer" => Happening::Timer { name: attr("name").into() },
        "released" => Happening::Released { by: "caller", cause: attr("cause").to_owned() },
        other => return Err(format!("event = \"{other}\" is not known")),
    };
    Ok(CallEvent { what, after: Duration::from_secs(1), missed: 0, only: None })
}

fn attempt(tried: &Tried) -> Result<Attempt, String> {
    let lasted = Duration::from_millis(tried.lasted_ms);
    Ok(Attempt { target: target(&tried.target)?, status: tried.status, lasted })
}

fn aor(text: &str) -> Result<Aor, String> {
    let parts = text.split_once('@');
    parts
        .map(|(user, host)| Aor::new(user, host))
        .ok_or_else(|| format!("`{text}` is not user@host"))
}

fn target(text: &str) -> Result<Target, String> {
    let to = match text.split_once(':') {
        Some(("aor", text)) => Destination::Aor(aor(text)?),
        Some(("uri", uri)) => Destination::Uri(uri.to_owned()),
        Some(("trunk", trunk)) => {
            let (name, user) = trunk.split_once('/').map_or((trunk, None), |(n, u)| (n, Some(u)));
            Destination::Trunk { name: name.to_owned(), user: user.map(str::to_owned) }
        }
        Some(_) | None => {
            return Err(format!(
                "`{text}` is none of aor:user@host, uri:sip:… and trunk:name/number"
            ));
        }
    };
    Ok(Target::new(to))
}

/// The parts of a plain `sip:user@host` or `tel:number`.
fn party(uri: &str) -> Party {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let (user, host) = match rest.split_once('@') {
        Some((user, host)) => (user, host),
        None if uri.starts_with("tel:") => (rest, ""),
        None => ("", rest),
    };
    Party {
        uri: uri.to_owned(),
        user: user.to_owned(),
        host: host.to_owned(),
        display: String::new(),
    }
}
