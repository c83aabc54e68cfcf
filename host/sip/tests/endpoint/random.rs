//! Random operations on one endpoint: it never panics, keeps its promises, and is idle when enough time has passed.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use model::Transport;
use proptest::prelude::*;
use sip::{ClientTx, Event, Input, Message, Method, Output, ServerTx, Timer, response_to};

use crate::support::*;

/// Longer than any transaction lasts once its user has done its part: twice 64*T1.
const LONG: Duration = Duration::from_secs(64);

/// One thing that can happen. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    SendInvite(bool),
    SendOptions(bool),
    Cancel(usize),
    SendAck(usize),
    /// The peer responds to one of our requests.
    PeerResponds {
        request: usize,
        status: u16,
        fork: u8,
    },
    /// The peer sends a request, maybe one it has sent before.
    PeerRequests {
        method: u8,
        branch: u8,
        cseq: u32,
        in_dialog: bool,
        reliable: bool,
    },
    /// The user responds to one of the peer's requests.
    Respond {
        request: usize,
        status: u16,
    },
    TransportError(bool),
    Bytes(Vec<u8>),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![Just(100_u16), Just(180), Just(200), Just(302), Just(487), Just(603)];
    prop_oneof![
        2 => any::<bool>().prop_map(Step::SendInvite),
        1 => any::<bool>().prop_map(Step::SendOptions),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => any::<usize>().prop_map(Step::SendAck),
        4 => (any::<usize>(), status.clone(), 0_u8..3)
            .prop_map(|(request, status, fork)| Step::PeerResponds { request, status, fork }),
        5 => (0_u8..6, 0_u8..4, 1_u32..4, any::<bool>(), any::<bool>()).prop_map(
            |(method, branch, cseq, in_dialog, reliable)| Step::PeerRequests {
                method, branch, cseq, in_dialog, reliable
            }
        ),
        4 => (any::<usize>(), status).prop_map(|(request, status)| Step::Respond { request, status }),
        1 => any::<bool>().prop_map(Step::TransportError),
        1 => proptest::collection::vec(any::<u8>(), 0..64).prop_map(Step::Bytes),
        4 => prop_oneof![0_u64..1_000, 0_u64..40_000].prop_map(Step::Pass),
    ]
}

/// What the user of the endpoint knows, to check the endpoint against.
#[derive(Default)]
struct User {
    requests: Vec<(ServerTx, Message)>,
    /// Requests of ours as they went out.
    sent: Vec<Out>,
    clients: Vec<ClientTx>,
    /// Final responses and the like, by client transaction.
    ends: BTreeMap<ClientTx, u32>,
    /// INVITEs of ours that may see more than one 2xx.
    accepted: Vec<ClientTx>,
    answered: BTreeMap<ServerTx, u16>,
}

impl User {
    /// Notes an output and checks what the interface promises.
    fn note(&mut self, output: Output) {
        let event = match output {
            Output::Transmit { flow, bytes } => return self.note_sent(flow.transport, &bytes),
            Output::Event(event) => event,
        };
        match event {
            Event::Request { tx, message, .. } => {
                assert!(!matches!(message.method(), Method::Ack | Method::Cancel));
                assert!(self.requests.iter().all(|(known, _)| *known != tx));
                self.requests.push((tx, message));
            }
            Event::Cancelled { tx, .. } => {
                assert!(self.answered.get(&tx).is_none_or(|status| *status < 200));
            }
            Event::Ack { tx, .. } | Event::AckMissing { tx } => {
                assert_eq!(self.answered.get(&tx).map(|status| status / 100), Some(2));
            }
            Event::Response { tx, message } => {
                if (200..300).contains(&message.status()) && message.method() == Method::Invite {
                    assert!(self.accepted.contains(&tx) || !self.ends.contains_key(&tx));
                    self.accepted.push(tx);
                    self.ends.insert(tx, 1);
                } else if message.status() >= 200 {
                    self.end(tx);
                } else {
                    assert!(!self.ends.contains_key(&tx), "a provisional response after the end");
                }
            }
            Event::Stray { .. } | Event::StrayAck { .. } | Event::Elsewhere { .. } => {}
            Event::TimedOut { tx } | Event::Unreachable { tx } => self.end(tx),
        }
    }

    fn end(&mut self, tx: ClientTx) {
        assert_eq!(self.ends.insert(tx, 1), None, "a request ended twice");
    }

    fn note_sent(&mut self, transport: Transport, bytes: &Bytes) {
        if bytes.as_ref() == b"\r\n" {
            return;
        }
        let limits = sip::ParseLimits::default();
        let message = Message::parse(bytes.clone(), &limits).expect("what we send can be read");
        if message.is_request() && message.method() != Method::Ack {
            let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
            let out = Out::Sent(transport.to_string(), text);
            if !self.sent.contains(&out) {
                self.sent.push(out);
            }
        }
    }
}

