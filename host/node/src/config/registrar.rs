use serde::{Deserialize, Serialize};

/// `[registrar]`: the rules of the registrar (RFC 3261 section 10.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrarSection {
    /// Shorter expirations are refused with 423, in seconds.
    pub expires_min_s: u64,
    /// Longer ones are shortened to this, in seconds.
    pub expires_max_s: u64,
    /// Used when the phone names none, in seconds.
    pub expires_default_s: u64,
    /// Contacts of one address-of-record.
    pub contacts_max: usize,
    /// Addresses-of-record with contacts, for each worker.
    pub aors_max: usize,
}

impl Default for RegistrarSection {
    fn default() -> Self {
        Self {
            expires_min_s: 60,
            expires_max_s: 7200,
            expires_default_s: 3600,
            contacts_max: 10,
            aors_max: 200_000,
        }
    }
}
