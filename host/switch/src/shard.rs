//! Which shard a datagram belongs to.

use model::{Shard, Shards};
use sip::Hint;

/// The shard of a datagram, from a look at its Call-ID (or, for a REGISTER, its address-of-record) without parsing it.
///
/// Call-IDs that a shard minted carry it; others are hashed, so every message of a call meets on one shard. `None` for what is
/// not SIP at all: it may be dropped, or counted on any shard.
pub fn shard_of(datagram: &[u8], shards: Shards) -> Option<Shard> {
    match sip::shard_hint(datagram) {
        Hint::CallId(call_id) => Some(sip::shard_of_call_id(call_id, shards)),
        Hint::RegisterAor(aor) => Some(shards.of_key(aor.as_str().as_bytes())),
        Hint::KeepAlive | Hint::Unreadable => None,
    }
}
