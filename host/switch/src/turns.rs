//! When it is whose turn, of many who are asked again and again.

use std::time::Duration;

use model::Instant;

/// The next time of `name` in the interval: always the same one within it, from the name, so that all names are spread over it.
pub(crate) fn next_turn(now: Instant, name: &str, interval: Duration) -> Instant {
    let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    // FNV-1a: any function of the name will do that spreads.
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let begun = now.as_nanos() - now.as_nanos() % interval;
    let at = begun.saturating_add(hash % interval);
    let at = if at > now.as_nanos() { at } else { at.saturating_add(interval) };
    Instant::from_nanos(at)
}
