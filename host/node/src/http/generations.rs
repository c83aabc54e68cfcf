//! What each version of a plugin did and holds, and quarantine by hand.

use std::{fmt::Write as _, time::Duration};

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use model::hook::Hook;
use plugin::{GenerationStats, HookTally, Key, Standing};
use serde::Deserialize;

use super::{
    api::{Refusal, Shared},
    metrics::{head, labelled, line},
    versions::{busy, conflict},
    view,
};

/// How long a quarantine by hand lasts that does not say.
const REST: Duration = Duration::from_secs(600);

/// A metric of each version at each hook, a counter: name, help, value.
type OfTally = (&'static str, &'static str, fn(&HookTally) -> u64);
/// A metric of each version: name, kind, help, value.
type OfGeneration = (&'static str, &'static str, &'static str, fn(&GenerationStats) -> u64);

const OF_TALLY: &[OfTally] = &[
    ("jackfield_plugin_generation_decided_total", "Questions a version decided.", |t| t.decided),
    ("jackfield_plugin_generation_refused_total", "Questions a version refused.", |t| t.refused),
    ("jackfield_plugin_generation_passed_total", "Questions a version passed on.", |t| t.passed),
];

const OF_GENERATION: &[OfGeneration] = &[
    (
        "jackfield_plugin_generation_per_mille",
        "gauge",
        "Of a thousand new calls a version is asked about so many.",
        |g| per_mille(g.standing).into(),
    ),
    (
        "jackfield_plugin_generation_instances",
        "gauge",
        "WebAssembly instances of a version.",
        |g| g.instances as u64,
    ),
    ("jackfield_plugin_generation_memory_bytes", "gauge", "Their memories.", |g| g.memory as u64),
    (
        "jackfield_plugin_generation_lines_dropped_total",
        "counter",
        "Lines of a version that were too many for the log.",
        |g| g.lines_dropped,
    ),
];

/// By version, hook and kind.
const FAILED: (&str, &str, &str) =
    ("jackfield_plugin_generation_failed_total", "counter", "Questions a version failed, by kind.");
/// By version and hook.
const TOOK: (&str, &str, &str) =
    ("jackfield_plugin_generation_seconds", "histogram", "Time a version took for its answers.");
/// The histogram's bounds are these powers of two of nanoseconds: 1 us to 8.4 ms.
const BOUNDS: std::ops::RangeInclusive<u32> = 10..=23;

/// Name, kind and help of every metric.
#[cfg(test)]
pub(super) fn declared() -> Vec<(&'static str, &'static str, &'static str)> {
    let tallies = OF_TALLY.iter().map(|(name, help, _)| (*name, "counter", *help));
    let generations = OF_GENERATION.iter().map(|(name, kind, help, _)| (*name, *kind, *help));
    tallies.chain([FAILED, TOOK]).chain(generations).collect()
}

/// The metrics of versions. There are as many sets of labels as versions that are kept (`plugins.generations_max`), times their hooks.
pub(super) fn metrics(text: &mut String, all: &[GenerationStats]) {
    let tallies: Vec<(String, &HookTally)> = all
        .iter()
        .flat_map(|one| one.hooks.iter().map(move |tally| (labels(one, Some(tally)), tally)))
        .collect();
    for (name, help, value) in OF_TALLY {
        head(text, name, "counter", help);
        for (labels, tally) in &tallies {
            line(text, name, labels, value(tally) as f64);
        }
    }
    let (name, kind, help) = FAILED;
    head(text, name, kind, help);
    for (labels, tally) in &tallies {
        for (kind, count) in &tally.failures {
            line(text, name, &format!("{labels},kind=\"{}\"", kind.name()), *count as f64);
        }
    }
    let (name, kind, help) = TOOK;
    head(text, name, kind, help);
    for (labels, tally) in &tallies {
        histogram(text, name, labels, tally);
    }
    for (name, kind, help, value) in OF_GENERATION {
        head(text, name, kind, help);
        for one in all {
            line(text, name, &labels(one, None), value(one) as f64);
        }
    }
}

fn histogram(text: &mut String, name: &str, labels: &str, tally: &HookTally) {
    for exponent in BOUNDS {
        let bound = (1_u64 << exponent) as f64 / 1e9;
        let labels = format!("{labels},le=\"{bound}\"");
        line(text, &format!("{name}_bucket"), &labels, tally.times.below(exponent) as f64);
    }
    let total = tally.times.total() as f64;
    line(text, &format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), total);
    line(text, &format!("{name}_sum"), labels, tally.took.as_secs_f64());
    line(text, &format!("{name}_count"), labels, total);
}

