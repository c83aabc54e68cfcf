//! A party that consults somebody, for tests: what goes in and out message by message.
#![allow(clippy::unwrap_used)]

use std::{collections::VecDeque, net::IpAddr};

use model::{
    LegId,
    hook::{Destination, Hook, MediaMode, Plan, Target, Verdict},
};

use crate::{
    Action,
    call::talk::Talk,
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, what},
};

pub(crate) const CALLER: &str = "v=0\r\no=a 1 7 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub(crate) const CALLEE: &str = "v=0\r\no=b 1 3 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";
pub(crate) const THIRD: &str = "v=0\r\no=c 1 5 IN IP4 203.0.113.2\r\ns=-\r\nc=IN IP4 203.0.113.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// The phone at `from` takes what it was sent; gives what follows.
pub(crate) fn takes(bench: &mut Bench, from: [u8; 4], invite: &Sent) -> Vec<Sent> {
    let (user, sdp) = match from {
        PHONE => ("1000@198.51.100.1", CALLER),
        FIRST => ("2000@203.0.113.1", CALLEE),
        _ => ("3000@203.0.113.2", THIRD),
    };
    assert!(invite.text.starts_with("INVITE"), "{}", invite.text);
    let ok = invite.response_with("200 OK", &format!("Contact: <sip:{user}>\r\n"), sdp);
    bench.receive(from, ok)
}

/// The re-INVITEs of a list, each taken by its phone until there are none; gives what was sent in all.
pub(crate) fn settle(bench: &mut Bench, sent: Vec<Sent>) -> Vec<Sent> {
    let mut all = Vec::new();
    let mut left = VecDeque::from(sent);
    while let Some(next) = left.pop_front() {
        if next.text.starts_with("INVITE") && next.line("To").contains("tag=") {
            let to = match next.to {
                IpAddr::V4(ip) => ip.octets(),
                IpAddr::V6(_) => unreachable!(),
            };
            left.extend(takes(bench, to, &next));
        }
        all.push(next);
    }
    all
}

/// The phone talks to the first.
pub(crate) fn up() -> Bench {
    let mut talk = Talk::begin("", CALLER, 1);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    talk.ask("ACK", "", "");
    talk.bench.story();
    talk.bench
}

pub(crate) fn leg(bench: &Bench, call: usize, number: u16) -> LegId {
    LegId { conn: bench.conns()[call], number }
}

pub(crate) fn to_second(bench: &mut Bench) -> Sent {
    let target = Target::new(Destination::Uri("sip:3000@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![target], media: MediaMode::Default };
    let mut sent = bench.decide(Hook::Route, Verdict::Plan(plan));
    assert_eq!(what(&sent), ["INVITE sip:3000@203.0.113.2 > trunk 2"]);
    sent.remove(0)
}

/// The party of that leg consults the second, which rings.
pub(crate) fn consulting(bench: &mut Bench, number: u16) -> Sent {
    let action = Action::Consult { leg: leg(bench, 0, number), to: "3000".to_owned() };
    let sent = bench.control(action);
    settle(bench, sent);
    let invite = to_second(bench);
    bench.receive(SECOND, invite.response("180 Ringing", ""));
    invite
}

/// The same, and it has answered.
pub(crate) fn talking(bench: &mut Bench, number: u16) -> Sent {
    let invite = consulting(bench, number);
    let sent = takes(bench, SECOND, &invite);
    settle(bench, sent);
    bench.story();
    invite
}

/// A request of the phone in its one dialog.
pub(crate) fn phone_says(bench: &mut Bench, method: &str, cseq: u32, body: &str) -> Vec<Sent> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "{method} sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK{method}{cseq}\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>;tag={}\r\nCall-ID: 1\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        bench.tag,
        body.len()
    );
    bench.receive(PHONE, text)
}

/// A request of one who was called, in the dialog of this INVITE.
pub(crate) fn called_says(
    bench: &mut Bench,
    from: [u8; 4],
    tag: &str,
    invite: &Sent,
    method: &str,
) -> Vec<Sent> {
    let text = format!(
        "{method} sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{method}b{}\r\n\
         From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:2000@203.0.113.1>\r\nContent-Length: 0\r\n\r\n",
        from[3],
        invite.line("To"),
        invite.line("From"),
        invite.line("Call-ID")
    );
    bench.receive(from, text)
}
