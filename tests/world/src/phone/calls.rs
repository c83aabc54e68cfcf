//! How a phone calls, answers, holds and ends.

use model::Instant;
use sip::{
    ClientTx, Dialog, DialogSeed, Message, Method, Name, ServerTx, Writer, reliable::OPTION_100REL,
    response_to,
};

use super::{
    Call, Phone, PhoneFact, Reaction, Talk, Way,
    prack::{Early, Reliably, Rung},
    session::Session,
};

/// Calls that are over and in which it is still told of a transfer.
const LEFT_MAX: usize = 4;

/// A call that rings: its INVITE, our tag, and what was said reliably.
type Ringing = (ServerTx, Box<Message>, String, Option<Box<Rung>>);

impl Phone {
    pub(super) fn call(&mut self, now: Instant, user: &str, offer: bool) {
        if self.calls.is_empty() {
            self.invite(now, user, offer, Way::Plain, None);
        }
    }

    pub(super) fn invite(
        &mut self,
        now: Instant,
        user: &str,
        offer: bool,
        way: Way,
        replaces: Option<&str>,
    ) {
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
        match self.reliably {
            Reliably::Not => {}
            Reliably::Can => {
                writer.header(Name::Supported, OPTION_100REL);
            }
            Reliably::Must => {
                writer.header(Name::Require, OPTION_100REL);
            }
        }
        if let Some(replaces) = replaces {
            writer.header(Name::Replaces, replaces);
        }
        for (name, value) in self.keeps.asks(None) {
            writer.header(name, value);
        }
        let sdp = self.sdp("sendrecv");
        let body = offer.then_some(("application/sdp", sdp.as_bytes()));
        if let Ok(tx) = self.endpoint.send_request(now, seed.flow, writer.draft(body)) {
            self.calls.push(Call::Calling {
                tx,
                seed,
                offered: offer,
                way,
                tag: None,
                early: Vec::new(),
            });
        }
    }

    /// The call that rings, taken out.
    fn take_ringing(&mut self) -> Option<Ringing> {
        let at = self.calls.iter().position(|call| matches!(call, Call::Ringing { .. }))?;
        match self.calls.remove(at) {
            Call::Ringing { tx, invite, tag, rung } => Some((tx, invite, tag, rung)),
            Call::Calling { .. } | Call::Up(_) => None,
        }
    }

    pub(super) fn answer(&mut self, now: Instant) {
        self.timer = None;
        for call in &mut self.calls {
            if let Call::Ringing { rung: Some(rung), .. } = call
                && rung.open.is_some()
            {
                // RFC 3262 section 3: the 2xx waits for the PRACK of what has a description.
                rung.answered = true;
                return;
            }
        }
        let Some((tx, invite, tag, rung)) = self.take_ringing() else { return };
        let flow = self.flow(self.node);
        let Ok(dialog) = Dialog::from_request(&invite, &tag, flow) else {
            return self.respond(now, tx, &invite, 400, &tag, None);
        };
        let is_described = rung.as_ref().is_some_and(|rung| rung.described);
        let sdp = (!is_described).then(|| self.sdp("sendrecv"));
        self.respond(now, tx, &invite, 200, &tag, sdp);
        let mut talk = match rung {
            Some(rung) => Talk::new(rung.dialog, &rung.said),
            None => Talk::new(dialog, invite.body()),
        };
        talk.session = self.keeps.answered(now, &invite);
        self.calls.push(Call::Up(Box::new(talk)));
        self.facts.push(PhoneFact::Up);
    }

    pub(super) fn refuse(&mut self, now: Instant, status: u16) {
        if let Some((tx, invite, tag, rung)) = self.take_ringing() {
            self.timer = None;
            self.judge_rung(now, rung.as_deref());
            self.respond(now, tx, &invite, status, &tag, None);
        }
    }

    /// Ends every call that is up.
    pub(super) fn hang_up(&mut self, now: Instant) {
        self.hang_up_those(now, |_| true);
    }

    /// Ends the calls that are up and of this kind.
    pub(super) fn hang_up_those(&mut self, now: Instant, is_meant: impl Fn(&Talk) -> bool) {
        let is_it = |call: &Call| matches!(call, Call::Up(talk) if is_meant(talk));
        while let Some(at) = self.calls.iter().position(is_it) {
            let contact = self.contact();
            if let Call::Up(mut talk) = self.calls.remove(at) {
                let draft = talk.dialog.request(Method::Bye, &contact);
                let _ = self.endpoint.send_request(now, talk.dialog.flow, draft);
                self.leave(*talk);
            }
        }
    }

