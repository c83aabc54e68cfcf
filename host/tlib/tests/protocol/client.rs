//! The client's side of a connection, against the server's.

use std::time::Duration;

use bytes::Bytes;
use model::Instant;
use proptest::prelude::*;
use tlib::{
    Attribute, Client, ClientConfig, ErrorCode, Event, Form, Message, MessageType, Session,
    SessionConfig,
    client::{ClientEnd, ClientOutput, NotSent},
    session::{CloseReason, Input, Output},
};

use crate::session::{at, link, outputs, session};

struct Pair {
    client: Client,
    server: Session,
}

fn told(client: &mut Client) -> Vec<ClientOutput> {
    std::iter::from_fn(|| client.poll_output()).collect()
}

impl Pair {
    fn new(config: ClientConfig) -> Self {
        let form = config.form;
        let client = Client::new(config, Instant::ZERO);
        Self { client, server: session(SessionConfig { form, ..SessionConfig::DEFAULT }) }
    }

    /// Carries what either has written to the other until there is nothing more.
    fn carry(&mut self, now: f64) {
        loop {
            let up = self.client.take_writes(usize::MAX);
            let down = self.server.take_writes(usize::MAX);
            if up.is_empty() && down.is_empty() {
                return;
            }
            up.into_iter().for_each(|bytes| self.server.handle_input(at(now), Input::Bytes(bytes)));
            down.into_iter().for_each(|bytes| self.client.handle_bytes(at(now), bytes));
        }
    }

    fn registered(config: ClientConfig) -> Self {
        let mut pair = Self::new(config);
        pair.carry(0.0);
        assert!(matches!(&outputs(&mut pair.server)[..], [Output::Register(_)]));
        pair.server.handle_input(at(0.0), Input::Accept(link()));
        pair.carry(0.0);
        assert!(matches!(&told(&mut pair.client)[..], [ClientOutput::Registered(_)]));
        pair
    }

    fn answer(&mut self, event: Message, reference: Option<u32>) {
        let form = self.server.form();
        self.server.send(&Event::from(event).outgoing(form, reference));
    }
}

fn config() -> ClientConfig {
    ClientConfig { password: "secret".into(), ..ClientConfig::new("desk") }
}

fn make_call() -> Message {
    Message::new(MessageType::RequestMakeCall).with(Attribute::ThisDN, "2001")
}

