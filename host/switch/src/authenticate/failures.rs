//! Who gave wrong credentials, and how often.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use model::Instant;

use super::AuthConfig;

/// So many times the failures of one user are taken from one address before all of its users are refused: an office behind one
/// address is not shut out by one phone with an old password.
const ADDRESS_SHARE: u32 = 10;

/// Counts failures by address and user, and by address alone.
#[derive(Debug)]
pub(super) struct Failures {
    max: u32,
    window: Duration,
    sources_max: usize,
    by_source: BTreeMap<Source, Tally>,
    /// In the order their windows began.
    order: VecDeque<(Instant, Source)>,
}

/// An address with the user it claimed to be; without one for all of them.
type Source = (IpAddr, Option<Box<str>>);

/// The failures of a source within one window.
#[derive(Debug)]
struct Tally {
    since: Instant,
    count: u32,
    /// It has been told that the source is refused.
    told: bool,
}

impl Failures {
    pub(super) const fn new(config: &AuthConfig) -> Self {
        Self {
            max: config.failures_max,
            window: config.failures_window,
            sources_max: config.sources_max,
            by_source: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn is_blocked(&self, now: Instant, ip: IpAddr, user: &str) -> bool {
        // Nothing to look for is the common case.
        if self.by_source.is_empty() {
            return false;
        }
        let counts = |source: Source, max: u32| {
            self.by_source.get(&source).is_some_and(|tally| {
                now.saturating_since(tally.since) <= self.window && tally.count >= max
            })
        };
        counts((ip, Some(user.into())), self.max)
            || counts((ip, None), self.max.saturating_mul(ADDRESS_SHARE))
    }

    /// Whether it has still to be told that this one is refused: once, however often it goes on trying.
    pub(super) fn tell_blocked(&mut self, ip: IpAddr, user: &str) -> bool {
        let address_max = self.max.saturating_mul(ADDRESS_SHARE);
        [((ip, Some(user.into())), self.max), ((ip, None), address_max)].into_iter().any(
            |(source, max)| {
                let tally = self.by_source.get_mut(&source).filter(|tally| tally.count >= max);
                tally.is_some_and(|tally| !std::mem::replace(&mut tally.told, true))
            },
        )
    }

    pub(super) fn note(&mut self, now: Instant, ip: IpAddr, user: &str) {
        self.drop_old(now);
        for source in [(ip, Some(user.into())), (ip, None)] {
            if let Some(tally) = self.by_source.get_mut(&source) {
                tally.count = tally.count.saturating_add(1);
                continue;
            }
            if self.by_source.len() >= self.sources_max {
                self.drop_oldest();
            }
            self.order.push_back((now, source.clone()));
            self.by_source.insert(source, Tally { since: now, count: 1, told: false });
        }
    }

    /// The user gave the right ones.
    pub(super) fn forget(&mut self, ip: IpAddr, user: &str) {
        if !self.by_source.is_empty() {
            self.by_source.remove(&(ip, Some(user.into())));
        }
    }

    fn drop_old(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(at, _)| now.saturating_since(*at) > self.window) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((at, source)) = self.order.pop_front()
            && self.by_source.get(&source).is_some_and(|tally| tally.since == at)
        {
            self.by_source.remove(&source);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn failures(sources_max: usize) -> Failures {
        Failures::new(&AuthConfig {
            required: true,
            realm: String::new(),
            algorithms: Vec::new(),
            offered: BTreeMap::new(),
            nonce_life: Duration::ZERO,
            nonces_max: 1,
            anonymous_calls: false,
            failures_max: 2,
            failures_window: Duration::from_secs(60),
            sources_max,
        })
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_user_is_blocked_where_it_failed_and_only_for_a_while() {
        let mut failures = failures(100);
        failures.note(at(0), IP, "ann");
        assert!(!failures.is_blocked(at(1), IP, "ann"));
        failures.note(at(1), IP, "ann");
        assert!(failures.is_blocked(at(60), IP, "ann"));
        assert!(!failures.is_blocked(at(60), IP, "bob"));
        assert!(!failures.is_blocked(at(60), "192.0.2.1".parse().unwrap(), "ann"));
        assert!(!failures.is_blocked(at(61), IP, "ann"));
    }

    #[test]
    fn who_gets_it_right_begins_anew() {
        let mut failures = failures(100);
        failures.note(at(0), IP, "ann");
        failures.forget(IP, "ann");
        failures.note(at(1), IP, "ann");
        assert!(!failures.is_blocked(at(1), IP, "ann"));
    }

    #[test]
    fn an_address_that_tries_many_users_is_blocked_for_all() {
        let mut failures = failures(100);
        for n in 0..20 {
            assert!(!failures.is_blocked(at(0), IP, "new"), "{n}");
            failures.note(at(0), IP, &format!("user{n}"));
        }
        assert!(failures.is_blocked(at(1), IP, "new"));
    }

    #[test]
    fn the_table_keeps_to_its_size() {
        let mut failures = failures(10);
        for n in 0..1000_u32 {
            let ip = IpAddr::from(std::net::Ipv4Addr::from(n));
            failures.note(at(0), ip, "ann");
            failures.forget(ip, "ann");
        }
        assert!(failures.by_source.len() <= 10);
        failures.note(at(100), IP, "ann");
        assert!(failures.order.len() <= 12, "{}", failures.order.len());
    }
}
