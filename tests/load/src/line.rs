//! A T-Library client's connection.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tlib::{Attribute, Deframer, Encoded, Limits, Message, MessageType, PROTOCOL_VERSION};

/// How long an answer may take before all is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a reader waits before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);
/// What a reader takes at once.
const CHUNK: usize = 64 << 10;

/// A client that is connected and has said who it is.
pub(crate) struct Line {
    socket: TcpStream,
    deframer: Deframer,
    chunk: Box<[u8]>,
    /// Frames that came and were not looked at.
    pub(crate) waiting: VecDeque<Bytes>,
}

impl Line {
    /// Connects and says who it is.
    pub(crate) fn open(to: SocketAddr, name: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let deframer = Deframer::new(Limits::DEFAULT.message_bytes_max);
        let chunk = vec![0; CHUNK].into();
        let mut line = Self { socket, deframer, chunk, waiting: VecDeque::new() };
        let hello = Message::new(MessageType::RequestRegisterClient)
            .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
            .with(Attribute::ApplicationName, name);
        line.ask(hello, MessageType::EventLinkConnected)?;
        Ok(line)
    }

    /// Registers on these DNs, all asked for before the first answer is waited for.
    pub(crate) fn register(&mut self, dns: &[String]) -> io::Result<()> {
        let requests = dns.iter().map(|dn| {
            let request = Message::new(MessageType::RequestRegisterAddress);
            frame(&request.with(Attribute::ThisDN, dn.as_str()).with(Attribute::ReferenceID, 1_u32))
        });
        let all: Vec<u8> = requests.flatten().collect();
        self.write(&all)?;
        dns.iter().try_for_each(|_| self.answer(MessageType::EventRegistered))
    }

    /// Sends a request and waits for the event that answers it; what else comes is passed over.
    pub(crate) fn ask(&mut self, request: Message, answer: MessageType) -> io::Result<()> {
        self.write(&frame(&request.with(Attribute::ReferenceID, 1_u32)))?;
        self.answer(answer)
    }

    fn answer(&mut self, answer: MessageType) -> io::Result<()> {
        loop {
            let message = read(&self.frame()?)?;
            match message.kind() {
                kind if kind == answer => return Ok(()),
                MessageType::EventError => {
                    let text = message.text(Attribute::ErrorMessage);
                    let text = text.map_or_else(String::new, ToString::to_string);
                    return Err(io::Error::other(format!("instead of {}: {text}", answer.name())));
                }
                _ => {}
            }
        }
    }

    /// Writes frames.
    pub(crate) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.socket.write_all(frames)
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Ok(frame);
            }
            self.fill()?;
        }
    }

    /// Makes [`Self::take`] come back when nothing came for a while.
    pub(crate) fn be_impatient(&mut self) -> io::Result<()> {
        self.socket.set_read_timeout(Some(LOOK))
    }

    /// What comes next, all that is there, with the time it came; nothing after a while in which nothing came.
    pub(crate) fn take(&mut self) -> io::Result<Option<(Instant, impl Iterator<Item = Bytes>)>> {
        match self.fill() {
            Ok(at) => Ok(Some((at, self.waiting.drain(..)))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fill(&mut self) -> io::Result<Instant> {
        let length = self.socket.read(&mut self.chunk)?;
        let at = Instant::now();
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = Bytes::copy_from_slice(&self.chunk[..length]);
        while let Some(frame) =
            self.deframer.take(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?
        {
            self.waiting.push_back(frame);
        }
        Ok(at)
    }
}

/// A message as it goes on the connection.
pub(crate) fn frame(message: &Message) -> Bytes {
    Encoded::new(message).frame(None, None)
}

/// The message in a frame.
pub(crate) fn read(frame: &[u8]) -> io::Result<Message> {
    Message::decode(frame, &Limits::DEFAULT).map_err(|error| io::Error::other(error.to_string()))
}
