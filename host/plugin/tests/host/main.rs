//! The plugin host from outside: what it promises to the switch, to operators and to authors of plugins.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::alloc::System;

use jackfield_plugin::alloc::Counting;

mod by_hand;
mod call_event;
mod clients;
mod common;
mod containment;
mod contract;
mod dial_plan;
mod five_steps;
mod guest;
mod header_policy;
mod hostile;
mod leak;
mod loaded;
mod parity;
mod pinning;
mod quarantine;
mod recording;
mod reload;
mod renewal;
mod schema;
mod script;
mod shadow;
mod state;
mod state_life;
mod state_mended;
mod store;
mod threads;
mod trial;
mod wasm;

/// As the program installs it: without it a script's memory is not charged.
#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);
