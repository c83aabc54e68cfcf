#![allow(clippy::unwrap_used)]
//! Which header fields go to the other side, message by message.

use std::{sync::Arc, time::Duration};

use model::{
    GenerationToken,
    hook::{
        Answer, Ask, Decision, Destination, End, HeaderChange, HeaderEdit, Hook, MediaMode,
        Outgoing, Plan, Question, Target, Verdict,
    },
};

use sip::locate::Place;

use super::super::talk::{Talk, told};
use crate::{
    Config, Emergency, Fact, Input, Listener,
    trunk::bench::{self, Bench, FIRST, OURS, PHONE, SECOND, Sent, trunk},
};

/// What was sent, in a line.
fn what(sent: &[Sent]) -> String {
    bench::what(sent).join(", ")
}

const FIELDS: &str =
    "User-Agent: Phone 1\r\nX-One: 1\r\nx-two: 2\r\nSubject: lunch\r\nP-Charge: 3\r\n";

fn bench() -> Bench {
    let trunks = vec![
        trunk("a", "sip:203.0.113.1", 0),
        crate::TrunkConfig { trusted: false, ..trunk("b", "sip:203.0.113.2", 1) },
    ];
    let mut bench =
        Bench::of(Config { server_header: "Jackfield".to_owned(), ..Bench::config(trunks, None) });
    bench.town.hooks = vec![Hook::HeaderPolicy];
    bench
}

fn edit(toward: End, name: &str, change: HeaderChange) -> HeaderEdit {
    HeaderEdit { toward, name: name.to_owned(), change }
}

fn set(name: &str, value: &str) -> HeaderEdit {
    edit(End::Callee, name, HeaderChange::Set(value.to_owned()))
}

fn outgoing(question: &Question) -> &Arc<Outgoing> {
    let Ask::HeaderPolicy(outgoing) = &question.ask else { panic!("{question:?}") };
    outgoing
}

fn answer(bench: &mut Bench, edits: Vec<HeaderEdit>) -> (Question, Vec<Sent>) {
    answer_as(bench, None, edits)
}

/// The same by plugins of that table.
fn answer_as(
    bench: &mut Bench,
    pin: Option<GenerationToken>,
    edits: Vec<HeaderEdit>,
) -> (Question, Vec<Sent>) {
    let question = bench.told.pop_front().unwrap();
    let decision = Decision::of(Hook::HeaderPolicy, 0);
    let answer = Answer {
        id: question.id,
        verdict: if edits.is_empty() { Verdict::BuiltIn } else { Verdict::Edit(edits) },
        amended: None,
        pin,
        decision,
    };
    bench.switch.handle_input(bench.now, &bench.town, Input::Answer(answer));
    (question, bench.drain())
}

/// The INVITEs among what was sent, and to whom.
fn invites(sent: &[Sent]) -> Vec<String> {
    bench::what(sent).into_iter().filter(|what| what.starts_with("INVITE ")).collect()
}

/// A call to the trunk or the group of this name, up to the question.
fn call(bench: &mut Bench, name: &str, fields: &str) -> Vec<Sent> {
    bench.invite_asking(PHONE, fields, "");
    let to = Destination::Trunk { name: name.to_owned(), user: Some("+43123".to_owned()) };
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Default };
    bench.decide(Hook::Route, Verdict::Plan(plan))
}

