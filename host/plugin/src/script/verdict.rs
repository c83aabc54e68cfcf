use model::hook::{Credentials, Destination, Diversion, End, Reason, Target};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FLOAT, INT, ImmutableString, Position};

use crate::{
    access::{ProposedAccess, ProposedRegistration},
    amendment::ProposedAmendment,
    client::ProposedFanOut,
    command::ProposedCommand,
    header_edit::ProposedEdit,
    metrics::nanos,
    proposal::{Proposal, Proposed, ProposedTarget},
};

/// A target as a script holds it.
#[derive(Clone, Debug)]
pub(crate) struct TargetValue {
    kind: &'static str,
    value: ImmutableString,
    /// Of a trunk: what it is sent; empty for the user of the callee.
    number: ImmutableString,
    ring_ms: u64,
    together: bool,
    /// Why the call is diverted there; empty when it is not.
    diverted: ImmutableString,
}

/// A verdict as a script holds it, and whom the edits are about that come next.
#[derive(Clone, Debug)]
pub(crate) struct VerdictValue(Proposal, End);

impl VerdictValue {
    pub(crate) fn into_proposal(self) -> Proposal {
        self.0
    }

    pub(super) fn new(verdict: Proposed) -> Self {
        Self(Proposal { verdict, reasons: Vec::new() }, End::Callee)
    }

    fn with_media(mut self, mode: &str) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Plan { media, .. } => *media = Some(mode.into()),
            Proposed::Pass
            | Proposed::Amend(_)
            | Proposed::Proceed
            | Proposed::Refuse(_)
            | Proposed::Access(_)
            | Proposed::Commands(_)
            | Proposed::Edits(_)
            | Proposed::Owner(_)
            | Proposed::Deliver(_)
            | Proposed::Changes(_) => {
                return Err(error(format!("only a plan can {mode} media")));
            }
        }
        Ok(self)
    }

    fn proxied(mut self) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Plan { mode, .. } => *mode = Some("proxy".into()),
            Proposed::Pass
            | Proposed::Amend(_)
            | Proposed::Proceed
            | Proposed::Refuse(_)
            | Proposed::Access(_)
            | Proposed::Commands(_)
            | Proposed::Edits(_)
            | Proposed::Owner(_)
            | Proposed::Deliver(_)
            | Proposed::Changes(_) => {
                return Err(error("only a plan can proxy a call".to_owned()));
            }
        }
        Ok(self)
    }

    /// Changes what a `rewrite` changes.
    fn amend(
        mut self,
        what: &str,
        change: impl FnOnce(&mut ProposedAmendment),
    ) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Amend(amendment) => change(amendment),
            Proposed::Pass
            | Proposed::Plan { .. }
            | Proposed::Proceed
            | Proposed::Refuse(_)
            | Proposed::Access(_)
            | Proposed::Commands(_)
            | Proposed::Edits(_)
            | Proposed::Owner(_)
            | Proposed::Deliver(_)
            | Proposed::Changes(_) => {
                return Err(error(format!("only a rewrite has {what}; begin with rewrite()")));
            }
        }
        Ok(self)
    }

    /// Changes how an `accept` takes a REGISTER.
    fn registration(
        mut self,
        what: &str,
        change: impl FnOnce(&mut ProposedRegistration),
    ) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Access(ProposedAccess::Accept(registration)) => change(registration),
            _ => return Err(error(format!("only an accept has {what}; begin with accept()"))),
        }
        Ok(self)
    }

    /// Changes the commands that answer an event.
    pub(super) fn command(
        mut self,
        what: String,
        change: impl FnOnce(&mut Vec<ProposedCommand>),
    ) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Commands(commands) => change(commands),
            _ => {
                let text = format!("{what} goes with commands; begin with commands()");
                return Err(error(text));
            }
        }
        Ok(self)
    }

    /// Adds an edit to those that answer `header-policy`.
    pub(super) fn edit(mut self, edit: ProposedEdit) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Edits(edits) => edits.push(edit),
            _ => return Err(error(format!("{}(…) goes with edits; begin with edit()", edit.kind))),
        }
        Ok(self)
    }

    /// Changes what a `deliver` delivers.
    pub(super) fn deliver(
        mut self,
        what: &str,
        change: impl FnOnce(&mut ProposedFanOut),
    ) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Deliver(fan_out) => change(fan_out),
            _ => return Err(error(format!("only a deliver has {what}; begin with deliver()"))),
        }
        Ok(self)
    }

    /// Adds a change to those that answer `authorise-request`.
    pub(super) fn change(
        mut self,
        name: String,
        value: String,
    ) -> Result<Self, Box<EvalAltResult>> {
        match &mut self.0.verdict {
            Proposed::Changes(changes) => changes.push((name, value)),
            _ => {
                let text = "change(…) goes with changes; begin with change(NAME, VALUE)";
                return Err(error(text.to_owned()));
            }
        }
        Ok(self)
    }

    /// The edits that come next are about what this end gets.
    pub(super) const fn toward(mut self, end: End) -> Self {
        self.1 = end;
        self
    }

    /// Whom they are about.
    pub(super) const fn end(&self) -> End {
        self.1
    }

    fn because(mut self, code: &str, text: &str) -> Self {
        self.0.reasons.push(Reason { code: code.into(), text: text.into() });
        self
    }
}

