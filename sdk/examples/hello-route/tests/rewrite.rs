//! One hook, two bodies: the script serves, its rewrite in Rust is compared with it over 10,000 calls, and serves when what it does
//! otherwise is known and approved.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use model::{
    HeaderBlock, LocalTime, Moment,
    hook::{CallFacts, Question, Verdict},
};
use plugin::{Diff, HostConfig, Observed, PluginHost, Recording, Source, Word};
use plugin_build::{Request, plugins_dir};
use record::{Class, Recorded};
use testkit::replay;

const CALLS: usize = 10_000;
/// As many as are asked before what was asked is compared.
const BATCH: usize = 1000;

/// What the author of the rewrite has overlooked: the script sends Graz somewhere else, says the older status to one trunk, and gives
/// another reason on Sundays.
const OVERLOOKED: &str = r#"
    if call.trunk == "carrier" && call.header("Subject") == "spam" {
        return refuse(403).because("spam", "the subject says so");
    }
    if call.callee.user == "hello" && call.caller.user.starts_with("43316") {
        return plan(aor("3000@example.com").ring(20)).because("hello", "both desks at once, then the branch office");
    }
    if call.header("Subject") == "spam" && call.local.weekday == 7 {
        return refuse(603).because("sunday-spam", "the subject says so");
    }
"#;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rewrite(folder: &Path) -> PathBuf {
    let workspace = examples().join("../../Cargo.toml");
    let request = Request::new(workspace, plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    let modules = request.package("hello-route").build().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.join("rewrite.wasm");
    fs::copy(&modules[0].path, &path).unwrap();
    path
}

fn script(folder: &Path) -> PathBuf {
    let code = fs::read_to_string(examples().join("hello-route.rhai")).unwrap();
    let code = code.replacen("fn route(call) {", &format!("fn route(call) {{{OVERLOOKED}"), 1);
    let path = folder.join("hello.rhai");
    fs::write(&path, code).unwrap();
    path
}

/// Call number `n`: one in 5 to the desk, one in 50 from Graz, one in 20 spam, one in 10 over the carrier.
fn call(n: usize, like: &CallFacts) -> Question {
    let mut call = like.clone();
    let callee = if n.is_multiple_of(5) { "hello".to_owned() } else { format!("20{}", n % 90) };
    let caller = if n.is_multiple_of(50) { format!("43316{n}") } else { format!("431{n}") };
    call.call_id = format!("call-{n}");
    call.callee = call.callee.with_user(&callee);
    call.caller = call.caller.with_user(&caller);
    call.trunk = n.is_multiple_of(10).then(|| "carrier".to_owned());
    let subject = if n % 20 < 2 && !n.is_multiple_of(50) { "spam" } else { "lunch" };
    call.headers = HeaderBlock::from_pairs([("Subject", subject), ("User-Agent", "phone")]);
    let line = include_str!("../../../../tests/fuzz/corpus/recorded/04-route");
    let question = Recorded::from_line(line).unwrap().question;
    Question { call: Arc::new(call), ..question }
}

fn like() -> CallFacts {
    let line = include_str!("../../../../tests/fuzz/corpus/recorded/04-route");
    (*Recorded::from_line(line).unwrap().question.call).clone()
}

/// One in seven is on a Sunday.
fn moment(n: usize) -> Moment {
    let weekday = u8::try_from(n % 7).unwrap() + 1;
    let local = LocalTime { year: 2026, month: 11, day: 1, weekday, ..LocalTime::default() };
    Moment { at_ms: 1_795_300_000_000, local }
}