#[test]
fn an_invite_waits_for_what_is_said_and_has_it() {
    let mut bench = bench();
    let sent = call(&mut bench, "a", FIELDS);
    assert!(!sent.iter().any(|sent| sent.text.starts_with("INVITE")), "{}", what(&sent));
    let edits = vec![
        edit(End::Callee, "X-*", HeaderChange::Remove),
        edit(End::Callee, "X-Two", HeaderChange::Keep),
        set("User-Agent", "Border"),
        set("X-Customer", "4711"),
        edit(End::Callee, "X-Customer", HeaderChange::Add("4712".to_owned())),
        edit(End::Callee, "P-Charge", HeaderChange::Keep),
        edit(End::Caller, "Server", HeaderChange::Remove),
        edit(End::Caller, "X-Back", HeaderChange::Add("yes".to_owned())),
    ];
    let (question, sent) = answer(&mut bench, edits);
    let out = outgoing(&question);
    assert_eq!((out.trunk.as_deref(), out.direction()), (Some("a"), "outbound"));
    assert!(out.trusted && !out.hidden);
    let invite = &sent[0];
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.1 > trunk 1");
    assert_eq!((invite.line("X-One"), invite.line("x-two")), (String::new(), "2".to_owned()));
    assert_eq!(invite.line("User-Agent"), "Border");
    assert_eq!(invite.text.matches("User-Agent").count(), 1);
    assert_eq!(invite.text.matches("X-Customer: 471").count(), 2);
    assert_eq!((invite.line("Subject"), invite.line("P-Charge")), ("lunch".into(), "3".into()));
    let ringing = invite.response("180 Ringing", "Server: Carrier\r\nX-Down: 1\r\n");
    let sent = bench.receive(FIRST, ringing);
    assert_eq!((sent[0].line("Server"), sent[0].line("X-Back")), (String::new(), "yes".into()));
    let body = "v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let contact = "Contact: <sip:203.0.113.1>\r\nX-Down: 1\r\n";
    let ok = bench.receive(FIRST, invite.response_with("200 OK", contact, body));
    let ok = ok.iter().find(|sent| sent.text.starts_with("SIP/2.0 200")).unwrap();
    assert_eq!((ok.line("X-Back"), ok.line("X-Down")), ("yes".to_owned(), "1".to_owned()));
    assert!(!ok.text.contains("Server: "), "{}", ok.text);
}

#[test]
fn each_trunk_of_a_group_is_asked_about_and_a_challenge_is_not() {
    let mut bench = bench();
    call(&mut bench, "outside", FIELDS);
    let (first, sent) = answer(&mut bench, vec![set("X-Trunk", "a")]);
    assert_eq!(outgoing(&first).trunk.as_deref(), Some("a"));
    assert_eq!(sent[0].line("X-Trunk"), "a");
    let sent = bench.receive(FIRST, sent[0].response("503 Busy", ""));
    assert_eq!(sent.iter().filter(|sent| sent.text.starts_with("INVITE")).count(), 0);
    let (second, sent) = answer(&mut bench, Vec::new());
    let out = outgoing(&second);
    assert_eq!((out.trunk.as_deref(), out.trusted), (Some("b"), false));
    assert_eq!((sent[0].line("X-Trunk"), sent[0].line("X-One")), (String::new(), "1".to_owned()));
    assert_eq!(sent[0].line("User-Agent"), "Jackfield");
    let sent = bench.receive(SECOND, sent[0].response("486 Busy", ""));
    assert!(bench.told.is_empty(), "{}", what(&sent));
}

#[test]
fn a_hidden_caller_stays_hidden() {
    let mut bench = bench();
    call(&mut bench, "b", &format!("Privacy: id\r\n{FIELDS}"));
    let edits = vec![
        set("X-Caller", "tel:1000"),
        set("X-Name", "It is Ann speaking"),
        set("X-Customer", "4711"),
        edit(End::Callee, "P-Charge", HeaderChange::Keep),
    ];
    let (question, sent) = answer(&mut bench, edits);
    assert!(outgoing(&question).hidden);
    let invite = &sent[0];
    for gone in ["X-Caller", "X-Name", "P-Charge"] {
        assert_eq!(invite.line(gone), "", "{gone}");
    }
    assert_eq!(invite.line("X-Customer"), "4711");
    let reasons = bench.facts.iter().find_map(|fact| match fact {
        Fact::Decided { decision, .. } if decision.hook == Hook::HeaderPolicy => {
            Some(decision.reasons.clone())
        }
        _ => None,
    });
    let codes: Vec<_> = reasons.unwrap().into_iter().map(|why| (why.code, why.text)).collect();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert_eq!(codes[0].0, "hidden-caller");
    assert!(codes[0].1.starts_with("X-Caller was left out"));
}

