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
    /// Whether a phone may bind itself to the way its REGISTER came (RFC 5626, outbound): a contact with `reg-id` and `+sip.instance`
    /// is then reached over that way only, a new way takes the place of the old one, and of several ways one at a time is called.
    /// `false` takes such contacts for ordinary ones; phones behind a proxy that knows no outbound, which are refused with 439
    /// otherwise, are then let in.
    pub outbound: bool,
    /// Whether a phone that asks (`Supported: gruu`) and says which one it is (`+sip.instance`) is given two URIs that lead to it and to no
    /// other phone of its user (RFC 5627): one with the user in it, and one that hides user and phone, which is sealed with
    /// `proxy.secret`.
    pub gruu: bool,
    /// Proxies that phones are told to send their requests through, in this order (RFC 3608, Service-Route), such as
    /// `["sip:sbc.example.org;lr"]`. Each needs `;lr`. Empty tells them nothing.
    pub service_route: Vec<String>,
    /// What a phone with outbound on a connection is told to send keep-alives by, in its Flow-Timer, in seconds; 0 leaves it to the
    /// phone, which sends one in two minutes. Connections are closed after `streams.idle_timeout_s`, which must be longer. Over UDP
    /// no time is named: phones then keep their NAT open every 24 to 29 s.
    pub flow_timer_s: u64,
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
            outbound: true,
            gruu: true,
            service_route: Vec::new(),
            flow_timer_s: 120,
        }
    }
}
