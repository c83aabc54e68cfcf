//! Server transactions: requests that came in.

use bytes::Bytes;
use model::{Flow, Instant};

use super::{Endpoint, Event, Owner, io::ServerTx, mint::MAGIC_COOKIE, wire, wire::Stamp};
use crate::{
    Message, Method, Name, Via, response_to,
    timers::{Backoff, Timer},
    transaction::{
        Action, TimerSlots, invite_server,
        key::{Key, Purpose},
        non_invite_server,
        server::{Event as Happened, Machine, Server},
    },
};

impl Endpoint {
    /// Responds to a request. `response` is made by [`response_to`](crate::response_to); the endpoint writes into its top Via
    /// where the request came from, and repeats a 2xx to an INVITE until its ACK comes.
    ///
    /// A second final response, and one to a transaction that is over, is dropped and counted.
    pub fn respond(&mut self, now: Instant, tx: ServerTx, response: Bytes) {
        self.advance(now);
        match wire::status_of(&response) {
            Some(status) if self.servers.get(tx.0).is_some() => {
                self.drive_server(tx.0, Happened::Respond(status), Some(response), None);
            }
            Some(_) | None => self.stats.invalid_transitions += 1,
        }
    }

    /// Forgets a request without an answer: its sender hears nothing, and what it repeats is a new request.
    pub fn abandon(&mut self, tx: ServerTx) {
        let before = self.kept_of_server(tx.0);
        self.remove_server(tx.0);
        self.stats.kept_bytes_now -= before;
    }

    /// Bytes that a server transaction keeps; 0 when there is none.
    fn kept_of_server(&self, id: u64) -> usize {
        self.servers.get(id).map_or(0, Server::kept_bytes)
    }

    //= RFC 3261 section 17.2.3
    //# The request matches a transaction if:
    pub(super) fn server_key(
        &self,
        message: &Message,
        via: Option<Via<'_>>,
        method: Method<'_>,
    ) -> Key {
        let method = method.as_str().as_bytes();
        if let Some(via) = via
            && let Some(branch) = magic_branch(via)
        {
            let port = via.port.unwrap_or(0).to_be_bytes();
            let parts = [branch.as_bytes(), via.host.as_bytes(), &port, method];
            return self.keys.key(Purpose::Server, &parts);
        }
        let from_tag = message.from().ok().and_then(|from| from.tag()).unwrap_or_default();
        let number = message.cseq().number.to_be_bytes();
        let via = message.values(Name::Via).next().unwrap_or_default();
        let parts = [
            message.request_uri().as_bytes(),
            from_tag.as_bytes(),
            message.call_id().as_bytes(),
            &number,
            via.as_bytes(),
            method,
        ];
        self.keys.key(Purpose::Server2543, &parts)
    }

    pub(super) fn handle_request(&mut self, flow: Flow, message: Message) {
        match message.method() {
            Method::Ack => self.handle_ack(flow, message),
            Method::Cancel => self.handle_cancel(flow, message),
            method => {
                let via = message.top_via().ok();
                let key = self.server_key(&message, via, method);
                if let Some(id) = self.servers_by_key.get(&key).copied() {
                    return self.absorb(id);
                }
                let Some(message) = self.pass_elsewhere(flow, message) else { return };
                let via = message.top_via().ok();
                let merged = self.merged_key(&message);
                if let Some(status) = self.refusal(&message, merged) {
                    return self.refuse(flow, &message, status);
                }
                let stamp = Self::stamp_for(flow, via);
                let id = self.create_server(flow, &message, stamp, key, merged);
                self.start_server(id, message);
            }
        }
    }

    /// A request came again.
    pub(super) fn absorb(&mut self, id: u64) {
        self.stats.retransmissions_absorbed += 1;
        self.drive_server(id, Happened::Request, None, None);
    }

    /// An ACK: of a final response other than 2xx by its branch, of a 2xx by its dialog and CSeq number.
    fn handle_ack(&mut self, flow: Flow, message: Message) {
        let to_tag = message.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        let via = message.top_via().ok();
        let key = self.server_key(&message, via, Method::Invite);
        let by_branch = self.servers_by_key.get(&key).copied();
        let rejected = by_branch.filter(|id| self.is_ack_of_rejection(*id, &message));
        let number = message.cseq().number;
        let id = rejected.or_else(|| {
            let key = self.ack_key(message.call_id(), to_tag, number);
            self.servers_by_ack.get(&key).copied()
        });
        let Some(id) = id else {
            let Some(message) = self.pass_elsewhere(flow, message) else { return };
            self.stats.stray_acks += 1;
            return self.emit(Event::StrayAck { flow, message });
        };
        self.drive_server(id, Happened::Ack, None, Some((flow, message)));
    }

