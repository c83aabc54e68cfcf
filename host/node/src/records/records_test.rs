#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use model::{
    Aor, ConnId, Digest, Flow, GenerationRef, Instant, LegId, ListenerId, Transport,
    hook::{
        Attempt, CallFacts, Decision, Destination, Dialled, Hook, Party, Reason, RequestKind, Step,
        StepOutcome, Target, Transfer, TransferKind,
    },
};
use serde_json::{Value, json};
use switch::{Cause, Fact, ReleasedBy, TrunkPassed};

use super::*;
use crate::{
    clock::Clock,
    config::{RecordFormat, RecordsConfig},
};

/// 2026-10-25T01:00:00Z in milliseconds.
const NOW_MS: u64 = 1_792_890_000_000;
const DAY_MS: u64 = 86_400_000;

fn party(uri: &str) -> Party {
    Party { uri: uri.to_owned(), ..Party::default() }
}

fn facts(conn: u64) -> CallFacts {
    let came = (Transport::Udp, ([192, 0, 2, 9], 5060).into());
    CallFacts {
        call_id: "a84b4c76e66710@pc33".to_owned(),
        ingress: "udp".to_owned(),
        identity: Some(Aor::new("1000", "example.org")),
        caller: party("sip:1000@example.org"),
        callee: party("sip:022000@example.org"),
        ..CallFacts::new(ConnId(conn), RequestKind::Invite, came)
    }
}

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn wall(instant: Instant) -> u64 {
    NOW_MS + instant.as_nanos() / 1_000_000
}

fn aor(user: &str) -> Destination {
    Destination::Aor(Aor::new(user, "example.org"))
}

fn leg(number: u16) -> LegId {
    LegId { conn: ConnId(7), number }
}

fn leg_offered(number: u16, user: &str) -> Fact {
    Fact::LegOffered {
        leg: leg(number),
        uri: format!("sip:{user}@192.0.2.10"),
        call_id: format!("leg-{number}"),
        flow: Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            peer: ([192, 0, 2, 10], 5060).into(),
        },
        target: aor(user),
    }
}

fn trunk_passed() -> Fact {
    Fact::TrunkPassed { conn: ConnId(7), trunk: "first".to_owned(), why: TrunkPassed::Down }
}

fn transfer_begun() -> Fact {
    let to = "sip:4000@example.org".to_owned();
    Fact::TransferBegun { leg: leg(2), into: ConnId(99), to, dropped: false }
}

fn decided() -> Fact {
    let generation =
        GenerationRef { plugin: "office".into(), serial: 2, digest: Digest([0xab; 32]) };
    Fact::Decided {
        conn: ConnId(7),
        decision: Decision {
            hook: Hook::Route,
            about: None,
            decided_by: Some(generation.clone()),
            verdict: model::hook::Verdict::Continue,
            steps: vec![Step { generation, outcome: StepOutcome::Decided, took_ns: 12_900 }],
            reasons: vec![Reason { code: "day".to_owned(), text: "it is day".to_owned() }],
        },
    }
}

fn released(cause: Cause) -> Fact {
    Fact::Released { conn: ConnId(7), cause, anchored: true, table: Some(3) }
}

/// A call to 2000, which is busy, then to 3000, which answers; a dial plan took a prefix off and hid the caller.
fn talked() -> Draft {
    let mut facts = facts(7);
    facts.dialled =
        Some(Box::new(Dialled { caller: facts.caller.clone(), callee: facts.callee.clone() }));
    facts.callee = party("sip:2000@example.org");
    facts.caller = party("sip:431000@example.org");
    facts.transfer = Some(Box::new(Transfer {
        kind: TransferKind::Blind,
        by: party("sip:boss@example.org"),
        of: ConnId(5),
        count: 1,
    }));
    facts.labels = vec![("class".to_owned(), "inland".to_owned())];
    let mut draft = Draft::new(Arc::new(facts), at(0));
    let failed = Attempt {
        target: Target::new(aor("2000")),
        status: 486,
        lasted: Duration::from_millis(40),
    };
    draft.events = vec![
        (at(1), decided()),
        (at(2), leg_offered(1, "2000")),
        (at(42), Fact::LegFailed { leg: leg(1), status: 486 }),
        (at(42), Fact::TargetFailed { conn: ConnId(7), attempt: failed, sent_to: None }),
        (at(43), trunk_passed()),
        (at(43), leg_offered(2, "3000")),
        (at(43), Fact::LegOnTrunk { leg: leg(2), trunk: "carrier".to_owned() }),
        (at(143), Fact::LegAlerting { leg: leg(2), status: 180 }),
        (at(2143), Fact::Established { conn: ConnId(7), leg: leg(2) }),
        (at(60_000), transfer_begun()),
        (at(61_000), Fact::TransferFailed { conn: ConnId(7), status: 486 }),
        (at(62_143), released(Cause::Hangup(ReleasedBy::Callee))),
    ];
    draft.ended_at = at(62_143);
    draft
}

