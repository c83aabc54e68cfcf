//! Who a request comes from: digest authentication of what begins a call or a registration (RFC 3261 section 22).
//!
//! Whoever claims to be one of ours must prove it. A user that does not exist is treated like one with another password, so
//! that nothing can be learned by asking.

mod failures;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    Aor, Directory, Flow, Ha1, Instant, ListenerId, Membership, Secret, hook::Credentials,
};
use sip::{
    Message, Name, NameAddr, Uri,
    auth::{Algorithm, Fields, Guard, GuardConfig, Outcome, Trouble},
};

use self::failures::Failures;
use crate::call::{is_anonymous, is_nobody};

/// How requests are authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthConfig {
    /// Whether everybody must prove who they are. Otherwise only those of whom a plugin asks it.
    pub required: bool,
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

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            required: false,
            realm: "jackfield".to_owned(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_life: Duration::from_secs(300),
            nonces_max: 100_000,
            anonymous_calls: false,
            failures_max: 10,
            failures_window: Duration::from_secs(60),
            sources_max: 100_000,
            offered: BTreeMap::new(),
        }
    }
}

/// Asks for proof, and judges it.
pub(crate) struct Authenticator {
    guard: Guard,
    realm: String,
    required: bool,
    failures: Failures,
    offered: BTreeMap<ListenerId, Vec<Algorithm>>,
    anonymous_calls: bool,
}

/// What proof is asked for.
#[derive(Debug)]
pub(crate) enum Proof {
    /// What the configuration says.
    Configured,
    /// Of the password that the configuration gives its user.
    Asked,
    /// Of these, which a plugin gave.
    Of(Credentials),
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
    Blocked {
        /// Whether this is the first since it is refused; the others go without a word in the log.
        first: bool,
    },
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
            realm: config.realm.clone(),
            required: config.required,
            failures: Failures::new(config),
            offered: config.offered.clone(),
            anonymous_calls: config.anonymous_calls,
        }
    }

    /// Whether everybody must prove who they are.
    pub(crate) const fn is_required(&self) -> bool {
        self.required
    }

    /// Judges a request that begins something. `claimed` is who it says it is from.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        flow: Flow,
        request: &Message,
        claimed: Option<&Aor>,
        proof: &Proof,
    ) -> Standing {
        let is_configured = matches!(proof, Proof::Configured);
        if is_configured && !self.required {
            return Standing::Allowed(None);
        }
        let is_ours = claimed.is_some_and(|aor| dir.membership(aor) != Membership::ForeignHost);
        let is_stranger = !is_ours && self.anonymous_calls;
        if is_configured && is_stranger && request.method() == sip::Method::Invite {
            return Standing::Allowed(None);
        }
        let (ip, user) = (flow.peer.ip(), claimed.map_or("", Aor::as_str));
        if self.failures.is_blocked(now, ip, user) {
            return Standing::Blocked { first: self.failures.tell_blocked(ip, user) };
        }
        // Whole values: a comma stands between the parameters of one credential.
        let values = request.fields().filter(|field| field.name == Name::Authorization);
        let values = values.filter_map(|field| std::str::from_utf8(field.value).ok());
        let method = request.method();
        let outcome =
            self.guard.judge(now, method.as_str(), request.request_uri(), values, |name| {
                let aor = claimed.filter(|aor| is_name_of(aor, name))?;
                match proof {
                    Proof::Of(credentials) => secret_of(name, &self.realm, credentials),
                    Proof::Configured | Proof::Asked => dir.secret(aor),
                }
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

/// Who a request says it is from. One that is anonymous in From may say it to us alone: in P-Preferred-Identity (RFC 3325 section
/// 9.2), or with its credentials, whose user is then one of the domain that the request is for.
pub(crate) fn claimed(request: &Message) -> Option<Aor> {
    let from = in_from(request);
    let is_named = from.as_ref().is_some_and(|aor| !is_nobody(aor.user(), aor.host()));
    if is_named || !is_anonymous(request) {
        return from;
    }
    let preferred = request
        .values(Name::PPreferredIdentity)
        .filter_map(|value| NameAddr::parse(value).ok()?.parsed_uri().ok()?.aor());
    let preferred = preferred.into_iter().next();
    preferred.or_else(|| name_of_credentials(request)).or(from)
}

/// Who From says a request is from.
pub(crate) fn in_from(request: &Message) -> Option<Aor> {
    request.from().ok()?.parsed_uri().ok()?.aor()
}

fn name_of_credentials(request: &Message) -> Option<Aor> {
    let values = request.fields().filter(|field| field.name == Name::Authorization);
    let value = values.into_iter().next()?.value;
    let fields = Fields::parse(std::str::from_utf8(value).ok()?).ok()?;
    let name = fields.get("username")?;
    let host = Uri::parse(request.request_uri()).ok()?.host;
    let uri = if name.contains('@') { format!("sip:{name}") } else { format!("sip:{name}@{host}") };
    Uri::parse(&uri).ok()?.aor()
}

/// Whether the name in credentials is that of the address-of-record: its user, or all of it.
fn is_name_of(aor: &Aor, name: &str) -> bool {
    name == aor.user() || name == aor.as_str()
}

/// What the user `name` of the credentials logs in with, as a plugin gave it.
fn secret_of(name: &str, realm: &str, credentials: &Credentials) -> Option<Arc<Secret>> {
    match credentials {
        Credentials::Password(password) => Some(secret_of_password(name, realm, password)),
        Credentials::Ha1(hex) => {
            let of = |algorithm: Algorithm| Ha1::from_hex(hex, algorithm.hex_length());
            let (md5, sha256) = (of(Algorithm::Md5), of(Algorithm::Sha256));
            Some(Arc::new(Secret { md5, sha256 })).filter(|secret| !secret.is_empty())
        }
    }
}

/// What a subscriber logs in with, from a password.
pub fn secret_of_password(user: &str, realm: &str, password: &str) -> Arc<Secret> {
    Arc::new(sip::auth::secret_of_password(user, realm, password))
}

#[cfg(test)]
#[path = "authenticate_test.rs"]
mod tests;
