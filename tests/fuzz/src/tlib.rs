//! What must hold of any bytes of a T-Library client. The fuzz targets call these, and so do the tests of `jackfield-tlib`.

use std::time::Duration;

use bytes::Bytes;
use model::Instant;
use tlib::{
    Attribute, Client, ClientConfig, Deframer, Encoded, EncodedJson, ErrorCode, Event, Form,
    Limits, Message, MessageType, PREFIX_BYTES, Session, SessionConfig,
    log::{Function, LogTime, Printer},
    session::{Input, Output},
};

/// Small, so that a short input comes to them.
const LIMITS: Limits =
    Limits { message_bytes_max: 2048, attributes_max: 20, pairs_max: 50, depth_max: 4 };

/// Bytes that are a message: they are read or refused in words; what is read means the same in every form, and in a log no text of it makes
/// a line of its own.
pub fn message(data: &[u8]) {
    match Message::decode(data, &LIMITS) {
        Ok(message) => means_the_same_in_every_form(&message),
        Err(error) => {
            assert!(error.at <= data.len() && error.to_string().contains("at byte"));
        }
    }
}

/// A text that is a message in JSON.
pub fn json(data: &[u8]) {
    match Message::from_json(data, &LIMITS) {
        Ok(message) => means_the_same_in_every_form(&message),
        Err(error) => assert!(!error.what.is_empty()),
    }
}

fn means_the_same_in_every_form(message: &Message) {
    let body = Encoded::new(message).body();
    assert_eq!(Message::decode(&body, &Limits::DEFAULT).as_ref(), Ok(message));
    let text = EncodedJson::new(message).text();
    assert_eq!(Message::from_json(&text, &Limits::DEFAULT).as_ref(), Ok(message));
    let frame = Encoded::new(message).frame(Some(7), Some(8));
    let read = Message::decode(&frame[PREFIX_BYTES..], &Limits::DEFAULT);
    assert_eq!(read.map(|message| message.reference_id()), Ok(Some(8)));
    let mut log = String::new();
    let time = LogTime { unix_us: 0, utc_offset_min: 0 };
    let server = ("0.1", Function::DistributeEvent);
    Printer::default().event(&mut log, time, server, (message, None));
    let lines = log.lines().count();
    assert!(lines >= 2 && log.ends_with('\n'));
    assert!(log.lines().skip(1).take(lines - 2).all(|line| line.starts_with('\t')));
}

/// Bytes of a connection after one that says how it is cut: the same frames come of them however they are cut, and no more is held than a
/// frame may have.
pub fn frames(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let whole = cut_into(data, data.len().max(1));
    assert_eq!(cut_into(data, usize::from(*cut).max(1)), whole, "in pieces of {cut}");
}

fn cut_into(data: &[u8], size: usize) -> Vec<Option<Bytes>> {
    const BYTES_MAX: usize = 64;
    let mut deframer = Deframer::new(BYTES_MAX);
    let mut out = Vec::new();
    for chunk in data.chunks(size) {
        let mut chunk = Bytes::copy_from_slice(chunk);
        loop {
            match deframer.take(&mut chunk) {
                Ok(Some(frame)) => {
                    assert!(frame.len() <= BYTES_MAX);
                    out.push(Some(frame));
                }
                Ok(None) => break assert!(chunk.is_empty()),
                Err(error) => {
                    assert!(error.length as usize > BYTES_MAX);
                    out.push(None);
                    return out;
                }
            }
        }
        assert!(deframer.held() < BYTES_MAX + PREFIX_BYTES);
    }
    out
}

