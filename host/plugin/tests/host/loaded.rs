//! A machine that has too much to do makes no plugin look bad: what counts is the CPU time that a plugin uses itself.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jackfield_plugin::{HostConfig, Kind, PluginHost, Reloaded, Rollout, Source, Worker};
use model::hook::{FailureKind, Question, StepOutcome, Verdict};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;
use tracing::{Event, Metadata, Subscriber, field::Visit, span};

use crate::{
    common::{failure, host, moment, patient, route, source},
    guest,
};

/// Busy threads for each processor.
const BUSY: usize = 3;
/// Questions put to each kind of plugin, at least; half of them are for the version on trial.
const QUESTIONS: usize = 1200;
/// So many decisions must have lasted longer by the clock than the limit of CPU time allows.
const OVERTAKEN_MIN: usize = 20;
/// Where the machine never takes the processor away, after so many questions it is not loaded.
const QUESTIONS_MAX: usize = 50_000;
/// How often it is tried where the machine charges a thread with what it did not use.
const ATTEMPTS_MAX: usize = 3;

/// Keeps every processor busy at the common priority until it is dropped.
struct Load {
    is_over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn new() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let spin = || {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        let processors = thread::available_parallelism().unwrap().get();
        let threads = (0..BUSY * processors).map(|_| spin()).collect();
        Self { is_over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// A plugin that counts to `rounds` before it refuses with 404.
fn counting(kind: Kind, rounds: u64) -> Vec<u8> {
    match kind {
        Kind::Rhai => {
            let count = format!("let n = 0; while n < {rounds} {{ n += 1; }}");
            format!("fn route(call) {{ {count} refuse(404) }}").into_bytes()
        }
        Kind::Wasm => {
            let count = format!(
                "(func $count (local $n i64) (loop $more
                   (local.set $n (i64.add (local.get $n) (i64.const 1)))
                   (br_if $more (i64.lt_u (local.get $n) (i64.const {rounds})))))"
            );
            guest::route_with("(call $count) (call $refuse (i32.const 2) (i32.const 404))", &count)
        }
    }
}

/// A second version of the same.
fn other(kind: Kind, mut code: Vec<u8>) -> Vec<u8> {
    code.extend_from_slice(match kind {
        Kind::Rhai => b"// another",
        // A custom section without content.
        Kind::Wasm => b"\x00\x05\x04note",
    });
    code
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn of_call(number: usize) -> Question {
    let mut question = route("2000");
    Arc::make_mut(&mut question.call).call_id = format!("call-{number}");
    question
}

/// How far a plugin counts in a third of the time that a decision may take, on this machine as it is now.
fn near_third(kind: Kind, limit: Duration) -> u64 {
    const ROUNDS: u64 = 2000;
    let host = host(patient(), vec![source("gauge", kind, counting(kind, ROUNDS))]);
    let mut worker = host.worker();
    let mut times: Vec<Duration> = (0..50)
        .map(|number| {
            let before = thread_time();
            assert_eq!(worker.answer(&of_call(number), moment()).verdict, Verdict::Refuse(404));
            thread_time() - before
        })
        .collect();
    times.sort_unstable();
    let wanted = limit.mul_f64(0.33).as_nanos();
    let rounds = u128::from(ROUNDS) * wanted / times[25].as_nanos().max(1);
    u64::try_from(rounds).unwrap()
}

/// A plugin that serves and, of half of the calls, another version of it on trial.
fn on_trial(config: HostConfig, kind: Kind, code: &[u8]) -> (Arc<PluginHost>, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("desk").with_extension(kind.name());
    std::fs::write(&path, code).unwrap();
    let host = host(config, vec![Source::Path(path.clone())]);
    try_out(&host, path, other(kind, code.to_vec()));
    (host, folder)
}

fn try_out(host: &PluginHost, path: PathBuf, code: Vec<u8>) {
    std::fs::write(path, code).unwrap();
    let loaded = host.reload_by(None, Rollout::Canary(500)).remove(0).outcome;
    assert!(matches!(loaded, Ok(Reloaded::OnTrial(_, 500))), "{loaded:?}");
}

/// The machine below a virtual one has charged a thread with time in which it did not run, and that thread's plugin with it.
struct Overcharged;

/// Asks, and gives whether it lasted longer by the clock than `limit`.
fn ask(worker: &mut Worker, number: usize, limit: Duration) -> Result<bool, Overcharged> {
    let (began, time) = (Instant::now(), thread_time());
    let answer = worker.answer(&of_call(number), moment());
    let (lasted, used) = (began.elapsed(), thread_time() - time);
    let outcomes: Vec<&StepOutcome> = answer.decision.steps.iter().map(|s| &s.outcome).collect();
    if matches!(outcomes[..], [StepOutcome::Failed(failure)] if failure.kind == FailureKind::Time && used >= limit)
    {
        return Err(Overcharged);
    }
    assert_eq!(outcomes, [&StepOutcome::Decided], "question {number}, {used:?} of {lasted:?}");
    Ok(lasted > limit)
}

/// Asks a healthy plugin and its version on trial until many of their decisions have lost the processor.
fn on_a_loaded_machine(kind: Kind) -> Result<(), Overcharged> {
    let config = HostConfig::default();
    let limit = config.cpu_limit;
    let code = counting(kind, near_third(kind, limit));
    let (host, _folder) = on_trial(config, kind, &code);
    let mut worker = host.worker();
    let (mut asked, mut overtaken) = (0, 0);
    while asked < QUESTIONS || overtaken < OVERTAKEN_MIN {
        assert!(asked < QUESTIONS_MAX, "{overtaken} decisions lasted longer than {limit:?}");
        overtaken += usize::from(ask(&mut worker, asked, limit)?);
        asked += 1;
    }
    assert_eq!(host.settle(), [], "{kind}: nothing is rolled back");
    let status = &host.list()[0];
    assert!(status.trial.is_some() && status.quarantined.is_empty(), "{kind}: {status:?}");
    assert!(status.quarantined_keys.is_empty(), "{kind}: {status:?}");
    assert_eq!(status.stats[0].failures.iter().map(|(_, count)| count).sum::<u64>(), 0);
    Ok(())
}

#[test]
fn a_loaded_machine_condemns_no_healthy_plugin() {
    let _load = Load::new();
    for kind in [Kind::Wasm, Kind::Rhai] {
        let fair = (0..ATTEMPTS_MAX).any(|_| on_a_loaded_machine(kind).is_ok());
        assert!(fair, "{kind}: a third of the limit is always charged as more than all of it");
    }
}

#[test]
fn a_loaded_machine_saves_no_loop() {
    let _load = Load::new();
    let looping: [(Kind, Vec<u8>); 2] = [
        (
            Kind::Wasm,
            guest::route_with(
                "(if (result i32) (i32.eq (i32.load offset=84 (local.get $facts)) (i32.const 4)) (then (call $pass)) (else (loop $l (br $l)) (unreachable)))",
                "",
            ),
        ),
        (
            Kind::Rhai,
            b"fn route(call) { if call.callee.user.len != 4 { loop { } } pass() }".to_vec(),
        ),
    ];
    for (kind, code) in looping {
        let mut config = HostConfig::default();
        config.quarantine.strikes = 0;
        let spare = source("spare", Kind::Rhai, "fn route(call) { refuse(404) }");
        let host = host(config, vec![source("evil", kind, code), spare]);
        let mut worker = host.worker();
        for _ in 0..20 {
            let answer = worker.answer(&route("300"), moment());
            assert_eq!(failure(&answer).0, FailureKind::Time, "{kind}");
            assert_eq!(answer.verdict, Verdict::Refuse(404));
        }
    }
}

/// Takes the processor from whoever writes to the log, for three times as long as a version on trial may be slow.
struct SlowLog;

/// What is slow where the log is: the kernel, or the machine below a virtual one, charges one who comes back to the processor with more
/// than his own work, but not with as much as this in one call of ten.
const SLOW: Duration = Duration::from_millis(20);

impl Subscriber for SlowLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Says(bool);
        impl Visit for Says {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn fmt::Debug) {
                self.0 |= format!("{value:?}").contains("a slow line");
            }
        }
        let mut says = Says(false);
        event.record(&mut says);
        if says.0 {
            thread::park_timeout(3 * SLOW);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A plugin whose version on trial does something before it decides, asked about so many calls.
fn tried(slow: Duration, does: &str, calls: usize) -> Arc<PluginHost> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("desk.rhai");
    std::fs::write(&path, "fn route(call) { refuse(404) }").unwrap();
    let mut config = HostConfig { cpu_limit: Duration::from_millis(200), ..HostConfig::default() };
    config.log.lines_per_second = u32::MAX;
    config.trial.slow = slow;
    config.script.operations_max = u64::MAX;
    let host = host(config, vec![Source::Path(path.clone())]);
    try_out(&host, path, format!("fn route(call) {{ {does} refuse(404) }}").into_bytes());
    let mut worker = host.worker();
    for number in 0..calls {
        assert_eq!(worker.answer(&of_call(number), moment()).verdict, Verdict::Refuse(404));
    }
    host
}

#[test]
fn a_version_on_trial_is_not_slow_because_it_lost_the_processor() {
    let slowed = tracing::subscriber::with_default(SlowLog, || {
        tried(SLOW, "if call.call_id.ends_with(\"7\") { print(\"a slow line\"); }", 1000)
    });
    assert_eq!(slowed.settle(), []);
    let trial = slowed.list()[0].trial.clone().unwrap();
    assert!(trial.hooks[0].1.asked > 300, "{trial:?}");
}

#[test]
fn a_version_on_trial_is_slow_when_it_uses_the_processor() {
    let slow = HostConfig::default().trial.slow;
    let slow = tried(slow, "let n = 0; while n < 20_000 { n += 1; }", 600);
    let back = slow.settle();
    assert!(back[0].why.contains("p99"), "{back:?}");
}
