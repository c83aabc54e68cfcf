//! When an input comes.

use std::{sync::Arc, time::Duration};

use model::Instant;
use tlib::{Attribute, Message};

/// The moment of an input, by both clocks of the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// By the monotonic clock: what timers go by.
    pub at: Instant,
    /// By the wall clock, as the time since 1970-01-01T00:00:00Z: what events say.
    pub unix: Duration,
}

impl Now {
    /// A moment of the monotonic clock, of which the origin was this long after 1970.
    pub fn new(at: Instant, unix_at_zero: Duration) -> Self {
        Self { at, unix: unix_at_zero + at.saturating_since(Instant::ZERO) }
    }

    /// The whole seconds since 1970.
    pub fn unix_s(self) -> i64 {
        i64::try_from(self.unix.as_secs()).unwrap_or(i64::MAX)
    }
}

/// A message with TimeinuSecs and TimeinSecs in front (section 8.5).
pub(crate) fn stamped(message: &Message, now: Now) -> Message {
    let mut whole = Message::new(message.kind())
        .with(Attribute::TimeinuSecs, i64::from(now.unix.subsec_micros()))
        .with(Attribute::TimeinSecs, now.unix_s());
    for (attribute, value) in message.attributes() {
        whole.set(attribute, value.clone());
    }
    whole
}

/// A message that says when it is, made anew only if it does not yet.
pub(crate) fn dated(message: Arc<Message>, now: Now) -> Arc<Message> {
    if message.get(Attribute::TimeinSecs).is_some() {
        return message;
    }
    Arc::new(stamped(&message, now))
}
