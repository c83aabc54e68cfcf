//! Who is left alone for a while: the calls of one number, trunk or tenant at which a hook fails, or the whole hook.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use model::hook::{CallFacts, Hook};

use crate::{QuarantinePolicy, metrics::nanos};

/// The tenant of calls that are of none.
const TENANT: &str = "default";

/// What calls have in common, the narrowest first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// A directory number: the user who is called, or who has proved to be the caller.
    Dn(String),
    /// The trunk the call came over.
    Trunk(String),
    /// The tenant it is of.
    Tenant(String),
    /// The connection of a T-Library client, by its address and port.
    Client(SocketAddr),
    /// The address that T-Library clients come from.
    Address(IpAddr),
}

impl Key {
    /// The keys of a call, the narrowest first. Who calls counts when that is proved, and nothing that a stranger says: before a call
    /// is one, at the door, there are no numbers. Of what T-Library clients want it is the client, and not the DN that it names: whether
    /// it may name that has not been looked into.
    fn of(call: &CallFacts, hook: Hook) -> Vec<Self> {
        let mut keys = Vec::new();
        if matches!(hook, Hook::FanOut | Hook::AuthoriseRequest) {
            keys.extend([Self::Client(call.source), Self::Address(call.source.ip())]);
        } else if !matches!(hook, Hook::Admission | Hook::Authenticate | Hook::Register) {
            let caller = call.identity.as_ref().map(|identity| identity.user());
            let users = [Some(call.callee.user.as_str()), caller].into_iter().flatten();
            for user in users.filter(|user| !user.is_empty()) {
                let key = Self::Dn(user.to_owned());
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys.extend(call.trunk.iter().map(|trunk| Self::Trunk(trunk.clone())));
        // Where there is one tenant it is everybody.
        keys.extend((call.tenant != TENANT).then(|| Self::Tenant(call.tenant.clone())));
        keys
    }

    /// Whether a success says that it is not to blame. A client chooses what it asks for, and when: what it is answered between two failures
    /// says nothing.
    const fn is_cleared_by_success(&self) -> bool {
        !matches!(self, Self::Client(_))
    }
}

/// `dn=2000`, `trunk=carrier`, `tenant=acme`, `client=192.0.2.9:40000` or `address=192.0.2.9`.
impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        /// No name of a number, a trunk or a tenant is longer.
        const BYTES_MAX: usize = 256;
        let parts = text.split_once('=').filter(|(_, name)| !name.is_empty());
        match parts {
            Some((_, name)) if name.len() > BYTES_MAX => {
                Err(format!("a name has at most {BYTES_MAX} bytes"))
            }
            Some(("dn", name)) => Ok(Self::Dn(name.to_owned())),
            Some(("trunk", name)) => Ok(Self::Trunk(name.to_owned())),
            Some(("tenant", name)) => Ok(Self::Tenant(name.to_owned())),
            Some(("client", name)) => {
                let wrong = |_| format!("`{name}` is no address with a port: 192.0.2.9:40000");
                name.parse().map(Self::Client).map_err(wrong)
            }
            Some(("address", name)) => {
                let wrong = |_| format!("`{name}` is no address: 192.0.2.9");
                name.parse().map(Self::Address).map_err(wrong)
            }
            Some(_) | None => Err(
                "write dn=NUMBER, trunk=NAME, tenant=NAME, client=ADDRESS:PORT or address=ADDRESS"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dn(name) => write!(f, "dn {name}"),
            Self::Trunk(name) => write!(f, "trunk {name}"),
            Self::Tenant(name) => write!(f, "tenant {name}"),
            Self::Client(peer) => write!(f, "client {peer}"),
            Self::Address(address) => write!(f, "address {address}"),
        }
    }
}

/// What a failure led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Caught {
    /// The calls with this key are in quarantine.
    Key(Key),
    /// The hook is.
    Hook,
}

