//! Storms: many calls at once, everything that can go wrong, and a reference that says what must come of each.
//!
//! A storm is made from a seed. In a **still** one the network is good, and each party must see exactly what the reference
//! ([`outcome`]) tells. In a wild one datagrams are lost, doubled and overtaken, the node restarts and phones vanish, and what is
//! seen must be something that can come of that. In both, a bystander holds the node's messages against the rules of the wire, no
//! call is answered by two generations of plugins, and nothing is left at the end.

mod audit;
mod joining;
mod model;
mod plugins;
mod sabotage;
mod script;
mod sending;
mod transfer;
mod watching;
mod wire;

use std::time::Duration;

pub use joining::Way;
pub use model::{Outcome, Seen, Verdict, may_see, outcome};
pub use sabotage::Sabotage;
pub(crate) use sabotage::Saboteur;
pub use script::{Act, Callee, End, Lie, Script};
pub use transfer::{Asks, Sent, Then, Transfer, Twist};
pub use watching::Watch;
pub use wire::Wire;

use switch::Fact;

use crate::{Faults, Keeps, Manner, Options, Random, Reliably, World};

/// What there is in a storm beside calls that are forked, held and ended. A storm without any of it is the same whatever is added
/// here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kinds {
    /// Parties send one another on, one transfer after another.
    pub transfers: bool,
    /// Some of them to whom they have called before, dialogs are replaced and ringing calls picked up.
    pub replaces: bool,
    /// Lamps watch the parties.
    pub lamps: bool,
    /// Callers who can have reliable provisional responses, or will have no others, and phones that ring so.
    pub reliable: bool,
    /// Parties that want session timers, and refresh them or have them refreshed by UPDATE.
    pub sessions: bool,
}

impl Kinds {
    /// Everything.
    pub const ALL: Self =
        Self { transfers: true, replaces: true, lamps: true, reliable: true, sessions: true };
    /// Nothing.
    pub const NONE: Self =
        Self { transfers: false, replaces: false, lamps: false, reliable: false, sessions: false };
}

/// What a storm is made with.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Everything by chance comes from it.
    pub seed: u64,
    /// Shards of the node.
    pub shards: u16,
    /// Calls.
    pub calls: usize,
    /// The network is good and the node stays up.
    pub still: bool,
    /// What there is in it.
    pub kinds: Kinds,
    /// A bug planted in the node.
    pub sabotage: Option<Sabotage>,
}

impl Weather {
    /// The command that runs it again.
    pub fn again(&self) -> String {
        let plain = if self.kinds == Kinds::NONE { " plain" } else { "" };
        format!("cargo xtask storm 1 {}{plain}", self.seed)
    }
}

/// A BYE has been answered, or given up, so long after it was sent.
const OVER: Duration = Duration::from_secs(45);

/// A world with its calls.
pub struct Storm {
    world: World,
    calls: Vec<Call>,
    /// When the node began anew.
    restart: Option<Duration>,
    still: bool,
    shards: u16,
    generations: plugins::Generations,
    moved: sending::Moved,
    broken: Vec<String>,
}

/// A script and the phones that play it.
struct Call {
    script: Script,
    caller: usize,
    callees: Vec<((String, usize), usize)>,
    /// Those that parties are sent on to.
    targets: Vec<((String, usize), usize)>,
    vanished: bool,
    sending: Option<sending::Sending>,
    /// How much each phone had seen before the first transfer; empty while there was none.
    first_marks: Vec<(usize, usize)>,
    /// The same after the last.
    last_marks: Vec<(usize, usize)>,
    /// How many phones talked at its end.
    talked: usize,
    /// The lamp that watches a party.
    watch: Option<Watch>,
    has_forgotten: bool,
}

