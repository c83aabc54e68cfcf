//! What plugins are asked and say, for those who look on. Nobody who looks on costs a question one load of a flag.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use model::{
    GenerationRef, Moment,
    hook::{Failure, Hook, Question, QuestionId},
};
use record::{Canonical, Failed, Recorded, Said, Spoken, Why};

use crate::{
    PluginHost,
    generation::Generation,
    proposal::{Checked, Ruling},
    shadow::Shadow,
    shelves::Reads,
};

/// A question that one plugin was asked, and what came of it.
#[derive(Clone, Debug)]
pub struct Observed {
    pub(crate) question: Question,
    pub(crate) moment: Moment,
    pub(crate) generation: GenerationRef,
    pub(crate) came: Result<Checked, Failure>,
    pub(crate) took_ns: u64,
    /// CPU time of the thread.
    pub(crate) cpu_ns: u64,
    /// What it found of what the plugin keeps.
    pub(crate) reads: Reads,
}

impl Observed {
    /// As it is written to a file.
    pub fn recorded(&self) -> Recorded {
        let said = Said::by(&self.generation, self.took_ns, spoken(&self.came));
        // Ids of questions are of one switch and one moment.
        let question = Question { id: QuestionId(0), ..self.question.clone() };
        Recorded { question, moment: self.moment, said: Some(said), reads: self.reads.recorded() }
    }
}

/// What came of a question, in the form that is written and compared.
pub(crate) fn spoken(came: &Result<Checked, Failure>) -> Result<Spoken, Failed> {
    match came {
        Ok(Checked { ruling, reasons }) => {
            let verdict = match ruling {
                Ruling::Pass => Canonical::Pass,
                Ruling::Amend(amendment) => Canonical::of_amendment(amendment),
                Ruling::Edit(edits) => Canonical::of_edits(edits),
                Ruling::Change(changes) => Canonical::of_changes(changes),
                Ruling::Decide(verdict) => Canonical::of_verdict(verdict),
                Ruling::Command(commands) => Canonical::of_commands(commands.iter()),
            };
            let reasons = reasons.iter();
            let reasons =
                reasons.map(|reason| Why { code: reason.code.clone(), text: reason.text.clone() });
            Ok(Spoken { verdict, reasons: reasons.collect() })
        }
        Err(failure) => {
            Err(Failed { kind: failure.kind.name().to_owned(), detail: failure.detail.clone() })
        }
    }
}

/// Which questions are recorded; those about emergency calls never are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Only those of this hook.
    pub hook: Option<Hook>,
    /// Only those to this plugin.
    pub plugin: Option<String>,
    /// So many at most.
    pub calls: u64,
}

/// Where observed questions go; false when there is no room. It is called on the path of calls, so it must not wait.
pub type Sink = Box<dyn Fn(Observed) -> bool + Send + Sync>;

struct Recorder {
    what: Recording,
    left: AtomicU64,
    missed: AtomicU64,
    sink: Sink,
}

/// Ends a recording when it is dropped.
pub struct RecordingGuard {
    host: Weak<PluginHost>,
    recorder: Arc<Recorder>,
}

impl RecordingGuard {
    /// Questions that found no room.
    pub fn missed(&self) -> u64 {
        self.recorder.missed.load(Ordering::Relaxed)
    }
}

impl Drop for RecordingGuard {
    fn drop(&mut self) {
        let Some(host) = self.host.upgrade() else { return };
        host.watch.change(|watchers| {
            watchers.recorders.retain(|recorder| !Arc::ptr_eq(recorder, &self.recorder));
        });
    }
}

/// Who looks on.
#[derive(Default)]
pub(crate) struct Watch {
    is_on: AtomicBool,
    watchers: ArcSwap<Watchers>,
    changing: Mutex<()>,
}

#[derive(Clone, Default)]
pub(crate) struct Watchers {
    recorders: Vec<Arc<Recorder>>,
    pub(crate) shadows: Vec<Arc<Shadow>>,
}

impl Watch {
    /// Whether anybody wants to know what comes of this question.
    pub(crate) fn looks_at(&self, generation: &Generation, question: &Question) -> bool {
        if !self.is_on.load(Ordering::Relaxed) {
            return false;
        }
        let watchers = self.watchers.load();
        watchers.recorders.iter().any(|recorder| recorder.concerns(generation, question))
            || watchers.shadows.iter().any(|shadow| shadow.concerns(generation.key, question))
    }

    /// Changes who does.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Watchers)) {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watchers = Watchers::clone(&self.watchers.load());
        change(&mut watchers);
        let is_on = !watchers.recorders.is_empty() || !watchers.shadows.is_empty();
        self.watchers.store(Arc::new(watchers));
        self.is_on.store(is_on, Ordering::Relaxed);
    }

    /// Hands out what came of a question to those whom it concerns.
    pub(crate) fn observe(
        &self,
        generation: &Generation,
        question: &Question,
        observed: impl Fn() -> Observed,
    ) {
        let watchers = self.watchers.load();
        for recorder in &watchers.recorders {
            if recorder.concerns(generation, question) {
                recorder.take(&observed);
            }
        }
        for shadow in &watchers.shadows {
            if shadow.concerns(generation.key, question) {
                shadow.take(&observed);
            }
        }
    }
}

impl Recorder {
    fn concerns(&self, asked: &Generation, question: &Question) -> bool {
        let Recording { hook, plugin, .. } = &self.what;
        // Who calls for help is written nowhere for the sake of a test.
        !question.call.emergency
            && hook.is_none_or(|hook| hook == question.hook())
            && plugin.as_ref().is_none_or(|id| **id == *asked.reference.plugin)
            && self.left.load(Ordering::Relaxed) > 0
    }

    fn take(&self, observed: &impl Fn() -> Observed) {
        let spend = |left: u64| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_err() {
            return;
        }
        if !(self.sink)(observed()) {
            self.left.fetch_add(1, Ordering::Relaxed);
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl PluginHost {
    /// Has questions and what comes of them handed to `sink` until the guard is dropped.
    pub fn record(self: &Arc<Self>, what: Recording, sink: Sink) -> RecordingGuard {
        let left = AtomicU64::new(what.calls);
        let recorder = Arc::new(Recorder { what, left, missed: AtomicU64::new(0), sink });
        let theirs = Arc::clone(&recorder);
        self.watch.change(|watchers| watchers.recorders.push(theirs));
        RecordingGuard { host: Arc::downgrade(self), recorder }
    }
}
