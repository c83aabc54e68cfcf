//! ACKs of ours: those of the transaction, and those of the user.

use model::{Flow, Instant};

use super::{Endpoint, build, io::ClientTx, wire};
use crate::{
    Message, RequestDraft,
    transaction::client::{Ack, Machine},
    transaction::invite_client,
};

/// How many dialogs one INVITE of ours may make by forking, each with an ACK to keep.
const ACKS_MAX: usize = 8;

impl Endpoint {
    /// Sends the ACK of a 2xx that came to `tx` and keeps it: whenever the 2xx comes again, so does the ACK, and the
    /// repetition is not passed up (RFC 3261 section 13.2.2.4). `flow` is that of the dialog.
    ///
    /// The ACK is sent even when the transaction is over by now; its repetitions are then missing.
    pub fn send_ack(&mut self, now: Instant, tx: ClientTx, flow: Flow, ack: RequestDraft) {
        self.advance(now);
        let branch = self.mint.branch();
        let Some(via) = self.via(flow, &branch) else { return };
        let bytes = ack.finish(&via);
        let to_tag = wire::field(&bytes, "To", "t").map_or("", wire::tag_of).into();
        let before = self.kept_of_client(tx.0);
        if let Some(client) = self.clients.get_mut(tx.0) {
            client.acks.retain(|kept| kept.to_tag != to_tag);
            if client.acks.len() < ACKS_MAX {
                client.acks.push(Ack { to_tag, flow, bytes: bytes.clone() });
            }
        }
        let after = self.kept_of_client(tx.0);
        self.stats.kept_bytes_now = self.stats.kept_bytes_now + after - before;
        self.transmit(flow, bytes);
    }

    /// Whether so many dialogs of one INVITE of ours were acknowledged that no other is looked at: a peer may not make as many of them
    /// as it likes.
    pub fn has_forked_enough(&self, tx: ClientTx) -> bool {
        self.clients.get(tx.0).is_some_and(|client| client.acks.len() >= ACKS_MAX)
    }

    /// Whether the message is a 2xx that has been acknowledged before; then the ACK is sent again.
    //= RFC 3261 section 13.2.2.4
    //# The ACK MUST be passed to the client transport every time a retransmission of the 2xx final response that triggered
    //# the ACK arrives.
    pub(super) fn repeat_ack_of_2xx(&mut self, id: u64, message: &Message) -> bool {
        let Some(client) = self.clients.get(id) else { return false };
        let accepted = client.machine == Machine::Invite(invite_client::State::Accepted);
        if !accepted || !(200..=299).contains(&message.status()) {
            return false;
        }
        let Ok(to) = message.to() else { return false };
        let tag = to.tag().unwrap_or_default();
        let Some(ack) = client.acks.iter().find(|ack| *ack.to_tag == *tag) else { return false };
        let (flow, bytes) = (ack.flow, ack.bytes.clone());
        self.stats.retransmissions_sent += 1;
        self.transmit(flow, bytes);
        true
    }

    /// Acknowledges a final response other than 2xx.
    //= RFC 3261 section 17.1.1.2
    //# The ACK MUST be sent to the same address, port, and transport to which the original request was sent.
    pub(super) fn acknowledge(&mut self, id: u64, response: Option<&Message>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let request = client.stored.take();
        let ack = request
            .zip(response)
            .and_then(|(request, response)| build::ack_of(&request, response, &self.config.limits));
        client.stored.clone_from(&ack);
        let flow = client.flow;
        if let Some(bytes) = ack {
            self.transmit(flow, bytes);
        }
    }
}
