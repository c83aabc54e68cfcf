//! What a record says: made of what the switch told of a call, and of nothing else.

use std::collections::BTreeMap;

use model::{
    Instant,
    hook::{Attempt, Decision, Step, StepOutcome},
};
use serde::Serialize;
use switch::{Cause, Fact, ReleasedBy};

use super::{Draft, q850};
use crate::clock::format_wall;

/// The version of the form; it counts up when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// One call. The fields are described in `docs/call-records.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    version: u32,
    node: String,
    conn: String,
    call_id: String,
    tenant: String,
    ingress: String,
    source: String,
    trunk: Option<String>,
    identity: Option<String>,
    caller: String,
    callee: String,
    shown_caller: String,
    routed_callee: String,
    labels: BTreeMap<String, String>,
    emergency: bool,
    offered_at: String,
    ringing_at: Option<String>,
    answered_at: Option<String>,
    ended_at: String,
    setup_ms: u64,
    ring_ms: Option<u64>,
    talk_ms: Option<u64>,
    outcome: &'static str,
    released_by: &'static str,
    cause: String,
    status: Option<u16>,
    q850: u8,
    q850_text: &'static str,
    media: Option<&'static str>,
    routed_by: Option<String>,
    table: Option<u64>,
    legs: Vec<Leg>,
    failed_targets: Vec<FailedTarget>,
    passed_trunks: Vec<PassedTrunk>,
    transfer: Option<OfTransfer>,
    transfers: Vec<Transferred>,
    decisions: Vec<Decided>,
    truncated: bool,
}

/// One INVITE towards a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Leg {
    number: u16,
    target: String,
    trunk: Option<String>,
    uri: String,
    call_id: String,
    transport: String,
    peer: String,
    offered_at: String,
    ringing_at: Option<String>,
    answered_at: Option<String>,
    ended_at: String,
    status: u16,
    lasted_ms: u64,
}

/// A target of a plan that did not answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct FailedTarget {
    target: String,
    status: u16,
    lasted_ms: u64,
}

/// A trunk of a target that was not tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct PassedTrunk {
    trunk: String,
    why: &'static str,
}

/// The transfer that began the call.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct OfTransfer {
    kind: &'static str,
    by: String,
    from: String,
    count: u8,
}

/// A transfer that a party of the call asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Transferred {
    at: String,
    leg: u16,
    to: String,
    into: String,
    /// 200 when the party was sent on; null while that is not known.
    status: Option<u16>,
}

/// What was asked of the plugins, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Decided {
    at: String,
    hook: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    decided_by: Option<String>,
    steps: Vec<Asked>,
    reasons: Vec<Why>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Asked {
    generation: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    took_us: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Why {
    code: String,
    text: String,
}

/// How a call ended, as [`Fact::Released`] tells it; nothing for a call that stands when the switch stops.
#[derive(Clone, Copy, Default)]
struct End {
    cause: Option<Cause>,
    anchored: Option<bool>,
    table: Option<u64>,
}

/// A leg while its events are read.
struct Trial<'a> {
    number: u16,
    fact: &'a Fact,
    trunk: Option<&'a str>,
    offered_at: Instant,
    ringing_at: Option<Instant>,
    answered_at: Option<Instant>,
    ended: Option<(Instant, u16)>,
}

