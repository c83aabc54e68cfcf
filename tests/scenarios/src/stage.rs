//! Plays a scenario.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use cti::{Dn, DnType, Dns, Module, Now};
use model::{ForwardWhen, Instant};
use tlib::{Attribute, Message, MessageType};
use world::{HOST, Manner, Options, World};

use crate::{
    Case, Trouble,
    case::{Setup, Step},
    floor::Floor,
    notation::{Names, shown},
};

/// How wide the column of SIP is.
const WIDE: usize = 58;
/// How long a scenario goes on after its last step.
const AFTER: Duration = Duration::from_secs(200);

/// Plays a scenario with so many shards; gives what was seen, a line for each message and event.
pub fn play(case: &Case, shards: u16) -> Result<String, Trouble> {
    let mut stage = Stage::new(case, shards)?;
    for (at, step) in &case.steps {
        stage.run_to(Instant::ZERO + BEGIN + *at);
        stage.take(step)?;
    }
    let end = stage.world.now() + AFTER;
    stage.run_to(end);
    if stage.floor.calls() > 0 {
        return Err(Trouble(format!("{} calls are left", stage.floor.calls())));
    }
    Ok(stage.seen())
}

/// The module of a port.
fn module_of(port: &str) -> Result<Module, Trouble> {
    Ok(match port {
        "default" => Module::SessionController,
        "TCport" => Module::TController,
        "IPport" => Module::InteractionProxy,
        "SmartProxy" => Module::SmartProxy,
        _ => return Err(Trouble(format!("{port} is no port"))),
    })
}

/// Who is there when a scenario does not say: a desktop on every Extension, and a routing client on every Routing Point.
fn usual(dns: &[Dn]) -> Vec<(String, Module, Vec<String>)> {
    let of = |kind| {
        let numbers = dns.iter().filter(move |dn| dn.kind == kind);
        numbers.map(|dn| dn.number.to_string()).collect::<Vec<_>>()
    };
    [
        ("desk", Module::TController, of(DnType::Extension)),
        ("urs", Module::SessionController, of(DnType::RoutingPoint)),
    ]
    .into_iter()
    .filter(|(_, _, numbers)| !numbers.is_empty())
    .map(|(name, module, numbers)| (name.to_owned(), module, numbers))
    .collect()
}

/// The moment it is, by both clocks.
fn moment(world: &World) -> Now {
    Now::new(world.now(), Duration::from_secs(1_700_000_000))
}

/// What the phones need to register.
const BEGIN: Duration = Duration::from_secs(1);

struct Stage {
    world: World,
    floor: Floor,
    phones: BTreeMap<String, usize>,
    names: Names,
    /// Facts that the calls have taken.
    taken: usize,
    references: u32,
    /// What was seen, with its time; of SIP the length of the trace before it.
    lines: Vec<(Instant, String)>,
    /// The trace that was read.
    read: usize,
}

impl Stage {
    fn new(case: &Case, shards: u16) -> Result<Self, Trouble> {
        let mut world = World::new(Options { shards, ..Options::default() });
        let (mut dns, mut phones) = (Vec::new(), BTreeMap::new());
        let mut clients = Vec::new();
        for setup in &case.setup {
            match setup {
                Setup::Dn(kind, number, options) => {
                    let kind = DnType::named(kind).ok_or_else(|| Trouble(kind.clone()))?;
                    if kind == DnType::RoutingPoint {
                        world.add_routing_point(number);
                    }
                    let pair = |(name, value): &(String, String)| {
                        (Arc::from(name.as_str()), Arc::from(value.as_str()))
                    };
                    let options = options.iter().map(pair).collect();
                    let dn = Dn { number: number.as_str().into(), kind, sip_owned: true, options };
                    if let Some(check) = dn.device_check() {
                        world.check_device(number, check);
                    }
                    dns.push(dn);
                }
                Setup::Client(name, port, numbers) => {
                    clients.push((name.clone(), module_of(port)?, numbers.clone()));
                }
                Setup::Phone(user, reaction) => {
                    let phone = world.add_phone(user);
                    world.plan(Duration::ZERO, phone, Manner::Register(36_000));
                    world.plan(Duration::ZERO, phone, Manner::OnCall(*reaction));
                    phones.insert(user.clone(), phone);
                }
            }
        }
        if clients.is_empty() {
            clients = usual(&dns);
        }
        let dns = Arc::new(Dns::new(dns, vec![HOST.to_owned()]));
        let floor = Floor::new(dns, moment(&world));
        let (taken, read, references) = (0, 0, 0);
        let (names, lines) = (Names::default(), Vec::new());
        let mut stage = Self { world, floor, phones, names, taken, references, lines, read };
        stage.run_to(Instant::ZERO + BEGIN);
        stage.admit(clients);
        Ok(stage)
    }

    /// Has the clients connect and register, of which nothing is written down.
    fn admit(&mut self, clients: Vec<(String, Module, Vec<String>)>) {
        let now = moment(&self.world);
        for (name, module, numbers) in clients {
            self.floor.connect(now, &name, module);
            if module == Module::InteractionProxy {
                let message = Message::new(MessageType::RequestStartCallMonitoring);
                self.floor.request(now, &name, message.with(Attribute::ReferenceID, 1_u32));
            }
            for number in numbers {
                let message = Message::new(MessageType::RequestRegisterAddress)
                    .with(Attribute::ThisDN, number)
                    .with(Attribute::ReferenceID, 1_u32);
                self.floor.request(now, &name, message);
            }
        }
        self.floor.take_told();
        self.lines.clear();
    }