    /// Whether the ACK that matched this INVITE transaction acknowledges a rejection. Without the magic cookie the To tag must
    /// also be that of the response (RFC 3261 section 17.2.3), as long as the response is remembered.
    fn is_ack_of_rejection(&self, id: u64, ack: &Message) -> bool {
        let Some(server) = self.servers.get(id) else { return false };
        if !server.machine.is_rejected() {
            return false;
        }
        let said = server.response.as_ref().and_then(|r| wire::field(r, "To", "t"));
        let tag = ack.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        ack.top_via().ok().and_then(magic_branch).is_some()
            || said.is_none_or(|to| wire::tag_of(to) == tag)
    }

    fn ack_key(&self, call_id: &str, local_tag: &str, cseq: u32) -> Key {
        self.keys
            .key(Purpose::Ack, &[call_id.as_bytes(), local_tag.as_bytes(), &cseq.to_be_bytes()])
    }

    fn merged_key(&self, message: &Message) -> Option<Key> {
        if message.to().ok()?.tag().is_some() {
            return None;
        }
        let from = message.from().ok()?;
        let cseq = message.cseq();
        let number = cseq.number.to_be_bytes();
        let parts = [
            from.tag().unwrap_or_default().as_bytes(),
            message.call_id().as_bytes(),
            &number,
            cseq.method.as_str().as_bytes(),
        ];
        Some(self.keys.key(Purpose::Merged, &parts))
    }

    pub(super) fn create_server(
        &mut self,
        flow: Flow,
        request: &Message,
        stamp: Stamp,
        key: Key,
        merged: Option<Key>,
    ) -> u64 {
        let invite = request.method() == Method::Invite;
        let machine = if invite {
            Machine::Invite(invite_server::State::Proceeding)
        } else {
            Machine::NonInvite(non_invite_server::State::Trying)
        };
        let id = self.servers.insert(Server {
            machine,
            flow,
            stamp,
            key,
            merged,
            ack: None,
            request: invite.then(|| request.bytes().clone()),
            response: None,
            cancelled: false,
            timers: TimerSlots::default(),
        });
        self.stats.kept_bytes_now += self.kept_of_server(id);
        self.servers_by_key.insert(key, id);
        if let Some(merged) = merged {
            self.servers_by_merged.insert(merged, id);
        }
        match machine {
            Machine::Invite(_) => self.stats.invite_servers_now += 1,
            Machine::NonInvite(_) => self.stats.non_invite_servers_now += 1,
        }
        id
    }

    fn start_server(&mut self, id: u64, request: Message) {
        let Some(server) = self.servers.get(id) else { return };
        let (flow, actions) = (server.flow, server.machine.start());
        let mut request = Some((flow, request));
        for action in actions {
            if *action == Action::PassUp {
                if let Some((flow, message)) = request.take() {
                    self.emit(Event::Request { tx: ServerTx(id), flow, message });
                }
            } else if let Some(timer) = self.act_for_server(id, *action, &mut None, &mut None) {
                self.drive_server(id, Happened::Timer(timer), None, None);
            }
        }
    }

    /// Feeds an event to a server transaction: `response` is what the user responds, `ack` the ACK that came. A timer
    /// without duration fires at once.
    pub(super) fn drive_server(
        &mut self,
        id: u64,
        event: Happened,
        response: Option<Bytes>,
        ack: Option<(Flow, Message)>,
    ) {
        let before = self.kept_of_server(id);
        self.step_server(id, event, response, ack);
        let after = self.kept_of_server(id);
        self.stats.kept_bytes_now = self.stats.kept_bytes_now + after - before;
    }