/// The failures of one hook of one generation, and what is in quarantine for them. Times are nanoseconds since the host started.
/// A failure is never a matter of waiting: the time limit counts CPU time.
///
/// A key is to blame when calls with it failed and none succeeded, while others did succeed meanwhile: without these it is the
/// hook that is to blame. A connection of a T-Library client is to blame also where something between was answered.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    /// When that of the hook ends; 0 when there is none.
    until: AtomicU64,
    /// There is something in `state`. Most hooks never fail, and are asked without a look at it.
    is_watched: AtomicBool,
    /// Failures that a key in quarantine explains, ever.
    explained: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the failures of the last window were that no key explains, oldest first, each with its keys.
    failures: VecDeque<(u64, Vec<Key>)>,
    suspects: BTreeMap<Key, Suspect>,
    /// Keys in quarantine, and until when.
    kept: BTreeMap<Key, u64>,
    /// Counts what was told. Workers tell what they began at other times, so times do not say what came after what.
    order: u64,
    /// When, in this order, a call last succeeded while there were failures.
    succeeded: u64,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    /// Failures one after another, no success between them that counts.
    count: u32,
    /// In the order of what was told.
    first: u64,
    last: u64,
}

impl Quarantine {
    /// What of this call is in quarantine, and for how long yet.
    pub(crate) fn rest(
        &self,
        now: u64,
        call: &CallFacts,
        hook: Hook,
    ) -> Option<(String, Duration)> {
        let of_hook = self.of_hook(now).map(|left| ("the hook".to_owned(), left));
        if of_hook.is_some() || !self.is_watched.load(Ordering::Relaxed) {
            return of_hook;
        }
        let state = self.lock();
        if state.kept.is_empty() {
            return None;
        }
        let keys = Key::of(call, hook).into_iter();
        keys.filter_map(|key| {
            let until = state.kept.get(&key).copied().filter(|until| *until > now)?;
            Some((key.to_string(), Duration::from_nanos(until - now)))
        })
        .next()
    }

    /// How long the whole hook is in quarantine yet.
    pub(crate) fn of_hook(&self, now: u64) -> Option<Duration> {
        let until = self.until.load(Ordering::Relaxed);
        (until > now).then(|| Duration::from_nanos(until - now))
    }

    /// The keys in quarantine, and for how long yet.
    pub(crate) fn keys(&self, now: u64) -> Vec<(Key, Duration)> {
        if !self.is_watched.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let left = |(key, until): (&Key, &u64)| {
            let left = until.checked_sub(now).filter(|left| *left > 0)?;
            Some((key.clone(), Duration::from_nanos(left)))
        };
        self.lock().kept.iter().filter_map(left).collect()
    }

    /// How many failures a key in quarantine explains: they are not the hook's.
    pub(crate) fn explained(&self) -> u64 {
        self.explained.load(Ordering::Relaxed)
    }

    /// Counts a failure. Gives what is in quarantine from now on because it was one too many.
    pub(crate) fn fail(
        &self,
        now: u64,
        (call, hook): (&CallFacts, Hook),
        policy: &QuarantinePolicy,
    ) -> Option<Caught> {
        if policy.strikes == 0 {
            return None;
        }
        let mut state = self.lock();
        self.is_watched.store(true, Ordering::Relaxed);
        state.forget(now, nanos(policy.window));
        state.order += 1;
        let keys = Key::of(call, hook);
        for key in &keys {
            state.suspect(key, now, policy.keys_max);
        }
        state.failures.push_back((now, keys.clone()));
        if let Some(key) = keys.into_iter().find(|key| state.is_to_blame(key, policy)) {
            let before = state.failures.len();
            state.failures.retain(|(_, keys)| !keys.contains(&key));
            let explained = before.saturating_sub(state.failures.len()) as u64;
            self.explained.fetch_add(explained, Ordering::Relaxed);
            state.suspects.remove(&key);
            state.kept.insert(key.clone(), now.saturating_add(nanos(policy.key_rest)));
            return Some(Caught::Key(key));
        }
        let strikes = usize::try_from(policy.strikes).unwrap_or(usize::MAX);
        if state.failures.len() < strikes {
            return None;
        }
        state.failures.clear();
        state.suspects.clear();
        self.until.store(now.saturating_add(nanos(policy.rest)), Ordering::Relaxed);
        Some(Caught::Hook)
    }