fn json_of(draft: &Draft) -> Value {
    serde_json::to_value(Record::of(draft, "jackfield", wall)).unwrap()
}

const EXPECTED: &str = r#"{
    "version": 1, "node": "jackfield", "conn": "0000000000000007",
    "call_id": "a84b4c76e66710@pc33", "tenant": "default", "ingress": "udp",
    "source": "192.0.2.9:5060", "trunk": null, "identity": "1000@example.org",
    "caller": "sip:1000@example.org", "callee": "sip:022000@example.org",
    "shown_caller": "sip:431000@example.org", "routed_callee": "sip:2000@example.org",
    "labels": {"class": "inland"}, "emergency": false,
    "offered_at": "2026-10-25T01:00:00.000Z", "ringing_at": "2026-10-25T01:00:00.143Z",
    "answered_at": "2026-10-25T01:00:02.143Z", "ended_at": "2026-10-25T01:01:02.143Z",
    "setup_ms": 2143, "ring_ms": 2000, "talk_ms": 60000,
    "outcome": "answered", "released_by": "callee", "cause": "hang-up by callee",
    "status": 200, "q850": 16, "q850_text": "normal call clearing",
    "media": "anchored", "routed_by": "office#2@abababababab", "table": 3,
    "legs": [
        {"number": 1, "target": "aor:2000@example.org", "trunk": null, "uri": "sip:2000@192.0.2.10",
         "call_id": "leg-1", "transport": "udp", "peer": "192.0.2.10:5060",
         "offered_at": "2026-10-25T01:00:00.002Z", "ringing_at": null, "answered_at": null,
         "ended_at": "2026-10-25T01:00:00.042Z", "status": 486, "lasted_ms": 40},
        {"number": 2, "target": "aor:3000@example.org", "trunk": "carrier", "uri": "sip:3000@192.0.2.10",
         "call_id": "leg-2", "transport": "udp", "peer": "192.0.2.10:5060",
         "offered_at": "2026-10-25T01:00:00.043Z", "ringing_at": "2026-10-25T01:00:00.143Z",
         "answered_at": "2026-10-25T01:00:02.143Z", "ended_at": "2026-10-25T01:01:02.143Z", "status": 200,
         "lasted_ms": 62100}
    ],
    "failed_targets": [{"target": "aor:2000@example.org", "status": 486, "lasted_ms": 40}],
    "passed_trunks": [{"trunk": "first", "why": "it is down"}],
    "transfer": {"kind": "blind", "by": "sip:boss@example.org", "from": "0000000000000005", "count": 1},
    "transfers": [{"at": "2026-10-25T01:01:00.000Z", "leg": 2, "to": "sip:4000@example.org",
        "into": "0000000000000063", "status": 486}],
    "decisions": [{"at": "2026-10-25T01:00:00.001Z", "hook": "route",
        "decided_by": "office#2@abababababab",
        "steps": [{"generation": "office#2@abababababab", "outcome": "decided", "took_us": 12}],
        "reasons": [{"code": "day", "text": "it is day"}]}],
    "truncated": false
}"#;

#[test]
fn a_record_says_everything_that_was_told_of_a_call() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(json_of(&talked()), expected);
}

/// A call with one leg that rang, ended by `cause`.
fn ended(cause: Option<Cause>, leg_status: Option<u16>) -> Value {
    let mut draft = Draft::new(Arc::new(facts(7)), at(0));
    draft.events = vec![(at(1), leg_offered(1, "2000"))];
    if let Some(status) = leg_status {
        draft.events.push((at(5), Fact::LegFailed { leg: leg(1), status }));
    }
    draft.events.extend(cause.map(|cause| (at(9), released(cause))));
    draft.ended_at = at(9);
    let mut record = json_of(&draft);
    let leg = record["legs"][0].take();
    json!([
        record["outcome"],
        record["released_by"],
        record["cause"],
        record["status"],
        record["q850"],
        leg["status"],
        leg["lasted_ms"]
    ])
}