fn compared(host: &PluginHost, asked: usize) -> Diff {
    let began = Instant::now();
    loop {
        let diff = host.diff("hello").unwrap();
        if diff.status.compared >= asked as u64 {
            return diff;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", diff.status);
        std::thread::yield_now();
    }
}

#[test]
fn a_rewrite_serves_when_what_it_does_otherwise_is_approved() {
    let folder = tempfile::TempDir::new().unwrap();
    let (script, rewrite) = (script(folder.path()), rewrite(folder.path()));
    let mut config = HostConfig { cpu_limit: Duration::from_millis(50), ..HostConfig::default() };
    // A debug build on a busy machine is no measure of time.
    config.shadow.gate.p99_floor = Duration::from_secs(60);
    config.shadow.ledger.slow = Duration::from_secs(60);
    let host = PluginHost::new(config).unwrap();
    host.install(vec![Source::Path(script)]).unwrap();
    host.shadow("hello", Some(Source::Path(rewrite.clone())), None).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<Observed>();
    let what = Recording { calls: CALLS as u64, ..Recording::default() };
    let recording = host.record(what, Box::new(move |seen| sender.send(seen).is_ok()));
    let (mut worker, like) = (host.worker(), like());
    for n in 0..CALLS {
        worker.answer(&call(n, &like), moment(n));
        if (n + 1) % BATCH == 0 {
            compared(&host, n + 1);
        }
    }
    drop(recording);

    let diff = compared(&host, CALLS);
    assert_eq!((diff.status.compared, diff.status.dropped), (CALLS as u64, 0));
    shows_what_was_overlooked(&diff);
    replayed_shows_the_same(folder.path(), &receiver, &rewrite, &diff);

    let why = host.promote_by("hello", None).unwrap_err().reason;
    let open: Vec<String> = diff.groups.iter().map(|group| group.id.clone()).collect();
    assert!(open.iter().all(|id| why.contains(id)), "{why}");
    let ada = Word { by: "ada".to_owned(), why: "as agreed with Graz".to_owned() };
    for id in &open[1..] {
        host.approve("hello", std::slice::from_ref(id), ada.clone()).unwrap();
    }
    let why = host.promote_by("hello", None).unwrap_err().reason;
    assert!(
        why.ends_with(&format!(
            "1 group of differences is neither expected nor approved: {}",
            open[0]
        )),
        "{why}"
    );
    host.approve("hello", &open[..1], ada).unwrap();
    let promoted = host.promote_by("hello", None).unwrap();
    assert_eq!(promoted.moved_to, Some(rewrite.display().to_string()));
    let from_graz = worker.answer(&call(0, &like), moment(0)).verdict;
    let Verdict::Plan(plan) = from_graz else { panic!("{from_graz:?}") };
    assert_eq!(plan.targets.len(), 3, "the rewrite decides");
}

/// Each of the three in groups of its own, with calls that show it.
fn shows_what_was_overlooked(diff: &Diff) {
    let count = |change: &str| -> u64 {
        diff.groups.iter().filter(|g| g.change == change).map(|g| g.count).sum()
    };
    let like = like();
    let asked = |is: &dyn Fn(usize, &CallFacts) -> bool| {
        (0..CALLS).filter(|n| is(*n, &call(*n, &like).call)).count() as u64
    };
    let is_spam = |call: &CallFacts| call.headers.get("Subject").any(|value| value == "spam");
    let status = asked(&|_, call| call.trunk.is_some() && is_spam(call));
    let graz = asked(&|_, call| call.caller.user.starts_with("43316") && !is_spam(call));
    let sunday = asked(&|n, call| n % 7 == 6 && is_spam(call) && call.trunk.is_none());
    assert!(status > 0 && graz > 0 && sunday > 0, "{status} {graz} {sunday}");
    assert_eq!(count("refuse 403 -> refuse 603"), status);
    assert_eq!(count("sunday-spam -> spam"), sunday);
    let to = "aor:…@example.com";
    assert_eq!(count(&format!("{to} -> {to} and {to}, then uri:…@192.0.2.1")), graz);
    let others = diff.groups.iter().map(|group| group.count).sum::<u64>();
    assert_eq!(others, status + graz + sunday, "and there is nothing else: {:?}", diff.groups);
    let class = |class| diff.status.classes.iter().find(|(c, _)| *c == class).unwrap().1;
    assert_eq!(class(Class::Failed), 0);
    assert_eq!(class(Class::DifferentTarget), graz);
    let group = diff.groups.iter().find(|group| group.class == Class::DifferentTarget).unwrap();
    let example = &group.examples[0];
    assert_eq!((example.call_id.as_str(), group.prefix.as_str()), ("call-0", "hel"));
    assert_eq!(example.before, "aor:3000@example.com for 20 s (hello)");
}

/// What was recorded meanwhile shows the same elsewhere, for a gate in somebody's tests.
fn replayed_shows_the_same(
    folder: &Path,
    recorded: &std::sync::mpsc::Receiver<Observed>,
    rewrite: &Path,
    live: &Diff,
) {
    let lines: String = recorded.try_iter().map(|seen| seen.recorded().to_line() + "\n").collect();
    let calls = folder.join("calls.jsonl");
    fs::write(&calls, lines).unwrap();
    let again = replay::calls(&calls, &Source::Path(rewrite.to_owned()), None).unwrap();
    assert_eq!(again.compared, CALLS as u64);
    let told = |groups: &[record::Group]| -> Vec<(String, u64)> {
        let told = groups.iter().filter(|group| group.class != Class::Slower);
        told.map(|group| (group.id.clone(), group.count)).collect()
    };
    assert_eq!(told(&again.groups), told(&live.groups));
    assert!(!again.missing.is_empty());
}
