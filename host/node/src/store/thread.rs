//! The thread that writes, and the workers' end of its channel.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant as Moment},
};

use model::{Aor, MessageCount, Shard};
use switch::{Publish, StoreOutcome, StoreTicket};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::{Change, ContactStore, Listeners, StoreFigures};
use crate::{clock::Clock, mailbox::Postbox, worker::Mail};

/// How often lapsed contacts are removed.
const PURGE_INTERVAL: Duration = Duration::from_secs(60);
/// How often a worker whose mailbox is full is tried again.
const POST_INTERVAL: Duration = Duration::from_millis(1);

/// A write as a worker hands it over.
#[derive(Debug)]
pub struct Write {
    /// Who is told.
    pub shard: Shard,
    /// With this.
    pub ticket: StoreTicket,
    /// What is written.
    pub publish: Publish,
}

enum Message {
    Write(Write),
    Count { aor: Aor, count: MessageCount, reply: oneshot::Sender<bool> },
    Stop,
}

/// A worker's end.
#[derive(Clone)]
pub struct StoreSender {
    sender: SyncSender<Message>,
    figures: Arc<StoreFigures>,
}

impl StoreSender {
    /// Hands over a write; `false` when there is no room. Never waits.
    pub fn send(&self, write: Write) -> bool {
        self.figures.queued.fetch_add(1, Ordering::Relaxed);
        match self.sender.try_send(Message::Write(write)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.figures.queued.fetch_sub(1, Ordering::Relaxed);
                false
            }
        }
    }
}

impl StoreSender {
    /// Hands over the voice messages of a user; tells whether they are stored. `None` when there is no room.
    pub fn count(&self, aor: Aor, count: MessageCount) -> Option<oneshot::Receiver<bool>> {
        let (reply, stored) = oneshot::channel();
        self.sender.try_send(Message::Count { aor, count, reply }).ok()?;
        Some(stored)
    }
}

/// The running thread. Ends when it is dropped, after what waited was written.
pub struct StoreThread {
    sender: StoreSender,
    thread: Option<JoinHandle<()>>,
}

