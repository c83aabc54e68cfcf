//! What the media relay decides, sans-IO: the commands it is given, the events it gives, and how it learns addresses.
#![forbid(unsafe_code)]

mod command;
mod event;
mod learner;

pub use command::{RelayCommand, Side, StreamNo};
pub use event::{Refusal, RelayEvent, StreamPorts, StreamStats};
pub use learner::{Learner, LearnerConfig, Verdict, is_rtcp};
