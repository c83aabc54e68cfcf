use std::sync::Arc;

use model::{
    LocalTime, Moment,
    hook::{Hook, Question, QuestionId},
};
use serde::{Deserialize, Serialize};

use crate::{ReadError, Said, ask::AskLine, facts::Facts};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// Bytes of a line that is read.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// What stands where credentials were.
pub const HIDDEN: &str = "(hidden)";

/// A question to a plugin, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was asked. One that was read is pinned to no generations, and its credentials are [`HIDDEN`].
    pub question: Question,
    /// When.
    pub moment: Moment,
    /// Who answered, and what.
    pub said: Option<Said>,
    /// What the host answered while the plugin was at it and what is not in the facts of the call, in order: each a value with
    /// the name of its import in `import`.
    pub reads: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u64,
    hook: String,
    at: At,
    call: Facts,
    #[serde(default)]
    ask: AskLine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<Said>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reads: Vec<serde_json::Value>,
}

/// A moment, with the civil time of the switch's zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    ms: u64,
    year: i16,
    month: u8,
    day: u8,
    weekday: u8,
    hour: u8,
    minute: u8,
    second: u8,
    utc_offset_min: i16,
}

impl Recorded {
    /// Writes it as a line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        let line = Line {
            v: VERSION,
            hook: self.question.hook().name().to_owned(),
            at: At::of(self.moment),
            call: Facts::of(&self.question.call),
            ask: AskLine::of(&self.question.ask),
            said: self.said.clone(),
            reads: self.reads.clone(),
        };
        // Strings, numbers, lists and maps with names as keys always have a form as JSON.
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// What is wrong with it; another version of the format is told apart from a line that is none.
    pub fn from_line(line: &str) -> Result<Self, ReadError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(ReadError::TooLong { bytes: line.len(), max: LINE_BYTES_MAX });
        }
        let version: Version =
            serde_json::from_str(line).map_err(|error| ReadError::NotOne(error.to_string()))?;
        if version.v != VERSION {
            return Err(ReadError::Version { found: version.v });
        }
        let line: Line =
            serde_json::from_str(line).map_err(|error| ReadError::Field(error.to_string()))?;
        let hook = Hook::ALL.into_iter().find(|hook| hook.name() == line.hook);
        let hook = hook.ok_or_else(|| ReadError::unknown("hook", &line.hook))?;
        let question = Question {
            id: QuestionId(0),
            call: Arc::new(line.call.read()?),
            ask: line.ask.read(hook)?,
            pin: None,
        };
        Ok(Self { question, moment: line.at.read(), said: line.said, reads: line.reads })
    }
}

impl At {
    const fn of(moment: Moment) -> Self {
        let LocalTime { year, month, day, weekday, hour, minute, second, utc_offset_min } =
            moment.local;
        let ms = moment.at_ms;
        Self { ms, year, month, day, weekday, hour, minute, second, utc_offset_min }
    }

    const fn read(self) -> Moment {
        let Self { ms, year, month, day, weekday, hour, minute, second, utc_offset_min } = self;
        let local = LocalTime { year, month, day, weekday, hour, minute, second, utc_offset_min };
        Moment { at_ms: ms, local }
    }
}

#[cfg(test)]
#[path = "line_test.rs"]
mod tests;
