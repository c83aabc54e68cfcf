//! What must come of a question, and how what came is written.

use std::collections::BTreeMap;

use model::hook::{
    Access, Answer, CallFacts, FanOut, Hook, MediaMode, Reason, Registration, StepOutcome, Target,
    Verdict,
};
use serde::Deserialize;

/// What must come out; name exactly one of `targets`, `refuse`, `pass`, `proceed`, `access`, `edits`, `commands`, `owner`, `deliver` and
/// `change`, or for `dial-plan` what is rewritten.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expectation {
    /// A plan of these, each `aor:user@host` or `uri:sip:…`, with ` ring MS` where a ring time is given and
    /// ` together` where it rings together with the one before it, and ` diverted WHY` where it is.
    targets: Option<Vec<String>>,
    /// The plan's media: `anchor`, `bypass`, or `proxy` when the switch is to be no party of the call.
    media: Option<String>,
    /// A refusal with this status; of `fan-out` and `authorise-request` with this error code.
    refuse: Option<u16>,
    /// The next plugin is asked.
    pass: bool,
    /// The remaining targets are tried.
    proceed: bool,
    /// Of `dial-plan`: the URI that is called instead.
    callee: Option<String>,
    /// Of `dial-plan`: the URI the called party sees as the caller.
    caller: Option<String>,
    /// Of `dial-plan`: the name the called party sees.
    caller_name: Option<String>,
    /// Of `dial-plan`: the labels that are set, all of them.
    labels: BTreeMap<String, String>,
    /// Of `dial-plan`: whether the caller is to be known: `id` or `none`.
    privacy: Option<String>,
    /// Of `authorise-request`: `allow`. Of the hooks before a call: `allow`, `allow user@host`, `drop`, `challenge`, `verify`, or `accept` with ` expires SECONDS`
    /// and ` contacts NUMBER` where they are given.
    access: Option<String>,
    /// Of `call-event`: the commands, in order, as the journal shows them.
    commands: Option<Vec<String>>,
    /// Of `header-policy`: the edits, in order, as the journal shows them: `callee remove X-*`, `caller set Server: SBC`.
    edits: Option<Vec<String>>,
    /// Of `dn-owner`: `claim`, `keep` or `release`.
    owner: Option<String>,
    /// Of `fan-out`: what the client gets.
    deliver: Option<Delivery>,
    /// Of `authorise-request`: the attributes that are changed, all of them.
    change: Option<BTreeMap<String, String>>,
    /// The code of one of the reasons.
    reason: Option<String>,
    /// With this configuration the plugin must not load, and what the host says of it has this in it.
    pub(crate) refused: Option<String>,
}

/// What a client gets; what is absent is everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Delivery {
    events: Vec<String>,
    without: Vec<String>,
    call_types: Vec<String>,
    group: Option<String>,
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// The verdict, as an expectation is shown.
    pub(crate) text: String,
    /// What the plugin gave as its reasons.
    pub(crate) reasons: Vec<Reason>,
}

impl Came {
    /// The question could not be asked.
    pub(crate) fn nothing(why: String) -> Self {
        Self { text: format!("nothing: {why}"), reasons: Vec::new() }
    }

    /// What an answer says. `before` are the facts the plugin was told.
    pub(crate) fn of(answer: &Answer, hook: Hook, before: &CallFacts) -> Self {
        let reasons = answer.decision.reasons.clone();
        let failed = answer.decision.steps.iter().find_map(|step| match &step.outcome {
            StepOutcome::Failed(failure) => Some(failure),
            StepOutcome::Passed | StepOutcome::Amended | StepOutcome::Decided => None,
        });
        let text = match (failed, &answer.amended) {
            (Some(failure), _) => {
                format!("a failure ({}): {}", failure.kind.name(), failure.detail)
            }
            (None, Some(amended))
                if hook == Hook::DialPlan && answer.verdict == Verdict::BuiltIn =>
            {
                rewritten(before, &amended.facts)
            }
            (None, _) => verdict(&answer.verdict),
        };
        Self { text, reasons }
    }

    /// As a person reads it.
    pub(crate) fn shown(&self) -> String {
        let codes: Vec<&str> = self.reasons.iter().map(|reason| reason.code.as_str()).collect();
        match codes.as_slice() {
            [] => self.text.clone(),
            [code] => format!("{} with the reason {code}", self.text),
            codes => format!("{} with the reasons {}", self.text, codes.join(", ")),
        }
    }
}

impl Expectation {
    /// What is wrong with what came; `None` when nothing is.
    pub(crate) fn misses(&self, came: &Came) -> Option<(String, String)> {
        let expected = self.text();
        let has = |code: &String| came.reasons.iter().any(|reason| reason.code == *code);
        match &self.reason {
            _ if came.text != expected => Some((self.shown(), came.shown())),
            Some(code) if !has(code) => Some((self.shown(), came.shown())),
            Some(_) | None => None,
        }
    }

    /// As a person reads it.
    pub(crate) fn shown(&self) -> String {
        let text = self.text();
        self.reason
            .as_ref()
            .map_or_else(|| text.clone(), |code| format!("{text} with the reason {code}"))
    }

    fn text(&self) -> String {
        if let Some(text) = &self.refused {
            return format!("that it does not load: {text}");
        }
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
        if let Some(commands) = self.commands.as_ref().filter(|commands| !commands.is_empty()) {
            return format!("commands [{}]", commands.join(", "));
        }
        if let Some(edits) = self.edits.as_ref().filter(|edits| !edits.is_empty()) {
            return format!("edits [{}]", edits.join(", "));
        }
        if let Some(text) = self.of_client() {
            return text;
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

impl Expectation {
    /// What it says of a T-Library client or the owner of a DN.
    fn of_client(&self) -> Option<String> {
        let deliver = |what: &Delivery| {
            let Delivery { events, without, call_types, group } = what.clone();
            FanOut { events, without, call_types, group }.to_string()
        };
        self.owner
            .clone()
            .or_else(|| self.deliver.as_ref().map(deliver))
            .or_else(|| self.change.as_ref().map(changed))
    }
}

/// Attributes that are changed.
fn changed(changes: &BTreeMap<String, String>) -> String {
    let changes: Vec<_> = changes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("change {}", changes.join(", "))
}

/// What a dial plan changed of the call, as an expectation is shown.
fn rewritten(before: &CallFacts, facts: &CallFacts) -> String {
    let changed = |now: &String, was: &String| (now != was).then(|| now.clone());
    let (caller, callee) = (&facts.caller, &facts.callee);
    let have: BTreeMap<_, _> = facts.labels.iter().cloned().collect();
    let had: BTreeMap<_, _> = before.labels.iter().cloned().collect();
    let came = Expectation {
        callee: changed(&callee.uri, &facts.dialled_callee().uri),
        caller: changed(&caller.uri, &facts.dialled_caller().uri),
        caller_name: changed(&caller.display, &facts.dialled_caller().display),
        privacy: facts.privacy.map(|privacy| privacy.name().to_owned()),
        labels: if have == had { BTreeMap::new() } else { have },
        ..Expectation::default()
    };
    came.text()
}

fn verdict(verdict: &Verdict) -> String {
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
        Verdict::Edit(edits) => {
            let shown: Vec<String> = edits.iter().map(ToString::to_string).collect();
            format!("edits [{}]", shown.join(", "))
        }
        Verdict::Owner(ruling) => ruling.name().to_owned(),
        Verdict::Deliver(what) => what.to_string(),
        Verdict::Authorised(changes) if changes.is_empty() => "allow".to_owned(),
        Verdict::Authorised(changes) => changed(&changes.iter().cloned().collect()),
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
