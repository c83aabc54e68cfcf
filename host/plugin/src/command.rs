//! Commands of the hook `call-event`, as plugins give them: a kind and named values, so that kinds can be added.

use std::time::Duration;

use model::hook::{Command, End, Release};

use crate::{
    AnswerLimits,
    amendment::check_text,
    proposal::{clean, number, shown, uri},
};

/// A command before the host looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProposedCommand {
    pub(crate) kind: String,
    pub(crate) attrs: Vec<(String, String)>,
}

impl ProposedCommand {
    pub(crate) fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), attrs: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        self.attrs.push((name.to_owned(), value));
        self
    }

    fn attr(&self, wanted: &str) -> Option<&str> {
        self.attrs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str, limits: &AnswerLimits) -> Result<String, String> {
        let value = self.attr(name).ok_or_else(|| format!("has no {name}"))?;
        check_text(value, limits).map_err(|why| format!("{name} `{}` {why}", shown(value)))?;
        Ok(value.to_owned())
    }

    fn name(&self, limits: &AnswerLimits) -> Result<String, String> {
        self.text("name", limits)
            .and_then(|name| if name.is_empty() { Err("name is empty".into()) } else { Ok(name) })
    }

    fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, String> {
        let Some(text) = self.attr(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                Err(format!("{name} is a number from {least} to {most}, not `{}`", shown(text)))
            }
        }
    }

    fn check(&self, limits: &AnswerLimits) -> Result<Command, String> {
        match self.kind.as_str() {
            "tag" => {
                Ok(Command::Tag { name: self.name(limits)?, value: self.text("value", limits)? })
            }
            "timer" => {
                let name = self.name(limits)?;
                let ms = self.number("ms", 0, u64::from(u32::MAX))?.ok_or("has no ms")?;
                Ok(Command::Timer { name, after: Duration::from_millis(ms) })
            }
            "stop-timer" => Ok(Command::StopTimer { name: self.name(limits)? }),
            "hold" => Ok(Command::Hold { party: self.party()? }),
            "resume" => Ok(Command::Resume { party: self.party()? }),
            "transfer" => {
                let party = self.party()?.ok_or("has no party: caller or callee")?;
                Ok(Command::Transfer { party, to: self.target(limits)? })
            }
            "release" => self.release(limits).map(Command::Release),
            _ => Err("is not known to this version of the host".into()),
        }
    }

    /// Which party; `None` when it names none.
    fn party(&self) -> Result<Option<End>, String> {
        let Some(name) = self.attr("party") else { return Ok(None) };
        let wrong = || format!("party is `caller` or `callee`, not `{}`", shown(name));
        End::named(name).map(Some).ok_or_else(wrong)
    }

    /// A URI, or a number alone.
    fn target(&self, limits: &AnswerLimits) -> Result<String, String> {
        let to = self.attr("to").ok_or("has no to")?;
        if to.len() > limits.value_bytes_max {
            return Err(format!("to is longer than {} bytes", limits.value_bytes_max));
        }
        if to.contains(|c: char| c.is_control() || " <>\"".contains(c)) {
            return Err(format!("to `{}` holds characters that no URI has", shown(to)));
        }
        let checked = if to.contains([':', '@']) { uri(to) } else { number(to, limits) };
        checked.map_err(|why| format!("to `{}`: {why}", shown(to)))
    }

    fn release(&self, limits: &AnswerLimits) -> Result<Release, String> {
        let status = self.number("status", 400, 699)?.and_then(|n| u16::try_from(n).ok());
        let cause = self.number("cause", 1, 127)?.and_then(|n| u8::try_from(n).ok());
        // The call ends even if that cannot be said as it is.
        let text = clean(self.attr("text").unwrap_or_default().to_owned(), limits.number_bytes_max);
        Ok(Release { status, cause, text })
    }
}

/// What of the commands can be acted on. Each stands for itself: a wrong one costs the others nothing.
pub(crate) fn check(
    mut commands: Vec<ProposedCommand>,
    limits: &AnswerLimits,
) -> Vec<Result<Command, String>> {
    let (have, most) = (commands.len(), limits.commands_max);
    commands.truncate(most);
    let checked = commands.iter().map(|command| {
        command.check(limits).map_err(|why| format!("`{}` {why}", shown(&command.kind)))
    });
    let mut checked: Vec<_> = checked.collect();
    if have > most {
        checked.push(Err(format!("{have} commands at once; {most} are taken (commands_max)")));
    }
    checked
}

#[cfg(test)]
#[path = "command_test.rs"]
mod tests;
