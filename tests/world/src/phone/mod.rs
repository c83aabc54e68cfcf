//! A simulated phone: a small user agent on the real [`sip::Endpoint`], driven from outside.

mod calls;
mod prack;
mod refer;
mod session;
mod talk;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use model::{Flow, Instant, ListenerId, Shard, Transport};
use sip::{
    ClientTx, Endpoint, EndpointConfig, Event, Input, ListenerConfig, Message, Method, Name,
    Output, ServerTx, Writer,
};

use self::talk::{Call, Talk, Way};
pub use self::{prack::Reliably, session::Keeps};
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
    /// Know nothing of the lamp's subscription any more.
    ForgetLamp,
    /// End the call.
    HangUp,
    /// Put the other on hold, or take it back.
    Hold(bool),
    /// Call a user while there is a call, to send its other party on to that.
    Consult(String),
    /// Send the other party of the first call on to that of the second, or to the phone that rings there; and whether this phone
    /// wants to know what comes of it.
    Join(bool),
    /// End the second call, or give it up.
    EndConsult,
    /// Call in the place of a dialog: the value of Replaces, and the user this phone is of.
    TakeOver(String, String),
    /// Send the other party of the call on to a user; and whether this phone wants to know what comes of it.
    Refer(String, bool),
    /// Send the other party of the call on to this value of Refer-To.
    ReferTo(String),
    /// From now on: what to do with a call that comes in.
    OnCall(Reaction),
    /// From now on: what to make of reliable provisional responses.
    Reliably(Reliably),
    /// From now on: what to make of session timers.
    Keep(Keeps),
    /// From now on: refuse re-INVITEs with this status, or take them.
    RefuseOffers(Option<u16>),
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
    /// Its REFER got this answer, or 408 when none came.
    Referred(u16),
    /// A NOTIFY told this status of the transfer that it asked for.
    Told(u16),
    /// It rang reliably for long, and nobody acknowledged it.
    NotAcknowledged,
    /// Its PRACK got this answer.
    PrackRefused(u16),
    /// It gave a call up whose session was not refreshed.
    Expired,
}

/// A phone.
pub struct Phone {
    user: String,
    host: &'static str,
    pub(crate) addr: SocketAddr,
    node: SocketAddr,
    endpoint: Endpoint,
    reaction: Reaction,
    refuses_offers: Option<u16>,
    reliably: Reliably,
    keeps: Keeps,
    pracks: Vec<ClientTx>,
    /// UPDATEs, each with its Call-ID.
    updates: Vec<(ClientTx, String)>,
    /// Its calls; what it does it does to the last.
    calls: Vec<Call>,
    /// Calls that are over and in which it is still told of a transfer.
    left: Vec<Talk>,
    refers: Vec<ClientTx>,
    register_cseq: u32,
    registrations: Vec<ClientTx>,
    /// INVITEs within calls, each with its CSeq number and its Call-ID.
    reinvites: Vec<(ClientTx, u32, String)>,
    timer: Option<Instant>,
    lamp: Lamp,
    sent: Vec<(SocketAddr, Bytes)>,
    /// What it has seen, in order.
    pub facts: Vec<PhoneFact>,
}

