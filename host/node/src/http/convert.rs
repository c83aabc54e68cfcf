//! From the program's values to what the API gives.

use model::{
    Aor, Binding, Instant,
    hook::{Decision, Step, StepOutcome, Verdict},
};
use plugin::{HookStats, PluginStatus, ReloadReport, Reloaded};
use switch::{CallView, Reach, Registration};

use super::{versions, view};
use crate::{
    clock::format_wall, directory::TrunkView, journal::Entry, modules::ModuleView,
    node::Reconfigured,
};

pub(super) fn call(call: CallView, now: Instant) -> view::Call {
    let legs = call.legs.into_iter().map(|leg| view::Leg {
        call_id: leg.call_id,
        number: leg.number,
        uri: leg.uri,
        holding: leg.holding,
        trunk: leg.trunk,
    });
    view::Call {
        conn: call.conn.to_string(),
        call_id: call.facts.call_id.clone(),
        caller: call.facts.caller.uri.clone(),
        callee: call.facts.callee.uri.clone(),
        ingress: call.facts.ingress.clone(),
        labels: call.facts.labels.iter().cloned().collect(),
        phase: call.phase.name().to_owned(),
        age_s: now.saturating_since(call.started_at).as_secs_f64(),
        established_s: call.established_for.map(|since| since.as_secs_f64()),
        routed_by: call.routed_by.map(|by| by.to_string()),
        anchored: call.anchored,
        legs: legs.collect(),
    }
}

pub(super) fn registration(aor: &Aor, bindings: &[Binding], now: Instant) -> view::Registration {
    let live = bindings.iter().filter(|binding| binding.expires_at > now);
    let contacts = live.map(|binding| view::Contact {
        uri: binding.contact.to_string(),
        peer: binding.flow.peer.to_string(),
        q: f64::from(binding.q_milli) / 1000.0,
        expires_s: binding.expires_at.saturating_since(now).as_secs(),
        user_agent: binding.user_agent.to_string(),
        path: binding.path.to_string(),
        behind_nat: binding.is_behind_nat,
        instance: binding.instance.to_string(),
        reg_id: binding.reg_id,
    });
    view::Registration { aor: aor.to_string(), contacts: contacts.collect() }
}

pub(super) fn module(of: ModuleView) -> view::Module {
    view::Module {
        module: of.module.tag().to_owned(),
        thread: of.module.thread(),
        clients: of.clients,
        accepted: of.accepted,
        turned_away: of.turned_away,
        handshakes_failed: of.handshakes_failed,
        not_reading: of.not_reading,
        requests: of.requests,
        deliveries: of.deliveries,
        letters: of.letters,
        lost: of.lost,
        cpu_us: of.cpu_us,
        registrations: of.registrations,
        agents: of.agents,
        calls: of.calls,
        calls_missed: of.calls_missed,
        requests_waiting: of.requests_waiting,
    }
}

pub(super) fn trunk(trunk: TrunkView, now: Instant) -> view::Trunk {
    let TrunkView { name, group, uri, calls, capacity, status, counts: _ } = trunk;
    let in_seconds = |at: Instant| at.saturating_since(now).as_secs();
    let (mut expires_s, mut retry_s) = (None, None);
    match status.registration {
        Registration::Registered { until } => expires_s = Some(in_seconds(until)),
        Registration::Failed { retry_at } => retry_s = Some(in_seconds(retry_at)),
        Registration::None | Registration::Registering | Registration::Unregistered => {}
    }
    let known = status.reach != Reach::Unknown;
    view::Trunk {
        name,
        group,
        uri,
        registration: status.registration.name().to_owned(),
        expires_s,
        retry_s,
        reach: status.reach.name().to_owned(),
        since_s: known.then(|| now.saturating_since(status.since).as_secs()),
        calls,
        capacity,
        service_route: status.service_route.as_deref().map(str::to_owned),
        failure: status.failure.as_ref().map(|(at, what)| view::TrunkFailure {
            ago_s: now.saturating_since(*at).as_secs(),
            what: what.clone(),
        }),
    }
}

pub(super) fn plugin(status: PluginStatus) -> view::Plugin {
    let hooks = status.quarantined.iter().map(|hook| hook.name().to_owned());
    let keys = status.quarantined_keys.iter();
    let keys = keys.map(|(hook, key, _)| format!("{hook} for {key}"));
    view::Plugin {
        kind: status.kind.to_string(),
        version: status.version,
        source: status.source,
        generation: status.generation.to_string(),
        serial: status.generation.serial,
        hooks: status.stats.iter().map(hook_figures).collect(),
        quarantined: hooks.chain(keys).collect(),
        trial: status.trial.as_ref().map(versions::trial),
        shadow: status.shadow.as_ref().map(view::Shadow::from),
        previous: status.previous.as_ref().map(ToString::to_string),
        rolled_back: status.rolled_back.as_ref().map(versions::rolled_back),
        refused: status.last.outcome.as_ref().err().map(diagnostic),
        id: status.id,
    }
}

