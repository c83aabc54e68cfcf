//! Who a request comes from: digest authentication of what begins a call or a registration (RFC 3261 section 22).
//!
//! Whoever claims to be one of ours must prove it. A user that does not exist is treated like one with another password, so
//! that nothing can be learned by asking.

mod failures;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Aor, Directory, Flow, Instant, ListenerId, Membership, Secret};
use sip::{
    Message, Name,
    auth::{Algorithm, Guard, GuardConfig, Outcome, Trouble},
};

use self::failures::Failures;

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// The realm of the challenges.
    pub realm: String,
    /// What is offered, most wanted first.
    pub algorithms: Vec<Algorithm>,
    /// What is offered on a listener that has its own list; a part of `algorithms`.
    pub offered: BTreeMap<ListenerId, Vec<Algorithm>>,
    /// How long a nonce may be used.
    pub nonce_life: Duration,
    /// Nonces in use whose counts are remembered.
    pub nonces_max: usize,
    /// Whether calls of callers from other domains are taken, without proof of who they are.
    pub anonymous_calls: bool,
    /// Wrong credentials of one user from one address within `failures_window` before both are refused; ten times as many
    /// from one address, whoever it claims to be.
    pub failures_max: u32,
    /// How long wrong credentials are remembered.
    pub failures_window: Duration,
    /// Pairs of address and user whose failures are remembered; beyond it the oldest are forgotten.
    pub sources_max: usize,
}

/// Asks for proof, and judges it.
pub(crate) struct Authenticator {
    guard: Guard,
    failures: Failures,
    offered: BTreeMap<ListenerId, Vec<Algorithm>>,
    anonymous_calls: bool,
}

/// What a request may do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Go on: from this user, or from someone who need not say who it is.
    Allowed(Option<Aor>),
    /// Not before it has proved who it is from; `failed` tells why its proof did not count.
    Challenged {
        /// Whether only the nonce was too old.
        stale: bool,
        /// What was wrong, if something was.
        failed: Option<Trouble>,
    },
    /// It cannot be read: 400.
    Unreadable(String),
    /// It tried too often: 403.
    Blocked,
}

impl Authenticator {
    pub(crate) fn new(config: &AuthConfig, key: [u8; 16]) -> Self {
        Self {
            guard: Guard::new(GuardConfig {
                realm: config.realm.clone(),
                algorithms: config.algorithms.clone(),
                nonce_life: config.nonce_life,
                nonces_max: config.nonces_max,
                key,
            }),
            failures: Failures::new(config),
            offered: config.offered.clone(),
            anonymous_calls: config.anonymous_calls,
        }
    }

    /// Judges a request that begins something. `claimed` is who its From says it is from.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        flow: Flow,
        request: &Message,
        claimed: Option<&Aor>,
    ) -> Standing {
        let is_ours = claimed.is_some_and(|aor| dir.membership(aor) != Membership::ForeignHost);
        if !is_ours && self.anonymous_calls && request.method() == sip::Method::Invite {
            return Standing::Allowed(None);
        }
        let (ip, user) = (flow.peer.ip(), claimed.map_or("", Aor::as_str));
        if self.failures.is_blocked(now, ip, user) {
            return Standing::Blocked;
        }
        // Whole values: a comma stands between the parameters of one credential.
        let values = request.fields().filter(|field| field.name == Name::Authorization);
        let values = values.filter_map(|field| std::str::from_utf8(field.value).ok());
        let method = request.method();
        let outcome =
            self.guard.judge(now, method.as_str(), request.request_uri(), values, |name| {
                claimed.filter(|aor| is_name_of(aor, name)).and_then(|aor| dir.secret(aor))
            });
        match outcome {
            Outcome::Proved => {
                self.failures.forget(ip, user);
                Standing::Allowed(claimed.cloned())
            }
            Outcome::Ask { stale } => Standing::Challenged { stale, failed: None },
            Outcome::Wrong(trouble) => {
                self.failures.note(now, ip, user);
                Standing::Challenged { stale: false, failed: Some(trouble) }
            }
            Outcome::Bad(error) => Standing::Unreadable(format!("Authorization: {error}")),
        }
    }

    /// The values of the WWW-Authenticate fields of a 401 to a request that came in on `listener`.
    pub(crate) fn challenges(
        &self,
        listener: ListenerId,
        now: Instant,
        random: u64,
        stale: bool,
    ) -> Vec<String> {
        match self.offered.get(&listener) {
            Some(algorithms) => self.guard.challenges_of(algorithms, now, random, stale),
            None => self.guard.challenges(now, random, stale),
        }
    }
}

/// Whether the name in credentials is that of the address-of-record: its user, or all of it.
fn is_name_of(aor: &Aor, name: &str) -> bool {
    name == aor.user() || name == aor.as_str()
}

/// What a subscriber logs in with, from a password.
pub fn secret_of_password(user: &str, realm: &str, password: &str) -> Arc<Secret> {
    Arc::new(sip::auth::secret_of_password(user, realm, password))
}

#[cfg(test)]
#[path = "authenticate_test.rs"]
mod tests;
