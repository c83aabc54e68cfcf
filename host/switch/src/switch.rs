//! The facade: what happened goes in, what to do comes out.

use std::collections::BTreeMap;

use ::media::{RelayEvent, Side};
use model::{
    ConnId, Directory, Flow, Instant,
    hook::{Answer, Hook},
};
use sip::{
    Endpoint, EndpointConfig, Event, ListenerConfig, Message, Method, Name, ServerTx, Uri, UriError,
};

use crate::{
    CallView, Cause, Command, Config, Fact, Input, Limits, Output, Publish, Reason,
    RegistrarConfig, Settings, Stats, Word,
    authenticate::Authenticator,
    call::{Call, State, is_emergency, reason_of, refuse},
    devices::Devices,
    door::{Arrival, Door},
    events::{Events, Lamps},
    keepalive::Keepalive,
    moves::{Waiting, WaitingControl},
    proxy::Passages,
    registrar::Registrar,
    tables::Tables,
    texts::Texts,
    trunk::Keeper,
    writes::Writes,
};

/// One shard of the switch.
pub struct Switch {
    pub(crate) calls: BTreeMap<ConnId, Box<Call>>,
    pub(crate) tables: Tables,
    pub(crate) registrar: Registrar,
    /// Registrations on their way to the store, where there is one.
    pub(crate) writes: Option<Writes>,
    pub(crate) authenticator: Authenticator,
    /// Requests the plugins are asked about before anything is made of them.
    pub(crate) door: Door,
    /// Asks devices whether they are there.
    pub(crate) devices: Devices,
    /// Keeps the way to phones behind NAT open.
    pub(crate) keepalive: Keepalive,
    /// Requests within dialogs on their way through.
    pub(crate) passages: Passages,
    /// Registers and probes the trunks that are this shard's.
    pub(crate) keeper: Keeper,
    /// Subscriptions, and what this shard knows for them.
    pub(crate) events: Events,
    /// What watchers are told of the calls of this shard.
    pub(crate) lamps: Lamps,
    /// Texts on their way.
    pub(crate) texts: Texts,
    pub(crate) draining: bool,
    /// REFERs that wait until their call can go to another shard.
    pub(crate) waiting: Vec<Waiting>,
    /// The same of what third parties want.
    pub(crate) controls_waiting: Vec<WaitingControl>,
}

impl Switch {
    /// Makes a shard with no calls and no registrations.
    pub fn new(config: Config) -> Self {
        let endpoint = Endpoint::new(EndpointConfig {
            timers: config.timers,
            limits: config.sip_limits.clone(),
            transactions_max: config.limits.transactions_max,
            transaction_bytes_max: config.limits.transaction_bytes_max,
            listeners: config
                .listeners
                .iter()
                .map(|l| ListenerConfig {
                    transport: l.transport,
                    sent_by: l.advertised.to_string(),
                })
                .collect(),
            shard: config.shard,
            seed: config.seed,
            retry_after_s: config.limits.retry_after_s,
            server_header: (!config.server_header.is_empty()).then(|| config.server_header.clone()),
            ..EndpointConfig::default()
        });
        let registrar = Registrar::new(config.registrar);
        let keepalive = Keepalive::new(config.registrar.keepalive);
        // Half of the seed, which nobody else has and which a restart changes.
        let mut key = [0; 16];
        key.iter_mut().zip(config.seed).for_each(|(key, seed)| *key = seed);
        let authenticator = Authenticator::new(&config.auth.clone().unwrap_or_default(), key);
        let store = config.registrar.store;
        let keeper = Keeper::new(&config);
        let devices = Devices::new(&config);
        let neighbours = config.trunks.iter().filter(|trunk| trunk.overload_control);
        let neighbours: Vec<_> = neighbours.flat_map(|trunk| trunk.identify.clone()).collect();
        let mut tables = Tables::new(config, endpoint);
        tables.exempt_emergencies();
        if !neighbours.is_empty() {
            let is_one = move |ip| neighbours.iter().any(|network| network.holds(ip));
            tables.endpoint.tell_load(Box::new(is_one));
        }
        Self {
            keeper,
            devices,
            keepalive,
            passages: Passages::default(),
            calls: BTreeMap::new(),
            tables,
            registrar,
            authenticator,
            door: Door::default(),
            writes: store.map(|store| Writes::new(store.writes_max, store.timeout)),
            events: Events::default(),
            lamps: Lamps::default(),
            texts: Texts::default(),
            draining: false,
            waiting: Vec::new(),
            controls_waiting: Vec::new(),
        }
    }

