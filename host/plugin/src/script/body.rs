use std::sync::Arc;

use model::{
    Moment,
    hook::{Ask, Failure, FailureKind, Hook, Question},
};
use rhai::{Array, CallFnOptions, Dynamic, EvalAltResult, Scope};

use super::{
    Script,
    call::{AttemptValue, CallValue},
    compile::{described, function},
    engine::{OVER_MEMORY, OVER_TIME, begin},
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
            Ask::Route => self.call(hook, (call,)),
            Ask::RouteOnFailure { attempts, remaining } => {
                let attempts = attempts.iter().map(|a| Dynamic::from(AttemptValue::from(a)));
                let remaining = remaining.iter().map(|t| Dynamic::from(TargetValue::from(t)));
                let (attempts, remaining): (Array, Array) =
                    (attempts.collect(), remaining.collect());
                self.call(hook, (call, attempts, remaining))
            }
        };
        self.scope.clear();
        let answer = answer.map_err(|mut error| self.ended(&mut error))?;
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
        let (kind, message) = match error.unwrap_inner() {
            EvalAltResult::ErrorTerminated(why, _) => match why.clone().into_immutable_string() {
                Ok(why) if why == OVER_TIME => {
                    (FailureKind::Time, Some("used up its CPU time (cpu_limit)"))
                }
                Ok(why) if why == OVER_MEMORY => {
                    (FailureKind::Memory, Some("holds more memory than memory_limit allows"))
                }
                Ok(_) | Err(_) => (FailureKind::Trap, None),
            },
            EvalAltResult::ErrorTooManyOperations(_) => {
                (FailureKind::Time, Some("did more operations than operations_max allows"))
            }
            EvalAltResult::ErrorDataTooLarge(..) | EvalAltResult::ErrorTooManyVariables(_) => {
                (FailureKind::Memory, None)
            }
            EvalAltResult::ErrorStackOverflow(_) => (
                FailureKind::Trap,
                Some("calls nest deeper than call_levels_max; recursion without end?"),
            ),
            // Rhai's errors, not ours: all others are mistakes of the script.
            _ => (FailureKind::Trap, None),
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
