//! One endpoint, one clock, and outputs as text.

use std::time::Duration;

use bytes::Bytes;
use model::{Flow, Instant, ListenerId, Transport};
use sip::{
    ClientTx, Dialog, DialogSeed, Endpoint, EndpointConfig, Event, Input, ListenerConfig, Method,
    Name, Output, RequestDraft, ServerTx, Writer, response_to,
};

/// Our listener's address in every test.
pub(crate) const US: &str = "192.0.2.1:5060";
/// The peer's.
pub(crate) const PEER: &str = "192.0.2.9:5060";

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The path to the peer over UDP.
pub(crate) fn udp() -> Flow {
    flow(Transport::Udp, PEER)
}

/// The path to the peer over TCP.
pub(crate) fn tcp() -> Flow {
    flow(Transport::Tcp, PEER)
}

pub(crate) fn flow(transport: Transport, peer: &str) -> Flow {
    let listener = ListenerId(u16::from(transport.is_reliable()));
    Flow { transport, listener, peer: peer.parse().unwrap() }
}

/// An endpoint with a clock.
pub(crate) struct World {
    pub(crate) endpoint: Endpoint,
    pub(crate) now: Instant,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut EndpointConfig)) -> Self {
        let mut config = EndpointConfig {
            listeners: vec![
                ListenerConfig { transport: Transport::Udp, sent_by: US.to_owned() },
                ListenerConfig { transport: Transport::Tcp, sent_by: US.to_owned() },
            ],
            seed: [1; 32],
            ..EndpointConfig::default()
        };
        change(&mut config);
        Self { endpoint: Endpoint::new(config), now: Instant::ZERO }
    }

    /// Milliseconds since the test began.
    pub(crate) fn ms(&self) -> u64 {
        self.now.as_nanos() / 1_000_000
    }

    /// Hands a message in and gives everything that came out.
    pub(crate) fn receive(&mut self, flow: Flow, text: &str) -> Vec<Out> {
        let bytes = Bytes::from(text.replace('\n', "\r\n"));
        self.endpoint.handle_input(self.now, Input::Datagram { flow, bytes });
        self.drain()
    }

    /// Hands bytes in as they are.
    pub(crate) fn receive_bytes(&mut self, flow: Flow, bytes: Bytes) -> Vec<Out> {
        self.endpoint.handle_input(self.now, Input::Datagram { flow, bytes });
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Vec<Out> {
        std::iter::from_fn(|| self.endpoint.poll_output()).map(Out::of).collect()
    }

    /// Lets time pass; each output with the moment it came, in milliseconds.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<(u64, Out)> {
        let end = self.now + time;
        let mut outputs = Vec::new();
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            assert!(at >= self.now, "a deadline in the past");
            self.now = at;
            self.endpoint.handle_timeout(at);
            let ms = self.ms();
            outputs.extend(self.drain().into_iter().map(|out| (ms, out)));
        }
        self.now = end;
        outputs
    }

    /// Sends a request and gives its transaction and its bytes.
    pub(crate) fn send(&mut self, flow: Flow, draft: RequestDraft) -> (ClientTx, Out) {
        let tx = self.endpoint.send_request(self.now, flow, draft).unwrap();
        let mut out = self.drain();
        assert_eq!(out.len(), 1, "{out:?}");
        (tx, out.remove(0))
    }

    /// Responds with a status and tag `ours`.
    pub(crate) fn respond(&mut self, request: &Request, status: u16) -> Vec<Out> {
        let writer = response_to(&request.message, status, "", Some("ours"));
        self.endpoint.respond(self.now, request.tx, writer.finish(None));
        self.drain()
    }
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) tx: ServerTx,
    pub(crate) message: sip::Message,
}

/// An output that can be compared and printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Out {
    /// To the network: the flow's peer, and the text with LF line ends.
    Sent(String, String),
    /// To the user: its kind and the start line.
    Told(&'static str, String),
}

