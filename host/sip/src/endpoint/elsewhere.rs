//! Dialogs whose call has gone to another shard: their messages still come here, because the Call-ID says so.

use bytes::Bytes;
use model::{Flow, Instant, Shard};

use super::{Endpoint, Event, Input, io::ServerTx};
use crate::Message;

/// Names a request and what belongs to it by its branch (its CANCEL, the ACK of its refusal), for [`Endpoint::send_elsewhere`]: no other
/// message of the same Call-ID goes with it. No Call-ID is like this.
pub fn request_key(message: &Message) -> String {
    let via = message.top_via().ok();
    let branch = via.as_ref().and_then(|via| via.branch()).unwrap_or_default();
    format!("{}\n{branch}", message.call_id())
}

impl Endpoint {
    /// Passes on to `to`, as [`Event::Elsewhere`], whatever comes from now on that `key` names, a Call-ID or a [`request_key`], and that
    /// belongs to no transaction of this endpoint. What belongs to one (a request that comes again, the 2xx whose ACK was lost) is dealt
    /// with here as before.
    pub fn send_elsewhere(&mut self, key: &str, to: Shard) {
        self.elsewhere.insert(key.into(), to);
    }

    /// What this Call-ID or [`request_key`] names is this endpoint's again, or nobody's.
    pub fn keep_here(&mut self, key: &str) {
        self.elsewhere.remove(key);
    }

    /// Takes in a message that is for here whatever [`Self::send_elsewhere`] says of it.
    pub fn handle_here(&mut self, now: Instant, input: Input) {
        self.keeps_all = true;
        self.handle_input(now, input);
        self.keeps_all = false;
    }

    /// Takes a request back from its transaction, so that another endpoint can answer it as if it had come there; gives the flow it came
    /// by. `None` when something was answered already, or the transaction is over.
    pub fn take_back(&mut self, tx: ServerTx) -> Option<Flow> {
        let server = self.servers.get(tx.0).filter(|server| !server.was_answered())?;
        let flow = server.flow;
        self.abandon(tx);
        Some(flow)
    }

    /// Passes a message on that belongs to no transaction, if it is to be; gives it back if not.
    pub(super) fn pass_elsewhere(&mut self, flow: Flow, message: Message) -> Option<Message> {
        // Nearly every endpoint, nearly always.
        if self.elsewhere.is_empty() {
            return Some(message);
        }
        let by_call = || self.elsewhere.get(message.call_id()).copied();
        let by_request = || self.elsewhere.get(request_key(&message).as_str()).copied();
        let to = if self.keeps_all { None } else { by_call().or_else(by_request) };
        let Some(to) = to else { return Some(message) };
        let bytes: Bytes = message.bytes().clone();
        self.emit(Event::Elsewhere { to, flow, bytes });
        None
    }
}
