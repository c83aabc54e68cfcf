//! Session timers message by message, and what else ends a call by itself.

use std::time::Duration;

use media::RelayEvent;
use model::RelayId;

use super::super::talk::{Talk, told};
use crate::{
    Cause, SessionConfig, SessionTimer,
    trunk::bench::{Bench, FIRST, PHONE, Sent, what},
};

const TIMER: &str = "Supported: timer\r\n";

fn bench(sessions: SessionConfig) -> Bench {
    Bench::of(crate::Config { sessions, ..Bench::config(Vec::new(), None) })
}

fn asking() -> SessionConfig {
    SessionConfig { timer: SessionTimer::Ask, expires_s: 600, ..SessionConfig::default() }
}

/// A call that is up, whose caller and called party said this of it; and the 200 that the caller got.
fn up(sessions: SessionConfig, caller: &str, callee: &str) -> (Talk, Sent) {
    let mut talk = Talk::with(bench(sessions), caller, "offer", 1);
    let mut sent = talk.respond(0, "200 OK", "b", callee, "answer");
    talk.ask("ACK", "", "");
    assert_eq!(what(&sent), ["200 OK > phone", "ACK sip:2000@203.0.113.1 > trunk 1"]);
    (talk, sent.remove(0))
}

/// Lets time go by to the next thing that is sent: when, in seconds from the start, and what.
fn next(talk: &mut Talk) -> (u64, Vec<Sent>) {
    let start = model::Instant::ZERO + Duration::from_secs(1);
    loop {
        let Some((at, _)) = talk.bench.switch.poll_timeout() else { return (0, Vec::new()) };
        talk.bench.now = at;
        let sent = talk.bench.pass(0);
        if !sent.is_empty() {
            return (at.saturating_since(start).as_secs(), sent);
        }
    }
}

#[test]
fn a_caller_that_asks_for_a_session_gets_it_and_refreshes_it_itself() {
    let fields = format!("{TIMER}Session-Expires: 120\r\n");
    let (mut talk, ok) = up(SessionConfig::default(), &fields, "");
    assert_eq!(ok.line("Session-Expires"), "120;refresher=uac");
    assert_eq!(ok.line("Require"), "timer");
    let (at, sent) = next(&mut talk);
    assert_eq!(
        (at, what(&sent)),
        (
            88,
            vec![
                "BYE sip:1000@198.51.100.1 > phone".to_owned(),
                "BYE sip:2000@203.0.113.1 > trunk 1".to_owned()
            ]
        ),
        "32 seconds before the end, which are less than a third"
    );
    assert_eq!(talk.bench.released(), Some(Cause::SessionExpired));
}

#[test]
fn a_session_that_the_caller_refreshes_goes_on() {
    let fields = format!("{TIMER}Session-Expires: 120\r\n");
    let (mut talk, _) = up(SessionConfig::default(), &fields, "");
    talk.bench.pass(60);
    let sent = talk.ask("UPDATE", &format!("{TIMER}Session-Expires: 120;refresher=uac\r\n"), "");
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert_eq!(sent[0].line("Session-Expires"), "120;refresher=uac");
    let (at, _) = next(&mut talk);
    assert_eq!(at, 60 + 88);
}

#[test]
fn a_session_of_before_the_settings_knew_no_timers_any_more_ends_no_call() {
    let fields = format!("{TIMER}Session-Expires: 120\r\n");
    let (mut talk, _) = up(SessionConfig::default(), &fields, "");
    talk.bench.pass(60);
    let off = SessionConfig { timer: SessionTimer::Off, ..SessionConfig::default() };
    let settings = crate::Settings { sessions: off, ..talk.bench.switch.tables.config.settings() };
    talk.bench.configure(settings);
    let sent = talk.ask("UPDATE", &format!("{TIMER}Session-Expires: 120;refresher=uac\r\n"), "");
    assert_eq!(what(&sent), ["200 OK > phone"]);
    assert_eq!(sent[0].line("Session-Expires"), "");
    talk.bench.pass(600);
    assert_eq!(talk.bench.released(), None);
}