    /// A call is over; of a transfer it may be told yet.
    fn leave(&mut self, talk: Talk) {
        if talk.watching {
            self.left.truncate(LEFT_MAX - 1);
            self.left.insert(0, talk);
        }
    }

    pub(super) fn hold(&mut self, now: Instant, hold: bool) {
        let contact = self.contact();
        let sdp = self.sdp(if hold { "sendonly" } else { "sendrecv" });
        let keeps = self.keeps;
        let Some(Call::Up(talk)) = self.calls.last_mut() else { return };
        let mut draft = talk.dialog.request(Method::Invite, &contact);
        for (name, value) in keeps.asks(talk.session.as_ref().map(Session::is_ours)) {
            draft.header(name, value);
        }
        let cseq = talk.dialog.local_cseq;
        let (flow, call_id) = (talk.dialog.flow, talk.dialog.id.call_id.clone());
        let draft = draft.with_body(Some(("application/sdp".to_owned(), sdp.into())));
        if let Ok(tx) = self.endpoint.send_request(now, flow, draft) {
            self.reinvites.push((tx, cseq, call_id));
        }
    }

    pub(super) fn sdp(&self, direction: &str) -> String {
        let (ip, port) = (self.media().ip(), self.media().port());
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
        )
    }

    pub(super) fn respond(
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
        let settles = matches!(request.method(), Method::Invite | Method::Update);
        if (200..300).contains(&status) && settles {
            for (name, value) in self.keeps.answers(request) {
                writer.header(name, value);
            }
        }
        let body = sdp.as_ref().map(|sdp| ("application/sdp", sdp.as_bytes()));
        let bytes = writer.finish(body);
        self.endpoint.respond(now, tx, bytes);
    }

    pub(super) fn on_invite(&mut self, now: Instant, tx: ServerTx, invite: Message) {
        let tag = self.endpoint.mint_tag();
        if !self.calls.is_empty() {
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
        if invite.fields().any(|field| field.raw_name.eq_ignore_ascii_case("Answer-Mode")) {
            self.timer = Some(now);
        }
        let rung = self.ring(now, tx, &invite, &tag);
        self.calls.push(Call::Ringing { tx, invite: Box::new(invite), tag, rung });
    }

    pub(super) fn on_cancelled(&mut self, now: Instant, tx: ServerTx) {
        if let Some((_, invite, tag, rung)) = self.take_ringing() {
            self.timer = None;
            self.judge_rung(now, rung.as_deref());
            self.respond(now, tx, &invite, 487, &tag, None);
            self.facts.push(PhoneFact::Cancelled);
        }
    }

    /// The call of a request within a dialog.
    pub(super) fn talk_of(&mut self, request: &Message) -> Option<&mut Talk> {
        self.calls.iter_mut().find_map(|call| match call {
            Call::Up(talk) if talk.dialog.is_of(request) => Some(&mut **talk),
            Call::Calling { .. } | Call::Ringing { .. } | Call::Up(_) => None,
        })
    }

    pub(super) fn on_bye(&mut self, now: Instant, tx: ServerTx, bye: &Message, tag: &str) {
        let at = self
            .calls
            .iter()
            .position(|call| matches!(call, Call::Up(talk) if talk.dialog.is_of(bye)));
        let status = if at.is_some() { 200 } else { 481 };
        self.respond(now, tx, bye, status, tag, None);
        if let Some(Call::Up(talk)) = at.map(|at| self.calls.remove(at)) {
            self.facts.push(PhoneFact::Ended);
            self.leave(*talk);
        }
    }

    pub(super) fn on_reinvite(&mut self, now: Instant, tx: ServerTx, request: &Message, tag: &str) {
        let is_offering = self.reinvites.iter().any(|(_, _, id)| id == request.call_id());
        let refuses = self.refuses_offers;
        let session = self.keeps.answered(now, request);
        let Some(talk) = self.talk_of(request) else {
            return self.respond(now, tx, request, 481, tag, None);
        };
        if is_offering {
            return self.respond(now, tx, request, 491, tag, None);
        }
        if let Err(status) = talk.dialog.check_request(request) {
            return self.respond(now, tx, request, status, tag, None);
        }
        if let Some(status) = refuses {
            return self.respond(now, tx, request, status, tag, None);
        }
        talk.hear(request.body());
        talk.session = session;
        let body = String::from_utf8_lossy(request.body());
        let direction = match () {
            () if body.contains("a=inactive") => "inactive",
            () if body.contains("a=sendonly") => "recvonly",
            () => "sendrecv",
        };
        self.facts.push(PhoneFact::Held(direction != "sendrecv"));
        let sdp = self.sdp(direction);
        self.respond(now, tx, request, 200, tag, Some(sdp));
    }

    /// An ACK has the answer to what this phone has offered in its 2xx.
    pub(super) fn on_ack(&mut self, ack: &Message) {
        if let Some(talk) = self.talk_of(ack) {
            talk.hear(ack.body());
        }
    }

    pub(super) fn on_reinvite_response(
        &mut self,
        now: Instant,
        tx: ClientTx,
        (cseq, call_id): (u32, &str),
        response: &Message,
    ) {
        let contact = self.contact();
        let session = self.keeps.heard(now, response);
        self.facts.push(PhoneFact::Answered(response.status()));
        let talk = self.calls.iter_mut().find_map(|call| match call {
            Call::Up(talk) if talk.dialog.id.call_id == call_id => Some(talk),
            Call::Calling { .. } | Call::Ringing { .. } | Call::Up(_) => None,
        });
        if let (200..=299, Some(talk)) = (response.status(), talk) {
            talk.hear(response.body());
            talk.session = session;
            let (flow, ack) = (talk.dialog.flow, talk.dialog.ack(cseq, &contact));
            self.endpoint.send_ack(now, tx, flow, ack);
        }
    }

    /// A response to the INVITE of a call.
    pub(super) fn on_call_response(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let is_it = |call: &Call| matches!(call, Call::Calling { tx: ours, .. } if *ours == tx);
        let Some(at) = self.calls.iter().position(is_it) else { return };
        match response.status() {
            ..=199 => {
                if let Some(Call::Calling { tag, .. }) = self.calls.get_mut(at) {
                    *tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned));
                }
                if self.on_reliable(now, at, response) {
                    self.facts.push(PhoneFact::Progress(response.status()));
                }
            }
            200..=299 => {
                if let Call::Calling { seed, offered, way, early, .. } = self.calls.remove(at) {
                    self.on_answer(now, tx, (&seed, offered, way), early, response);
                }
            }
            status => {
                self.calls.remove(at);
                self.facts.push(PhoneFact::Refused(status));
            }
        }
    }

    fn on_answer(
        &mut self,
        now: Instant,
        tx: ClientTx,
        (seed, offered, way): (&DialogSeed, bool, Way),
        early: Vec<Early>,
        response: &Message,
    ) {
        let contact = self.contact();
        let sdp = self.sdp("sendrecv");
        let tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let is_it = |early: &Early| Some(&early.dialog.id.remote_tag) == tag.as_ref();
        let Ok(mut dialog) = Dialog::from_response(seed, response) else { return };
        let mut said = response.body_bytes();
        let mut is_agreed = false;
        if let Some(early) = early.into_iter().find(is_it) {
            is_agreed = !early.said.is_empty();
            said = if said.is_empty() { early.said } else { said };
            (dialog.local_cseq, dialog.remote_cseq) =
                (early.dialog.local_cseq, early.dialog.remote_cseq);
        }
        let ack = dialog.ack(1, &contact);
        let answer = (!offered && !is_agreed).then(|| ("application/sdp".to_owned(), sdp.into()));
        self.endpoint.send_ack(now, tx, dialog.flow, ack.with_body(answer));
        let session = self.keeps.heard(now, response);
        let talk = Talk { way, session, ..Talk::new(dialog, &said) };
        self.calls.push(Call::Up(Box::new(talk)));
        self.facts.push(PhoneFact::Up);
    }

    pub(super) fn on_lost(&mut self, now: Instant, tx: ClientTx) {
        if self.on_update_response(now, tx, Err(408)) {
            return;
        }
        self.reinvites.retain(|(t, ..)| *t != tx);
        self.registrations.retain(|t| *t != tx);
        self.pracks.retain(|t| *t != tx);
        if self.refers.contains(&tx) {
            self.refers.retain(|t| *t != tx);
            self.facts.push(PhoneFact::Referred(408));
        }
        let is_it = |call: &Call| matches!(call, Call::Calling { tx: ours, .. } if *ours == tx);
        if let Some(at) = self.calls.iter().position(is_it) {
            self.calls.remove(at);
            self.facts.push(PhoneFact::Refused(408));
        }
    }
}
