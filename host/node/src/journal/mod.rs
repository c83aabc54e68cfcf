//! The decisions that are kept, and the log of calls.
//!
//! Workers only put facts into a bounded channel. They are taken out by a thread of this module at intervals, and by whoever
//! reads the journal, so that a reader always sees what has happened.

mod live;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use model::{ConnId, Instant, hook::Decision};
use switch::Fact;
use tracing::level_filters::LevelFilter;

use self::live::LiveCalls;
use crate::{clock::Clock, config::JournalConfig};

/// How often the channel is emptied while calls are made. A worker that had to wake a sleeping reader for each fact would pay
/// for it; so the reader sleeps by the clock.
const INTERVAL_BUSY: Duration = Duration::from_millis(20);
/// The same when the last look found nothing.
const INTERVAL_IDLE: Duration = Duration::from_millis(200);

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts the decisions of this process, from 1.
    pub number: u64,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    /// The call.
    pub conn: ConnId,
    /// Call-ID of the caller's INVITE; empty when the beginning of the call was not seen.
    pub call_id: String,
    /// The caller's URI.
    pub caller: String,
    /// The URI that was called.
    pub callee: String,
    /// What was decided, by whom and why.
    pub decision: Decision,
}

/// A worker's end.
#[derive(Clone)]
pub struct FactSender(SyncSender<(Instant, Fact)>);

impl FactSender {
    /// Hands over `fact`, which happened at `at`; `false` when there was no room. What nobody would read is not handed over.
    pub fn send(&self, at: Instant, fact: Fact) -> bool {
        !is_read(&fact) || self.0.try_send((at, fact)).is_ok()
    }
}

/// Whether anybody reads `fact`: some are for the log alone, and only at its finer levels.
fn is_read(fact: &Fact) -> bool {
    match fact {
        Fact::CallOffered { .. }
        | Fact::Decided { .. }
        | Fact::Judged { .. }
        | Fact::Established { .. }
        | Fact::NotAuthenticated { .. }
        | Fact::TrunkPassed { .. }
        | Fact::TransferBegun { .. }
        | Fact::TransferFailed { .. }
        | Fact::Transferred { .. }
        | Fact::Trunk { .. }
        | Fact::Device { .. }
        | Fact::Released { .. } => true,
        Fact::LegOffered { .. }
        | Fact::LegOnTrunk { .. }
        | Fact::Amended { .. }
        | Fact::TurnedAway { .. }
        | Fact::TargetFailed { .. }
        | Fact::LegAlerting { .. }
        | Fact::LegFailed { .. }
        | Fact::Held { .. }
        | Fact::Retrieved { .. }
        | Fact::Queued { .. }
        | Fact::Routed { .. }
        | Fact::LegMoved { .. }
        | Fact::DtmfSent { .. }
        | Fact::Controlled { .. }
        | Fact::Registered { .. }
        | Fact::Unregistered { .. } => LevelFilter::current() >= LevelFilter::DEBUG,
    }
}

/// Keeps the last decisions.
pub struct Journal {
    state: Mutex<State>,
    clock: Clock,
    entries_max: usize,
}

struct State {
    facts: Receiver<(Instant, Fact)>,
    entries: VecDeque<Entry>,
    decisions: u64,
    live: LiveCalls,
}

/// What to look for in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Decisions given at most, the newest.
    pub limit: usize,
    /// Only those of this call.
    pub conn: Option<ConnId>,
    /// Only those of the call with this Call-ID.
    pub call_id: Option<String>,
}

impl Journal {
    /// An empty journal for at most `calls_max` calls at once, and the end that workers get.
    pub fn new(config: &JournalConfig, calls_max: usize, clock: Clock) -> (Arc<Self>, FactSender) {
        let (sender, facts) = sync_channel(config.queue_max);
        let live = LiveCalls::new(calls_max);
        let state = State { facts, entries: VecDeque::new(), decisions: 0, live };
        let entries_max = config.entries_max;
        (Arc::new(Self { state: Mutex::new(state), clock, entries_max }), FactSender(sender))
    }

    /// What is asked for, oldest first.
    pub fn entries(&self, query: &Query) -> Vec<Entry> {
        let mut state = self.drained();
        let mut found: Vec<Entry> = state
            .entries
            .make_contiguous()
            .iter()
            .rev()
            .filter(|entry| query.conn.is_none_or(|conn| conn == entry.conn))
            .filter(|entry| query.call_id.as_ref().is_none_or(|id| *id == entry.call_id))
            .take(query.limit)
            .cloned()
            .collect();
        found.reverse();
        found
    }

    /// Follows at most so many calls at once from now on.
    pub fn set_calls_max(&self, calls_max: usize) {
        self.lock().live.set_calls_max(calls_max);
    }

    /// Decisions made since the process began.
    pub fn decisions(&self) -> u64 {
        self.drained().decisions
    }

    /// Takes in what the workers have told, and gives whether there was anything.
    fn drain(&self) -> bool {
        let mut state = self.lock();
        let mut any = false;
        while let Ok((at, fact)) = state.facts.try_recv() {
            any = true;
            state.take(fact, at, &self.clock, self.entries_max);
        }
        any
    }

    fn drained(&self) -> MutexGuard<'_, State> {
        self.drain();
        self.lock()
    }

    /// What is guarded is whole after each fact, so a reader that panicked leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, fact: Fact, at: Instant, clock: &Clock, entries_max: usize) {
        self.live.on_fact(&fact, at);
        let judged;
        let (conn, call, decision) = match fact {
            Fact::Decided { conn, decision } => (conn, self.live.get(conn), decision),
            Fact::Judged { facts, decision } => {
                judged = facts;
                (judged.conn_id, Some(&*judged), decision)
            }
            _ => return,
        };
        self.decisions += 1;
        // What a client asks of a call is told with the client, and found with the call.
        let of_call = call.filter(|call| !call.call_id.is_empty()).or_else(|| self.live.get(conn));
        let entry = Entry {
            number: self.decisions,
            at_ms: clock.wall_ms(at),
            conn,
            call_id: of_call.map(|call| call.call_id.clone()).unwrap_or_default(),
            caller: call.map(|call| call.caller.uri.clone()).unwrap_or_default(),
            callee: call.map(|call| call.callee.uri.clone()).unwrap_or_default(),
            decision,
        };
        if self.entries.len() >= entries_max {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

/// The thread that empties the workers' channel. Ends when it is dropped, after a last look.
pub struct Scribe {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scribe {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(journal: Arc<Journal>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let mut interval = INTERVAL_IDLE;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                interval = if journal.drain() { INTERVAL_BUSY } else { INTERVAL_IDLE };
            }
            journal.drain();
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
#[path = "journal_test.rs"]
mod tests;
