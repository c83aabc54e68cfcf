//! Who answers the questions of the switch in a world.

use std::{sync::Arc, time::Duration};

use model::{
    GenerationToken,
    hook::{Amended, Amendment, Answer, Decision, Hook, Question, Verdict},
};

use crate::Random;

/// Answers a question: with what, and how late. Several replies to one question, or none, are among the lies it may tell.
pub type Decider = Box<dyn FnMut(&Question, &mut Random) -> Vec<Reply>>;

/// One answer and its delay.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The verdict.
    pub verdict: Verdict,
    /// What a dial plan made of the call.
    pub amendment: Option<Amendment>,
    /// How long after the question; zero is at once, as on a worker.
    pub after: Duration,
    /// The generation that the call is pinned to by it.
    pub pin: Option<GenerationToken>,
}

impl Reply {
    /// An answer at once.
    pub const fn now(verdict: Verdict) -> Self {
        Self { verdict, amendment: None, after: Duration::ZERO, pin: None }
    }

    /// An answer that comes `after` the question.
    pub const fn late(verdict: Verdict, after: Duration) -> Self {
        Self { verdict, amendment: None, after, pin: None }
    }

    /// An answer at once, with what a dial plan made of the call.
    pub const fn amended(verdict: Verdict, amendment: Amendment) -> Self {
        Self { verdict, amendment: Some(amendment), after: Duration::ZERO, pin: None }
    }

    pub(crate) fn answer(self, question: &Question) -> Answer {
        let amended = self.amendment.map(|amendment| {
            let mut facts = question.call.clone();
            Arc::make_mut(&mut facts).amend(amendment);
            Box::new(Amended { facts, decision: Decision::of(Hook::DialPlan, 0) })
        });
        Answer {
            id: question.id,
            verdict: self.verdict,
            amended,
            pin: self.pin,
            decision: Decision::of(question.hook(), 0),
        }
    }
}

/// The decider of a node without plugins.
pub fn built_in() -> Decider {
    Box::new(|_, _| vec![Reply::now(Verdict::BuiltIn)])
}
