//! Scenarios of T-Library: a text says who is there and what they do, and what everybody sees is written down beside the SIP that
//! was said, under the virtual clock.
//!
//! A case is a file of `cases`: a setup, steps with their times, and what came of them. The last part is compared, whole; with
//! `JACKFIELD_UPDATE_SCENARIOS=1` it is written anew, to be read and committed.
#![forbid(unsafe_code)]

mod case;
mod floor;
mod notation;
mod stage;

pub use case::{Case, Trouble};
pub use stage::play;
