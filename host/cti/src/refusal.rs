//! Why a request is not done.

use std::borrow::Cow;

use tlib::{ErrorCode, Message};

use crate::{Token, error};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code (table 3.15).
    pub code: ErrorCode,
    /// What is wrong and what to do, for who reads ErrorMessage.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with words of its own.
    pub fn new(code: ErrorCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }

    /// EventError for a request. The time is for who sends it.
    pub fn event(&self, token: Token, request: &Message) -> Message {
        error(token, Some(request), self.code, Some(&self.text))
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, text: Cow::Borrowed(code.text()) }
    }
}
