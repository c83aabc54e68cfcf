use model::hook::{Ask, CallFacts, Hook};

use super::*;
use crate::probe;

const SECOND: u64 = 1_000_000_000;

/// A call from one number to another over a trunk.
fn call(caller: &str, callee: &str, trunk: Option<&str>) -> CallFacts {
    let party = |user| probe::party(user, "example.com");
    let facts = probe::about(party(callee), party(caller), Ask::Route).call;
    let identity = Some(model::Aor::new(caller, "example.com"));
    CallFacts { trunk: trunk.map(str::to_owned), identity, ..(*facts).clone() }
}

/// A hook whose failures and successes are told in seconds.
#[derive(Default)]
struct Bench {
    hook: Quarantine,
    policy: QuarantinePolicy,
}

impl Bench {
    fn fail(&self, second: u64, caller: &str, callee: &str, trunk: Option<&str>) -> String {
        let caught = self.hook.fail(
            second * SECOND,
            (&call(caller, callee, trunk), Hook::Route),
            &self.policy,
        );
        match caught {
            None => String::new(),
            Some(Caught::Hook) => "hook".to_owned(),
            Some(Caught::Key(key)) => key.to_string(),
        }
    }

    fn succeed(&self, second: u64, caller: &str, callee: &str, trunk: Option<&str>) {
        self.hook.succeed(
            second * SECOND,
            (&call(caller, callee, trunk), Hook::Route),
            &self.policy,
        );
    }

    fn rest(&self, second: u64, callee: &str, trunk: Option<&str>) -> Option<(String, u64)> {
        let rest = self.hook.rest(second * SECOND, &call("9", callee, trunk), Hook::Route);
        rest.map(|(what, left)| (what, left.as_secs()))
    }
}

#[test]
fn three_failures_within_a_minute_give_ten_seconds_of_rest() {
    let bench = Bench::default();
    assert_eq!([1, 2].map(|at| bench.fail(at, "1", "2", None)), ["", ""]);
    assert_eq!(bench.fail(60, "1", "2", None), "hook");
    assert_eq!(bench.rest(61, "3", None), Some(("the hook".to_owned(), 9)));
    assert_eq!(bench.rest(70, "3", None), None);
    assert_eq!(bench.fail(71, "1", "2", None), "", "the record is clean after the rest");
}

#[test]
fn failures_far_apart_are_forgiven() {
    let bench = Bench::default();
    for minute in 1..10 {
        assert_eq!(bench.fail(minute * 31, "1", "2", None), "", "minute {minute}");
    }
}

#[test]
fn no_strikes_switch_quarantine_off() {
    let policy = QuarantinePolicy { strikes: 0, ..QuarantinePolicy::default() };
    let bench = Bench { policy, ..Bench::default() };
    assert!((0..10).all(|n| bench.fail(n, "1", "2", None).is_empty()));
}

#[test]
fn a_number_at_which_all_calls_fail_is_left_alone_while_others_are_served() {
    let bench = Bench::default();
    assert_eq!(bench.fail(1, "1", "13", None), "");
    bench.succeed(2, "1", "20", None);
    assert_eq!(bench.fail(3, "2", "13", None), "dn 13");
    assert_eq!(bench.rest(4, "13", None), Some(("dn 13".to_owned(), 599)));
    assert_eq!(bench.rest(4, "20", None), None);
    assert_eq!(bench.rest(604, "13", None), None);
    // What one number explains does not count against the hook.
    assert_eq!([5, 6].map(|at| bench.fail(at, "1", "30", None)), ["", ""]);
}

#[test]
fn the_number_may_be_that_of_the_caller() {
    let bench = Bench::default();
    assert_eq!(bench.fail(1, "13", "20", None), "");
    bench.succeed(2, "1", "20", None);
    assert_eq!(bench.fail(3, "13", "21", None), "dn 13");
}

#[test]
fn a_trunk_is_left_alone_when_calls_over_it_fail_whoever_is_called() {
    let bench = Bench::default();
    assert_eq!(bench.fail(1, "1", "20", Some("carrier")), "");
    bench.succeed(2, "1", "20", Some("other"));
    assert_eq!(bench.fail(3, "2", "21", Some("carrier")), "trunk carrier");
    assert_eq!(
        bench.rest(4, "22", Some("carrier")).map(|(what, _)| what),
        Some("trunk carrier".into())
    );
    assert_eq!(bench.rest(4, "22", Some("other")), None);
}

#[test]
fn a_number_that_succeeds_is_no_suspect_any_more() {
    let bench = Bench::default();
    assert_eq!(bench.fail(1, "1", "13", None), "");
    bench.succeed(2, "2", "13", None);
    assert_eq!(bench.fail(3, "3", "13", None), "");
}