enum Event {
    Start,
    Cancel,
    Act(Act),
    /// A lamp begins to watch for so many seconds, or again, or ends.
    Watch(u32),
    /// It knows nothing of that any more.
    Forget,
    /// Another phone takes what rings.
    PickUp,
    /// A party sends the other on: the nth transfer.
    Transfer(usize),
    /// Who asks for it calls the target first.
    Consult,
    /// And sends the other on to that one.
    Join,
    /// And ends what stands yet of it.
    Tidy,
    /// What comes between.
    Twist,
    /// Long enough after that for all of it to be over.
    Transferred,
    End(End),
    /// Long enough after the end for the last transaction.
    Over,
}

/// Runs a storm to its end; gives the rules that were broken, none of which may be.
pub fn storm(weather: Weather) -> Vec<String> {
    let mut storm = make(weather);
    storm.run();
    storm.broken
}

/// The same, and everything that happened.
pub fn storm_traced(weather: Weather) -> (Vec<String>, String) {
    let mut storm = make(weather);
    storm.run();
    (storm.broken, storm.world.trace.as_str().to_owned())
}

/// What a storm told: everything that happened, how much of it was before the node began anew, and the users of its phones.
pub fn storm_told(weather: Weather) -> (Vec<Fact>, usize, Vec<String>) {
    let mut storm = make(weather);
    storm.run();
    let users = storm.world.phones.iter().map(|phone| phone.user().to_owned()).collect();
    let node = storm.world.node;
    (node.facts, node.forgotten, users)
}

fn make(weather: Weather) -> Storm {
    let mut random = Random::new(weather.seed ^ 0x0005_7032);
    let faults = if weather.still { Faults::NONE } else { Faults::BAD };
    let Weather { seed, shards, still, .. } = weather;
    let mut world = World::new(Options { seed, shards, faults, ..Options::default() });
    world.watch_wire();
    world.node.sabotage(weather.sabotage);
    let mut scripts: Vec<Script> =
        (0..weather.calls).map(|n| Script::random(n, &mut random)).collect();
    let early = begins_anew(still, &mut random, Duration::from_secs(200));
    // What is more has its own chance.
    let mut more = Random::new(seed ^ 0x7a4e_11d5);
    if weather.kinds.transfers {
        scripts = scripts.into_iter().map(|script| script.with_transfers(&mut more)).collect();
    }
    if weather.kinds.replaces {
        let mut more = Random::new(seed ^ 0x0091_c4ed);
        scripts = scripts.into_iter().map(|script| script.with_replaces(&mut more)).collect();
    }
    let mut watches: Vec<Option<Watch>> = vec![None; scripts.len()];
    if weather.kinds.lamps {
        let mut more = Random::new(seed ^ 0x001a_3b5e);
        watches = scripts.iter().map(|script| Watch::random(script, &mut more)).collect();
    }
    let later = begins_anew(still, &mut more, Duration::from_secs(500));
    let calls: Vec<Call> = scripts.into_iter().map(|script| cast(&mut world, script)).collect();
    let mut calls = calls;
    if weather.kinds.reliable {
        let mut more = Random::new(seed ^ 0x0100_7e1a);
        calls.iter().for_each(|call| ring_reliably(&mut world, call, &mut more));
    }
    if weather.kinds.sessions {
        let mut more = Random::new(seed ^ 0x0040_28ae);
        calls.iter().for_each(|call| keep_sessions(&mut world, call, &mut more));
    }
    for (call, watch) in calls.iter_mut().zip(watches) {
        let user = format!("w{}", call.script.number);
        call.watch = watch.map(|watch| Watch { phone: world.add_phone(&user), ..watch });
    }
    let generations = plugins::Generations::default();
    world.decide_by(plugins::decider(
        calls.iter().map(|call| call.script.clone()).collect(),
        &generations,
    ));
    let restart = if weather.kinds == Kinds::NONE { early } else { later };
    let moved = sending::Moved::default();
    let broken = Vec::new();
    Storm { world, calls, restart, still, shards, generations, moved, broken }
}

/// When the node begins anew, one time in three in a wild world.
fn begins_anew(still: bool, random: &mut Random, until: Duration) -> Option<Duration> {
    (!still && random.below(3) == 0).then(|| random.between(Duration::from_secs(30), until))
}

