//! A small SIP phone: registers, places and takes one call at a time, sends a tone and knows what it hears.
//!
//! It is a second implementation beside the switch's own: messages are `rsip`'s, retransmission is its own.

mod call;
mod message;
mod rtp;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use rsip::{
    Header, Method, Request, Response, SipMessage,
    headers::{CallId, Expires, To},
    prelude::{HeadersExt, ToTypedHeader, UntypedHeader},
    typed,
};

use self::{
    call::{Call, CallState},
    message::{Draft, from_with_tag, response_to, uri_at},
    rtp::Stream,
};
use crate::ladder::{Column, Entry, Sender, Step};

pub use call::CallState as State;

/// First interval between retransmissions (RFC 3261 section 17.1.1.1, T1), doubled each time.
const RETRANSMIT_FIRST: Duration = Duration::from_millis(500);

/// One phone.
pub struct Phone {
    column: Column,
    sip: UdpSocket,
    local: SocketAddr,
    switch: SocketAddr,
    stream: Stream,
    registration: Option<Registration>,
    call: Option<Call>,
    outstanding: Option<Outstanding>,
    cseq: u32,
    entries: Vec<Entry>,
}

/// The last REGISTER and what came of it.
struct Registration {
    call_id: CallId,
    cseq: u32,
    status: Option<u16>,
}

/// The message that is sent again until the other side reacts.
struct Outstanding {
    bytes: String,
    method: Method,
    next_at: Instant,
    interval: Duration,
}

impl Phone {
    /// A phone on a free port of `switch`'s address family, sending a tone of `hz` in its calls.
    ///
    /// # Errors
    ///
    /// When no socket can be bound.
    pub fn new(column: Column, switch: SocketAddr, hz: f32) -> io::Result<Self> {
        let sip = UdpSocket::bind((switch.ip(), 0))?;
        sip.set_nonblocking(true)?;
        let local = sip.local_addr()?;
        Ok(Self {
            column,
            stream: Stream::open(switch.ip(), hz, u32::from(local.port()))?,
            sip,
            local,
            switch,
            registration: None,
            call: None,
            outstanding: None,
            cseq: 0,
            entries: Vec::new(),
        })
    }

    /// Registers this phone for `user`. [`Self::registered`] tells what came of it.
    pub fn register(&mut self, user: &str) {
        let uri = uri_at(user, self.switch);
        let from = from_with_tag(uri.clone());
        let to = To::from(typed::To::from(uri));
        let call_id = CallId::default();
        self.cseq += 1;
        let draft = Draft {
            target: self.switch_uri(),
            from: &from,
            to: &to,
            call_id: &call_id,
            cseq: self.cseq,
            contact: uri_at(user, self.local),
            local: self.local,
        };
        let mut request = draft.request(Method::Register, None);
        request.headers.push(Header::Expires(Expires::new("300")));
        self.registration = Some(Registration { call_id, cseq: self.cseq, status: None });
        self.send_until_answered(request);
    }

    /// The status of the last registration, when there is one.
    pub fn registered(&self) -> Option<u16> {
        self.registration.as_ref().and_then(|registration| registration.status)
    }

    /// Calls `user` as `caller`.
    pub fn call(&mut self, caller: &str, user: &str) {
        self.stream.silence();
        self.cseq += 1;
        let target = uri_at(user, self.switch);
        let mut call = Call::outgoing(
            from_with_tag(uri_at(caller, self.switch)),
            To::from(typed::To::from(target.clone())),
            target,
            self.cseq,
        );
        let draft = call.draft(uri_at(caller, self.local), self.local, call.cseq);
        let invite = draft.request(Method::Invite, self.sdp());
        call.invite = Some(invite.clone());
        self.call = Some(call);
        self.send_until_answered(invite);
    }

    /// Ends the call with BYE.
    pub fn hang_up(&mut self) {
        let Some(call) = self.call.as_mut() else { return };
        call.cseq += 1;
        call.state = CallState::Ending;
        let draft = call.draft(uri_at("phone", self.local), self.local, call.cseq);
        let bye = draft.request(Method::Bye, None);
        self.stream.silence();
        self.send_until_answered(bye);
    }

    /// Where the call stands; `None` before the first.
    pub fn state(&self) -> Option<State> {
        self.call.as_ref().map(|call| call.state)
    }

    /// The Call-ID of the phone's leg.
    pub fn call_id(&self) -> Option<&str> {
        self.call.as_ref().map(|call| call.call_id.value())
    }

