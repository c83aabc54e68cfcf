//! The switch as a record-routing stateful proxy (RFC 3261 section 16), for calls whose plan says so.
//!
//! The INVITE that begins such a call is routed as any other: its branches are those of a [`crate::call::Call`]. What follows within
//! the dialog needs no memory of the call: the Route says all, also after a restart.

mod fingerprint;
mod letter;
mod passage;
mod token;
mod way;

pub(crate) use self::{
    fingerprint::{fingerprint, is_loop},
    letter::Letter,
    passage::{Passages, refuse_proxying, upstream_status},
    way::record_routes,
};

#[cfg(test)]
mod bench;
#[cfg(test)]
mod dialog_test;
#[cfg(test)]
mod fork_test;
