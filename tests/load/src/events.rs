//! T-Library clients that read and discard: one agent goes ready and not ready, and every client of its DN is told.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use tlib::{
    AgentWorkMode, Attribute, Deframer, Encoded, Limits, Message, MessageType, PROTOCOL_VERSION,
};

use crate::Tally;

/// How long an answer may take before all is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a reader takes at once.
const CHUNK: usize = 256 << 10;
/// Enough for a thread that only reads.
const STACK: usize = 128 << 10;

/// What is done.
#[derive(clap::Args, Clone)]
pub(crate) struct Events {
    /// The TCport.
    #[arg(long)]
    to: SocketAddr,
    /// Clients that are told, beside the agent's own.
    #[arg(long, default_value_t = 1)]
    clients: u32,
    /// Events of the agent.
    #[arg(long, default_value_t = 100_000)]
    count: u32,
    /// The agent's DN.
    #[arg(long, default_value = "2001")]
    dn: String,
    /// Requests under way at once; divided by the clients, and at least 4.
    #[arg(long, default_value_t = 512)]
    window: u32,
}

struct Line {
    socket: TcpStream,
    deframer: Deframer,
    waiting: Vec<Bytes>,
}

impl Line {
    /// Connects, says who it is, and registers on the DN.
    fn open(events: &Events, name: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(events.to)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let deframer = Deframer::new(Limits::DEFAULT.message_bytes_max);
        let mut line = Self { socket, deframer, waiting: Vec::new() };
        let hello = Message::new(MessageType::RequestRegisterClient)
            .with(Attribute::ProtocolVersion, PROTOCOL_VERSION)
            .with(Attribute::ApplicationName, name);
        line.ask(hello, MessageType::EventLinkConnected)?;
        let register = Message::new(MessageType::RequestRegisterAddress)
            .with(Attribute::ThisDN, events.dn.as_str());
        line.ask(register, MessageType::EventRegistered)?;
        Ok(line)
    }

    fn ask(&mut self, request: Message, answer: MessageType) -> io::Result<()> {
        let request = request.with(Attribute::ReferenceID, 1_u32);
        self.socket.write_all(&Encoded::new(&request).frame(None, None))?;
        loop {
            let message = Message::decode(&self.frame()?, &Limits::DEFAULT)
                .map_err(|error| io::Error::other(error.to_string()))?;
            match message.kind() {
                kind if kind == answer => return Ok(()),
                MessageType::EventError => {
                    let text = message.text(Attribute::ErrorMessage);
                    let text = text.map_or_else(String::new, ToString::to_string);
                    return Err(io::Error::other(format!("{}: {text}", request.kind().name())));
                }
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> io::Result<Bytes> {
        let mut chunk = vec![0; CHUNK];
        loop {
            if !self.waiting.is_empty() {
                return Ok(self.waiting.remove(0));
            }
            let length = self.socket.read(&mut chunk)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut bytes = Bytes::copy_from_slice(&chunk[..length]);
            while let Some(frame) = self
                .deframer
                .take(&mut bytes)
                .map_err(|error| io::Error::other(error.to_string()))?
            {
                self.waiting.push(frame);
            }
        }
    }

    /// Reads until told to end, and counts.
    fn discard(mut self, told: &AtomicU64, ends: &AtomicBool) -> io::Result<()> {
        self.socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut chunk = vec![0; CHUNK];
        while !ends.load(Relaxed) {
            let length = match self.socket.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            let mut bytes = Bytes::copy_from_slice(&chunk[..length]);
            let mut frames = 0;
            while let Ok(Some(_)) = self.deframer.take(&mut bytes) {
                frames += 1;
            }
            told.fetch_add(frames, Relaxed);
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
///
/// When a client could not connect or lost its connection.
pub(crate) fn run(events: &Events) -> Result<Tally, String> {
    let told = Arc::new(AtomicU64::new(0));
    let ends = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for number in 0..events.clients {
        let line = Line::open(events, &format!("reader-{number}"));
        let line = line.map_err(|error| format!("client {number}: {error}"))?;
        let (told, ends) = (told.clone(), ends.clone());
        let reader = thread::Builder::new().stack_size(STACK);
        let reader = reader.spawn(move || line.discard(&told, &ends));
        readers.push(reader.map_err(|error| error.to_string())?);
    }
    let outcome = drive(events, &told);
    ends.store(true, Relaxed);
    let mut tally = Tally { ok: events.count, ..Tally::default() };
    if let Err(error) = outcome {
        tally.note(Err(error.to_string()));
    }
    for reader in readers {
        if let Ok(Err(error)) = reader.join() {
            tally.note(Err(format!("a reader: {error}")));
        }
    }
    Ok(tally)
}

/// The agent: as fast as its own events come back and the others have theirs.
fn drive(events: &Events, told: &AtomicU64) -> io::Result<()> {
    let mut line = Line::open(events, "agent")?;
    let login = Message::new(MessageType::RequestAgentLogin)
        .with(Attribute::ThisDN, events.dn.as_str())
        .with(Attribute::AgentID, "77")
        .with(Attribute::AgentWorkMode, AgentWorkMode::ManualIn);
    line.ask(login, MessageType::EventAgentNotReady)?;
    let frames: Vec<Bytes> = [MessageType::RequestAgentReady, MessageType::RequestAgentNotReady]
        .into_iter()
        .map(|kind| {
            let request = Message::new(kind)
                .with(Attribute::ThisDN, events.dn.as_str())
                .with(Attribute::ReferenceID, 7_u32);
            Encoded::new(&request).frame(None, None)
        })
        .collect();
    // What readers were told before this does not count.
    let window = u64::from((events.window / events.clients.max(1)).max(4));
    let clients = u64::from(events.clients);
    let (mut asked, mut seen, before) = (0_u64, 0_u64, told.load(Relaxed));
    let count = u64::from(events.count);
    while seen < count {
        let mut batch = Vec::new();
        while asked < count && asked < seen + window {
            batch.extend_from_slice(&frames[usize::from(asked % 2 == 1)]);
            asked += 1;
        }
        line.socket.write_all(&batch)?;
        line.frame()?;
        seen += 1 + line.waiting.drain(..).count() as u64;
        while (told.load(Relaxed) - before) + 2 * window * clients < seen * clients {
            thread::yield_now();
        }
    }
    while told.load(Relaxed) - before < count * clients {
        thread::yield_now();
    }
    Ok(())
}