impl Out {
    fn of(output: Output) -> Self {
        match output {
            Output::Transmit { flow, bytes } => {
                let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
                Self::Sent(format!("{} {}", flow.transport, flow.peer), text)
            }
            Output::Event(event) => match event {
                Event::Request { message, .. } => Self::Told("request", format!("{message:?}")),
                Event::Cancelled { message, .. } => Self::Told("cancelled", format!("{message:?}")),
                Event::Ack { message, .. } => Self::Told("ack", format!("{message:?}")),
                Event::Response { message, .. } => Self::Told("response", format!("{message:?}")),
                Event::TimedOut { .. } => Self::Told("timed out", String::new()),
                Event::Unreachable { .. } => Self::Told("unreachable", String::new()),
                Event::Stray { message, .. } => Self::Told("stray", format!("{message:?}")),
                Event::StrayAck { message, .. } => Self::Told("stray ack", format!("{message:?}")),
                Event::Elsewhere { to, bytes, .. } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
                    Self::Told("elsewhere", format!("{} {}", to.0, text.lines().next().unwrap()))
                }
                Event::AckMissing { .. } => Self::Told("ack missing", String::new()),
            },
        }
    }

    /// The text of a message that was sent.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Sent(_, text) => text,
            Self::Told(kind, what) => panic!("not sent but told: {kind} {what}"),
        }
    }

    /// The first line of what was sent or told.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Sent(_, text) => text.lines().next().unwrap_or_default().to_owned(),
            Self::Told(kind, what) => format!("{kind}: {what}"),
        }
    }

    /// The value of a header field of a message that was sent.
    pub(crate) fn field(&self, name: &str) -> String {
        let prefix = format!("{name}: ");
        let line = self.text().lines().find(|line| line.starts_with(&prefix));
        line.unwrap_or_default().trim_start_matches(&prefix).to_owned()
    }
}

/// The first lines.
pub(crate) fn lines(outputs: &[Out]) -> Vec<String> {
    outputs.iter().map(Out::line).collect()
}

/// The moments and first lines.
pub(crate) fn timed_lines(outputs: &[(u64, Out)]) -> Vec<(u64, String)> {
    outputs.iter().map(|(ms, out)| (*ms, out.line())).collect()
}

/// An INVITE of ours to Bob.
pub(crate) fn invite_draft() -> RequestDraft {
    draft_of(Method::Invite, "1 INVITE")
}

pub(crate) fn draft_of(method: Method<'_>, cseq: &str) -> RequestDraft {
    let mut writer = Writer::request(method, "sip:bob@192.0.2.9");
    writer.header(Name::MaxForwards, 70);
    writer.header(Name::From, "<sip:us@192.0.2.1>;tag=ours");
    writer.header(Name::To, "<sip:bob@192.0.2.9>");
    writer.header(Name::CallId, "our-call");
    writer.header(Name::CSeq, cseq);
    writer.header(Name::Contact, "<sip:us@192.0.2.1:5060>");
    writer.draft(None)
}

/// What the dialog of [`invite_draft`] is made from.
pub(crate) fn seed() -> DialogSeed {
    DialogSeed {
        call_id: "our-call".to_owned(),
        local_tag: "ours".to_owned(),
        local_uri: "<sip:us@192.0.2.1>".to_owned(),
        remote_uri: "<sip:bob@192.0.2.9>".to_owned(),
        cseq: 1,
        flow: udp(),
    }
}

/// The peer's response to a request of ours that was sent.
pub(crate) fn response(request: &Out, status: &str, to_tag: &str) -> String {
    format!(
        "SIP/2.0 {status}\nVia: {};received=192.0.2.1\nFrom: {}\nTo: <sip:bob@192.0.2.9>;tag={to_tag}\n\
         Call-ID: {}\nCSeq: {}\nContact: <sip:bob@192.0.2.9:5060>\nContent-Length: 0\n\n",
        request.field("Via"),
        request.field("From"),
        request.field("Call-ID"),
        request.field("CSeq"),
    )
}

/// The dialog a response to [`invite_draft`] makes.
pub(crate) fn dialog_of(response: &str) -> Dialog {
    let bytes = Bytes::from(response.replace('\n', "\r\n"));
    let message = sip::Message::parse(bytes, &sip::ParseLimits::default()).unwrap();
    Dialog::from_response(&seed(), &message).unwrap()
}

/// A request of Alice, the peer, to us: `more` are further header lines, each with its line end.
pub(crate) fn from_alice(
    method: &str,
    branch: &str,
    cseq: u32,
    to_tag: &str,
    more: &str,
) -> String {
    let to = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let cseq_method = method;
    format!(
        "{method} sip:us@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch}\n\
         Max-Forwards: 70\nFrom: <sip:alice@192.0.2.9>;tag=alice\nTo: <sip:us@192.0.2.1>{to}\n\
         Call-ID: alices-call\nCSeq: {cseq} {cseq_method}\nContact: <sip:alice@192.0.2.9:5060>\n\
         {more}Content-Length: 0\n\n"
    )
}

impl World {
    /// Hands in a request that is new and gives it with whatever else came out.
    pub(crate) fn receive_request(&mut self, flow: Flow, text: &str) -> Request {
        let bytes = Bytes::from(text.replace('\n', "\r\n"));
        self.endpoint.handle_input(self.now, Input::Datagram { flow, bytes });
        let first = self.endpoint.poll_output();
        let Some(Output::Event(Event::Request { tx, message, .. })) = first else {
            panic!("no request came up: {first:?}");
        };
        assert!(self.endpoint.poll_output().is_none());
        Request { tx, message }
    }
}
