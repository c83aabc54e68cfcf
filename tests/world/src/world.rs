//! The loop: the next thing that happens, happens.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use media::RelayEvent;
use model::{
    Aor, ConnId, DeviceCheck, Instant, Shard,
    hook::{Answer, CallFacts, Hook, Question},
};
use sip::locate::{LocateError, Place};
use switch::{Command, Control, Fact, Input, KeepaliveConfig, LocateId, TrunkConfig, Unfit, Word};

use crate::{
    Decider, Faults, HOST, Manner, Network, Node, Phone, PhoneFact, Random, SimDns, Trace,
    built_in, network::Datagram, node::Effect, operations::Recent, storm::Wire,
};

/// What a world is made with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Everything that happens by chance happens from this.
    pub seed: u64,
    /// Shards of the node.
    pub shards: u16,
    /// The network.
    pub faults: Faults,
    /// Calls whose media can be relayed at once.
    pub relays_max: usize,
    /// Where calls to 112 go: `user@host`, tried in this order.
    pub emergency_route: &'static [&'static str],
    /// The host of the addresses-of-record of the node's subscribers.
    pub host: &'static str,
    /// What phones behind NAT are sent.
    pub keepalive: Option<KeepaliveConfig>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            shards: 1,
            faults: Faults::NONE,
            relays_max: 1000,
            emergency_route: &["9000@world.test", "9001@world.test"],
            host: HOST,
            keepalive: Some(KeepaliveConfig::default()),
        }
    }
}

/// Datagrams that are kept.
const RECENT_MAX: usize = 64;

/// A node, phones, a network and a clock.
pub struct World {
    now: Instant,
    random: Random,
    queue: BTreeMap<(Instant, u64), Happening>,
    next: u64,
    /// The network between them.
    pub network: Network,
    /// The names the node can look up.
    pub dns: SimDns,
    /// The node under test.
    pub node: Node,
    /// The phones, in the order they were added.
    pub phones: Vec<Phone>,
    /// When each phone has something to do of itself, and the same in order.
    due: Vec<Option<Instant>>,
    dues: BTreeSet<(Instant, usize)>,
    phone_by_address: BTreeMap<SocketAddr, usize>,
    decider: Decider,
    host: &'static str,
    wire: Option<Wire>,
    /// The last datagrams that reached the node, where they are kept.
    recent: Option<VecDeque<Recent>>,
    /// What the node sent to addresses where no phone is, in order.
    pub strays: Vec<(SocketAddr, Bytes)>,
    /// What happened.
    pub trace: Trace,
}

/// Something on its way to happen.
enum Happening {
    Arrival(Datagram),
    Answer { shard: Shard, answer: Answer },
    Relay { shard: Shard, event: RelayEvent },
    Told { to: Shard, word: Word },
    Located { shard: Shard, id: LocateId, places: Result<Vec<Place>, LocateError> },
    Do { phone: usize, manner: Manner },
}

impl World {
    /// An empty world: a node and nobody to talk to.
    pub fn new(options: Options) -> Self {
        Self::with_trunks(options, &[])
    }

    /// The same with trunks, each with the calls it carries at once.
    pub fn with_trunks(options: Options, trunks: &[(TrunkConfig, u32)]) -> Self {
        let mut random = Random::new(options.seed);
        let addr = SocketAddr::from(([10, 0, 0, 1], 5060));
        Self {
            now: Instant::ZERO,
            node: Node::new(addr, &options, trunks, &mut random),
            random,
            queue: BTreeMap::new(),
            next: 0,
            network: Network::new(options.faults),
            dns: SimDns::default(),
            phones: Vec::new(),
            due: Vec::new(),
            dues: BTreeSet::new(),
            phone_by_address: BTreeMap::new(),
            decider: built_in(),
            host: options.host,
            wire: None,
            recent: None,
            strays: Vec::new(),
            trace: Trace::default(),
        }
    }

    /// Has the decider asked at these hooks before a call, too.
    pub fn ask_at(&mut self, hooks: &[Hook]) {
        self.node.ask_at(hooks);
    }

    /// Who answers the node's questions from now on.
    pub fn decide_by(&mut self, decider: Decider) {
        self.decider = decider;
    }