/// What a client, the modules above and time do to a session, in order: it keeps its bounds, hands up no request of a client that was not
/// accepted, and ends once.
pub fn session(data: &[u8]) {
    let (first, mut rest) = data.split_first().unwrap_or((&0, &[]));
    let form = if first & 1 == 0 { Form::Wire } else { Form::Json };
    let config = SessionConfig {
        form,
        limits: LIMITS,
        requests_per_second: 10,
        requests_burst: 5,
        refused_max: 8,
        queue_bytes_max: 600,
        queue_messages_max: 8,
        trace: first & 2 != 0,
        ..SessionConfig::DEFAULT
    };
    let session = Session::new(config, Instant::ZERO, Duration::ZERO);
    let mut driver = Driver { session, now: Instant::ZERO, accepted: false, ended: 0 };
    while let Some((what, more)) = rest.split_first() {
        let (length, more) = more.split_first().unwrap_or((&0, &[]));
        let (argument, more) = more.split_at(usize::from(length % 64).min(more.len()));
        rest = more;
        driver.step(what % 12, argument);
        driver.look();
    }
    driver.session.handle_input(driver.now, Input::Closed);
    driver.look();
    assert_eq!(driver.ended, 1);
    assert_eq!((driver.session.queued(), driver.session.poll_timeout()), ((0, 0), None));
}

struct Driver {
    session: Session,
    now: Instant,
    accepted: bool,
    ended: u32,
}

impl Driver {
    fn step(&mut self, what: u8, argument: &[u8]) {
        let one = argument.first().copied().unwrap_or_default();
        let form = self.session.form();
        let mut give = |input| self.session.handle_input(self.now, input);
        match what {
            0 => give(Input::Bytes(Bytes::copy_from_slice(argument))),
            1 => {
                let mut frame = u32::try_from(argument.len()).unwrap_or(0).to_be_bytes().to_vec();
                frame.extend_from_slice(argument);
                give(Input::Bytes(frame.into()));
            }
            2 => {
                let config = ClientConfig { form, ..ClientConfig::new("x") };
                for bytes in Client::new(config, self.now).take_writes(1) {
                    give(Input::Bytes(bytes));
                }
            }
            3 => {
                let request = MessageType::of(i64::from(one)).unwrap_or(MessageType::KeepAlivePoll);
                let request =
                    Message::new(request).with(Attribute::ReferenceID, i64::from(one) - 9);
                give(Input::Bytes(form.write(&request)));
            }
            4 => {
                give(Input::Accept(Message::new(MessageType::EventLinkConnected)));
                self.accepted |= self.session.is_registered();
            }
            5 => give(Input::Refuse(ErrorCode::BadPassword, "no".to_owned())),
            6 => {
                let event = Event::from(Message::new(MessageType::EventRinging));
                let reference = (one & 1 == 1).then_some(u32::from(one));
                let _ = self.session.send(&event.outgoing(form, reference));
            }
            7 => drop(self.session.take_writes(usize::from(one))),
            8 => self.session.wrote(usize::from(one)),
            9 => give(Input::End("enough".to_owned())),
            10 => {
                self.now = self.now + Duration::from_millis(u64::from(one).pow(2));
                self.session.handle_timeout(self.now);
            }
            _ => {
                let mask =
                    Bytes::from(argument.iter().copied().cycle().take(64).collect::<Vec<u8>>());
                let set = Message::new(MessageType::RequestSetInputMask);
                give(Input::Bytes(form.write(&set.with(Attribute::InputMask, mask))));
            }
        }
    }

    fn look(&mut self) {
        while let Some(output) = self.session.poll_output() {
            assert_eq!(self.ended, 0, "nothing comes after the end");
            match output {
                Output::Closed(_) => self.ended += 1,
                Output::Request(message) => {
                    assert!(self.accepted && message.kind().is_request());
                    assert_ne!(message.reference_id(), Some(0));
                }
                Output::Register(registration) => {
                    assert!(!self.accepted && !registration.name.is_empty());
                }
                Output::Took(_) | Output::Gave(_) => {}
            }
        }
        let (bytes, messages) = self.session.queued();
        assert!(bytes <= 600 && messages <= 8);
        assert_eq!(self.session.writes().map(<[u8]>::len).sum::<usize>(), bytes);
        if let Some(due) = self.session.poll_timeout()
            && due <= self.now
        {
            self.session.handle_timeout(self.now);
            assert!(self.session.poll_timeout().is_none_or(|next| next > self.now));
        }
    }
}
