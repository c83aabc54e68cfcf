//! What a decision costs: `cargo run --release -p jackfield-plugin --example hook_bench`, with a part of a name behind `--` for
//! some of the measurements alone.
//!
//! Each question has the twelve facts of the contract and twenty header fields. Each decision is timed by itself, so the figures
//! contain two looks at the clock (about 50 ns together).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jackfield_plugin::{HostConfig, Kind, PluginHost, Source, alloc::Counting};
use mimalloc::MiMalloc;
use model::{
    ConnId, HeaderBlock, LocalTime, Moment, Transport,
    hook::{Ask, CallFacts, Party, Question, QuestionId, RequestKind, Verdict},
};

#[global_allocator]
static ALLOCATOR: Counting<MiMalloc> = Counting(MiMalloc);

/// Twenty lines that look at the time, at header fields, at constants and at the numbers of both parties.
const SCRIPT: &str = r#"
const OPENS = 8 * 60;
const CLOSES = 17 * 60 + 30;
const VIPS = ["1000", "1001", "1002"];
const TRUNKS = #{ "0": "192.0.2.1", "00": "192.0.2.2" };

fn is_open(now) {
    now.weekday <= 5 && now.minute_of_day >= OPENS && now.minute_of_day < CLOSES
}

fn route(call) {
    let user = call.callee.user;
    if user.starts_with("0") {
        let trunk = TRUNKS[if user.starts_with("00") { "00" } else { "0" }];
        return plan(uri("sip:" + user + "@" + trunk)).because("trunk", "an outside number");
    }
    if call.header("X-Priority") == "emergency" || call.caller.user in VIPS {
        return plan([aor(user, call.callee.host).ring(60)]).because("vip", "never to the night line");
    }
    let night = aor("199", call.callee.host);
    if !is_open(call.local) { return plan(night).because("closed", "outside of office hours"); }
    plan([aor(user, call.callee.host).ring(20), night]).because("open", "in office hours")
}
"#;

const CALLS: usize = 200_000;

fn main() {
    println!("{CALLS} decisions each; nanoseconds a decision");
    println!("{:50} {:>7} {:>7} {:>7} {:>9}", "", "p50", "p99", "mean", "max");
    let stock = || {
        let stock = stock::plugins().iter().find(|stock| stock.id == "stock.route");
        let stock = stock.expect("stock.route");
        let (manifest, code) = (Cow::Borrowed(stock.manifest), Cow::Borrowed(stock.module));
        Source::Embedded { id: stock.id.into(), manifest, code, kind: Kind::Wasm }
    };
    let script = |code: &'static str| Source::Embedded {
        id: "script".into(),
        manifest: "".into(),
        code: code.as_bytes().into(),
        kind: Kind::Rhai,
    };
    let keeping = HostConfig { instance_calls: None, ..HostConfig::default() };
    let normal = HostConfig::default;
    measure("no plugin", normal(), vec![], "2000");
    measure("wasm: stock.route, plan", normal(), vec![stock()], "2000");
    measure("wasm: stock.route, plan, instances kept", keeping, vec![stock()], "2000");
    let once = HostConfig { instance_calls: Some((1, 1)), ..normal() };
    measure("wasm: stock.route, an instance for each call", once, vec![stock()], "2000");
    measure("wasm: stock.route, pass", normal(), vec![stock()], "");
    measure("rhai: pass()", normal(), vec![script("fn route(call) { pass() }")], "2000");
    measure("rhai: twenty lines, plan", normal(), vec![script(SCRIPT)], "2000");
    measure("rhai: twenty lines, trunk", normal(), vec![script(SCRIPT)], "0301234567");
    let pass = script("fn route(call) { pass() }");
    measure("rhai passes, then wasm: stock.route", normal(), vec![pass, stock()], "2000");
    let dialplan = || {
        let stock = stock::plugins().iter().find(|stock| stock.id == "stock.dialplan");
        let stock = stock.expect("stock.dialplan");
        let (manifest, code) = (Cow::Borrowed(stock.manifest), Cow::Borrowed(stock.module));
        Source::Embedded { id: stock.id.into(), manifest, code, kind: Kind::Wasm }
    };
    let chain = |first: Source| vec![first, stock()];
    measure("wasm: stock.dialplan passes, then stock.route", normal(), chain(dialplan()), "bob");
    let pass = script("fn dial_plan(call) { pass() }");
    measure("rhai: dial_plan passes, then wasm: stock.route", normal(), chain(pass), "2000");
    let rewrite = script("fn dial_plan(call) { rewrite(\"+43\" + call.callee.user) }");
    measure("rhai: dial_plan rewrites, then wasm: stock.route", normal(), chain(rewrite), "2000");
    if std::env::args().len() == 1 {
        loads(stock(), script(SCRIPT));
    }
}

