#![allow(clippy::unwrap_used)]
//! Contacts behind proxies (RFC 3327), message by message.

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use model::{
    Aor, Binding, Directory, Flow, Instant, ListenerId, Membership, Secret, Transport,
    hook::{Answer, Decision, Hook, Verdict},
};

use crate::{Input, Output, Switch, trunk::bench::Bench};

#[derive(Default)]
struct Book(RefCell<BTreeMap<Aor, Arc<[Binding]>>>);

impl Directory for Book {
    fn bindings(&self, aor: &Aor) -> Option<Arc<[Binding]>> {
        self.0.borrow().get(aor).cloned()
    }

    fn membership(&self, _: &Aor) -> Membership {
        Membership::Subscriber
    }

    fn secret(&self, _: &Aor) -> Option<Arc<Secret>> {
        None
    }
}

const EDGE: ([u8; 4], u16) = ([203, 0, 113, 7], 5060);
const CALLER: ([u8; 4], u16) = ([198, 51, 100, 1], 5060);

/// What goes out, with where to; registrations go into the book and questions are left to the built-in default.
fn receive(switch: &mut Switch, book: &Book, from: ([u8; 4], u16), text: String) -> Vec<String> {
    let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer: from.into() };
    let now = Instant::from_nanos(1_000_000_000);
    switch.handle_input(now, book, Input::Datagram { flow, bytes: Bytes::from(text) });
    let mut sent = Vec::new();
    while let Some(output) = switch.poll_output() {
        match output {
            Output::Transmit { flow, bytes } => {
                sent.push(format!("> {}\r\n{}", flow.peer, String::from_utf8_lossy(&bytes)));
            }
            Output::Publish(publish) => {
                book.0.borrow_mut().insert(publish.aor, publish.bindings);
            }
            Output::Ask(question) => {
                let decision = Decision::of(Hook::Route, 0);
                let (id, verdict) = (question.id, Verdict::BuiltIn);
                let answer = Answer { id, verdict, amended: None, pin: None, decision };
                switch.handle_input(now, book, Input::Answer(answer));
            }
            _ => {}
        }
    }
    sent
}

fn register(switch: &mut Switch, book: &Book, more: &str) -> String {
    let text = format!(
        "REGISTER sip:office.test SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7;branch=z9hG4bKp{}\r\n\
         Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKr\r\nFrom: <sip:2000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\n\
         Call-ID: r\r\nCSeq: {} REGISTER\r\nMax-Forwards: 69\r\nContact: <sip:2000@10.0.0.5:5080>\r\n{more}\
         Content-Length: 0\r\n\r\n",
        more.len(),
        more.len() + 1,
    );
    receive(switch, book, EDGE, text).pop().unwrap()
}

fn invite(switch: &mut Switch, book: &Book) -> String {
    let text = "INVITE sip:2000@office.test SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKi\r\n\
         From: <sip:1000@office.test>;tag=a\r\nTo: <sip:2000@office.test>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\nContact: <sip:1000@198.51.100.1>\r\nContent-Length: 0\r\n\r\n";
    receive(switch, book, CALLER, text.to_owned()).pop().unwrap()
}

fn switch() -> (Switch, Book) {
    (Switch::new(Bench::config(Vec::new(), None)), Book::default())
}

#[test]
fn a_contact_behind_proxies_is_called_by_the_way_it_registered() {
    let (mut switch, book) = switch();
    let path = "Path: <sip:edge@203.0.113.7;lr>, <sip:10.0.0.1;lr>\r\nPath: <sip:10.0.0.2;lr>\r\n";
    let answer = register(&mut switch, &book, &format!("Supported: gruu, path\r\n{path}"));
    assert!(answer.starts_with("> 203.0.113.7:5060\r\nSIP/2.0 200 OK"), "{answer}");
    assert!(answer.contains(path), "{answer}");
    let invite = invite(&mut switch, &book);
    assert!(
        invite.starts_with("> 203.0.113.7:5060\r\nINVITE sip:2000@10.0.0.5:5080 SIP/2.0"),
        "{invite}"
    );
    let route = "Route: <sip:edge@203.0.113.7;lr>, <sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>\r\n";
    assert!(invite.contains(route), "{invite}");
}

#[test]
fn a_phone_that_knows_no_path_is_told_of_none_and_reached_by_it_all_the_same() {
    let (mut switch, book) = switch();
    let answer = register(&mut switch, &book, "Path: <sip:203.0.113.8:5070;lr>\r\n");
    assert!(answer.contains("200 OK") && !answer.contains("Path:"), "{answer}");
    let peer: SocketAddr = book.bindings(&Aor::new("2000", "office.test")).unwrap()[0].flow.peer;
    assert_eq!(peer, ([203, 0, 113, 8], 5070).into(), "the proxy that the path names");
    assert!(invite(&mut switch, &book).contains("Route: <sip:203.0.113.8:5070;lr>\r\n"));
}

#[test]
fn a_path_that_cannot_be_read_is_a_bad_request_and_one_with_a_name_goes_back_where_it_came_from() {
    let (mut switch, book) = switch();
    assert!(
        register(&mut switch, &book, "Path: <no uri>\r\n")
            .contains("SIP/2.0 400 Path cannot be read")
    );
    assert_eq!(book.bindings(&Aor::new("2000", "office.test")), None);
    register(&mut switch, &book, "Path: <sip:edge.example;lr>\r\n");
    assert!(invite(&mut switch, &book).starts_with("> 203.0.113.7:5060\r\nINVITE "));
}
