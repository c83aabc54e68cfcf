use std::sync::Arc;

use model::{
    Moment,
    hook::{Ask, Failure, FailureKind, Hook, Question},
};
use rhai::{Array, CallFnOptions, Dynamic, EvalAltResult, INT, Scope};

use super::{
    Script,
    call::{AttemptValue, CallValue, ContactValue},
    clients::{ChangeValue, RequestValue, SubscriptionValue},
    command::EventValue,
    compile::{MIGRATE, described, function},
    engine::{Over, begin, over},
    headers::OutgoingValue,
    verdict::{TargetValue, VerdictValue},
};
use crate::{
    body::{Body, Instance, failure},
    proposal::{Proposal, no_verdict},
    ticker::Slot,
};

impl Body for Arc<Script> {
    fn answers(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    fn migrate(&self, _slot: &Arc<Slot>, from: u32, to: u32) -> Option<Result<(), Failure>> {
        if !self.migrates {
            return None;
        }
        let mut run = Run { script: Self::clone(self), scope: Scope::new() };
        begin();
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(false);
        let (engine, ast) = (&self.engine, &self.ast);
        let numbers = (INT::from(from), INT::from(to));
        let done: Result<Dynamic, _> =
            engine.call_fn_with_options(options, &mut run.scope, ast, MIGRATE.0, numbers);
        Some(match (done, over()) {
            (_, Some(over)) => {
                let (kind, message) = limit_of(over);
                Err(failure(kind, message.unwrap_or_default()))
            }
            (Ok(_), None) => Ok(()),
            (Err(mut error), None) => Err(run.ended(&mut error)),
        })
    }

    fn instance(&self, _slot: &Arc<Slot>) -> Result<Box<dyn Instance>, Failure> {
        Ok(Box::new(Run { script: Self::clone(self), scope: Scope::new() }))
    }
}

/// A script at work. It keeps nothing between questions.
struct Run {
    script: Arc<Script>,
    scope: Scope<'static>,
}

impl Instance for Run {
    fn ask(&mut self, question: &Question, moment: Moment) -> Result<Proposal, Failure> {
        let hook = question.hook();
        let call = CallValue { facts: Arc::clone(&question.call), moment };
        begin();
        let answer = match &question.ask {
            Ask::Admission | Ask::Authenticate | Ask::DialPlan | Ask::Route => {
                self.call(hook, (call,))
            }
            Ask::Register { contacts } => {
                let contacts = contacts.iter().map(|c| Dynamic::from(ContactValue(c.clone())));
                self.call(hook, (call, contacts.collect::<Array>()))
            }
            Ask::RouteOnFailure { attempts, remaining } => {
                let attempts = attempts.iter().map(|a| Dynamic::from(AttemptValue::from(a)));
                let remaining = remaining.iter().map(|t| Dynamic::from(TargetValue::from(t)));
                let (attempts, remaining): (Array, Array) =
                    (attempts.collect(), remaining.collect());
                self.call(hook, (call, attempts, remaining))
            }
            Ask::HeaderPolicy(outgoing) => {
                self.call(hook, (call, OutgoingValue(Arc::clone(outgoing))))
            }
            Ask::CallEvent(event) => self.call(hook, (call, EventValue(Arc::clone(event)))),
            Ask::DnOwner(change) => self.call(hook, (ChangeValue(Arc::clone(change)),)),
            Ask::FanOut(subscription) => {
                self.call(hook, (SubscriptionValue(Arc::clone(subscription)),))
            }
            Ask::AuthoriseRequest(request) => self.call(hook, (RequestValue(Arc::clone(request)),)),
        };
        self.scope.clear();
        let answer = answer.map_err(|mut error| self.ended(&mut error))?;
        if let Some(over) = over() {
            // It caught its own end.
            let (kind, message) = limit_of(over);
            return Err(failure(kind, message.unwrap_or_default()));
        }
        match answer.try_cast_result::<VerdictValue>() {
            Ok(verdict) => Ok(verdict.into_proposal()),
            Err(other) if other.is_unit() => Err(no_verdict(hook, "nothing")),
            Err(other) => {
                let got = format!(
                    "a value of type {}",
                    self.script.engine.map_type_name(other.type_name())
                );
                Err(no_verdict(hook, &got))
            }
        }
    }
}

impl Run {
    fn call(
        &mut self,
        hook: Hook,
        arguments: impl rhai::FuncArgs,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(false);
        let Script { engine, ast, .. } = &*self.script;
        engine.call_fn_with_options(options, &mut self.scope, ast, function(hook).0, arguments)
    }

    fn ended(&self, error: &mut EvalAltResult) -> Failure {
        let (kind, message) = match (over(), error.unwrap_inner()) {
            (Some(over), _) => limit_of(over),
            (None, EvalAltResult::ErrorTooManyOperations(_)) => {
                (FailureKind::Time, Some("did more operations than operations_max allows"))
            }
            (
                None,
                EvalAltResult::ErrorDataTooLarge(..) | EvalAltResult::ErrorTooManyVariables(_),
            ) => (FailureKind::Memory, None),
            (None, EvalAltResult::ErrorStackOverflow(_)) => (
                FailureKind::Trap,
                Some("calls nest deeper than call_levels_max; recursion without end?"),
            ),
            // Rhai's errors, not ours: all others are mistakes of the script.
            (None, _) => (FailureKind::Trap, None),
        };
        let (described, position) = described(error);
        let message = message.map_or(described, str::to_owned);
        let place = match (position.line(), position.position()) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.script.file),
            (Some(line), None) => format!("{}:{line}", self.script.file),
            (None, _) => self.script.file.to_string(),
        };
        failure(kind, format!("{place}: {message}"))
    }
}

/// What breaking a limit is called.
const fn limit_of(over: Over) -> (FailureKind, Option<&'static str>) {
    match over {
        Over::Time => (FailureKind::Time, Some("used up its CPU time (cpu_limit)")),
        Over::Memory => (FailureKind::Memory, Some("held more memory than memory_limit allows")),
    }
}
