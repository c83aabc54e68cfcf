//! Call records: one for every call, made of the facts its switch told, appended to a file.
//!
//! A worker only keeps the facts of its calls together and puts those of a call that is over into a bounded queue. A thread of
//! this module makes records of them and writes them. What a record says is in `docs/call-records.md`.

mod collector;
mod csv;
mod draft;
mod figures;
mod file;
mod q850;
mod record;
mod thread;

pub use collector::Collector;
pub use draft::Draft;
pub use figures::RecordFigures;
pub use file::{RecordFile, RecordFileError};
pub use record::Record;
pub use thread::{RecordControl, RecordSender, RecordThread};

#[cfg(test)]
#[path = "records_test.rs"]
mod tests;
