//! What is particular to WebAssembly: imports, instances, the calls into the host.

use jackfield_plugin::{CompiledFiles, HostConfig, Kind, PluginHost};
use model::hook::{FailureKind, Verdict};

use crate::{
    common::{answer, failure, host, moment, patient, route, source, with_manifest},
    guest,
};

fn refused(code: impl Into<Vec<u8>>) -> String {
    let host = PluginHost::new(patient()).unwrap();
    host.install(vec![source("guest", Kind::Wasm, code)]).expect_err("refused").to_string()
}

/// A guest that counts its calls in a global and refuses with 400 plus that number.
fn counting() -> Vec<u8> {
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (call $refuse (i32.const 2) (i32.add (i32.const 400) (global.get $calls)))";
    guest::route_with(body, "(global $calls (mut i32) (i32.const 0))")
}

#[test]
fn what_is_no_plugin_is_refused_with_what_to_do() {
    assert!(refused("fn route(call) {}").contains("is no WebAssembly"));
    assert!(refused(*b"\0asm\x01\0\0\0").contains("answers no hook"));
    let truncated = &guest::refusing(486)[..100];
    let error = refused(truncated);
    assert!(error.contains("is damaged") && error.contains("build it"), "{error}");
}

#[test]
fn a_module_that_is_damaged_anywhere_is_refused_and_loading_goes_on() {
    let whole = guest::refusing(486);
    let host = PluginHost::new(patient()).unwrap();
    for length in (8..whole.len()).step_by(17) {
        let source = source("guest", Kind::Wasm, &whole[..length]);
        assert!(host.install(vec![source]).is_err(), "the first {length} bytes");
    }
    for at in (8..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        // Some bytes do not matter; what matters is that the host is there afterwards.
        drop(host.install(vec![source("guest", Kind::Wasm, damaged)]));
    }
    host.install(vec![source("guest", Kind::Wasm, whole)]).unwrap();
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
}

#[test]
fn an_import_the_host_does_not_offer_is_named() {
    let component = r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#;
    let error = refused(wat::parse_str(component).unwrap());
    assert!(error.contains("imports wasi:clocks/wall-clock@0.2.0"), "{error}");
    assert!(error.contains("wasm32-unknown-unknown"), "{error}");
    let component = r#"(component (import "acme:lookup/table" (instance)))"#;
    assert!(refused(wat::parse_str(component).unwrap()).contains("sdk/wit/v1 and no others"));
}

#[test]
fn the_log_must_be_granted() {
    let component = r#"(component (import "jackfield:plugin/logging@1.0.0" (instance)))"#;
    let code = wat::parse_str(component).unwrap();
    let source = with_manifest("guest", Kind::Wasm, code, "[need]\nconfig = true\n");
    let error = PluginHost::new(patient()).unwrap().install(vec![source]).expect_err("refused");
    assert!(error.to_string().contains("was not granted"), "{error}");
    assert!(error.to_string().contains("log = true"), "{error}");
}

#[test]
fn an_instance_is_kept_between_calls_and_given_up_after_its_number_of_calls() {
    let config = HostConfig { instance_calls: Some((3, 3)), ..patient() };
    let host = host(config, vec![source("guest", Kind::Wasm, counting())]);
    let mut worker = host.worker();
    let statuses: Vec<Verdict> =
        (0..6).map(|_| worker.answer(&route("2000"), moment()).verdict).collect();
    let expected: Vec<Verdict> = [401, 402, 403, 401, 402, 403].map(Verdict::Refuse).into();
    assert_eq!(statuses, expected);
    // One was made for the self-test.
    assert_eq!((host.stats().instances, host.stats().instances_made), (0, 3));
}

#[test]
fn an_instance_is_given_up_after_a_failure() {
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.eq (global.get $calls) (i32.const 2)) (then (unreachable)))
        (call $refuse (i32.const 2) (i32.add (i32.const 400) (global.get $calls)))";
    let code = guest::route_with(body, "(global $calls (mut i32) (i32.const 0))");
    let host = host(patient(), vec![source("guest", Kind::Wasm, code)]);
    let mut worker = host.worker();
    assert_eq!(worker.answer(&route("2000"), moment()).verdict, Verdict::Refuse(401));
    assert_eq!(failure(&worker.answer(&route("2000"), moment())).0, FailureKind::Trap);
    assert_eq!(worker.answer(&route("2000"), moment()).verdict, Verdict::Refuse(401));
}

#[test]
fn each_worker_has_instances_of_its_own() {
    let host = host(patient(), vec![source("guest", Kind::Wasm, counting())]);
    let (mut one, mut two) = (host.worker(), host.worker());
    assert_eq!(one.answer(&route("2000"), moment()).verdict, Verdict::Refuse(401));
    assert_eq!(two.answer(&route("2000"), moment()).verdict, Verdict::Refuse(401));
    assert_eq!(host.stats().instances, 2);
    drop(one);
    assert_eq!(host.stats().instances, 1);
}

#[test]
fn no_more_instances_live_than_allowed() {
    let config = HostConfig { instances_max: 1, ..patient() };
    let host = host(config, vec![source("guest", Kind::Wasm, guest::refusing(486))]);
    let mut first = host.worker();
    assert_eq!(first.answer(&route("2000"), moment()).verdict, Verdict::Refuse(486));
    let mut second = host.worker();
    for _ in 0..20 {
        let answer = second.answer(&route("2000"), moment());
        assert_eq!(failure(&answer).0, FailureKind::NoInstance);
        assert!(failure(&answer).1.contains("instances_max"), "{answer:?}");
    }
    // It was not asked, so it did nothing wrong.
    drop(first);
    assert_eq!(second.answer(&route("2000"), moment()).verdict, Verdict::Refuse(486));
}

#[test]
fn memory_that_a_module_begins_with_counts() {
    let items = "(memory $large 300)";
    let text = refused(guest::route_with("(call $pass)", items));
    assert!(text.contains("memory"), "{text}");
}

#[test]
fn a_component_that_the_disk_keeps_is_not_compiled_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let files = CompiledFiles::at(folder.path().join("compiled"));
    let config = HostConfig { compiled_files: Some(files), ..patient() };
    let started = || host(config.clone(), vec![source("guest", Kind::Wasm, guest::refusing(486))]);
    let stats = |host: &PluginHost| (host.stats().compiled_loaded, host.stats().compiled_written);
    assert_eq!(stats(&started()), (0, 1));
    let restarted = started();
    assert_eq!(stats(&restarted), (1, 0));
    assert_eq!(answer(&restarted, &route("2000")).verdict, Verdict::Refuse(486));
}
