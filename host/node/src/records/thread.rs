//! The thread that writes, and the workers' end of its queue.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant as Moment},
};

use tracing::{error, info, warn};

use super::{Draft, Record, RecordFigures, RecordFile, csv};
use crate::{
    clock::Clock,
    config::{RecordFormat, RecordsConfig},
};

/// How often the queue is emptied while calls end. Workers wake nobody: a record may be so much late.
const INTERVAL_BUSY: Duration = Duration::from_millis(20);
/// The same when the last look found nothing.
const INTERVAL_IDLE: Duration = Duration::from_millis(100);
/// Records written at once.
const BATCH_MAX: usize = 256;
/// How long a worker that ends waits for room, for all its calls.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the same trouble is logged.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// A worker's end.
#[derive(Clone)]
pub struct RecordSender {
    pub(super) queue: SyncSender<Box<Draft>>,
    pub(super) figures: Arc<RecordFigures>,
}

impl RecordSender {
    /// Hands over a call that is over. Never waits: where there is no room the record is lost, and counted.
    pub fn send(&self, draft: Box<Draft>) {
        self.figures.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(draft).is_err() {
            self.lose();
        }
    }

    /// The same by a worker that has nothing else to do: it waits a little for room.
    pub(super) fn send_patiently(&self, draft: Box<Draft>) {
        self.figures.queued.fetch_add(1, Ordering::Relaxed);
        let until = Moment::now() + PATIENCE;
        let mut draft = draft;
        loop {
            match self.queue.try_send(draft) {
                Ok(()) => return,
                Err(TrySendError::Full(back)) if Moment::now() < until => draft = back,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return self.lose(),
            }
            std::thread::sleep(INTERVAL_BUSY);
        }
    }