#[test]
fn a_request_is_matched_with_its_answer_once() {
    for form in [Form::Wire, Form::Json] {
        let mut pair = Pair::registered(ClientConfig { form, ..config() });
        let reference = pair.client.request(at(0.0), make_call()).unwrap();
        assert_eq!(reference, 2);
        pair.carry(0.0);
        let asked = make_call().with(Attribute::ReferenceID, reference);
        assert_eq!(outputs(&mut pair.server), [Output::Request(asked)]);
        let dialing = || Message::new(MessageType::EventDialing);
        pair.answer(Message::new(MessageType::EventRinging), None);
        pair.answer(dialing(), Some(99));
        pair.answer(dialing(), Some(reference));
        pair.answer(dialing(), Some(reference));
        pair.carry(0.0);
        let answers: Vec<Option<u32>> = told(&mut pair.client)
            .into_iter()
            .map(|output| match output {
                ClientOutput::Event { answers, .. } => answers,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(answers, [None, None, Some(reference), None]);
        assert_eq!(pair.client.pending(), 0);
    }
}

#[test]
fn a_request_without_an_answer_is_given_up() {
    let never = Some(Duration::ZERO);
    let mut pair = Pair::registered(ClientConfig { keep_alive_timeout: never, ..config() });
    let first = pair.client.request(at(0.0), make_call()).unwrap();
    let second = pair.client.request(at(1.0), make_call()).unwrap();
    assert_eq!(pair.client.poll_timeout(), Some(at(30.0)));
    pair.answer(Message::new(MessageType::EventDialing), Some(first));
    pair.carry(1.0);
    told(&mut pair.client);
    assert_eq!(pair.client.poll_timeout(), Some(at(31.0)));
    pair.client.handle_timeout(at(31.0));
    assert_eq!(told(&mut pair.client), [ClientOutput::Unanswered(second)]);
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn requests_are_refused_before_registration_and_over_the_bounds() {
    let mut pair = Pair::new(config());
    assert_eq!(pair.client.request(at(0.0), make_call()), Err(NotSent::NotRegistered));
    let mut pair = Pair::registered(ClientConfig { pending_max: 1, ..config() });
    assert_eq!(pair.client.request(at(0.0), make_call()), Ok(2));
    assert_eq!(pair.client.request(at(0.0), make_call()), Err(NotSent::Pending));
    let mut pair = Pair::registered(ClientConfig { queue_messages_max: 1, ..config() });
    assert_eq!(pair.client.request(at(0.0), make_call()), Ok(2));
    assert_eq!(pair.client.request(at(0.0), make_call()), Err(NotSent::Full));
    assert_eq!(pair.client.pending(), 1);
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let mut pair = Pair::new(config());
    pair.carry(0.0);
    let refuse = Input::Refuse(ErrorCode::BadPassword, "bad password".into());
    pair.server.handle_input(at(0.0), refuse);
    pair.carry(0.0);
    let end = ClientEnd::Refused { code: 119, text: "bad password".into() };
    assert_eq!(told(&mut pair.client), [ClientOutput::Closed(end)]);
}

#[test]
fn a_registration_that_nobody_answers_ends() {
    let mut pair = Pair::new(config());
    assert_eq!(pair.client.poll_timeout(), Some(at(10.0)));
    pair.client.handle_timeout(at(10.0));
    let end = ClientEnd::NotRegistered(Duration::from_secs(10));
    assert_eq!(told(&mut pair.client), [ClientOutput::Closed(end)]);
}

#[test]
fn both_sides_keep_a_silent_connection_alive() {
    let seconds = |n| Some(Duration::from_secs(n));
    let mut pair = Pair::registered(ClientConfig {
        keep_alive_timeout: seconds(3),
        keep_alive_remote_timeout: seconds(7),
        ..config()
    });
    for second in 1..100 {
        let now = f64::from(second);
        pair.client.handle_timeout(at(now));
        pair.server.handle_timeout(at(now));
        pair.carry(now);
    }
    assert_eq!(told(&mut pair.client), []);
    assert_eq!(outputs(&mut pair.server), []);
    // The client polls each third second, so that the server never has to.
    assert_eq!(pair.server.stats().received, 1 + 33);
    let dead = Some(at(102.0));
    assert_eq!(pair.client.poll_timeout(), dead);
    pair.client.handle_timeout(at(102.0));
    pair.client.handle_timeout(at(105.0));
    let end = ClientEnd::Silent(Duration::from_secs(6));
    assert_eq!(told(&mut pair.client), [ClientOutput::Closed(end)]);
}

#[test]
fn an_event_that_is_not_known_is_skipped_and_garbage_ends_the_connection() {
    let mut pair = Pair::registered(config());
    let unknown = Bytes::from_static(&[0, 0, 0, 4, 0xc8, 0x3e, 0xf4, 0x03]);
    pair.client.handle_bytes(at(0.0), unknown);
    assert_eq!(told(&mut pair.client), []);
    pair.client.handle_bytes(at(0.0), Bytes::from_static(&[0, 0, 0, 1, 0xff]));
    let what = "a value is cut off, at byte 0 of the message".into();
    assert_eq!(told(&mut pair.client), [ClientOutput::Closed(ClientEnd::Malformed(what))]);
    pair.client.handle_closed();
    assert_eq!(told(&mut pair.client), []);
}

proptest! {
    /// Whatever a client sends, a session gives one end at most, no request before the registration, and never holds more than it may.
    #[test]
    fn a_session_keeps_its_bounds_whatever_comes(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..30),
        registers in any::<bool>(),
        reads in any::<bool>(),
    ) {
        let config = SessionConfig { queue_messages_max: 5, ..SessionConfig::DEFAULT };
        let mut server = session(config);
        if registers {
            let mut client = Client::new(ClientConfig::new("x"), Instant::ZERO);
            for bytes in client.take_writes(9) {
                server.handle_input(at(0.0), Input::Bytes(bytes));
            }
            server.handle_input(at(0.0), Input::Accept(link()));
            outputs(&mut server);
        }
        let mut closed = false;
        for chunk in chunks {
            server.handle_input(at(1.0), Input::Bytes(chunk.into()));
            if reads {
                server.take_writes(9);
            }
            prop_assert!(server.queued().1 <= 5);
            for output in outputs(&mut server) {
                prop_assert!(!closed);
                closed = matches!(output, Output::Closed(_));
                prop_assert!(registers || !matches!(output, Output::Request(_)));
            }
        }
        server.handle_input(at(9.0), Input::Closed);
        let last = outputs(&mut server);
        if closed {
            prop_assert_eq!(last, vec![]);
        } else {
            let gone = matches!(&last[..], [Output::Closed(CloseReason::Gone | CloseReason::Malformed(_) | CloseReason::Attempts(_))]);
            prop_assert!(gone, "{:?}", last);
        }
    }
}
