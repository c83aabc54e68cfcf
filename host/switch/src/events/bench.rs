#![allow(clippy::unwrap_used)]
//! An office whose phones watch each other, for tests: message by message, on one shard or more.

use std::{cell::RefCell, collections::BTreeMap, num::NonZeroU16, sync::Arc, time::Duration};

use bytes::Bytes;
use model::{
    Aor, Binding, Directory, Flow, Instant, ListenerId, Membership, MessageCount, Secret, Shard,
    Shards, Transport,
    hook::{Answer, Decision, Verdict},
};

use crate::{Config, Input, Output, Switch, shard_of, trunk::bench::Bench};

/// Everybody of the host `office.test` but `nobody` is a subscriber.
#[derive(Default)]
pub(super) struct Book {
    bindings: RefCell<BTreeMap<Aor, Arc<[Binding]>>>,
    watchers: RefCell<BTreeMap<Aor, Vec<Shard>>>,
    pub(super) messages: RefCell<BTreeMap<Aor, MessageCount>>,
}

impl Directory for Book {
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.bindings.borrow().get(aor).cloned()
    }

    fn membership(&self, aor: &Aor) -> Membership {
        match (aor.host(), aor.user()) {
            ("office.test", "nobody") => Membership::UnknownUser,
            ("office.test", _) => Membership::Subscriber,
            _ => Membership::ForeignHost,
        }
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }

    fn messages(&self, aor: &Aor) -> Option<MessageCount> {
        self.messages.borrow().get(aor).copied()
    }

    fn has_watchers(&self) -> bool {
        !self.watchers.borrow().is_empty()
    }

    fn watchers(&self, aor: &Aor) -> Option<Arc<[Shard]>> {
        self.watchers.borrow().get(aor).map(|shards| shards.as_slice().into())
    }
}

/// A message that was sent, and to which port of the phones' host: each phone has one.
pub(super) struct Sent {
    pub(super) to: u16,
    pub(super) over: Transport,
    pub(super) text: String,
}

impl Sent {
    pub(super) fn line(&self, name: &str) -> &str {
        let found = |line: &'_ str| line.starts_with(&format!("{name}: "));
        let line = self.text.lines().find(|line| found(line)).unwrap_or_default();
        line.split_once(": ").map_or("", |(_, value)| value)
    }

    pub(super) fn first(&self) -> &str {
        self.text.lines().next().unwrap()
    }

    pub(super) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// Each dialog of the document: its state and its direction.
    pub(super) fn lamps(&self) -> String {
        let value = |text: &str, begin: &str, end: &str| {
            text.split(begin).nth(1).and_then(|t| t.split(end).next()).unwrap_or("?").to_owned()
        };
        let whole = value(self.body(), "state=\"", "\"");
        let dialogs = self.body().split("<dialog ").skip(1).map(|dialog| {
            let state = value(dialog, "<state>", "<");
            format!("{} {state}", value(dialog, "direction=\"", "\""))
        });
        let dialogs: Vec<String> = dialogs.collect();
        format!("{} {whole}: {}", self.line("Subscription-State"), dialogs.join(", "))
    }

    /// A response to this request.
    pub(super) fn response(&self, status: &str, extra: &str) -> String {
        let fields =
            ["Via", "From", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", self.line(n)));
        let to = self.line("To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=phone") };
        format!(
            "SIP/2.0 {status}\r\n{}To: {to}\r\n{extra}Content-Length: 0\r\n\r\n",
            fields.concat()
        )
    }
}

/// A switch and its phones.
pub(super) struct Office {
    pub(super) shards: Vec<Switch>,
    pub(super) book: Book,
    pub(super) now: Instant,
    /// What shards say to each other is lost.
    pub(super) is_deaf: bool,
}

impl Office {
    pub(super) fn new() -> Self {
        Self::with(1, |_| {})
    }

    pub(super) fn with(shards: u16, change: impl Fn(&mut Config)) -> Self {
        let count = Shards(NonZeroU16::new(shards).unwrap());
        let shard = |n| {
            let mut config = Bench::config(Vec::new(), None);
            (config.shard, config.shards) = (Shard(n), count);
            config.seed[0] = u8::try_from(n).unwrap();
            config.listeners.push(crate::Listener {
                name: "tcp".to_owned(),
                transport: Transport::Tcp,
                advertised: config.listeners[0].advertised,
            });
            change(&mut config);
            Switch::new(config)
        };
        let now = Instant::ZERO + Duration::from_secs(1);
        let shards = (0..shards).map(shard).collect();
        Self { shards, book: Book::default(), now, is_deaf: false }
    }

    /// Hands something to a shard, and what shards say to each other to them; gives what is sent to phones.
    pub(super) fn input(&mut self, shard: Shard, input: Input) -> Vec<Sent> {
        let switch = &mut self.shards[usize::from(shard.0)];
        switch.handle_input(self.now, &self.book, input);
        self.drain(shard)
    }

