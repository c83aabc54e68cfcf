//! The server's side of a connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::Instant;
use tlib::{
    Attribute, ErrorCode, Event, Form, INPUT_MASK_BYTES, InputMask, Limits, Message, MessageType,
    PROTOCOL_VERSION, Session, SessionConfig,
    session::{CloseReason, Input, Outgoing, Output},
};

const UNIX: Duration = Duration::from_secs(1_700_000_000);

pub(crate) fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}

pub(crate) fn session(config: SessionConfig) -> Session {
    Session::new(config, Instant::ZERO, UNIX)
}

fn hello() -> Message {
    Message::new(MessageType::RequestRegisterClient)
        .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
        .with(Attribute::ApplicationName, "desk")
        .with(Attribute::ApplicationPassword, "secret")
        .with(Attribute::ReferenceID, 1_u32)
}

pub(crate) fn link() -> Message {
    Message::new(MessageType::EventLinkConnected).with(Attribute::SessionID, "s1")
}

fn bytes(session: &Session, message: &Message) -> Bytes {
    session.form().write(message)
}

fn put(session: &mut Session, now: f64, message: &Message) {
    let bytes = bytes(session, message);
    session.handle_input(at(now), Input::Bytes(bytes));
}

pub(crate) fn outputs(session: &mut Session) -> Vec<Output> {
    std::iter::from_fn(|| session.poll_output()).collect()
}

/// What was written, read again.
fn written(session: &mut Session) -> Vec<Message> {
    let limits = Limits::DEFAULT;
    let form = session.form();
    let read = |bytes: Bytes| match form {
        Form::Wire => Message::decode(&bytes[4..], &limits).unwrap(),
        Form::Json => Message::from_json(&bytes, &limits).unwrap(),
    };
    session.take_writes(usize::MAX).into_iter().map(read).collect()
}

/// A session whose client is registered at second 0.
fn registered(config: SessionConfig) -> Session {
    let mut session = session(config);
    put(&mut session, 0.0, &hello());
    assert!(matches!(&outputs(&mut session)[..], [Output::Register(_)]));
    session.handle_input(at(0.0), Input::Accept(link()));
    assert!(session.is_registered());
    session.take_writes(9);
    session
}

fn error(seconds: i64, code: ErrorCode, text: &str, reference: Option<u32>) -> Message {
    Message::new(MessageType::EventError)
        .with(Attribute::TimeinSecs, 1_700_000_000 + seconds)
        .with(Attribute::TimeinuSecs, 0_i64)
        .with(Attribute::ErrorCode, i64::from(code.number()))
        .with(Attribute::ErrorMessage, text)
        .with_some(Attribute::ReferenceID, reference)
}

fn request(reference: u32) -> Message {
    Message::new(MessageType::RequestMakeCall)
        .with(Attribute::ThisDN, "2001")
        .with(Attribute::ReferenceID, reference)
}

fn event(dn: &str) -> Event {
    Event::new(Message::new(MessageType::EventRinging).with(Attribute::ThisDN, dn).into(), Some(1))
}

#[test]
fn a_client_registers_and_asks() {
    for form in [Form::Wire, Form::Json] {
        let mut session = session(SessionConfig { form, ..SessionConfig::DEFAULT });
        put(&mut session, 0.0, &hello());
        let [Output::Register(registration)] = &outputs(&mut session)[..] else { panic!() };
        assert_eq!((&*registration.name, &*registration.password), ("desk", "secret"));
        assert_eq!((&*registration.version, &registration.message), (PROTOCOL_VERSION, &hello()));
        assert!(!session.is_registered());
        session.handle_input(at(2.5), Input::Accept(link()));
        let answer = link()
            .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
            .with(Attribute::KeepAliveTimeout, 30_000_i64)
            .with(Attribute::KeepAliveRemoteTimeout, 30_000_i64)
            .with(Attribute::ReferenceID, 1_u32)
            .with(Attribute::TimeinSecs, 1_700_000_002_i64)
            .with(Attribute::TimeinuSecs, 500_000_i64);
        assert_eq!(written(&mut session), [answer]);
        put(&mut session, 2.5, &request(7));
        assert_eq!(outputs(&mut session), [Output::Request(request(7))]);
        session.send(&event("2001").outgoing(form, None));
        session.send(&event("2002").outgoing(form, Some(7)));
        let sent = written(&mut session);
        assert_eq!(sent[0].reference_id(), None);
        assert_eq!((sent[1].reference_id(), session.stats().sent), (Some(7), 3));
    }
}

