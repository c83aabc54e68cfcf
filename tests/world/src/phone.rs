//! A simulated phone: a small user agent on the real [`sip::Endpoint`], driven from outside.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use model::{Flow, Instant, ListenerId, Shard, Transport};
use sip::{
    ClientTx, Dialog, DialogSeed, Endpoint, EndpointConfig, Event, Input, ListenerConfig, Message,
    Method, Name, Output, ServerTx, Writer, response_to,
};

use crate::watch::Lamp;

/// What a phone is told to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Register, for this many seconds.
    Register(u32),
    /// Call a user of the node.
    Call(String),
    /// Call without an offer: the answer comes in the ACK.
    CallWithoutOffer(String),
    /// Give up the call that is not answered yet.
    Cancel,
    /// Answer the call that rings.
    Answer,
    /// Refuse the call that rings.
    Refuse(u16),
    /// Have the lamp show the calls of a user, for this many seconds; again, or no more when they are 0, if it does.
    Watch(String, u32),
    /// End the call.
    HangUp,
    /// Put the other on hold, or take it back.
    Hold(bool),
    /// From now on: what to do with a call that comes in.
    OnCall(Reaction),
}

/// What a phone does by itself with a call that comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// Rings until told otherwise.
    Ring,
    /// Rings, then answers after so long.
    AnswerAfter(Duration),
    /// Refuses at once.
    Refuse(u16),
    /// Says nothing at all.
    Ignore,
}

/// What a phone has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PhoneFact {
    /// Its REGISTER was answered.
    Registered(u16),
    /// A call came in, with this From.
    Rang(String),
    /// Its own call: a provisional response other than 100.
    Progress(u16),
    /// A call is up.
    Up,
    /// Its own call was refused with this status, or 408 when nothing came.
    Refused(u16),
    /// The call that rang was cancelled.
    Cancelled,
    /// The other side, or the switch, ended the call.
    Ended,
    /// The BYE or the re-INVITE of this phone got this answer.
    Answered(u16),
    /// A re-INVITE came; whether it holds this phone.
    Held(bool),
}

/// A phone.
pub struct Phone {
    user: String,
    host: &'static str,
    pub(crate) addr: SocketAddr,
    node: SocketAddr,
    endpoint: Endpoint,
    reaction: Reaction,
    call: Option<Call>,
    register_cseq: u32,
    registrations: Vec<ClientTx>,
    reinvites: Vec<(ClientTx, u32)>,
    timer: Option<Instant>,
    lamp: Lamp,
    sent: Vec<(SocketAddr, Bytes)>,
    /// What it has seen, in order.
    pub facts: Vec<PhoneFact>,
}

/// The one call of a phone.
enum Call {
    /// Its own INVITE is out.
    Calling { tx: ClientTx, seed: DialogSeed, offered: bool },
    /// An INVITE came in.
    Ringing { tx: ServerTx, invite: Box<Message>, tag: String },
    /// Up.
    Up { dialog: Box<Dialog> },
}

