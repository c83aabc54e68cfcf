#![allow(clippy::unwrap_used, clippy::panic)]
use std::{
    collections::{BTreeSet, VecDeque},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
};

use cti::{
    ClientId, Dn, DnType, Dns, Grant, Module, MonitorEvent, Now, ServerFacts,
    interaction_proxy::{InteractionProxy, InteractionProxySettings},
    t_controller::{DnState, MonitorFeed, MonitorRequest},
};
use model::{Aor, Directory, Instant};
use plugin::{HostConfig, PluginHost};
use rustix::event::{PollFd, PollFlags, poll};
use tlib::{Attribute, Form, Limits, Message, MessageType};

use super::{
    super::{machine::Holdings, machines::Driven, policy::PolicyParts, start::spawn},
    *,
};
use crate::{
    clock::Calendar,
    config::{Config, JournalConfig},
    directory::{Everyone, NodeDirectory},
    journal::Journal,
    mailbox::{Mailbox, mailbox, mailbox_with_reserve},
};

/// A machine that has many letters for another module when it gets one, and panics when it gets another.
struct Talker {
    to: Module,
    letters: u64,
    letter: fn(Module, u64) -> Letter,
    /// Where it says which of its questions were answered.
    answered: Option<mpsc::Sender<u64>>,
    effects: VecDeque<Effect>,
}

impl Talker {
    fn new(to: Module, letters: u64) -> Self {
        Self { to, letters, letter: tell, answered: None, effects: VecDeque::new() }
    }
}

fn tell(to: Module, number: u64) -> Letter {
    Letter::Tell(ClientId { module: to, number }, acknowledged())
}

fn acknowledged() -> Message {
    Message::new(MessageType::EventACK)
}

fn watch(_: Module, number: u64) -> Letter {
    Letter::Watch(MonitorRequest::Watch { dn: number.to_string().into() })
}

fn ask(_: Module, id: u64) -> Letter {
    let token = cti::Token { client: client(), reference: 0 };
    let message = Arc::new(Message::new(MessageType::RequestQueryAddress));
    Letter::Watch(MonitorRequest::Ask { id, token, message })
}

impl Machine for Talker {
    fn holdings(&self) -> Holdings {
        Holdings::default()
    }

    fn configure(&mut self, _: Now, _: &ModuleSettings) {}

    fn on_letter(&mut self, _: Now, letter: Letter) {
        if let (Letter::Feed(MonitorFeed::Answer { id, .. }), Some(answered)) =
            (&letter, &self.answered)
        {
            return answered.send(*id).unwrap();
        }
        let Letter::Gone(_) = letter else { panic!("what the test wants") };
        for number in 0..self.letters {
            self.effects.push_back(Effect::Post(self.to, (self.letter)(self.to, number)));
        }
    }

    fn on_client(&mut self, _: Now, _: ClientId, _: Arc<str>) {}

    fn on_request(&mut self, _: Now, _: ClientId, _: Message, _: Option<Grant>) {}

    fn on_gone(&mut self, _: Now, _: ClientId) {}

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn on_time(&mut self, _: Now) {}
}

fn client() -> ClientId {
    ClientId { module: Module::SessionController, number: 0 }
}

fn directory() -> Arc<NodeDirectory> {
    Arc::new(NodeDirectory::new(["test".to_owned()], Box::new(Everyone)))
}

/// What a module is made of that knows this other one, and its postbox.
fn parts(
    module: Module,
    other: (Module, Postbox<Letter>),
    directory: &Arc<NodeDirectory>,
) -> (Parts, Postbox<Letter>) {
    let (postbox, mailbox) = mailbox(16).unwrap();
    let others = Others {
        modules: vec![other],
        workers: Vec::<Postbox<Mail>>::new(),
        directory: directory.clone(),
    };
    let parts = Parts {
        module,
        mailbox,
        ports: Vec::new(),
        settings: Arc::new(ModuleSettings::of(&Config::default(), vec!["test".to_owned()])),
        others,
        clock: Clock::start(),
        application: "SIPS".to_owned(),
        figures: Arc::default(),
    };
    (parts, postbox)
}

/// Nobody asks these plugins anything.
fn policy() -> PolicyParts {
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let clock = Clock::start();
    let (_journal, facts) = Journal::new(&JournalConfig::default(), 10, clock);
    PolicyParts {
        decide: Box::new(host.worker()),
        directory: directory(),
        calendar: Calendar::new(None),
        clock,
        facts,
    }
}

