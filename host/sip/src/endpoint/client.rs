//! Client transactions: requests of ours.

use bytes::Bytes;
use model::Flow;

use super::{Endpoint, Event, LimitError, Owner, io::ClientTx};
use crate::{
    Message, Method, RequestDraft,
    timers::{Backoff, Timer},
    transaction::{
        Action, TimerSlots,
        client::{Cancel, Client, Event as Happened, Machine, Owner as Hears},
        invite_client,
        key::{Key, Purpose},
        non_invite_client,
    },
};

impl Endpoint {
    /// Sends a request and follows it: [`Event::Response`], [`Event::TimedOut`] and [`Event::Unreachable`] name the
    /// transaction given back. The Via is put in here. An ACK is not a transaction: see [`Self::send_ack`].
    ///
    /// # Errors
    ///
    /// When `transactions_max` and its reserve are used up, or the flow's listener is not configured; nothing is sent then.
    pub fn send_request(
        &mut self,
        now: model::Instant,
        flow: Flow,
        request: RequestDraft,
    ) -> Result<ClientTx, LimitError> {
        self.advance(now);
        if self.is_overfull() {
            let max = self.config.transactions_max;
            return Err(LimitError::Transactions { live: self.transactions(), max });
        }
        let branch = self.mint.branch();
        self.send_with_branch(flow, request, &branch, false)
    }

    pub(super) fn send_with_branch(
        &mut self,
        flow: Flow,
        request: RequestDraft,
        branch: &str,
        is_forwarded: bool,
    ) -> Result<ClientTx, LimitError> {
        let via = self
            .via(flow, branch)
            .ok_or(LimitError::UnknownListener { listener: flow.listener.0 })?;
        let method = request.method();
        let key = self.client_key(branch, method);
        let machine = if method == Method::Invite {
            Machine::Invite(invite_client::State::Calling)
        } else {
            Machine::NonInvite(non_invite_client::State::Trying)
        };
        let bytes = request.finish(&via);
        let id = self.create_client(machine, flow, key, bytes, Hears::User);
        if let Some(client) = self.clients.get_mut(id) {
            client.is_forwarded = is_forwarded;
        }
        Ok(ClientTx(id))
    }

    pub(super) fn create_client(
        &mut self,
        machine: Machine,
        flow: Flow,
        key: Key,
        request: Bytes,
        owner: Hears,
    ) -> u64 {
        let id = self.clients.insert(Client {
            machine,
            flow,
            key,
            stored: Some(request),
            acks: Vec::new(),
            cancel: Cancel::No,
            cancel_reason: "".into(),
            owner,
            is_forwarded: false,
            timers: TimerSlots::default(),
        });
        self.stats.kept_bytes_now += self.kept_of_client(id);
        self.clients_by_key.insert(key, id);
        self.pending_by_flow.insert((flow, id));
        match machine {
            Machine::Invite(_) => self.stats.invite_clients_now += 1,
            Machine::NonInvite(_) => self.stats.non_invite_clients_now += 1,
        }
        for action in machine.start() {
            self.act_for_client(id, *action, &mut None);
        }
        id
    }

    /// The flow that a request of ours went out on; `None` when its transaction is over.
    pub fn flow_of(&self, tx: ClientTx) -> Option<Flow> {
        self.clients.get(tx.0).map(|client| client.flow)
    }

    /// The value of the Via of a request that leaves on `flow` (RFC 3261 section 18.1.1, RFC 3581 section 3).
    pub(super) fn via(&self, flow: Flow, branch: &str) -> Option<String> {
        let listener = self.config.listeners.get(usize::from(flow.listener.0))?;
        let transport = flow.transport.via_token();
        let rport = if flow.transport.is_reliable() { "" } else { ";rport" };
        Some(format!("SIP/2.0/{transport} {};branch={branch}{rport}", listener.sent_by))
    }

    //= RFC 3261 section 17.1.3
    //# The method is needed since a CANCEL request constitutes a different transaction, but shares the same value of the
    //# branch parameter.
    pub(super) fn client_key(&self, branch: &str, method: Method<'_>) -> Key {
        self.keys.key(Purpose::Client, &[branch.as_bytes(), method.as_str().as_bytes()])
    }

    /// Sends a request and forgets it: it is not sent again, and its responses come as [`Event::Stray`].
    ///
    /// # Errors
    ///
    /// When the flow's listener is not configured; nothing is sent then.
    pub fn send_untracked(&mut self, flow: Flow, request: RequestDraft) -> Result<(), LimitError> {
        let branch = self.mint.branch();
        let via = self
            .via(flow, &branch)
            .ok_or(LimitError::UnknownListener { listener: flow.listener.0 })?;
        self.transmit(flow, request.finish(&via));
        Ok(())
    }

    pub(super) fn handle_response(&mut self, flow: Flow, message: Message) {
        let Some(id) = self.client_of_response(&message) else {
            let Some(message) = self.pass_elsewhere(flow, message) else { return };
            self.stats.stray_responses += 1;
            self.emit(Event::Stray { flow, message });
            return;
        };
        if self.repeat_ack_of_2xx(id, &message) {
            return;
        }
        let status = message.status();
        self.drive_client(id, Happened::Response(status), Some(message));
        self.send_awaited_cancel(id);
    }