#[test]
fn plugins_that_say_nothing_hold_up_nothing() {
    let mut bench = bench();
    call(&mut bench, "a", FIELDS);
    bench.now = bench.now + Duration::from_millis(999);
    assert_eq!(what(&bench.flush()), "100 Trying > phone");
    bench.now = bench.now + Duration::from_millis(1);
    let sent = bench.flush();
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.1 > trunk 1");
    assert_eq!(sent[0].line("X-One"), "1");
    let (_, late) = answer(&mut bench, vec![set("X-Late", "1")]);
    assert_eq!(what(&late), "");
}

#[test]
fn a_caller_who_gives_up_meanwhile_leaves_nothing_behind() {
    let mut bench = bench();
    call(&mut bench, "a", FIELDS);
    let cancel = "CANCEL sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
         From: \"Ann\" <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: 1\r\nCSeq: 1 CANCEL\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let sent = bench.receive(PHONE, cancel.to_owned());
    assert!(what(&sent).contains("487 Request Terminated > phone"), "{}", what(&sent));
    let (_, late) = answer(&mut bench, vec![set("X-Late", "1")]);
    assert_eq!(what(&late), "");
    assert_eq!(bench.switch.stats().answers_late, 1);
}

#[test]
fn nobody_is_asked_where_nobody_answers_nor_of_an_emergency_nor_by_a_proxy() {
    let mut bench = bench();
    bench.town.hooks.clear();
    let sent = call(&mut bench, "a", FIELDS);
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.1 > trunk 1");
    let mut bench = self::bench();
    bench.invite_asking(PHONE, FIELDS, "");
    let to = Destination::Uri("sip:2000@203.0.113.1".to_owned());
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Proxy };
    let sent = bench.decide(Hook::Route, Verdict::Plan(plan));
    assert!(what(&sent).contains("INVITE sip:2000@203.0.113.1 > trunk 1"), "{}", what(&sent));
    let emergency = Emergency::new(&["43123".to_owned()], &[], &["trunk:a".to_owned()]).unwrap();
    let trunks = vec![trunk("a", "sip:203.0.113.1", 0)];
    let mut bench = Bench::of(Config { emergency, ..Bench::config(trunks, None) });
    bench.town.hooks = vec![Hook::HeaderPolicy];
    let sent = bench.invite_asking(PHONE, FIELDS, "");
    assert!(what(&sent).contains("INVITE"), "{}", what(&sent));
    assert!(bench.told.is_empty());
}

#[test]
fn nothing_that_a_hidden_caller_is_known_by_goes_out_and_what_is_the_operators_does() {
    let mut bench = bench();
    let fields = "Privacy: id\r\n\
        P-Asserted-Identity: \"Doctor Who\" <sip:+43555123456@office.test>, <tel:+43-555-999-888>\r\n\
        P-Preferred-Identity: \"Restricted\" <sip:2222@office.test>\r\n\
        Remote-Party-ID: \"Al\" <sip:3333@office.test>;party=calling\r\n\
        Reply-To: Clara Oswald <sip:anonymous@office.test>\r\n";
    call(&mut bench, "b", fields);
    let telling = [
        "0043 555 123456",
        "doctor=who",
        "call 0555/999888 back",
        "2222",
        "<sip:3333@elsewhere.test>",
        "Oswald, Clara",
        "1-000",
        "ann",
    ];
    let harmless = ["Annex 10005", "Al", "restricted, anonymous", "22221", "Oswald Street", "4711"];
    let named = |n: usize, value: &&str| set(&format!("X-{n}"), value);
    let edits = telling.iter().chain(&harmless).enumerate().map(|(n, value)| named(n, value));
    let (_, sent) = answer(&mut bench, edits.collect());
    for (n, value) in telling.iter().chain(&harmless).enumerate() {
        let wanted = if n < telling.len() { "" } else { value };
        assert_eq!(sent[0].line(&format!("X-{n}")), wanted, "{value}");
    }
}