/// How often a plugin failed, quarantine left out: it is a consequence.
fn failures(stats: &HookStats) -> u64 {
    let failed = stats.failures.iter().filter(|(kind, _)| kind.is_its_own());
    failed.map(|(_, count)| count).sum()
}

fn hook_figures(stats: &HookStats) -> view::HookFigures {
    view::HookFigures {
        hook: stats.hook.name().to_owned(),
        asked: stats.calls,
        decided: stats.decided,
        failed: failures(stats),
        mean_us: stats.nanos_total as f64 / 1000.0 / stats.calls.max(1) as f64,
        max_us: stats.nanos_max as f64 / 1000.0,
    }
}

fn diagnostic(diagnostic: &plugin::Diagnostic) -> view::Diagnostic {
    view::Diagnostic {
        file: diagnostic.file.clone(),
        line: diagnostic.line,
        column: diagnostic.column,
        reason: diagnostic.reason.clone(),
        help: diagnostic.help.clone(),
        text: diagnostic.to_string(),
    }
}

pub(super) fn reload(report: &ReloadReport) -> view::Reload {
    let (outcome, refused) = match &report.outcome {
        Ok(Reloaded::Activated(_)) => ("loaded", None),
        Ok(Reloaded::OnTrial(..)) => ("on trial", None),
        Ok(Reloaded::Shadowed(_)) => ("compared", None),
        Ok(Reloaded::Unchanged) => ("unchanged", None),
        Ok(Reloaded::Withdrawn) => ("withdrawn", None),
        Err(why) => ("refused", Some(diagnostic(why))),
    };
    view::Reload {
        plugin: report.plugin.clone(),
        outcome: outcome.to_owned(),
        serving: report.still_serving.as_ref().map(ToString::to_string),
        refused,
        took_ms: report.took.as_secs_f64() * 1000.0,
    }
}

pub(super) fn reconfigured(report: &Reconfigured) -> view::Reconfiguration {
    let outcome = match (report.problems.is_empty(), report.changes.is_empty()) {
        (false, _) => "refused",
        (true, true) => "unchanged",
        (true, false) => "changed",
    };
    let changes = report.changes.iter().map(|change| view::Change {
        key: change.key.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
        live: change.live,
    });
    let problems = report.problems.iter().map(|problem| view::Problem {
        file: problem.place.as_ref().map(|place| place.source.clone()),
        line: problem.place.as_ref().map(|place| place.line),
        column: problem.place.as_ref().map(|place| place.column),
        what: problem.what.clone(),
        help: problem.help.clone(),
        text: problem.to_string(),
    });
    view::Reconfiguration {
        outcome: outcome.to_owned(),
        changes: changes.collect(),
        problems: problems.collect(),
    }
}

pub(super) fn decision(entry: Entry) -> view::Decision {
    let view::Judgement { hook, about, decided_by, verdict, steps, reasons } =
        verdict(entry.decision);
    view::Decision {
        number: entry.number,
        at: format_wall(entry.at_ms),
        conn: entry.conn.to_string(),
        call_id: entry.call_id,
        caller: entry.caller,
        callee: entry.callee,
        hook,
        about,
        decided_by,
        verdict,
        steps,
        reasons,
    }
}

pub(super) fn verdict(decision: Decision) -> view::Judgement {
    let reasons = decision.reasons.into_iter();
    let is_amended = decision.steps.iter().any(|step| step.outcome == StepOutcome::Amended);
    let verdict = match decision.verdict {
        Verdict::BuiltIn if is_amended => "amended".to_owned(),
        verdict => verdict.to_string(),
    };
    view::Judgement {
        hook: decision.hook.name().to_owned(),
        about: decision.about.map(String::from),
        decided_by: decision.decided_by.map(|by| by.to_string()),
        verdict,
        steps: decision.steps.into_iter().map(step).collect(),
        reasons: reasons.map(|r| view::Reason { code: r.code, text: r.text }).collect(),
    }
}

fn step(step: Step) -> view::Step {
    let (outcome, detail) = match step.outcome {
        StepOutcome::Passed => ("passed", None),
        StepOutcome::Amended => ("amended", None),
        StepOutcome::Decided => ("decided", None),
        StepOutcome::Failed(failure) => (failure.kind.name(), Some(failure.detail)),
    };
    view::Step {
        generation: step.generation.to_string(),
        outcome: outcome.to_owned(),
        detail,
        took_us: step.took_ns as f64 / 1000.0,
    }
}
