//! Messages to JSON and back: the form of WebSocket clients, one message in each text frame.
//!
//! An object whose keys are `type` and the names of attributes. Numbers are numbers, ConnIDs and counters 16 hexadecimal digits, bytes
//! hexadecimal digits; a key-value list is an array of `[key, value]`, which keeps order and duplicates.

mod read;
mod write;

pub use read::JsonError;
pub use write::EncodedJson;
