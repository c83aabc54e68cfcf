//! Requests the endpoint refuses by itself, without a transaction (RFC 3261 section 8.2.7).

use bytes::Bytes;
use model::Flow;

use super::{Endpoint, Shedding, wire, wire::Stamp};
use crate::{Message, Method, Name, ParseError, Via, Writer, response_to, transaction::key::Key};

/// The answer to a keep-alive on a stream (RFC 5626 section 3.5.1).
const PONG: &[u8] = b"\r\n";

impl Endpoint {
    /// The status with which a new request is refused, if it is. `merged` is the key under which copies of it are known.
    pub(super) fn refusal(&mut self, message: &Message, merged: Option<Key>) -> Option<u16> {
        let in_dialog = message.to().ok().is_some_and(|to| to.tag().is_some());
        if self.is_overfull() || (self.is_full() && !in_dialog) {
            return Some(503);
        }
        if in_dialog {
            return None;
        }
        let is_shed = self.is_shed(message);
        if message.method() == Method::Invite {
            self.load.count(self.now, is_shed);
        }
        if is_shed {
            self.stats.shed += 1;
            return Some(503);
        }
        //= RFC 3261 section 8.2.2.2
        //# If the From tag, Call-ID, and CSeq exactly match those associated with an ongoing transaction, but the request
        //# does not match that transaction (based on the matching rules in Section 17.2.3), the UAS core SHOULD generate a
        //# 482 (Loop Detected) response and pass it to the server transaction.
        if merged.is_some_and(|key| self.servers_by_merged.contains_key(&key))
            && !self.has_been_here(message)
        {
            return Some(482);
        }
        // OPTIONS and REGISTER end here, whatever is left of their hops; the others would be forwarded.
        let forwarded = !matches!(message.method(), Method::Options | Method::Register);
        (forwarded && message.max_forwards() == Some(0)).then_some(483)
    }

    fn is_shed(&self, message: &Message) -> bool {
        let is_meant = match self.shedding {
            Shedding::Nothing => return false,
            Shedding::Calls => message.method() == Method::Invite,
            Shedding::Requests => true,
        };
        is_meant && !self.exempt.as_ref().is_some_and(|exempt| exempt(message))
    }

    /// Answers a request without a transaction. The same request gets the same To tag each time.
    pub(super) fn refuse(&mut self, flow: Flow, request: &Message, status: u16) {
        if request.method() == Method::Ack {
            return;
        }
        *self.stats.refused_by_status.entry(status).or_default() += 1;
        let via = request.top_via().ok();
        let tag = self.stateless_tag(request);
        let mut writer = response_to(request, status, "", Some(&tag));
        if status == 503 {
            writer.header(Name::RetryAfter, self.config.retry_after_s);
        }
        self.sign(&mut writer);
        let bytes = self.with_load(flow, writer.finish(None));
        let bytes = wire::stamp(bytes, Self::stamp_for(flow, via), flow.peer);
        self.transmit(flow, bytes);
    }

    pub(super) fn handle_unreadable(&mut self, flow: Flow, error: ParseError) {
        match error {
            ParseError::KeepAlive => {
                self.stats.keep_alives += 1;
                if flow.transport.is_reliable() {
                    self.transmit(flow, Bytes::from_static(PONG));
                }
            }
            ParseError::Refused { status, request, .. } => self.refuse(flow, &request, status),
            ParseError::NotSip(_) | ParseError::BadResponse(_) => self.stats.unreadable += 1,
        }
    }

    /// A To tag that every copy of the request gets (RFC 3261 section 8.2.7).
    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        let key = self.server_key(request, request.top_via().ok(), Method::Invite);
        format!("{:016x}", key.low())
    }

    pub(super) fn sign(&self, writer: &mut Writer) {
        if let Some(server) = &self.config.server_header {
            writer.header(Name::Server, server);
        }
    }

    //= RFC 3261 section 18.2.1
    //# If the host portion of the "sent-by" parameter contains a domain name, or if it contains an IP address that differs
    //# from the packet source address, the server MUST add a "received" parameter to that Via header field value.
    pub(crate) fn stamp_for(flow: Flow, via: Option<Via<'_>>) -> Stamp {
        let Some(via) = via else { return Stamp::Nothing };
        if via.rport().is_some() {
            return Stamp::ReceivedAndPort;
        }
        let same = via.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip == flow.peer.ip());
        if same { Stamp::Nothing } else { Stamp::Received }
    }
}