#[test]
fn where_nothing_succeeds_the_hook_is_to_blame() {
    let bench = Bench::default();
    assert_eq!([1, 2].map(|at| bench.fail(at, "1", "13", Some("carrier"))), ["", ""]);
    assert_eq!(bench.fail(3, "2", "14", None), "hook");
}

#[test]
fn only_so_many_keys_are_remembered() {
    let policy = QuarantinePolicy { keys_max: 4, strikes: 1000, ..QuarantinePolicy::default() };
    let bench = Bench { policy, ..Bench::default() };
    for n in 0..100_u64 {
        bench.fail(n / 10, &format!("a{n}"), &format!("b{n}"), None);
    }
    assert!(bench.hook.lock().suspects.len() <= 4);
}

#[test]
fn a_hook_that_has_recovered_is_not_looked_at_any_more() {
    let bench = Bench::default();
    bench.fail(1, "1", "13", None);
    assert!(bench.hook.is_watched.load(Ordering::Relaxed));
    bench.succeed(100, "1", "20", None);
    assert!(!bench.hook.is_watched.load(Ordering::Relaxed));
}

#[test]
fn what_a_stranger_says_is_no_key() {
    let facts = call("victim", "2000", None);
    assert_eq!(Key::of(&facts, Hook::Admission), []);
    assert_eq!(Key::of(&facts, Hook::Authenticate), []);
    let unproved = CallFacts { identity: None, ..facts };
    assert_eq!(Key::of(&unproved, Hook::Route), [Key::Dn("2000".to_owned())]);
    let nobody = call("", "", Some("carrier"));
    assert_eq!(Key::of(&nobody, Hook::Route), [Key::Trunk("carrier".to_owned())]);
}

/// A request of a T-Library client on this port of an address, with a ThisDN of its choice.
fn asked(port: u16, dn: &str) -> CallFacts {
    let source = ([192, 0, 2, 66], port).into();
    CallFacts { source, identity: None, ..call("", dn, None) }
}

#[test]
fn a_dn_that_a_client_names_is_no_key() {
    let of_client = ["client 192.0.2.66:7", "address 192.0.2.66"];
    for hook in [Hook::AuthoriseRequest, Hook::FanOut] {
        let keys = Key::of(&asked(7, "2001"), hook);
        assert_eq!(keys.iter().map(Key::to_string).collect::<Vec<_>>(), of_client, "{hook}");
        for key in keys {
            assert_eq!(key.to_string().replace(' ', "=").parse(), Ok(key));
        }
    }
    // Whose a DN is is asked about DNs that there are.
    assert_eq!(Key::of(&asked(7, "2001"), Hook::DnOwner), [Key::Dn("2001".to_owned())]);
    for wrong in ["client=192.0.2.66", "address=192.0.2.66:7", "address=desk"] {
        assert!(wrong.parse::<Key>().is_err(), "{wrong}");
    }
}

#[test]
fn a_client_is_left_alone_that_fails_between_what_succeeds() {
    let hook = Quarantine::default();
    let policy = QuarantinePolicy::default();
    let at = Hook::AuthoriseRequest;
    assert_eq!(hook.fail(SECOND, (&asked(7, "2001"), at), &policy), None);
    hook.succeed(2 * SECOND, (&asked(7, "2002"), at), &policy);
    let caught = hook.fail(3 * SECOND, (&asked(7, "2003"), at), &policy);
    assert_eq!(caught, Some(Caught::Key(Key::Client(([192, 0, 2, 66], 7).into()))));
    assert!(hook.rest(4 * SECOND, &asked(7, "2009"), at).is_some());
    assert_eq!(hook.rest(4 * SECOND, &asked(8, "2001"), at), None);
}

#[test]
fn an_address_is_left_alone_whose_clients_fail_and_none_succeeds() {
    let hook = Quarantine::default();
    let policy = QuarantinePolicy::default();
    let (at, elsewhere) = (Hook::FanOut, asked(5, "2001"));
    let elsewhere = CallFacts { source: ([192, 0, 2, 9], 5).into(), ..elsewhere };
    assert_eq!(hook.fail(SECOND, (&asked(7, "2001"), at), &policy), None);
    hook.succeed(2 * SECOND, (&elsewhere, at), &policy);
    let caught = hook.fail(3 * SECOND, (&asked(8, "2002"), at), &policy);
    assert_eq!(caught, Some(Caught::Key(Key::Address([192, 0, 2, 66].into()))));
    assert_eq!(hook.rest(4 * SECOND, &elsewhere, at), None);
}

#[test]
fn what_is_told_late_does_not_blame_a_key_for_what_came_before() {
    let bench = Bench::default();
    // A call that began later has succeeded before two that began at the same moment are known to have failed.
    bench.fail(1, "1", "9", None);
    bench.succeed(11, "1", "20", Some("carrier"));
    assert_eq!(bench.fail(10, "2", "13", Some("carrier")), "");
    assert_eq!(bench.fail(10, "3", "14", Some("carrier")), "hook");
}
