//! SIP over a stream of bytes: where one message ends and the next begins (RFC 3261 section 18.3, RFC 5626 section 4.4.1), and
//! where to connect when the connection a message should take is gone.

mod framer;
mod reach;

pub use framer::{Framed, Framer, Unframed};
pub use reach::{alias_port, asked_host, connect_address, is_outside_dialogs};