    /// Takes in what happened at `now`. Drain [`Self::poll_output`] afterwards, before anything else.
    pub fn handle_input(&mut self, now: Instant, dir: &dyn Directory, input: Input) {
        self.tables.followed.set_now(now);
        match input {
            Input::Datagram { flow, bytes } => {
                self.tables.endpoint.handle_input(now, sip::Input::Datagram { flow, bytes });
            }
            Input::TransportError { flow } => {
                // First what calls must know who look for another way.
                self.leave_flow(now, flow);
                self.tables.endpoint.handle_input(now, sip::Input::TransportError { flow });
            }
            Input::Answer(answer) => self.on_answer(now, dir, answer),
            Input::Located { id, places } if self.passages.awaits(id.conn) => {
                self.on_passage_located(now, id.conn, places);
            }
            Input::Located { id, places } if self.devices.awaits(id) => {
                self.devices.on_located(&mut self.tables, now, id, places);
            }
            Input::Located { id, places } if id.number == 0 => {
                self.keeper.on_located(&mut self.tables, now, id, places);
            }
            Input::Located { id, places } => self.with_call(id.conn, |call, tables| {
                call.on_located(tables, now, dir, id, places);
            }),
            Input::Relay(event) => self.on_relay(now, dir, event),
            Input::Shed(shedding) => self.tables.endpoint.shed(shedding),
            Input::Command(command) => self.on_command(now, dir, command),
            Input::Control(control) => self.on_control(now, dir, control),
            Input::Configure(settings) => self.configure(now, dir, *settings),
            Input::Stored { ticket, outcome } => self.on_stored(now, dir, ticket, outcome),
            Input::Restore { aor, bindings } => self.restore(now, aor, bindings),
            Input::Told(word) => self.on_told(now, dir, word),
        }
        self.drain_endpoint(now, dir);
        self.settle(now, dir);
    }

    fn configure(&mut self, now: Instant, dir: &dyn Directory, settings: Settings) {
        let Settings { limits, registrar, events, auth, emergency, transfers, .. } = settings;
        self.tables.config.sessions = settings.sessions;
        self.tables.config.call_events = settings.call_events;
        if auth != self.tables.config.auth {
            // Another key: what was proved with an old nonce must not count as new.
            let numbers = [(); 2].map(|()| self.tables.endpoint.mint_number().to_be_bytes());
            let mut key = [0; 16];
            key.iter_mut().zip(numbers.as_flattened()).for_each(|(key, byte)| *key = *byte);
            self.authenticator = Authenticator::new(&auth.clone().unwrap_or_default(), key);
        }
        self.registrar.configure(registrar);
        self.configure_keepalive(now, registrar.keepalive);
        let config = &mut self.tables.config;
        config.limits = Limits {
            transactions_max: config.limits.transactions_max,
            transaction_bytes_max: config.limits.transaction_bytes_max,
            streams_max: config.limits.streams_max,
            ..limits
        };
        config.registrar = RegistrarConfig { store: config.registrar.store, ..registrar };
        let events_before = std::mem::replace(&mut config.events, events);
        config.service_route = settings.service_route;
        config.ring_timeout = settings.ring_timeout;
        config.routing_timeout = settings.routing_timeout;
        config.question_timeout = settings.question_timeout;
        config.failover_after = settings.failover_after;
        config.media = settings.media;
        config.auth = auth;
        config.emergency = emergency;
        config.transfers = transfers;
        config.trusted = settings.trusted;
        config.diversion = settings.diversion;
        self.tables.endpoint.retry_after(limits.retry_after_s);
        self.tables.exempt_emergencies();
        self.configure_events(now, dir, events_before);
    }

