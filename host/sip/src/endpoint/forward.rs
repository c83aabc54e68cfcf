//! What a proxy needs of the transport layer and the transactions (RFC 3261 section 16).

use bytes::Bytes;
use model::{Flow, Instant};

use super::{
    Endpoint, LimitError, io::ClientTx, io::ServerTx, mint::MAGIC_COOKIE, wire, wire::Stamp,
};
use crate::{Message, Name, RequestDraft, Via, transaction::server::Event as Happened};

impl Endpoint {
    /// Sends somebody else's request on and follows it, as [`Self::send_request`]. The Vias are in the draft; ours is put above
    /// them, its branch ending in `fingerprint`, which [`fingerprint_of`] reads back (RFC 3261 section 16.6 step 8).
    ///
    /// # Errors
    ///
    /// As of [`Self::send_request`].
    pub fn forward_request(
        &mut self,
        now: Instant,
        flow: Flow,
        request: RequestDraft,
        fingerprint: u64,
    ) -> Result<ClientTx, LimitError> {
        self.advance(now);
        if self.is_overfull() {
            let max = self.config.transactions_max;
            return Err(LimitError::Transactions { live: self.transactions(), max });
        }
        let branch = format!("{}.{fingerprint:016x}", self.mint.branch());
        self.send_with_branch(flow, request, &branch, true)
    }

    /// Sends somebody else's ACK on, without a transaction; the same `seed` gives the same branch (RFC 3261 section 16.11).
    ///
    /// # Errors
    ///
    /// When the flow's listener is not configured; nothing is sent then.
    pub fn forward_ack(
        &mut self,
        flow: Flow,
        ack: RequestDraft,
        seed: u64,
    ) -> Result<(), LimitError> {
        let branch = format!("{MAGIC_COOKIE}{seed:016x}");
        let via = self
            .via(flow, &branch)
            .ok_or(LimitError::UnknownListener { listener: flow.listener.0 })?;
        self.transmit(flow, ack.finish(&via));
        Ok(())
    }

    /// Passes a response to an INVITE on. A 2xx is not repeated and its ACK not awaited: both are the callee's affair. Any other
    /// response is sent as [`Self::respond`] does.
    pub fn forward_response(&mut self, now: Instant, tx: ServerTx, response: Bytes) {
        self.advance(now);
        let is_success =
            wire::status_of(&response).is_some_and(|status| (200..300).contains(&status));
        let is_invite =
            wire::field(&response, "CSeq", "CSeq").is_some_and(|c| c.ends_with("INVITE"));
        if is_success && is_invite && self.servers.get(tx.0).is_some() {
            self.drive_server(tx.0, Happened::Forward, Some(response), None);
        } else {
            self.respond(now, tx, response);
        }
    }

    /// The first Via field of a request that came by `flow`, with where it came from (RFC 3261 section 18.2.1, RFC 3581).
    pub fn stamped_via(flow: Flow, request: &Message) -> String {
        let value = request.header(Name::Via).unwrap_or_default();
        match Self::stamp_for(flow, request.top_via().ok()) {
            Stamp::Nothing => value.to_owned(),
            Stamp::Received => wire::stamped_value(value, false, flow.peer),
            Stamp::ReceivedAndPort => wire::stamped_value(value, true, flow.peer),
        }
    }

    /// Whether a Via is one that this endpoint writes.
    pub fn is_own_via(&self, via: &Via<'_>) -> bool {
        self.config.listeners.iter().any(|listener| {
            let (host, port) = listener.sent_by.rsplit_once(':').unwrap_or((&listener.sent_by, ""));
            host.trim_matches(['[', ']']) == via.host
                && port.parse() == Ok(via.port.unwrap_or(5060))
        })
    }

    /// Whether a request has been through this endpoint before: it loops, or it spirals, and is no copy that a fork made.
    pub(super) fn has_been_here(&self, request: &Message) -> bool {
        let mut vias = request.values(Name::Via).skip(1);
        vias.any(|via| Via::parse(via).is_ok_and(|via| self.is_own_via(&via)))
    }
}

/// The fingerprint in a branch of [`Endpoint::forward_request`].
pub fn fingerprint_of(branch: &str) -> Option<u64> {
    let (_, hex) = branch.strip_prefix(MAGIC_COOKIE)?.split_once('.')?;
    u64::from_str_radix(hex, 16).ok()
}