#[test]
fn what_is_left_out_for_a_hidden_caller_stands_for_nothing_else() {
    let mut bench = bench();
    call(&mut bench, "b", "Privacy: id\r\nX-One: 1\r\nX-Two: 2\r\n");
    let add = edit(End::Callee, "X-Two", HeaderChange::Add("call%201%2D000".to_owned()));
    let (_, sent) = answer(&mut bench, vec![set("X-One", "3"), set("X-One", "1_000"), add]);
    assert_eq!((sent[0].line("X-One"), sent[0].line("X-Two")), (String::new(), "2".to_owned()));
    assert_eq!(sent[0].text.matches("X-Two").count(), 1);
}

#[test]
fn a_date_that_is_signed_goes_out_with_the_signature() {
    let date = "Sun, 22 Nov 2026 02:00:00 GMT";
    let fields = format!("Date: {date}\r\ny: abc;info=<https://a.test/c>\r\n");
    let remove = |name: &str| edit(End::Callee, name, HeaderChange::Remove);
    for (edits, date_goes, signature_goes) in [
        (vec![remove("Date")], true, true),
        (vec![remove("*")], false, false),
        (vec![remove("*"), edit(End::Callee, "Identity", HeaderChange::Keep)], true, true),
        (vec![remove("Identity")], true, false),
        (vec![remove("Identity"), remove("Date")], false, false),
    ] {
        let mut bench = bench();
        call(&mut bench, "a", &fields);
        let (_, sent) = answer(&mut bench, edits.clone());
        let wanted = if date_goes { date } else { "" };
        assert_eq!(sent[0].line("Date"), wanted, "{edits:?}");
        assert_eq!(!sent[0].line("y").is_empty(), signature_goes, "{edits:?}");
    }
}

/// Trunk `a` of the group is reached over TCP, which the endpoint does not speak, so that no INVITE can go out over it.
fn with_a_dead_end(mut bench: Bench) -> Bench {
    let tables = &mut bench.switch.tables;
    let transport = model::Transport::Tcp;
    let name = "tcp".to_owned();
    tables.config.listeners.push(Listener { name, transport, advertised: OURS.parse().unwrap() });
    tables.transports.push(transport);
    bench
}

#[test]
fn where_an_invite_cannot_go_out_after_the_answer_the_next_trunk_is_tried() {
    let trunks = || {
        let a = trunk("a", "sip:203.0.113.1;transport=tcp", 0);
        vec![a, trunk("b", "sip:203.0.113.2", 1)]
    };
    let mut bench = with_a_dead_end(Bench::new(trunks()));
    let sent = call(&mut bench, "outside", FIELDS);
    assert_eq!(invites(&sent), ["INVITE sip:+43123@203.0.113.2 > trunk 2"], "nobody is asked");
    let mut bench = with_a_dead_end(Bench::new(trunks()));
    bench.town.hooks = vec![Hook::HeaderPolicy];
    call(&mut bench, "outside", FIELDS);
    let (first, sent) = answer(&mut bench, vec![set("X-Trunk", "a")]);
    assert_eq!(outgoing(&first).trunk.as_deref(), Some("a"));
    assert_eq!(what(&sent), "");
    let (second, sent) = answer(&mut bench, vec![set("X-Trunk", "b")]);
    assert_eq!(outgoing(&second).trunk.as_deref(), Some("b"));
    assert_eq!(what(&sent), "INVITE sip:+43123@203.0.113.2 > trunk 2");
    assert_eq!(sent[0].line("X-Trunk"), "b");
    // The same where the plugins are silent.
    let mut bench = with_a_dead_end(Bench::new(trunks()));
    bench.town.hooks = vec![Hook::HeaderPolicy];
    call(&mut bench, "outside", FIELDS);
    assert_eq!(invites(&bench.pass(1)), [""; 0]);
    assert_eq!(invites(&bench.pass(1)), ["INVITE sip:+43123@203.0.113.2 > trunk 2"]);
}

