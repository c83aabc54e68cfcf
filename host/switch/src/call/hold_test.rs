#![allow(clippy::unwrap_used)]
//! Parties that plugins hold, take back and send on, message by message.

use model::hook::{Command, Destination, End, Hook, MediaMode, Plan, Target, Verdict};

use crate::{
    Cause, Fact,
    call::talk::Talk,
    orders::tests::{bench, establish, heard, journal, order, timer},
    trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, what},
};

const CALLER: &str = "v=0\r\no=a 1 7 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
                      m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\nm=video 4002 RTP/AVP 34\r\n";
const CALLEE: &str = "v=0\r\no=b 1 3 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n\
                      m=audio 5000 RTP/AVP 0\r\nm=video 5002 RTP/AVP 34\r\n";

fn hold(party: Option<End>) -> Command {
    Command::Hold { party }
}

fn resume(party: Option<End>) -> Command {
    Command::Resume { party }
}

fn transfer(party: End, to: &str) -> Command {
    Command::Transfer { party, to: to.to_owned() }
}

/// A call that is up, of which a plugin can say something when its timer is over.
fn up() -> Talk {
    let mut talk = Talk::with(bench(), "", CALLER, 1);
    order(&mut talk.bench, vec![timer("go", 1000)]);
    talk.respond(0, "200 OK", "b", "", CALLEE);
    establish(&mut talk);
    talk
}

/// Lets the timer be over and has the plugin want this; then another timer runs.
fn command(talk: &mut Talk, mut commands: Vec<Command>) -> Vec<Sent> {
    talk.bench.pass(1);
    commands.push(timer("go", 1000));
    let (told, sent) = order(&mut talk.bench, commands);
    assert_eq!(told, "timer name=go for watch");
    sent
}

/// The phone answers a request of the switch.
fn phone_answers(bench: &mut Bench, request: &Sent, status: &str, body: &str) -> Vec<Sent> {
    let contact = "Contact: <sip:1000@198.51.100.1>\r\n";
    bench.receive(PHONE, request.response_with(status, contact, body))
}

fn carrier_answers(
    bench: &mut Bench,
    from: [u8; 4],
    request: &Sent,
    status: &str,
    body: &str,
) -> Vec<Sent> {
    let contact = format!("Contact: <sip:2000@203.0.113.{}>\r\n", from[3]);
    bench.receive(from, request.response_with(status, &contact, body))
}