    /// The virtual time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Adds a phone for `user`; gives its index.
    pub fn add_phone(&mut self, user: &str) -> usize {
        let index = self.phones.len();
        let host = u8::try_from(index % 250 + 2).unwrap_or(2);
        let net = u8::try_from(index / 250 + 1).unwrap_or(1);
        let addr = SocketAddr::from(([10, 1, net, host], 5060));
        self.phones.push(Phone::new(user, self.host, addr, self.node.addr, self.random.seed()));
        self.due.push(None);
        self.phone_by_address.insert(addr, index);
        index
    }

    /// Has a phone do something `after` now.
    pub fn plan(&mut self, after: Duration, phone: usize, manner: Manner) {
        self.push(after, Happening::Do { phone, manner });
    }

    /// Has a bystander watch the node's messages from now on.
    pub fn watch_wire(&mut self) {
        self.wire = Some(Wire::default());
    }

    /// Keeps the last datagrams that reach the node, so that they can be thrown at it again.
    pub fn keep_recent(&mut self) {
        self.recent = Some(VecDeque::new());
    }

    /// Has one of the last datagrams reach the node once more, changed.
    pub fn throw_again(&mut self, which: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let mut recent = self.recent.iter().flatten();
        let Some((from, bytes)) = recent.nth(which % RECENT_MAX).cloned() else { return };
        let mut bytes = bytes.to_vec();
        change(&mut bytes);
        self.throw(from, bytes.into());
    }

    /// Every call of the node.
    pub fn calls(&self) -> Vec<model::ConnId> {
        let shards = self.node.shards().iter();
        shards.flat_map(|shard| shard.calls(self.now)).map(|call| call.conn).collect()
    }

    /// The rules of the wire that were broken, as far as anybody watched.
    pub fn wire_broken(&self) -> Vec<String> {
        self.wire.as_ref().map(Wire::at_rest).unwrap_or_default()
    }

    /// Has the node die and begin anew, with nothing but its registrations.
    pub fn restart_node(&mut self) {
        self.node.restart(&mut self.random);
        self.trace.line(self.now, format_args!("the node restarts"));
        // What the dead one was told by its plugins and its relay comes to nobody.
        self.queue.retain(|_, what| matches!(what, Happening::Arrival(_) | Happening::Do { .. }));
        if let Some(wire) = &mut self.wire {
            wire.restarted();
        }
    }

    /// Takes a phone off the network.
    pub fn unplug(&mut self, phone: usize) {
        if let Some(phone) = self.phones.get(phone) {
            self.network.unplug(phone.address());
        }
    }

    /// Puts a phone that was unplugged back on the network.
    pub fn plug_in(&mut self, phone: usize) {
        if let Some(phone) = self.phones.get(phone) {
            self.network.plug(phone.address());
        }
    }

    /// Has a phone do something now.
    pub fn act(&mut self, phone: usize, manner: Manner) {
        self.happen(Happening::Do { phone, manner });
    }

    /// Has the operator hang up every call of a caller.
    pub fn hang_up_calls_of(&mut self, user: &str) {
        self.hang_up_where(|call| call.caller.user == user);
    }

    /// Has the operator hang up every call of this kind.
    pub fn hang_up_where(&mut self, is_meant: impl Fn(&CallFacts) -> bool) {
        let now = self.now;
        let all = self.node.shards().iter().flat_map(|shard| shard.calls(now));
        let conns: Vec<_> =
            all.filter(|call| is_meant(&call.facts)).map(|call| call.conn).collect();
        conns.into_iter().for_each(|conn| self.hang_up(conn));
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_to(self.now - Instant::ZERO + time);
    }

    /// Runs until `at` after the beginning.
    pub fn run_to(&mut self, at: Duration) {
        let at = Instant::ZERO + at;
        self.run(at - self.now);
        self.now = self.now.max(at);
    }

    /// Has a datagram of nobody's reach the node, from `from`.
    pub fn throw(&mut self, from: SocketAddr, bytes: Bytes) {
        let to = self.node.addr;
        self.arrive(Datagram { from, to, bytes });
    }

    /// Has the operator hang up the call that has `conn`.
    pub fn hang_up(&mut self, conn: model::ConnId) {
        let effects =
            self.node.input(self.now, conn.shard(), Input::Command(Command::Hangup { conn }));
        self.apply(effects);
    }