    /// RFC 3261 section 8.1.3.3: a response with more than one Via was misrouted, unless the request was forwarded. The branch holds 64 random bits of ours,
    /// so that the sent-by (section 18.1.2) says nothing more.
    fn client_of_response(&self, message: &Message) -> Option<u64> {
        let has_more = message.values(crate::Name::Via).nth(1).is_some();
        let via = message.top_via().ok()?;
        let key = self.client_key(via.branch()?, message.method());
        let id = self.clients_by_key.get(&key).copied()?;
        self.clients.get(id).is_some_and(|client| client.is_forwarded == has_more).then_some(id)
    }

    pub(super) fn handle_transport_error(&mut self, flow: Flow) {
        let failed: Vec<u64> =
            self.pending_by_flow.range((flow, 0)..=(flow, u64::MAX)).map(|(_, id)| *id).collect();
        for id in failed {
            self.drive_client(id, Happened::TransportError, None);
        }
    }

    /// Bytes that a client transaction keeps; 0 when there is none.
    pub(super) fn kept_of_client(&self, id: u64) -> usize {
        self.clients.get(id).map_or(0, Client::kept_bytes)
    }

    /// Feeds an event to a client transaction; a timer without duration fires at once.
    pub(super) fn drive_client(&mut self, id: u64, event: Happened, message: Option<Message>) {
        let before = self.kept_of_client(id);
        self.step_client(id, event, message);
        let after = self.kept_of_client(id);
        self.stats.kept_bytes_now = self.stats.kept_bytes_now + after - before;
    }

    fn step_client(&mut self, id: u64, event: Happened, mut message: Option<Message>) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let Some(client) = self.clients.get_mut(id) else { return };
            let Some((machine, actions)) = client.machine.step(event) else {
                self.stats.invalid_transitions += 1;
                return;
            };
            let was_pending = client.machine.is_pending();
            client.machine = machine;
            if was_pending && !machine.is_pending() {
                self.pending_by_flow.remove(&(client.flow, id));
            }
            for action in actions {
                if let Some(timer) = self.act_for_client(id, *action, &mut message) {
                    next = Some(Happened::Timer(timer));
                }
            }
            if machine.is_terminated() {
                self.remove_client(id);
            }
        }
    }

    /// Carries one action out. Gives the timer that is due at once, if the action started one.
    fn act_for_client(
        &mut self,
        id: u64,
        action: Action,
        message: &mut Option<Message>,
    ) -> Option<Timer> {
        let tx = ClientTx(id);
        match action {
            Action::Send => self.transmit_stored(id),
            Action::Retransmit | Action::RepeatAck => {
                self.stats.retransmissions_sent += 1;
                self.transmit_stored(id);
            }
            Action::Acknowledge => self.acknowledge(id, message.as_ref()),
            Action::PassUp => {
                if let (true, Some(message)) = (self.is_users(id), message.take()) {
                    self.emit(Event::Response { tx, message });
                }
            }
            Action::InformTimeout => {
                self.stats.timeouts += 1;
                if self.is_users(id) {
                    self.emit(Event::TimedOut { tx });
                }
            }
            Action::InformUnreachable => {
                if self.is_users(id) {
                    self.emit(Event::Unreachable { tx });
                }
            }
            Action::Start(timer) => return self.start_client_timer(id, timer),
            Action::Again(timer, backoff) => self.restart_client_timer(id, timer, backoff),
            Action::Stop(timer) => self.stop_client_timer(id, timer),
            Action::Forget => {
                if let Some(client) = self.clients.get_mut(id) {
                    client.stored = None;
                }
            }
            // Actions of server tables.
            Action::SendTrying | Action::InformAckMissing | Action::CountUnacknowledged => {}
        }
        None
    }

    fn is_users(&self, id: u64) -> bool {
        self.clients.get(id).is_some_and(|client| client.owner == Hears::User)
    }

    fn transmit_stored(&mut self, id: u64) {
        let Some(client) = self.clients.get(id) else { return };
        let (flow, stored) = (client.flow, client.stored.clone());
        if let Some(bytes) = stored {
            self.transmit(flow, bytes);
        }
    }

    pub(super) fn start_client_timer(&mut self, id: u64, timer: Timer) -> Option<Timer> {
        let client = self.clients.get_mut(id)?;
        let reliable = client.flow.transport.is_reliable();
        let duration = self.config.timers.first(timer, reliable, self.config.trying_after)?;
        if duration.is_zero() {
            return Some(timer);
        }
        if timer.repeats() {
            client.timers.interval = duration;
        }
        *client.timers.slot(timer) =
            self.timers.start(self.now, duration, timer, Owner::Client(id));
        None
    }

    fn restart_client_timer(&mut self, id: u64, timer: Timer, backoff: Backoff) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let duration = self.config.timers.next(client.timers.interval, backoff);
        client.timers.interval = duration;
        *client.timers.slot(timer) =
            self.timers.start(self.now, duration, timer, Owner::Client(id));
    }

    fn stop_client_timer(&mut self, id: u64, timer: Timer) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(handle) = client.timers.slot(timer).take() {
            self.timers.stop(handle);
        }
    }

    fn remove_client(&mut self, id: u64) {
        let Some(client) = self.clients.remove(id) else { return };
        for handle in client.timers.running() {
            self.timers.stop(handle);
        }
        if self.clients_by_key.get(&client.key) == Some(&id) {
            self.clients_by_key.remove(&client.key);
        }
        match client.machine {
            Machine::Invite(_) => self.stats.invite_clients_now -= 1,
            Machine::NonInvite(_) => self.stats.non_invite_clients_now -= 1,
        }
    }
}
