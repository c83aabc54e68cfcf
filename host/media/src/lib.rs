//! What the media relay decides, sans-IO: the commands it is given, the events it gives, and how it learns addresses.
#![forbid(unsafe_code)]

mod command;
mod event;
mod learner;
mod packet;

pub use command::{RelayCommand, Side, StreamNo};
pub use event::{Refusal, RelayEvent, StreamPorts, StreamStats};
pub use learner::{Learner, LearnerConfig, Verdict};
pub use packet::{is_rtcp, ssrc};