impl Phone {
    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.addr
    }

    /// What its lamp shows, the state of each dialog; `None` while it watches nobody.
    pub fn lamp(&self) -> Option<Vec<&str>> {
        self.lamp.states()
    }

    /// What its lamp showed after each NOTIFY, in order.
    pub fn lamp_was(&self) -> &[Vec<String>] {
        &self.lamp.seen
    }

    /// How many NOTIFYs its lamp missed.
    pub const fn lamp_gaps(&self) -> u32 {
        self.lamp.gaps
    }

    pub(crate) fn new(
        user: &str,
        host: &'static str,
        addr: SocketAddr,
        node: SocketAddr,
        seed: [u8; 32],
    ) -> Self {
        let endpoint = Endpoint::new(EndpointConfig {
            listeners: vec![ListenerConfig {
                transport: Transport::Udp,
                sent_by: addr.to_string(),
            }],
            shard: Shard(0),
            seed,
            ..EndpointConfig::default()
        });
        Self {
            user: user.to_owned(),
            host,
            addr,
            node,
            endpoint,
            reaction: Reaction::Ring,
            call: None,
            register_cseq: 0,
            registrations: Vec::new(),
            reinvites: Vec::new(),
            timer: None,
            lamp: Lamp::default(),
            sent: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Whether it is in a call.
    pub const fn is_up(&self) -> bool {
        matches!(self.call, Some(Call::Up { .. }))
    }

    /// Whether it has no call, rings for none and makes none.
    pub const fn is_on_hook(&self) -> bool {
        self.call.is_none()
    }

    /// Whether it has no call and waits for nothing.
    pub fn is_idle(&self) -> bool {
        self.call.is_none() && self.endpoint.is_idle()
    }

    pub(crate) fn take_sent(&mut self) -> Vec<(SocketAddr, Bytes)> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.poll_timeout().map(|(at, _)| at);
        [endpoint, self.timer].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.drain(now);
        if self.timer.is_some_and(|at| at <= now) {
            self.timer = None;
            self.answer(now);
        }
        self.drain(now);
    }

    pub(crate) fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: Bytes) {
        let flow = self.flow(from);
        self.endpoint.handle_input(now, Input::Datagram { flow, bytes });
        self.drain(now);
    }

    pub(crate) fn act(&mut self, now: Instant, manner: Manner) {
        match manner {
            Manner::Register(seconds) => self.register(now, seconds),
            Manner::Call(user) => self.invite(now, &user, true),
            Manner::CallWithoutOffer(user) => self.invite(now, &user, false),
            Manner::Cancel => {
                if let Some(Call::Calling { tx, .. }) = &self.call {
                    self.endpoint.cancel(now, *tx);
                }
            }
            Manner::Answer => self.answer(now),
            Manner::Refuse(status) => self.refuse(now, status),
            Manner::Watch(user, seconds) => {
                let own = format!("{}@{}", self.user, self.host);
                let contact = self.contact();
                let way = (own.as_str(), contact.as_str(), self.flow(self.node));
                self.lamp.subscribe(now, &mut self.endpoint, way, (&user, seconds));
            }
            Manner::HangUp => self.hang_up(now),
            Manner::Hold(hold) => self.hold(now, hold),
            Manner::OnCall(reaction) => self.reaction = reaction,
        }
        self.drain(now);
    }

    const fn flow(&self, peer: SocketAddr) -> Flow {
        Flow { transport: Transport::Udp, listener: ListenerId(0), peer }
    }

    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.user, self.addr)
    }

    fn register(&mut self, now: Instant, seconds: u32) {
        self.register_cseq += 1;
        let tag = self.endpoint.mint_tag();
        let aor = format!("<sip:{}@{}>", self.user, self.host);
        let mut writer = Writer::request(Method::Register, &format!("sip:{}", self.host));
        writer.header(Name::MaxForwards, 70);
        writer.header(Name::From, format_args!("{aor};tag={tag}"));
        writer.header(Name::To, &aor);
        writer.header(Name::CallId, format_args!("register-{}", self.addr));
        writer.header(Name::CSeq, format_args!("{} REGISTER", self.register_cseq));
        writer.header(Name::Contact, self.contact());
        writer.header(Name::Expires, seconds);
        let flow = self.flow(self.node);
        if let Ok(tx) = self.endpoint.send_request(now, flow, writer.draft(None)) {
            self.registrations.push(tx);
        }
    }

    fn invite(&mut self, now: Instant, user: &str, offer: bool) {
        if self.call.is_some() {
            return;
        }
        let uri = format!("sip:{user}@{}", self.host);
        let seed = DialogSeed {
            // One that the endpoint mints names a shard of the node, which a phone does not know.
            call_id: format!("call-{}", self.endpoint.mint_call_id()),
            local_tag: self.endpoint.mint_tag(),
            local_uri: format!("<sip:{}@{}>", self.user, self.host),
            remote_uri: format!("<{uri}>"),
            cseq: 1,
            flow: self.flow(self.node),
        };
        let mut writer = Writer::request(Method::Invite, &uri);
        writer.header(Name::MaxForwards, 70);
        writer.header(Name::From, format_args!("{};tag={}", seed.local_uri, seed.local_tag));
        writer.header(Name::To, &seed.remote_uri);
        writer.header(Name::CallId, &seed.call_id);
        writer.header(Name::CSeq, "1 INVITE");
        writer.header(Name::Contact, self.contact());
        let sdp = self.sdp("sendrecv");
        let body = offer.then_some(("application/sdp", sdp.as_bytes()));
        if let Ok(tx) = self.endpoint.send_request(now, seed.flow, writer.draft(body)) {
            self.call = Some(Call::Calling { tx, seed, offered: offer });
        }
    }

    fn answer(&mut self, now: Instant) {
        let Some(Call::Ringing { tx, invite, tag }) = self.call.take() else { return };
        self.timer = None;
        let flow = self.flow(self.node);
        let Ok(dialog) = Dialog::from_request(&invite, &tag, flow) else {
            return self.respond(now, tx, &invite, 400, &tag, None);
        };
        self.respond(now, tx, &invite, 200, &tag, Some(self.sdp("sendrecv")));
        self.call = Some(Call::Up { dialog: Box::new(dialog) });
        self.facts.push(PhoneFact::Up);
    }

    fn refuse(&mut self, now: Instant, status: u16) {
        if let Some(Call::Ringing { tx, invite, tag }) = self.call.take() {
            self.timer = None;
            self.respond(now, tx, &invite, status, &tag, None);
        }
    }

    fn hang_up(&mut self, now: Instant) {
        let contact = self.contact();
        if let Some(Call::Up { mut dialog }) = self.call.take() {
            let draft = dialog.request(Method::Bye, &contact);
            let _ = self.endpoint.send_request(now, dialog.flow, draft);
        }
    }

    fn hold(&mut self, now: Instant, hold: bool) {
        let contact = self.contact();
        let sdp = self.sdp(if hold { "sendonly" } else { "sendrecv" });
        let Some(Call::Up { dialog }) = &mut self.call else { return };
        let draft = dialog.request(Method::Invite, &contact);
        let cseq = dialog.local_cseq;
        let draft = draft.with_body(Some(("application/sdp".to_owned(), sdp.into())));
        if let Ok(tx) = self.endpoint.send_request(now, dialog.flow, draft) {
            self.reinvites.push((tx, cseq));
        }
    }

    fn sdp(&self, direction: &str) -> String {
        let ip = self.addr.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
        )
    }

    fn respond(
        &mut self,
        now: Instant,
        tx: ServerTx,
        request: &Message,
        status: u16,
        tag: &str,
        sdp: Option<String>,
    ) {
        let mut writer = response_to(request, status, "", Some(tag));
        if (101..300).contains(&status) {
            writer.header(Name::Contact, self.contact());
        }
        let body = sdp.as_ref().map(|sdp| ("application/sdp", sdp.as_bytes()));
        let bytes = writer.finish(body);
        self.endpoint.respond(now, tx, bytes);
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => self.sent.push((flow.peer, bytes)),
                Output::Event(event) => self.on_event(now, event),
            }
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request { tx, message, .. } => self.on_request(now, tx, message),
            Event::Cancelled { tx, .. } => {
                if let Some(Call::Ringing { invite, tag, .. }) = self.call.take() {
                    self.timer = None;
                    self.respond(now, tx, &invite, 487, &tag, None);
                    self.facts.push(PhoneFact::Cancelled);
                }
            }
            Event::Ack { .. } | Event::Stray { .. } | Event::StrayAck { .. } => {}
            Event::Response { tx, message } => self.on_response(now, tx, &message),
            Event::TimedOut { tx } | Event::Unreachable { tx } => self.on_lost(tx),
            Event::AckMissing { .. } => self.hang_up(now),
        }
    }

    fn on_request(&mut self, now: Instant, tx: ServerTx, request: Message) {
        let tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        match (request.method(), tag) {
            (Method::Invite, None) => self.on_invite(now, tx, request),
            (Method::Invite, Some(tag)) => self.on_reinvite(now, tx, &request, &tag),
            (Method::Bye, Some(tag)) => {
                let ours =
                    matches!(&self.call, Some(Call::Up { dialog }) if dialog.is_of(&request));
                self.respond(now, tx, &request, if ours { 200 } else { 481 }, &tag, None);
                if ours {
                    self.call = None;
                    self.facts.push(PhoneFact::Ended);
                }
            }
            (Method::Notify, Some(tag)) => {
                let status = self.lamp.on_notify(&request, self.flow(self.node));
                self.respond(now, tx, &request, status, &tag, None);
            }
            (_, tag) => {
                let tag = tag.unwrap_or_else(|| self.endpoint.mint_tag());
                self.respond(now, tx, &request, 405, &tag, None);
            }
        }
    }

    fn on_invite(&mut self, now: Instant, tx: ServerTx, invite: Message) {
        let tag = self.endpoint.mint_tag();
        if self.call.is_some() {
            return self.respond(now, tx, &invite, 486, &tag, None);
        }
        let from = invite.from().map(|from| from.uri.to_owned()).unwrap_or_default();
        self.facts.push(PhoneFact::Rang(from));
        match self.reaction {
            Reaction::Refuse(status) => return self.respond(now, tx, &invite, status, &tag, None),
            Reaction::Ignore => return,
            Reaction::Ring => {}
            Reaction::AnswerAfter(after) => self.timer = Some(now + after),
        }
        self.respond(now, tx, &invite, 180, &tag, None);
        self.call = Some(Call::Ringing { tx, invite: Box::new(invite), tag });
    }

    fn on_reinvite(&mut self, now: Instant, tx: ServerTx, request: &Message, tag: &str) {
        let Some(Call::Up { dialog }) = &mut self.call else {
            return self.respond(now, tx, request, 481, tag, None);
        };
        if !dialog.is_of(request) {
            return self.respond(now, tx, request, 481, tag, None);
        }
        if !self.reinvites.is_empty() {
            return self.respond(now, tx, request, 491, tag, None);
        }
        if let Err(status) = dialog.check_request(request) {
            return self.respond(now, tx, request, status, tag, None);
        }
        let held = String::from_utf8_lossy(request.body()).contains("a=sendonly");
        self.facts.push(PhoneFact::Held(held));
        let sdp = self.sdp(if held { "recvonly" } else { "sendrecv" });
        self.respond(now, tx, request, 200, tag, Some(sdp));
    }

    fn on_response(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let status = response.status();
        if status == 100 {
            return;
        }
        if let Some(at) = self.registrations.iter().position(|t| *t == tx) {
            self.registrations.swap_remove(at);
            return self.facts.push(PhoneFact::Registered(status));
        }
        if let Some(at) = self.reinvites.iter().position(|(t, _)| *t == tx) {
            if status >= 200 {
                let (_, cseq) = self.reinvites.swap_remove(at);
                self.on_reinvite_response(now, tx, cseq, status);
            }
            return;
        }
        if self.lamp.on_response(tx, response) {
            return;
        }
        match &self.call {
            Some(Call::Calling { tx: ours, .. }) if *ours == tx => {}
            _ => return,
        }
        match status {
            101..=199 => self.facts.push(PhoneFact::Progress(status)),
            200..=299 => self.on_answer(now, tx, response),
            _ => {
                self.call = None;
                self.facts.push(PhoneFact::Refused(status));
            }
        }
    }

    fn on_reinvite_response(&mut self, now: Instant, tx: ClientTx, cseq: u32, status: u16) {
        let contact = self.contact();
        self.facts.push(PhoneFact::Answered(status));
        if let (200..=299, Some(Call::Up { dialog })) = (status, &self.call) {
            let (flow, ack) = (dialog.flow, dialog.ack(cseq, &contact));
            self.endpoint.send_ack(now, tx, flow, ack);
        }
    }

    fn on_answer(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let contact = self.contact();
        let sdp = self.sdp("sendrecv");
        let Some(Call::Calling { seed, offered, .. }) = self.call.take() else { return };
        let Ok(dialog) = Dialog::from_response(&seed, response) else { return };
        let ack = dialog.ack(1, &contact);
        let answer = (!offered).then(|| ("application/sdp".to_owned(), sdp.into()));
        self.endpoint.send_ack(now, tx, dialog.flow, ack.with_body(answer));
        self.call = Some(Call::Up { dialog: Box::new(dialog) });
        self.facts.push(PhoneFact::Up);
    }

    fn on_lost(&mut self, tx: ClientTx) {
        self.reinvites.retain(|(t, _)| *t != tx);
        self.registrations.retain(|t| *t != tx);
        if matches!(&self.call, Some(Call::Calling { tx: ours, .. }) if *ours == tx) {
            self.call = None;
            self.facts.push(PhoneFact::Refused(408));
        }
    }
}
