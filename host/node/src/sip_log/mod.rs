//! The logs of what is no T-Library: SIP of calls (`-001`, Call Manager), OPTIONS and who is in service (`-512`, Service Checker) and the transport
//! (`-768`), as seed 001 divides them, in the shapes of section 8.6 of the reference. One thread writes them; workers never wait for it.

mod text;

use std::{io, ops::ControlFlow, path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use arc_swap::ArcSwap;
use cti::LogLine;
use switch::Reach;
use tokio::sync::{Notify, mpsc::Receiver};
use tracing::error;

use crate::{
    clock::Clock,
    directory::NodeDirectory,
    mailbox::Postbox,
    modules::{LogFile, ModuleSettings},
    trace::{Passed, Tap},
    worker::Mail,
};

/// How often the trunks are looked at, and the configuration, while logs are written.
const LOOK: Duration = Duration::from_secs(1);
/// How long a log that cannot be opened is left alone.
const AGAIN: Duration = Duration::from_secs(10);

/// The configuration as those who write logs read it: which folder, and how.
#[derive(Clone)]
pub struct LogPlan(Arc<Plan>);

struct Plan {
    settings: ArcSwap<ModuleSettings>,
    changed: Notify,
    stopped: std::sync::atomic::AtomicBool,
}

impl LogPlan {
    /// As a configuration has it.
    pub fn new(settings: Arc<ModuleSettings>) -> Self {
        let (changed, stopped) = (Notify::new(), false.into());
        Self(Arc::new(Plan { settings: settings.into(), changed, stopped }))
    }

    /// Has logs written by these settings from now on.
    pub fn set(&self, settings: Arc<ModuleSettings>) {
        self.0.settings.store(settings);
        self.0.changed.notify_one();
    }

    /// What holds.
    pub fn settings(&self) -> Arc<ModuleSettings> {
        self.0.settings.load_full()
    }

    fn stop(&self) {
        self.0.stopped.store(true, std::sync::atomic::Ordering::Release);
        self.0.changed.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.0.stopped.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// What the logs are made of.
pub struct Sources {
    /// Which are to be written.
    pub plan: LogPlan,
    /// What the switch calls itself in their names.
    pub application: String,
    /// Messages that may wait to be written.
    pub queue_max: usize,
    /// Whose messages.
    pub workers: Vec<Postbox<Mail>>,
    /// Who is in service.
    pub directory: Arc<NodeDirectory>,
    /// The listeners as the log of the transport tells of them.
    pub listeners: Vec<String>,
    /// The process's clock.
    pub clock: Clock,
}

/// The thread. Ends when it is dropped, with everything written that came before.
pub struct SipLog {
    plan: LogPlan,
    thread: Option<JoinHandle<()>>,
}

impl SipLog {
    /// Begins.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(sources: Sources) -> io::Result<Self> {
        let plan = sources.plan.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let run = move || runtime.block_on(run(&sources));
        let thread = std::thread::Builder::new().name("jf-sip-log".to_owned()).spawn(run)?;
        Ok(Self { plan, thread: Some(thread) })
    }
}

impl Drop for SipLog {
    fn drop(&mut self) {
        self.plan.stop();
        if let Some(thread) = self.thread.take() {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

async fn run(sources: &Sources) {
    while !sources.plan.is_stopped() {
        let settings = sources.plan.settings();
        let changed = sources.plan.0.changed.notified();
        match Logs::open(sources, &settings) {
            Some(Ok(logs)) => {
                if logs.write(sources, &settings).await.is_break() {
                    return;
                }
            }
            Some(Err(error)) => {
                error!(%error, "the logs of SIP cannot be written, and are tried again");
                // Whichever comes first.
                let _ = tokio::time::timeout(AGAIN, changed).await;
            }
            None => changed.await,
        }
    }
}

/// The open logs.
struct Logs {
    calls: LogFile,
    checks: LogFile,
    transport: LogFile,
    /// As the log of checks has told it, in the order of the configuration.
    reach: Vec<Reach>,
}

impl Logs {
    /// Nothing where none are wanted.
    fn open(sources: &Sources, settings: &ModuleSettings) -> Option<io::Result<Self>> {
        let folder = settings.log_folder.as_ref().filter(|_| settings.log_sip)?;
        Some(Self::of(sources, settings, folder))
    }

    fn of(sources: &Sources, settings: &ModuleSettings, folder: &Path) -> io::Result<Self> {
        let unix = sources.clock.unix(sources.clock.now());
        let open = |thread: &str| {
            let stem = format!("{}-{thread}", sources.application);
            LogFile::open(folder, stem, &settings.log, unix)
        };
        let mut transport = open("768")?;
        for listener in &sources.listeners {
            text::said(&mut transport, unix, listener);
        }
        transport.flush(unix);
        let trunks = sources.directory.trunks().views().len();
        let reach = vec![Reach::Unknown; trunks];
        Ok(Self { calls: open("001")?, checks: open("512")?, transport, reach })
    }

    /// Writes what passes until the configuration wants something else; or until the switch ends, after which nothing more comes.
    async fn write(mut self, sources: &Sources, settings: &ModuleSettings) -> ControlFlow<()> {
        let (taps, mut passed) = Tap::new(sources.workers.len(), sources.queue_max);
        for (worker, tap) in sources.workers.iter().zip(taps) {
            let mut mail = Mail::Watch(tap);
            // A full mailbox is being emptied.
            while let Err(back) = worker.post(mail) {
                if sources.plan.is_stopped() {
                    return ControlFlow::Break(());
                }
                mail = back;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        loop {
            let one = tokio::time::timeout(LOOK, passed.recv()).await;
            let is_over = matches!(one, Ok(None)) || sources.plan.is_stopped();
            if let Ok(Some(one)) = one {
                self.take(sources, &one);
                self.take_all(sources, &mut passed);
            }
            self.look_at_trunks(sources);
            self.flush(sources);
            let is_changed = !settings.has_logs_of(&sources.plan.settings());
            if is_over || is_changed {
                self.take_all(sources, &mut passed);
                self.flush(sources);
                return match is_over {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                };
            }
        }
    }

    /// What waits.
    fn take_all(&mut self, sources: &Sources, passed: &mut Receiver<Passed>) {
        while let Ok(one) = passed.try_recv() {
            self.take(sources, &one);
            if self.calls.is_full() || self.checks.is_full() {
                self.flush(sources);
            }
        }
    }

    fn take(&mut self, sources: &Sources, passed: &Passed) {
        let unix = sources.clock.unix(passed.at);
        if passed.missed > 0 {
            let missed = passed.missed;
            let what = format!("{missed} SIP messages are in no log: tlib.log_sip_queue_max");
            text::said(&mut self.transport, unix, &what);
        }
        let log = if text::is_check(&passed.bytes) { &mut self.checks } else { &mut self.calls };
        text::message(log, unix, passed);
    }

    /// 52003 and 52004 of the trunks, as the T-Controller has them of devices.
    fn look_at_trunks(&mut self, sources: &Sources) {
        let unix = sources.clock.unix(sources.clock.now());
        for (trunk, told) in sources.directory.trunks().views().iter().zip(&mut self.reach) {
            let is = trunk.status.reach;
            let (id, what) = match is {
                Reach::Down => (52_003, "unavailable"),
                Reach::Up | Reach::Unknown => (52_004, "available"),
            };
            let (was_there, is_there) = (*told != Reach::Down, is != Reach::Down);
            if was_there != is_there {
                let text = format!("Trunk {}: service {what}", trunk.name);
                self.checks.line(unix, &LogLine { id, text });
            }
            *told = is;
        }
    }

    fn flush(&mut self, sources: &Sources) {
        let unix = sources.clock.unix(sources.clock.now());
        for log in [&mut self.calls, &mut self.checks, &mut self.transport] {
            log.flush(unix);
        }
    }
}

#[cfg(test)]
#[path = "sip_log_test.rs"]
mod tests;