    /// Has calls to `user` wait until a third party sends them on.
    pub fn add_routing_point(&mut self, user: &str) {
        self.node.add_routing_point(Aor::new(user, self.host));
    }

    /// Has calls to `user` find it busy, or not any more.
    pub fn set_undisturbed(&mut self, user: &str, is_so: bool) {
        self.node.set_undisturbed(Aor::new(user, self.host), is_so);
    }

    /// Has calls to `user` go somewhere else in this case, or not any more.
    pub fn set_forward(&mut self, user: &str, when: model::ForwardWhen, to: Option<&str>) {
        self.node.set_forward(Aor::new(user, self.host), when, to);
    }

    /// Has the phones of `user` be checked, from their next registration on.
    pub fn check_device(&mut self, user: &str, check: DeviceCheck) {
        self.node.check_device(Aor::new(user, self.host), check);
    }

    /// Has a third party want something done with a call.
    pub fn control(&mut self, control: Control) {
        self.trace.line(self.now, format_args!("{control:?}"));
        let shard = self.node.shard_of_control(&control.action);
        let effects = self.node.input(self.now, shard, Input::Control(control));
        self.apply(effects);
    }

    /// What came of what a third party wanted under this ticket, once it is known.
    pub fn controlled(&self, ticket: u64) -> Option<Result<ConnId, Unfit>> {
        self.node.facts.iter().rev().find_map(|fact| match fact {
            Fact::Controlled { ticket: of, outcome } if *of == ticket => Some(*outcome),
            _ => None,
        })
    }

    /// Has the node be told what to refuse because there is too much to do.
    pub fn shed(&mut self, shedding: sip::Shedding) {
        for shard in 0..self.node.shards().len() {
            let shard = Shard(u16::try_from(shard).unwrap_or(u16::MAX));
            let effects = self.node.input(self.now, shard, Input::Shed(shedding));
            self.apply(effects);
        }
    }

    /// Has the operator end the node: it takes no more calls.
    pub fn drain(&mut self) {
        for shard in 0..self.node.shards().len() {
            let shard = Shard(u16::try_from(shard).unwrap_or(u16::MAX));
            let effects = self.node.input(self.now, shard, Input::Command(Command::Drain));
            self.apply(effects);
        }
    }

    /// Runs until nothing more happens, or `limit` has passed; gives whether all is quiet.
    pub fn run(&mut self, limit: Duration) -> bool {
        let end = self.now + limit;
        while let Some(at) = self.next_at() {
            if at > end {
                self.now = end;
                return false;
            }
            self.now = at.max(self.now);
            self.step();
        }
        true
    }