#[test]
fn a_target_that_is_given_up_leaves_no_question() {
    let mut bench = bench();
    bench.invite_asking(PHONE, FIELDS, "");
    let to = Destination::Trunk { name: "a".to_owned(), user: None };
    let ring = Some(Duration::from_millis(500));
    let targets = vec![Target { ring, ..Target::new(to) }];
    bench.decide(Hook::Route, Verdict::Plan(Plan { targets, media: MediaMode::Default }));
    assert_eq!(bench.switch.tables.calls_by_question.len(), 1);
    bench.now = bench.now + Duration::from_millis(500);
    bench.flush();
    let asked = bench.asked.unwrap();
    let waiting: Vec<_> = bench.switch.tables.calls_by_question.keys().copied().collect();
    assert_eq!(waiting, [asked], "what to do after the failure, and no more");
    let (_, late) = answer(&mut bench, vec![set("X-Late", "1")]);
    assert_eq!((what(&late).as_str(), bench.switch.stats().answers_late), ("", 1));
    // The wait for the first question does not end that for the second.
    bench.now = bench.now + Duration::from_millis(999);
    assert_eq!(what(&bench.flush()), "");
    bench.now = bench.now + Duration::from_millis(1);
    assert_eq!(what(&bench.flush()), "480 Temporarily Unavailable > phone");
}

#[test]
fn each_invite_waits_its_own_time() {
    let trunks = vec![trunk("a", "sip:203.0.113.1", 0), trunk("b", "sip:carrier.test", 1)];
    let mut bench = Bench::new(trunks);
    bench.town.hooks = vec![Hook::HeaderPolicy];
    bench.invite_asking(PHONE, FIELDS, "");
    let to = |name: &str| {
        let to = Destination::Trunk { name: name.to_owned(), user: Some("1".to_owned()) };
        Target { together: true, ..Target::new(to) }
    };
    let targets = vec![to("a"), to("b")];
    bench.decide(Hook::Route, Verdict::Plan(Plan { targets, media: MediaMode::Default }));
    let after = |bench: &mut Bench, ms: u64| {
        bench.now = bench.now + Duration::from_millis(ms);
        bench.flush()
    };
    assert_eq!(invites(&after(&mut bench, 600)), [""; 0]);
    let (id, _) = bench.lookups.pop().unwrap();
    let places = Ok(vec![place(SECOND)]);
    bench.switch.handle_input(bench.now, &bench.town, Input::Located { id, places });
    assert_eq!(invites(&after(&mut bench, 399)), [""; 0]);
    let sent = after(&mut bench, 1);
    assert_eq!(what(&sent), "INVITE sip:1@203.0.113.1 > trunk 1");
    bench.receive(FIRST, sent[0].response("100 Trying", ""));
    assert_eq!(invites(&after(&mut bench, 599)), [""; 0]);
    assert_eq!(invites(&after(&mut bench, 1)), ["INVITE sip:1@carrier.test > trunk 2"]);
    assert!(bench.switch.tables.calls_by_question.is_empty());
}

fn place(ip: [u8; 4]) -> Place {
    Place { transport: model::Transport::Udp, address: (ip, 5060).into() }
}