#[test]
fn who_ended_a_call_and_how_is_told_of_each_end() {
    let ends = [
        (
            Some(Cause::Cancelled),
            None,
            json!(["cancelled", "caller", "cancelled", 487, 16, 487, 8]),
        ),
        (
            Some(Cause::Refused(486)),
            Some(486),
            json!(["refused", "callee", "refused 486", 486, 17, 486, 4]),
        ),
        (
            Some(Cause::Refused(480)),
            Some(408),
            json!(["refused", "switch", "refused 480", 480, 18, 408, 4]),
        ),
        (
            Some(Cause::Operator),
            None,
            json!(["interrupted", "operator", "operator", 487, 16, 487, 8]),
        ),
        (None, None, json!(["interrupted", "switch", "switch stopped", null, 41, 487, 8])),
    ];
    for (cause, leg_status, expected) in ends {
        assert_eq!(ended(cause, leg_status), expected);
    }
}

#[test]
fn a_row_has_the_fields_of_a_record_in_its_columns() {
    let header = csv::header();
    let names: Vec<&str> = header.trim_end().split(',').collect();
    let record = Record::of(&talked(), "jackfield", wall);
    let text = serde_json::to_string(&record).unwrap();
    let value = json_of(&talked());
    assert_eq!(names.len(), value.as_object().unwrap().len());
    // In the order in which JSON has them too.
    let places: Vec<_> =
        names.iter().map(|name| text.find(&format!("\"{name}\":")).expect(name)).collect();
    assert!(places.is_sorted(), "{places:?}");
    let mut row = String::new();
    csv::append(&record, &mut row);
    assert!(
        row.starts_with(
            "1,jackfield,0000000000000007,a84b4c76e66710@pc33,default,udp,192.0.2.9:5060,,"
        ),
        "{row}"
    );
    assert!(row.contains(",\"{\"\"class\"\":\"\"inland\"\"}\",false,"), "{row}");
    assert!(row.ends_with(",false\r\n") && row.matches('\n').count() == 1, "{row}");
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn config(format: RecordFormat) -> RecordsConfig {
    RecordsConfig { format, ..RecordsConfig::default() }
}

fn open(path: &Path, config: &RecordsConfig) -> RecordFile {
    RecordFile::open(path, config).unwrap()
}

#[test]
fn a_line_that_was_not_finished_is_cut_off_before_the_next() {
    let folder = Folder::new();
    let path = folder.path("records/calls.jsonl");
    let json = config(RecordFormat::Json);
    open(&path, &json).append("{\"a\":1}\n", NOW_MS).unwrap();
    let long = "x".repeat(200_000);
    fs::write(&path, format!("{{\"a\":1}}\n{{\"b\":{long}")).unwrap();
    open(&path, &json).append("{\"c\":3}\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"c\":3}\n");
    fs::write(&path, "{\"only").unwrap();
    open(&path, &json).append("{\"d\":4}\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"d\":4}\n");
}

#[test]
fn each_file_of_rows_begins_with_the_header_and_another_form_is_set_aside() {
    let folder = Folder::new();
    let path = folder.path("calls.csv");
    let csv_config = config(RecordFormat::Csv);
    open(&path, &csv_config).append("1,2\r\n", NOW_MS).unwrap();
    open(&path, &csv_config).append("3,4\r\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), csv::header() + "1,2\r\n3,4\r\n");
    open(&path, &config(RecordFormat::Json)).append("{}\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
    let names = folder.names();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(
        fs::read_to_string(folder.path(&names[0])).unwrap(),
        csv::header() + "1,2\r\n3,4\r\n"
    );
}

#[test]
fn a_file_that_is_moved_or_removed_is_begun_anew() {
    let folder = Folder::new();
    let path = folder.path("calls.csv");
    let mut file = open(&path, &config(RecordFormat::Csv));
    file.append("1\r\n", NOW_MS).unwrap();
    fs::rename(&path, folder.path("calls.csv.1")).unwrap();
    file.append("2\r\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(folder.path("calls.csv.1")).unwrap(), csv::header() + "1\r\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), csv::header() + "2\r\n");
    fs::remove_file(&path).unwrap();
    file.append("3\r\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), csv::header() + "3\r\n");
    // A tool that copies and then empties the file instead of moving it.
    fs::write(&path, "").unwrap();
    file.append("4\r\n", NOW_MS).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), csv::header() + "4\r\n");
}

#[test]
fn a_large_file_is_set_aside_and_only_so_many_are_kept() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    fs::write(folder.path("calls-mine.jsonl"), "not ours").unwrap();
    let config = RecordsConfig { rotate_mb: 1, keep: 2, ..config(RecordFormat::Json) };
    let mut file = open(&path, &config);
    let line = format!("{{\"x\":\"{}\"}}\n", "y".repeat(1 << 20));
    for number in 0..5 {
        file.append(&line, NOW_MS + number).unwrap();
    }
    assert_eq!(file.set_aside(), 4);
    let expected = [
        "calls-20261025T010000Z-002.jsonl",
        "calls-20261025T010000Z-003.jsonl",
        "calls-mine.jsonl",
        "calls.jsonl",
    ];
    assert_eq!(folder.names(), expected);
}

