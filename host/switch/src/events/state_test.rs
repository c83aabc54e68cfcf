#![allow(clippy::unwrap_used)]
//! Voice messages and presence, message by message.

use std::time::Duration;

use model::{Aor, MessageCount, Shard};

use super::{
    Word,
    bench::{Office, Request, Sent, WATCH, firsts},
};
use crate::Input;

fn answer(office: &mut Office, notify: &Sent) -> Vec<Sent> {
    office.receive(7001, notify.response("200 OK", ""))
}

/// The document of the next NOTIFY, which is answered, and what it says of the subscription.
fn told(office: &mut Office, mut sent: Vec<Sent>) -> (String, String) {
    let at = sent.iter().position(|s| s.first().starts_with("NOTIFY")).unwrap();
    let notify = sent.remove(at);
    answer(office, &notify);
    (notify.line("Subscription-State").to_owned(), notify.body().to_owned())
}

fn change(office: &mut Office, user: &str) -> Vec<Sent> {
    let aor = Aor::new(user, "office.test");
    office.input(Shard(0), Input::Told(Word::Changed { aor }))
}

const OWN: Request<'static> = Request {
    user: "ann",
    fields: "Event: message-summary\r\nAccept: application/simple-message-summary\r\nExpires: 300\r\n",
    ..WATCH
};

fn summary(waiting: &str, counts: &str) -> String {
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: sip:ann@office.test\r\nVoice-Message: {counts}\r\n"
    )
}

#[test]
fn a_phone_is_told_of_its_messages_and_of_every_change() {
    let mut office = Office::new();
    let sent = office.request("SUBSCRIBE", 7001, OWN);
    assert_eq!(sent[1].line("Content-Type"), "application/simple-message-summary");
    assert_eq!(told(&mut office, sent).1, summary("no", "0/0 (0/0)"));
    office.pass(Duration::from_millis(500));
    assert!(change(&mut office, "ann").is_empty(), "nothing is new");
    let count = MessageCount { new: 2, old: 1, urgent_new: 1, urgent_old: 0 };
    office.book.messages.borrow_mut().insert(Aor::new("ann", "office.test"), count);
    assert!(change(&mut office, "bob").is_empty());
    let sent = change(&mut office, "ann");
    assert_eq!(told(&mut office, sent).1, summary("yes", "2/1 (1/0)"));
}

#[test]
fn a_mailbox_is_nobody_elses_business() {
    let mut office = Office::new();
    let sent = office.request("SUBSCRIBE", 7001, Request { user: "bob", ..OWN });
    assert_eq!(firsts(&sent), ["SIP/2.0 403 Forbidden"]);
}

#[test]
fn packages_that_are_off_are_not_there() {
    let mut office = Office::with(1, |config| config.events.message_summary = false);
    let sent = office.request("SUBSCRIBE", 7001, OWN);
    assert_eq!(sent[0].first(), "SIP/2.0 489 Bad Event");
    assert_eq!(sent[0].line("Allow-Events"), "dialog, presence");
}

#[test]
fn presence_is_where_a_user_is_registered_and_what_it_does() {
    let mut office = Office::new();
    let watch = Request { fields: "Event: presence\r\nExpires: 300\r\n", ..WATCH };
    let sent = office.request("SUBSCRIBE", 7001, watch);
    let (_, document) = told(&mut office, sent);
    assert!(document.contains("<basic>closed</basic></status><note>Offline<"), "{document}");
    office.pass(Duration::from_millis(500));
    let sent = office.register("bob", 7002);
    let (_, document) = told(&mut office, sent);
    assert!(document.contains("<basic>open</basic></status><note>Online<"), "{document}");
    office.pass(Duration::from_millis(500));
    let call = Request { user: "bob", from: "cal", call: "c1", to_tag: "", cseq: 1, fields: "" };
    let sent = office.request("INVITE", 7003, call);
    let (_, document) = told(&mut office, sent);
    assert!(document.contains("<note>On the phone<"), "{document}");
    assert!(document.contains("<rpid:on-the-phone/>"), "{document}");
    office.pass(Duration::from_millis(500));
    let cancelled = office.request("CANCEL", 7003, call);
    assert!(!cancelled.is_empty());
}

#[test]
fn what_is_switched_off_ends_and_all_is_known_when_it_is_switched_on_again() {
    let mut office = Office::new();
    let configure = |office: &mut Office, on: bool| {
        let mut settings = office.shards[0].tables.config.settings();
        (settings.events.dialog, settings.events.presence) = (on, on);
        office.input(Shard(0), Input::Configure(Box::new(settings)))
    };
    let call = |n: &'static str| Request { user: "bob", from: "cal", call: n, ..WATCH };
    let invite =
        |office: &mut Office, n| office.request("INVITE", 7003, Request { fields: "", ..call(n) });
    let dialogs = |document: &str| document.matches("<dialog ").count();
    office.register("bob", 7002);
    invite(&mut office, "c1");
    let sent = office.request("SUBSCRIBE", 7001, WATCH);
    assert_eq!(dialogs(&told(&mut office, sent).1), 1);
    office.pass(Duration::from_millis(500));

    let sent = configure(&mut office, false);
    assert_eq!(told(&mut office, sent).0, "terminated;reason=rejected");
    assert_eq!(office.shards[0].stats().subscriptions_now, 0);
    let sent = office.request("SUBSCRIBE", 7001, Request { call: "w2", ..WATCH });
    assert_eq!(sent[0].first(), "SIP/2.0 489 Bad Event");
    invite(&mut office, "c2");

    configure(&mut office, true);
    let sent = office.request("SUBSCRIBE", 7001, Request { call: "w3", ..WATCH });
    assert_eq!(dialogs(&told(&mut office, sent).1), 2);
}