/// What the events of a draft come to.
#[derive(Default)]
struct Course<'a> {
    trials: Vec<Trial<'a>>,
    failed: Vec<&'a Attempt>,
    passed: Vec<PassedTrunk>,
    begun: Vec<(Instant, &'a Fact, Option<u16>)>,
    decided: Vec<(Instant, &'a Decision)>,
    ringing_at: Option<Instant>,
    answered_at: Option<Instant>,
    end: End,
}

impl Record {
    /// The record of a call of node `node`. `wall` gives milliseconds since 1970 of an instant.
    pub fn of(draft: &Draft, node: &str, wall: impl Fn(Instant) -> u64) -> Self {
        let at = |instant: Instant| format_wall(wall(instant));
        let course = Course::of(draft);
        let Course { ringing_at, answered_at, end, .. } = course;
        let facts = &draft.facts;
        let ended_at = draft.ended_at;
        let set_up_at = answered_at.unwrap_or(ended_at);
        let (status, q850) = status_and_cause(end.cause, answered_at.is_some());
        let route =
            |(_, decision): &&(Instant, &Decision)| decision.hook == model::hook::Hook::Route;
        let routed_by = course.decided.iter().rfind(route).and_then(|(_, d)| d.decided_by.as_ref());
        Self {
            version: VERSION,
            node: node.to_owned(),
            conn: facts.conn_id.to_string(),
            call_id: facts.call_id.clone(),
            tenant: facts.tenant.clone(),
            ingress: facts.ingress.clone(),
            source: facts.source.to_string(),
            trunk: facts.trunk.clone(),
            identity: facts.identity.as_ref().map(ToString::to_string),
            caller: facts.dialled_caller().uri.clone(),
            callee: facts.dialled_callee().uri.clone(),
            shown_caller: facts.caller.uri.clone(),
            routed_callee: facts.callee.uri.clone(),
            labels: facts.labels.iter().cloned().collect(),
            emergency: facts.emergency,
            offered_at: at(draft.offered_at),
            ringing_at: ringing_at.map(at),
            answered_at: answered_at.map(at),
            ended_at: at(ended_at),
            setup_ms: ms(draft.offered_at, set_up_at),
            ring_ms: ringing_at.map(|since| ms(since, set_up_at)),
            talk_ms: answered_at.map(|since| ms(since, ended_at)),
            outcome: outcome(end.cause, answered_at.is_some()),
            released_by: released_by(end.cause, &course),
            cause: end.cause.map_or_else(|| "switch stopped".to_owned(), |c| c.to_string()),
            status,
            q850,
            q850_text: q850::text(q850),
            media: end.anchored.map(|anchored| if anchored { "anchored" } else { "bypassed" }),
            routed_by: routed_by.map(ToString::to_string),
            table: end.table,
            legs: course.trials.iter().map(|trial| trial.leg(ended_at, at)).collect(),
            failed_targets: course.failed.iter().map(|attempt| failed_target(attempt)).collect(),
            decisions: course.decided.iter().map(|(when, d)| decided(at(*when), d)).collect(),
            passed_trunks: course.passed,
            transfer: facts.transfer.as_ref().map(|transfer| OfTransfer {
                kind: transfer.kind.name(),
                by: transfer.by.uri.clone(),
                from: transfer.of.to_string(),
                count: transfer.count,
            }),
            transfers: course.begun.iter().filter_map(|begun| transferred(begun, at)).collect(),
            truncated: draft.truncated,
        }
    }
}

impl<'a> Course<'a> {
    fn of(draft: &'a Draft) -> Self {
        let mut course = Self::default();
        for (at, fact) in &draft.events {
            course.take(*at, fact);
        }
        course
    }

    fn take(&mut self, at: Instant, fact: &'a Fact) {
        match fact {
            Fact::Decided { decision, .. } | Fact::Judged { decision, .. } => {
                self.decided.push((at, decision));
            }
            Fact::TargetFailed { attempt, .. } => self.failed.push(attempt),
            Fact::LegOffered { leg, .. } => self.trials.push(Trial {
                number: leg.number,
                fact,
                trunk: None,
                offered_at: at,
                ringing_at: None,
                answered_at: None,
                ended: None,
            }),
            Fact::LegOnTrunk { leg, trunk } => {
                if let Some(trial) = self.trial(leg.number) {
                    trial.trunk = Some(trunk);
                }
            }
            Fact::TrunkPassed { trunk, why, .. } => {
                self.passed.push(PassedTrunk { trunk: trunk.clone(), why: why.text() });
            }
            Fact::LegAlerting { leg, .. } => {
                self.ringing_at.get_or_insert(at);
                if let Some(trial) = self.trial(leg.number) {
                    trial.ringing_at.get_or_insert(at);
                }
            }
            Fact::LegFailed { leg, status } => {
                let status = *status;
                if let Some(trial) = self.trial(leg.number) {
                    trial.ended = Some((at, status));
                }
            }
            Fact::Established { leg, .. } => {
                self.answered_at = Some(at);
                if let Some(trial) = self.trial(leg.number) {
                    trial.answered_at = Some(at);
                }
            }
            Fact::Released { cause, anchored, table, .. } => {
                self.end = End { cause: Some(*cause), anchored: Some(*anchored), table: *table };
            }
            Fact::TransferBegun { .. } => self.begun.push((at, fact, None)),
            Fact::Transferred { .. } => self.end_transfer(200),
            Fact::TransferFailed { status, .. } => self.end_transfer(*status),
            Fact::CallOffered { .. }
            | Fact::Amended { .. }
            | Fact::TurnedAway { .. }
            | Fact::Held { .. }
            | Fact::Retrieved { .. }
            | Fact::Queued { .. }
            | Fact::Routed { .. }
            | Fact::LegMoved { .. }
            | Fact::DtmfSent { .. }
            | Fact::Controlled { .. }
            | Fact::NotAuthenticated { .. }
            | Fact::Registered { .. }
            | Fact::Trunk { .. }
            | Fact::Device { .. }
            | Fact::Unregistered { .. } => {}
        }
    }

    fn end_transfer(&mut self, status: u16) {
        if let Some((_, _, ended)) = self.begun.last_mut() {
            *ended = Some(status);
        }
    }

    fn trial(&mut self, number: u16) -> Option<&mut Trial<'a>> {
        self.trials.iter_mut().find(|trial| trial.number == number)
    }
}