    /// The user that was called on this phone: which of its lines rang.
    pub fn called_user(&self) -> Option<&str> {
        self.call.as_ref()?.invite.as_ref()?.uri.user()
    }

    /// Whether the phone hears a tone of `hz`.
    pub fn hears(&self, hz: f32) -> bool {
        self.stream.hears(hz)
    }

    /// RTP packets sent and received in the call.
    pub fn packets(&self) -> (u64, u64) {
        self.stream.packets
    }

    /// What was seen on the wire since the last time this was asked, registrations left out.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// The sockets to wait for.
    pub fn sockets(&self) -> [&UdpSocket; 2] {
        [&self.sip, self.stream.socket()]
    }

    /// Takes what came and sends what is due.
    pub fn step(&mut self, now: Instant) {
        let mut buffer = [0; 65_535];
        while let Ok((length, _)) = self.sip.recv_from(&mut buffer) {
            match SipMessage::try_from(&buffer[..length]) {
                Ok(SipMessage::Request(request)) => self.on_request(request, now),
                Ok(SipMessage::Response(response)) => self.on_response(&response, now),
                // What cannot be read is not for this phone.
                Err(_) => {}
            }
        }
        self.retransmit(now);
        self.stream.step(now);
    }

    fn on_request(&mut self, request: Request, now: Instant) {
        self.note(Sender::Switch, label_of_request(&request));
        match request.method {
            Method::Invite => self.on_invite(request, now),
            Method::Ack => self.on_ack(),
            Method::Bye => {
                self.answer(&request, 200);
                if let Some(call) = self.call.as_mut() {
                    call.state = CallState::Ended(200);
                }
                self.stream.silence();
            }
            Method::Options => self.answer(&request, 200),
            _ => self.answer(&request, 405),
        }
    }

    fn on_invite(&mut self, invite: Request, now: Instant) {
        // The same INVITE again: the answer is repeated by its own timer.
        if self.call.as_ref().is_some_and(|call| call.is_of(&invite)) {
            return;
        }
        let busy =
            self.call.as_ref().is_some_and(|call| !matches!(call.state, CallState::Ended(_)));
        let call = if busy { None } else { Call::incoming(&invite) };
        let Some(call) = call else { return self.answer(&invite, 486) };
        self.stream.silence();
        let tag = call.local_tag.clone();
        let contact = uri_at(invite.uri.user().unwrap_or("phone"), self.local);
        let ringing = response_to(&invite, 180, &tag, Some(contact.clone()), None);
        let ok = response_to(&invite, 200, &tag, Some(contact), self.sdp());
        if let Some(rtp) = message::audio_address(invite.body()) {
            self.stream.send_to(rtp, now);
        }
        self.call = Some(call);
        if let (Some(ringing), Some(ok)) = (ringing, ok) {
            self.note(Sender::Phone, label_of_response(&ringing));
            self.transmit(&ringing.to_string());
            self.note(Sender::Phone, label_of_response(&ok));
            self.send_again_until(ok.to_string(), Method::Ack, now);
        }
    }

    fn on_ack(&mut self) {
        self.settle(Method::Ack);
        if let Some(call) = self.call.as_mut().filter(|call| call.state == CallState::Alerting) {
            call.state = CallState::Established;
        }
    }

    fn on_response(&mut self, response: &Response, now: Instant) {
        let Ok(cseq) = response.cseq_header().and_then(|cseq| cseq.typed()) else { return };
        if cseq.method == Method::Register {
            return self.on_register_response(response, cseq.seq);
        }
        self.note(Sender::Switch, label_of_response(response));
        self.settle(cseq.method);
        match cseq.method {
            Method::Invite => self.on_invite_response(response, now),
            Method::Bye => {
                if let Some(call) = self.call.as_mut() {
                    call.state = CallState::Ended(response.status_code.code());
                }
            }
            _ => {}
        }
    }

    fn on_register_response(&mut self, response: &Response, number: u32) {
        let status = response.status_code.code();
        let ours = self.registration.as_mut().filter(|registration| {
            registration.cseq == number
                && response.call_id_header().is_ok_and(|id| *id == registration.call_id)
        });
        if let Some(registration) = ours.filter(|_| status >= 200) {
            registration.status = Some(status);
            self.settle(Method::Register);
        }
    }

