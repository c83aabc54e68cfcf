//! Interrupts guests that run too long, and costs next to nothing when none does.
//!
//! A worker counts up a number of its own when it enters and leaves a guest. One thread looks at these numbers once a period:
//! only when it finds the same guest call twice in a row does it bump the engine's epoch, which makes every running guest call
//! back; there each compares its CPU time with its limit. Without guest calls for a while the thread parks.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use wasmtime::{Engine, EngineWeak};

/// After so many periods without a guest call the thread parks.
const QUIET_PERIODS_MAX: u32 = 50;

/// Watches the guest calls of all workers.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    slots: Mutex<Vec<Weak<Slot>>>,
    is_parked: AtomicBool,
    is_over: AtomicBool,
    thread: OnceLock<Thread>,
}

/// Where one worker tells the ticker that it is in a guest.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Odd while a guest runs; counted up at each entry and exit.
    sequence: AtomicU64,
    shared: Arc<Shared>,
}

/// While it lives the worker is in a guest.
#[derive(Debug)]
pub(crate) struct InGuest<'a>(&'a Slot);

impl Ticker {
    /// Starts the thread; it looks once a `period`.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread.
    pub(crate) fn start(engine: &Engine, period: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (theirs, engine) = (Arc::clone(&shared), engine.weak());
        let builder = thread::Builder::new().name("plugin-ticker".into());
        let thread = builder.spawn(move || run(&theirs, &engine, period))?;
        // Set once, here; a worker that comes before finds the thread awake.
        let _first = shared.thread.set(thread.thread().clone());
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A slot for a new worker.
    pub(crate) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot { sequence: AtomicU64::new(0), shared: Arc::clone(&self.shared) });
        let mut slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic; if it did there is nobody left to tell.
            drop(thread.join());
        }
    }
}

impl Slot {
    pub(crate) fn enter(&self) -> InGuest<'_> {
        // Sequentially consistent with the ticker's parking: either it sees this call or this sees it parked.
        self.sequence.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_parked.load(Ordering::SeqCst) {
            self.shared.wake();
        }
        InGuest(self)
    }
}

impl Drop for InGuest<'_> {
    fn drop(&mut self) {
        self.0.sequence.fetch_add(1, Ordering::Release);
    }
}

impl Shared {
    fn wake(&self) {
        self.is_parked.store(false, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// The sequence numbers of all workers.
    fn look(&self, seen: &mut Vec<u64>) {
        seen.clear();
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(
            slots
                .iter()
                .map(|slot| slot.upgrade().map_or(0, |slot| slot.sequence.load(Ordering::SeqCst))),
        );
    }
}

fn run(shared: &Shared, engine: &EngineWeak, period: Duration) {
    let (mut before, mut now) = (Vec::new(), Vec::new());
    let mut quiet_periods = 0;
    while !shared.is_over.load(Ordering::SeqCst) {
        // While no guest is seen inside, half as many looks do; a guest that was seen is looked at again after one period.
        let is_inside = before.iter().any(|sequence| sequence % 2 == 1);
        thread::park_timeout(if is_inside { period } else { period * 2 });
        shared.look(&mut now);
        let is_same_call = |(a, b): (&u64, &u64)| a == b && a % 2 == 1;
        if before.iter().zip(&now).any(is_same_call) {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            quiet_periods = 0;
        } else if before == now {
            quiet_periods += 1;
        } else {
            quiet_periods = 0;
        }
        std::mem::swap(&mut before, &mut now);
        if quiet_periods >= QUIET_PERIODS_MAX {
            park(shared, &before, &mut now);
            quiet_periods = 0;
        }
    }
}

/// Parks until a worker enters a guest, unless one did since `before` was taken.
fn park(shared: &Shared, before: &[u64], now: &mut Vec<u64>) {
    shared.is_parked.store(true, Ordering::SeqCst);
    shared.look(now);
    if before != now.as_slice() || shared.is_over.load(Ordering::SeqCst) {
        shared.is_parked.store(false, Ordering::SeqCst);
    }
    while shared.is_parked.load(Ordering::SeqCst) && !shared.is_over.load(Ordering::SeqCst) {
        thread::park();
    }
}
