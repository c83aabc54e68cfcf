//! What a plugin keeps from question to question: keys with values, both text, for all workers of a node and over its restart.
//!
//! The manifest asks for it with `state = true` under `[need]`. A question sees what it has written itself; others see it when
//! its answer was taken, and nothing is written of one that failed.
//!
//! ```
//! use jackfield_guest::{Answer, Call, Plugin, register_plugin, state};
//!
//! #[derive(Default)]
//! struct Once;
//!
//! impl Plugin for Once {
//!     fn route(&self, call: &Call) -> Answer {
//!         let key = jackfield_guest::text(&["calls.", &call.caller.user]);
//!         match state::increment(&key, 1) {
//!             Ok(1) | Err(_) => Answer::pass(),
//!             Ok(_) => Answer::refuse(486).because("once", "one call each"),
//!         }
//!     }
//! }
//!
//! register_plugin!(Once: route);
//! # fn main() {}
//! ```

use crate::host::kept;

/// The value of a key, if it has one.
///
/// # Panics
///
/// When the question has read and written too often (`state_operations_max`), which fails the decision.
pub fn get(key: &str) -> Option<String> {
    kept::get(key).unwrap_or_else(|why| panic!("{why}"))
}

/// Gives a key this value.
///
/// # Errors
///
/// Which limit of the host it meets.
pub fn set(key: &str, value: &str) -> Result<(), String> {
    kept::set(key, value)
}

/// Forgets a key. Gives whether it was there.
///
/// # Errors
///
/// Which limit of the host it meets.
pub fn delete(key: &str) -> Result<bool, String> {
    kept::delete(key)
}

/// Adds to the whole number of a key, which is 0 when it is not there; gives the sum, as far as this question knows. What
/// several questions add at the same time is all counted.
///
/// # Errors
///
/// Which limit of the host it meets, or that the value is no number.
pub fn increment(key: &str, by: i64) -> Result<i64, String> {
    kept::increment(key, by)
}

/// The keys that begin with `prefix`, with their values, in the order of the keys, at most so many, and never more than the host's
/// `state_list_max`.
///
/// # Panics
///
/// As [`get`].
pub fn list(prefix: &str, most: u32) -> Vec<(String, String)> {
    kept::list(prefix, most).unwrap_or_else(|why| panic!("{why}"))
}
