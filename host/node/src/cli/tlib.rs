//! `jackfield tlib`: a T-Library client on the command line.

mod line;

use std::{
    io::{BufRead as _, Read as _},
    net::TcpStream,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use model::ConnId;
use tlib::{
    Attribute, Client, ClientConfig, EncodedJson, Form, Kind, KvList, Message, MessageType, Value,
    client::ClientOutput, log::Printer,
};

use self::line::Line;
use super::{args::TlibArgs, print};
use crate::clock::Clock;

/// Chunks of the connection, and lines of the standard input, that may wait.
const WAITING_MAX: usize = 256;

/// Something that came.
enum Came {
    Bytes(Bytes),
    Closed,
    Line(String),
    End,
}

struct Terminal {
    client: Client,
    line: Line,
    clock: Clock,
    args: TlibArgs,
    /// Requests that are sent once the client is registered, the DNs first.
    open: Vec<Message>,
    /// Those of them that were not answered.
    waits: Vec<u32>,
    refused: bool,
    at_end: bool,
}

/// Connects, registers, asks, and shows what comes.
pub(super) fn run(args: TlibArgs) -> anyhow::Result<()> {
    let mut open: Vec<Message> = args.register.iter().map(|dn| registration(dn)).collect();
    if let Some((name, attributes)) = args.request.split_first() {
        open.push(request(name, attributes)?);
    }
    let mut config = ClientConfig::new(&*args.application);
    config.password = args.password.clone().unwrap_or_default();
    if args.websocket {
        config.form = Form::Json;
    }
    let (line, early) = Line::connect(&args, config.limits.message_bytes_max)?;
    let (sender, receiver) = sync_channel(WAITING_MAX);
    read_socket(line.reader()?, sender.clone());
    if args.stdin {
        read_lines(sender);
    }
    let clock = Clock::start();
    let client = Client::new(config, clock.now());
    let (waits, refused, at_end) = (Vec::new(), false, false);
    let mut terminal = Terminal { client, line, clock, args, open, waits, refused, at_end };
    terminal.take(early);
    let outcome = terminal.go(&receiver);
    terminal.line.close();
    outcome
}

fn read_socket(mut socket: TcpStream, to: SyncSender<Came>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let came = match socket.read(&mut buffer) {
                Ok(0) | Err(_) => Came::Closed,
                Ok(length) => Came::Bytes(Bytes::copy_from_slice(&buffer[..length])),
            };
            let is_last = matches!(came, Came::Closed);
            if to.send(came).is_err() || is_last {
                return;
            }
        }
    });
}

fn read_lines(to: SyncSender<Came>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if to.send(Came::Line(line)).is_err() {
                return;
            }
        }
        // Who read may have ended.
        let _ = to.send(Came::End);
    });
}

impl Terminal {
    fn go(&mut self, receiver: &Receiver<Came>) -> anyhow::Result<()> {
        loop {
            self.write()?;
            if self.take_outputs()? {
                break;
            }
            self.write()?;
            let now = self.clock.now();
            let wait = self.client.poll_timeout().map(|at| at.saturating_since(now));
            match receiver.recv_timeout(wait.unwrap_or(Duration::from_secs(3600))) {
                Ok(Came::Bytes(bytes)) => {
                    let came = self.line.take(bytes)?;
                    self.take(came);
                }
                Ok(Came::Closed) | Err(RecvTimeoutError::Disconnected) => {
                    self.client.handle_closed();
                }
                Ok(Came::Line(line)) => self.take_line(&line)?,
                Ok(Came::End) => self.at_end = true,
                Err(RecvTimeoutError::Timeout) => self.client.handle_timeout(self.clock.now()),
            }
        }
        if self.refused {
            bail!("a request was refused");
        }
        Ok(())
    }

    fn take(&mut self, came: line::Came) {
        for chunk in came.chunks {
            self.client.handle_bytes(self.clock.now(), chunk);
        }
        if came.is_last {
            self.client.handle_closed();
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        for bytes in self.client.take_writes(usize::MAX) {
            self.line.send(&bytes)?;
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str) -> anyhow::Result<()> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Some((name, attributes)) = words.split_first() else { return Ok(()) };
        match request(name, attributes) {
            Ok(message) => self.send(message),
            Err(error) => {
                eprintln!("{error:#}");
                Ok(())
            }
        }
    }

    fn send(&mut self, message: Message) -> anyhow::Result<()> {
        let reference = self.client.request(self.clock.now(), message)?;
        self.waits.push(reference);
        Ok(())
    }

    /// Takes what the client gives; true when there is nothing more to wait for.
    fn take_outputs(&mut self) -> anyhow::Result<bool> {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Registered(message) => {
                    self.show(&message);
                    for message in std::mem::take(&mut self.open) {
                        self.send(message)?;
                    }
                }
                ClientOutput::Event { message, answers } => {
                    self.show(&message);
                    self.waits.retain(|wait| Some(*wait) != answers);
                    self.refused |= answers.is_some() && message.kind() == MessageType::EventError;
                }
                ClientOutput::Unanswered(reference) => {
                    eprintln!("request {reference} was not answered");
                    self.waits.retain(|wait| *wait != reference);
                    self.refused = true;
                }
                ClientOutput::Closed(end) => bail!("{end}"),
            }
        }
        let asks_more = self.args.stdin && !self.at_end;
        let is_answered = self.client.is_registered() && self.waits.is_empty();
        Ok(is_answered && !self.args.watch && !asks_more)
    }

    fn show(&self, message: &Message) {
        if self.args.json {
            let text = EncodedJson::new(message).text();
            print(&format!("{}\n", String::from_utf8_lossy(&text)));
            return;
        }
        let mut text = format!("message {}\n", message.kind().name());
        Printer::default().attributes(&mut text, message);
        print(&text);
    }
}

