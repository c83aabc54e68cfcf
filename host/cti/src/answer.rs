//! Answers that only who asked gets.

use tlib::{Attribute as A, ErrorCode, Message, MessageType};

use crate::Token;

/// EventACK for a request of this kind (section 2.2), without the time.
pub(crate) fn acknowledged(token: Token, request: MessageType) -> Message {
    Message::new(MessageType::EventACK)
        .with(A::UserEvent, i64::from(request.number()))
        .with(A::ReferenceID, token.reference)
}

/// EventError for a request (section 2.2): with its ReferenceID, and what of the request names what it was about. `text` says more than
/// the code where that is known.
pub fn error(
    token: Token,
    request: Option<&Message>,
    code: ErrorCode,
    text: Option<&str>,
) -> Message {
    let mut message = Message::new(MessageType::EventError)
        .with(A::ErrorCode, code)
        .with(A::ErrorMessage, text.unwrap_or_else(|| code.text()));
    for attribute in [A::ThisDN, A::ThisQueue, A::AgentID, A::ConnID, A::CallID, A::Reason] {
        if let Some(value) = request.and_then(|request| request.get(attribute)) {
            message.set(attribute, value.clone());
        }
    }
    message.with(A::ReferenceID, token.reference)
}
