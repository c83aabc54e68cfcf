#![allow(clippy::unwrap_used)]
//! Calls that one switch exports and another imports, message by message.

use std::{num::NonZeroU16, time::Duration};

use model::{ConnId, Flow, ListenerId, Seats, Shard, Shards, Transport, TrunkId};

use crate::{
    CallImage, Cause, Config, Held, ImageError, Input, MovedCall, NotQuiescent, Noted, Output,
    SessionConfig, SessionTimer, Switch, TransferConfig, Word,
    call::talk::{Talk, told},
    trunk::bench::{Bench, FIRST, PHONE, two, what},
};

const OFFER: &str = "v=0\r\no=a 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const ANSWER: &str = "v=0\r\no=b 7 7 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";
const TIMER: &str = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 120;refresher=uas\r\n";

fn config() -> Config {
    let timer = SessionTimer::Accept;
    let sessions =
        SessionConfig { timer, call_max: Duration::from_secs(7200), ..SessionConfig::default() };
    Config { sessions, ..Bench::config(Vec::new(), None) }
}

/// A switch that has no part in what the first one has done.
fn another() -> Switch {
    Switch::new(Config { seed: [2; 32], ..config() })
}

/// A call that is up, with a session timer, as far as its ACK.
fn up() -> Talk {
    let mut talk = Talk::with(Bench::of(config()), TIMER, OFFER, 1);
    talk.respond(0, "200 OK", "b", "Privacy: id;session\r\nRecord-Route: <sip:p1;lr>\r\n", ANSWER);
    talk.ask("ACK", "", "");
    talk
}

fn conn(talk: &Talk) -> ConnId {
    talk.bench.switch.calls(talk.bench.now).next().unwrap().conn
}

fn export(talk: &mut Talk) -> Result<MovedCall, NotQuiescent> {
    let (now, conn) = (talk.bench.now, conn(talk));
    talk.bench.switch.export(now, conn, None)
}

/// The call goes to another switch, which the talk goes on with; gives the one that had it.
fn take_over(talk: &mut Talk) -> Switch {
    let image = CallImage::decode(&export(talk).unwrap().image.encode()).unwrap();
    let mut taker = another();
    let moved = MovedCall { image, held: Held::default() };
    taker.import(talk.bench.now, &talk.bench.town, moved).unwrap();
    std::mem::replace(&mut talk.bench.switch, taker)
}

/// The caller acknowledges the answer to its re-INVITE of this number.
fn acknowledge(talk: &mut Talk, cseq: u32) {
    let tag = &talk.bench.tag;
    let ack = format!(
        "ACK sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKack\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>;tag={tag}\r\nCall-ID: 1\r\n\
         CSeq: {cseq} ACK\r\nContent-Length: 0\r\n\r\n"
    );
    talk.bench.receive(PHONE, ack);
}

#[test]
fn what_is_imported_is_what_was_exported() {
    let mut talk = up();
    talk.bench.pass(7);
    let first = export(&mut talk).unwrap();
    assert_eq!(first.image.age, Duration::from_secs(7));
    assert_eq!(
        first.image.timers.iter().map(|timer| timer.due_in.as_secs()).collect::<Vec<_>>(),
        [53, 7193]
    );
    let decoded = CallImage::decode(&first.image.encode()).unwrap();
    assert_eq!(decoded, first.image);
    let mut taker = another();
    let (now, town) = (talk.bench.now, &talk.bench.town);
    let (image, conn) = (decoded, first.image.conn);
    taker.import(now, town, MovedCall { image, held: Held::default() }).unwrap();
    assert_eq!(taker.export(now, conn, None).unwrap().image, first.image);
    // And a second time there is nothing.
    assert_eq!(taker.export(now, conn, None).unwrap_err(), NotQuiescent::Unknown);
}

#[test]
fn who_has_exported_a_call_has_nothing_of_it() {
    let mut talk = up();
    let mut old = take_over(&mut talk);
    let now = talk.bench.now;
    assert_eq!(old.calls(now).count(), 0);
    assert!(old.poll_output().is_none());
    // The transactions of its beginning end by themselves, with nothing sent.
    let mut at = now;
    while let Some((next, _)) = old.poll_timeout() {
        at = next;
        old.handle_timeout(at, &talk.bench.town);
        assert!(old.poll_output().is_none());
    }
    assert!(at <= now + Duration::from_secs(40) && old.is_idle());
}

