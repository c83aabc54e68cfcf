//! WebSocket (RFC 6455): the opening handshake and the frames of one connection, for either side.
//!
//! Sans-IO: bytes go in and come out; what masks frames is an argument. No extension is spoken, so every reserved bit is a fault.
#![forbid(unsafe_code)]

mod base64;
mod decoder;
mod frame;
mod opening;
mod origin;
mod refusal;
mod request;

pub use decoder::{Decoder, Limits, Received, Side, Violation};
pub use frame::{CONTROL_BYTES_MAX, Code, Mask, close, message, ping, pong};
pub use opening::{Accepted, HEAD_BYTES_MAX, Opening, Terms};
pub use origin::Origins;
pub use refusal::Refused;
pub use request::{Answered, Request};
