//! Many workers, and reloads beside them.

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use jackfield_plugin::{Kind, PluginHost, Source, Worker};
use model::hook::Verdict;
use tempfile::TempDir;

use crate::{
    common::{failed, host, is_activated, moment, patient, pinned, reload, route},
    guest,
};

#[test]
fn a_host_is_shared_and_a_worker_moves_to_its_thread() {
    fn is_shared<T: Send + Sync>() {}
    fn moves<T: Send>() {}
    is_shared::<PluginHost>();
    moves::<Worker>();
}

/// Two workers ask while the file alternates between two versions: every answer is one of the two, and a call that began with
/// one is continued by the same.
#[test]
fn reloads_beside_calls_never_mix_versions() {
    for kind in [Kind::Rhai, Kind::Wasm] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("plugin").with_extension(kind.name());
        let code = |status: u16| {
            match kind {
            Kind::Rhai => format!(
                "fn route(call) {{ refuse({status}) }} fn route_on_failure(c, a, r) {{ refuse({status}) }}"
            )
            .into_bytes(),
            Kind::Wasm => {
                let refuse = |tag| format!("(call $refuse (i32.const {tag}) (i32.const {status}))");
                guest::both(&refuse(2), &refuse(3))
            }
        }
        };
        fs::write(&path, code(401)).unwrap();
        let host = host(patient(), vec![Source::Path(path.clone())]);
        let is_over = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let ask = || {
                let mut worker = host.worker();
                let mut seen = BTreeSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    let begun = worker.answer(&route("2000"), moment());
                    let question = pinned(failed("2000", 486), &begun.pin.unwrap());
                    let Verdict::Refuse(status) = begun.verdict else {
                        panic!("{:?}", begun.verdict)
                    };
                    assert_eq!(worker.answer(&question, moment()).verdict, Verdict::Refuse(status));
                    seen.insert(status);
                }
                seen
            };
            let workers = [scope.spawn(ask), scope.spawn(ask)];
            for n in 0..200 {
                fs::write(&path, code(402 - n % 2)).unwrap();
                assert!(is_activated(&reload(&host)));
            }
            is_over.store(true, Ordering::Relaxed);
            workers.map(|worker| worker.join().unwrap())
        });
        assert!(seen.iter().flatten().all(|status| [401, 402].contains(status)), "{seen:?}");
        host.sweep();
        assert_eq!((host.stats().tables, host.stats().unpinned), (1, 0), "{kind}");
    }
}
