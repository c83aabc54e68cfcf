//! What plugins keep where it is full, goes back and forth between forms, or is to be forgotten.

use jackfield_plugin::{HostConfig, Kind, PluginHost, Rollout};

use crate::{
    common::{answer, host, patient, route, with_manifest},
    state::{STATE, kept, pairs},
    state_life::{COUNTS, Desk, Disk, MIGRATES, calls, of_schema, remembering},
};

fn of_three() -> HostConfig {
    let mut config = patient();
    config.keep.entries_max = 3;
    config
}

const FILLS: &str = r#"
    fn route(call) {
        if call.callee.user == "fill" { for n in 0..3 { state.set("k" + n, n); } }
        if call.callee.user == "turn" { state.delete("k2"); state.set("a", 1); }
        pass()
    }
"#;

#[test]
fn what_is_full_takes_a_key_for_one_that_goes() {
    let host = host(of_three(), vec![of_schema(1, FILLS)]);
    answer(&host, &route("fill"));
    answer(&host, &route("turn"));
    assert_eq!(kept(&host), pairs(&[("a", "1"), ("k0", "0"), ("k1", "1")]));
}

#[test]
fn a_migration_of_what_is_full_loses_nothing() {
    let desk = Desk::new(1, FILLS);
    let host = host(of_three(), vec![desk.source()]);
    answer(&host, &route("fill"));
    let renames = r#"
        fn route(call) { pass() }
        fn migrate(from, to) {
            let all = state.list("k");
            for key in all.keys() { state.delete(key); }
            for key in all.keys() { state.set("a." + key, all[key]); }
        }
    "#;
    desk.save(2, renames);
    host.reload(None).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("a.k0", "0"), ("a.k1", "1"), ("a.k2", "2")]));
}

#[test]
fn a_version_that_comes_back_finds_what_it_kept_and_is_not_asked_for_a_way_back() {
    let desk = Desk::new(1, COUNTS);
    let host = host(patient(), vec![desk.source()]);
    calls(&host, 2);
    desk.save(2, MIGRATES);
    host.reload(None).remove(0).outcome.unwrap();
    calls(&host, 1);
    desk.save(3, "fn route(call) { pass() } fn migrate(from, to) { state.set(\"third\", 1); }");
    host.reload(None).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("third", "1"), ("total", "3")]));
    // Its own way is from 1 to 2, and it says so when it is asked for another.
    desk.save(2, &format!("{MIGRATES} // again"));
    host.reload(None).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("total", "3")]));
}

#[test]
fn what_has_come_in_meanwhile_is_not_left_behind_by_a_version_that_cannot_take_it() {
    let desk = Desk::new(1, COUNTS);
    let host = host(patient(), vec![desk.source()]);
    desk.save(2, "fn route(call) { pass() }");
    host.reload_by(None, Rollout::Canary(1)).remove(0).outcome.unwrap();
    for _ in 0..50 {
        answer(&host, &route("2000"));
    }
    let before = kept(&host);
    let refused = host.promote("desk").unwrap_err().to_string();
    assert!(refused.contains("nothing brings the one into the other"), "{refused}");
    assert_eq!(kept(&host), before);
}

#[test]
fn what_calls_left_behind_does_not_decide_a_self_test() {
    let disk = Disk::default();
    let limits =
        r#"fn route(call) { if state.increment("n") > 2 { refuse(486) } else { pass() } }"#;
    let manifest = format!("{STATE}[[vectors]]\ncallee = \"sip:2000@a.test\"\nexpect = \"pass\"\n");
    let plugin = || with_manifest("desk", Kind::Rhai, limits, &manifest);
    let host = remembering(&disk, plugin());
    calls(&host, 5);
    disk.flush(&host);
    let again = remembering(&disk, plugin());
    assert_eq!(kept(&again), pairs(&[("n", "5")]));
}

#[test]
fn what_is_forgotten_does_not_come_back_with_an_old_version_or_another_plugin_of_the_name() {
    let disk = Disk::default();
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&disk, desk.source());
    calls(&host, 2);
    desk.save(2, MIGRATES);
    host.reload(None).remove(0).outcome.unwrap();
    disk.flush(&host);
    assert_eq!(host.forget_kept("desk", None, ""), Some(2), "n of before, and total");
    host.roll_back("desk", "a test").unwrap();
    assert_eq!(kept(&host), []);
    calls(&host, 1);
    disk.flush(&host);
    assert_eq!(host.forget_kept("nobody", None, ""), None);

    let host = PluginHost::new(patient()).unwrap();
    host.remember(Box::new(disk.clone()));
    assert_eq!(host.forget_kept("desk", Some("n"), ""), Some(1), "it is not loaded");
    disk.flush(&host);
    assert_eq!(kept(&remembering(&disk, desk.source())), []);
}
