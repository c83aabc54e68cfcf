use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use model::{
    Moment,
    hook::{Failure, FailureKind, Question},
};

use crate::{
    PluginHost,
    body::{Instance, failure},
    contain::contained,
    cpu,
    generation::Generation,
    proposal::Checked,
    shelves::{Reads, Sitting},
    ticker::Slot,
};

/// The instances of one thread.
pub(crate) struct Pool {
    slot: Arc<Slot>,
    pooled: Vec<Pooled>,
    /// State of the generator that decides how long an instance lives.
    random: u64,
    /// What the last question found on the shelf, where that is noted.
    reads: Reads,
}

struct Pooled {
    key: u64,
    generation: Weak<Generation>,
    instance: Box<dyn Instance>,
    /// Calls it may still answer; `None` is without end.
    calls_left: Option<u32>,
}

impl Pool {
    /// An empty one, for the thread of this number.
    pub(crate) fn new(host: &PluginHost, number: u64) -> Self {
        // Any seed but zero will do; threads differ so that their instances do not retire in step.
        let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { slot: host.wasm.slot(), pooled: Vec::new(), random, reads: Reads::default() }
    }

    /// Drops instances of generations that no table holds.
    pub(crate) fn sweep(&mut self) {
        let is_needed = |pooled: &Pooled| {
            pooled.generation.upgrade().is_some_and(|generation| generation.is_in_service())
        };
        self.pooled.retain(is_needed);
    }

    /// What the last question found on the shelf, where that is noted.
    pub(crate) const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Asks a generation, measured and contained. Nothing is counted.
    pub(crate) fn ask(
        &mut self,
        host: &PluginHost,
        generation: &Arc<Generation>,
        (question, moment): (&Question, Moment),
        started: Instant,
        sitting: Sitting<'_>,
    ) -> Result<Checked, Failure> {
        let Self { slot, pooled: pool, random, reads } = self;
        let at = pool.iter().position(|pooled| pooled.key == generation.key);
        let at = at.unwrap_or(pool.len());
        sitting.begin();
        let result = contained(started, host.config.cpu_limit, || {
            if at == pool.len() {
                let instance = generation.body.instance(slot)?;
                let calls_left = lifetime(random, host.config.instance_calls);
                let (key, generation) = (generation.key, Arc::downgrade(generation));
                pool.push(Pooled { key, generation, instance, calls_left });
                // What it cost to make the instance is not taken from the time for the answer.
                cpu::begin(Instant::now(), host.config.cpu_limit);
            }
            let pooled = pool.get_mut(at);
            let pooled = pooled.ok_or_else(|| failure(FailureKind::Trap, "no instance"))?;
            pooled.calls_left = pooled.calls_left.map(|left| left.saturating_sub(1));
            pooled.instance.ask(question, moment)?.check(question, &host.config.answer)
        });
        *reads = sitting.end(result.is_ok());
        let is_spent = pool.get(at).is_some_and(|pooled| pooled.calls_left == Some(0));
        if at < pool.len() && (result.is_err() || is_spent) {
            // After a failure nobody knows what state the instance is in.
            pool.swap_remove(at);
        }
        result
    }
}

/// How many calls a new instance will answer: a pseudo-random number between the bounds (xorshift64).
fn lifetime(random: &mut u64, bounds: Option<(u32, u32)>) -> Option<u32> {
    let (min, max) = bounds?;
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let span = u64::from(max.saturating_sub(min)) + 1;
    Some(min.saturating_add(u32::try_from(*random % span).unwrap_or(0)).max(1))
}