impl Phone {
    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.addr
    }

    /// Where it takes its media.
    pub fn media(&self) -> SocketAddr {
        SocketAddr::new(self.addr.ip(), 4000)
    }

    /// Where it sends the media of the call it is in, as it was told last.
    pub fn told(&self) -> Option<SocketAddr> {
        match self.calls.last()? {
            Call::Up(talk) => talk.told,
            Call::Calling { .. } | Call::Ringing { .. } => None,
        }
    }

    /// The user it is of.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The dialog of its first call as a Replaces names it that the node gets.
    pub fn dialog(&self) -> Option<String> {
        self.calls.first()?.replaces()
    }

    /// The Call-ID of each of its calls.
    pub fn call_ids(&self) -> impl Iterator<Item = &str> {
        self.calls.iter().map(|call| match call {
            Call::Calling { seed, .. } => seed.call_id.as_str(),
            Call::Ringing { invite, .. } => invite.call_id(),
            Call::Up(talk) => talk.dialog.id.call_id.as_str(),
        })
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
            refuses_offers: None,
            reliably: Reliably::Not,
            keeps: Keeps::Not,
            pracks: Vec::new(),
            updates: Vec::new(),
            calls: Vec::new(),
            left: Vec::new(),
            refers: Vec::new(),
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
    pub fn is_up(&self) -> bool {
        self.calls.iter().any(|call| matches!(call, Call::Up(_)))
    }

    /// Whether it has no call, rings for none and makes none.
    pub const fn is_on_hook(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether it has no call and waits for nothing.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.endpoint.is_idle()
    }

    pub(crate) fn take_sent(&mut self) -> Vec<(SocketAddr, Bytes)> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.poll_timeout().map(|(at, _)| at);
        [endpoint, self.timer, self.rings_again_at(), self.keeps_at()].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.drain(now);
        if self.timer.is_some_and(|at| at <= now) {
            self.timer = None;
            self.answer(now);
        }
        self.ring_again(now);
        self.keep(now);
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
            Manner::Call(user) => self.call(now, &user, true),
            Manner::CallWithoutOffer(user) => self.call(now, &user, false),
            Manner::Cancel => {
                if let Some(Call::Calling { tx, .. }) = self.calls.last() {
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
            Manner::ForgetLamp => self.lamp = Lamp::default(),
            Manner::HangUp => self.hang_up(now),
            Manner::Hold(hold) => self.hold(now, hold),
            Manner::Consult(user) => self.consult(now, &user),
            Manner::Join(told) => self.join(now, told),
            Manner::EndConsult => self.end_consult(now),
            Manner::TakeOver(replaces, user) => self.take_over(now, &replaces, user),
            Manner::Reliably(reliably) => self.reliably = reliably,
            Manner::Keep(keeps) => self.keeps = keeps,
            Manner::Refer(user, told) => {
                let to = format!("<sip:{user}@{}>", self.host);
                self.refer(now, &to, told);
            }
            Manner::ReferTo(to) => self.refer(now, &to, true),
            Manner::RefuseOffers(status) => self.refuses_offers = status,
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
            Event::Cancelled { tx, .. } => self.on_cancelled(now, tx),
            Event::Ack { message, .. } => self.on_ack(&message),
            Event::Stray { .. } | Event::StrayAck { .. } | Event::Elsewhere { .. } => {}
            Event::Response { tx, message } => self.on_response(now, tx, &message),
            Event::TimedOut { tx } | Event::Unreachable { tx } => self.on_lost(now, tx),
            Event::AckMissing { .. } => self.hang_up(now),
        }
    }

    fn on_request(&mut self, now: Instant, tx: ServerTx, request: Message) {
        let tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        match (request.method(), tag) {
            (Method::Invite, None) => self.on_invite(now, tx, request),
            (Method::Invite, Some(tag)) => self.on_reinvite(now, tx, &request, &tag),
            (Method::Bye, Some(tag)) => self.on_bye(now, tx, &request, &tag),
            (Method::Update, Some(tag)) => self.on_update(now, tx, &request, &tag),
            (Method::Prack, Some(tag)) => self.on_prack(now, tx, &request, &tag),
            (Method::Info, Some(tag)) => {
                let fits = self.talk_of(&request).map(|talk| talk.dialog.check_request(&request));
                let status = fits.map_or(481, |fits| fits.err().unwrap_or(200));
                self.respond(now, tx, &request, status, &tag, None);
            }
            (Method::Notify, Some(tag)) if is_report(&request) => {
                self.on_report(now, tx, &request, &tag);
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

    fn on_response(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let status = response.status();
        if status == 100 {
            return;
        }
        if let Some(at) = self.registrations.iter().position(|t| *t == tx) {
            self.registrations.swap_remove(at);
            return self.facts.push(PhoneFact::Registered(status));
        }
        if let Some(at) = self.reinvites.iter().position(|(t, ..)| *t == tx) {
            if status >= 200 {
                let (_, cseq, call_id) = self.reinvites.swap_remove(at);
                self.on_reinvite_response(now, tx, (cseq, &call_id), response);
            }
            return;
        }
        if let Some(at) = self.refers.iter().position(|t| *t == tx) {
            if status >= 200 {
                self.refers.swap_remove(at);
                self.facts.push(PhoneFact::Referred(status));
            }
            return;
        }
        if self.on_prack_response(tx, status) || self.on_update_response(now, tx, Ok(response)) {
            return;
        }
        if !self.lamp.on_response(tx, response) {
            self.on_call_response(now, tx, response);
        }
    }
}

/// Whether a NOTIFY tells what became of a REFER.
fn is_report(notify: &Message) -> bool {
    notify.header(Name::Event).is_some_and(|event| event.starts_with("refer"))
}
