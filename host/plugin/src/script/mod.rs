//! Plugins as Rhai scripts.

mod body;
mod call;
mod clients;
mod command;
mod compile;
mod engine;
mod headers;
mod names;
mod number;
mod state;
mod table;
mod verdict;

pub(crate) use compile::Script;
pub(crate) use engine::Packages;
