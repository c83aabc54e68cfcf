//! What a module counts, for those who look from outside of its thread.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use cti::Module;
use rustix::time::ClockId;

use super::{Holdings, clients::ClientFigures};
use crate::clock::cpu_us;

/// The figures of a module: written by its thread alone.
#[derive(Debug, Default)]
pub struct ModuleFigures {
    clients: AtomicU64,
    accepted: AtomicU64,
    turned_away: AtomicU64,
    handshakes_failed: AtomicU64,
    not_reading: AtomicU64,
    requests: AtomicU64,
    deliveries: AtomicU64,
    letters: AtomicU64,
    lost: AtomicU64,
    cpu_us: AtomicU64,
    registrations: AtomicU64,
    agents: AtomicU64,
    calls: AtomicU64,
    calls_missed: AtomicU64,
    requests_waiting: AtomicU64,
}

/// The figures at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModuleView {
    /// Which module.
    pub module: Module,
    /// Clients now.
    pub clients: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed for a limit.
    pub turned_away: u64,
    /// Connections closed in a handshake of TLS or WebSocket.
    pub handshakes_failed: u64,
    /// Clients closed because they did not read.
    pub not_reading: u64,
    /// Requests of its clients.
    pub requests: u64,
    /// Copies of events that went to its clients.
    pub deliveries: u64,
    /// What other threads have told it.
    pub letters: u64,
    /// What it had for other modules and found no room for.
    pub lost: u64,
    /// CPU time of its thread, in microseconds.
    pub cpu_us: u64,
    /// Registrations of clients on DNs.
    pub registrations: u64,
    /// Agents that are logged in.
    pub agents: u64,
    /// Calls.
    pub calls: u64,
    /// Calls that found no room.
    pub calls_missed: u64,
    /// Requests that wait for a call.
    pub requests_waiting: u64,
}

impl ModuleFigures {
    /// Notes what was counted; on the module's own thread.
    pub(super) fn note(
        &self,
        clients: &ClientFigures,
        (letters, lost): (u64, u64),
        holdings: Holdings,
    ) {
        self.clients.store(clients.now as u64, Relaxed);
        self.accepted.store(clients.accepted, Relaxed);
        self.turned_away.store(clients.turned_away, Relaxed);
        self.handshakes_failed.store(clients.handshakes_failed, Relaxed);
        self.not_reading.store(clients.not_reading, Relaxed);
        self.requests.store(clients.requests, Relaxed);
        self.deliveries.store(clients.deliveries, Relaxed);
        self.letters.store(letters, Relaxed);
        self.lost.store(lost, Relaxed);
        self.registrations.store(holdings.registrations as u64, Relaxed);
        self.agents.store(holdings.agents as u64, Relaxed);
        self.calls.store(holdings.calls as u64, Relaxed);
        self.calls_missed.store(holdings.calls_missed, Relaxed);
        self.requests_waiting.store(holdings.requests_waiting as u64, Relaxed);
        self.cpu_us.store(cpu_us(ClockId::ThreadCPUTime), Relaxed);
    }

    /// The figures now.
    pub fn view(&self, module: Module) -> ModuleView {
        ModuleView {
            module,
            clients: self.clients.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            turned_away: self.turned_away.load(Relaxed),
            handshakes_failed: self.handshakes_failed.load(Relaxed),
            not_reading: self.not_reading.load(Relaxed),
            requests: self.requests.load(Relaxed),
            deliveries: self.deliveries.load(Relaxed),
            letters: self.letters.load(Relaxed),
            lost: self.lost.load(Relaxed),
            cpu_us: self.cpu_us.load(Relaxed),
            registrations: self.registrations.load(Relaxed),
            agents: self.agents.load(Relaxed),
            calls: self.calls.load(Relaxed),
            calls_missed: self.calls_missed.load(Relaxed),
            requests_waiting: self.requests_waiting.load(Relaxed),
        }
    }
}

/// The modules that run, with their figures.
pub type AllFigures = Vec<(Module, Arc<ModuleFigures>)>;
