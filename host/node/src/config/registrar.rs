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
    /// How often a phone behind NAT that registered over UDP is sent a keep-alive, so that its NAT does not forget the way to it, in
    /// seconds; 0 sends none. NATs forget after 30 seconds and more. The phones have their turns spread over this time.
    pub keepalive_s: u64,
    /// What a keep-alive is: `"options"`, which the phone answers, or `"crlf"`, two empty lines that it drops. The first works with
    /// every NAT; the second costs less, and does not work with a NAT that counts only what comes from the inside.
    pub keepalive: KeepaliveName,
    /// With `keepalive = "options"`: a contact that left so many in a row without any answer is removed. 0 removes none; a contact
    /// then stays until its registration lapses.
    pub keepalive_failures: u32,
}

/// What a keep-alive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepaliveName {
    /// An OPTIONS.
    Options,
    /// Two empty lines.
    Crlf,
}

impl Default for RegistrarSection {
    fn default() -> Self {
        Self {
            expires_min_s: 60,
            expires_max_s: 7200,
            expires_default_s: 3600,
            contacts_max: 10,
            aors_max: 200_000,
            keepalive_s: 25,
            keepalive: KeepaliveName::Options,
            keepalive_failures: 0,
        }
    }
}