fn measure(name: &str, mut config: HostConfig, sources: Vec<Source>, callee: &str) {
    let settings = "domains = [\"example.com\"]\nring_secs = 20".parse().unwrap();
    config.overrides = BTreeMap::from([("stock.route".to_owned(), settings)]);
    if !std::env::args().nth(1).is_none_or(|part| name.contains(&part)) {
        return;
    }
    let is_decided = !sources.is_empty() && !name.ends_with(", pass") && !name.ends_with("pass()");
    let host = PluginHost::new(config).expect("a host");
    host.install(sources).unwrap_or_else(|error| panic!("{error}"));
    let (question, moment) = question(callee);
    let mut worker = host.worker();
    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS + CALLS / 10 {
        let started = Instant::now();
        let answer = worker.answer(&question, moment);
        let took = started.elapsed();
        assert_eq!(matches!(answer.verdict, Verdict::Plan(_)), is_decided, "{answer:?}");
        if n >= CALLS / 10 {
            times.push(took);
        }
    }
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>().as_nanos() / CALLS as u128;
    let [p50, p99, max] = [CALLS / 2, CALLS * 99 / 100, CALLS - 1].map(|at| times[at].as_nanos());
    println!("{name:50} {p50:>7} {p99:>7} {mean:>7} {max:>9}");
}

/// What loading costs: read, digest, compile, link, self-test, swap.
fn loads(wasm: Source, script: Source) {
    for (name, source) in [("load wasm: stock.route", wasm), ("load rhai: twenty lines", script)] {
        let times = (0..10).map(|_| {
            let host = PluginHost::new(HostConfig::default()).expect("a host");
            host.install(vec![source.clone()]).expect("installed").took
        });
        println!("{name:50} {:>7.2?} (best of 10)", times.min().unwrap_or_default());
    }
}

fn question(callee: &str) -> (Question, Moment) {
    let party = |user: &str| Party {
        uri: format!("sip:{user}@example.com"),
        user: user.into(),
        host: "example.com".into(),
        display: "Ada Lovelace".into(),
    };
    let names: Vec<String> = (0..20).map(|n| format!("X-Header-{n}")).collect();
    let came = (Transport::Udp, ([192, 0, 2, 10], 5060).into());
    let facts = CallFacts {
        call_id: "a84b4c76e66710@pc33.example.com".into(),
        ingress: "lan".into(),
        caller: party("2001"),
        callee: party(callee),
        headers: HeaderBlock::from_pairs(names.iter().map(|name| (name.as_str(), "some value"))),
        ..CallFacts::new(ConnId(0x0001_0000_0000_1234), RequestKind::Invite, came)
    };
    let question =
        Question { id: QuestionId(1), call: Arc::new(facts), ask: Ask::Route, pin: None };
    let local = LocalTime {
        year: 2026,
        month: 11,
        day: 18,
        weekday: 3,
        hour: 11,
        minute: 30,
        second: 0,
        utc_offset_min: 60,
    };
    (question, Moment { at_ms: 1_794_997_800_000, local })
}
