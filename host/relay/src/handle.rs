//! The relay as the rest of the node sees it.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Sender, channel},
    },
};

use media::{Refusal, RelayCommand, RelayEvent};
use model::{RelayId, Shard};
use rustix::{
    event::{EventfdFlags, eventfd},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::{
    RelayConfig, RelayError,
    ports::PortPool,
    thread::{Inbox, RelayThread, Shared},
};

/// Sockets of one stream.
const SOCKETS_PER_STREAM: u64 = 4;
/// Files and sockets the rest of the process may have open.
const OTHER_FILES: u64 = 1_024;

/// Where events go: the shard of the call, and what happened. Called on relay threads, and for a command that is refused at once on
/// the thread that gave it; it must not block.
pub type EventSink = Arc<dyn Fn(Shard, RelayEvent) + Send + Sync>;

/// Tells the relay what to do. Cheap to clone; the threads end, and every port is free, soon after the last clone goes.
#[derive(Clone)]
pub struct RelayHandle {
    lines: Arc<[Line]>,
    commands_max: usize,
    events: EventSink,
}

/// The way to one relay thread.
struct Line {
    commands: Sender<(Shard, RelayCommand)>,
    /// Commands that wait.
    waiting: Arc<AtomicUsize>,
    // Below the sender, so that the channel is closed when the thread wakes up for the last time.
    wake: Waker,
}

struct Waker(Arc<OwnedFd>);

impl RelayHandle {
    /// Starts the relay's threads. Raises the process's soft limit of open files, as far as the hard one allows, to what
    /// `relays_max` calls of one stream need.
    ///
    /// # Errors
    /// When the ports are too few for one stream or the system has no threads or file handles left.
    pub fn start(config: RelayConfig, events: EventSink) -> Result<Self, RelayError> {
        let (min, max) = (config.port_min, config.port_max);
        if max.saturating_sub(min.saturating_add(min % 2)) < 3 {
            return Err(RelayError::Ports { min, max });
        }
        allow_files(config.relays_max);
        let shared = Arc::new(Shared {
            ports: PortPool::new(&config),
            relays: Arc::default(),
            config,
            events: events.clone(),
        });
        let lines: Vec<_> = (0..shared.config.threads.max(1))
            .map(|number| start_thread(number, shared.clone()))
            .collect::<io::Result<_>>()?;
        Ok(Self { lines: lines.into(), commands_max: shared.config.commands_max, events })
    }

    /// Hands a command to the thread of its call. Never blocks. `Open` and `Extend` are refused when too many commands wait or the
    /// thread is gone; the other commands are bounded by the calls that are open.
    pub fn command(&self, shard: Shard, command: RelayCommand) {
        let (relay, may_refuse) = match command {
            RelayCommand::Open { relay, .. } | RelayCommand::Extend { relay, .. } => (relay, true),
            RelayCommand::Remote { relay, .. }
            | RelayCommand::Forget { relay, .. }
            | RelayCommand::Close { relay } => (relay, false),
        };
        let Some(line) = self.line(relay) else { return };
        let is_full = line.waiting.load(Relaxed) >= self.commands_max;
        if may_refuse && is_full {
            let why = Refusal::TooManyCommands;
            return (self.events)(shard, RelayEvent::Refused { relay, why });
        }
        line.waiting.fetch_add(1, Relaxed);
        match line.commands.send((shard, command)) {
            Ok(()) => line.wake.wake(),
            Err(_) if may_refuse => {
                (self.events)(shard, RelayEvent::Refused { relay, why: Refusal::Stopped });
            }
            // The thread's end closed its calls and was logged.
            Err(_) => {}
        }
    }

    fn line(&self, relay: RelayId) -> Option<&Line> {
        let count = u64::try_from(self.lines.len()).ok()?;
        let at = relay.0.0.checked_rem(count)?;
        self.lines.get(usize::try_from(at).ok()?)
    }
}

impl Waker {
    fn wake(&self) {
        // It fails only when the counter is at its end, and then the thread is awake.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.wake();
    }
}

fn start_thread(number: usize, shared: Arc<Shared>) -> io::Result<Line> {
    let (commands, received) = channel();
    let waiting: Arc<AtomicUsize> = Arc::default();
    let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let inbox = Inbox { commands: received, waiting: waiting.clone(), wake: wake.clone() };
    let thread = RelayThread::new(shared, inbox)?;
    std::thread::Builder::new().name(format!("relay-{number}")).spawn(move || thread.run())?;
    Ok(Line { commands, waiting, wake: Waker(wake) })
}

fn allow_files(relays_max: usize) {
    let relays = u64::try_from(relays_max).unwrap_or(u64::MAX);
    let wanted = relays.saturating_mul(SOCKETS_PER_STREAM).saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit { current: Some(allowed), maximum: limit.maximum };
    let failed = setrlimit(Resource::Nofile, raised).is_err();
    if failed || allowed < wanted {
        tracing::warn!(
            wanted,
            allowed = if failed { limit.current } else { Some(allowed) },
            "fewer calls can be relayed than `relays_max` says: raise the hard limit of open files"
        );
    }
}
