#![allow(clippy::unwrap_used)]
//! MESSAGE outside of calls, message by message. Beside the subscriptions because it is tried in their office.

use std::time::Duration;

use super::bench::{Office, Request, Sent, firsts};

const TEXT: Request<'static> = Request {
    user: "bob",
    from: "ann",
    call: "m1",
    to_tag: "",
    cseq: 1,
    fields: "Subject: tea\r\nContent-Type: text/plain\r\n",
};

fn text(office: &mut Office, what: Request<'_>) -> Vec<Sent> {
    office.request("MESSAGE", 7001, what)
}

#[test]
fn a_text_goes_to_every_contact_and_the_first_that_takes_it_answers() {
    let mut office = Office::new();
    office.register("bob", 7002);
    office.register("bob", 7003);
    let sent = text(&mut office, TEXT);
    let mut to: Vec<u16> = sent.iter().map(|sent| sent.to).collect();
    to.sort_unstable();
    assert_eq!(to, [7002, 7003]);
    let one = &sent[0];
    assert_eq!(one.first(), format!("MESSAGE sip:bob@198.51.100.1:{} SIP/2.0", one.to));
    assert_eq!(one.line("Subject"), "tea");
    assert_eq!(one.line("Max-Forwards"), "69");
    assert!(one.line("From").starts_with("<sip:ann@office.test>;tag="));
    assert_eq!(one.line("To"), "<sip:bob@office.test>");
    assert_ne!(one.line("Call-ID"), "m1");
    assert!(office.receive(sent[0].to, sent[0].response("486 Busy Here", "")).is_empty());
    let answer = office.receive(sent[1].to, sent[1].response("202 Accepted", ""));
    assert_eq!(firsts(&answer), ["SIP/2.0 202 Accepted"]);
    assert_eq!((answer[0].to, answer[0].line("Call-ID")), (7001, "m1"));
}

#[test]
fn where_nobody_takes_it_the_best_refusal_is_told() {
    let mut office = Office::new();
    office.register("bob", 7002);
    office.register("bob", 7003);
    let sent = text(&mut office, TEXT);
    office.receive(sent[0].to, sent[0].response("500 Broken", ""));
    let answer = office.receive(sent[1].to, sent[1].response("415 No", ""));
    assert_eq!(firsts(&answer), ["SIP/2.0 415 Unsupported Media Type"]);
}

#[test]
fn a_phone_that_says_nothing_leaves_the_sender_to_its_own_timer() {
    let mut office = Office::new();
    office.register("bob", 7002);
    assert_eq!(text(&mut office, TEXT).len(), 1);
    let mut last = Vec::new();
    for _ in 0..70 {
        last.extend(office.pass(Duration::from_millis(500)));
    }
    // RFC 4320 section 4.2: a 408 would come too late to be of use.
    assert!(firsts(&last).iter().all(|first| first.starts_with("MESSAGE ")), "{:?}", firsts(&last));
    assert!(office.shards[0].is_idle());
}

#[test]
fn what_cannot_be_brought_is_refused() {
    let mut office = Office::with(1, |config| config.limits.texts_max = 1);
    let mut refused = |what: Request<'_>| text(&mut office, what)[0].first().to_owned();
    assert_eq!(refused(TEXT), "SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(refused(Request { user: "nobody", cseq: 2, ..TEXT }), "SIP/2.0 404 Not Found");
    assert_eq!(
        refused(Request { fields: "Require: smell\r\n", cseq: 3, ..TEXT }),
        "SIP/2.0 420 Bad Extension"
    );
    office.register("bob", 7002);
    assert!(text(&mut office, Request { cseq: 4, ..TEXT })[0].first().starts_with("MESSAGE "));
    let sent = text(&mut office, Request { cseq: 5, ..TEXT });
    assert_eq!(sent[0].first(), "SIP/2.0 503 Service Unavailable");
}