fn path(reliable: bool) -> model::Flow {
    if reliable { tcp() } else { udp() }
}

fn pick<T>(list: &[T], number: usize) -> Option<&T> {
    list.get(number % list.len().max(1))
}

fn apply(world: &mut World, user: &mut User, step: Step) {
    match step {
        Step::SendInvite(reliable) => send(world, user, path(reliable), invite_draft()),
        Step::SendOptions(reliable) => {
            send(world, user, path(reliable), draft_of(Method::Options, "1 OPTIONS"));
        }
        Step::Cancel(number) => {
            if let Some(tx) = pick(&user.clients, number) {
                world.endpoint.cancel(world.now, *tx);
            }
        }
        Step::SendAck(number) => {
            if let Some(tx) = pick(&user.clients, number) {
                world.endpoint.send_ack(world.now, *tx, udp(), draft_of(Method::Ack, "1 ACK"));
            }
        }
        Step::PeerResponds { request, status, fork } => {
            if let Some(sent) = pick(&user.sent, request) {
                let text = response(sent, &format!("{status} X"), &format!("fork{fork}"));
                input(world, path(sent.field("Via").contains("/TCP")), text.replace('\n', "\r\n"));
            }
        }
        Step::PeerRequests { method, branch, cseq, in_dialog, reliable } => {
            let methods = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "NOVEL"];
            let method = methods[usize::from(method)];
            let branch = if branch == 0 { "old".to_owned() } else { format!("z9hG4bK{branch}") };
            let text = from_alice(method, &branch, cseq, if in_dialog { "ours" } else { "" }, "");
            input(world, path(reliable), text.replace('\n', "\r\n"));
        }
        Step::Respond { request, status } => {
            if let Some((tx, message)) = pick(&user.requests, request) {
                respond(world, &mut user.answered, *tx, message, status);
            }
        }
        Step::TransportError(reliable) => {
            let flow = path(reliable);
            world.endpoint.handle_input(world.now, Input::TransportError { flow });
        }
        Step::Bytes(bytes) => input(world, udp(), bytes),
        Step::Pass(ms) => pass(world, user, MS * u32::try_from(ms).unwrap()),
    }
    drain(world, user);
}

fn respond(
    world: &mut World,
    answered: &mut BTreeMap<ServerTx, u16>,
    tx: ServerTx,
    message: &Message,
    status: u16,
) {
    let known = answered.entry(tx).or_insert(status);
    if *known < 200 {
        *known = status;
    }
    let response = response_to(message, status, "", Some("ours")).finish(None);
    world.endpoint.respond(world.now, tx, response);
}

fn send(world: &mut World, user: &mut User, flow: model::Flow, draft: sip::RequestDraft) {
    if let Ok(tx) = world.endpoint.send_request(world.now, flow, draft) {
        user.clients.push(tx);
    }
}

fn input(world: &mut World, flow: model::Flow, bytes: impl Into<Bytes>) {
    let bytes = bytes.into();
    world.endpoint.handle_input(world.now, Input::Datagram { flow, bytes });
}

fn drain(world: &mut World, user: &mut User) {
    while let Some(output) = world.endpoint.poll_output() {
        user.note(output);
    }
}

/// Lets time pass and checks that each deadline is worth waking up for.
fn pass(world: &mut World, user: &mut User, time: Duration) {
    let end = world.now + time;
    let mut fired = 0;
    while let Some((at, timer)) = world.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
        assert!(at >= world.now, "{timer:?} was due in the past");
        world.now = at;
        world.endpoint.handle_timeout(at);
        drain(world, user);
        fired += 1;
        assert!(fired < 100_000, "timers fire without end");
    }
    world.now = end;
}

proptest! {
    #[test]
    fn any_sequence_of_operations_ends_idle(steps in proptest::collection::vec(step(), 0..120)) {
        let mut world = World::with(|config| config.transactions_max = 24);
        let mut user = User::default();
        for step in steps {
            apply(&mut world, &mut user, step);
            let stats = world.endpoint.stats();
            let live = stats.invite_clients_now + stats.non_invite_clients_now
                + stats.invite_servers_now + stats.non_invite_servers_now;
            prop_assert!(live <= 24 + 24 / 8, "the limit holds");
        }
        // The user does its part: every INVITE gets a final response, and every ringing call of ours is given up.
        let open: Vec<_> = user.requests.clone();
        for (tx, message) in open {
            respond(&mut world, &mut user.answered, tx, &message, 603);
        }
        for tx in user.clients.clone() {
            world.endpoint.cancel(world.now, tx);
        }
        drain(&mut world, &mut user);
        pass(&mut world, &mut user, LONG);
        prop_assert!(world.endpoint.is_idle(), "{:?}", world.endpoint.stats());
        prop_assert_eq!(world.endpoint.poll_timeout(), None::<(model::Instant, Timer)>);
        for tx in &user.clients {
            prop_assert!(user.ends.contains_key(tx), "each request of ours ends");
        }
    }
}