#[test]
fn of_a_name_with_places_that_are_trusted_and_others_both_are_asked_about() {
    let trusted = vec!["203.0.113.1".parse().unwrap()];
    let mut bench = Bench::of(Config { trusted, ..Bench::config(Vec::new(), None) });
    bench.town.hooks = vec![Hook::HeaderPolicy];
    bench.invite_asking(PHONE, "Privacy: id\r\n", "");
    let to = Destination::Uri("sip:2000@both.test".to_owned());
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Default };
    bench.decide(Hook::Route, Verdict::Plan(plan));
    let (id, _) = bench.lookups.pop().unwrap();
    let places = Ok(vec![place(FIRST), place(SECOND)]);
    bench.switch.handle_input(bench.now, &bench.town, Input::Located { id, places });
    bench.drain();
    let edits = || vec![set("X-Who", "Ann"), set("X-Customer", "4711")];
    let (question, sent) = answer(&mut bench, edits());
    let (one, invite) = (outgoing(&question), &sent[0]);
    assert_eq!((one.trusted, one.hidden), (true, false));
    assert_eq!((invite.line("X-Who"), invite.line("X-Customer")), ("Ann".into(), "4711".into()));
    bench.receive(FIRST, invite.response("503 Down", ""));
    let (question, sent) = answer(&mut bench, edits());
    let (other, invite) = (outgoing(&question), &sent[0]);
    assert_eq!((other.trusted, other.hidden), (false, true));
    assert_eq!(what(&sent), "INVITE sip:2000@both.test > trunk 2");
    assert_eq!((invite.line("X-Who"), invite.line("X-Customer")), (String::new(), "4711".into()));
}

/// Routes the call that waits to a trunk or a group, by plugins of that table.
fn route_as(bench: &mut Bench, pin: &GenerationToken, name: &str) -> Vec<Sent> {
    let to = Destination::Trunk { name: name.to_owned(), user: None };
    let plan = Plan { targets: vec![Target::new(to)], media: MediaMode::Default };
    let id = bench.asked.take().unwrap();
    let (decision, pin) = (Decision::of(Hook::Route, 0), Some(pin.clone()));
    let answer = Answer { id, verdict: Verdict::Plan(plan), amended: None, pin, decision };
    bench.switch.handle_input(bench.now, &bench.town, Input::Answer(answer));
    bench.drain()
}

#[test]
fn the_plugins_are_asked_that_the_call_began_with() {
    let token = GenerationToken::new(7);
    let mut bench = bench();
    bench.town.former.insert(7, Vec::new());
    bench.invite_asking(PHONE, FIELDS, "");
    let sent = route_as(&mut bench, &token, "a");
    assert_eq!(invites(&sent), ["INVITE sip:+43123@203.0.113.1 > trunk 1"], "none answered then");
    let mut bench = self::bench();
    bench.town.hooks.clear();
    bench.town.former.insert(7, vec![Hook::HeaderPolicy]);
    bench.invite_asking(PHONE, FIELDS, "");
    assert_eq!(invites(&route_as(&mut bench, &token, "a")), [""; 0]);
    let (question, sent) = answer(&mut bench, vec![set("X-One", "2")]);
    assert_eq!(question.pin, Some(token.clone()));
    assert_eq!(sent[0].line("X-One"), "2");
}

#[test]
fn a_call_that_nobody_routed_in_time_keeps_to_the_plugins_that_answered_first() {
    let mut bench = bench();
    call(&mut bench, "outside", FIELDS);
    let token = GenerationToken::new(9);
    let (first, sent) = answer_as(&mut bench, Some(token.clone()), vec![set("X-N", "1")]);
    assert_eq!(first.pin, None);
    bench.receive(FIRST, sent[0].response("503 Busy", ""));
    let (second, _) = answer(&mut bench, Vec::new());
    assert_eq!(second.pin, Some(token));
}

const REQUIRED: &str = "Require: 100rel\r\n";

/// A call to two places at once: one is called, and the other waits for the plugins.
fn forked(fields: &str) -> Talk {
    let mut bench = Bench::new(Vec::new());
    bench.town.hooks = vec![Hook::HeaderPolicy];
    let mut talk = Talk::with(bench, fields, "offer", 2);
    let (_, sent) = answer(&mut talk.bench, vec![set("X-N", "1")]);
    assert_eq!(invites(&sent), ["INVITE sip:2000@203.0.113.1 > trunk 1"]);
    talk.invites = sent;
    assert_eq!(talk.bench.switch.tables.calls_by_question.len(), 1);
    talk
}

