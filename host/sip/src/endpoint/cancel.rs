//! CANCEL, both ways.

use model::{Flow, Instant};

use super::{Endpoint, Event, build, io::ClientTx, io::ServerTx, wire};
use crate::{
    Message, Method, response_to,
    timers::Timer,
    transaction::{
        client::{Cancel, Machine, Owner as Hears},
        invite_client, non_invite_client,
        server::Event as Happened,
    },
};

impl Endpoint {
    /// Gives an INVITE of ours up (RFC 3261 section 9.1). The CANCEL goes out as soon as a provisional response has come; the
    /// final response, 487 or even a 2xx, is still passed up, and without one within 64*T1 [`Event::TimedOut`] is.
    ///
    /// Nothing happens when the final response has come, and to requests other than INVITE.
    pub fn cancel(&mut self, now: Instant, tx: ClientTx) {
        self.cancel_because(now, tx, "");
    }

    /// The same with the value of a Reason for the CANCEL (RFC 3326 section 2), such as `SIP;cause=200`; empty for none.
    pub fn cancel_because(&mut self, now: Instant, tx: ClientTx, reason: &str) {
        self.advance(now);
        let Some(client) = self.clients.get_mut(tx.0) else { return };
        if client.cancel != Cancel::No || !client.machine.is_pending() {
            return;
        }
        if let Machine::Invite(_) = client.machine {
            client.cancel = Cancel::Waits;
            client.cancel_reason = reason.into();
            self.send_awaited_cancel(tx.0);
        }
    }

    //= RFC 3261 section 9.1
    //# If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the client MUST wait for
    //# the arrival of a provisional response before sending the request.
    pub(super) fn send_awaited_cancel(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let proceeding = client.machine == Machine::Invite(invite_client::State::Proceeding);
        if client.cancel != Cancel::Waits || !proceeding {
            return;
        }
        client.cancel = Cancel::Sent;
        let flow = client.flow;
        let reason = std::mem::take(&mut client.cancel_reason);
        let stored = client.stored.as_ref();
        let built =
            stored.and_then(|invite| build::cancel_of(invite, &reason, &self.config.limits));
        self.start_client_timer(id, Timer::Cancelled);
        let Some((branch, bytes)) = built else { return };
        if self.is_overfull() {
            // Once, without repetition, is better than not at all; Timer `Cancelled` ends the INVITE in any case.
            return self.transmit(flow, bytes);
        }
        let key = self.client_key(&branch, Method::Cancel);
        let machine = Machine::NonInvite(non_invite_client::State::Trying);
        self.create_client(machine, flow, key, bytes, Hears::Endpoint);
    }

    //= RFC 3261 section 9.2
    //# The TU determines the transaction to be cancelled by taking the CANCEL request, and then assuming that the request
    //# method is anything but CANCEL or ACK and applying the transaction matching procedures of Section 17.2.3.
    pub(super) fn handle_cancel(&mut self, flow: Flow, message: Message) {
        let via = message.top_via().ok();
        let key = self.server_key(&message, via, Method::Cancel);
        if let Some(id) = self.servers_by_key.get(&key).copied() {
            return self.absorb(id);
        }
        let invite_key = self.server_key(&message, via, Method::Invite);
        let Some(invite) = self.servers_by_key.get(&invite_key).copied() else {
            let Some(message) = self.pass_elsewhere(flow, message) else { return };
            //# If the UAS did not find a matching transaction for the CANCEL according to the procedure above, it SHOULD
            //# respond to the CANCEL with a 481 (Call Leg/Transaction Does Not Exist).
            return self.refuse(flow, &message, 481);
        };
        self.accept_cancel(flow, &message, key, invite);
        let Some(server) = self.servers.get_mut(invite) else { return };
        if server.machine.is_cancellable() && !server.cancelled {
            server.cancelled = true;
            self.emit(Event::Cancelled { tx: ServerTx(invite), message });
        }
    }

    /// Answers a CANCEL with 200.
    //= RFC 3261 section 9.2
    //# the To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD be the same.
    fn accept_cancel(
        &mut self,
        flow: Flow,
        cancel: &Message,
        key: crate::transaction::key::Key,
        invite: u64,
    ) {
        let said = self.servers.get(invite).and_then(|server| server.response.as_ref());
        let tag = said.and_then(|r| wire::field(r, "To", "t")).map_or("", wire::tag_of);
        let tag = if tag.is_empty() { self.stateless_tag(cancel) } else { tag.to_owned() };
        let mut writer = response_to(cancel, 200, "", Some(&tag));
        self.sign(&mut writer);
        let response = writer.finish(None);
        let stamp = Self::stamp_for(flow, cancel.top_via().ok());
        if self.is_overfull() {
            return self.transmit(flow, wire::stamp(response, stamp, flow.peer));
        }
        let id = self.create_server(flow, cancel, stamp, key, None);
        self.drive_server(id, Happened::Respond(200), Some(response), None);
    }
}
