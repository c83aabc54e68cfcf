#![allow(clippy::unwrap_used)]
//! Subscriptions, message by message.

use std::time::Duration;

use model::Transport;

use super::{
    Watchers,
    bench::{Office, Request, Sent, WATCH, firsts, tag_of},
};

const NOTIFY: &str = "NOTIFY sip:ann@198.51.100.1:7001 SIP/2.0";

/// Ann subscribes to bob and is told at once; gives our tag and the NOTIFY.
fn watch(office: &mut Office) -> (String, Sent) {
    let mut sent = office.request("SUBSCRIBE", 7001, WATCH);
    assert_eq!(firsts(&sent), ["SIP/2.0 200 OK", NOTIFY]);
    let tag = tag_of(&sent[0]);
    (tag, sent.remove(1))
}

fn answer(office: &mut Office, notify: &Sent) -> Vec<Sent> {
    office.receive(7001, notify.response("200 OK", ""))
}

/// What the lamps are told by these messages, each NOTIFY answered with what comes after it.
fn lamps(office: &mut Office, mut sent: Vec<Sent>) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(at) = sent.iter().position(|s| s.first().starts_with("NOTIFY")) {
        let notify = sent.remove(at);
        told.push(notify.lamps());
        sent.extend(answer(office, &notify));
    }
    told
}

