//! Storms: many calls at once, everything that can go wrong, and a reference that says what must come of each.
//!
//! A storm is made from a seed. In a **still** one the network is good, and each party must see exactly what the reference
//! ([`outcome`]) tells. In a wild one datagrams are lost, doubled and overtaken, the node restarts and phones vanish, and what is
//! seen must be something that can come of that. In both, a bystander holds the node's messages against the rules of the wire, no
//! call is answered by two generations of plugins, and nothing is left at the end.

mod audit;
mod model;
mod plugins;
mod sabotage;
mod script;
mod wire;

use std::time::Duration;

pub use model::{Outcome, Seen, Verdict, may_see, outcome};
pub use sabotage::Sabotage;
pub(crate) use sabotage::Saboteur;
pub use script::{Act, Callee, End, Lie, Script};
pub use wire::Wire;

use crate::{Faults, Manner, Options, Random, World};

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
    /// A bug planted in the node.
    pub sabotage: Option<Sabotage>,
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
    generations: plugins::Generations,
    broken: Vec<String>,
}

/// A script and the phones that play it.
struct Call {
    script: Script,
    caller: usize,
    callees: Vec<((String, usize), usize)>,
    vanished: bool,
}

enum Event {
    Start,
    Cancel,
    Act(Act),
    End(End),
    /// Long enough after the end for the last transaction.
    Over,
}

/// Runs a storm to its end; gives the rules that were broken, none of which may be.
pub fn storm(weather: Weather) -> Vec<String> {
    let mut random = Random::new(weather.seed ^ 0x0005_7032);
    let faults = if weather.still { Faults::NONE } else { Faults::BAD };
    let Weather { seed, shards, still, .. } = weather;
    let mut world = World::new(Options { seed, shards, faults, ..Options::default() });
    world.watch_wire();
    world.node.sabotage(weather.sabotage);
    let calls: Vec<Call> =
        (0..weather.calls).map(|n| cast(&mut world, Script::random(n, &mut random))).collect();
    let generations = plugins::Generations::default();
    world.decide_by(plugins::decider(
        calls.iter().map(|call| call.script.clone()).collect(),
        &generations,
    ));
    let restart = (!still && random.below(3) == 0)
        .then(|| random.between(Duration::from_secs(30), Duration::from_secs(200)));
    let mut storm = Storm { world, calls, restart, still, generations, broken: Vec::new() };
    storm.run();
    storm.broken
}

/// Adds the phones of a call, registered and told what to do.
fn cast(world: &mut World, script: Script) -> Call {
    let caller = world.add_phone(&script.caller());
    let mut callees = Vec::new();
    for callee in script.groups.iter().flatten() {
        for (n, reaction) in callee.phones.iter().enumerate() {
            let phone = world.add_phone(&callee.user);
            world.plan(Duration::ZERO, phone, Manner::Register(3600));
            world.plan(Duration::ZERO, phone, Manner::OnCall(*reaction));
            callees.push(((callee.user.clone(), n), phone));
        }
    }
    Call { script, caller, callees, vanished: false }
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
            Event::End(end) => self.end(n, end, callee),
            Event::Over => self.audit_end(n),
        }
    }

    fn end(&mut self, n: usize, end: End, callee: Option<usize>) {
        self.audit_pair(n);
        let caller = self.calls[n].caller;
        let hangs_up = match end {
            End::Caller => vec![Some(caller)],
            End::Callee => vec![callee],
            End::Both => vec![Some(caller), callee],
            End::Operator => return self.world.hang_up_calls_of(&self.calls[n].script.caller()),
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