impl TargetValue {
    fn place(&self) -> [&str; 3] {
        [self.kind, &self.value, &self.number]
    }
}

impl From<&Target> for TargetValue {
    fn from(target: &Target) -> Self {
        let none = ImmutableString::new();
        let (kind, value, number) = match &target.to {
            Destination::Aor(aor) => ("aor", aor.as_str().into(), none),
            Destination::Uri(uri) => ("uri", uri.as_str().into(), none),
            Destination::RoutingPoint(aor) => ("routing-point", aor.as_str().into(), none),
            Destination::Trunk { name, user } => {
                ("trunk", name.as_str().into(), user.as_deref().map_or(none, Into::into))
            }
        };
        let ring_ms = target.ring.map_or(0, |ring| nanos(ring) / 1_000_000);
        let diverted = target.diverted.map_or("", Diversion::name).into();
        Self { kind, value, number, ring_ms, together: target.together, diverted }
    }
}

pub(crate) fn register(engine: &mut Engine) {
    register_targets(engine);
    register_rewrite(engine);
    register_access(engine);
    engine
        .register_type_with_name::<VerdictValue>("Verdict")
        .register_fn("pass", || VerdictValue::new(Proposed::Pass))
        .register_fn("proceed", || VerdictValue::new(Proposed::Proceed))
        .register_fn("refuse", |status: INT| VerdictValue::new(Proposed::Refuse(status)))
        .register_fn("plan", plan_of_list)
        .register_fn("plan", |target: TargetValue| plan(vec![proposed(target)]))
        .register_fn("plan", plan_of_text)
        .register_fn("anchor", |verdict: VerdictValue| verdict.with_media("anchor"))
        .register_fn("bypass", |verdict: VerdictValue| verdict.with_media("bypass"))
        .register_fn("proxy", VerdictValue::proxied)
        .register_fn("because", |verdict: VerdictValue, code: &str, text: &str| {
            verdict.because(code, text)
        })
        .register_fn("to_string", |verdict: VerdictValue| format!("{:?}", verdict.0.verdict));
}

fn register_rewrite(engine: &mut Engine) {
    let rewrite = || VerdictValue::new(Proposed::Amend(ProposedAmendment::default()));
    engine
        .register_fn("rewrite", rewrite)
        .register_fn("rewrite", move |callee: ImmutableString| {
            rewrite().amend("a callee", |amendment| amendment.callee = Some(callee.into_owned()))
        })
        .register_fn("callee", |verdict: VerdictValue, to: ImmutableString| {
            verdict.amend("a callee", |amendment| amendment.callee = Some(to.into_owned()))
        })
        .register_fn("caller", |verdict: VerdictValue, to: ImmutableString| {
            verdict.amend("a caller", |amendment| amendment.caller = Some(to.into_owned()))
        })
        .register_fn("caller_name", |verdict: VerdictValue, name: ImmutableString| {
            verdict.amend("a caller", |amendment| amendment.caller_name = Some(name.into_owned()))
        })
        .register_fn("privacy", |verdict: VerdictValue, name: ImmutableString| {
            verdict.amend("privacy", |amendment| amendment.privacy = Some(name.into_owned()))
        })
        .register_fn("label", |verdict: VerdictValue, name: &str, value: ImmutableString| {
            let label = (name.to_owned(), value.into_owned());
            verdict.amend("labels", |amendment| amendment.labels.push(label))
        });
}

/// What scripts say of a request that is no call yet.
fn register_access(engine: &mut Engine) {
    let access = |access| VerdictValue::new(Proposed::Access(access));
    let verify = move |credentials| access(ProposedAccess::Verify(credentials));
    engine
        .register_fn("allow", move || access(ProposedAccess::Allow(None)))
        .register_fn("allow", move |user: &str| access(ProposedAccess::Allow(Some(user.into()))))
        .register_fn("drop", move || access(ProposedAccess::Drop))
        .register_fn("challenge", move || access(ProposedAccess::Challenge))
        .register_fn("password", move |text: &str| verify(Credentials::Password(text.into())))
        .register_fn("ha1", move |hex: &str| verify(Credentials::Ha1(hex.into())))
        .register_fn("accept", move || {
            access(ProposedAccess::Accept(ProposedRegistration::default()))
        })
        .register_fn("expires", |verdict: VerdictValue, seconds: INT| {
            verdict.registration("expires", |taken| taken.expires = Some(seconds))
        })
        .register_fn("contacts", |verdict: VerdictValue, most: INT| {
            verdict.registration("contacts", |taken| taken.contacts = Some(most))
        });
}

