//! Dialogs whose call has gone to another shard: their messages still come here, because the Call-ID says so.

use bytes::Bytes;
use model::{Flow, Shard};

use super::{Endpoint, Event, io::ServerTx};
use crate::Message;

impl Endpoint {
    /// Passes on to `to` whatever comes from now on with this Call-ID and belongs to no transaction of this endpoint, as
    /// [`Event::Elsewhere`]. What belongs to one (a request that comes again, the 2xx whose ACK was lost) is dealt with here as before.
    pub fn send_elsewhere(&mut self, call_id: &str, to: Shard) {
        self.elsewhere.insert(call_id.into(), to);
    }

    /// The messages with this Call-ID are this endpoint's again, or nobody's. Gives where they went.
    pub fn keep_here(&mut self, call_id: &str) -> Option<Shard> {
        self.elsewhere.remove(call_id)
    }

    /// Where messages with this Call-ID are passed on to, if they are.
    pub fn is_elsewhere(&self, call_id: &str) -> Option<Shard> {
        self.elsewhere.get(call_id).copied()
    }

    /// How many Call-IDs are passed on.
    pub fn elsewhere_now(&self) -> usize {
        self.elsewhere.len()
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
        let Some(to) = self.elsewhere.get(message.call_id()).copied() else { return Some(message) };
        let bytes: Bytes = message.bytes().clone();
        self.emit(Event::Elsewhere { to, flow, bytes });
        None
    }
}
