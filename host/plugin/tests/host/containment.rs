//! A plugin that misbehaves costs its own decision and nothing else. Each kind of misbehaviour in both engines.
//!
//! A plugin is tested before it serves, so these behave while the callee's user part has four characters.

use std::time::{Duration, Instant};

use jackfield_plugin::{HostConfig, Kind};
use model::hook::{FailureKind, StepOutcome, Verdict};

use crate::{
    common::{answer, failure, host, moment, patient, route, source, targets},
    guest,
};

/// Whether the user part of the callee is four characters long: its length lies 84 bytes into the facts.
const IS_PROBE: &str = "(i32.eq (i32.load offset=84 (local.get $facts)) (i32.const 4))";

/// A guest that passes on the self-test and does `evil` at all else.
fn wasm(evil: &str) -> (Kind, Vec<u8>) {
    wasm_with(evil, "")
}

fn wasm_with(evil: &str, items: &str) -> (Kind, Vec<u8>) {
    let body = format!("(if (result i32) {IS_PROBE} (then (call $pass)) (else {evil}))");
    (Kind::Wasm, guest::route_with(&body, items))
}

fn rhai(evil: &str) -> (Kind, Vec<u8>) {
    rhai_with(evil, "")
}

fn rhai_with(evil: &str, items: &str) -> (Kind, Vec<u8>) {
    let code = format!(
        "{items}\nfn route(call) {{ if call.callee.user.len == 4 {{ return pass(); }}\n{evil} }}"
    );
    (Kind::Rhai, code.into_bytes())
}

/// Lets the plugin misbehave: the failure is the kind that is expected, the next plugin decides, and the one that failed answers
/// the next call.
fn contains((kind, code): (Kind, Vec<u8>), expected: FailureKind, detail: &str) {
    let sources = vec![
        source("evil", kind, code),
        source("spare", Kind::Rhai, "fn route(call) { refuse(404) }"),
    ];
    let host = host(patient(), sources);
    let mut worker = host.worker();
    for _ in 0..3 {
        let answer = worker.answer(&route("300"), moment());
        let (kind, said) = failure(&answer);
        assert_eq!(kind, expected, "{said}");
        assert!(said.contains(detail), "{said}");
        assert_eq!(answer.verdict, Verdict::Refuse(404));
        let answer = worker.answer(&route("2000"), moment());
        assert_eq!(answer.decision.steps[0].outcome, StepOutcome::Passed, "it is asked again");
    }
}

#[test]
fn a_trap_is_contained() {
    contains(wasm("(unreachable)"), FailureKind::Trap, "unreachable");
    contains(rhai("throw \"boom\""), FailureKind::Trap, "boom");
    contains(rhai("let x = 1 / 0; pass()"), FailureKind::Trap, "evil.rhai:3:11");
}

#[test]
fn an_endless_loop_is_cut() {
    contains(wasm("(loop $l (br $l)) (unreachable)"), FailureKind::Time, "cpu_limit");
    contains(rhai("loop { }"), FailureKind::Time, "cpu_limit");
    let caught = rhai_with("loop { try { spin() } catch { } }", "fn spin() { loop { } }");
    contains(caught, FailureKind::Time, "cpu_limit");
    contains(rhai("try { loop { } } catch { pass() }"), FailureKind::Time, "cpu_limit");
    contains(
        rhai("let n = 0; for i in 0..9_000_000_000 { n += i; } pass()"),
        FailureKind::Time,
        "cpu_limit",
    );
}

#[test]
fn endless_recursion_is_cut() {
    let items = "(func $down (param i32) (call $down (i32.add (local.get 0) (i32.const 1))) (call $down (i32.const 0)))";
    let evil = "(call $down (i32.const 0)) (call $pass)";
    contains(wasm_with(evil, items), FailureKind::Trap, "overflowed its stack");
    let items = "fn down(n) { 1 + down(n + 1) }";
    contains(rhai_with("down(0); pass()", items), FailureKind::Trap, "call_levels_max");
}

#[test]
fn hoarding_memory_is_cut() {
    let grow = "(loop $l (drop (memory.grow (i32.const 16))) (br $l)) (unreachable)";
    contains(wasm(grow), FailureKind::Memory, "memory_limit");
    let double = "let s = \"x\"; loop { s += s; }";
    contains(rhai(double), FailureKind::Memory, "Length of string too large");
    let list = "let a = [0]; loop { a += a; }";
    contains(rhai(list), FailureKind::Memory, "Size of array");
}

#[test]
fn a_script_is_charged_for_all_it_holds() {
    // Every piece is within the limits for arrays; together they are more than a run may hold.
    let items = "fn hold(n) { let a = []; a.pad(10_000, n); if n < 20 { hold(n + 1); } a.len() }";
    let (kind, code) = rhai_with("hold(0); pass()", items);
    let config = HostConfig { memory_limit: 1 << 20, ..patient() };
    let host = host(config, vec![source("hoarder", kind, code)]);
    let hoarded = answer(&host, &route("300"));
    let (kind, said) = failure(&hoarded);
    assert_eq!(kind, FailureKind::Memory, "{said}");
    assert!(said.contains("memory_limit"), "{said}");
    assert_eq!(answer(&host, &route("2000")).decision.steps[0].outcome, StepOutcome::Passed);
}

