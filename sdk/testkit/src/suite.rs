//! The cases of some files, and the hosts they are asked in.

use std::{path::Path, sync::Arc};

use model::hook::Hook;
use plugin::{PluginHost, Source, Worker};

use crate::{
    ScenarioError,
    case::Case,
    expect::Came,
    random::Random,
    report::{CaseReport, Problem, Report, Tested},
    scenario,
    setup::{HostProblem, Setup},
    walk::walk,
};

/// A plugin and the cases it is asked.
///
/// Every case is asked strictly: of a fresh instance, of a second fresh one, and of one that answered other cases before, in an
/// order that a seed gives, twice in a row. All must say the same.
pub struct Suite {
    source: Source,
    id: String,
    cases: Vec<Case>,
    hosts: Vec<(Setup, Result<Arc<PluginHost>, HostProblem>)>,
}

impl Suite {
    /// Reads scenario files and loads the plugin as their cases want it. Without files the plugin is loaded as it is.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the plugin loads in no case.
    pub fn load(plugin: &Source, files: &[impl AsRef<Path>]) -> Result<Self, ScenarioError> {
        let mut cases = Vec::new();
        for file in files {
            cases.extend(scenario::read(file.as_ref())?);
        }
        let id = plugin.id().map_err(|diagnostic| ScenarioError::Plugin(diagnostic.to_string()))?;
        let mut suite = Self { source: plugin.clone(), id, cases, hosts: Vec::new() };
        let mut setups: Vec<Setup> = suite.cases.iter().map(|case| case.setup.clone()).collect();
        if setups.is_empty() {
            setups.push(Setup::default());
        }
        for setup in setups {
            if suite.host(&setup).is_none() {
                let host = setup.host(&suite.source, &suite.id, None);
                suite.hosts.push((setup, host));
            }
        }
        let is_refusal_wanted = suite.cases.iter().any(|case| case.refusal().is_some());
        match suite.hosts.iter().find_map(|(_, host)| host.as_ref().err()) {
            Some(problem) if suite.tested().kind.is_empty() && !is_refusal_wanted => {
                Err(ScenarioError::Plugin(problem.to_string()))
            }
            Some(_) | None => Ok(suite),
        }
    }

    /// Asks every case; gives what came. The same seed asks in the same order.
    pub fn run(&self, seed: u64) -> Report {
        let mut fresh: Vec<Result<Vec<Came>, String>> = Vec::new();
        let mut reports = Vec::new();
        for case in &self.cases {
            let asked = self.ask_fresh(case);
            let mut problems = judged(case, &asked);
            let again = self.ask_fresh(case);
            if let Some(problem) = differs(case, &asked, &again, "another fresh instance") {
                problems.push(problem);
            }
            fresh.push(asked);
            reports.push(CaseReport {
                file: case.file.clone(),
                line: case.line,
                name: case.name.clone(),
                steps: case.steps.len(),
                problems,
            });
        }
        self.ask_used(seed, &fresh, &mut reports);
        Report { plugin: self.tested(), seed, cases: reports }
    }

    /// The plugin, as the first host that loads it shows it.
    pub fn tested(&self) -> Tested {
        let loaded = self.hosts.iter().find_map(|(_, host)| host.as_ref().ok()?.list().pop());
        loaded.map_or_else(
            || Tested { id: self.id.clone(), ..Tested::default() },
            |status| Tested {
                id: status.id,
                version: status.version,
                kind: status.kind.to_string(),
                digest: status.generation.digest.to_string(),
            },
        )
    }

    /// The hooks it is asked at.
    pub(crate) fn hooks(&self) -> Vec<Hook> {
        let loaded = self.hosts.iter().find_map(|(_, host)| host.as_ref().ok()?.list().pop());
        loaded.map_or_else(Vec::new, |status| {
            status.hooks.into_iter().map(|(hook, _)| hook).collect()
        })
    }

    pub(crate) fn cases(&self) -> &[Case] {
        &self.cases
    }

    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn host(&self, setup: &Setup) -> Option<&Result<Arc<PluginHost>, HostProblem>> {
        self.hosts.iter().find(|(have, _)| have == setup).map(|(_, host)| host)
    }

