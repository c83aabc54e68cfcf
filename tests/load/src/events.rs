//! T-Library clients that read and discard: one agent goes ready and not ready, and every client of its DN is told.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tlib::{AgentWorkMode, Attribute, Message, MessageType};

use crate::{
    Tally,
    line::{Line, frame},
    steps::Steps,
};

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
    #[command(flatten)]
    steps: Steps,
}

/// Reads until told to end, and counts.
fn discard(mut line: Line, told: &AtomicU64, ends: &AtomicBool) -> io::Result<()> {
    line.be_impatient()?;
    while !ends.load(Relaxed) {
        if let Some((_, frames)) = line.take()? {
            told.fetch_add(frames.count() as u64, Relaxed);
        }
    }
    Ok(())
}

/// A client of the DN.
fn open(events: &Events, name: &str) -> io::Result<Line> {
    let mut line = Line::open(events.to, name)?;
    line.register(std::slice::from_ref(&events.dn))?;
    Ok(line)
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
        let line = open(events, &format!("reader-{number}"));
        let line = line.map_err(|error| format!("client {number}: {error}"))?;
        let (told, ends) = (told.clone(), ends.clone());
        let reader = thread::Builder::new().stack_size(STACK);
        let reader = reader.spawn(move || discard(line, &told, &ends));
        readers.push(reader.map_err(|error| error.to_string())?);
    }
    let outcome = drive(events, &told);
    ends.store(true, Relaxed);
    let mut tally = Tally { ok: events.count, ..Tally::default() };
    match outcome {
        Ok(took) => tally.seconds = Some(took),
        Err(error) => tally.note(Err(error.to_string())),
    }
    for reader in readers {
        if let Ok(Err(error)) = reader.join() {
            tally.note(Err(format!("a reader: {error}")));
        }
    }
    Ok(tally)
}

/// The agent: as fast as its own events come back and the others have theirs.
fn drive(events: &Events, told: &AtomicU64) -> io::Result<Duration> {
    let mut line = open(events, "agent")?;
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
            frame(&request)
        })
        .collect();
    events.steps.reach("ready")?;
    let began = Instant::now();
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
        line.write(&batch)?;
        line.frame()?;
        seen += 1 + line.waiting.drain(..).count() as u64;
        while (told.load(Relaxed) - before) + 2 * window * clients < seen * clients {
            thread::yield_now();
        }
    }
    while told.load(Relaxed) - before < count * clients {
        thread::yield_now();
    }
    let took = began.elapsed();
    events.steps.reach("done")?;
    Ok(took)
}
