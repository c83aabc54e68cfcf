//! The side that asks.

use std::time::Duration;

use model::{Ha1, Instant, Secret};

use super::{
    hash::{Algorithm, Salt, of_secret, response, secret_of_password},
    header::{BadHeader, Fields, quoted},
    nonce::{Known, Nonces, equal},
};
use crate::Uri;

/// What a guard is told when it is made.
#[derive(Clone, Debug)]
pub struct GuardConfig {
    /// Where users and passwords are valid.
    pub realm: String,
    /// The algorithms that are offered, most wanted first.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce may be used.
    pub nonce_life: Duration,
    /// Nonces in use whose counts are remembered; beyond it the oldest are stale.
    pub nonces_max: usize,
    /// Proves that a nonce is ours. A nonce of another key is stale.
    pub key: [u8; 16],
}

/// Makes challenges and judges what comes back.
#[derive(Debug)]
pub struct Guard {
    config: GuardConfig,
    nonces: Nonces,
    /// What the digest of a user who does not exist is compared with, so that it takes as long as that of one who does.
    nobody: Secret,
}

/// What the credentials of a request are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// They are those of the user whose secret was given.
    Proved,
    /// Ask for them: there are none for our realm, or they are too old. `stale` when the password was right.
    Ask {
        /// Whether only the nonce was too old, or its count used before.
        stale: bool,
    },
    /// They are wrong: ask again, and remember that someone tried.
    Wrong(Trouble),
    /// The header field cannot be read, or asks for what is not offered: 400.
    Bad(BadHeader),
}

/// What was wrong with credentials; for the log, never for the one who sent them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// There is no such user.
    User,
    /// The digest is that of another password.
    Password,
    /// They are for another Request-URI.
    Uri,
}

impl Guard {
    /// Makes a guard.
    pub fn new(config: GuardConfig) -> Self {
        let nonces = Nonces::new(config.key, config.nonce_life, config.nonces_max);
        let nobody = secret_of_password("", &config.realm, "");
        Self { config, nonces, nobody }
    }

    /// The values of the WWW-Authenticate fields that ask for credentials, one an algorithm, with one nonce for all.
    pub fn challenges(&self, now: Instant, random: u64, stale: bool) -> Vec<String> {
        self.challenges_of(&self.config.algorithms, now, random, stale)
    }

    /// As [`Self::challenges`], for these algorithms alone: some phones give up when one they do not know is among them.
    pub fn challenges_of(
        &self,
        algorithms: &[Algorithm],
        now: Instant,
        random: u64,
        stale: bool,
    ) -> Vec<String> {
        let nonce = self.nonces.mint(now, random);
        let stale = if stale { ", stale=true" } else { "" };
        let realm = quoted(&self.config.realm);
        let value = |algorithm: &Algorithm| {
            let token = algorithm.token();
            format!(
                "Digest realm={realm}, nonce=\"{nonce}\", algorithm={token}, qop=\"auth\"{stale}"
            )
        };
        algorithms.iter().map(value).collect()
    }

    /// Judges the values of a request's Authorization fields. `user` gives the secret of a user name, or nothing.
    pub fn judge<'a>(
        &mut self,
        now: Instant,
        method: &str,
        request_uri: &str,
        values: impl IntoIterator<Item = &'a str>,
        user: impl FnOnce(&str) -> Option<std::sync::Arc<Secret>>,
    ) -> Outcome {
        for value in values {
            let fields = match Fields::parse(value) {
                Ok(fields) => fields,
                // Credentials of another scheme are for somebody else.
                Err(BadHeader::Scheme) => continue,
                Err(error) => return Outcome::Bad(error),
            };
            // RFC 3261 section 22.3: credentials of several realms may stand side by side.
            if fields.get("realm") == Some(self.config.realm.as_str()) {
                return self
                    .judge_one(now, method, request_uri, &fields, user)
                    .unwrap_or_else(Outcome::Bad);
            }
        }
        Outcome::Ask { stale: false }
    }

    fn judge_one(
        &mut self,
        now: Instant,
        method: &str,
        request_uri: &str,
        fields: &Fields<'_>,
        user: impl FnOnce(&str) -> Option<std::sync::Arc<Secret>>,
    ) -> Result<Outcome, BadHeader> {
        let algorithm = Algorithm::of_token(fields.get("algorithm").unwrap_or("MD5"))
            .filter(|algorithm| self.config.algorithms.contains(algorithm))
            .ok_or(BadHeader::Value("algorithm"))?;
        if !fields.need("qop")?.eq_ignore_ascii_case("auth") {
            return Err(BadHeader::Value("qop"));
        }
        let (nonce, nc) = (fields.need("nonce")?, fields.need("nc")?);
        let count = count(nc).ok_or(BadHeader::Value("nc"))?;
        let (uri, given) = (fields.need("uri")?, fields.need("response")?);
        let salt = Salt { nonce, nc, cnonce: fields.need("cnonce")? };
        let secret = user(fields.need("username")?);
        let known = secret.as_deref().and_then(|secret| of_secret(secret, algorithm));
        let is_known = known.is_some();
        // Somebody must be there to be compared with, or the answer to a user who is not would come sooner.
        let ha1: &Ha1 = known
            .or_else(|| of_secret(&self.nobody, algorithm))
            .ok_or(BadHeader::Value("algorithm"))?;
        let is_right =
            equal(&response(algorithm, ha1, &salt, method, uri), &given.to_ascii_lowercase());
        if !is_known || !is_right {
            let trouble = if is_known { Trouble::Password } else { Trouble::User };
            return Ok(Outcome::Wrong(trouble));
        }
        if !same_uri(uri, request_uri) {
            return Ok(Outcome::Wrong(Trouble::Uri));
        }
        Ok(match self.nonces.look_up(now, nonce) {
            Known::Good(id) if self.nonces.take(now, id, count) => Outcome::Proved,
            Known::Good(_) | Known::Stale => Outcome::Ask { stale: true },
        })
    }
}

/// Eight hexadecimal digits.
fn count(nc: &str) -> Option<u32> {
    let is_count = nc.len() == 8 && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_count.then(|| u32::from_str_radix(nc, 16).ok()).flatten()
}

/// Whether credentials are for this Request-URI; proxies on the way may have written it anew (RFC 7616 section 3.4.6).
fn same_uri(a: &str, b: &str) -> bool {
    a == b || matches!((Uri::parse(a), Uri::parse(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
#[path = "guard_test.rs"]
mod tests;