fn registration(dn: &str) -> Message {
    Message::new(MessageType::RequestRegisterAddress)
        .with(Attribute::ThisDN, dn)
        .with(Attribute::RegisterMode, tlib::RegisterMode::Share)
        .with(Attribute::ControlMode, tlib::ControlMode::RegisterDefault)
}

/// A request of its name, with or without `Request` or `T` in front, and attributes as `NAME=VALUE`.
fn request(name: &str, attributes: &[String]) -> anyhow::Result<Message> {
    let named = [name.to_owned(), format!("Request{name}")]
        .into_iter()
        .chain(name.strip_prefix('T').map(|name| format!("Request{name}")))
        .find_map(|name| MessageType::named(&name).filter(|kind| kind.is_request()));
    let Some(kind) = named else {
        bail!(
            "there is no request `{name}`; give one such as MakeCall, RegisterAddress, AgentLogin"
        );
    };
    let mut message = Message::new(kind);
    for text in attributes {
        set(&mut message, text)?;
    }
    Ok(message)
}

/// Sets `NAME=VALUE`, or of a list `NAME.KEY=VALUE`.
fn set(message: &mut Message, text: &str) -> anyhow::Result<()> {
    let Some((name, value)) = text.split_once('=') else {
        bail!("`{text}` is no attribute: give NAME=VALUE, such as ThisDN=2001");
    };
    let (name, key) = name.split_once('.').map_or((name, None), |(name, key)| (name, Some(key)));
    let Some(attribute) = Attribute::named(name) else {
        bail!("there is no attribute `{name}`; sdk/tlib.proto lists them");
    };
    let value: Value = match (attribute.kind(), key) {
        (Kind::Text, None) => value.into(),
        (Kind::Int | Kind::Enum, None) => {
            let number: i64 = value.parse().with_context(|| format!("{name} is a number"))?;
            number.into()
        }
        (Kind::ConnId, None) => {
            let conn: ConnId =
                value.parse().with_context(|| format!("{name} has 16 hexadecimal digits"))?;
            conn.into()
        }
        (Kind::List, Some(key)) => {
            let mut list: KvList = message.list(attribute).cloned().unwrap_or_default();
            match value.parse::<i32>() {
                Ok(number) => list.push(Arc::from(key), number),
                Err(_) => list.push(Arc::from(key), value),
            }
            list.into()
        }
        (Kind::List, None) => bail!("{name} is a list: give {name}.KEY=VALUE for each pair"),
        (_, Some(_)) => bail!("{name} is no list: give {name}=VALUE"),
        (Kind::Sequence | Kind::Bytes, None) => bail!("{name} cannot be given here"),
    };
    message.set(attribute, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_request_is_read_by_any_of_its_names() {
        let attributes =
            words("ThisDN=2001 ConnID=000000000000000f RouteType=1 UserData.a=b UserData.n=7");
        for name in ["RouteCall", "TRouteCall", "RequestRouteCall"] {
            let message = request(name, &attributes).unwrap();
            assert_eq!(message.kind(), MessageType::RequestRouteCall);
            assert_eq!(message.conn(Attribute::ConnID), Some(ConnId(15)));
            let data = KvList::new().with("a", "b").with("n", 7);
            assert_eq!(message.list(Attribute::UserData), Some(&data));
        }
    }

    #[test]
    fn what_cannot_be_is_an_error_that_says_what_can() {
        for (name, attribute, what) in [
            ("EventRinging", "ThisDN=1", "no request"),
            ("MakeCall", "ThisDn=1", "no attribute"),
            ("MakeCall", "ThisDN", "NAME=VALUE"),
            ("MakeCall", "ThisDN.x=1", "no list"),
            ("MakeCall", "UserData=1", "KEY=VALUE"),
            ("MakeCall", "RouteType=x", "a number"),
            ("MakeCall", "ConnID=x", "16 hexadecimal"),
        ] {
            let error = request(name, &words(attribute)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