    /// Runs until `done` says so; false when that never came within `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            match self.next_at() {
                Some(at) if at <= end => {
                    self.now = at.max(self.now);
                    self.step();
                }
                Some(_) | None => return false,
            }
        }
    }

    /// Where the media goes that a phone sends, as it was told and as the relay was; `None` when it goes nowhere.
    pub fn hears(&self, phone: usize) -> Option<SocketAddr> {
        let told = self.phones.get(phone)?.told()?;
        if told.ip() == self.node.addr.ip() { self.node.relay.passes(told) } else { Some(told) }
    }

    /// Everything the phones saw of one kind.
    pub fn facts_of(&self, phone: usize) -> &[PhoneFact] {
        self.phones.get(phone).map_or(&[], |phone| &phone.facts)
    }

    pub(crate) const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn next_at(&self) -> Option<Instant> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let phones = self.dues.first().map(|(at, _)| *at);
        [queued, phones, self.node.poll_timeout()].into_iter().flatten().min()
    }

    fn step(&mut self) {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            if let Some((_, happening)) = self.queue.pop_first() {
                self.happen(happening);
            }
        }
        let is_due = |(at, _): &&(Instant, usize)| *at <= self.now;
        let mut due: Vec<usize> = self.dues.iter().take_while(is_due).map(|(_, n)| *n).collect();
        due.sort_unstable();
        for n in due {
            self.with_phone(n, |phone, now| phone.handle_timeout(now));
        }
        let effects = self.node.handle_timeout(self.now);
        self.apply(effects);
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Arrival(datagram) => self.arrive(datagram),
            Happening::Answer { shard, answer } => {
                let effects = self.node.input(now, shard, Input::Answer(answer));
                self.apply(effects);
            }
            Happening::Relay { shard, event } => {
                let effects = self.node.input(now, shard, Input::Relay(event));
                self.apply(effects);
            }
            Happening::Told { to, word } => {
                let effects = self.node.input(now, to, Input::Told(word));
                self.apply(effects);
            }
            Happening::Located { shard, id, places } => {
                let effects = self.node.input(now, shard, Input::Located { id, places });
                self.apply(effects);
            }
            Happening::Do { phone, manner } => {
                self.trace.line(now, format_args!("phone {phone} {manner:?}"));
                self.with_phone(phone, |phone, now| phone.act(now, manner));
            }
        }
    }

    fn arrive(&mut self, datagram: Datagram) {
        let Some(datagram) = self.network.arrives(self.now, datagram) else { return };
        let text = String::from_utf8_lossy(&datagram.bytes);
        let start = text.lines().next().unwrap_or_default();
        let cseq = text.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap_or_default();
        // What a NOTIFY of a transfer says.
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim_end());
        let body = if body.contains('\n') { "" } else { body };
        self.trace.line(
            self.now,
            format_args!("{} > {} {start} ({cseq}) {body}", datagram.from, datagram.to),
        );
        if datagram.to == self.node.addr {
            if let Some(wire) = &mut self.wire {
                wire.arrived(datagram.from, &datagram.bytes);
            }
            if let Some(recent) = &mut self.recent {
                recent.truncate(RECENT_MAX - 1);
                recent.push_front((datagram.from, datagram.bytes.clone()));
            }
            let effects = self.node.on_datagram(self.now, datagram.from, datagram.bytes);
            self.apply(effects);
        } else if let Some(n) = self.phone_by_address.get(&datagram.to).copied() {
            let (from, bytes) = (datagram.from, datagram.bytes);
            self.with_phone(n, |phone, now| phone.on_datagram(now, from, bytes));
        } else {
            self.strays.push((datagram.to, datagram.bytes));
        }
    }

    fn with_phone(&mut self, n: usize, act: impl FnOnce(&mut Phone, Instant)) {
        let Some(phone) = self.phones.get_mut(n) else { return };
        act(phone, self.now);
        let (from, due) = (phone.addr, phone.poll_timeout());
        if let Some(was) = self.due.get_mut(n)
            && *was != due
        {
            if let Some(was) = *was {
                self.dues.remove(&(was, n));
            }
            self.dues.extend(due.map(|due| (due, n)));
            *was = due;
        }
        let Some(phone) = self.phones.get_mut(n) else { return };
        let sent: Vec<(SocketAddr, Bytes)> = phone.take_sent();
        for (to, bytes) in sent {
            self.send(Datagram { from, to, bytes });
        }
    }

    pub(crate) fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, bytes } => {
                    let from = self.node.addr;
                    self.send(Datagram { from, to, bytes });
                }
                Effect::Ask { shard, question } => self.ask(shard, &question),
                Effect::Locate { shard, id, uri } => {
                    if let Some(places) = self.dns.places(&uri) {
                        let located = Happening::Located { shard, id, places };
                        self.push(Duration::from_millis(20), located);
                    }
                }
                Effect::Tell { to, word } => {
                    self.push(Duration::from_micros(50), Happening::Told { to, word });
                }
                Effect::Relay { shard, event } => {
                    self.push(Duration::from_micros(50), Happening::Relay { shard, event });
                }
            }
        }
    }

    fn ask(&mut self, shard: Shard, question: &Question) {
        let replies = (self.decider)(question, &mut self.random);
        for reply in replies {
            let after = reply.after;
            let answer = reply.answer(question);
            self.push(after, Happening::Answer { shard, answer });
        }
    }

    fn send(&mut self, datagram: Datagram) {
        if let Some(wire) = self.wire.as_mut().filter(|_| datagram.from == self.node.addr) {
            wire.sent(datagram.to, &datagram.bytes);
        }
        let datagram = self.network.leaves(self.now, datagram);
        for after in self.network.arrivals(&mut self.random, &datagram) {
            self.push(after, Happening::Arrival(datagram.clone()));
        }
    }

    fn push(&mut self, after: Duration, happening: Happening) {
        self.next += 1;
        self.queue.insert((self.now + after, self.next), happening);
    }
}