#[test]
fn the_call_is_held_resumed_and_ended_by_who_has_imported_it() {
    let mut talk = up();
    take_over(&mut talk);
    let held = OFFER.replace("4000 RTP/AVP 0", "4000 RTP/AVP 0\r\na=sendonly");
    let sent = talk.ask("INVITE", "", &held);
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    assert_eq!((sent[0].body(), sent[0].line("CSeq").as_str()), (held.as_str(), "2 INVITE"));
    for field in ["From", "To", "Call-ID", "Contact"] {
        let before = talk.invites[0].line(field);
        assert!(sent[0].line(field).starts_with(&before), "{field}");
    }
    assert_eq!(sent[0].line("Route"), "<sip:p1;lr>");
    let sent = talk.answer(&sent[0], "200 OK", ANSWER);
    assert_eq!(what(&sent), ["ACK sip:2000@203.0.113.1 > trunk 1", "200 OK > phone"]);
    acknowledge(&mut talk, 2);
    // What came before the hand-over is out of order now.
    talk.cseq = 0;
    assert_eq!(what(&talk.ask("INFO", "", "")), ["500 Server Internal Error > phone"]);
    talk.cseq = 2;
    let sent = talk.ask_back(0, "b", "BYE 1", "", "");
    assert_eq!(what(&sent), ["200 OK > trunk 1", "BYE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(talk.bench.released(), Some(Cause::Hangup(crate::ReleasedBy::Callee)));
}

#[test]
fn the_session_is_refreshed_and_the_call_ends_when_it_would_have() {
    let mut talk = up();
    talk.bench.pass(50);
    take_over(&mut talk);
    let sent = talk.bench.pass(10);
    assert_eq!(told(&sent), ["UPDATE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(sent[0].line("CSeq"), "1 UPDATE");
    talk.bench.receive(PHONE, sent[0].response("200 OK", ""));
    assert_eq!(what(&talk.bench.pass(7139)), [""; 0]);
    let sent = talk.bench.pass(1);
    assert_eq!(what(&sent).len(), 2, "{:?}", what(&sent));
    assert_eq!(talk.bench.released(), Some(Cause::TooLong));
}

#[test]
fn a_call_is_exported_only_between_its_transactions() {
    let mut talk = Talk::with(Bench::of(config()), TIMER, OFFER, 1);
    assert_eq!(export(&mut talk).unwrap_err(), NotQuiescent::NotEstablished);
    talk.respond(0, "180 Ringing", "b", "", "");
    assert_eq!(export(&mut talk).unwrap_err(), NotQuiescent::NotEstablished);
    talk.respond(0, "200 OK", "b", "", ANSWER);
    assert_eq!(export(&mut talk).unwrap_err(), NotQuiescent::AckAwaited);
    talk.ask("ACK", "", "");
    let sent = talk.ask("INFO", "", "1");
    assert_eq!(export(&mut talk).unwrap_err(), NotQuiescent::RequestOpen);
    talk.answer(&sent[0], "200 OK", "");
    let sent = talk.ask("INVITE", TIMER, OFFER);
    assert_eq!(export(&mut talk).unwrap_err(), NotQuiescent::OfferOpen);
    talk.answer(&sent[0], "200 OK", ANSWER);
    assert_eq!(export(&mut talk).unwrap_err(), NotQuiescent::AckAwaited);
    acknowledge(&mut talk, 3);
    // The session: its refresh waits for an answer.
    let sent = talk.bench.pass(60);
    assert_eq!(told(&sent), ["UPDATE sip:1000@198.51.100.1 > phone"]);
    let refused = export(&mut talk).unwrap_err();
    assert_eq!((refused, refused.passes()), (NotQuiescent::RequestOpen, true));
    talk.bench.receive(PHONE, sent[0].response("200 OK", ""));
    assert!(export(&mut talk).is_ok());
}

/// The error of the image of a call after a change of its text.
fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut talk = up();
    let image = export(&mut talk).unwrap().image;
    let mut value = serde_json::to_value(&image).unwrap();
    change(&mut value);
    let image = serde_path_to_error::deserialize::<_, CallImage>(value);
    let image = match image {
        Ok(image) => image,
        Err(error) => return format!("{}: {}", error.path(), error.inner()),
    };
    let moved = MovedCall { image, held: Held::default() };
    let mut taker = another();
    let error = taker.import(talk.bench.now, &talk.bench.town, moved).unwrap_err();
    // Nothing of it is there.
    assert!(taker.is_idle() && taker.poll_timeout().is_none());
    error.to_string()
}

#[test]
fn an_image_that_does_not_fit_is_refused_with_the_name_of_its_field() {
    let start = "the image of a call cannot be used: ";
    for (path, value, says) in [
        ("/caller/dialog/call_id", "a\r\nb".into(), "caller.dialog.call_id has the end of a line"),
        ("/callee/dialog/local_tag", "".into(), "callee.dialog.local_tag is empty"),
        ("/callee/dialog/local_cseq", 3_000_000_000_u32.into(), "callee.dialog.local_cseq is 2^31"),
        (
            "/callee/dialog/flow/listener",
            "tls".into(),
            "callee.dialog.flow.listener is `tls`, and no",
        ),
        ("/caller/flow/transport", "SCTP".into(), "caller.flow.transport is `SCTP`, which is no"),
        ("/callee/number", 0.into(), "callee.number is 0, which is the caller's"),
    ] {
        let error = refused(|image| *image.pointer_mut(path).unwrap() = value);
        assert!(error.starts_with(&format!("{start}{says}")), "{error}");
    }
    let error = refused(|image| {
        let trunk = serde_json::json!({ "name": "nobody", "number": "1" });
        *image.pointer_mut("/callee/trunk").unwrap() = trunk;
    });
    assert!(error.starts_with(&format!("{start}callee.trunk.name is `nobody`")), "{error}");
    let error = refused(|image| *image.pointer_mut("/caller/contact").unwrap() = 1.into());
    assert_eq!(error, "caller.contact: invalid type: integer `1`, expected a string");
    let error = refused(|image| {
        image.pointer_mut("/caller/dialog").unwrap().as_object_mut().unwrap().remove("local_tag");
    });
    assert_eq!(error, "caller.dialog: missing field `local_tag`");
}

#[test]
fn bytes_that_were_changed_or_are_of_another_version_are_no_image() {
    let bytes = export(&mut up()).unwrap().image.encode();
    let said = |bytes: &[u8]| CallImage::decode(bytes).unwrap_err().to_string();
    assert_eq!(CallImage::decode(b"v=0\n"), Err(ImageError::NotAnImage));
    assert_eq!(CallImage::decode(b""), Err(ImageError::NotAnImage));
    let other = String::from_utf8(bytes.clone()).unwrap().replacen("call 1 ", "call 2 ", 1);
    assert_eq!(CallImage::decode(other.as_bytes()), Err(ImageError::Version { found: 2 }));
    assert!(said(other.as_bytes()).contains("has version 2 and this program reads 1"));
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(CallImage::decode(&broken).is_err(), "with byte {at} changed");
        assert!(CallImage::decode(&bytes[..at]).is_err(), "cut off at {at}");
    }
    assert!(said(&bytes[..bytes.len() - 1]).contains("checksum is not that of the rest"));
}

#[test]
fn places_on_trunks_go_along_and_are_counted_once() {
    let mut bench = Bench::new(two());
    bench.town.seats = (0..2).map(|n| (TrunkId(n), Seats::new(Some(1)))).collect();
    let sent = bench.call("b");
    let ok = sent[0].response_with("200 OK", "Contact: <sip:gw@203.0.113.2>\r\n", ANSWER);
    bench.receive([203, 0, 113, 2], ok);
    bench.phone_says("ACK", 1, "");
    let taken = |bench: &Bench| bench.town.seats[&TrunkId(1)].taken();
    assert_eq!(taken(&bench), 1);
    let conn = bench.switch.calls(bench.now).next().unwrap().conn;
    // Within a process the place itself goes along.
    let moved = bench.switch.export(bench.now, conn, None).unwrap();
    bench.switch = Switch::new(Config { seed: [2; 32], ..Bench::config(two(), None) });
    bench.switch.import(bench.now, &bench.town, moved).unwrap();
    assert_eq!(taken(&bench), 1);
    // Another node takes one of its own, even beyond what the trunk carries.
    let moved = bench.switch.export(bench.now, conn, None).unwrap();
    let image = CallImage::decode(&moved.image.encode()).unwrap();
    let (first, _) = (Switch::new(Bench::config(two(), None)), drop(moved));
    assert_eq!(taken(&bench), 0);
    bench.switch = first;
    let moved = MovedCall { image, held: Held::default() };
    bench.switch.import(bench.now, &bench.town, moved).unwrap();
    assert_eq!(taken(&bench), 1);
    assert_eq!(what(&bench.phone_says("BYE", 2, "")).len(), 2);
    assert_eq!(taken(&bench), 0);
}

/// A bench for one of two shards.
fn shard(n: u16) -> Config {
    let shards = Shards(NonZeroU16::new(2).unwrap());
    Config { shard: Shard(n), shards, ..config() }
}

fn tells(switch: &mut Switch) -> Vec<(Shard, Word)> {
    std::iter::from_fn(|| switch.poll_output())
        .filter_map(|output| match output {
            Output::Tell { to, word } => Some((to, word)),
            _ => None,
        })
        .collect()
}

/// One of the two shards gets a datagram of the called party.
fn receive(bench: &mut Bench, text: &str) -> Vec<(Shard, Word)> {
    let flow =
        Flow { transport: Transport::Udp, listener: ListenerId(0), peer: (FIRST, 5060).into() };
    let input = Input::Datagram { flow, bytes: text.to_owned().into() };
    bench.switch.handle_input(bench.now, &bench.town, input);
    tells(&mut bench.switch)
}

#[test]
fn the_home_of_a_call_passes_its_messages_on_until_a_while_after_its_end() {
    let mut talk = Talk::with(Bench::of(shard(0)), TIMER, OFFER, 1);
    talk.respond(0, "200 OK", "b", "", ANSWER);
    talk.ask("ACK", "", "");
    let (now, conn) = (talk.bench.now, conn(&talk));
    let moved = talk.bench.switch.export(now, conn, Some(Shard(1))).unwrap();
    assert_eq!((moved.image.moves, talk.bench.switch.moved_to(conn)), (1, Some(Shard(1))));
    let call_id = talk.invites[0].line("Call-ID");
    let bye = format!(
        "BYE sip:1000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKbye\r\n\
         From: {};tag=b\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        talk.invites[0].line("To"),
        talk.invites[0].line("From")
    );
    let passed = receive(&mut talk.bench, &bye);
    let [(Shard(1), word @ Word::Message { .. })] = passed.as_slice() else { panic!("{passed:?}") };
    // The INVITE that comes once more is still this shard's.
    let invite_again = talk.bench.switch.sip_stats().retransmissions_absorbed;
    assert_eq!(receive(&mut talk.bench, "\r\n"), []);
    // The other takes the call, says so to the home of what it does not know by itself, and ends it.
    let mut other = Bench::of(shard(1));
    other.now = now;
    let input = |word| Input::Told(word);
    other.switch.handle_input(now, &other.town, input(Word::Call(Box::new(moved))));
    tells(&mut other.switch);
    other.switch.handle_input(now, &other.town, input(word.clone()));
    let sent = other.drain();
    assert_eq!(what(&sent), ["200 OK > trunk 1", "BYE sip:1000@198.51.100.1 > phone"]);
    assert_eq!(talk.bench.switch.sip_stats().retransmissions_absorbed, invite_again);
    let over = |noted| Input::Told(Word::Over { noted, at: Shard(1) });
    for noted in [Noted::Call(conn), Noted::Dialog(call_id.into()), Noted::Dialog("1".into())] {
        talk.bench.switch.handle_input(now, &talk.bench.town, over(noted));
    }
    // What comes again within 64*T1 finds who has answered it; then it finds nobody.
    assert_eq!(receive(&mut talk.bench, &bye).len(), 1);
    talk.bench.pass(33);
    assert_eq!(talk.bench.switch.stats().moved_now, 0);
    assert_eq!(
        what(&talk.bench.receive(FIRST, bye)),
        ["481 Call/Transaction Does Not Exist > trunk 1"]
    );
}

/// An INVITE of a stranger that names a dialog of the other shard, with a Call-ID of its choice.
fn stranger(call_id: &str, branch: &str) -> String {
    format!(
        "INVITE sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{branch}\r\n\
         From: <sip:x@y>;tag=x\r\nTo: <sip:2000@192.0.2.9>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Contact: <sip:x@203.0.113.1>\r\nReplaces: 0123456789abcdef0123456789abcdef-s1@x;to-tag=t;from-tag=f\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn who_uses_the_call_id_of_another_does_not_take_its_messages_away() {
    let mut talk = Talk::with(Bench::of(shard(0)), "", OFFER, 1);
    talk.respond(0, "200 OK", "b", "", ANSWER);
    talk.ask("ACK", "", "");
    let call_id = talk.invites[0].line("Call-ID");
    for (n, call_id) in ["1", &call_id].into_iter().enumerate() {
        let passed = receive(&mut talk.bench, &stranger(call_id, &n.to_string()));
        assert_eq!(passed.len(), 1, "it names a dialog of the other");
    }
    // Even if that one told of a dialog with it.
    for noted in [Noted::Dialog(call_id.into()), Noted::Dialog("1".into())] {
        let word = Word::Noted { noted, at: Shard(1), moves: 9 };
        let (now, town) = (talk.bench.now, &talk.bench.town);
        talk.bench.switch.handle_input(now, town, Input::Told(word));
    }
    assert_eq!(told(&talk.ask("BYE", "", ""))[0], "200 OK > phone");
}

#[test]
fn no_message_goes_round_for_ever() {
    let mut bench = Bench::of(shard(0));
    for noted in ["a", "b"] {
        let word = Word::Noted { noted: Noted::Dialog(noted.into()), at: Shard(1), moves: 1 };
        bench.switch.handle_input(bench.now, &bench.town, Input::Told(word));
    }
    let mut passed = receive(&mut bench, &stranger("a", "1"));
    let mut rounds = 0;
    while let Some((_, word)) = passed.pop() {
        rounds += 1;
        assert!(rounds < 10, "it comes back for the tenth time");
        bench.switch.handle_input(bench.now, &bench.town, Input::Told(word));
        passed = tells(&mut bench.switch);
    }
    assert_eq!(rounds, 4);
}

#[test]
fn the_cancel_of_what_was_passed_on_follows_it_and_nothing_else_does() {
    let mut bench = Bench::of(shard(0));
    let invite = stranger("a", "1");
    assert_eq!(receive(&mut bench, &invite).len(), 1);
    let of = |branch: &str| {
        let cancel = invite.replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL");
        cancel.replace("z9hG4bK1", &format!("z9hG4bK{branch}"))
    };
    assert_eq!(receive(&mut bench, &of("1")).len(), 1);
    assert_eq!(receive(&mut bench, &of("2")).len(), 0);
}

#[test]
fn so_many_refers_wait_for_their_calls_and_no_more() {
    let waits = |waiting_max| {
        let transfers = TransferConfig { waiting_max, ..TransferConfig::default() };
        let mut talk = Talk::with(Bench::of(Config { transfers, ..shard(0) }), "", OFFER, 1);
        talk.respond(0, "200 OK", "b", "", ANSWER);
        talk.ask("ACK", "", "");
        talk
    };
    let there = "Refer-To: <sip:x@h?Replaces=0123456789abcdef0123456789abcdef-s1%40x%3Bto-tag%3Dt%3Bfrom-tag%3Df>\r\n";
    let mut talk = waits(0);
    talk.ask("INFO", "", "");
    assert_eq!(told(&talk.ask("REFER", there, "")), ["491 Request Pending > phone"]);

    let mut talk = waits(1);
    let conn = conn(&talk);
    let infos = [talk.ask("INFO", "", "").remove(0), talk.ask("INFO", "", "").remove(0)];
    assert!(talk.ask("REFER", there, "").is_empty());
    assert_eq!(told(&talk.ask("REFER", there, "")), ["491 Request Pending > phone"], "one a call");
    assert_eq!(told(&talk.answer(&infos[0], "200 OK", "")), ["200 OK > phone"]);
    assert_eq!(talk.bench.switch.moved_to(conn), None);
    assert_eq!(told(&talk.answer(&infos[1], "200 OK", "")), ["200 OK > phone"]);
    assert_eq!(talk.bench.switch.moved_to(conn), Some(Shard(1)));
}