    fn drain(&mut self, shard: Shard) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut outputs = Vec::new();
        while let Some(output) = self.shards[usize::from(shard.0)].poll_output() {
            outputs.push(output);
        }
        for output in outputs {
            match output {
                Output::Transmit { flow, bytes } => sent.push(Sent {
                    to: flow.peer.port(),
                    over: flow.transport,
                    text: String::from_utf8(bytes.to_vec()).unwrap(),
                }),
                Output::Publish(publish) => {
                    self.book.bindings.borrow_mut().insert(publish.aor, publish.bindings);
                }
                Output::Ask(question) => {
                    let (id, verdict) = (question.id, Verdict::BuiltIn);
                    let decision = Decision::of(question.hook(), 0);
                    let answer = Answer { id, verdict, amended: None, pin: None, decision };
                    sent.extend(self.input(shard, Input::Answer(answer)));
                }
                Output::Watch { aor, wanted } => {
                    let mut watchers = self.book.watchers.borrow_mut();
                    let shards = watchers.entry(aor).or_default();
                    shards.retain(|other| *other != shard);
                    shards.extend(wanted.then_some(shard));
                    watchers.retain(|_, shards| !shards.is_empty());
                }
                Output::Tell { to, word } if !self.is_deaf => {
                    sent.extend(self.input(to, Input::Told(word)))
                }
                _ => {}
            }
        }
        sent
    }

    /// A phone sends something.
    pub(super) fn receive(&mut self, from: u16, text: String) -> Vec<Sent> {
        let bytes = Bytes::from(text);
        let shards = u16::try_from(self.shards.len()).ok().and_then(NonZeroU16::new).unwrap();
        let shard = shard_of(&bytes, Shards(shards)).unwrap();
        let flow = Self::flow(from, Transport::Udp, 0);
        self.input(shard, Input::Datagram { flow, bytes })
    }

    pub(super) fn flow(port: u16, transport: Transport, listener: u16) -> Flow {
        let peer = ([198, 51, 100, 1], port).into();
        Flow { transport, listener: ListenerId(listener), peer }
    }

    pub(super) fn pass(&mut self, time: Duration) -> Vec<Sent> {
        self.now = self.now + time;
        let mut sent = Vec::new();
        for n in 0..self.shards.len() {
            self.shards[n].handle_timeout(self.now, &self.book);
            sent.extend(self.drain(Shard(u16::try_from(n).unwrap())));
        }
        sent
    }

    /// Registers a user at a port; gives what is sent besides the answer.
    pub(super) fn register(&mut self, user: &str, port: u16) -> Vec<Sent> {
        let mut sent = self.receive(
            port,
            format!(
                "REGISTER sip:office.test SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1:{port};branch=z9hG4bKr{port}\r\n\
                 From: <sip:{user}@office.test>;tag=r\r\nTo: <sip:{user}@office.test>\r\nCall-ID: r{port}\r\n\
                 CSeq: 1 REGISTER\r\nContact: <sip:{user}@198.51.100.1:{port}>\r\nContent-Length: 0\r\n\r\n"
            ),
        );
        assert_eq!(sent.remove(0).first(), "SIP/2.0 200 OK");
        sent
    }

    /// A request of a phone; `to_tag` and `fields` end lines of their own.
    pub(super) fn request(&mut self, method: &str, port: u16, what: Request<'_>) -> Vec<Sent> {
        let Request { user, from, call, to_tag, cseq, fields } = what;
        let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        self.receive(
            port,
            format!(
                "{method} sip:{user}@office.test SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 198.51.100.1:{port};branch=z9hG4bK{call}{cseq}{method}\r\n\
                 From: <sip:{from}@office.test>;tag=f{call}\r\nTo: <sip:{user}@office.test>{to_tag}\r\n\
                 Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\
                 Contact: <sip:{from}@198.51.100.1:{port}>\r\n{fields}Content-Length: 0\r\n\r\n"
            ),
        )
    }
}

/// What a request says.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) user: &'a str,
    pub(super) from: &'a str,
    pub(super) call: &'a str,
    pub(super) to_tag: &'a str,
    pub(super) cseq: u32,
    pub(super) fields: &'a str,
}

/// Ann's look at bob.
pub(super) const WATCH: Request<'static> = Request {
    user: "bob",
    from: "ann",
    call: "w1",
    to_tag: "",
    cseq: 1,
    fields: "Event: dialog\r\nExpires: 300\r\n",
};

pub(super) fn tag_of(sent: &Sent) -> String {
    sent.line("To").split("tag=").nth(1).unwrap_or_default().to_owned()
}

pub(super) fn firsts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(Sent::first).collect()
}
