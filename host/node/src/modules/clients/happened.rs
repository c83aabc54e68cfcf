use std::sync::Arc;

use cti::ClientId;
use tlib::Message;

use crate::modules::Caller;

/// Something that a client did.
#[derive(Debug)]
pub(in crate::modules) enum Happened {
    /// It has said who it is.
    Connected(ClientId, Arc<str>),
    /// It asks for something.
    Request(Caller, Message),
    /// It is gone.
    Gone(ClientId),
}