#[test]
fn a_day_has_a_file_of_its_own() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let config = RecordsConfig { rotate_daily: true, ..config(RecordFormat::Json) };
    let mut file = open(&path, &config);
    for ms in [NOW_MS, NOW_MS + 1, NOW_MS + DAY_MS] {
        file.append("{}\n", ms).unwrap();
    }
    assert_eq!(folder.names(), ["calls-20261026T010000Z.jsonl", "calls.jsonl"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
    let aside = folder.path("calls-20261026T010000Z.jsonl");
    assert_eq!(fs::read_to_string(aside).unwrap(), "{}\n{}\n");
}

#[test]
fn two_processes_do_not_share_a_file() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let _first = open(&path, &config(RecordFormat::Json));
    let Err(error) = RecordFile::open(&path, &config(RecordFormat::Json)) else { panic!("opened") };
    let text = error.to_string();
    assert!(
        text.ends_with("another process has it open; give each process a file of its own"),
        "{text}"
    );
}

fn thread(path: Option<&Path>, queue_max: usize) -> RecordThread {
    let file = path.map(|path| open(path, &config(RecordFormat::Json)));
    let clock = Clock::start();
    RecordThread::start("n".to_owned(), file, RecordFormat::Json, queue_max, clock).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn everything_that_waited_is_written_before_the_thread_ends() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let thread = thread(Some(&path), 1000);
    let mut collector = Collector::new(thread.sender(), 10, true);
    for conn in 0..700 {
        let offered = Fact::CallOffered { facts: Arc::new(facts(conn)), ticket: None };
        collector.take(at(conn), &offered);
        if conn != 5 {
            let cause = Cause::Refused(404);
            let over = Fact::Released { conn: ConnId(conn), cause, anchored: false, table: None };
            collector.take(at(conn), &over);
        }
    }
    collector.finish(at(1000));
    let figures = thread.figures();
    drop(thread);
    let lines = lines(&path);
    assert_eq!((lines.len(), figures.written(), figures.waiting()), (700, 700, 0));
    let stopped: Vec<_> = lines.iter().filter(|line| line["cause"] == "switch stopped").collect();
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0]["conn"], "0000000000000005");
}

#[test]
fn a_full_queue_loses_records_counts_them_and_holds_nobody_up() {
    let figures = Arc::new(RecordFigures::default());
    let (queue, _kept) = std::sync::mpsc::sync_channel(4);
    let sender = RecordSender { queue, figures: figures.clone() };
    for conn in 0..10 {
        sender.send(Box::new(Draft::new(Arc::new(facts(conn)), at(0))));
    }
    assert_eq!((figures.dropped(), figures.waiting()), (6, 4));
}