#[test]
fn a_subscriber_is_answered_then_told_everything() {
    let mut office = Office::new();
    let sent = office.request("SUBSCRIBE", 7001, WATCH);
    assert_eq!(firsts(&sent), ["SIP/2.0 200 OK", NOTIFY]);
    let [ok, notify] = &sent[..] else { panic!("two messages") };
    assert_eq!(ok.line("Expires"), "300");
    assert_eq!(ok.line("Contact"), "<sip:bob@192.0.2.9:5060>");
    assert_eq!(notify.line("Event"), "dialog");
    assert_eq!(notify.line("Subscription-State"), "active;expires=300");
    assert_eq!(notify.line("Contact"), "<sip:bob@192.0.2.9:5060>");
    assert_eq!(notify.line("CSeq"), "1 NOTIFY");
    assert_eq!(notify.line("From"), format!("<sip:bob@office.test>;tag={}", tag_of(ok)));
    assert_eq!(notify.line("To"), "<sip:ann@office.test>;tag=fw1");
    assert_eq!(notify.line("Content-Type"), "application/dialog-info+xml");
    assert_eq!(
        notify.body(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" \
         entity=\"sip:bob@office.test\">\r\n</dialog-info>\r\n"
    );
    assert!(answer(&mut office, notify).is_empty());
    assert_eq!(office.shards[0].stats().subscriptions_now, 1);
}

#[test]
fn a_subscription_is_renewed_and_ended_in_its_dialog() {
    let mut office = Office::new();
    let (tag, notify) = watch(&mut office);
    answer(&mut office, &notify);
    let again = Request { to_tag: &tag, cseq: 2, ..WATCH };
    office.pass(Duration::from_secs(200));
    let sent = office.request("SUBSCRIBE", 7002, again);
    assert_eq!(firsts(&sent), ["SIP/2.0 200 OK", NOTIFY.replace("7001", "7002").as_str()]);
    assert_eq!(sent[1].lamps(), "active;expires=300 full: ");
    assert_eq!(sent[1].to, 7002, "the renewal moved the phone");
    answer(&mut office, &sent[1]);
    // Older than what was seen.
    assert_eq!(
        firsts(&office.request("SUBSCRIBE", 7002, Request { cseq: 1, ..again })),
        ["SIP/2.0 500 Server Internal Error"]
    );
    let end = Request { cseq: 3, fields: "Event: dialog\r\nExpires: 0\r\n", ..again };
    let sent = office.request("SUBSCRIBE", 7002, end);
    assert_eq!(sent[0].line("Expires"), "0");
    assert_eq!(sent[1].lamps(), "terminated;reason=timeout full: ");
    let late = Request { cseq: 4, ..again };
    assert_eq!(
        firsts(&office.request("SUBSCRIBE", 7002, late)),
        ["SIP/2.0 481 Call/Transaction Does Not Exist"]
    );
    answer(&mut office, &sent[1]);
    assert_eq!(office.shards[0].stats().subscriptions_now, 0);
    assert!(!model::Directory::has_watchers(&office.book));
}

#[test]
fn one_that_is_not_renewed_is_told_that_it_ends() {
    let mut office = Office::new();
    let (_, notify) = watch(&mut office);
    answer(&mut office, &notify);
    assert!(office.pass(Duration::from_millis(299_900)).is_empty());
    let sent = office.pass(Duration::from_millis(100));
    assert_eq!(sent[0].line("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(sent[0].body(), "");
    answer(&mut office, &sent[0]);
    assert_eq!(office.shards[0].stats().subscriptions_now, 0);
}

#[test]
fn a_look_at_the_state_is_told_it_once() {
    let mut office = Office::new();
    let look = Request { fields: "Event: dialog;id=7\r\nExpires: 0\r\n", ..WATCH };
    let sent = office.request("SUBSCRIBE", 7001, look);
    assert_eq!(firsts(&sent), ["SIP/2.0 200 OK", NOTIFY]);
    assert_eq!(sent[1].lamps(), "terminated;reason=timeout full: ");
    assert_eq!(sent[1].line("Event"), "dialog;id=7");
    answer(&mut office, &sent[1]);
    assert_eq!(office.shards[0].stats().subscriptions_now, 0);
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    let mut office = Office::with(1, |config| config.events.subscriptions_max = 1);
    let mut refused = |what: Request<'_>, name: &str| {
        let sent = office.request("SUBSCRIBE", 7001, what);
        assert_eq!(sent.len(), 1);
        format!("{} {}", sent[0].first(), sent[0].line(name)).trim().to_owned()
    };
    let of = |n, fields| Request { cseq: n, fields, ..WATCH };
    assert_eq!(
        refused(of(1, "Event: weather\r\n"), "Allow-Events"),
        "SIP/2.0 489 Bad Event dialog, message-summary, presence"
    );
    assert_eq!(refused(of(2, ""), ""), "SIP/2.0 400 No Event");
    assert_eq!(
        refused(of(3, "Event: dialog\r\nExpires: 59\r\n"), "Min-Expires"),
        "SIP/2.0 423 Interval Too Brief 60"
    );
    assert_eq!(
        refused(of(4, "Event: dialog\r\nAccept: text/plain\r\n"), ""),
        "SIP/2.0 406 Not Acceptable"
    );
    assert_eq!(
        refused(of(5, "Event: dialog\r\nRequire: eventlist\r\n"), "Unsupported"),
        "SIP/2.0 420 Bad Extension eventlist"
    );
    assert_eq!(refused(Request { user: "nobody", cseq: 6, ..WATCH }, ""), "SIP/2.0 404 Not Found");
    assert_eq!(refused(Request { from: "nobody", cseq: 7, ..WATCH }, ""), "SIP/2.0 403 Forbidden");
    let stray = Request { to_tag: "none", cseq: 8, ..WATCH };
    assert_eq!(refused(stray, ""), "SIP/2.0 481 Call/Transaction Does Not Exist");
    assert_eq!(office.request("SUBSCRIBE", 7001, Request { cseq: 9, ..WATCH }).len(), 2);
    let sent = office.request("SUBSCRIBE", 7001, Request { call: "w2", ..WATCH });
    assert_eq!(sent[0].first(), "SIP/2.0 503 Service Unavailable");
    assert_eq!(sent[0].line("Retry-After"), "5");
}

#[test]
fn who_may_watch_is_a_setting() {
    let tried = |watchers, from: &str| {
        let mut office = Office::with(1, |config| config.events.watchers = watchers);
        let sent = office.request("SUBSCRIBE", 7001, Request { from, ..WATCH });
        sent[0].first().to_owned()
    };
    assert_eq!(tried(Watchers::Oneself, "ann"), "SIP/2.0 403 Forbidden");
    assert_eq!(tried(Watchers::Oneself, "bob"), "SIP/2.0 200 OK");
    assert_eq!(tried(Watchers::Everyone, "nobody"), "SIP/2.0 200 OK");
}

#[test]
fn a_failed_notify_ends_the_subscription_unless_it_says_when_to_come_again() {
    for (response, extra) in [("481 Gone", ""), ("500 Broken", "")] {
        let mut office = Office::new();
        let (_, notify) = watch(&mut office);
        office.receive(7001, notify.response(response, extra));
        assert_eq!(office.shards[0].stats().subscriptions_now, 0, "{response}");
        assert_eq!(office.shards[0].stats().notify_failures, 1);
    }
    let mut office = Office::new();
    let (_, notify) = watch(&mut office);
    office.receive(7001, notify.response("503 Busy", "Retry-After: 10 (later)\r\n"));
    assert!(office.pass(Duration::from_millis(9_900)).is_empty());
    let sent = office.pass(Duration::from_millis(100));
    assert_eq!(sent[0].lamps(), "active;expires=290 full: ");
    assert_eq!(sent[0].line("CSeq"), "2 NOTIFY");
    // Nobody answers: Timer F.
    for _ in 0..70 {
        office.pass(Duration::from_millis(500));
    }
    assert_eq!(office.shards[0].stats().subscriptions_now, 0);
}

/// Cal calls bob, who is watched by ann; gives what goes to bob's phone.
fn call_bob(office: &mut Office) -> Vec<Sent> {
    office.request("INVITE", 7003, CALL)
}

const CALL: Request<'static> =
    Request { user: "bob", from: "cal", call: "c1", to_tag: "", cseq: 1, fields: "" };

fn take(sent: &mut Vec<Sent>, start: &str) -> Sent {
    let at = sent.iter().position(|s| s.first().starts_with(start)).unwrap();
    sent.remove(at)
}

/// An office in which ann watches bob, on as many shards, and has been told that he has no calls.
fn watched(shards: u16) -> (Office, String) {
    let mut office = Office::with(shards, |_| {});
    office.register("bob", 7002);
    let mut sent = office.request("SUBSCRIBE", 7001, WATCH);
    let tag = tag_of(&take(&mut sent, "SIP/2.0 200"));
    assert_eq!(lamps(&mut office, sent), ["active;expires=300 full: "]);
    office.pass(Duration::from_millis(500));
    (office, tag)
}

#[test]
fn a_lamp_follows_a_call_from_the_first_ring_to_the_end() {
    for shards in [1, 3] {
        let (mut office, _) = watched(shards);
        let mut sent = call_bob(&mut office);
        let invite = take(&mut sent, "INVITE");
        let notify = take(&mut sent, "NOTIFY");
        assert_eq!(notify.lamps(), "active;expires=299 partial: recipient trying", "{shards}");
        // One NOTIFY at a time, and not too fast: what happens meanwhile is told together.
        office.receive(
            7002,
            invite.response("180 Ringing", "Contact: <sip:bob@198.51.100.1:7002>\r\n"),
        );
        assert!(answer(&mut office, &notify).is_empty());
        let mut sent = office.pass(Duration::from_millis(500));
        let notify = take(&mut sent, "NOTIFY");
        assert_eq!(notify.lamps(), "active;expires=299 partial: recipient early");
        let tag = invite.line("From").split("tag=").nth(1).unwrap();
        let id = format!(
            "call-id=\"{}\" local-tag=\"phone\" remote-tag=\"{tag}\"",
            invite.line("Call-ID")
        );
        assert!(notify.body().contains(&id), "{}", notify.body());
        assert!(notify.body().contains("<remote><identity>sip:cal@office.test</identity>"));
        assert!(notify.body().contains("version=\"2\""));
        answer(&mut office, &notify);
        office.pass(Duration::from_millis(500));
        let mut sent = office
            .receive(7002, invite.response("200 OK", "Contact: <sip:bob@198.51.100.1:7002>\r\n"));
        assert_eq!(
            lamps(&mut office, vec![take(&mut sent, "NOTIFY")]),
            ["active;expires=298 partial: recipient confirmed"]
        );
        let ok = take(&mut sent, "SIP/2.0 200");
        let bye = Request { to_tag: &tag_of(&ok), cseq: 2, ..CALL };
        office.pass(Duration::from_millis(500));
        let sent = office.request("BYE", 7003, bye);
        assert_eq!(lamps(&mut office, sent), ["active;expires=298 partial: recipient terminated"]);
    }
}

#[test]
fn who_comes_late_is_told_of_the_calls_that_stand_on_every_shard() {
    for shards in [1, 3] {
        let mut office = Office::with(shards, |_| {});
        office.register("bob", 7002);
        let mut invites = Vec::new();
        for call in ["c1", "c2", "c3", "c4"] {
            invites.push(take(
                &mut office.request("INVITE", 7003, Request { call, ..CALL }),
                "INVITE",
            ));
        }
        let mut sent = office.request("SUBSCRIBE", 7001, WATCH);
        assert_eq!(take(&mut sent, "SIP/2.0").first(), "SIP/2.0 200 OK");
        let told = lamps(&mut office, sent);
        let trying = ["recipient trying"; 4].join(", ");
        assert_eq!(told, [format!("active;expires=300 full: {trying}")], "{shards}");
        office.pass(Duration::from_millis(500));
        let mut sent = Vec::new();
        for invite in invites {
            sent.extend(office.receive(7002, invite.response("486 Busy Here", "")));
        }
        let first = lamps(&mut office, sent);
        assert_eq!(first, ["active;expires=299 partial: recipient terminated"]);
        let sent = office.pass(Duration::from_millis(500));
        let over = ["recipient terminated"; 3].join(", ");
        assert_eq!(lamps(&mut office, sent), [format!("active;expires=299 partial: {over}")]);
    }
}

#[test]
fn a_shard_that_does_not_answer_keeps_a_subscriber_waiting_no_longer_than_the_gather_time() {
    let mut office = Office::with(2, |_| {});
    // The subscription's shard alone: what it says to the other is lost.
    let text = |office: &mut Office| office.request("SUBSCRIBE", 7001, WATCH);
    office.is_deaf = true;
    assert_eq!(firsts(&text(&mut office)), ["SIP/2.0 200 OK"]);
    assert!(office.pass(Duration::from_millis(199)).is_empty());
    assert_eq!(firsts(&office.pass(Duration::from_millis(1))), [NOTIFY]);
}

#[test]
fn a_caller_is_watched_too_and_who_wants_to_be_nobody_is() {
    let (mut office, _) = watched(1);
    office.request("SUBSCRIBE", 7001, Request { user: "cal", call: "w2", ..WATCH });
    office.pass(Duration::from_millis(500));
    let private = Request { fields: "Privacy: id\r\n", ..CALL };
    let mut sent = office.request("INVITE", 7003, private);
    let of_bob = take(&mut sent, "NOTIFY");
    assert!(
        of_bob.body().contains("<identity display=\"Anonymous\">sip:anonymous@anonymous.invalid<")
    );
    assert!(!of_bob.body().contains("cal@"), "{}", of_bob.body());
}

#[test]
fn a_notify_too_large_for_a_datagram_takes_a_connection_and_falls_back() {
    let mut office = Office::with(1, |config| config.udp_request_max = 500);
    let sent = office.request("SUBSCRIBE", 7001, WATCH);
    assert_eq!((sent[1].first(), sent[1].over), (NOTIFY, Transport::Tcp));
    let flow = Office::flow(7001, Transport::Tcp, 1);
    let sent = office.input(model::Shard(0), crate::Input::TransportError { flow });
    assert_eq!((sent[0].first(), sent[0].over), (NOTIFY, Transport::Udp));
    answer(&mut office, &sent[0]);
    assert_eq!(office.shards[0].stats().subscriptions_now, 1);
}

#[test]
fn a_switch_that_stops_ends_its_subscriptions_so_that_phones_subscribe_anew() {
    let (mut office, tag) = watched(1);
    let sent = office.input(model::Shard(0), crate::Input::Command(crate::Command::Drain));
    assert_eq!(sent[0].line("Subscription-State"), "terminated;reason=deactivated");
    let sent = office.request("SUBSCRIBE", 7001, Request { call: "w2", ..WATCH });
    assert_eq!(sent[0].first(), "SIP/2.0 503 Service Unavailable");
    let sent = office.request("SUBSCRIBE", 7001, Request { to_tag: &tag, cseq: 2, ..WATCH });
    assert_eq!(sent[0].first(), "SIP/2.0 481 Call/Transaction Does Not Exist");
}