fn register_targets(engine: &mut Engine) {
    engine
        .register_type_with_name::<TargetValue>("Target")
        .register_fn("aor", |value: ImmutableString| target("aor", value))
        .register_fn("aor", |user: &str, host: &str| target("aor", format!("{user}@{host}").into()))
        .register_fn("routing_point", |value: ImmutableString| target("routing-point", value))
        .register_fn("uri", |value: ImmutableString| target("uri", value))
        .register_fn("trunk", |name: ImmutableString| target("trunk", name))
        .register_fn("trunk", |name: ImmutableString, number: ImmutableString| TargetValue {
            number,
            ..target("trunk", name)
        })
        .register_fn("ring", |target: TargetValue, seconds: INT| ring(target, seconds, 1000))
        .register_fn("ring", ring_float)
        .register_fn("ring_ms", |target: TargetValue, ms: INT| ring(target, ms, 1))
        .register_get("kind", |target: &mut TargetValue| ImmutableString::from(target.kind))
        .register_get("value", |target: &mut TargetValue| target.value.clone())
        .register_get("together", |target: &mut TargetValue| target.together)
        .register_fn("diverted", |target: TargetValue, why: ImmutableString| TargetValue {
            diverted: why,
            ..target
        })
        .register_get("diverted", |target: &mut TargetValue| target.diverted.clone())
        .register_get("number", |target: &mut TargetValue| target.number.clone())
        .register_get("ring_ms", |target: &mut TargetValue| {
            INT::try_from(target.ring_ms).unwrap_or(INT::MAX)
        })
        .register_fn("to_string", |target: TargetValue| match target.number.as_str() {
            "" => format!("{}:{}", target.kind, target.value),
            number => format!("{}:{}/{number}", target.kind, target.value),
        })
        .register_fn("==", |a: TargetValue, b: TargetValue| a.place() == b.place())
        .register_fn("!=", |a: TargetValue, b: TargetValue| a.place() != b.place());
}

fn target(kind: &'static str, value: ImmutableString) -> TargetValue {
    let (number, diverted) = (ImmutableString::new(), ImmutableString::new());
    TargetValue { kind, value, number, ring_ms: 0, together: false, diverted }
}

fn ring(
    mut target: TargetValue,
    time: INT,
    unit_ms: u64,
) -> Result<TargetValue, Box<EvalAltResult>> {
    let time = u64::try_from(time)
        .map_err(|_| error(format!("a target cannot ring for {time}; give a positive time")))?;
    target.ring_ms = time.saturating_mul(unit_ms);
    Ok(target)
}

fn ring_float(mut target: TargetValue, seconds: FLOAT) -> Result<TargetValue, Box<EvalAltResult>> {
    let time = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| {
        error(format!("a target cannot ring for {seconds} s; give a positive time"))
    })?;
    target.ring_ms = nanos(time) / 1_000_000;
    Ok(target)
}

fn plan(targets: Vec<ProposedTarget>) -> VerdictValue {
    VerdictValue::new(Proposed::Plan { targets, media: None, mode: None })
}

fn plan_of_text(text: ImmutableString) -> Result<VerdictValue, Box<EvalAltResult>> {
    parse(&text).map(|target| plan(vec![proposed(target)]))
}

/// A list may hold targets, and URIs or AORs as text; a list in it those that are tried together.
fn plan_of_list(list: Array) -> Result<VerdictValue, Box<EvalAltResult>> {
    let mut targets = Vec::with_capacity(list.len());
    for value in list {
        match value.try_cast_result::<Array>() {
            Ok(together) => {
                for (at, value) in together.into_iter().enumerate() {
                    targets.push(ProposedTarget { together: at > 0, ..element(value)? });
                }
            }
            Err(one) => targets.push(element(one)?),
        }
    }
    Ok(plan(targets))
}

fn element(value: Dynamic) -> Result<ProposedTarget, Box<EvalAltResult>> {
    let value = match value.try_cast_result::<TargetValue>() {
        Ok(target) => return Ok(proposed(target)),
        Err(other) => other,
    };
    match value.into_immutable_string() {
        Ok(text) => parse(&text).map(proposed),
        Err(kind) => Err(error(format!(
            "a plan is made of targets, not of {kind}; use aor(…), uri(…) or trunk(…)"
        ))),
    }
}

fn parse(text: &ImmutableString) -> Result<TargetValue, Box<EvalAltResult>> {
    if text.starts_with("sip:") || text.starts_with("sips:") {
        Ok(target("uri", text.clone()))
    } else if text.contains('@') {
        Ok(target("aor", text.clone()))
    } else {
        Err(error(format!("`{}` is no target; write sip:host or user@host", text.escape_debug())))
    }
}

fn proposed(target: TargetValue) -> ProposedTarget {
    ProposedTarget {
        kind: target.kind.into(),
        value: target.value.into_owned(),
        number: Some(target.number.into_owned()).filter(|number| !number.is_empty()),
        ring_ms: target.ring_ms,
        together: target.together,
        diverted: Some(target.diverted.into_owned()).filter(|why| !why.is_empty()),
    }
}

pub(super) fn error(text: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(text.into(), Position::NONE).into()
}
