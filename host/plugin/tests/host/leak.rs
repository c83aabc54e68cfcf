//! A thousand reloads leave nothing behind.

use std::{fs, sync::Arc};

use jackfield_plugin::{HostConfig, HostStats, Kind, PluginHost, Source, Worker};
use tempfile::TempDir;

use crate::{
    common::{host, is_activated, moment, patient, reload, route, source},
    guest,
};

const RELOADS: u16 = 1000;

fn settled(host: &PluginHost, worker: &mut Worker) -> HostStats {
    host.sweep();
    worker.sweep();
    host.stats()
}

#[test]
fn a_thousand_reloads_of_a_script_leave_one_generation() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("script.rhai");
    let write = |n: u16| {
        fs::write(&path, format!("fn route(call) {{ refuse({}) }}", 400 + n % 200)).unwrap()
    };
    write(0);
    let host = host(patient(), vec![Source::Path(path.clone())]);
    let mut worker = host.worker();
    // One call in seven lasts for three reloads.
    let mut calls = std::collections::VecDeque::new();
    for n in 1..=RELOADS {
        if n % 7 == 0 {
            calls.push_back(worker.answer(&route("2000"), moment()).pin);
        }
        if calls.len() > 3 {
            calls.pop_front();
        }
        write(n);
        assert!(is_activated(&reload(&host)));
        worker.answer(&route("2000"), moment());
        assert!(host.stats().tables <= 8 && host.stats().generations <= 8);
    }
    drop(calls);
    let stats = settled(&host, &mut worker);
    assert_eq!((stats.tables, stats.generations), (1, 1));
    assert_eq!(stats.activated, u64::from(RELOADS) + 1);
}

#[test]
fn a_thousand_reloads_of_two_components_leave_one_instance() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("guest.wasm");
    let codes = [guest::refusing(486), guest::refusing(600)];
    fs::write(&path, &codes[0]).unwrap();
    let host = host(patient(), vec![Source::Path(path.clone())]);
    let mut worker = host.worker();
    for code in codes.iter().cycle().skip(1).take(RELOADS.into()) {
        fs::write(&path, code).unwrap();
        assert!(is_activated(&reload(&host)));
        worker.answer(&route("2000"), moment());
    }
    let stats = settled(&host, &mut worker);
    assert_eq!((stats.tables, stats.generations, stats.instances), (1, 1, 1));
    assert_eq!((stats.compiled, stats.compiled_hits), (2, u64::from(RELOADS) - 1));
}

#[test]
fn every_compiled_version_beyond_the_limit_is_dropped() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("guest.wasm");
    fs::write(&path, guest::refusing(400)).unwrap();
    let config = HostConfig { compiled_max: 3, ..patient() };
    let host = host(config, vec![Source::Path(path.clone())]);
    for status in 401..410 {
        fs::write(&path, guest::refusing(status)).unwrap();
        assert!(is_activated(&reload(&host)));
    }
    assert_eq!((host.stats().compiled, host.stats().compiled_hits), (3, 0));
}

#[test]
fn a_host_that_is_dropped_takes_its_code_along() {
    let weak = {
        let host = host(patient(), vec![source("a", Kind::Wasm, guest::refusing(486))]);
        let mut worker = host.worker();
        worker.answer(&route("2000"), moment());
        Arc::downgrade(&host)
    };
    assert_eq!(weak.strong_count(), 0);
}