#[test]
fn before_it_is_registered_a_client_may_say_nothing_else() {
    let mut session = session(SessionConfig::DEFAULT);
    put(&mut session, 1.0, &request(5));
    let text = "RequestMakeCall before the client is registered";
    assert_eq!(written(&mut session), [error(1, ErrorCode::OutOfSequence, text, Some(5))]);
    put(&mut session, 1.0, &hello());
    assert_eq!(outputs(&mut session).len(), 1);
    put(&mut session, 1.0, &Message::new(MessageType::KeepAlivePoll));
    put(&mut session, 1.0, &request(6));
    assert_eq!(written(&mut session).len(), 2);
    let closed = Output::Closed(CloseReason::Attempts(3));
    assert_eq!(outputs(&mut session), [closed]);
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_client_that_does_not_register_is_closed() {
    let mut session = session(SessionConfig::DEFAULT);
    assert_eq!(session.poll_timeout(), Some(at(10.0)));
    session.handle_timeout(at(9.9));
    assert_eq!(outputs(&mut session), []);
    session.handle_timeout(at(10.0));
    let text = "not registered after 10s";
    assert_eq!(written(&mut session), [error(10, ErrorCode::Timeout, text, None)]);
    let closed = CloseReason::NotRegistered(Duration::from_secs(10));
    assert_eq!(outputs(&mut session), [Output::Closed(closed)]);
}

#[test]
fn another_version_is_told_which_there_are_and_may_try_again() {
    let mut session = session(SessionConfig::DEFAULT);
    put(&mut session, 0.0, &hello().with(Attribute::ProtocolVersion, "tserver protocol 4.2"));
    let text = "ProtocolVersion is \"tserver protocol 4.2\"; supported is \"jackfield tlib 1\"";
    assert_eq!(written(&mut session), [error(0, ErrorCode::ProtocolVersion, text, Some(1))]);
    put(&mut session, 0.0, &hello());
    assert_eq!(outputs(&mut session).len(), 1);
}

#[test]
fn a_client_without_a_name_and_a_wish_that_is_no_time_are_refused() {
    let mut session = session(SessionConfig::DEFAULT);
    put(&mut session, 0.0, &hello().with(Attribute::ApplicationName, ""));
    put(&mut session, 0.0, &hello().with(Attribute::KeepAliveTimeout, -1_i64));
    let (name, wish) =
        ("a client registers with an ApplicationName", "KeepAliveTimeout is -1, not milliseconds");
    let want = [name, wish].map(|text| error(0, ErrorCode::InvalidAttribute, text, Some(1)));
    assert_eq!(written(&mut session), want);
}

#[test]
fn a_registration_that_is_refused_is_answered_and_then_closed() {
    let mut session = session(SessionConfig::DEFAULT);
    put(&mut session, 0.0, &hello());
    outputs(&mut session);
    session.handle_input(at(2.0), Input::Refuse(ErrorCode::BadPassword, "bad password".into()));
    assert_eq!(outputs(&mut session), []);
    assert_eq!(session.poll_timeout(), Some(at(4.0)));
    let length: usize = session.writes().map(<[u8]>::len).sum();
    session.wrote(length - 1);
    assert_eq!(outputs(&mut session), []);
    session.wrote(1);
    let closed = Output::Closed(CloseReason::Refused("bad password".into()));
    assert_eq!(outputs(&mut session), [closed]);
}

#[test]
fn what_is_never_read_does_not_keep_a_session_from_closing() {
    let mut session = registered(SessionConfig::DEFAULT);
    session.send(&event("1").outgoing(Form::Wire, None));
    session.handle_input(at(1.0), Input::End("shutting down".into()));
    put(&mut session, 1.0, &request(1));
    assert!(!session.send(&event("1").outgoing(Form::Wire, None)), "nothing more is for it");
    session.handle_timeout(at(2.9));
    assert_eq!(outputs(&mut session), []);
    session.handle_timeout(at(3.0));
    assert_eq!(outputs(&mut session), [Output::Closed(CloseReason::Ended("shutting down".into()))]);
    session.handle_input(at(3.0), Input::Closed);
    assert_eq!(outputs(&mut session), []);
    assert_eq!(session.queued(), (0, 0));
}

#[test]
fn a_client_that_is_gone_is_closed_at_once() {
    let mut session = registered(SessionConfig::DEFAULT);
    session.handle_input(at(1.0), Input::Closed);
    assert_eq!(outputs(&mut session), [Output::Closed(CloseReason::Gone)]);
}

#[test]
fn a_silent_client_is_polled_and_then_closed() {
    let mut session = session(SessionConfig::DEFAULT);
    put(&mut session, 0.0, &hello().with(Attribute::KeepAliveRemoteTimeout, 5000_i64));
    outputs(&mut session);
    session.handle_input(at(0.0), Input::Accept(link()));
    let answer = written(&mut session).remove(0);
    assert_eq!(answer.int(Attribute::KeepAliveTimeout), Some(5000));
    assert_eq!(session.poll_timeout(), Some(at(5.0)));
    put(&mut session, 3.0, &request(1));
    assert_eq!(session.poll_timeout(), Some(at(8.0)));
    // Half a message of a WebSocket is a sign of life as well.
    session.handle_input(at(4.0), Input::Heard);
    assert_eq!(session.poll_timeout(), Some(at(9.0)));
    session.handle_timeout(at(9.0));
    assert_eq!(written(&mut session), [Message::new(MessageType::KeepAlivePoll)]);
    assert_eq!(session.poll_timeout(), Some(at(14.0)));
    put(&mut session, 9.25, &Message::new(MessageType::KeepAliveAnswer));
    assert_eq!(session.stats().round_trip, Some(Duration::from_millis(250)));
    session.handle_timeout(at(14.25));
    assert_eq!(written(&mut session).len(), 1);
    outputs(&mut session);
    session.handle_timeout(at(19.25));
    let closed = CloseReason::Silent(Duration::from_secs(10));
    assert_eq!(outputs(&mut session), [Output::Closed(closed)]);
}

#[test]
fn a_wish_is_kept_within_its_bounds_and_zero_is_never() {
    let timeouts = |own: i64, remote: i64| {
        let mut session = session(SessionConfig::DEFAULT);
        let hello = hello().with(Attribute::KeepAliveTimeout, own);
        put(&mut session, 0.0, &hello.with(Attribute::KeepAliveRemoteTimeout, remote));
        session.handle_input(at(0.0), Input::Accept(link()));
        let answer = written(&mut session).remove(0);
        let get = |attribute| answer.int(attribute).unwrap();
        let (ours, theirs) = (Attribute::KeepAliveTimeout, Attribute::KeepAliveRemoteTimeout);
        (get(ours), get(theirs), session.poll_timeout())
    };
    assert_eq!(timeouts(1, 0), (0, 1000, None));
    assert_eq!(timeouts(0, i64::MAX), (3_600_000, 0, Some(at(3600.0))));
}

#[test]
fn a_poll_of_the_client_is_answered_with_its_reference_id() {
    let mut session = registered(SessionConfig::DEFAULT);
    put(&mut session, 1.0, &Message::new(MessageType::KeepAlivePoll));
    let poll = Message::new(MessageType::KeepAlivePoll).with(Attribute::ReferenceID, 4_u32);
    put(&mut session, 1.0, &poll);
    let answer = Message::new(MessageType::KeepAliveAnswer);
    assert_eq!(written(&mut session), [answer.clone(), answer.with(Attribute::ReferenceID, 4_u32)]);
}

#[test]
fn a_mask_keeps_events_out_and_answers_never() {
    let mut session = registered(SessionConfig::DEFAULT);
    let mask = InputMask::ALL.without(MessageType::EventRinging);
    let mut byte = [0xff; INPUT_MASK_BYTES];
    byte[60 / 8] = 0b1110_1111;
    assert_eq!(mask.bytes(), &byte);
    let set = Message::new(MessageType::RequestSetInputMask)
        .with(Attribute::InputMask, Bytes::copy_from_slice(mask.bytes()))
        .with(Attribute::ReferenceID, 3_u32);
    put(&mut session, 0.0, &set);
    let ack = Message::new(MessageType::EventACK)
        .with(Attribute::TimeinSecs, 1_700_000_000_i64)
        .with(Attribute::TimeinuSecs, 0_i64)
        .with(Attribute::ReferenceID, 3_u32);
    assert_eq!(written(&mut session), [ack]);
    assert!(!session.send(&event("1").outgoing(Form::Wire, None)));
    assert_eq!((session.queued(), session.stats().masked), ((0, 0), 1));
    assert!(session.send(&event("1").outgoing(Form::Wire, Some(9))));
    let held = Event::from(Message::new(MessageType::EventHeld));
    assert!(session.send(&held.outgoing(Form::Wire, None)));
    assert_eq!(written(&mut session).len(), 2);

    let short = set.with(Attribute::InputMask, Bytes::from_static(&[0; 63]));
    put(&mut session, 0.0, &short);
    let text = "InputMask has 64 bytes";
    assert_eq!(written(&mut session), [error(0, ErrorCode::InvalidAttribute, text, Some(3))]);
    session.send(&event("1").outgoing(Form::Wire, None));
    assert_eq!(session.stats().masked, 2, "a mask that was refused changes nothing");
}

#[test]
fn every_event_of_the_interface_has_a_bit_and_our_own_have_none() {
    for kind in MessageType::ALL {
        assert_eq!(InputMask::NONE.lets(*kind), kind.is_keep_alive());
        assert!(InputMask::NONE.with(*kind).lets(*kind));
        assert_eq!(InputMask::ALL.without(*kind).lets(*kind), kind.is_keep_alive());
    }
}

#[test]
fn a_reference_id_of_zero_is_none_and_one_over_32_bits_is_refused() {
    let mut session = registered(SessionConfig::DEFAULT);
    put(&mut session, 0.0, &request(0));
    let mut without = request(0);
    without.remove(Attribute::ReferenceID);
    put(&mut session, 0.0, &without);
    put(&mut session, 0.0, &request(u32::MAX));
    let want = [without.clone(), without, request(u32::MAX)].map(Output::Request);
    assert_eq!(outputs(&mut session), want);
    put(&mut session, 0.0, &request(0).with(Attribute::ReferenceID, 1_i64 << 32));
    let text = "the ReferenceID 4294967296 is no positive number of 32 bits";
    assert_eq!(written(&mut session), [error(0, ErrorCode::InvalidAttribute, text, None)]);
}

#[test]
fn requests_over_the_limit_are_refused_and_a_flood_is_closed() {
    let config = SessionConfig {
        requests_per_second: 10,
        requests_burst: 3,
        refused_max: 2,
        ..SessionConfig::DEFAULT
    };
    let mut session = registered(config);
    for n in 1..=4 {
        put(&mut session, 0.0, &request(n));
    }
    assert_eq!(outputs(&mut session).len(), 3);
    let text = "more than 10 requests a second";
    assert_eq!(written(&mut session), [error(0, ErrorCode::CallRate, text, Some(4))]);
    put(&mut session, 0.0, &Message::new(MessageType::KeepAliveAnswer));
    assert_eq!(written(&mut session), [], "it was asked for, and is no request");
    put(&mut session, 0.1, &request(5));
    assert_eq!(outputs(&mut session), [Output::Request(request(5))], "a tenth of a second is one");
    put(&mut session, 0.1, &request(6));
    put(&mut session, 0.1, &request(7));
    assert_eq!(written(&mut session).len(), 2);
    assert_eq!(outputs(&mut session), [Output::Closed(CloseReason::Flood(2))]);
    assert_eq!(session.stats().refused, 3);
}

#[test]
fn what_a_request_was_the_work_of_is_taken_from_those_after_it() {
    let config =
        SessionConfig { requests_per_second: 10, requests_burst: 3, ..SessionConfig::DEFAULT };
    let mut session = registered(config);
    (1..=3).for_each(|n| put(&mut session, 0.0, &request(n)));
    assert_eq!(outputs(&mut session).len(), 3);
    assert!(session.admits(at(0.0), &request(1)));
    session.charge(at(0.0), 20);
    // It was taken before it was known what the first one costs.
    assert!(!session.admits(at(0.0), &request(2)));
    let text = "more than 10 requests a second";
    assert_eq!(written(&mut session), [error(0, ErrorCode::CallRate, text, Some(2))]);
    put(&mut session, 1.0, &request(4));
    put(&mut session, 2.0, &request(5));
    let errors = [(1, 4), (2, 5)].map(|(s, n)| error(s, ErrorCode::CallRate, text, Some(n)));
    assert_eq!(written(&mut session), errors);
    assert!(session.admits(at(2.0), &request(3)), "nothing is owed any more");
    put(&mut session, 2.1, &request(6));
    assert_eq!(outputs(&mut session), [Output::Request(request(6))]);
    session.handle_input(at(2.1), Input::End("enough".to_owned()));
    assert!(!session.admits(at(2.1), &request(6)), "a session that is over");
    assert_eq!(session.stats().refused, 3);
}

#[test]
fn more_than_a_turn_takes_waits_and_no_byte_of_it_is_lost() {
    let config = SessionConfig { turn_messages_max: 3, ..SessionConfig::DEFAULT };
    let mut session = registered(config);
    let mut all = BytesMut::new();
    (1..=8).for_each(|n| all.extend_from_slice(&bytes(&session, &request(n))));
    let (first, last) = (all.split_to(all.len() - 5).freeze(), all.freeze());
    session.handle_input(at(0.0), Input::Bytes(first));
    let mut taken = Vec::new();
    for (n, is_behind) in [(3, true), (6, true), (7, false)] {
        taken.extend(outputs(&mut session));
        assert_eq!((taken.len(), session.is_behind()), (n, is_behind));
        session.handle_input(at(0.0), Input::More);
    }
    session.handle_input(at(0.0), Input::Bytes(last));
    taken.extend(outputs(&mut session));
    assert_eq!(taken, Vec::from_iter((1..=8).map(|n| Output::Request(request(n)))));
}

#[test]
fn a_client_that_does_not_read_is_closed_and_its_memory_given_back() {
    let config = SessionConfig { queue_messages_max: 3, ..SessionConfig::DEFAULT };
    let mut session = registered(config);
    let out = event("1").outgoing(Form::Wire, None);
    (0..3).for_each(|_| assert!(session.send(&out)));
    assert_eq!(outputs(&mut session), []);
    assert_eq!(session.queued(), (3 * out.bytes.len(), 3));
    session.wrote(out.bytes.len() + 1);
    session.send(&out);
    session.send(&out);
    let bytes = 3 * out.bytes.len() - 1;
    let closed = Output::Closed(CloseReason::Slow { bytes, messages: 3 });
    assert_eq!(outputs(&mut session), [closed]);
    assert_eq!(session.queued(), (0, 0));

    let config = SessionConfig { queue_bytes_max: 100, ..SessionConfig::DEFAULT };
    let mut session = session_of(config);
    let out = Outgoing { bytes: Bytes::from_static(&[0; 60]), ..out };
    session.send(&out);
    session.send(&out);
    let closed = Output::Closed(CloseReason::Slow { bytes: 60, messages: 1 });
    assert_eq!(outputs(&mut session), [closed]);
}

fn session_of(config: SessionConfig) -> Session {
    let mut session = session(config);
    put(&mut session, 0.0, &hello());
    session.handle_input(at(0.0), Input::Accept(Message::new(MessageType::EventLinkConnected)));
    session.take_writes(1);
    outputs(&mut session);
    session
}

#[test]
fn what_is_written_in_part_goes_on_where_it_stopped() {
    for step in 1..40 {
        let mut session = registered(SessionConfig::DEFAULT);
        let mut want = BytesMut::new();
        for n in 0..5 {
            let out = event(&n.to_string()).outgoing(Form::Wire, Some(n));
            want.extend_from_slice(&out.bytes);
            session.send(&out);
        }
        let mut have = Vec::new();
        loop {
            let all: Vec<u8> = session.writes().flatten().copied().collect();
            if all.is_empty() {
                break;
            }
            let step = step.min(all.len());
            have.extend_from_slice(&all[..step]);
            session.wrote(step);
        }
        assert_eq!(have, want, "in steps of {step}");

        let out = event("1").outgoing(Form::Wire, None);
        session.send(&out);
        session.send(&out);
        session.wrote(step.min(out.bytes.len()));
        let rest = session.take_writes(9).concat();
        assert_eq!(rest, [&out.bytes[..], &out.bytes].concat()[step.min(out.bytes.len())..]);
        assert_eq!(session.queued(), (0, 0));
    }
}

#[test]
fn what_cannot_be_read_is_answered_and_does_not_go_on_for_ever() {
    let config = SessionConfig { malformed_max: 3, ..SessionConfig::DEFAULT };
    let mut session = registered(config);
    let frame = |body: &[u8]| Bytes::from([&[0, 0, 0, body.len() as u8], body].concat());
    session.handle_input(at(0.0), Input::Bytes(frame(&[0x10, 9, 0xc8, 0x3e, 0xf4, 0x03])));
    let text = "the message type 500 is not known";
    assert_eq!(written(&mut session), [error(0, ErrorCode::BadMessageType, text, Some(9))]);
    session.handle_input(at(0.0), Input::Bytes(frame(&[0xff])));
    let text = "a value is cut off, at byte 0 of the message";
    assert_eq!(written(&mut session), [error(0, ErrorCode::InvalidAttribute, text, None)]);
    put(&mut session, 0.0, &Message::new(MessageType::EventRinging));
    let text = "EventRinging is no request";
    assert_eq!(written(&mut session), [error(0, ErrorCode::BadMessageType, text, None)]);
    session.handle_input(at(0.0), Input::Bytes(frame(&[])));
    session.take_writes(1);
    let what = "there is no message type (field 1001), at byte 0 of the message".to_owned();
    assert_eq!(outputs(&mut session), [Output::Closed(CloseReason::Malformed(what))]);
}

#[test]
fn in_json_a_type_that_is_not_known_is_told_from_what_else_is_wrong() {
    let mut session = registered(SessionConfig { form: Form::Json, ..SessionConfig::DEFAULT });
    let mut answer = |text: &'static str| {
        session.handle_input(at(0.0), Input::Bytes(Bytes::from_static(text.as_bytes())));
        let answer = written(&mut session).remove(0);
        (answer.int(Attribute::ErrorCode).unwrap(), answer.reference_id())
    };
    assert_eq!(answer(r#"{"ReferenceID":3,"type":"EventNone"}"#), (102, Some(3)));
    assert_eq!(answer(r#"{"ReferenceID":3,"type":500}"#), (102, Some(3)));
    assert_eq!(answer(r#"{"type":"RequestMakeCall","ReferenceID":3,"DN":1}"#), (53, Some(3)));
}

#[test]
fn before_it_is_registered_a_client_may_send_small_messages_only() {
    let mut wire = session(SessionConfig::DEFAULT);
    wire.handle_input(at(0.0), Input::Bytes(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")));
    let text =
        "a frame of 1195725856 bytes is announced, and at most 8192 are taken (message_bytes_max)";
    assert_eq!(written(&mut wire), [error(0, ErrorCode::InvalidAttribute, text, None)]);
    assert_eq!(outputs(&mut wire), [Output::Closed(CloseReason::Malformed(text.into()))]);

    let large = hello().with(Attribute::Host, "x".repeat(9000));
    let mut json = session(SessionConfig { form: Form::Json, ..SessionConfig::DEFAULT });
    put(&mut json, 0.0, &large);
    let text = "the message is over message_bytes_max, 8192";
    assert_eq!(written(&mut json), [error(0, ErrorCode::InvalidAttribute, text, None)]);

    let mut registered = registered(SessionConfig::DEFAULT);
    put(&mut registered, 0.0, &request(1).with(Attribute::DNIS, "x".repeat(9000)));
    assert_eq!(outputs(&mut registered).len(), 1);
}

#[test]
fn with_trace_what_a_session_does_by_itself_is_told() {
    let config = SessionConfig {
        trace: true,
        requests_per_second: 1,
        requests_burst: 1,
        ..SessionConfig::DEFAULT
    };
    let mut session = session(config);
    put(&mut session, 0.0, &hello());
    session.handle_input(at(0.0), Input::Accept(link()));
    let [Output::Took(took), Output::Register(_), Output::Gave(gave)] = &outputs(&mut session)[..]
    else {
        panic!()
    };
    assert_eq!((took, gave.kind()), (&hello(), MessageType::EventLinkConnected));
    put(&mut session, 0.0, &hello());
    let text = "the client is registered already";
    let want =
        [Output::Took(hello()), Output::Gave(error(0, ErrorCode::OutOfSequence, text, Some(1)))];
    assert_eq!(outputs(&mut session), want);
    put(&mut session, 0.0, &request(5));
    let text = "more than 1 requests a second";
    let refusal = error(0, ErrorCode::CallRate, text, Some(5));
    assert_eq!(outputs(&mut session), [Output::Took(request(5)), Output::Gave(refusal)]);
    assert!(session.is_registered());
}