/// The numbers of the clients that the next letters are for, until there are so many.
fn numbers(mailbox: &Mailbox<Letter>, count: usize) -> Vec<u64> {
    let bell = mailbox.bell();
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
        let woken = poll(&mut [PollFd::new(&bell, PollFlags::IN)], Some(&patience)).unwrap();
        assert_eq!(woken, 1, "nothing comes after {numbers:?}");
        numbers.extend(mailbox.take(3).map(|letter| match letter {
            Letter::Tell(client, _) => client.number,
            Letter::Watch(MonitorRequest::Watch { dn }) => dn.parse().unwrap(),
            Letter::Watch(MonitorRequest::Ask { id, .. }) => id,
            other => panic!("{other:?}"),
        }));
    }
    numbers
}

#[test]
fn a_module_waits_for_room_at_those_behind_it_and_loses_nothing() {
    const LETTERS: u64 = 300;
    let (behind, mailbox) = mailbox(4).unwrap();
    let other = (Module::TController, behind);
    let (parts, postbox) = parts(Module::SessionController, other, &directory());
    let figures = parts.figures.clone();
    let thread = spawn(parts, Talker::new(Module::TController, LETTERS), policy).unwrap();
    postbox.post(Letter::Gone(client())).unwrap();
    postbox.post(Letter::Stop).unwrap();
    assert!(numbers(&mailbox, 300).into_iter().eq(0..LETTERS));
    thread.join().unwrap();
    assert_eq!(figures.view(Module::SessionController).lost, 0);
}

#[test]
fn a_module_waits_for_nobody_before_it_and_its_answers_have_a_reserve() {
    let (before, mailbox) = mailbox_with_reserve(4, 2).unwrap();
    let other = (Module::SessionController, before.clone());
    let (parts, postbox) = parts(Module::TController, other, &directory());
    let figures = parts.figures.clone();
    let thread = spawn(parts, Talker::new(Module::SessionController, 7), policy).unwrap();
    postbox.post(Letter::Gone(client())).unwrap();
    postbox.post(Letter::Stop).unwrap();
    thread.join().unwrap();
    assert_eq!(figures.view(Module::TController).lost, 1);
    assert_eq!(numbers(&mailbox, 6), [0, 1, 2, 3, 4, 5]);
}

/// What the Smart Proxy watches found no room, and was never asked for again.
#[test]
fn of_what_only_the_last_word_counts_nothing_is_lost() {
    let (before, mailbox) = mailbox_with_reserve(4, 2).unwrap();
    let (parts, postbox) =
        parts(Module::SmartProxy, (Module::TController, before.clone()), &directory());
    let figures = parts.figures.clone();
    let (answered, answers) = mpsc::channel();
    let talker = Talker::new(Module::TController, 20);
    let talker = Talker { letter: watch, answered: Some(answered), ..talker };
    let thread = spawn(parts, talker, policy).unwrap();
    postbox.post(Letter::Gone(client())).unwrap();
    let (token, message) = (cti::Token { client: client(), reference: 0 }, acknowledged());
    postbox.post(Letter::Feed(MonitorFeed::Answer { id: 7, token, message })).unwrap();
    // By now all has been said that was to be said at once.
    assert_eq!(answers.recv(), Ok(7));
    assert!(numbers(&mailbox, 20).into_iter().eq(0..20));
    postbox.post(Letter::Stop).unwrap();
    thread.join().unwrap();
    assert_eq!(figures.view(Module::SmartProxy).lost, 0);
}

#[test]
fn a_module_learns_which_of_its_questions_found_no_room() {
    let (before, mailbox) = mailbox_with_reserve(4, 2).unwrap();
    let (parts, postbox) =
        parts(Module::SmartProxy, (Module::TController, before.clone()), &directory());
    let figures = parts.figures.clone();
    let (answered, answers) = mpsc::channel();
    let talker = Talker::new(Module::TController, 6);
    let talker = Talker { letter: ask, answered: Some(answered), ..talker };
    let thread = spawn(parts, talker, policy).unwrap();
    postbox.post(Letter::Gone(client())).unwrap();
    postbox.post(Letter::Stop).unwrap();
    thread.join().unwrap();
    assert_eq!(numbers(&mailbox, 4), [0, 1, 2, 3]);
    assert!(answers.into_iter().eq([4, 5]));
    assert_eq!(figures.view(Module::SmartProxy).lost, 2);
}

#[test]
fn a_module_goes_on_where_one_behind_it_is_gone() {
    let (behind, gone) = mailbox(4).unwrap();
    drop(gone);
    let other = (Module::TController, behind);
    let (parts, postbox) = parts(Module::SessionController, other, &directory());
    let figures = parts.figures.clone();
    let thread = spawn(parts, Talker::new(Module::TController, 9), policy).unwrap();
    postbox.post(Letter::Gone(client())).unwrap();
    postbox.post(Letter::Stop).unwrap();
    thread.join().unwrap();
    assert_eq!(figures.view(Module::SessionController).lost, 9);
}