    /// What a fresh instance says; or why there is none.
    fn ask_fresh(&self, case: &Case) -> Result<Vec<Came>, String> {
        match self.host(&case.setup) {
            Some(Ok(host)) => Ok(ask(case, &self.id, &mut host.worker())),
            Some(Err(problem)) => Err(problem.to_string()),
            None => Err("it was not loaded".to_owned()),
        }
    }

    /// Asks every case of an instance that others were asked of before.
    fn ask_used(&self, seed: u64, fresh: &[Result<Vec<Came>, String>], reports: &mut [CaseReport]) {
        let workers = self
            .hosts
            .iter()
            .filter_map(|(setup, host)| Some((setup, host.as_ref().ok()?.worker())));
        let mut workers: Vec<(&Setup, Worker)> = workers.collect();
        for at in Random::new(seed).order(self.cases.len()) {
            let (Some(case), Some(fresh), Some(report)) =
                (self.cases.get(at), fresh.get(at), reports.get_mut(at))
            else {
                continue;
            };
            let Some((_, worker)) = workers.iter_mut().find(|(setup, _)| **setup == case.setup)
            else {
                continue;
            };
            for _ in 0..2 {
                let used = Ok(ask(case, &self.id, worker));
                let who = "an instance that has answered other cases";
                if let Some(problem) = differs(case, fresh, &used, who) {
                    report.problems.push(problem);
                    break;
                }
            }
        }
    }
}

fn ask(case: &Case, id: &str, worker: &mut Worker) -> Vec<Came> {
    let host = Arc::clone(worker.host());
    host.set_kept(id, &case.state);
    let mut came = walk(case, |question, moment| worker.answer(question, moment));
    let kept = host.kept(id, "", "", usize::MAX).map(|kept| kept.entries).unwrap_or_default();
    let is_other = case
        .keeps
        .as_ref()
        .is_some_and(|wanted| !wanted.iter().eq(kept.iter().map(|(k, v)| (k, v))));
    if let Some(last) = came.last_mut().filter(|_| is_other) {
        last.text.push_str(&format!(", and it keeps {kept:?}"));
    }
    came
}

/// What is wrong with what came of a case.
fn judged(case: &Case, asked: &Result<Vec<Came>, String>) -> Vec<Problem> {
    let problem = |line, expected: String, came: String| Problem { line, expected, came };
    match (asked, case.refusal()) {
        (Err(why), Some(part)) if why.contains(part) => Vec::new(),
        (Err(why), _) => {
            vec![problem(case.line, case.shown(), format!("it does not load: {why}"))]
        }
        (Ok(_), Some(_)) => vec![problem(case.line, case.shown(), "it loads".to_owned())],
        (Ok(came), None) => {
            let misses = case.steps.iter().zip(came).filter_map(|(step, came)| {
                let (expected, came) = step.expect.misses(came)?;
                Some(problem(step.line, expected, came))
            });
            misses.collect()
        }
    }
}

/// The first step at which two instances say different things.
fn differs(
    case: &Case,
    fresh: &Result<Vec<Came>, String>,
    other: &Result<Vec<Came>, String>,
    who: &str,
) -> Option<Problem> {
    let (Ok(fresh), Ok(other)) = (fresh, other) else { return None };
    let pairs = fresh.iter().zip(other).zip(&case.steps);
    let mut differing = pairs.filter(|((fresh, other), _)| fresh != other);
    differing.next().map(|((fresh, other), step)| Problem {
        line: step.line,
        expected: format!("{}, as a fresh instance says", fresh.shown()),
        came: format!(
            "{} from {who}; nothing a plugin keeps between calls may change what it says",
            other.shown()
        ),
    })
}

impl Case {
    /// What the host must say when it does not load the plugin.
    fn refusal(&self) -> Option<&str> {
        self.steps.first()?.expect.refused.as_deref()
    }

    fn shown(&self) -> String {
        self.steps.first().map_or_else(String::new, |step| step.expect.shown())
    }
}