#[test]
fn the_events_of_a_call_have_a_limit_and_a_phone_rings_once() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let thread = thread(Some(&path), 10);
    let mut collector = Collector::new(thread.sender(), 3, true);
    collector.take(at(0), &Fact::CallOffered { facts: Arc::new(facts(7)), ticket: None });
    collector.take(at(1), &leg_offered(1, "2000"));
    for _ in 0..100 {
        collector.take(at(2), &Fact::LegAlerting { leg: leg(1), status: 180 });
    }
    for number in 2..10 {
        collector.take(at(3), &leg_offered(number, "2000"));
    }
    collector.take(at(4), &Fact::Established { conn: ConnId(7), leg: leg(1) });
    collector.take(at(5), &released(Cause::Hangup(ReleasedBy::Caller)));
    drop(thread);
    let lines = lines(&path);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["legs"].as_array().unwrap().len(), 2);
    assert_eq!((&lines[0]["truncated"], &lines[0]["outcome"]), (&json!(true), &json!("answered")));
}

#[test]
fn nothing_is_kept_while_records_are_off() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let thread = thread(Some(&path), 10);
    let mut collector = Collector::new(thread.sender(), 3, false);
    collector.take(at(0), &Fact::CallOffered { facts: Arc::new(facts(7)), ticket: None });
    collector.configure(3, true);
    collector.take(at(1), &released(Cause::Cancelled));
    collector.take(at(2), &Fact::CallOffered { facts: Arc::new(facts(7)), ticket: None });
    collector.take(at(3), &released(Cause::Cancelled));
    drop(thread);
    assert_eq!(lines(&path).len(), 1);
}

fn judged(conn: u64, hook: Hook) -> Fact {
    Fact::Judged { facts: Arc::new(facts(conn)), decision: Decision::of(hook, 0) }
}

#[test]
fn what_was_decided_at_the_door_is_of_the_call_and_who_is_refused_there_has_a_record() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let thread = thread(Some(&path), 10);
    let mut collector = Collector::new(thread.sender(), 10, true);
    collector.take(at(0), &judged(1, Hook::Admission));
    collector.take(at(1), &Fact::TurnedAway { conn: ConnId(1), status: 403 });
    // This one is asked for a password and comes again under another name.
    collector.take(at(2), &judged(2, Hook::Admission));
    collector.take(at(3), &judged(7, Hook::Admission));
    collector.take(at(3), &judged(7, Hook::Authenticate));
    collector.take(at(3), &Fact::CallOffered { facts: Arc::new(facts(7)), ticket: None });
    collector.take(at(4), &decided());
    collector.take(at(5), &released(Cause::Cancelled));
    collector.finish(at(6));
    drop(thread);
    let told: Vec<_> = lines(&path)
        .iter()
        .map(|line| {
            let hooks = line["decisions"].as_array().unwrap().iter().map(|d| d["hook"].clone());
            json!([line["outcome"], line["status"], hooks.collect::<Vec<_>>()])
        })
        .collect();
    let expected = [
        json!(["refused", 403, ["admission"]]),
        json!(["cancelled", 487, ["admission", "authenticate", "route"]]),
    ];
    assert_eq!(told, expected);
}

/// Hands over so many calls that are over.
fn send(sender: &RecordSender, calls: u64) {
    for conn in 0..calls {
        sender.send(Box::new(Draft::new(Arc::new(facts(conn)), at(0))));
    }
}

/// Waits until a write has failed.
fn await_failure(figures: &RecordFigures) {
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while figures.failures() == 0 {
        assert!(std::time::Instant::now() < until, "nothing was written to the full disk");
        std::thread::yield_now();
    }
}

#[test]
fn what_a_full_disk_does_not_take_waits_and_is_written_where_there_is_room() {
    let folder = Folder::new();
    let path = folder.path("calls.jsonl");
    let full = thread(Some(Path::new("/dev/full")), 100);
    let figures = full.figures();
    send(&full.sender(), 5);
    await_failure(&figures);
    assert_eq!((figures.written(), figures.waiting(), figures.dropped()), (0, 5, 0));
    let config = config(RecordFormat::Json);
    full.control().write_to(Some(open(&path, &config)), config);
    drop(full);
    assert_eq!(lines(&path).len(), 5);
    assert_eq!((figures.written(), figures.waiting(), figures.dropped()), (5, 0, 0));
    // What it never takes is counted as lost and holds no end up.
    let full = thread(Some(Path::new("/dev/full")), 100);
    let figures = full.figures();
    send(&full.sender(), 5);
    await_failure(&figures);
    send(&full.sender(), 3);
    drop(full);
    assert_eq!((figures.written(), figures.waiting(), figures.dropped()), (0, 0, 8));
}
