//! T-Library on the wire: what a message is.
//!
//! The names, numbers and rules are facts of the interface; the encoding is Jackfield's own, because the vendor's is not public
//! (`sdk/tlib.proto`). There is no affiliation with its vendor.
//!
//! Sans-IO: bytes and the time go in, messages and bytes come out.
#![forbid(unsafe_code)]

#[macro_use]
mod numbers;

mod attribute;
pub mod client;
mod decode;
mod deframer;
mod encode;
mod enums;
mod error_code;
mod event;
mod field;
mod input_mask;
mod json;
mod keep_alive;
mod kv;
mod limits;
pub mod log;
mod message;
mod message_type;
mod outbox;
mod rate;
pub mod session;
mod text;

pub use attribute::{Attribute, Kind};
pub use client::{Client, ClientConfig};
pub use decode::{DecodeError, Fault};
pub use deframer::{Deframer, FrameTooLong};
pub use encode::{Encoded, PREFIX_BYTES};
pub use enums::*;
pub use error_code::ErrorCode;
pub use event::{Event, Form};
pub use input_mask::{INPUT_MASK_BYTES, InputMask};
pub use json::{EncodedJson, JsonError};
pub use kv::{KvList, KvPair, KvValue};
pub use limits::Limits;
pub use message::{Message, Value};
pub use message_type::MessageType;
pub use numbers::Names;
pub use session::{PROTOCOL_VERSION, Session, SessionConfig};
