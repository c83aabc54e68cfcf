//! Phones of one user, for tests: what goes in and out message by message.
#![allow(clippy::unwrap_used)]

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{
    Aor, Binding, Directory, Flow, Instant, ListenerId, Membership, Secret, Transport,
    hook::{Answer, Decision, Verdict},
};

use crate::{Config, Fact, Input, Listener, Output, Switch, trunk::bench::Bench};

/// What the shards publish; everybody is a subscriber of `office.test`.
#[derive(Default)]
pub(crate) struct Book(RefCell<BTreeMap<Aor, Arc<[Binding]>>>);

impl Directory for Book {
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.0.borrow().get(aor).cloned()
    }

    fn membership(&self, aor: &Aor) -> Membership {
        if aor.host() == "office.test" { Membership::Subscriber } else { Membership::ForeignHost }
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }
}

const PHONE: [u8; 4] = [203, 0, 113, 7];

pub(crate) struct Lab {
    pub(crate) switch: Switch,
    pub(crate) book: Book,
    pub(crate) now: Instant,
    number: u32,
    pub(crate) lost: usize,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Bench::config(Vec::new(), None);
        let advertised = ([192, 0, 2, 1], 5060).into();
        config.listeners.push(Listener {
            name: "tcp".to_owned(),
            transport: Transport::Tcp,
            advertised,
        });
        config.registrar.keepalive = None;
        change(&mut config);
        let now = Instant::from_nanos(1_000_000_000);
        Self { switch: Switch::new(config), book: Book::default(), now, number: 0, lost: 0 }
    }

    pub(crate) fn put(&mut self, input: Input) -> Vec<String> {
        self.switch.handle_input(self.now, &self.book, input);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => sent.push(format!(
                    "{} {}\r\n{}",
                    flow.transport,
                    flow.peer,
                    String::from_utf8_lossy(&bytes)
                )),
                Output::Publish(publish) => {
                    self.book.0.borrow_mut().insert(publish.aor, publish.bindings);
                }
                Output::Emit(Fact::Unregistered { lapsed: true, .. }) => self.lost += 1,
                Output::Ask(question) => {
                    let decision = Decision::of(question.hook(), 0);
                    let (id, verdict) = (question.id, Verdict::BuiltIn);
                    let answer = Answer { id, verdict, amended: None, pin: None, decision };
                    self.switch.handle_input(self.now, &self.book, Input::Answer(answer));
                }
                _ => {}
            }
        }
        sent
    }

    /// What is answered to a REGISTER that came over this flow.
    pub(crate) fn register(&mut self, flow: Flow, contact: &str, more: &str) -> String {
        self.number += 1;
        let (number, transport) = (self.number, flow.transport);
        let text = format!(
            "REGISTER sip:office.test SIP/2.0\r\nVia: SIP/2.0/{transport} 10.0.0.5;branch=z9hG4bKr{number}\r\n{more}\
             From: <sip:2000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: r{number}\r\n\
             CSeq: 1 REGISTER\r\nMax-Forwards: 69\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n"
        );
        self.put(Input::Datagram { flow, bytes: Bytes::from(text) }).pop().unwrap()
    }

    pub(crate) fn outbound(&mut self, flow: Flow, contact: &str) -> String {
        self.register(flow, contact, "Supported: path, outbound\r\n")
    }

    /// What goes out for an INVITE to this URI.
    pub(crate) fn invite_all(&mut self, uri: &str) -> Vec<String> {
        self.number += 1;
        let number = self.number;
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKi{number}\r\n\
             From: <sip:1000@office.test>;tag=a\r\nTo: <{uri}>\r\nCall-ID: i{number}\r\nCSeq: 1 INVITE\r\n\
             Max-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\nContent-Length: 0\r\n\r\n"
        );
        let peer = ([198, 51, 100, 1], 5060).into();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer };
        self.put(Input::Datagram { flow, bytes: Bytes::from(text) })
    }

    /// The INVITEs of it.
    pub(crate) fn invite_at(&mut self, uri: &str) -> Vec<String> {
        let sent = self.invite_all(uri);
        sent.into_iter().filter(|sent| sent.contains("\r\nINVITE ")).collect()
    }

    /// What an INVITE of ours is answered with.
    pub(crate) fn answer(&mut self, flow: Flow, invite: &str, status: &str) -> Vec<String> {
        let fields = invite.lines().filter(|line| {
            ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        });
        let to = invite.lines().find(|line| line.starts_with("To:")).unwrap();
        let fields: Vec<&str> = fields.collect();
        let text = format!(
            "SIP/2.0 {status}\r\n{}\r\n{to};tag=x\r\nContent-Length: 0\r\n\r\n",
            fields.join("\r\n")
        );
        self.put(Input::Datagram { flow, bytes: Bytes::from(text) })
    }

    pub(crate) fn bound(&self) -> Vec<(u32, u16)> {
        let bindings = self.book.bindings(&Aor::new("2000", "office.test"));
        let all = bindings.iter().flat_map(|all| all.iter());
        all.map(|b| (b.reg_id, b.flow.peer.port())).collect()
    }
}

pub(crate) fn tcp(port: u16) -> Flow {
    Flow { transport: Transport::Tcp, listener: ListenerId(1), peer: (PHONE, port).into() }
}

pub(crate) fn udp(port: u16) -> Flow {
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer: (PHONE, port).into() }
}

pub(crate) fn line<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
