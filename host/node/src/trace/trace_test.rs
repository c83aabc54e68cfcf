#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use futures_core::Stream;
use model::{ListenerId, Transport};
use tokio::sync::Semaphore;

use super::*;
use crate::{clock::Clock, http::view::TraceLine};

fn message(user: &str, call_id: &str) -> Bytes {
    let text = format!(
        "INVITE sip:{user}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:1000@192.0.2.1>;tag=a\r\n\
         To: <sip:{user}@192.0.2.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Authorization: Digest username=\"1000\",\r\n response=\"deadbeef\"\r\nContent-Length: 0\r\n\r\n"
    );
    text.into_bytes().into()
}

fn flow(peer: &str) -> Flow {
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer: peer.parse().unwrap() }
}

/// What a watch shows of what a tap was handed.
fn watched(what: What, full: bool, passes: &[(&str, Bytes)]) -> Vec<TraceLine> {
    let (mut taps, receiver) = Tap::new(1, 100);
    for (peer, bytes) in passes {
        assert!(taps[0].pass(Instant::ZERO, true, flow(peer), bytes));
    }
    drop(taps);
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let listeners = vec!["udp".to_owned()];
    let mut lines = Lines { receiver, what, full, clock: Clock::start(), listeners, permit };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        while let Some(Ok(line)) =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut lines).poll_next(context)).await
        {
            all.push(serde_json::from_slice(&line).unwrap());
        }
        all
    })
}

fn call_ids(lines: &[TraceLine]) -> Vec<&str> {
    lines.iter().map(|line| line.call_id.as_str()).collect()
}

#[test]
fn a_watch_sees_a_user_an_address_a_call_or_everything() {
    let passes = [
        ("192.0.2.9:5060", message("2000", "one")),
        ("192.0.2.8:5070", message("3000", "two")),
        ("192.0.2.8:5070", Bytes::from_static(b"noise")),
    ];
    let seen = |text: &str, ids: &[&str]| {
        let what = What::new(text, ids.iter().map(|id| (*id).to_owned()));
        call_ids(&watched(what, false, &passes)).join(" ")
    };
    assert_eq!(seen("", &[]), "one two");
    assert_eq!(seen("2000", &[]), "one");
    assert_eq!(seen("1000", &[]), "one two");
    assert_eq!(seen("192.0.2.8", &[]), "two");
    assert_eq!(seen("192.0.2.9:5060", &[]), "one");
    assert_eq!(seen("two", &[]), "two");
    assert_eq!(seen("", &["two"]), "two");
    assert_eq!(seen("20", &[]), "");
}

#[test]
fn the_rest_of_a_dialog_is_seen_too() {
    let passes =
        [("192.0.2.9:5060", message("2000", "one")), ("192.0.2.7:5060", message("4000", "one"))];
    let lines = watched(What::new("2000", []), false, &passes);
    assert_eq!(lines[1].label, "INVITE sip:4000@192.0.2.1");
}

#[test]
fn a_line_tells_what_passed_and_hides_what_would_let_another_in() {
    let lines = watched(What::default(), true, &[("192.0.2.9:5060", message("2000", "one"))]);
    let line = &lines[0];
    assert_eq!((line.direction.as_str(), line.transport.as_str()), ("in", "udp"));
    assert_eq!((line.listener.as_str(), line.peer.as_str()), ("udp", "192.0.2.9:5060"));
    assert_eq!(
        (line.label.as_str(), line.cseq.as_str()),
        ("INVITE sip:2000@192.0.2.1", "1 INVITE")
    );
    let text = line.text.as_deref().unwrap();
    assert!(text.contains("\r\nAuthorization: (hidden)\r\nContent-Length: 0\r\n"), "{text}");
    assert!(!text.contains("deadbeef"), "{text}");
}

#[test]
fn a_slow_reader_misses_messages_and_is_told_how_many() {
    let (mut taps, mut receiver) = Tap::new(1, 1);
    let mut pass = || taps[0].pass(Instant::ZERO, false, flow("192.0.2.9:1"), &message("2", "x"));
    assert!(pass() && pass() && pass());
    assert_eq!(receiver.try_recv().unwrap().missed, 0);
    assert!(pass());
    assert_eq!(receiver.try_recv().unwrap().missed, 2);
    drop(receiver);
    assert!(!pass());
}
