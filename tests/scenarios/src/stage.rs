//! Plays a scenario.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use cti::{Calls, CallsConfig, CallsOutput, ClientId, Dn, DnType, Dns, Module, Token};
use model::Instant;
use world::{HOST, Manner, Options, World};

use crate::{
    Case, Trouble,
    case::{Setup, Step},
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
    if !stage.calls.is_empty() {
        return Err(Trouble(format!("{} calls are left", stage.calls.len())));
    }
    Ok(stage.seen())
}

/// What the phones need to register.
const BEGIN: Duration = Duration::from_secs(1);

struct Stage {
    world: World,
    calls: Calls,
    phones: BTreeMap<String, usize>,
    names: Names,
    /// Facts that the calls have taken.
    taken: usize,
    references: u32,
    clients: BTreeMap<String, u64>,
    /// What was seen, with its time; of SIP the length of the trace before it.
    lines: Vec<(Instant, String)>,
    /// The trace that was read.
    read: usize,
}

impl Stage {
    fn new(case: &Case, shards: u16) -> Result<Self, Trouble> {
        let mut world = World::new(Options { shards, ..Options::default() });
        let (mut dns, mut phones) = (Vec::new(), BTreeMap::new());
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
                    let number = number.as_str().into();
                    dns.push(Dn { number, kind, sip_owned: true, options });
                }
                Setup::Phone(user, reaction) => {
                    let phone = world.add_phone(user);
                    world.plan(Duration::ZERO, phone, Manner::Register(36_000));
                    world.plan(Duration::ZERO, phone, Manner::OnCall(*reaction));
                    phones.insert(user.clone(), phone);
                }
            }
        }
        let dns = Arc::new(Dns::new(dns, vec![HOST.to_owned()]));
        world.run_to(BEGIN);
        let (taken, read) = (world.node.facts.len(), world.trace.as_str().len());
        Ok(Self {
            world,
            calls: Calls::new(dns, CallsConfig::default(), 0x5EED),
            phones,
            names: Names::default(),
            taken,
            references: 0,
            clients: BTreeMap::new(),
            lines: Vec::new(),
            read,
        })
    }

    fn take(&mut self, step: &Step) -> Result<(), Trouble> {
        match step {
            Step::Phone(user, manner) => {
                let phone = self.phones.get(user).ok_or_else(|| Trouble(user.clone()))?;
                self.world.act(*phone, manner.clone());
            }
            Step::Request(client, request) => {
                let message = request.message(&self.names.0)?;
                self.references += 1;
                let new = self.clients.len() as u64 + 1;
                let number = *self.clients.entry(client.clone()).or_insert(new);
                let client_id = ClientId { module: Module::TController, number };
                let token = Token { client: client_id, reference: self.references };
                let shown = shown(&message, &mut self.names);
                self.note_sip();
                let now = self.world.now();
                let at = self.references;
                self.line(now, &format!("{:WIDE$}{client} > {shown} ref {at}", ""));
                self.calls.on_request(now, token, &message);
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
            let due = self.calls.poll_timeout().filter(|due| *due <= at);
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
            self.calls.handle_timeout(until);
        }
        self.settle();
    }

    /// Has the calls take what the node told, and the node do what the calls want, until both are still.
    fn settle(&mut self) {
        loop {
            self.note_sip();
            let now = self.world.now();
            if let Some(fact) = self.world.node.facts.get(self.taken).cloned() {
                self.taken += 1;
                self.calls.on_fact(now, &fact);
            }
            let mut controls = Vec::new();
            while let Some(output) = self.calls.poll_output() {
                match output {
                    CallsOutput::Event(event) => {
                        let mut shown = shown(&event.message, &mut self.names);
                        if let Some(token) = event.asked_by {
                            let _ = write!(shown, " ref {}", token.reference);
                        }
                        self.line(now, &format!("{:WIDE$}{shown}", ""));
                    }
                    CallsOutput::Answer { message, .. } => {
                        let shown = shown(&message, &mut self.names);
                        self.line(now, &format!("{:WIDE$}{shown}", ""));
                    }
                    CallsOutput::Monitor(_) => {}
                    CallsOutput::Control(control) => controls.push(control),
                }
            }
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
