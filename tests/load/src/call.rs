//! Calls between pairs of phones.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use sip::{Message, Method, Name, NameAddr};

use crate::{
    Load, Tally,
    link::{Link, PATIENCE},
    phone::Phone,
};

/// How long a called phone waits for a request before it looks whether there are to be more.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

const SDP: &str = "v=0\r\no=- 20 20 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

/// Places this thread's share of calls, each to the thread's own second phone.
pub(crate) fn run(load: &Load, thread: u32) -> io::Result<Tally> {
    let domain = load.domain();
    let user = |side: u32| (load.first + 2 * thread + side).to_string();
    let phone = |side: u32| {
        let patience = if side == 0 { PATIENCE } else { LOOK };
        let link = Link::open(load.to, load.over, patience)?;
        Ok::<_, io::Error>(Phone::new(link, user(side), &domain, thread))
    };
    let (mut caller, mut callee) = (phone(0)?, phone(1)?);
    let mut tally = Tally::default();
    if let Err(error) = callee.register(None) {
        tally.note(Err(error));
        return Ok(tally);
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        let answering = scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                // Without a request in its time it looks whether there are to be more.
                let Ok(request) = callee.link.receive() else { continue };
                answer(&mut callee, &request, |_| {});
            }
        });
        let to = user(1);
        for _ in 0..load.share(thread) {
            tally.note(place(&mut caller, &to, |_| {}));
        }
        over.store(true, Ordering::Relaxed);
        drop(answering);
    });
    Ok(tally)
}

/// What passes between a phone and the switch in a call, by who has it in hand: noted as it comes, and before it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// INVITE.
    Invite,
    /// 180.
    Ringing,
    /// 200 to the INVITE.
    Answer,
    /// BYE.
    Bye,
}

/// Answers what a phone is asked; what it does not know it leaves alone.
pub(crate) fn answer(phone: &mut Phone, request: &Message, mut note: impl FnMut(Step)) {
    if !request.is_request() {
        return;
    }
    let contact = phone.contact();
    match request.method() {
        Method::Invite => {
            note(Step::Invite);
            let ringing = sip::response_to(request, 180, "", Some("callee"));
            let ringing = ringing.finish(None);
            note(Step::Ringing);
            let _ = send(phone, ringing);
            let mut ok = sip::response_to(request, 200, "", Some("callee"));
            ok.header(Name::Contact, format_args!("<{contact}>"));
            let ok = ok.finish(Some(("application/sdp", SDP.as_bytes())));
            note(Step::Answer);
            let _ = send(phone, ok);
        }
        Method::Bye => {
            note(Step::Bye);
            let ok = sip::response_to(request, 200, "", None);
            let _ = send(phone, ok.finish(None));
        }
        _ => {}
    }
}

fn send(phone: &mut Phone, bytes: bytes::Bytes) -> Result<(), String> {
    phone.link.send(&String::from_utf8_lossy(&bytes))
}

/// One call: INVITE, 200, ACK, BYE, 200.
pub(crate) fn place(phone: &mut Phone, to: &str, mut note: impl FnMut(Step)) -> Result<(), String> {
    let call_id = phone.mint();
    let (via, contact) = (phone.via(), phone.contact());
    let target = format!("sip:{to}@{}", phone.domain);
    let common = format!(
        "From: <sip:{}@{}>;tag={call_id}\r\nCall-ID: {call_id}\r\n",
        phone.user, phone.domain
    );
    let invite = format!(
        "INVITE {target} SIP/2.0\r\n{via}{common}To: <{target}>\r\nCSeq: 1 INVITE\r\nContact: <{contact}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    );
    note(Step::Invite);
    phone.link.send(&invite)?;
    let answer = loop {
        let answer = phone.response(&call_id)?;
        match answer.status() {
            180 => note(Step::Ringing),
            200.. => break answer,
            _ => {}
        }
    };
    note(Step::Answer);
    if answer.status() != 200 {
        return Err(format!("INVITE got {}", answer.status()));
    }
    let remote = answer.header(Name::Contact).and_then(|text| NameAddr::parse(text).ok());
    let remote = remote.ok_or("a 200 without a Contact")?.uri.to_owned();
    let to = answer.header(Name::To).ok_or("a 200 without a To")?.to_owned();
    for (method, cseq) in [("ACK", 1), ("BYE", 2)] {
        let via = phone.via();
        let text = format!(
            "{method} {remote} SIP/2.0\r\n{via}{common}To: {to}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        );
        if method == "BYE" {
            note(Step::Bye);
        }
        phone.link.send(&text)?;
    }
    match phone.final_response(&call_id)?.status() {
        200 => Ok(()),
        status => Err(format!("BYE got {status}")),
    }
}