#[test]
fn a_party_that_is_held_is_told_that_nothing_flows_and_then_that_it_does_again() {
    let mut talk = up();
    let sent = command(&mut talk, vec![hold(Some(End::Callee))]);
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(
        sent[0].body(),
        "v=0\r\no=a 1 8 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 0\r\na=inactive\r\nm=video 4002 RTP/AVP 34\r\na=inactive\r\n"
    );
    let answer = CALLEE.replace("m=video", "a=inactive\r\nm=video");
    let sent = carrier_answers(&mut talk.bench, FIRST, &sent[0], "200 OK", &answer);
    assert_eq!(what(&sent), ["ACK sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!(heard(&mut talk.bench), ["held by=plugin party=callee"]);
    // Once more is nothing.
    assert!(command(&mut talk, vec![hold(Some(End::Callee))]).is_empty());
    let sent = command(&mut talk, vec![resume(Some(End::Callee))]);
    assert_eq!(sent[0].body(), CALLER.replace("1 7 IN", "1 9 IN"));
    carrier_answers(&mut talk.bench, FIRST, &sent[0], "200 OK", CALLEE);
    assert_eq!(heard(&mut talk.bench), ["resumed by=plugin party=callee"]);
    let refused = journal(&mut talk.bench).into_iter().find(|line| line.starts_with("refused"));
    assert_eq!(refused, None);
}

#[test]
fn both_are_held_one_after_the_other() {
    let mut talk = up();
    let sent = command(&mut talk, vec![hold(None)]);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    let sent = phone_answers(&mut talk.bench, &sent[0], "200 OK", CALLER);
    assert_eq!(
        what(&sent),
        ["ACK sip:1000@198.51.100.1 > phone", "INVITE sip:2000@203.0.113.1 > trunk 1"]
    );
    // What the caller answered while it was held is not what the called party is told.
    assert!(sent[1].body().contains("o=a 1 8 ") && sent[1].body().contains("a=inactive"));
    carrier_answers(&mut talk.bench, FIRST, &sent[1], "200 OK", CALLEE);
    assert_eq!(
        heard(&mut talk.bench),
        ["held by=plugin party=caller", "held by=plugin party=callee"]
    );
}

#[test]
fn a_party_that_is_held_stays_so_when_the_other_changes_its_media() {
    let mut talk = up();
    let sent = command(&mut talk, vec![hold(Some(End::Callee))]);
    carrier_answers(&mut talk.bench, FIRST, &sent[0], "200 OK", CALLEE);
    heard(&mut talk.bench);
    let moved = CALLER.replace("audio 4000", "audio 6000");
    let sent = talk.ask("INVITE", "", &moved);
    let across = sent.iter().find(|sent| sent.text.starts_with("INVITE")).unwrap();
    assert!(
        across.body().contains("m=audio 6000 RTP/AVP 0\r\na=inactive\r\n"),
        "{}",
        across.body()
    );
}

#[test]
fn a_party_that_refuses_to_be_held_is_not() {
    let mut talk = up();
    let sent = command(&mut talk, vec![hold(Some(End::Caller))]);
    phone_answers(&mut talk.bench, &sent[0], "488 Not Acceptable Here", "");
    assert_eq!(heard(&mut talk.bench), ["command-failed command=hold party=caller status=488"]);
    // It may be tried again.
    let sent = command(&mut talk, vec![hold(Some(End::Caller))]);
    assert_eq!(what(&sent), ["INVITE sip:1000@198.51.100.1 > phone"]);
    phone_answers(&mut talk.bench, &sent[0], "481 Gone", "");
    assert_eq!(talk.bench.released(), Some(Cause::Hangup(crate::ReleasedBy::Switch)));
}

#[test]
fn a_hold_waits_for_an_invite_that_is_open() {
    let mut talk = up();
    let open = talk.ask("INVITE", "", CALLER);
    assert!(command(&mut talk, vec![hold(Some(End::Callee))]).is_empty());
    let invite = open.iter().find(|sent| sent.text.starts_with("INVITE")).unwrap();
    carrier_answers(&mut talk.bench, FIRST, invite, "200 OK", CALLEE);
    let ack = format!(
        "ACK sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKack2\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>;tag={}\r\nCall-ID: 1\r\n\
         CSeq: 2 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        talk.bench.tag
    );
    let sent = talk.bench.receive(PHONE, ack);
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    assert!(sent[0].body().contains("a=inactive"));
}

#[test]
fn what_rings_cannot_be_held_or_sent_on() {
    let mut talk = Talk::with(bench(), "", CALLER, 1);
    let commands = vec![hold(None), resume(None), transfer(End::Caller, "3000")];
    let (_, sent) = order(&mut talk.bench, commands);
    assert!(sent.is_empty());
    let journal = journal(&mut talk.bench);
    assert_eq!(journal.len(), 3);
    assert!(journal.iter().all(|line| line.ends_with("the parties do not talk")), "{journal:?}");
}

#[test]
fn a_call_without_media_cannot_be_held() {
    let mut talk = Talk::with(bench(), "", "", 1);
    order(&mut talk.bench, vec![timer("go", 1000)]);
    establish(&mut talk);
    assert!(command(&mut talk, vec![hold(None)]).is_empty());
    assert!(journal(&mut talk.bench).iter().any(|line| line.ends_with("have not spoken of media")));
}

/// The new call of a party that is sent on goes to the second place.
fn route_on(bench: &mut Bench) -> Vec<Sent> {
    let target = Target::new(Destination::Uri("sip:3000@203.0.113.2".to_owned()));
    let plan = Plan { targets: vec![target], media: MediaMode::Default };
    bench.decide(Hook::Route, Verdict::Plan(plan))
}

#[test]
fn a_party_is_sent_on_and_the_other_is_let_go() {
    let mut talk = up();
    assert!(command(&mut talk, vec![transfer(End::Caller, "3000")]).is_empty());
    let offered = talk.bench.facts.iter().rev().find_map(|fact| match fact {
        Fact::CallOffered { facts, .. } => Some(facts.clone()),
        _ => None,
    });
    let facts = offered.unwrap();
    assert_eq!(
        (facts.caller.user.as_str(), facts.callee.uri.as_str()),
        ("1000", "sip:3000@192.0.2.9")
    );
    assert_eq!(facts.transfer.as_ref().unwrap().by.user, "2000");
    let sent = route_on(&mut talk.bench);
    assert_eq!(what(&sent), ["INVITE sip:3000@203.0.113.2 > trunk 2"]);
    let eve = CALLEE.replace("203.0.113.1", "203.0.113.2");
    let sent = carrier_answers(&mut talk.bench, SECOND, &sent[0], "200 OK", &eve);
    assert_eq!(
        what(&sent),
        ["ACK sip:2000@203.0.113.2 > trunk 2", "INVITE sip:1000@198.51.100.1 > phone"]
    );
    let sent = phone_answers(&mut talk.bench, &sent[1], "200 OK", CALLER);
    assert_eq!(
        what(&sent),
        ["ACK sip:1000@198.51.100.1 > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert_eq!(talk.bench.released(), Some(Cause::Transferred));
    let heard = heard(&mut talk.bench);
    let begun =
        heard.iter().any(|told| told.starts_with("transfer-begun by=callee to=sip:3000@192.0.2.9"));
    assert!(begun && heard.iter().any(|told| told.starts_with("transferred into=")), "{heard:?}");
}

#[test]
fn a_party_that_nobody_takes_stays_where_it_was() {
    let mut talk = up();
    command(&mut talk, vec![transfer(End::Callee, "sip:3000@203.0.113.2")]);
    let sent = route_on(&mut talk.bench);
    carrier_answers(&mut talk.bench, SECOND, &sent[0], "486 Busy Here", "");
    let id = talk.bench.asked;
    assert!(id.is_some());
    talk.bench.decide(Hook::RouteOnFailure, Verdict::Continue);
    assert_eq!(
        talk.bench
            .switch
            .calls(talk.bench.now)
            .filter(|call| call.established_for.is_some())
            .count(),
        1
    );
    let heard = heard(&mut talk.bench);
    assert!(heard.contains(&"transfer-failed status=486".to_owned()), "{heard:?}");
}

#[test]
fn one_transfer_at_a_time_and_none_to_nowhere() {
    let mut talk = up();
    let commands = vec![
        transfer(End::Caller, "sip:"),
        transfer(End::Caller, "3000"),
        transfer(End::Callee, "3000"),
        hold(None),
    ];
    command(&mut talk, commands);
    let refused: Vec<_> = journal(&mut talk.bench)
        .into_iter()
        .filter(|line| line.starts_with("refused"))
        .map(|line| line.rsplit(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        refused,
        [
            "`sip:` is no URI that can be called",
            "a party is being sent on already",
            "a party is being sent on"
        ]
    );
}