impl Trial<'_> {
    /// A leg that has not ended with its call was cancelled with it, or talked until then.
    fn leg(&self, call_ended_at: Instant, at: impl Fn(Instant) -> String) -> Leg {
        let unended = (call_ended_at, if self.answered_at.is_some() { 200 } else { 487 });
        let (ended_at, status) = self.ended.unwrap_or(unended);
        let mut leg = Leg {
            number: self.number,
            target: String::new(),
            trunk: self.trunk.map(str::to_owned),
            uri: String::new(),
            call_id: String::new(),
            transport: String::new(),
            peer: String::new(),
            offered_at: at(self.offered_at),
            ringing_at: self.ringing_at.map(&at),
            answered_at: self.answered_at.map(&at),
            ended_at: at(ended_at),
            status,
            lasted_ms: ms(self.offered_at, ended_at),
        };
        if let Fact::LegOffered { uri, call_id, flow, target, .. } = self.fact {
            leg.target = target.to_string();
            leg.uri.clone_from(uri);
            leg.call_id.clone_from(call_id);
            leg.transport = flow.transport.to_string().to_lowercase();
            leg.peer = flow.peer.to_string();
        }
        leg
    }
}

fn transferred(
    (when, fact, status): &(Instant, &Fact, Option<u16>),
    at: impl Fn(Instant) -> String,
) -> Option<Transferred> {
    let Fact::TransferBegun { leg, into, to, .. } = fact else { return None };
    Some(Transferred {
        at: at(*when),
        leg: leg.number,
        to: to.clone(),
        into: into.to_string(),
        status: *status,
    })
}