    fn take(&mut self, step: &Step) -> Result<(), Trouble> {
        match step {
            Step::Phone(user, manner) => {
                let phone = self.phones.get(user).ok_or_else(|| Trouble(user.clone()))?;
                self.world.act(*phone, manner.clone());
            }
            Step::Plug(user, is_in) => {
                let phone = *self.phones.get(user).ok_or_else(|| Trouble(user.clone()))?;
                match is_in {
                    true => self.world.plug_in(phone),
                    false => self.world.unplug(phone),
                }
            }
            Step::Lose(name) => {
                let number = name.strip_prefix('C').and_then(|n| n.parse::<usize>().ok());
                let at = number.and_then(|number| number.checked_sub(1));
                let conn = at.and_then(|at| self.names.0.get(at)).copied();
                let conn = conn.ok_or_else(|| Trouble(format!("no call {name}")))?;
                self.floor.lose(moment(&self.world), conn);
            }
            Step::Request(client, request) => {
                let message = request.message(&self.names.0)?;
                if !self.floor.knows(client) {
                    return Err(Trouble(format!("nobody is called {client}")));
                }
                self.references += 1;
                let shown = shown(&message, &mut self.names);
                self.note_sip();
                let at = self.references;
                let now = moment(&self.world);
                self.line(now.at, &format!("{:WIDE$}{client} asks {shown} ref {at}", ""));
                let message = message.with(Attribute::ReferenceID, at);
                self.floor.request(now, client, message);
            }
        }
        self.settle();
        Ok(())
    }

    /// Lets the world and the calls go on until then.
    fn run_to(&mut self, at: Instant) {
        loop {
            self.settle();
            let taken = self.taken;
            let due = self.floor.poll_timeout().filter(|due| *due <= at);
            let until = due.unwrap_or(at);
            let limit = until.saturating_since(self.world.now());
            let is_news = self.world.run_until(limit, |world| world.node.facts.len() > taken);
            if is_news {
                continue;
            }
            self.world.run_to(until - Instant::ZERO);
            if due.is_none() {
                break;
            }
            self.floor.handle_timeout(moment(&self.world));
        }
        self.settle();
    }

    /// Has the calls take what the node told, and the node do what the calls want, until both are still.
    fn settle(&mut self) {
        loop {
            self.note_sip();
            let now = moment(&self.world);
            if let Some(fact) = self.world.node.facts.get(self.taken).cloned() {
                self.taken += 1;
                self.floor.on_fact(now, &fact);
            }
            for told in self.floor.take_told() {
                let shown = shown(&told.message, &mut self.names);
                let to: Vec<String> = told
                    .to
                    .iter()
                    .map(|(name, reference)| match reference {
                        Some(reference) => format!("{name} ref {reference}"),
                        None => name.clone(),
                    })
                    .collect();
                self.line(now.at, &format!("{:WIDE$}{shown} -> {}", "", to.join(", ")));
            }
            for state in self.floor.take_states() {
                self.world.set_undisturbed(&state.dn, state.dnd);
                for when in [ForwardWhen::Always, ForwardWhen::Busy, ForwardWhen::NoAnswer] {
                    let to = state.forward(when).map(|to| &**to);
                    self.world.set_forward(&state.dn, when, to);
                }
            }
            let controls = self.floor.take_controls();
            let is_still = controls.is_empty() && self.taken == self.world.node.facts.len();
            controls.into_iter().for_each(|control| self.world.control(control));
            if is_still {
                return;
            }
        }
    }

    fn line(&mut self, at: Instant, text: &str) {
        self.lines.push((at, text.trim_end().to_owned()));
    }

    /// Notes the SIP that was said since.
    fn note_sip(&mut self) {
        let said = self.world.trace.as_str()[self.read..].to_owned();
        self.read = self.world.trace.as_str().len();
        for line in said.lines() {
            let at = line.split(' ').next().and_then(instant).unwrap_or_else(|| self.world.now());
            if let Some(text) = self.sip(line) {
                self.line(at, &text);
            }
        }
    }

    /// A line of the trace as a rung of the ladder; nothing of registrations and 100 Trying.
    fn sip(&self, line: &str) -> Option<String> {
        let (_, rest) = line.split_once(' ')?;
        let (from, rest) = rest.split_once(" > ")?;
        let (to, what) = rest.split_once(' ')?;
        let (start, cseq) = what.split_once(" (")?;
        let method = cseq.split([' ', ')']).nth(1)?;
        let short = match start.strip_prefix("SIP/2.0 ") {
            Some(status) => format!("{} ({method})", status.trim_end()),
            None => start.split(' ').next()?.to_owned(),
        };
        if method == "REGISTER" || short.starts_with("100 ") {
            return None;
        }
        let name = |address: &str| {
            let phone = self.world.phones.iter().find(|p| p.address().to_string() == address);
            phone.map_or("switch", |phone| phone.user()).to_owned()
        };
        Some(format!("{:>8} -> {:8} {short}", name(from), name(to)))
    }

    fn seen(&self) -> String {
        let mut text = String::new();
        let mut lines = self.lines.clone();
        lines.sort_by_key(|(at, _)| *at);
        for (at, line) in &lines {
            let since = at.saturating_since(Instant::ZERO + BEGIN);
            let _ = writeln!(text, "{:>8.3} {line}", since.as_secs_f64());
        }
        text
    }
}

/// The time at the beginning of a line of the trace.
fn instant(text: &str) -> Option<Instant> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Some(Instant::ZERO + Duration::try_from_secs_f64(seconds).ok()?)
}