    /// Takes the next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.tables.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let transaction =
            self.tables.endpoint.poll_timeout().map(|(at, _)| (at, Reason::Transaction));
        let lapse = self.registrar.next_lapse().map(|at| (at, Reason::Registration));
        let write = self.writes.as_ref().and_then(Writes::deadline).map(|at| (at, Reason::Store));
        let trunk = self.keeper.next_timer().map(|at| (at, Reason::Trunk));
        let judged = self.door.deadline().map(|at| (at, Reason::Question));
        let checks_max = self.tables.config.limits.device_checks_max;
        let device = self.devices.next_timer(checks_max).map(|at| (at, Reason::Device));
        let alive = self.keepalive.next_timer().map(|at| (at, Reason::Keepalive));
        let told = self.events.next_timer().map(|at| (at, Reason::Subscription));
        let passage = self.passages.next_timer().map(|at| (at, Reason::Passage));
        let own = self.tables.next_timer();
        let followed = self.tables.followed.next_timer().map(|at| (at, Reason::CallEvent));
        let moved = self.next_move().map(|at| (at, Reason::Move));
        let timers = [
            transaction,
            lapse,
            write,
            trunk,
            device,
            judged,
            alive,
            told,
            passage,
            own,
            followed,
            moved,
        ];
        timers.into_iter().flatten().min()
    }

    /// Does what is due at `now`. Drain [`Self::poll_output`] afterwards.
    pub fn handle_timeout(&mut self, now: Instant, dir: &dyn Directory) {
        self.tables.followed.set_now(now);
        self.tables.endpoint.handle_timeout(now);
        self.drain_endpoint(now, dir);
        while let Some((conn, reason)) = self.tables.take_due(now) {
            self.on_timer(now, dir, conn, reason);
            self.drain_endpoint(now, dir);
        }
        while let Some((publish, fact)) = self.registrar.take_lapsed(now) {
            self.publish(publish, fact);
        }
        self.give_up_writes(now, dir);
        self.keeper.wake(&mut self.tables, now);
        self.check_devices(now);
        self.keep_alive(now);
        self.give_up_passages(now);
        self.give_up_judging(now, dir);
        self.wake_followed(now);
        self.events.wake(&mut self.tables, now, dir);
        self.tables.end_notes(now);
        self.drain_endpoint(now, dir);
        self.settle(now, dir);
    }

    /// Tells those who watch what came of an input.
    pub(crate) fn settle(&mut self, now: Instant, dir: &dyn Directory) {
        if !self.waiting.is_empty() {
            self.follow_again(now);
            self.drain_endpoint(now, dir);
        }
        if !self.controls_waiting.is_empty() {
            self.follow_controls(now);
        }
        self.follow_devices(now, dir);
        if !self.tables.moved.is_empty() {
            self.observe_registrations(dir);
        }
        if !self.tables.touched.is_empty() {
            self.observe_calls(now, dir);
            self.drain_endpoint(now, dir);
        }
        self.tell_followed(now);
    }

    /// Whether no call and no transaction is left; registrations do not count.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
            && self.tables.endpoint.is_idle()
            && self.tables.followed.is_empty()
            && self.tables.notes.is_empty()
    }

    /// Every call, oldest first.
    pub fn calls(&self, now: Instant) -> impl Iterator<Item = CallView> + '_ {
        self.calls.values().map(move |call| call.view(now, &self.tables.trunks))
    }

    /// The Call-ID of a call's first INVITE; `None` when there is no such call.
    pub fn call_id(&self, conn: ConnId) -> Option<&str> {
        self.calls.get(&conn).map(|call| call.facts.call_id.as_str())
    }

    /// Counters and gauges of this shard.
    pub fn stats(&self) -> Stats {
        let ending = self.calls.values().filter(|call| call.state == State::Ending).count();
        Stats {
            calls_now: self.calls.len() - ending,
            calls_ending: ending,
            aors_now: self.registrar.aors(),
            trunks_leaving: self.keeper.leaving(),
            devices_checked: self.devices.count().0,
            devices_out: self.devices.count().1,
            subscriptions_now: self.events.len(),
            moved_now: self.tables.notes.standing(),
            writes_now: self.writes.as_ref().map_or(0, Writes::held),
            ..self.tables.stats
        }
    }

    /// Counters of the SIP endpoint.
    pub fn sip_stats(&self) -> &sip::Stats {
        self.tables.endpoint.stats()
    }

    pub(crate) fn drain_endpoint(&mut self, now: Instant, dir: &dyn Directory) {
        loop {
            // What calls want of one another comes before the next message.
            if let Some(errand) = self.tables.errands.pop_front() {
                self.run(now, dir, errand);
                continue;
            }
            let Some(output) = self.tables.endpoint.poll_output() else { return };
            match output {
                sip::Output::Transmit { flow, bytes } => {
                    self.tables.outputs.push_back(Output::Transmit { flow, bytes });
                }
                sip::Output::Event(event) => self.on_event(now, dir, event),
            }
        }
    }

    fn on_event(&mut self, now: Instant, dir: &dyn Directory, event: Event) {
        match event {
            Event::Request { tx, flow, message } => self.on_request(now, dir, tx, flow, message),
            Event::Cancelled { tx, message } => self.on_cancelled(now, tx, &message),
            Event::Ack { message, .. } => self.on_ack(now, &message),
            Event::Response { tx, message } => self.on_response(now, dir, tx, &message),
            Event::StrayAck { flow, message } => self.on_stray_ack(now, flow, message),
            Event::Elsewhere { to, flow, bytes } => self.on_elsewhere(now, to, flow, bytes),
            Event::Stray { flow, message } => self.on_stray(flow, &message),
            Event::TimedOut { tx } => self.on_lost(now, dir, tx, 408),
            Event::Unreachable { tx } => self.on_lost(now, dir, tx, 503),
            Event::AckMissing { tx } => {
                if let Some((conn, side)) = self.tables.invites_by_server_tx.remove(&tx) {
                    self.with_call(conn, |call, tables| call.on_ack_missing(tables, now, side));
                }
            }
        }
    }

    fn on_request(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        tx: ServerTx,
        flow: Flow,
        request: Message,
    ) {
        let tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        if let Some(tag) = tag {
            let Some(request) = self.pass_through(now, flow, tx, request) else { return };
            return self.on_in_dialog(now, dir, flow, tx, request, &tag);
        }
        if let Some(status) = self.target_fault(&request) {
            return refuse(&mut self.tables, now, tx, &request, status, "");
        }
        if let (Method::Invite, Some(to)) = (request.method(), self.shard_of_replaced(&request)) {
            return self.pass_on(now, tx, &request, to);
        }
        match request.method() {
            Method::Invite | Method::Register | Method::Subscribe | Method::Message => {
                let arrival = Arrival { tx, flow, request, conn: None, identity: None };
                // No plugin stands before an emergency, and nobody is asked for a password before help is called.
                let is_call = arrival.request.method() == Method::Invite;
                if is_call && is_emergency(&self.tables, &arrival.request) {
                    self.on_invite(now, dir, arrival);
                } else {
                    self.arrive(now, dir, arrival);
                }
            }
            Method::Options => self.on_options(now, tx, &request),
            Method::Bye | Method::Cancel | Method::Ack => {
                refuse(&mut self.tables, now, tx, &request, 481, "");
            }
            // Nobody makes calls here for whoever asks.
            Method::Refer => refuse(&mut self.tables, now, tx, &request, 403, ""),
            Method::Info | Method::Update | Method::Prack | Method::Notify | Method::Publish => {
                refuse(&mut self.tables, now, tx, &request, 405, "")
            }
            Method::Other(_) => refuse(&mut self.tables, now, tx, &request, 501, ""),
        }
    }

    pub(crate) fn on_invite(&mut self, now: Instant, dir: &dyn Directory, arrival: Arrival) {
        let is_full = self.draining || self.calls.len() >= self.tables.config.limits.calls_max;
        // An emergency is still within the limit of transactions.
        if is_full && !is_emergency(&self.tables, &arrival.request) {
            self.tables.stats.calls_shed += 1;
            return refuse(&mut self.tables, now, arrival.tx, &arrival.request, 503, "");
        }
        if arrival.request.header(Name::Replaces).is_some() {
            return self.on_replacing(now, dir, arrival);
        }
        if let Some(mut call) = Call::offer(&mut self.tables, now, dir, arrival) {
            call.begin(&mut self.tables, now, dir);
            self.keep(call);
        }
    }

    /// The status of a request whose Request-URI nobody here can act on (RFC 3261 section 8.2.2.1), if it has none.
    fn target_fault(&self, request: &Message) -> Option<u16> {
        match Uri::parse(request.request_uri()) {
            Ok(_) => None,
            // The service URN of an emergency is none of our schemes, and has a place to go.
            Err(_) if is_emergency(&self.tables, request) => None,
            Err(UriError::Scheme) => Some(416),
            Err(_) => Some(400),
        }
    }

    pub(crate) fn publish(&mut self, publish: Publish, fact: Fact) {
        self.devices.note(&publish.aor);
        if self.tables.config.events.presence {
            self.tables.moved.push(publish.aor.clone());
        }
        self.tables.outputs.push_back(Output::Publish(publish));
        self.tables.emit(fact);
    }

    fn on_cancelled(&mut self, now: Instant, tx: ServerTx, cancel: &Message) {
        let reason = reason_of(cancel);
        if self.cancel_at_door(now, tx) || self.cancel_passage(now, tx, &reason) {
            return;
        }
        let Some((conn, side)) = self.tables.invites_by_server_tx.get(&tx).copied() else { return };
        if side == Side::A {
            self.with_call(conn, |call, tables| call.on_cancel(tables, now, &reason));
        }
    }

    fn on_answer(&mut self, now: Instant, dir: &dyn Directory, answer: Answer) {
        let Some(answer) = self.on_judged(now, dir, answer) else { return };
        let Some(answer) = self.on_told_event(now, dir, answer) else { return };
        let Some(conn) = self.tables.calls_by_question.remove(&answer.id) else {
            self.tables.stats.answers_late += 1;
            return;
        };
        self.with_call(conn, |call, tables| {
            if call.state == State::Asking(answer.id) {
                call.on_answer(tables, now, dir, answer);
            } else if answer.decision.hook == Hook::HeaderPolicy {
                call.on_header_policy(tables, now, dir, answer);
            }
        });
    }

    fn on_relay(&mut self, now: Instant, dir: &dyn Directory, event: RelayEvent) {
        if self.send_after(event.relay().0, || Word::Relay(event.clone())) {
            return;
        }
        match event {
            RelayEvent::Opened { relay, streams } => self.with_call(relay.0, |call, tables| {
                call.media.opened(streams);
                call.on_media_open(tables, now, dir);
                call.on_relay_extended(tables, now);
            }),
            RelayEvent::Refused { relay, .. } => self.with_call(relay.0, |call, tables| {
                call.on_media_refused(tables, now);
                call.on_relay_extended(tables, now);
            }),
            RelayEvent::Silent { relay, .. } => self.with_call(relay.0, |call, tables| {
                call.on_media_silent(tables, now);
            }),
            RelayEvent::Learned { .. } | RelayEvent::Closed { .. } => {}
        }
    }

    fn on_command(&mut self, now: Instant, dir: &dyn Directory, command: Command) {
        match command {
            Command::Hangup { conn } if self.send_after(conn, || Word::Hangup(conn)) => {}
            Command::Hangup { conn } => self.with_call(conn, |call, tables| {
                // A proxy has no dialog to end.
                if call.is_sent_on() {
                    return;
                }
                call.release(tables, now, Cause::Operator, None);
            }),
            Command::Drain => {
                self.draining = true;
                self.events.stop(&mut self.tables, now, dir);
                self.leave_proxied(now);
                self.keeper.stop(&mut self.tables, now);
                self.devices.stop();
            }
        }
    }

    fn on_timer(&mut self, now: Instant, dir: &dyn Directory, conn: ConnId, reason: Reason) {
        self.with_call(conn, |call, tables| match reason {
            Reason::Ring => call.on_ring_timeout(tables, now, dir),
            Reason::SessionOfCaller => call.on_session_timer(tables, now, Side::A),
            Reason::SessionOfCallee => call.on_session_timer(tables, now, Side::B),
            Reason::CallLength => call.on_too_long(tables, now),
            Reason::Probe => call.on_probe_timer(tables, now),
            Reason::Reliable => call.on_prack_awaited(tables, now),
            Reason::Locate => call.on_locate_timeout(tables, now, dir),
            Reason::Failover => call.on_failover(tables, now, dir),
            Reason::Routing => call.on_routing_timer(tables, now),
            Reason::Question => call.on_question_timeout(tables, now, dir),
            Reason::Relay => {
                call.on_media_refused(tables, now);
                call.on_relay_extended(tables, now);
            }
            Reason::OwnOffer => call.on_own_offer_timer(tables, now),
            Reason::Transaction
            | Reason::Registration
            | Reason::Store
            | Reason::Trunk
            | Reason::Device
            | Reason::Keepalive
            | Reason::Move
            | Reason::Subscription
            | Reason::Passage
            | Reason::CallEvent => {}
            Reason::Proxied => call.leave_proxied(tables, now),
        });
    }

    /// Takes a call that has begun, unless it was over at once.
    pub(crate) fn keep(&mut self, call: Call) {
        if !call.is_over() {
            self.calls.insert(call.conn, Box::new(call));
        }
    }

    pub(crate) fn with_call(&mut self, conn: ConnId, act: impl FnOnce(&mut Call, &mut Tables)) {
        if let Some(call) = self.calls.get_mut(&conn) {
            act(call, &mut self.tables);
            self.forget_if_over(conn);
        }
    }

    pub(crate) fn forget_if_over(&mut self, conn: ConnId) {
        if self.calls.get(&conn).is_some_and(|call| call.is_over()) {
            self.calls.remove(&conn);
            self.tables.forget_call(conn);
        }
    }
}