fn labels(one: &GenerationStats, tally: Option<&HookTally>) -> String {
    let mut labels = labelled("plugin", &one.generation.plugin);
    // Writing to a String cannot fail.
    let _ = write!(labels, ",generation=\"{}\"", version(one));
    if let Some(tally) = tally {
        let _ = write!(labels, ",hook=\"{}\"", tally.hook.name());
    }
    labels
}

/// The generation without its plugin's name, `2@b07714de`.
fn version(one: &GenerationStats) -> String {
    let whole = one.generation.to_string();
    whole.rsplit('#').next().unwrap_or(&whole).to_owned()
}

const fn per_mille(standing: Standing) -> u16 {
    match standing {
        Standing::Serving => 1000,
        Standing::OnTrial(per_mille) => per_mille,
        Standing::Draining | Standing::Kept => 0,
    }
}

pub(super) async fn list(State(api): Shared) -> Json<Vec<view::Generation>> {
    Json(api.generations().await.iter().map(shown).collect())
}

fn shown(one: &GenerationStats) -> view::Generation {
    view::Generation {
        plugin: one.generation.plugin.to_string(),
        kind: one.kind.to_string(),
        generation: one.generation.to_string(),
        state: one.standing.name().to_owned(),
        per_mille: per_mille(one.standing),
        instances: one.instances,
        memory_bytes: one.memory,
        lines_dropped: one.lines_dropped,
        hooks: one.hooks.iter().map(tally).collect(),
    }
}

fn tally(tally: &HookTally) -> view::Tally {
    let failed = tally.failures.iter().filter(|(kind, _)| kind.is_its_own());
    let us = |of| tally.times.quantile(of).map(|time| time.as_secs_f64() * 1e6);
    let whole = tally.rests.map(|left| ("all calls".to_owned(), left.as_secs()));
    let keys = tally.keys.iter().map(|(key, left)| (key.to_string(), left.as_secs()));
    view::Tally {
        hook: tally.hook.name().to_owned(),
        asked: tally.asked,
        decided: tally.decided,
        refused: tally.refused,
        passed: tally.passed,
        failed: failed.map(|(_, count)| count).sum(),
        p50_us: us(50),
        p99_us: us(99),
        times_ns: tally.times.pairs(),
        quarantined: whole.into_iter().chain(keys).collect(),
    }
}

#[derive(Deserialize)]
pub(super) struct QuarantineQuery {
    id: String,
    hook: Option<String>,
    key: Option<String>,
    for_s: Option<u64>,
}

impl QuarantineQuery {
    fn hook(&self) -> Result<Option<Hook>, Refusal> {
        let Some(name) = &self.hook else { return Ok(None) };
        match Hook::ALL.into_iter().find(|hook| hook.name() == name) {
            Some(hook) => Ok(Some(hook)),
            None => {
                let known = Hook::ALL.map(Hook::name).join(", ");
                Err(wrong(format!("there is no hook `{name}`; the hooks are {known}")))
            }
        }
    }

    fn key(&self) -> Result<Option<Key>, Refusal> {
        let key = self.key.as_deref().map(str::parse).transpose();
        key.map_err(|why: String| wrong(format!("`key`: {why}")))
    }
}

fn wrong(what: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, what)
}

pub(super) async fn quarantine(
    State(api): Shared,
    Query(query): Query<QuarantineQuery>,
) -> Result<Json<view::Quarantined>, Refusal> {
    let (hook, key) = (query.hook()?, query.key()?);
    let rest = query.for_s.map_or(REST, Duration::from_secs);
    let kept = api.reload.quarantine(query.id, hook, key, rest).await.ok_or_else(busy)?;
    let hooks = kept.map_err(conflict)?.into_iter().map(|hook| hook.name().to_owned()).collect();
    Ok(Json(view::Quarantined { hooks, for_s: rest.as_secs() }))
}

pub(super) async fn release(
    State(api): Shared,
    Query(query): Query<QuarantineQuery>,
) -> Result<Json<view::Released>, Refusal> {
    let (hook, key) = (query.hook()?, query.key()?);
    let ended = api.reload.release(query.id, hook, key).await.ok_or_else(busy)?;
    Ok(Json(view::Released { ended: ended.map_err(conflict)? }))
}
