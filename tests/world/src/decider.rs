//! Who answers the questions of the switch in a world.

use std::time::Duration;

use model::hook::{Answer, Decision, Question, Verdict};

use crate::Random;

/// Answers a question: with what, and how late. Several replies to one question, or none, are among the lies it may tell.
pub type Decider = Box<dyn FnMut(&Question, &mut Random) -> Vec<Reply>>;

/// One answer and its delay.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The verdict.
    pub verdict: Verdict,
    /// How long after the question; zero is at once, as on a worker.
    pub after: Duration,
}

impl Reply {
    /// An answer at once.
    pub const fn now(verdict: Verdict) -> Self {
        Self { verdict, after: Duration::ZERO }
    }

    pub(crate) fn answer(self, question: &Question) -> Answer {
        Answer {
            id: question.id,
            verdict: self.verdict,
            pin: None,
            decision: Decision {
                hook: question.hook(),
                decided_by: None,
                steps: Vec::new(),
                reasons: Vec::new(),
            },
        }
    }
}

/// The decider of a node without plugins.
pub fn built_in() -> Decider {
    Box::new(|_, _| vec![Reply::now(Verdict::BuiltIn)])
}
