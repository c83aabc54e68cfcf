//! What the media relay decides, sans-IO: the commands it is given, the events it gives, and how it learns addresses.
#![forbid(unsafe_code)]

mod command;
mod event;

pub use command::{RelayCommand, Side, StreamNo};
pub use event::{Refusal, RelayEvent, StreamPorts, StreamStats};
