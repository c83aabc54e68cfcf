//! Candidates that are compared, and where they differ from what serves.

use std::collections::BTreeMap;

use plugin::{Diff, ShadowStatus};
use record::{Class, Group};
use serde::{Deserialize, Serialize};

/// A version of a plugin that is asked what the serving one is asked, and decides nothing; the answer to `POST /api/plugins/shadow`, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    /// The generation.
    pub generation: String,
    /// Where it comes from.
    pub source: String,
    /// The generation it is compared with.
    pub against: String,
    /// How long already, in seconds.
    pub lasts_s: u64,
    /// How many questions were compared.
    pub compared: u64,
    /// How many of each class: same, reasons-only, different-target, different-refusal, other, failed, slower.
    pub classes: BTreeMap<Class, u64>,
    /// Questions that were left out because comparing was behind.
    pub dropped: u64,
    /// 99 of a hundred answers of what serves took this much CPU time, in microseconds.
    pub serving_p99_us: f64,
    /// 99 of a hundred answers of the candidate did.
    pub candidate_p99_us: f64,
    /// What is missing before it may serve; empty when it may.
    pub missing: Vec<String>,
}

/// The answer to `GET /api/plugins/diff` and `POST /api/plugins/approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Differences {
    /// How far the comparison is.
    pub shadow: Shadow,
    /// The groups of differences.
    pub groups: Vec<Difference>,
    /// Differences that found no room among the groups.
    pub beyond: u64,
}

/// Questions that two versions of a plugin answer otherwise in the same way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Names the group; the same difference has the same name at any time.
    pub id: String,
    /// How they differ: reasons-only, different-target, different-refusal, other, failed, slower.
    pub class: Class,
    /// The hook.
    pub hook: String,
    /// The tenant.
    pub tenant: String,
    /// The trunk the calls came over, if there was one.
    pub trunk: Option<String>,
    /// What the called numbers begin with.
    pub prefix: String,
    /// What changed; what differs from call to call is left out.
    pub change: String,
    /// How often.
    pub count: u64,
    /// The first of the calls.
    pub examples: Vec<Example>,
    /// Why the author expects it, by a rule of the manifest.
    pub expected: Option<String>,
    /// Who has approved it.
    pub approved: Option<Approval>,
    /// Whether it holds a promotion up.
    pub open: bool,
}

/// A call of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Its Call-ID.
    pub call_id: String,
    /// Who calls.
    pub caller: String,
    /// Who is called.
    pub callee: String,
    /// What the serving version said.
    pub before: String,
    /// What the candidate said.
    pub after: String,
}

/// Somebody's word that a difference is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

impl From<&ShadowStatus> for Shadow {
    fn from(status: &ShadowStatus) -> Self {
        let [serving, candidate] = status.p99_ns.map(|ns| ns as f64 / 1000.0);
        Self {
            generation: status.generation.to_string(),
            source: status.source.clone(),
            against: status.against.to_string(),
            lasts_s: status.lasts.as_secs(),
            compared: status.compared,
            classes: status.classes.iter().copied().collect(),
            dropped: status.dropped,
            serving_p99_us: serving,
            candidate_p99_us: candidate,
            missing: status.missing.clone(),
        }
    }
}

impl From<&Diff> for Differences {
    fn from(diff: &Diff) -> Self {
        let groups = diff.groups.iter().map(Difference::from).collect();
        Self { shadow: Shadow::from(&diff.status), groups, beyond: diff.beyond }
    }
}

impl From<&Group> for Difference {
    fn from(group: &Group) -> Self {
        let examples = group.examples.iter().map(|example| Example {
            call_id: example.call_id.clone(),
            caller: example.caller.clone(),
            callee: example.callee.clone(),
            before: example.before.clone(),
            after: example.after.clone(),
        });
        Self {
            id: group.id.clone(),
            class: group.class,
            hook: group.hook.name().to_owned(),
            tenant: group.tenant.clone(),
            trunk: group.trunk.clone(),
            prefix: group.prefix.clone(),
            change: group.change.clone(),
            count: group.count,
            examples: examples.collect(),
            expected: group.expected.clone(),
            approved: group.approved.as_ref().map(|approval| Approval {
                by: approval.by.clone(),
                why: approval.why.clone(),
                at_ms: approval.at_ms,
            }),
            open: group.is_open(),
        }
    }
}