#[test]
fn what_was_published_of_dns_ends_with_the_thread_that_published_it() {
    let directory = directory();
    let dn = Dn {
        number: "2001".into(),
        kind: DnType::Extension,
        sip_owned: true,
        options: std::collections::BTreeMap::new(),
    };
    directory.set_dns(Arc::new(Dns::new([dn], vec!["test".to_owned()])));
    let state = DnState {
        dn: "2001".into(),
        dnd: true,
        forwards: std::collections::BTreeMap::new(),
        owner: None,
        agent: None,
        is_ready: false,
        in_service: true,
    };
    directory.publish_dn(state.clone());
    let aor = Aor::new("2001", "test");
    let (unread, _mailbox) = mailbox(1).unwrap();
    let end = |module, directory: &Arc<NodeDirectory>| {
        let other = (Module::SmartProxy, unread.clone());
        let (parts, postbox) = parts(module, other, directory);
        let thread = spawn(parts, Talker::new(Module::SmartProxy, 0), policy).unwrap();
        postbox.post(Letter::AllLost(model::Shard(0))).unwrap();
        assert!(thread.join().is_err());
    };
    end(Module::InteractionProxy, &directory);
    assert!(directory.do_not_disturb(&aor));
    end(Module::TController, &directory);
    assert!(!directory.do_not_disturb(&aor));
}

fn server() -> ServerFacts {
    ServerFacts {
        application: "SIPS".into(),
        version: "1".into(),
        location: "".into(),
        started_s: 0,
    }
}

/// Bytes of a call, and calls: more than a queue and the kernel hold.
const CALL_BYTES: usize = 8 << 10;
const CALLS: usize = 2000;

fn call(number: usize) -> Letter {
    let uuid: Arc<str> = format!("{number:032}").into();
    let message = Message::new(MessageType::EventCallCreated)
        .with(Attribute::CallUUID, &uuid)
        .with(Attribute::ANI, "1".repeat(CALL_BYTES));
    Letter::Monitor(MonitorEvent { message: Arc::new(message), uuid })
}

fn read(socket: &mut TcpStream) -> Message {
    let mut prefix = [0; 4];
    socket.read_exact(&mut prefix).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(prefix) as usize];
    socket.read_exact(&mut frame).unwrap();
    Message::decode(&frame, &Limits::DEFAULT).unwrap()
}

#[test]
fn a_recorder_that_reads_is_told_of_more_calls_than_may_wait_for_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (unread, _mailbox) = mailbox(1).unwrap();
    let (mut parts, postbox) =
        parts(Module::InteractionProxy, (Module::SmartProxy, unread), &directory());
    let mut settings = (*parts.settings).clone();
    settings.clients.session.queue_bytes_max = 64 << 10;
    let dns = settings.dns.clone();
    parts.settings = Arc::new(settings);
    parts.ports.push(Port::plain(Module::InteractionProxy, listener));
    let inner = InteractionProxy::new(InteractionProxySettings::default(), server());
    let machine = Driven::new(inner, Module::InteractionProxy, dns);
    let thread = spawn(parts, machine, policy).unwrap();
    (0..CALLS).for_each(|number| postbox.put_waiting(call(number)).unwrap());
    let (reply, described) = tokio::sync::oneshot::channel();
    postbox.put_waiting(Letter::Describe(reply)).unwrap();
    postbox.ring();
    described.blocking_recv().unwrap();

    let mut socket = TcpStream::connect(address).unwrap();
    let hello = Message::new(MessageType::RequestRegisterClient)
        .with(Attribute::ProtocolVersion, tlib::session::PROTOCOL_VERSION)
        .with(Attribute::ApplicationName, "recorder");
    socket.write_all(&Form::Wire.write(&hello)).unwrap();
    assert_eq!(read(&mut socket).kind(), MessageType::EventLinkConnected);
    let start = Message::new(MessageType::RequestStartCallMonitoring);
    socket.write_all(&Form::Wire.write(&start)).unwrap();
    assert_eq!(read(&mut socket).kind(), MessageType::EventACK);
    let mut told = BTreeSet::new();
    while told.len() < CALLS {
        let message = read(&mut socket);
        assert_eq!(message.kind(), MessageType::EventCallCreated);
        assert!(told.insert(message.text(Attribute::CallUUID).cloned()), "told once");
    }
    postbox.post(Letter::Stop).unwrap();
    thread.join().unwrap();
}
