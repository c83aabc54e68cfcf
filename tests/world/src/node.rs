//! The node under test: the real switch, one `Switch` a shard.

use std::{collections::VecDeque, net::SocketAddr, num::NonZeroU16, time::Duration};

use bytes::Bytes;
use media::RelayEvent;
use model::{
    Flow, Instant, ListenerId, Shard, Shards, Transport, TrunkId,
    hook::{Hook, MediaMode, Question},
};
use switch::{
    Config, Emergency, Fact, Input, Limits, Listener, LocateId, Output, RegistrarConfig, Switch,
    TrunkConfig, TrunkStatus, Word, shard_of,
};

use crate::{
    Options, Random,
    directory::SimDirectory,
    relay::SimRelay,
    storm::{Sabotage, Saboteur},
};

/// The name every simulated subscriber's address-of-record has as its host.
pub const HOST: &str = "world.test";

/// A node: shards, their directory and their relay.
pub struct Node {
    pub(crate) addr: SocketAddr,
    shards: Vec<Switch>,
    count: Shards,
    directory: SimDirectory,
    pub(crate) relay: SimRelay,
    /// Everything that was ever told, in order.
    pub facts: Vec<Fact>,
    /// How many of the facts were told before the last restart.
    pub(crate) forgotten: usize,
    make: Vec<Config>,
    saboteur: Saboteur,
    /// Switches whose calls others have taken.
    pub(crate) retired: Vec<Switch>,
}

/// What a node does to the world.
pub(crate) enum Effect {
    Send { to: SocketAddr, bytes: Bytes },
    Ask { shard: Shard, question: Question },
    Relay { shard: Shard, event: RelayEvent },
    Locate { shard: Shard, id: LocateId, uri: String },
    Tell { to: Shard, word: Word },
}

impl Node {
    /// The hooks before a call at which somebody is asked.
    pub(crate) fn ask_at(&mut self, hooks: &[Hook]) {
        self.directory.hooks = hooks.to_vec();
    }

    pub(crate) fn add_routing_point(&mut self, aor: model::Aor) {
        self.directory.routing_points.push(aor);
    }

    pub(crate) fn set_undisturbed(&mut self, aor: model::Aor, is_so: bool) {
        self.directory.undisturbed.retain(|have| *have != aor);
        self.directory.undisturbed.extend(is_so.then_some(aor));
    }

    pub(crate) fn set_forward(
        &mut self,
        aor: model::Aor,
        when: model::ForwardWhen,
        to: Option<&str>,
    ) {
        self.directory.forwards.retain(|(of, case, _)| (of, *case) != (&aor, when));
        self.directory.forwards.extend(to.map(|to| (aor, when, to.into())));
    }

    pub(crate) fn check_device(&mut self, aor: model::Aor, check: model::DeviceCheck) {
        self.directory.checks.insert(aor, check);
    }

    /// The shard that carries out what a third party wants.
    pub(crate) fn shard_of_control(&self, action: &switch::Action) -> Shard {
        match (action.conn(), action) {
            (Some(conn), _) => conn.shard(),
            (None, switch::Action::Make { from, .. }) => {
                self.count.of_key(from.as_str().as_bytes())
            }
            (None, _) => Shard(0),
        }
    }

    pub(crate) fn new(
        addr: SocketAddr,
        options: &Options,
        trunks: &[(TrunkConfig, u32)],
        random: &mut Random,
    ) -> Self {
        let count = Shards(NonZeroU16::new(options.shards).unwrap_or(NonZeroU16::MIN));
        let make: Vec<Config> = (0..count.0.get())
            .map(|n| {
                let trunks = trunks.iter().map(|(trunk, _)| trunk.clone()).collect();
                let config = config(Shard(n), count, addr, random.seed(), options.emergency_route);
                let keepalive = options.keepalive;
                let registrar = RegistrarConfig { keepalive, ..config.registrar };
                Config { trunks, registrar, ..config }
            })
            .collect();
        let shards = make.iter().cloned().map(Switch::new).collect();
        let mut directory = SimDirectory::new(options.host);
        for (id, (_, calls_max)) in (0_u16..).map(TrunkId).zip(trunks) {
            directory.limit_trunk(id, *calls_max);
        }
        Self {
            addr,
            shards,
            count,
            directory,
            relay: SimRelay::new(options.relays_max),
            facts: Vec::new(),
            forgotten: 0,
            make,
            saboteur: Saboteur::default(),
            retired: Vec::new(),
        }
    }

    /// Plants a bug.
    pub(crate) fn sabotage(&mut self, bug: Option<Sabotage>) {
        self.saboteur = Saboteur::new(bug);
    }

    /// The process dies and begins anew, with nothing but its registrations.
    pub(crate) fn restart(&mut self, random: &mut Random) {
        for config in &mut self.make {
            config.seed = random.seed();
        }
        self.shards = self.make.iter().cloned().map(Switch::new).collect();
        self.relay = SimRelay::new(self.relay.relays_max());
        self.forgotten = self.facts.len();
    }