/// Adds the phones of a call, registered and told what to do.
fn cast(world: &mut World, script: Script) -> Call {
    let caller = world.add_phone(&script.caller());
    let callees = script.groups.iter().flatten();
    let mut callees: Vec<_> = callees.flat_map(|callee| hire(world, callee)).collect();
    if script.pickup.is_some() {
        callees.push(((script.picker(), 0), world.add_phone(&script.picker())));
    }
    let targets = script.transfers.iter().map(|transfer| &transfer.to);
    let targets = targets.flat_map(|callee| hire(world, callee)).collect();
    Call {
        script,
        caller,
        callees,
        targets,
        vanished: false,
        sending: None,
        first_marks: Vec::new(),
        last_marks: Vec::new(),
        talked: 0,
        watch: None,
        has_forgotten: false,
    }
}

/// Has the parties of a call ring reliably, one call in three. Not where it is picked up, which a caller cannot have with it.
fn ring_reliably(world: &mut World, call: &Call, random: &mut Random) {
    if random.below(3) > 0 || call.script.pickup.is_some() {
        return;
    }
    let caller = *random.pick(&[Reliably::Can, Reliably::Must]).unwrap_or(&Reliably::Can);
    let mut rings = vec![(call.caller, caller)];
    for (_, phone) in &call.callees {
        rings.push((*phone, *random.pick(&RINGS).unwrap_or(&Reliably::Not)));
    }
    for (phone, reliably) in rings {
        world.plan(Duration::ZERO, phone, Manner::Reliably(reliably));
    }
}

/// Has the parties of a call want session timers, one call in two. Not where one vanishes, which ends such a call at another time.
fn keep_sessions(world: &mut World, call: &Call, random: &mut Random) {
    if random.below(2) > 0 || call.script.has_vanishing() {
        return;
    }
    let others = call.callees.iter().chain(&call.targets).map(|(_, phone)| *phone);
    for phone in std::iter::once(call.caller).chain(others) {
        let keeps = *random.pick(&KEEPS).unwrap_or(&Keeps::Not);
        world.plan(Duration::ZERO, phone, Manner::Keep(keeps));
    }
}

/// What phones make of session timers.
const KEEPS: [Keeps; 3] = [Keeps::Not, Keeps::Asks, Keeps::Itself];

/// How phones ring for whom can have it reliably.
const RINGS: [Reliably; 3] = [Reliably::Not, Reliably::Can, Reliably::Must];

/// Adds the phones of a target.
fn hire(world: &mut World, callee: &Callee) -> Vec<((String, usize), usize)> {
    let hire = |(n, reaction): (usize, &crate::Reaction)| {
        let phone = world.add_phone(&callee.user);
        world.plan(Duration::ZERO, phone, Manner::Register(3600));
        world.plan(Duration::ZERO, phone, Manner::OnCall(*reaction));
        ((callee.user.clone(), n), phone)
    };
    callee.phones.iter().enumerate().map(hire).collect()
}

impl Call {
    /// Whether any party was sent on, or was to be.
    pub(self) const fn is_transferred(&self) -> bool {
        !self.first_marks.is_empty()
    }
}

impl Storm {
    fn run(&mut self) {
        let mut restart = self.restart;
        for (at, call, event) in self.events() {
            if let Some(restart) = restart.take_if(|restart| *restart <= at) {
                self.world.run_to(restart);
                self.world.restart_node();
                self.generations.restarted();
            }
            self.world.run_to(at);
            self.happen(call, event);
        }
        // A BYE that never arrived leaves a phone in a call that is over: everybody hangs up.
        for _ in 0..2 {
            for phone in 0..self.world.phones.len() {
                for manner in [Manner::HangUp, Manner::Cancel, Manner::Refuse(480)] {
                    self.world.plan(Duration::ZERO, phone, manner);
                }
            }
            self.world.run(Duration::from_secs(200));
        }
        self.audit();
    }

