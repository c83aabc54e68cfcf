//! Runs plugin code measured, and keeps a panic from leaving it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use model::hook::{Failure, FailureKind};

use crate::{body::failure, cpu};

/// Runs `work` with `cpu_limit` of CPU time. A panic of the host on a plugin's behalf counts as the plugin's.
pub(crate) fn contained<T>(
    now: Instant,
    cpu_limit: Duration,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    cpu::begin(now, cpu_limit);
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic_text(&*panic);
        Err(failure(FailureKind::Trap, format!("the host panicked on its behalf: {text}")))
    })
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}
