//! Random requests, calls and times: what clients see of every agent is legal by a model that is written from the documents alone, and every
//! answer is the one that the model expects.

use std::collections::BTreeMap;

use jackfield_cti::{NoAnswerAction, t_controller::Input};
use proptest::prelude::*;
use tlib::{AgentWorkMode, Attribute, MessageType, RegisterMode, party_state};

use crate::bench::{Bench, request};

const DNS: [&str; 3] = ["1001", "1002", "1003"];
const WRAP_UP_MS: u64 = 10_000;
const AUTO_LOGOUT_MS: u64 = 60_000;

#[derive(Clone, Debug)]
enum Op {
    Login { dn: usize, agent: usize, auto_in: bool },
    Logout { dn: usize },
    Ready { dn: usize },
    NotReady { dn: usize, mode: AgentWorkMode },
    Ring { dn: usize, from_queue: bool },
    Answer { dn: usize },
    Release { dn: usize },
    NoAnswer { dn: usize, logout: bool },
    Fail { dn: usize },
    Wait { ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    use AgentWorkMode::{AfterCallWork, AuxWork, WalkAway};
    let dn = 0..DNS.len();
    prop_oneof![
        4 => (dn.clone(), 0..3_usize, any::<bool>())
            .prop_map(|(dn, agent, auto_in)| Op::Login { dn, agent, auto_in }),
        1 => dn.clone().prop_map(|dn| Op::Logout { dn }),
        4 => dn.clone().prop_map(|dn| Op::Ready { dn }),
        4 => (dn.clone(), prop_oneof![Just(AuxWork), Just(WalkAway), Just(AfterCallWork)])
            .prop_map(|(dn, mode)| Op::NotReady { dn, mode }),
        4 => (dn.clone(), any::<bool>()).prop_map(|(dn, from_queue)| Op::Ring { dn, from_queue }),
        4 => dn.clone().prop_map(|dn| Op::Answer { dn }),
        4 => dn.clone().prop_map(|dn| Op::Release { dn }),
        1 => (dn.clone(), any::<bool>()).prop_map(|(dn, logout)| Op::NoAnswer { dn, logout }),
        1 => dn.prop_map(|dn| Op::Fail { dn }),
        4 => (1..30_000_u64).prop_map(|ms| Op::Wait { ms }),
        1 => Just(Op::Wait { ms: 70_000 }),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Logged in, and nothing said of it yet.
    Fresh,
    NotReady(i64),
    Ready,
    AfterCallWork,
    Guard,
}

/// What a client knows of one DN.
#[derive(Default, Debug)]
struct Seen {
    agent: Option<(String, Phase)>,
    /// The calls on it: whether they came through a queue, and whether they talk.
    calls: BTreeMap<u64, (bool, bool)>,
    /// A call counts for after-call work once others are gone.
    owes_after_call_work: bool,
    /// When after-call work, the legal guard or an idle time began.
    since_ms: u64,
    /// Not ready is noted for after after-call work.
    is_noted: bool,
}

struct Model {
    seen: BTreeMap<&'static str, Seen>,
    next_conn: u64,
    sequence: u64,
    guard_ms: u64,
}

impl Model {
    fn new(guard_ms: u64) -> Self {
        let seen = DNS.iter().map(|dn| (*dn, Seen::default())).collect();
        Self { seen, next_conn: 1, sequence: 0, guard_ms }
    }

    /// Reads what was shown, line by line, and checks that it may follow what was seen before.
    fn read(&mut self, shown: &[String], at_ms: u64) {
        for line in shown.iter().filter(|line| line.starts_with('#')) {
            let (head, event) = line.split_once(": ").unwrap();
            let number: u64 = head[1..].split(' ').next().unwrap().parse().unwrap();
            self.sequence += 1;
            assert_eq!(number, self.sequence, "numbers follow one another");
            let attribute = |name: &str| {
                let at = event.split(' ').find_map(|word| word.strip_prefix(name));
                at.and_then(|rest| rest.strip_prefix('=')).map(str::to_owned)
            };
            let kind = event.split(' ').next().unwrap();
            let dn = attribute("ThisDN").unwrap();
            if !kind.starts_with("EventAgent") {
                continue;
            }
            let agent = attribute("AgentID").unwrap();
            let mode: i64 = attribute("AgentWorkMode").map_or(0, |mode| mode.parse().unwrap());
            if kind == "EventAgentLogin" {
                let elsewhere = self
                    .seen
                    .values()
                    .any(|seen| seen.agent.as_ref().is_some_and(|(id, _)| *id == agent));
                assert!(!elsewhere, "{agent} logs in twice");
            }
            self.agent_event(&dn, kind, &agent, mode, at_ms);
        }
    }

    fn agent_event(&mut self, dn: &str, kind: &str, agent: &str, mode: i64, at_ms: u64) {
        let seen = self.seen.get_mut(dn).unwrap();
        let phase = seen.agent.as_ref().map(|(id, phase)| {
            assert_eq!(id, agent, "an event of somebody else");
            *phase
        });
        let next = match (kind, phase) {
            ("EventAgentLogin", None) => Some(Phase::Fresh),
            ("EventAgentLogout", Some(phase)) if phase != Phase::Fresh => None,
            ("EventAgentReady", Some(phase)) if phase != Phase::Ready => Some(Phase::Ready),
            ("EventAgentNotReady", Some(_)) => Some(match mode {
                2 => Phase::Guard,
                3 => Phase::AfterCallWork,
                mode => Phase::NotReady(mode),
            }),
            (kind, phase) => panic!("{kind} in {phase:?}"),
        };
        // What is noted is answered with the state that there is: the time goes on.
        if !(phase == next && next == Some(Phase::AfterCallWork)) {
            seen.since_ms = at_ms;
            seen.is_noted = false;
        }
        seen.agent = next.map(|phase| (agent.to_owned(), phase));
    }

    /// The code that a request is refused with; `None` when it is done.
    fn refusal(&self, op: &Op) -> Option<u16> {
        let phase = |dn: usize| self.seen[DNS[dn]].agent.as_ref().map(|(_, phase)| *phase);
        match op {
            Op::Login { dn, agent, .. } => {
                let id = format!("A{agent}");
                let is_here = phase(*dn).is_some();
                let somewhere = self
                    .seen
                    .values()
                    .any(|seen| seen.agent.as_ref().is_some_and(|(have, _)| *have == id));
                if is_here {
                    Some(1706)
                } else if somewhere {
                    Some(1704)
                } else {
                    (!self.seen[DNS[*dn]].calls.is_empty()).then_some(231)
                }
            }
            Op::Logout { dn } => match phase(*dn) {
                None => Some(1707),
                Some(_) => (!self.seen[DNS[*dn]].calls.is_empty()).then_some(231),
            },
            Op::Ready { dn } => match phase(*dn) {
                None => Some(1707),
                Some(Phase::Ready) => Some(43),
                Some(Phase::Guard) => Some(110),
                Some(_) => None,
            },
            Op::NotReady { dn, mode } => match (phase(*dn), mode) {
                (None, _) => Some(1707),
                (Some(Phase::AfterCallWork), AgentWorkMode::AfterCallWork) => Some(43),
                (Some(Phase::NotReady(have)), mode) if have == *mode as i64 => Some(43),
                _ => None,
            },
            Op::Ring { .. }
            | Op::Answer { .. }
            | Op::Release { .. }
            | Op::NoAnswer { .. }
            | Op::Fail { .. }
            | Op::Wait { .. } => None,
        }
    }

    /// What must be so whenever nothing is under way.
    fn check(&self, bench: &mut Bench) {
        let there = self.seen.values().filter(|seen| seen.agent.is_some()).count();
        assert_eq!(bench.machine.agents(), there);
        for (dn, seen) in &self.seen {
            let code = match seen.agent.as_ref().map(|(_, phase)| *phase) {
                None => 0,
                Some(Phase::Ready) => 2,
                Some(Phase::NotReady(6)) => 5,
                Some(Phase::NotReady(_) | Phase::Guard) => 3,
                Some(Phase::AfterCallWork) => 4,
                Some(Phase::Fresh) => panic!("{dn} is neither ready nor not"),
            };
            let query = request(MessageType::RequestQueryAddress, dn, 1);
            let shown = bench.ask(2, query.with(Attribute::AddressInfoType, 4_i64));
            let expected = format!("TCO2: EventAddressInfo AddressInfoStatus={code} ");
            assert!(shown[0].starts_with(&expected), "{shown:?} but {seen:?}");
            self.check_times(seen, bench.at_ms);
        }
    }

    fn check_times(&self, seen: &Seen, at_ms: u64) {
        let queue_call = seen.calls.values().any(|(from_queue, _)| *from_queue);
        let lasts = at_ms - seen.since_ms;
        match seen.agent.as_ref().map(|(_, phase)| *phase) {
            Some(Phase::AfterCallWork) if !queue_call && !seen.owes_after_call_work => {
                assert!(lasts < WRAP_UP_MS, "after-call work lasts: {seen:?} at {at_ms}");
            }
            Some(Phase::Guard) => assert!(lasts < self.guard_ms, "the guard lasts: {seen:?}"),
            Some(Phase::NotReady(_)) if seen.calls.is_empty() => {
                assert!(lasts < AUTO_LOGOUT_MS, "nobody logs {seen:?} out at {at_ms}");
            }
            _ => {}
        }
    }
}

fn run(ops: &[Op], guard_s: u64) {
    let mut bench = Bench::new()
        .option("wrap-up-time", "10")
        .option("auto-logout-timeout", "1")
        .option("legal-guard", &guard_s.to_string());
    for dn in DNS {
        bench.register(1, dn);
        let watch = request(MessageType::RequestRegisterAddress, dn, 1);
        bench.ask(2, watch.with(Attribute::RegisterMode, RegisterMode::Monitor));
    }
    let mut model = Model::new(guard_s * 1_000);
    for op in ops {
        one(&mut bench, &mut model, op);
        model.check(&mut bench);
    }
}

fn one(bench: &mut Bench, model: &mut Model, op: &Op) {
    let refusal = model.refusal(op);
    let shown = match op {
        Op::Login { dn, agent, auto_in } => {
            let mode = if *auto_in { AgentWorkMode::AutoIn } else { AgentWorkMode::ManualIn };
            let login = request(MessageType::RequestAgentLogin, DNS[*dn], 1)
                .with(Attribute::AgentID, format!("A{agent}"))
                .with(Attribute::AgentWorkMode, mode);
            bench.ask(1, login)
        }
        Op::Logout { dn } => bench.ask(1, request(MessageType::RequestAgentLogout, DNS[*dn], 1)),
        Op::Ready { dn } => bench.ask(1, request(MessageType::RequestAgentReady, DNS[*dn], 1)),
        Op::NotReady { dn, mode } => {
            let asked = request(MessageType::RequestAgentNotReady, DNS[*dn], 1);
            bench.ask(1, asked.with(Attribute::AgentWorkMode, *mode))
        }
        Op::Ring { .. } | Op::Answer { .. } | Op::Release { .. } => {
            return call(bench, model, op);
        }
        Op::NoAnswer { dn, logout } => {
            let action =
                Some(if *logout { NoAnswerAction::Logout } else { NoAnswerAction::NotReady });
            bench.put(Input::NoAnswer { dn: DNS[*dn].into(), action })
        }
        Op::Fail { dn } => {
            bench.put(Input::Service { dn: DNS[*dn].into(), in_service: false });
            let shown = bench.put(Input::Service { dn: DNS[*dn].into(), in_service: true });
            model.sequence += if DNS[*dn] == "1003" { 0 } else { 2 };
            assert!(!shown.iter().any(|line| line.contains("EventAgent")));
            return;
        }
        Op::Wait { ms } => return wait(bench, model, *ms),
    };
    match refusal {
        Some(code) => {
            assert_eq!(shown.len(), 1, "{op:?}: {shown:?}");
            assert!(shown[0].contains(&format!("ErrorCode={code} ")), "{op:?}: {shown:?}");
        }
        None if matches!(op, Op::NoAnswer { .. }) => {}
        None => assert!(shown[0].contains("[TCO1 ref 1]"), "{op:?}: {shown:?}"),
    }
    model.read(&shown, bench.at_ms);
}

/// Time goes by in steps, so that what is due is seen when it is.
fn wait(bench: &mut Bench, model: &mut Model, ms: u64) {
    let end = bench.at_ms + ms;
    while bench.at_ms < end {
        let next = bench.machine.poll_timeout().map_or(end, |(at, _)| at.as_nanos() / 1_000_000);
        let step = next.clamp(bench.at_ms, end) - bench.at_ms;
        let shown = bench.wait(step);
        model.read(&shown, bench.at_ms);
        if step == 0 && shown.is_empty() {
            panic!("a time that is due changes nothing at {}", bench.at_ms);
        }
    }
}

fn call(bench: &mut Bench, model: &mut Model, op: &Op) {
    let (ringing, talking) = (Some(party_state::ALERTING), Some(party_state::CONNECTED));
    let at_ms = bench.at_ms;
    let (Op::Ring { dn, .. } | Op::Answer { dn } | Op::Release { dn }) = op else { return };
    let seen = model.seen.get_mut(DNS[*dn]).unwrap();
    let agent_before = seen.agent.clone();
    let shown = match op {
        Op::Ring { from_queue, .. } => {
            if seen.calls.len() >= 2 {
                return;
            }
            let conn = model.next_conn;
            model.next_conn += 1;
            seen.calls.insert(conn, (*from_queue, false));
            let queue = from_queue.then_some("7000");
            bench.call(MessageType::EventRinging, DNS[*dn], conn, ringing, queue)
        }
        Op::Answer { .. } => {
            let Some((conn, call)) = seen.calls.iter_mut().find(|(_, (_, talks))| !talks) else {
                return;
            };
            call.1 = true;
            bench.call(MessageType::EventEstablished, DNS[*dn], *conn, talking, None)
        }
        _ => {
            let Some((_, (from_queue, talks))) = seen.calls.first_key_value() else { return };
            seen.owes_after_call_work |= *from_queue && *talks && seen.agent.is_some();
            let (conn, _) = seen.calls.pop_first().unwrap();
            bench.call(MessageType::EventReleased, DNS[*dn], conn, None, None)
        }
    };
    // An idle time runs from the end of the last call, after-call work that waited from that of the last one through a queue.
    let no_queue_call = !seen.calls.values().any(|(from_queue, _)| *from_queue);
    let waited = matches!(seen.agent, Some((_, Phase::AfterCallWork)));
    if seen.calls.is_empty() || (no_queue_call && waited && matches!(op, Op::Release { .. })) {
        seen.since_ms = match seen.agent {
            Some((_, Phase::Guard)) => seen.since_ms,
            _ => at_ms,
        };
    }
    let owes = seen.calls.is_empty() && std::mem::take(&mut seen.owes_after_call_work);
    model.read(&shown, at_ms);
    let seen = &model.seen[DNS[*dn]];
    if owes && seen.agent.is_some() {
        let phase = seen.agent.as_ref().map(|(_, phase)| *phase);
        assert_eq!(phase, Some(Phase::AfterCallWork), "{op:?}: {shown:?}");
    } else {
        assert_eq!(seen.agent, agent_before, "a call that does not count: {shown:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_agent_is_legal_whatever_happens(
        ops in prop::collection::vec(op(), 1..80),
        guard_s in prop_oneof![Just(0_u64), Just(3)],
    ) {
        run(&ops, guard_s);
    }
}