impl StoreThread {
    /// Starts the thread over `store`. At most `queue_max` writes wait, at most `batch_max` go into one transaction.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(
        store: Box<dyn ContactStore>,
        listeners: Listeners,
        clock: Clock,
        (queue_max, batch_max): (usize, usize),
        workers: Vec<Postbox<Mail>>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(queue_max);
        let figures = Arc::new(StoreFigures::default());
        let sender = StoreSender { sender, figures: figures.clone() };
        let writer =
            Writer { store, listeners, clock, batch_max, workers, figures, is_failing: false };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self { sender, thread: Some(thread) })
    }

    /// What workers write with.
    pub fn sender(&self) -> StoreSender {
        self.sender.clone()
    }

    /// What it counts.
    pub fn figures(&self) -> Arc<StoreFigures> {
        self.sender.figures.clone()
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        // A full channel is emptied by the thread; a thread that is gone needs no telling.
        let _ = self.sender.sender.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

struct Writer {
    store: Box<dyn ContactStore>,
    listeners: Listeners,
    clock: Clock,
    batch_max: usize,
    workers: Vec<Postbox<Mail>>,
    figures: Arc<StoreFigures>,
    /// Whether the last write failed: the first failure is told and the first success after it, not each.
    is_failing: bool,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut purge_at = Moment::now() + PURGE_INTERVAL;
        let mut batch = Vec::new();
        loop {
            let mut is_last = false;
            match receiver.recv_timeout(purge_at.saturating_duration_since(Moment::now())) {
                Ok(Message::Write(write)) => batch.push(write),
                Ok(Message::Count { aor, count, reply }) => self.count(&aor, count, reply),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => is_last = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            while !is_last && batch.len() < self.batch_max {
                match receiver.try_recv() {
                    Ok(Message::Write(write)) => batch.push(write),
                    Ok(Message::Count { aor, count, reply }) => self.count(&aor, count, reply),
                    Ok(Message::Stop) => is_last = true,
                    Err(_) => break,
                }
            }
            if !batch.is_empty() {
                self.write(&mut batch);
            }
            if is_last {
                return;
            }
            if Moment::now() >= purge_at {
                purge_at = Moment::now() + PURGE_INTERVAL;
                self.purge();
            }
        }
    }

    fn count(&mut self, aor: &Aor, count: MessageCount, reply: oneshot::Sender<bool>) {
        let written = self.store.write_count(aor, count);
        if let Err(error) = &written {
            warn!(%aor, %error, "the count of voice messages cannot be stored");
        }
        // Who asked may have gone.
        let _ = reply.send(written.is_ok());
    }

    /// Writes the batch in one transaction, and tells the workers.
    fn write(&mut self, batch: &mut Vec<Write>) {
        let count = batch.len() as u64;
        self.figures.taken.fetch_add(count, Ordering::Relaxed);
        let changes = self.changes(batch);
        let begun = Moment::now();
        let written = self.store.write(&changes);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let outcome = match written {
            Ok(()) => {
                let contacts = changes.iter().map(|change| change.records.len() as u64).sum();
                self.figures.commits.fetch_add(1, Ordering::Relaxed);
                self.figures.commit_nanos.fetch_add(nanos, Ordering::Relaxed);
                self.figures.commit_nanos_max.fetch_max(nanos, Ordering::Relaxed);
                self.figures.written.fetch_add(count, Ordering::Relaxed);
                self.figures.contacts.fetch_add(contacts, Ordering::Relaxed);
                if std::mem::take(&mut self.is_failing) {
                    info!("the store writes again");
                }
                StoreOutcome::Stored
            }
            Err(error) => {
                self.figures.failed.fetch_add(count, Ordering::Relaxed);
                if !std::mem::replace(&mut self.is_failing, true) {
                    error!(%error, "registrations are answered 500: they cannot be stored");
                }
                StoreOutcome::Failed
            }
        };
        self.tell(batch, outcome);
    }

    /// The last state of each address-of-record: a write that a worker gave up may be followed by its successor.
    fn changes(&self, batch: &[Write]) -> Vec<Change> {
        let mut last: std::collections::BTreeMap<_, &Publish> = std::collections::BTreeMap::new();
        for write in batch {
            last.insert(&write.publish.aor, &write.publish);
        }
        let record = |binding| self.listeners.record(&self.clock, binding);
        last.into_iter()
            .map(|(aor, publish)| Change {
                aor: aor.clone(),
                records: publish.bindings.iter().map(record).collect(),
            })
            .collect()
    }

    fn tell(&self, batch: &mut Vec<Write>, outcome: StoreOutcome) {
        for (shard, worker) in self.workers.iter().enumerate() {
            let tickets: Vec<StoreTicket> = batch
                .iter()
                .filter(|write| usize::from(write.shard.0) == shard)
                .map(|write| write.ticket)
                .collect();
            if !tickets.is_empty() {
                post(worker, Mail::Stored { tickets, outcome });
            }
        }
        batch.clear();
    }

    fn purge(&mut self) {
        match self.store.purge(self.clock.wall_ms(self.clock.now())) {
            Ok(count) => {
                self.figures.purged.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(error) => warn!(%error, "lapsed contacts cannot be removed from the store"),
        }
    }
}

/// Tells a worker. A full mailbox is being emptied; a worker that takes nothing for longer than this has given the writes up by
/// itself, or is gone.
fn post(worker: &Postbox<Mail>, mail: Mail) {
    let mut mail = mail;
    for _ in 0..POSTS_MAX {
        match worker.post(mail) {
            Ok(()) => return,
            Err(back) => mail = back,
        }
        std::thread::sleep(POST_INTERVAL);
    }
}

/// How often a full mailbox is tried.
const POSTS_MAX: usize = 1000;