/// The answer about the other place comes after all: nothing is done, then and later.
fn nothing_follows(talk: &mut Talk) {
    assert!(talk.bench.switch.tables.calls_by_question.is_empty());
    let (_, late) = answer(&mut talk.bench, vec![set("X-N", "2")]);
    assert_eq!(invites(&late), [""; 0]);
    assert_eq!(talk.bench.switch.stats().answers_late, 1);
    assert_eq!(invites(&talk.bench.pass(2)), [""; 0]);
}

#[test]
fn an_invite_that_waits_does_not_go_out_once_another_has_answered() {
    let mut talk = forked("");
    let sent = talk.respond(0, "200 OK", "b", "", "answer");
    assert!(told(&sent).contains(&"200 OK > phone: answer".to_owned()), "{:?}", told(&sent));
    talk.ask("ACK", "", "");
    nothing_follows(&mut talk);
}

#[test]
fn nor_while_that_answer_is_kept_back_for_a_prack() {
    let mut talk = forked(REQUIRED);
    talk.respond(0, "183 Session Progress", "b", "", "answer");
    assert_eq!(told(&talk.respond(0, "200 OK", "b", "", "answer")), [""; 0], "it waits");
    nothing_follows(&mut talk);
    for _ in 0..6 {
        let sent = talk.bench.pass(1);
        assert!(bench::what(&sent).iter().all(|what| what == "183 Session Progress > phone"));
    }
    let sent = talk.prack("");
    let acknowledged = "ACK sip:2000@203.0.113.1 > trunk 1";
    assert_eq!(told(&sent), ["200 OK > phone", "200 OK > phone: answer", acknowledged]);
}

#[test]
fn a_caller_who_hangs_up_while_one_rings_and_one_waits_ends_both() {
    let mut talk = forked("");
    talk.respond(0, "180 Ringing", "b", "", "");
    let sent = talk.ask("BYE", "", "");
    let all = what(&sent);
    for wanted in
        ["200 OK > phone", "487 Request Terminated > phone", "CANCEL sip:2000@203.0.113.1"]
    {
        assert!(all.contains(wanted), "{wanted} in {all}");
    }
    nothing_follows(&mut talk);
}

#[test]
fn a_caller_who_cancels_while_one_rings_and_one_waits_ends_both() {
    let mut talk = forked("");
    talk.respond(0, "180 Ringing", "b", "", "");
    let cancel = "CANCEL sip:2000@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK0\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: 1\r\nCSeq: 1 CANCEL\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let sent = talk.bench.receive(PHONE, cancel.to_owned());
    let all = what(&sent);
    for wanted in ["487 Request Terminated > phone", "CANCEL sip:2000@203.0.113.1"] {
        assert!(all.contains(wanted), "{wanted} in {all}");
    }
    nothing_follows(&mut talk);
}

#[test]
fn where_one_place_of_a_name_cannot_be_called_the_next_one_is() {
    let mut config = Bench::config(vec![trunk("c", "sip:carrier.test", 0)], None);
    config.listeners.push(Listener {
        name: "udp6".to_owned(),
        transport: model::Transport::Udp,
        advertised: "[2001:db8::9]:5060".parse().unwrap(),
    });
    let mut bench = Bench::of(config);
    bench.town.hooks = vec![Hook::HeaderPolicy];
    bench.invite_asking(PHONE, FIELDS, "v=0\r\n");
    let sent = bench.route(&["c"]);
    assert_eq!(what(&sent), "");
    let (id, _) = bench.lookups.pop().unwrap();
    // The media of one who speaks IPv4 does not get to the first.
    let addresses = ["[2001:db8::1]:5060".parse().unwrap(), (FIRST, 5060).into()];
    let places = addresses.map(|address| Place { transport: model::Transport::Udp, address });
    let located = Input::Located { id, places: Ok(places.into()) };
    bench.switch.handle_input(bench.now, &bench.town, located);
    assert_eq!(invites(&bench.drain()), [""; 0]);
    let (_, sent) = answer(&mut bench, vec![set("X-N", "1")]);
    assert_eq!(invites(&sent), ["INVITE sip:+43123@carrier.test > trunk 1"]);
    assert_eq!(sent[0].line("X-N"), "1");
}
