use serde::{Deserialize, Serialize};

/// `[auth]`: who must prove who it is, and how (RFC 7616, RFC 8760).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSection {
    /// `"digest"` asks every registration and every call for credentials, `"off"` takes everyone for who it says it is, `"auto"`
    /// is `"digest"` as soon as one `[[subscriber]]` has a password.
    pub mode: AuthMode,
    /// The realm of the challenges. Phones show it, and `ha1_md5` and `ha1_sha256` are made with it: change it and they must be
    /// made anew.
    pub realm: String,
    /// The hashes that are offered, most wanted first: `"SHA-256"` and `"MD5"`. A phone takes the first it knows; leave `"MD5"`
    /// out when all of them know the other.
    pub algorithms: Vec<AlgorithmName>,
    /// How long a phone may go on with one nonce before it is given the next, in seconds.
    pub nonce_life_s: u64,
    /// Nonces in use, for each worker; beyond it the oldest are replaced early.
    pub nonces_max: usize,
    /// Whether calls from other domains are taken, from whoever it may be; they reach subscribers and what the plugins route.
    pub anonymous_calls: bool,
    /// Wrong credentials of one user from one address within `failures_window_s`, after which both are refused with 403 until
    /// the window has passed; ten times as many from one address shut it out for every user.
    pub failures_max: u32,
    /// How long wrong credentials are remembered, in seconds.
    pub failures_window_s: u64,
    /// Pairs of address and user whose wrong credentials are remembered, for each worker; beyond it the oldest are forgotten.
    pub sources_max: usize,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self {
            mode: AuthMode::Auto,
            realm: "jackfield".to_owned(),
            algorithms: vec![AlgorithmName::Sha256, AlgorithmName::Md5],
            nonce_life_s: 300,
            nonces_max: 100_000,
            anonymous_calls: false,
            failures_max: 10,
            failures_window_s: 60,
            sources_max: 100_000,
        }
    }
}

/// Whether credentials are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// When a subscriber has a password.
    Auto,
    /// Always.
    Digest,
    /// Never.
    Off,
}

/// A hash of digest authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlgorithmName {
    /// RFC 7616.
    #[serde(rename = "SHA-256")]
    Sha256,
    /// RFC 7616.
    #[serde(rename = "MD5")]
    Md5,
}

impl From<AlgorithmName> for sip::auth::Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Sha256 => Self::Sha256,
            AlgorithmName::Md5 => Self::Md5,
        }
    }
}
