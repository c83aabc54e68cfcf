//! The relay as the rest of the node sees it.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::AtomicUsize,
        mpsc::{Sender, channel},
    },
};

use media::{RelayCommand, RelayEvent};
use model::{RelayId, Shard};
use rustix::event::{EventfdFlags, eventfd};

use crate::{
    RelayConfig, RelayError,
    ports::Ports,
    thread::{RelayThread, Shared},
};

/// Where events go: the shard of the call, and what happened. Called on relay threads; it must not block.
pub type EventSink = Arc<dyn Fn(Shard, RelayEvent) + Send + Sync>;

/// Tells the relay what to do. Cheap to clone; the threads end when the last clone goes.
#[derive(Clone)]
pub struct RelayHandle {
    lines: Arc<[Line]>,
}

/// The way to one relay thread.
struct Line {
    commands: Sender<(Shard, RelayCommand)>,
    wake: Arc<OwnedFd>,
}

impl RelayHandle {
    /// Starts the relay's threads.
    ///
    /// # Errors
    /// When the ports are too few for one stream or the system has no threads or file handles left.
    pub fn start(config: RelayConfig, events: EventSink) -> Result<Self, RelayError> {
        let (min, max) = (config.port_min, config.port_max);
        if max.saturating_sub(min.saturating_add(min % 2)) < 3 {
            return Err(RelayError::Ports { min, max });
        }
        let shared = Arc::new(Shared {
            ports: Mutex::new(Ports::new(&config)),
            relays: AtomicUsize::new(0),
            config,
            events,
        });
        let count = shared.config.threads.max(1);
        let mut lines = Vec::with_capacity(count);
        for number in 0..count {
            let (commands, received) = channel();
            let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
            let wake = Arc::new(eventfd(0, flags).map_err(std::io::Error::from)?);
            let thread = RelayThread::new(shared.clone(), received, wake.clone())?;
            std::thread::Builder::new()
                .name(format!("relay-{number}"))
                .spawn(move || thread.run())?;
            lines.push(Line { commands, wake });
        }
        Ok(Self { lines: lines.into() })
    }

    /// Hands a command to the thread of its call. Never blocks.
    pub fn command(&self, shard: Shard, command: RelayCommand) {
        let (RelayCommand::Open { relay, .. }
        | RelayCommand::Extend { relay, .. }
        | RelayCommand::Remote { relay, .. }
        | RelayCommand::Forget { relay, .. }
        | RelayCommand::Close { relay }) = command;
        if let Some(line) = self.line(relay) {
            // A thread that is gone has been reported; its calls end by their own timers.
            let _ = line.commands.send((shard, command));
            let _ = rustix::io::write(&line.wake, &1u64.to_ne_bytes());
        }
    }

    fn line(&self, relay: RelayId) -> Option<&Line> {
        let count = u64::try_from(self.lines.len()).ok()?;
        let at = relay.0.0.checked_rem(count)?;
        self.lines.get(usize::try_from(at).ok()?)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The channel is closed right after this; the thread sees both.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}
