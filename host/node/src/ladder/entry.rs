//! What was seen on the wire, in order.

use std::time::Instant;

/// One line of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was sent or received.
    pub at: Instant,
    /// What happened.
    pub what: Step,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A SIP message between a phone and the switch.
    Message {
        /// Which phone.
        phone: Column,
        /// Who sent it.
        sender: Sender,
        /// Method and user, or status and reason.
        label: String,
    },
    /// Something worth a line across the ladder.
    Note(String),
}

/// On which side of the switch a phone is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Phone A.
    Left,
    /// Phone B.
    Right,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The phone.
    Phone,
    /// The switch.
    Switch,
}