#[test]
fn who_wants_an_ever_longer_session_is_asked_so_often_and_no_more() {
    let (mut talk, _) = up(asking(), "", "Session-Expires: 600;refresher=uas\r\n");
    let mut sent = talk.ask("INVITE", "", "offer two");
    for least in 1001..1005 {
        assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"], "{least}");
        sent =
            talk.bench.receive(FIRST, sent[0].response("422 X", &format!("Min-SE: {least}\r\n")));
        assert!(sent[0].what().starts_with("ACK"), "{least}");
        sent.remove(0);
    }
    assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    let sent = talk.bench.receive(FIRST, sent[0].response("422 X", "Min-SE: 9999\r\n"));
    assert_eq!(what(&sent)[1..], ["422 Session Interval Too Small > phone"]);

    let mut talk = Talk::with(bench(asking()), "", "offer", 1);
    let mut sent = vec![talk.invites.remove(0)];
    for least in 1001..1006 {
        assert_eq!(what(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"], "{least}");
        sent =
            talk.bench.receive(FIRST, sent[0].response("422 X", &format!("Min-SE: {least}\r\n")));
        sent.remove(0);
    }
    // It has failed, which the plugins are asked about.
    assert_eq!(what(&sent), [""; 0]);
    let sent = talk.bench.decide(model::hook::Hook::RouteOnFailure, model::hook::Verdict::BuiltIn);
    assert_eq!(what(&sent), ["422 Session Interval Too Small > phone"]);
}

#[test]
fn where_the_switch_is_asked_to_refresh_it_does_by_update_at_half_the_time() {
    let fields = format!("Allow: UPDATE\r\n{TIMER}Session-Expires: 120;refresher=uas\r\n");
    let (mut talk, ok) = up(SessionConfig::default(), &fields, "");
    assert_eq!(ok.line("Session-Expires"), "120;refresher=uas");
    assert_eq!(ok.line("Require"), "");
    let (at, sent) = next(&mut talk);
    assert_eq!((at, told(&sent)), (60, vec!["UPDATE sip:1000@198.51.100.1 > phone".to_owned()]));
    assert_eq!(sent[0].line("Session-Expires"), "120;refresher=uac");
    let refreshed = sent[0].response("200 OK", "Session-Expires: 120;refresher=uac\r\n");
    talk.bench.receive(PHONE, refreshed);
    let (at, sent) = next(&mut talk);
    assert_eq!((at, told(&sent)), (120, vec!["UPDATE sip:1000@198.51.100.1 > phone".to_owned()]));
    // It is gone.
    talk.bench.receive(PHONE, sent[0].response("481 Gone", ""));
    assert_eq!(talk.bench.released(), Some(Cause::SessionExpired));
}

#[test]
fn who_does_not_take_update_is_refreshed_by_the_same_offer() {
    let callee = "Session-Expires: 200;refresher=uac\r\n";
    let (mut talk, _) = up(SessionConfig::default(), "", callee);
    let (at, sent) = next(&mut talk);
    let invite = vec!["INVITE sip:2000@203.0.113.1 > trunk 1: offer".to_owned()];
    assert_eq!((at, told(&sent)), (100, invite.clone()));
    assert_eq!(sent[0].line("Session-Expires"), "200;refresher=uac");
    let (status, fields) = ("422 Session Interval Too Small", "Min-SE: 300\r\n");
    let sent = talk.bench.receive([203, 0, 113, 1], sent[0].response(status, fields));
    assert_eq!(told(&sent)[1..], invite);
    assert_eq!(sent[1].line("Session-Expires"), "300;refresher=uac");
}

#[test]
fn a_session_that_is_too_short_is_refused_with_the_least() {
    let sessions = SessionConfig { min_s: 300, ..SessionConfig::default() };
    let fields = format!("{TIMER}Session-Expires: 299\r\n");
    let talk = Talk::with(bench(sessions), &fields, "offer", 1);
    assert_eq!(what(&talk.invites), ["422 Session Interval Too Small > phone"]);
    assert_eq!(talk.invites[0].line("Min-SE"), "300");
}

#[test]
fn every_party_is_asked_where_that_is_set_and_the_called_one_may_want_more() {
    let mut talk = Talk::with(bench(asking()), "", "offer", 1);
    assert_eq!(talk.invites[0].line("Session-Expires"), "600");
    let sent = talk.respond(0, "422 Session Interval Too Small", "b", "Min-SE: 900\r\n", "");
    assert_eq!(
        told(&sent),
        ["ACK sip:2000@203.0.113.1 > trunk 1", "INVITE sip:2000@203.0.113.1 > trunk 1: offer"]
    );
    assert_eq!(
        (sent[1].line("Session-Expires"), sent[1].line("Min-SE")),
        ("900".to_owned(), "900".to_owned())
    );
    talk.invites = sent.into_iter().skip(1).collect();
    let sent = talk.respond(0, "200 OK", "c", "Session-Expires: 900;refresher=uas\r\n", "answer");
    assert_eq!(
        sent[0].line("Session-Expires"),
        "600;refresher=uas",
        "who knows of none is refreshed"
    );
}

#[test]
fn an_offer_in_an_update_goes_across_as_one_or_as_a_re_invite() {
    for (callee, method) in [("Allow: INVITE, UPDATE\r\n", "UPDATE"), ("", "INVITE")] {
        let (mut talk, _) = up(SessionConfig::default(), "", callee);
        let sent = talk.ask("UPDATE", "", "offer two");
        assert_eq!(told(&sent), [format!("{method} sip:2000@203.0.113.1 > trunk 1: offer two")]);
        // RFC 3311 section 5.2: one at a time.
        let second = talk.ask("UPDATE", "", "offer three");
        assert_eq!(told(&second), ["500 Server Internal Error > phone"]);
        assert!(second[0].line("Retry-After").parse::<u8>().unwrap() <= 10);
        let crossing = talk.ask_back(0, "b", "UPDATE 7", "", "offer four");
        assert_eq!(told(&crossing), ["491 Request Pending > trunk 1"]);
        let sent = talk.answer(&sent[0], "200 OK", "answer two");
        let mut expected = vec!["200 OK > phone: answer two".to_owned()];
        if method == "INVITE" {
            expected.insert(0, "ACK sip:2000@203.0.113.1 > trunk 1".to_owned());
        }
        assert_eq!(told(&sent), expected);
        assert_eq!(told(&talk.ask("BYE", "", ""))[0], "200 OK > phone");
    }
}

#[test]
fn a_call_ends_at_its_longest() {
    let sessions = SessionConfig { call_max: Duration::from_secs(30), ..SessionConfig::default() };
    let (mut talk, _) = up(sessions, "", "");
    let (at, sent) = next(&mut talk);
    assert_eq!((at, sent.len()), (30, 2));
    assert_eq!(talk.bench.released(), Some(Cause::TooLong));
}

#[test]
fn parties_are_asked_whether_they_are_there_and_one_that_is_not_ends_the_call() {
    let sessions = SessionConfig { probe: Duration::from_secs(60), ..SessionConfig::default() };
    let (mut talk, _) = up(sessions, "", "");
    let asked = ["OPTIONS sip:1000@198.51.100.1 > phone", "OPTIONS sip:2000@203.0.113.1 > trunk 1"];
    let (at, sent) = next(&mut talk);
    assert_eq!((at, what(&sent)), (60, asked.map(str::to_owned).to_vec()));
    assert_eq!(told(&answered(&mut talk, &sent[0], "200 OK")), [""; 0]);
    // Whatever it says, it is there.
    assert_eq!(told(&talk.answer(&sent[1], "501 Not Implemented", "")), [""; 0]);
    let (at, sent) = next(&mut talk);
    assert_eq!((at, what(&sent)), (120, asked.map(str::to_owned).to_vec()));
    answered(&mut talk, &sent[0], "200 OK");
    let sent = talk.answer(&sent[1], "481 Call/Transaction Does Not Exist", "");
    assert_eq!(
        told(&sent),
        ["BYE sip:1000@198.51.100.1 > phone", "BYE sip:2000@203.0.113.1 > trunk 1"]
    );
    assert_eq!(talk.bench.released(), Some(Cause::PartyGone));
}

#[test]
fn a_party_that_says_nothing_is_gone() {
    let sessions = SessionConfig { probe: Duration::from_secs(60), ..SessionConfig::default() };
    let (mut talk, _) = up(sessions, "", "");
    let (_, sent) = next(&mut talk);
    talk.answer(&sent[1], "200 OK", "");
    talk.bench.pass(32);
    assert_eq!(talk.bench.released(), Some(Cause::PartyGone));
}

#[test]
fn a_call_without_media_ends_if_the_settings_say_so_and_nobody_holds() {
    let silent = |end_silent: bool, held: bool| {
        let (mut talk, _) = up(SessionConfig { end_silent, ..SessionConfig::default() }, "", "");
        if held {
            let sent = talk.ask("INVITE", "", "v=0\r\no=- 1 2 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\na=sendonly\r\n");
            talk.answer(&sent[0], "200 OK", "answer");
            talk.ask("ACK", "", "");
        }
        let conn = talk.bench.switch.calls(talk.bench.now).next().unwrap().conn;
        let event = RelayEvent::Silent { relay: RelayId(conn), since: Duration::from_secs(30) };
        let (now, town) = (talk.bench.now, &talk.bench.town);
        talk.bench.switch.handle_input(now, town, crate::Input::Relay(event));
        talk.bench.drain();
        talk.bench.released()
    };
    assert_eq!(silent(true, false), Some(Cause::MediaSilent));
    assert_eq!(silent(true, true), None);
    assert_eq!(silent(false, false), None);
}

/// The caller answers a request of the switch's.
fn answered(talk: &mut Talk, request: &Sent, status: &str) -> Vec<Sent> {
    let fields =
        ["Via", "From", "To", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", request.line(n)));
    let text = format!("SIP/2.0 {status}\r\n{}Content-Length: 0\r\n\r\n", fields.concat());
    talk.bench.receive(PHONE, text)
}
