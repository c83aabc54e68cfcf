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
mod enums;
mod error_code;
mod kv;
mod message;
mod message_type;

pub use attribute::{Attribute, Kind};
pub use enums::*;
pub use error_code::ErrorCode;
pub use kv::{KvList, KvPair, KvValue};
pub use message::{Message, Value};
pub use message_type::MessageType;