    fn lose(&self) {
        self.figures.queued.fetch_sub(1, Ordering::Relaxed);
        self.figures.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is said to the thread.
enum Order {
    /// Write to this file from now on, or nowhere.
    Write(Option<Box<RecordFile>>, RecordsConfig),
    /// Write to the same file by other settings.
    Adjust(RecordsConfig),
    /// Write what waits and end.
    Stop,
}

/// Has records written elsewhere or otherwise.
#[derive(Clone)]
pub struct RecordControl(SyncSender<Order>);

impl RecordControl {
    /// Has records written to `file` from now on, by `config`; what waits goes to the former one, if that takes it.
    pub fn write_to(&self, file: Option<RecordFile>, config: RecordsConfig) {
        // A thread that is gone has panicked and told so.
        let _ = self.0.send(Order::Write(file.map(Box::new), config));
    }

    /// Has records written to the same file by `config`.
    pub fn adjust(&self, config: RecordsConfig) {
        let _ = self.0.send(Order::Adjust(config));
    }
}

/// The running thread. Ends when it is dropped, after what waited was written.
pub struct RecordThread {
    sender: RecordSender,
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl RecordThread {
    /// Starts the thread of node `node`. At most `queue_max` records wait.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(
        node: String,
        file: Option<RecordFile>,
        format: RecordFormat,
        queue_max: usize,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (queue, drafts) = sync_channel(queue_max);
        let (orders, ordered) = sync_channel(1);
        let figures = Arc::new(RecordFigures::default());
        let writer = Writer {
            node,
            file: file.map(Box::new),
            format,
            clock,
            figures: figures.clone(),
            pending: String::new(),
            pending_count: 0,
            is_failing: false,
            told_dropped: 0,
            tell_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || writer.run(&ordered, &drafts))?;
        let sender = RecordSender { queue, figures };
        Ok(Self { sender, orders, thread: Some(thread) })
    }

    /// What workers write with.
    pub fn sender(&self) -> RecordSender {
        self.sender.clone()
    }

    /// What is counted.
    pub fn figures(&self) -> Arc<RecordFigures> {
        self.sender.figures.clone()
    }

    /// What changes where and how they are written.
    pub fn control(&self) -> RecordControl {
        RecordControl(self.orders.clone())
    }
}

impl Drop for RecordThread {
    fn drop(&mut self) {
        // It takes its orders after each batch; a thread that is gone needs none.
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

struct Writer {
    node: String,
    file: Option<Box<RecordFile>>,
    format: RecordFormat,
    clock: Clock,
    figures: Arc<RecordFigures>,
    /// Lines that could not be written yet, and how many records they are.
    pending: String,
    pending_count: u64,
    is_failing: bool,
    /// Dropped records that the log knows of.
    told_dropped: u64,
    /// When it may be told again.
    tell_at: Option<Moment>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>, drafts: &Receiver<Box<Draft>>) {
        let mut interval = INTERVAL_IDLE;
        loop {
            let order = orders.recv_timeout(interval);
            let wrote = self.write_all(drafts);
            self.tell_dropped();
            match order {
                Ok(Order::Write(file, config)) => {
                    // What the former file did not take is written to the new one, if it is of its form.
                    if file.is_none() || config.format != self.format {
                        self.give_up();
                    }
                    self.file = file;
                    self.format = config.format;
                }
                Ok(Order::Adjust(config)) => self.adjust(config),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    // Only behind what could not be written is anything left in the queue.
                    self.pending_count += drafts.try_iter().count() as u64;
                    self.give_up();
                    return;
                }
            }
            interval = if wrote { INTERVAL_BUSY } else { INTERVAL_IDLE };
        }
    }

    fn adjust(&mut self, config: RecordsConfig) {
        if config.format != self.format {
            self.give_up();
        }
        self.format = config.format;
        if let Some(file) = &mut self.file
            && let Err(error) = file.configure(config)
        {
            error!(%error, "the file of call records cannot be written by its new settings");
        }
    }

    /// Writes what waits, and gives whether there was anything. What cannot be written stays, and more stays in the queue.
    fn write_all(&mut self, drafts: &Receiver<Box<Draft>>) -> bool {
        let mut any = false;
        loop {
            if self.pending_count == 0 {
                for draft in drafts.try_iter().take(BATCH_MAX) {
                    self.format(&draft);
                }
            }
            if self.pending_count == 0 || !self.write() {
                return any;
            }
            any = true;
        }
    }

    fn format(&mut self, draft: &Draft) {
        self.pending_count += 1;
        let record = Record::of(draft, &self.node, |at| self.clock.wall_ms(at));
        match self.format {
            RecordFormat::Json => {
                // Texts and numbers always have a JSON form.
                self.pending.push_str(&serde_json::to_string(&record).unwrap_or_default());
                self.pending.push('\n');
            }
            RecordFormat::Csv => csv::append(&record, &mut self.pending),
        }
    }

    /// Whether what is pending is written now.
    fn write(&mut self) -> bool {
        let now = self.clock.wall_ms(self.clock.now());
        let Some(file) = &mut self.file else {
            // Records were switched off while these waited.
            self.forget();
            return true;
        };
        let written = file.append(&self.pending, now);
        self.figures.rotations.store(file.set_aside(), Ordering::Relaxed);
        match written {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    info!("call records are written again");
                }
                self.forget();
                true
            }
            Err(error) => {
                self.figures.failures.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.is_failing, true) {
                    error!(%error, "call records cannot be written; they wait and are tried again");
                }
                false
            }
        }
    }

    fn forget(&mut self) {
        self.figures.written.fetch_add(self.pending_count, Ordering::Relaxed);
        self.pending.clear();
        self.pending_count = 0;
    }

    /// What could not be written to this file will not be any more.
    fn give_up(&mut self) {
        if self.pending_count > 0 {
            error!(
                records = self.pending_count,
                "call records are lost: they could not be written"
            );
            self.figures.queued.fetch_sub(self.pending_count, Ordering::Relaxed);
            self.figures.dropped.fetch_add(self.pending_count, Ordering::Relaxed);
            self.told_dropped += self.pending_count;
            self.pending.clear();
            self.pending_count = 0;
        }
    }

    fn tell_dropped(&mut self) {
        let dropped = self.figures.dropped();
        let now = Moment::now();
        if dropped > self.told_dropped && self.tell_at.is_none_or(|at| at <= now) {
            let records = dropped - self.told_dropped;
            warn!(records, "call records are lost: the queue was full (records.queue_max)");
            self.told_dropped = dropped;
            self.tell_at = Some(now + COMPLAINT_INTERVAL);
        }
    }
}