    fn step_server(
        &mut self,
        id: u64,
        event: Happened,
        mut response: Option<Bytes>,
        mut ack: Option<(Flow, Message)>,
    ) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let Some(server) = self.servers.get_mut(id) else { return };
            let Some((machine, actions)) = server.machine.step(event) else {
                self.stats.invalid_transitions += 1;
                return;
            };
            if event == Happened::Ack && actions.is_empty() {
                self.stats.retransmissions_absorbed += 1;
            }
            server.machine = machine;
            for action in actions {
                if let Some(timer) = self.act_for_server(id, *action, &mut response, &mut ack) {
                    next = Some(Happened::Timer(timer));
                }
            }
            if machine.is_terminated() {
                self.remove_server(id);
            }
        }
    }

    /// Carries one action out. Gives the timer that is due at once, if the action started one.
    fn act_for_server(
        &mut self,
        id: u64,
        action: Action,
        response: &mut Option<Bytes>,
        ack: &mut Option<(Flow, Message)>,
    ) -> Option<Timer> {
        let tx = ServerTx(id);
        match action {
            Action::Send => {
                if let Some(response) = response.take() {
                    self.send_response(id, response);
                }
            }
            Action::SendTrying => self.send_trying(id),
            Action::Retransmit => self.retransmit_response(id),
            Action::PassUp => {
                if let Some((flow, message)) = ack.take() {
                    self.emit(Event::Ack { tx, flow, message });
                }
            }
            Action::InformAckMissing => {
                self.stats.unacknowledged += 1;
                self.emit(Event::AckMissing { tx });
            }
            Action::CountUnacknowledged => self.stats.unacknowledged += 1,
            Action::Start(timer) => return self.start_server_timer(id, timer),
            Action::Again(timer, backoff) => self.restart_server_timer(id, timer, backoff),
            Action::Stop(timer) => self.stop_server_timer(id, timer),
            Action::Forget => {
                if let Some(server) = self.servers.get_mut(id) {
                    server.response = None;
                }
            }
            // Actions of client tables.
            Action::Acknowledge
            | Action::RepeatAck
            | Action::InformTimeout
            | Action::InformUnreachable => {}
        }
        None
    }

    fn send_response(&mut self, id: u64, response: Bytes) {
        let Some(flow) = self.servers.get(id).map(|server| server.flow) else { return };
        let response = self.with_load(flow, response);
        let Some(server) = self.servers.get_mut(id) else { return };
        let bytes = wire::stamp(response, server.stamp, flow.peer);
        server.request = None;
        server.response = Some(bytes.clone());
        if server.machine == Machine::Invite(invite_server::State::Accepted) {
            self.expect_ack(id, &bytes);
        }
        self.transmit(flow, bytes);
    }

    /// Remembers by what the ACK of this 2xx will be recognised.
    fn expect_ack(&mut self, id: u64, response: &Bytes) {
        let tag = wire::field(response, "To", "t").map_or("", wire::tag_of);
        let call_id = wire::field(response, "Call-ID", "i").unwrap_or_default();
        let number = wire::field(response, "CSeq", "CSeq").and_then(|c| c.split(' ').next());
        let Some(number) = number.and_then(|n| n.parse().ok()) else { return };
        let key = self.ack_key(call_id, tag, number);
        let Some(server) = self.servers.get_mut(id) else { return };
        if let Some(earlier) = server.ack.replace(key) {
            self.servers_by_ack.remove(&earlier);
        }
        self.servers_by_ack.insert(key, id);
    }

    /// The 100 (Trying) response.
    //= RFC 3261 section 17.2.1
    //# The 100 (Trying) response is constructed according to the procedures in Section 8.2.6, except that the insertion of
    //# tags in the To header field of the response (when none was present in the request) is downgraded from MAY to SHOULD
    //# NOT.
    fn send_trying(&mut self, id: u64) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let Some(bytes) = server.request.take() else { return };
        let Ok(request) = Message::parse(bytes, &self.config.limits) else { return };
        let mut writer = response_to(&request, 100, "", None);
        self.sign(&mut writer);
        self.send_response(id, writer.finish(None));
    }

    fn retransmit_response(&mut self, id: u64) {
        let Some(server) = self.servers.get(id) else { return };
        let (flow, response) = (server.flow, server.response.clone());
        if let Some(bytes) = response {
            self.stats.retransmissions_sent += 1;
            self.transmit(flow, bytes);
        }
    }

    fn start_server_timer(&mut self, id: u64, timer: Timer) -> Option<Timer> {
        let server = self.servers.get_mut(id)?;
        let reliable = server.flow.transport.is_reliable();
        let duration = self.config.timers.first(timer, reliable, self.config.trying_after)?;
        if duration.is_zero() {
            return Some(timer);
        }
        if timer.repeats() {
            server.timers.interval = duration;
        }
        *server.timers.slot(timer) =
            self.timers.start(self.now, duration, timer, Owner::Server(id));
        None
    }

    fn restart_server_timer(&mut self, id: u64, timer: Timer, backoff: Backoff) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let duration = self.config.timers.next(server.timers.interval, backoff);
        server.timers.interval = duration;
        *server.timers.slot(timer) =
            self.timers.start(self.now, duration, timer, Owner::Server(id));
    }

    fn stop_server_timer(&mut self, id: u64, timer: Timer) {
        let Some(server) = self.servers.get_mut(id) else { return };
        if let Some(handle) = server.timers.slot(timer).take() {
            self.timers.stop(handle);
        }
    }

    fn remove_server(&mut self, id: u64) {
        let Some(server) = self.servers.remove(id) else { return };
        for handle in server.timers.running() {
            self.timers.stop(handle);
        }
        for (map, key) in [
            (&mut self.servers_by_key, Some(server.key)),
            (&mut self.servers_by_merged, server.merged),
            (&mut self.servers_by_ack, server.ack),
        ] {
            // A later transaction may have taken the key over.
            if let Some(key) = key.filter(|key| map.get(key) == Some(&id)) {
                map.remove(&key);
            }
        }
        match server.machine {
            Machine::Invite(_) => self.stats.invite_servers_now -= 1,
            Machine::NonInvite(_) => self.stats.non_invite_servers_now -= 1,
        }
    }
}

/// The branch of a request that was made by somebody who knows RFC 3261 (section 8.1.1.7).
fn magic_branch(via: Via<'_>) -> Option<&str> {
    let has_more =
        |branch: &&str| branch.strip_prefix(MAGIC_COOKIE).is_some_and(|id| !id.is_empty());
    via.branch().filter(has_more)
}