#[test]
fn a_flood_of_targets_is_refused() {
    let count = 65;
    let code = guest::planning(count, "aor", "2000@example.com");
    let error = jackfield_plugin::PluginHost::new(patient())
        .unwrap()
        .install(vec![source("flood", Kind::Wasm, code)])
        .expect_err("refused");
    assert!(error.to_string().contains("65 targets; at most 64"), "{error}");
    let flood = "let a = []; for n in 0..65 { a.push(aor(\"2000@example.com\")); } plan(a)";
    contains(rhai(flood), FailureKind::BadAnswer, "65 targets");
    let code = guest::planning(64, "aor", "2000@example.com");
    let host = host(patient(), vec![source("full", Kind::Wasm, code)]);
    assert_eq!(targets(&answer(&host, &route("2000")).verdict).len(), 64);
}

#[test]
fn an_answer_too_large_to_read_is_refused() {
    // 100,000 targets: what is read of an answer is bounded before it is looked at.
    let code = guest::planning(100_000, "aor", "2000@example.com");
    let error = jackfield_plugin::PluginHost::new(patient())
        .unwrap()
        .install(vec![source("flood", Kind::Wasm, code)])
        .expect_err("refused");
    assert!(error.to_string().contains("bad-answer"), "{error}");
}

#[test]
fn an_answer_outside_of_memory_is_refused() {
    contains(wasm("(i32.const 0x7ffffff0)"), FailureKind::BadAnswer, "cannot be read");
    // A verdict with a tag that no version of the contract has.
    contains(
        wasm("(call $refuse (i32.const 9) (i32.const 0))"),
        FailureKind::BadAnswer,
        "cannot be read",
    );
}

#[test]
fn line_breaks_cannot_be_smuggled_into_a_message() {
    for value in ["2000@example.com\r\nX-Evil: 1", "2000@exa\0mple.com", "20 00@example.com"] {
        let code = guest::planning(1, "aor", value);
        let error = jackfield_plugin::PluginHost::new(patient())
            .unwrap()
            .install(vec![source("smuggler", Kind::Wasm, code)])
            .expect_err("refused");
        assert!(error.to_string().contains("not allowed"), "{error}");
    }
    let smuggle = r#"plan(uri("sip:2000@192.0.2.1\r\nX-Evil: 1"))"#;
    contains(rhai(smuggle), FailureKind::BadAnswer, "not allowed");
}

#[test]
fn an_answer_of_the_wrong_kind_is_refused() {
    contains(rhai("42"), FailureKind::BadAnswer, "a value of type i64");
    contains(rhai(""), FailureKind::BadAnswer, "gave nothing");
    contains(rhai("proceed()"), FailureKind::BadAnswer, "route gave proceed()");
    contains(rhai("refuse(4860)"), FailureKind::BadAnswer, "400 to 699");
    contains(rhai("plan(aor(\"2000@example.com\").ring(3601))"), FailureKind::BadAnswer, "3600 s");
}

#[test]
fn waiting_is_impossible() {
    contains(rhai("sleep(1); pass()"), FailureKind::Trap, "cannot wait");
    contains(rhai("sleep(0.5); pass()"), FailureKind::Trap, "cannot wait");
}

#[test]
fn a_loop_is_cut_at_its_limit_and_not_before() {
    for (kind, code) in [wasm("(loop $l (br $l)) (unreachable)"), rhai("loop { }")] {
        let mut config = patient();
        config.cpu_limit = Duration::from_millis(2);
        let host = host(config, vec![source("evil", kind, code)]);
        let mut worker = host.worker();
        for _ in 0..10 {
            let started = Instant::now();
            assert_eq!(failure(&worker.answer(&route("300"), moment())).0, FailureKind::Time);
            let lasted = started.elapsed();
            assert!(lasted >= Duration::from_millis(2), "{kind}: {lasted:?}");
        }
    }
}

#[test]
fn one_workers_loop_does_not_end_anothers_call() {
    // The epoch is the engine's, so every running guest is looked at when one of them runs too long.
    let (kind, code) = wasm("(loop $l (br $l)) (unreachable)");
    let host = host(patient(), vec![source("evil", kind, code)]);
    std::thread::scope(|scope| {
        let looping = scope.spawn(|| {
            let mut worker = host.worker();
            (0..5).map(|_| failure(&worker.answer(&route("300"), moment())).0).collect::<Vec<_>>()
        });
        let mut worker = host.worker();
        while !looping.is_finished() {
            let answer = worker.answer(&route("2000"), moment());
            assert_eq!(answer.decision.steps[0].outcome, StepOutcome::Passed);
        }
        assert_eq!(looping.join().unwrap(), [FailureKind::Time; 5]);
    });
}