    /// Everything that the parties do, in order.
    fn events(&self) -> Vec<(Duration, usize, Event)> {
        let mut events = Vec::new();
        for (n, Call { script, .. }) in self.calls.iter().enumerate() {
            let start = script.start;
            events.push((start, n, Event::Start));
            events.extend(script.cancel.map(|after| (start + after, n, Event::Cancel)));
            events.extend(
                script.acts.iter().map(|(after, act)| (start + *after, n, Event::Act(*act))),
            );
            events.extend(script.pickup.map(|after| (start + after, n, Event::PickUp)));
            events.extend(self.events_of_transfers(n));
            events.extend(self.events_of_lamp(n));
            events.push((start + script.end.0, n, Event::End(script.end.1)));
            events.push((start + script.end.0 + OVER, n, Event::Over));
        }
        events.sort_by_key(|(at, ..)| *at);
        events
    }

    fn happen(&mut self, n: usize, event: Event) {
        let Some(call) = self.calls.get(n) else { return };
        let (caller, dialled) = (call.caller, call.script.dialled());
        let callee = self.callee_up(n);
        let mut act = |phone: usize, manner| self.world.act(phone, manner);
        match event {
            Event::Start if call.script.delayed_offer => {
                act(caller, Manner::CallWithoutOffer(dialled))
            }
            Event::Start => act(caller, Manner::Call(dialled)),
            Event::Cancel => act(caller, Manner::Cancel),
            Event::Act(Act::CallerHolds(hold)) => act(caller, Manner::Hold(hold)),
            Event::Act(Act::CalleeHolds(hold)) => {
                callee.into_iter().for_each(|phone| act(phone, Manner::Hold(hold)));
            }
            Event::Act(Act::BothHold) => {
                [Some(caller), callee]
                    .into_iter()
                    .flatten()
                    .for_each(|phone| act(phone, Manner::Hold(true)));
            }
            Event::Act(Act::CalleeVanishes) => {
                if let Some(phone) = callee {
                    self.world.unplug(phone);
                    self.calls[n].vanished = true;
                }
            }
            Event::Transfer(nth) => self.begin_transfer(n, nth),
            Event::Watch(seconds) => self.watch(n, seconds),
            Event::Forget => self.forget(n),
            Event::PickUp => self.pick_up(n),
            Event::Consult => self.consult(n),
            Event::Join => self.join(n),
            Event::Tidy => self.tidy(n),
            Event::Twist => self.twist(n),
            Event::Transferred => self.end_transfer(n),
            Event::End(end) => self.end(n, end),
            Event::Over => self.audit_end(n),
        }
    }

    fn end(&mut self, n: usize, end: End) {
        self.audit_pair(n);
        self.audit_media(n);
        self.audit_lamp(n);
        if self.calls[n].is_transferred() {
            self.calls[n].last_marks = self.marks(n);
        }
        let talking = self.talking(n);
        self.calls[n].talked = talking.len();
        let (first, second) = (talking.first().copied(), talking.get(1).copied());
        let hangs_up = match end {
            End::Caller => vec![first],
            End::Callee => vec![second],
            End::Both => vec![first, second],
            End::Operator => {
                // Who was called and is sent on is the caller of a call.
                let number = n.to_string();
                let is_of = |user: &str| {
                    let user = user.trim_start_matches(['a', 'c', 'p', 't']);
                    user.split('x').next() == Some(&number)
                };
                return self.world.hang_up_where(|call| is_of(&call.caller.user));
            }
        };
        for phone in hangs_up.into_iter().flatten() {
            self.world.act(phone, Manner::HangUp);
        }
    }

    /// The called phone that is in the call.
    fn callee_up(&self, n: usize) -> Option<usize> {
        let phones = &self.world.phones;
        self.calls[n].callees.iter().map(|(_, phone)| *phone).find(|phone| phones[*phone].is_up())
    }
}
