//! What a decision costs.

use std::time::Instant;

use model::{
    HeaderBlock,
    hook::{Decision, Hook, StepOutcome},
};
use plugin::Worker;
use serde::Serialize;

use crate::{ScenarioError, Suite, case::Case, expect::Came, scenario::Entry, walk::walk};

/// Header fields of a request that came over a proxy; a case has its own, and these as far as it has none of that name.
const HEADERS: [(&str, &str); 20] = [
    ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds"),
    ("Max-Forwards", "69"),
    ("Record-Route", "<sip:192.0.2.1;lr>"),
    ("From", "<sip:1000@home.test>;tag=1928301774"),
    ("To", "<sip:2000@home.test>"),
    ("Call-ID", "a84b4c76e66710@pc33.home.test"),
    ("CSeq", "314159 INVITE"),
    ("Contact", "<sip:1000@192.0.2.10:5060>"),
    ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY"),
    ("Supported", "timer, 100rel, replaces, path, gruu"),
    ("User-Agent", "Desk Phone 1.0"),
    ("Date", "Wed, 18 Nov 2026 12:00:00 GMT"),
    ("Accept", "application/sdp"),
    ("Accept-Language", "en"),
    ("Session-Expires", "1800;refresher=uac"),
    ("Min-SE", "90"),
    ("Organization", "Example Ltd"),
    ("Priority", "normal"),
    ("Content-Type", "application/sdp"),
    ("Content-Length", "271"),
];

/// So many decisions are made by fresh instances, at most: each instance costs more than a decision.
const FRESH_MAX: usize = 2_000;

/// What one question costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// The case that was asked.
    pub name: String,
    /// Its hook.
    pub hook: String,
    /// What came, so that it can be seen what was measured.
    pub came: String,
    /// A decision of an instance that is there.
    pub decision: Figures,
    /// The same, and what is decided handed to the journal.
    pub journalled: Figures,
    /// Making an instance, and its first decision.
    pub fresh: Figures,
}

/// Nanoseconds of wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How often it was measured.
    pub count: usize,
    /// The median.
    pub p50_ns: u64,
    /// What 99 of 100 do not exceed.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Suite {
    /// Asks the first question of each case, or of each of one hook, `count` times. A suite without such cases asks a plain call to
    /// `2000`, from `1000`. `journal` keeps the decisions, as a switch does; what that costs is in [`Measured::journalled`].
    ///
    /// # Errors
    ///
    /// When a case makes the plugin fail, when there is nothing to measure, or when the plugin does not load.
    pub fn bench(
        &self,
        hook: Option<Hook>,
        count: usize,
        journal: &mut dyn FnMut(Decision),
    ) -> Result<Vec<Measured>, ScenarioError> {
        let is_it = |case: &&Case| {
            hook.is_none_or(|hook| case.steps.first().is_some_and(|s| s.hook == hook))
        };
        let mut cases: Vec<Case> = self.cases().iter().filter(is_it).cloned().collect();
        if cases.is_empty() {
            let hooks =
                self.hooks().into_iter().filter(|have| hook.is_none_or(|hook| hook == *have));
            cases = hooks.map(typical).collect::<Result<_, _>>()?;
        }
        if cases.is_empty() {
            let what =
                format!("the plugin does not answer the hook {}", hook.map_or("", Hook::name));
            return Err(ScenarioError::Plugin(what));
        }
        let measured = cases.into_iter().filter(|case| case.steps[0].expect.refused.is_none());
        measured.map(|case| self.measure(case, count.max(1), journal)).collect()
    }

    fn measure(
        &self,
        mut case: Case,
        count: usize,
        journal: &mut dyn FnMut(Decision),
    ) -> Result<Measured, ScenarioError> {
        case.steps.truncate(1);
        case.call.headers = filled(&case.call.headers);
        let host = |instance_calls| {
            let host = case.setup.host(self.source(), self.id(), instance_calls);
            host.map_err(|problem| ScenarioError::Plugin(problem.to_string()))
        };
        let (kept, once) = (host(None)?, host(Some((1, 1)))?);
        let (decision, came) = times(&case, &mut kept.worker(), count, None)?;
        let (journalled, _) = times(&case, &mut kept.worker(), count, Some(journal))?;
        let (fresh, _) = times(&case, &mut once.worker(), count.min(FRESH_MAX), None)?;
        let hook = case.steps[0].hook.name().to_owned();
        Ok(Measured { name: case.name, hook, came, decision, journalled, fresh })
    }
}

/// A plain call for a hook of a plugin that has no cases.
fn typical(hook: Hook) -> Result<Case, ScenarioError> {
    let entry = Entry {
        name: Some("a call from 1000 to 2000".to_owned()),
        hook: Some(hook.name().to_owned()),
        callee: Some("sip:2000@home.test".to_owned()),
        contacts: Some(vec!["sip:2000@192.0.2.10".to_owned()]),
        expect: Some(Default::default()),
        attempts: Some(Vec::new()),
        ..Entry::default()
    };
    Case::of("", 0, &entry, &[]).map_err(ScenarioError::Plugin)
}

fn filled(have: &HeaderBlock) -> HeaderBlock {
    let missing = HEADERS.into_iter().filter(|(name, _)| have.get(name).next().is_none());
    HeaderBlock::from_pairs(have.iter().chain(missing).take(have.len().max(HEADERS.len())))
}

/// Asks so often, after a tenth of it that does not count.
fn times(
    case: &Case,
    worker: &mut Worker,
    count: usize,
    mut journal: Option<&mut dyn FnMut(Decision)>,
) -> Result<(Figures, String), ScenarioError> {
    let mut nanos = Vec::with_capacity(count);
    let mut came = String::new();
    for n in 0..count + count / 10 {
        let mut took = 0;
        let mut failed = false;
        let all: Vec<Came> = walk(case, |question, moment| {
            let started = Instant::now();
            let answer = worker.answer(question, moment);
            let mut lasted = started.elapsed();
            if let Some(journal) = &mut journal {
                // The switch has no more use for it; here it is looked at yet.
                let decision = answer.decision.clone();
                let started = Instant::now();
                journal(decision);
                lasted += started.elapsed();
            }
            took = u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX);
            failed =
                answer.decision.steps.iter().any(|s| matches!(s.outcome, StepOutcome::Failed(_)));
            answer
        });
        if n == 0 || failed {
            came = all.first().map_or_else(String::new, Came::shown);
        }
        if failed {
            return Err(ScenarioError::Plugin(format!("{}: {came}", case.name)));
        }
        if n >= count / 10 {
            nanos.push(took);
        }
    }
    Ok((Figures::of(nanos), came))
}

impl Figures {
    fn of(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        let count = nanos.len();
        let at = |part: usize| nanos.get(part.min(count.saturating_sub(1))).copied().unwrap_or(0);
        Self { count, p50_ns: at(count / 2), p99_ns: at(count * 99 / 100), max_ns: at(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_sorted_times() {
        let figures = Figures::of((1..=100).rev().collect());
        assert_eq!(figures, Figures { count: 100, p50_ns: 51, p99_ns: 100, max_ns: 100 });
        assert_eq!(Figures::of(Vec::new()), Figures::default());
    }

    #[test]
    fn a_call_has_twenty_header_fields_its_own_first() {
        let have = HeaderBlock::from_pairs([("subject", "lunch"), ("User-Agent", "mine")]);
        let filled = filled(&have);
        assert_eq!(filled.len(), 20);
        assert_eq!(filled.get("User-Agent").collect::<Vec<_>>(), ["mine"]);
        assert_eq!(filled.iter().next(), Some(("subject", "lunch")));
    }
}