    fn on_invite_response(&mut self, response: &Response, now: Instant) {
        let status = response.status_code.code();
        let local = self.local;
        let Some(call) = self.call.as_mut() else { return };
        let ack = call.on_response(response, status, local);
        if status < 300
            && let Some(rtp) = message::audio_address(response.body())
        {
            self.stream.send_to(rtp, now);
        }
        if let Some(ack) = ack {
            self.note(Sender::Phone, label_of_request(&ack));
            self.transmit(&ack.to_string());
        }
    }

    fn answer(&mut self, request: &Request, status: u16) {
        let tag = self.call.as_ref().map(|call| call.local_tag.clone()).unwrap_or_default();
        if let Some(response) = response_to(request, status, &tag, None, None) {
            self.note(Sender::Phone, label_of_response(&response));
            self.transmit(&response.to_string());
        }
    }

    fn send_until_answered(&mut self, request: Request) {
        if request.method != Method::Register {
            self.note(Sender::Phone, label_of_request(&request));
        }
        let method = request.method;
        self.send_again_until(request.to_string(), method, Instant::now());
    }

    fn send_again_until(&mut self, bytes: String, method: Method, now: Instant) {
        self.transmit(&bytes);
        let interval = RETRANSMIT_FIRST;
        self.outstanding = Some(Outstanding { bytes, method, next_at: now + interval, interval });
    }

    fn settle(&mut self, method: Method) {
        self.outstanding.take_if(|outstanding| outstanding.method == method);
    }

    fn retransmit(&mut self, now: Instant) {
        let Some(outstanding) = self.outstanding.as_mut().filter(|o| o.next_at <= now) else {
            return;
        };
        outstanding.interval *= 2;
        outstanding.next_at = now + outstanding.interval;
        let bytes = outstanding.bytes.clone();
        self.transmit(&bytes);
    }

    fn transmit(&self, bytes: &str) {
        // A datagram that is lost is sent again.
        let _ = self.sip.send_to(bytes.as_bytes(), self.switch);
    }

    fn note(&mut self, sender: Sender, label: String) {
        let what = Step::Message { phone: self.column, sender, label };
        self.entries.push(Entry { at: Instant::now(), what });
    }

    fn switch_uri(&self) -> rsip::Uri {
        rsip::Uri { scheme: Some(rsip::Scheme::Sip), ..self.switch.into() }
    }

    fn sdp(&self) -> Option<String> {
        let rtp = self.stream.socket().local_addr().ok()?;
        Some(message::sdp(rtp, u32::from(self.local.port())))
    }
}

fn label_of_request(request: &Request) -> String {
    match request.uri.user() {
        Some(user) if request.method == Method::Invite => format!("{} {user}", request.method),
        Some(_) | None => request.method.to_string(),
    }
}

fn label_of_response(response: &Response) -> String {
    response.status_code.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::demo::exchange::run_until;

    /// Two phones that take each other for the switch.
    fn pair() -> [Phone; 2] {
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let mut a = Phone::new(Column::Left, nowhere, 440.0).unwrap();
        let b = Phone::new(Column::Right, a.local, 620.0).unwrap();
        a.switch = b.local;
        [a, b]
    }

    #[test]
    fn two_phones_talk_and_hear_each_other() {
        let patience = Duration::from_secs(10);
        let mut phones = pair();
        phones[0].call("1000", "2000");
        run_until(&mut phones, patience, |[a, b]| a.hears(620.0) && b.hears(440.0)).unwrap();
        assert_eq!(phones[0].state(), Some(State::Established));
        assert_eq!(phones[1].state(), Some(State::Established));
        assert_eq!(phones[1].called_user(), Some("2000"));
        phones[0].hang_up();
        run_until(&mut phones, patience, |[a, b]| {
            a.state() == Some(State::Ended(200)) && b.state() == Some(State::Ended(200))
        })
        .unwrap();
        let labels: Vec<String> = phones[0]
            .take_entries()
            .into_iter()
            .map(|entry| match entry.what {
                Step::Message { label, .. } | Step::Note(label) => label,
            })
            .collect();
        assert_eq!(labels, ["INVITE 2000", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK"]);
    }

    #[test]
    fn a_busy_phone_says_so() {
        let patience = Duration::from_secs(10);
        let mut phones = pair();
        phones[1].call("2000", "1000");
        phones[0].call("1000", "2000");
        run_until(&mut phones, patience, |[a, _]| a.state() == Some(State::Ended(486))).unwrap();
    }
}
