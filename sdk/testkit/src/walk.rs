//! A case asked from its first step to its last, with a clock that goes when a step says so.

use std::{sync::Arc, time::Duration};

use model::{
    Moment,
    hook::{Answer, Ask, CallEvent, CallFacts, Command, Happening, Question, QuestionId, Verdict},
};

use crate::{
    case::{Case, Step},
    expect::Came,
    time,
};

/// The call of a case on its way through the steps.
struct Walk<'a> {
    case: &'a Case,
    call: CallFacts,
    /// Since the beginning.
    clock: Duration,
    /// What the plugin set, and when each is due.
    timers: Vec<(String, Duration)>,
    /// Whether the plugin has ended the call.
    is_over: bool,
}

/// Asks every step of a case; gives what came of each.
pub(crate) fn walk(case: &Case, mut ask: impl FnMut(&Question, Moment) -> Answer) -> Vec<Came> {
    let call = case.call.clone();
    let mut walk = Walk { case, call, clock: Duration::ZERO, timers: Vec::new(), is_over: false };
    case.steps.iter().map(|step| walk.step(step, &mut ask)).collect()
}

impl Walk<'_> {
    fn step(&mut self, step: &Step, ask: &mut impl FnMut(&Question, Moment) -> Answer) -> Came {
        if self.case.is_walk
            && let Err(why) = self.go_to(step)
        {
            return Came::nothing(why);
        }
        let question = Question {
            id: QuestionId(1),
            call: Arc::new(self.call.clone()),
            ask: self.timed(&step.ask),
            pin: None,
        };
        let answer = ask(&question, time::later(self.case.moment, self.clock));
        let came = Came::of(&answer, step.hook, &question.call);
        self.take(answer);
        came
    }

    /// Lets the clock go to the time of a step.
    fn go_to(&mut self, step: &Step) -> Result<(), String> {
        let happening = match &step.ask {
            Ask::CallEvent(event) => Some(&event.what),
            _ => None,
        };
        if self.is_over && !matches!(happening, Some(Happening::Released { .. })) {
            return Err(
                "the plugin has ended the call; what follows is `released by=plugin`".to_owned()
            );
        }
        let mut at = step.at.unwrap_or(self.clock);
        if let Some(Happening::Timer { name }) = happening {
            let timer = self.timers.iter().position(|(have, _)| **have == **name);
            let Some(timer) = timer else { return Err(format!("no timer `{name}` runs")) };
            let (_, due) = self.timers.remove(timer);
            if step.at.is_some_and(|at| at != due) {
                return Err(format!("the timer `{name}` is due at {}", time::shown(due)));
            }
            at = due;
        }
        if at < self.clock {
            return Err(format!("it is {} already", time::shown(self.clock)));
        }
        if let Some((name, due)) = self.timers.iter().find(|(_, due)| *due < at) {
            let due = time::shown(*due);
            return Err(format!(
                "the timer `{name}` is due at {due}, before this; give it a step: event = \"timer name={name}\""
            ));
        }
        self.clock = at;
        Ok(())
    }

    /// The question with the time of the clock in it.
    fn timed(&self, ask: &Ask) -> Ask {
        match ask {
            Ask::CallEvent(event) if self.case.is_walk => {
                Ask::CallEvent(Arc::new(CallEvent { after: self.clock, ..(**event).clone() }))
            }
            other => other.clone(),
        }
    }

    /// What an answer does to the call.
    fn take(&mut self, answer: Answer) {
        if let Some(amended) = answer.amended {
            self.call = Arc::unwrap_or_clone(amended.facts);
        }
        let Verdict::Orders(orders) = answer.verdict else { return };
        for command in orders.into_iter().filter_map(|order| order.command.ok()) {
            match command {
                Command::Tag { name, value } => {
                    self.call.labels.retain(|(have, _)| *have != name);
                    self.call.labels.push((name, value));
                }
                Command::Timer { name, after } => {
                    self.timers.retain(|(have, _)| *have != name);
                    self.timers.push((name, self.clock + after));
                }
                Command::StopTimer { name } => self.timers.retain(|(have, _)| *have != name),
                Command::Release(_) => {
                    self.timers.clear();
                    self.is_over = true;
                }
                Command::Hold { .. } | Command::Resume { .. } | Command::Transfer { .. } => {}
            }
        }
    }
}