/// The status that the caller was given, and the cause of Q.850 that stands for how the call ended.
const fn status_and_cause(cause: Option<Cause>, answered: bool) -> (Option<u16>, u8) {
    let status = match cause {
        _ if answered => Some(200),
        Some(Cause::Refused(status) | Cause::Plugin(Some(status))) => Some(status),
        Some(
            Cause::Cancelled
            | Cause::Plugin(None)
            | Cause::Operator
            | Cause::Hangup(_)
            | Cause::AckMissing
            | Cause::SessionExpired
            | Cause::TooLong
            | Cause::MediaSilent
            | Cause::PartyGone
            | Cause::Transferred,
        ) => Some(487),
        None => None,
    };
    let q850 = match cause {
        Some(
            Cause::Hangup(_)
            | Cause::Cancelled
            | Cause::Operator
            | Cause::Plugin(None)
            | Cause::Transferred,
        ) => q850::NORMAL,
        Some(Cause::Refused(status) | Cause::Plugin(Some(status))) => q850::of_status(status),
        Some(
            Cause::AckMissing
            | Cause::SessionExpired
            | Cause::TooLong
            | Cause::MediaSilent
            | Cause::PartyGone,
        ) => q850::TIMER,
        None => q850::TEMPORARY_FAILURE,
    };
    (status, q850)
}

const fn outcome(cause: Option<Cause>, answered: bool) -> &'static str {
    match cause {
        _ if answered => "answered",
        Some(Cause::Cancelled) => "cancelled",
        Some(Cause::Refused(_) | Cause::Plugin(Some(_))) => "refused",
        Some(
            Cause::Hangup(_)
            | Cause::AckMissing
            | Cause::SessionExpired
            | Cause::TooLong
            | Cause::MediaSilent
            | Cause::PartyGone
            | Cause::Operator
            | Cause::Plugin(None)
            | Cause::Transferred,
        )
        | None => "interrupted",
    }
}

/// A refusal is the called party's when what the caller was told is what the last target's phone said.
fn released_by(cause: Option<Cause>, course: &Course<'_>) -> &'static str {
    match cause {
        Some(Cause::Hangup(ReleasedBy::Caller) | Cause::Cancelled) => "caller",
        Some(Cause::Hangup(ReleasedBy::Callee)) => "callee",
        Some(Cause::Operator) => "operator",
        Some(Cause::Plugin(_)) => "plugin",
        Some(Cause::Refused(status))
            if course.trials.iter().any(|t| t.ended.is_some_and(|(_, s)| s == status)) =>
        {
            "callee"
        }
        Some(Cause::Transferred) => "transfer",
        Some(
            Cause::Hangup(ReleasedBy::Switch)
            | Cause::AckMissing
            | Cause::SessionExpired
            | Cause::TooLong
            | Cause::MediaSilent
            | Cause::PartyGone
            | Cause::Refused(_),
        )
        | None => "switch",
    }
}

fn ms(since: Instant, until: Instant) -> u64 {
    u64::try_from(until.saturating_since(since).as_millis()).unwrap_or(u64::MAX)
}

fn failed_target(attempt: &Attempt) -> FailedTarget {
    FailedTarget {
        target: attempt.target.to.to_string(),
        status: attempt.status,
        lasted_ms: u64::try_from(attempt.lasted.as_millis()).unwrap_or(u64::MAX),
    }
}

fn decided(at: String, decision: &Decision) -> Decided {
    let why =
        |reason: &model::hook::Reason| Why { code: reason.code.clone(), text: reason.text.clone() };
    Decided {
        at,
        hook: decision.hook.name(),
        about: decision.about.as_deref().map(str::to_owned),
        decided_by: decision.decided_by.as_ref().map(ToString::to_string),
        steps: decision.steps.iter().map(asked).collect(),
        reasons: decision.reasons.iter().map(why).collect(),
    }
}

fn asked(step: &Step) -> Asked {
    let (outcome, detail) = match &step.outcome {
        StepOutcome::Passed => ("passed", None),
        StepOutcome::Amended => ("amended", None),
        StepOutcome::Decided => ("decided", None),
        StepOutcome::Failed(failure) => (failure.kind.name(), Some(failure.detail.clone())),
    };
    Asked { generation: step.generation.to_string(), outcome, detail, took_us: step.took_ns / 1000 }
}