    /// The shards, to look at.
    pub fn shards(&self) -> &[Switch] {
        &self.shards
    }

    pub(crate) fn shards_mut(&mut self) -> &mut [Switch] {
        &mut self.shards
    }

    pub(crate) fn config(&self, at: usize) -> Option<&Config> {
        self.make.get(at)
    }

    pub(crate) const fn directory(&self) -> &SimDirectory {
        &self.directory
    }

    /// What is known of a trunk, and the calls that it carries.
    pub fn trunk(&self, trunk: TrunkId) -> (Option<&TrunkStatus>, u32) {
        (self.directory.trunk(trunk), self.directory.seats_taken(trunk))
    }

    /// Whether nothing of any call is left anywhere.
    pub fn is_idle(&self) -> bool {
        self.shards.iter().all(Switch::is_idle) && self.relay.len() == 0
    }

    pub(crate) fn on_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: Bytes,
    ) -> Vec<Effect> {
        let shard = shard_of(&bytes, self.count).unwrap_or(Shard(0));
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer: from };
        self.input(now, shard, Input::Datagram { flow, bytes })
    }

    pub(crate) fn input(&mut self, now: Instant, shard: Shard, input: Input) -> Vec<Effect> {
        if let Some(switch) = self.shards.get_mut(usize::from(shard.0)) {
            switch.handle_input(now, &self.directory, input);
        }
        self.drain(shard)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.shards.iter().filter_map(|s| s.poll_timeout().map(|(at, _)| at)).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        for n in 0..self.count.0.get() {
            if let Some(switch) = self.shards.get_mut(usize::from(n))
                && switch.poll_timeout().is_some_and(|(at, _)| at <= now)
            {
                switch.handle_timeout(now, &self.directory);
            }
            effects.extend(self.drain(Shard(n)));
        }
        effects
    }

    pub(crate) fn drain(&mut self, shard: Shard) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut outputs = VecDeque::new();
        if let Some(switch) = self.shards.get_mut(usize::from(shard.0)) {
            let all = std::iter::from_fn(|| switch.poll_output());
            outputs.extend(all.flat_map(|output| self.saboteur.pass(output)));
        }
        for output in outputs {
            match output {
                Output::Transmit { flow, bytes } => {
                    effects.push(Effect::Send { to: flow.peer, bytes });
                }
                Output::Ask(question) => effects.push(Effect::Ask { shard, question }),
                Output::Locate { id, uri } => effects.push(Effect::Locate { shard, id, uri }),
                Output::Relay(command) => effects.extend(
                    self.relay.command(&command).map(|event| Effect::Relay { shard, event }),
                ),
                // The simulated node keeps registrations in memory alone, as `config` says.
                Output::Store { .. } => {}
                Output::Watch { aor, wanted } => self.directory.watch(aor, shard, wanted),
                Output::Tell { to, word } => effects.push(Effect::Tell { to, word }),
                Output::Publish(publish) => self.directory.publish(publish),
                Output::Trunk { id, status } => self.directory.publish_trunk(id, status),
                Output::Device { aor, in_service } => {
                    self.directory.publish_device(aor, in_service);
                }
                Output::Emit(fact) => self.facts.push(fact),
            }
        }
        effects
    }
}

fn config(
    shard: Shard,
    shards: Shards,
    addr: SocketAddr,
    seed: [u8; 32],
    emergency: &[&str],
) -> Config {
    Config {
        shard,
        shards,
        seed,
        timers: sip::Timers::default(),
        sip_limits: sip::ParseLimits::default(),
        listeners: vec![Listener {
            name: "udp".to_owned(),
            transport: Transport::Udp,
            advertised: addr,
        }],
        limits: Limits::default(),
        ring_timeout: Duration::from_secs(30),
        routing_timeout: Duration::from_secs(600),
        question_timeout: Duration::from_secs(2),
        locate_timeout: Duration::from_secs(5),
        failover_after: Duration::from_secs(4),
        udp_request_max: 1300,
        relay_timeout: Duration::from_secs(2),
        media: MediaMode::Anchor,
        media_address6: None,
        registrar: RegistrarConfig::default(),
        events: switch::EventsConfig::default(),
        auth: None,
        transfers: switch::TransferConfig::default(),
        call_events: switch::CallEventConfig::default(),
        proxy_key: None,
        service_route: "".into(),
        trusted: Vec::new(),
        diversion: switch::DiversionStyle::default(),
        sessions: switch::SessionConfig::default(),
        emergency: {
            let route: Vec<String> = emergency.iter().map(|to| (*to).to_owned()).collect();
            let prefixes = ["0".to_owned()];
            Emergency::new(&["112".to_owned()], &prefixes, &route).unwrap_or_default()
        },
        devices: Vec::new(),
        trunks: Vec::new(),
        server_header: String::new(),
    }
}