    /// A call was answered: what it has in common with others is not to blame.
    pub(crate) fn succeed(
        &self,
        now: u64,
        (call, hook): (&CallFacts, Hook),
        policy: &QuarantinePolicy,
    ) {
        if !self.is_watched.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.lock();
        state.order += 1;
        state.succeeded = state.order;
        if !state.suspects.is_empty() {
            for key in Key::of(call, hook).iter().filter(|key| key.is_cleared_by_success()) {
                state.suspects.remove(key);
            }
        }
        state.forget(now, nanos(policy.window));
        let is_over =
            state.failures.is_empty() && state.suspects.is_empty() && state.kept.is_empty();
        if is_over {
            self.is_watched.store(false, Ordering::Relaxed);
        }
    }

    /// Leaves the hook alone until then, or the calls with a key: an operator wants it. Gives whether there was room for the key.
    pub(crate) fn keep(&self, until: u64, key: Option<Key>, keys_max: usize) -> bool {
        let Some(key) = key else {
            self.until.store(until, Ordering::Relaxed);
            return true;
        };
        let mut state = self.lock();
        if state.kept.len() >= keys_max && !state.kept.contains_key(&key) {
            return false;
        }
        self.is_watched.store(true, Ordering::Relaxed);
        state.suspects.remove(&key);
        state.kept.insert(key, until);
        true
    }

    /// Has the calls with a key asked about again; without one the hook, and all keys. Gives how many were not.
    pub(crate) fn release(&self, now: u64, key: Option<&Key>) -> usize {
        let mut state = self.lock();
        let before = state.kept.values().filter(|until| **until > now).count();
        let of_hook = match key {
            Some(key) => {
                state.kept.remove(key);
                false
            }
            None => {
                state.kept.clear();
                state.failures.clear();
                self.until.swap(0, Ordering::Relaxed) > now
            }
        };
        let after = state.kept.values().filter(|until| **until > now).count();
        before - after + usize::from(of_hook)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn suspect(&mut self, key: &Key, now: u64, keys_max: usize) {
        let fresh = Suspect { count: 0, first: self.order, last: now };
        if !self.suspects.contains_key(key) && self.suspects.len() >= keys_max {
            let oldest = self.suspects.iter().min_by_key(|(_, suspect)| suspect.last);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.suspects.remove(&oldest);
            }
        }
        let suspect = self.suspects.entry(key.clone()).or_insert(fresh);
        suspect.count = suspect.count.saturating_add(1);
        suspect.last = now;
    }

    fn is_to_blame(&self, key: &Key, policy: &QuarantinePolicy) -> bool {
        let is_suspect = |suspect: &Suspect| {
            suspect.count >= policy.key_strikes && self.succeeded > suspect.first
        };
        // Where so many keys are in quarantine that there is no room for more, it is the hook.
        policy.key_strikes > 0
            && self.kept.len() < policy.keys_max
            && self.suspects.get(key).is_some_and(is_suspect)
    }

    /// Forgets what is older than the window, and quarantines that are over.
    fn forget(&mut self, now: u64, window: u64) {
        let since = now.saturating_sub(window);
        while self.failures.front().is_some_and(|(at, _)| *at < since) {
            self.failures.pop_front();
        }
        self.suspects.retain(|_, suspect| suspect.last >= since);
        self.kept.retain(|_, until| *until > now);
    }
}

#[cfg(test)]
#[path = "quarantine_test.rs"]
mod tests;
