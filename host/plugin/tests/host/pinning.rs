//! A call keeps the generations that routed it until it ends.

use std::fs;

use jackfield_plugin::{Kind, PluginHost, Source, Worker};
use model::hook::Verdict;
use tempfile::TempDir;

use crate::{
    common::{failed, host, is_activated, moment, patient, pinned, reload, route, source},
    guest,
};

/// A plugin in a file, of either kind, which refuses calls with a status.
struct Plugin {
    folder: TempDir,
    kind: Kind,
}

impl Plugin {
    fn new(kind: Kind, status: u16) -> Self {
        let plugin = Self { folder: TempDir::new().unwrap(), kind };
        plugin.write(status);
        plugin
    }

    fn write(&self, status: u16) {
        let code = match self.kind {
            Kind::Wasm => {
                let body = |tag| format!("(call $refuse (i32.const {tag}) (i32.const {status}))");
                guest::both(&body(2), &body(3))
            }
            Kind::Rhai => {
                let hooks = ["route(call)", "route_on_failure(call, attempts, remaining)"];
                let functions = hooks.map(|hook| format!("fn {hook} {{ refuse({status}) }}\n"));
                functions.concat().into_bytes()
            }
        };
        fs::write(self.path(), code).unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("plugin").with_extension(self.kind.name())
    }

    fn replace(&self, host: &PluginHost, status: u16) {
        self.write(status);
        assert!(is_activated(&reload(host)));
    }
}

fn verdict(worker: &mut Worker, question: &model::hook::Question) -> Verdict {
    worker.answer(question, moment()).verdict
}

#[test]
fn a_call_in_progress_keeps_the_code_that_routed_it() {
    for kind in [Kind::Wasm, Kind::Rhai] {
        let plugin = Plugin::new(kind, 401);
        let host = host(patient(), vec![Source::Path(plugin.path())]);
        let mut worker = host.worker();
        let begun = worker.answer(&route("2000"), moment());
        let pin = begun.pin.unwrap();
        plugin.replace(&host, 402);
        assert_eq!(verdict(&mut worker, &route("2000")), Verdict::Refuse(402), "{kind}");
        let question = pinned(failed("2000", 486), &pin);
        let again = worker.answer(&question, moment());
        assert_eq!(again.verdict, Verdict::Refuse(401), "{kind}");
        assert_eq!((again.pin, again.decision.reasons), (Some(pin), Vec::new()));
    }
}

#[test]
fn many_generations_drain_at_once() {
    let plugin = Plugin::new(Kind::Rhai, 400);
    let host = host(patient(), vec![Source::Path(plugin.path())]);
    let mut worker = host.worker();
    let mut pins = Vec::new();
    for status in 401..407 {
        pins.push((status - 1, worker.answer(&route("2000"), moment()).pin.unwrap()));
        plugin.replace(&host, status);
    }
    assert_eq!(host.stats().tables, 7);
    for (status, pin) in &pins {
        let question = pinned(failed("2000", 486), pin);
        assert_eq!(verdict(&mut worker, &question), Verdict::Refuse(*status));
    }
    drop(pins);
    host.sweep();
    assert_eq!((host.stats().tables, host.stats().generations), (1, 1));
}

#[test]
fn a_table_is_freed_when_its_last_call_ends() {
    let plugin = Plugin::new(Kind::Wasm, 401);
    let host = host(patient(), vec![Source::Path(plugin.path())]);
    let mut worker = host.worker();
    let pin = worker.answer(&route("2000"), moment()).pin.unwrap();
    plugin.replace(&host, 402);
    verdict(&mut worker, &route("2000"));
    assert_eq!((host.stats().generations, host.stats().instances), (2, 2));
    host.sweep();
    assert_eq!(host.stats().tables, 2, "a call is pinned to it");
    drop(pin);
    host.sweep();
    worker.sweep();
    let stats = host.stats();
    assert_eq!((stats.tables, stats.generations, stats.instances), (1, 1, 1));
}

#[test]
fn an_unpinned_former_table_does_not_outlive_the_reload() {
    let plugin = Plugin::new(Kind::Rhai, 401);
    let host = host(patient(), vec![Source::Path(plugin.path())]);
    plugin.replace(&host, 402);
    assert_eq!((host.stats().tables, host.stats().generations), (1, 1));
}

#[test]
fn the_oldest_table_gives_way_when_there_are_too_many_and_the_call_is_told() {
    let mut config = patient();
    config.generations_max = 2;
    let plugin = Plugin::new(Kind::Rhai, 401);
    let host = host(config, vec![Source::Path(plugin.path())]);
    let mut worker = host.worker();
    let first = worker.answer(&route("2000"), moment()).pin.unwrap();
    plugin.replace(&host, 402);
    let second = worker.answer(&route("2000"), moment()).pin.unwrap();
    plugin.replace(&host, 403);
    assert_eq!((host.stats().tables, host.stats().unpinned), (2, 1));
    let answer = worker.answer(&pinned(failed("2000", 486), &first), moment());
    assert_eq!(answer.verdict, Verdict::Refuse(403));
    assert_eq!(answer.pin, Some(host.current()));
    assert_eq!(answer.decision.reasons[0].code, "unpinned");
    let answer = worker.answer(&pinned(failed("2000", 486), &second), moment());
    assert_eq!(answer.verdict, Verdict::Refuse(402));
}

#[test]
fn a_version_that_comes_back_is_not_compiled_again() {
    let plugin = Plugin::new(Kind::Wasm, 401);
    let host = host(patient(), vec![Source::Path(plugin.path())]);
    for status in [402, 401, 402, 401] {
        plugin.replace(&host, status);
    }
    let stats = host.stats();
    assert_eq!((stats.compiled, stats.compiled_hits), (2, 3));
    assert_eq!(host.list()[0].generation.serial, 5);
}

#[test]
fn a_version_that_comes_back_while_calls_hold_it_is_the_same_generation() {
    let plugin = Plugin::new(Kind::Wasm, 401);
    let host = host(patient(), vec![Source::Path(plugin.path())]);
    let first = host.worker().answer(&route("2000"), moment());
    plugin.replace(&host, 402);
    plugin.replace(&host, 401);
    let again = host.worker().answer(&route("2000"), moment());
    assert_eq!(first.decision.decided_by, again.decision.decided_by);
    assert_ne!(first.pin, again.pin);
}

#[test]
fn without_plugins_every_question_has_the_built_in_answer() {
    let host = PluginHost::new(patient()).unwrap();
    let answer = host.worker().answer(&route("2000"), moment());
    assert_eq!((answer.verdict, answer.pin), (Verdict::BuiltIn, Some(host.current())));
    host.install(vec![source("a", Kind::Rhai, "fn route(call) { refuse(486) }")]).unwrap();
    assert_eq!(verdict(&mut host.worker(), &route("2000")), Verdict::Refuse(486));
}
