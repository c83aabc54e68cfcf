//! What becomes of what plugins keep: on the disk, under another schema, while a version is tried or compared.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jackfield_plugin::{
    Diff, KeptChange, KeptNews, KeptSource, Kind, Observed, PluginHost, Recording, Rollout, Source,
    Word, WrittenDown,
};
use model::hook::Verdict;
use record::Recorded;

use crate::{
    common::{answer, moment, patient, route, with_manifest},
    state::{STATE, kept, pairs},
};

/// What was written down, as a disk would have it.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<BTreeMap<String, WrittenDown>>>);

impl Disk {
    /// Writes what has changed. Gives how much that was.
    pub(crate) fn flush(&self, host: &PluginHost) -> usize {
        host.flush_kept(|changes| {
            let mut disk = self.0.lock().unwrap();
            for KeptChange { plugin, schema, what } in changes {
                let of = disk.entry(plugin.clone()).or_default();
                let remove = |of: &mut WrittenDown, key: &str| {
                    let entries = of.entries.entry(*schema).or_default();
                    entries.retain(|(have, _)| have != key);
                };
                match what {
                    KeptNews::Serves => of.serving = Some(*schema),
                    KeptNews::Forget => drop(of.entries.remove(schema)),
                    KeptNews::Remove(key) => remove(of, key),
                    KeptNews::Put(key, value) => {
                        remove(of, key);
                        of.entries.entry(*schema).or_default().push((key.clone(), value.clone()));
                    }
                }
            }
            Ok::<(), ()>(())
        })
        .unwrap()
    }

    fn of_desk(&self) -> WrittenDown {
        self.0.lock().unwrap().get("desk").cloned().unwrap_or_default()
    }
}

impl KeptSource for Disk {
    fn load(&self, plugin: &str) -> Result<WrittenDown, String> {
        Ok(self.0.lock().unwrap().get(plugin).cloned().unwrap_or_default())
    }
}

pub(crate) fn remembering(disk: &Disk, plugin: Source) -> Arc<PluginHost> {
    let host = PluginHost::new(patient()).unwrap();
    host.remember(Box::new(disk.clone()));
    host.install(vec![plugin]).unwrap_or_else(|error| panic!("{error}"));
    host
}

pub(crate) fn of_schema(schema: u32, code: &str) -> Source {
    let manifest = format!("{STATE}[state]\nschema = {schema}\n");
    with_manifest("desk", Kind::Rhai, code, &manifest)
}

pub(crate) const COUNTS: &str = r#"fn route(call) { state.increment("n"); pass() }"#;
pub(crate) const MIGRATES: &str = r#"
    fn route(call) { state.increment("total"); pass() }
    fn migrate(from, to) {
        if from != 1 || to != 2 { throw `from ${from} to ${to}`; }
        state.set("total", state.get("n", "0"));
        state.delete("n");
    }
"#;

#[test]
fn what_is_kept_outlives_the_host() {
    let disk = Disk::default();
    let host = remembering(&disk, of_schema(1, COUNTS));
    answer(&host, &route("2000"));
    disk.flush(&host);
    answer(&host, &route("2000"));
    let unwritten = |host: &PluginHost| host.kept("desk", "", "", 0).unwrap().unwritten;
    assert_eq!(unwritten(&host), 1);
    let full = host.flush_kept(|changes| Err(changes.len()));
    assert_eq!(full, Err(1), "each key once");
    assert_eq!(unwritten(&host), 1, "it is given back");
    assert_eq!(disk.flush(&host), 1);
    assert_eq!((disk.flush(&host), unwritten(&host)), (0, 0));
    let next = remembering(&disk, of_schema(1, COUNTS));
    assert_eq!(kept(&next), pairs(&[("n", "2")]));
    let newer = remembering(&disk, of_schema(2, MIGRATES));
    assert_eq!(kept(&newer), pairs(&[("total", "2")]));
}

/// A plugin in a folder, which is saved again with another schema and code.
pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    pub(crate) fn new(schema: u32, code: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.save(schema, code);
        desk
    }

    pub(crate) fn save(&self, schema: u32, code: &str) {
        let manifest = format!(
            "id = \"desk\"\ncode = \"desk.rhai\"\nkind = \"rhai\"\n{STATE}[state]\nschema = {schema}\n"
        );
        std::fs::write(self.0.path().join("plugin.toml"), manifest).unwrap();
        std::fs::write(self.0.path().join("desk.rhai"), code).unwrap();
    }

    pub(crate) fn source(&self) -> Source {
        Source::Path(self.0.path().to_owned())
    }
}

#[test]
fn a_new_schema_is_migrated_on_a_copy_and_a_rollback_goes_back_to_the_old_one() {
    let disk = Disk::default();
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&disk, desk.source());
    answer(&host, &route("2000"));
    disk.flush(&host);
    // A version without a way from the one to the other, and one whose way fails, are refused.
    desk.save(2, COUNTS);
    let refused = host.reload(None).remove(0).outcome.unwrap_err().to_string();
    assert!(refused.contains("schema 1, this version 2: nothing brings"), "{refused}");
    desk.save(3, MIGRATES);
    let refused = host.reload(None).remove(0).outcome.unwrap_err().to_string();
    assert!(refused.contains("from 1 to 3"), "{refused}");
    desk.save(2, &MIGRATES.replace("state.set(\"total\"", "loop {} state.set(\"total\""));
    let refused = host.reload(None).remove(0).outcome.unwrap_err().to_string();
    assert!(refused.contains("state_migration_ms"), "{refused}");
    assert_eq!(kept(&host), pairs(&[("n", "1")]));
    desk.save(2, MIGRATES);
    host.reload(None).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("total", "1")]));
    answer(&host, &route("2000"));
    answer(&host, &route("2000"));
    disk.flush(&host);
    assert_eq!(kept(&host), pairs(&[("total", "3")]));
    let back = host.roll_back("desk", "a test").unwrap();
    assert_eq!(back.lost_writes, 2);
    assert_eq!(kept(&host), pairs(&[("n", "1")]));
    answer(&host, &route("2000"));
    disk.flush(&host);
    let on_disk = disk.of_desk();
    assert_eq!(on_disk.serving, Some(1));
    assert_eq!(
        on_disk.entries,
        [(1, pairs(&[("n", "2")]))].into(),
        "what was rolled back is forgotten"
    );
}

/// Asks about so many calls, of Call-IDs of their own.
pub(crate) fn calls(host: &Arc<PluginHost>, count: u32) -> Vec<Verdict> {
    let mut worker = host.worker();
    let ask = |number: u32| {
        let mut question = route("2000");
        Arc::make_mut(&mut question.call).call_id = format!("call-{number}");
        worker.answer(&question, moment()).verdict
    };
    (0..count).map(ask).collect()
}

#[test]
fn a_version_on_trial_with_a_schema_of_its_own_keeps_its_own_until_it_is_promoted() {
    let disk = Disk::default();
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&disk, desk.source());
    calls(&host, 1);
    desk.save(2, MIGRATES);
    host.reload_by(Some("desk"), Rollout::Canary(1000)).remove(0).outcome.unwrap();
    calls(&host, 3);
    assert_eq!(kept(&host), pairs(&[("n", "1")]), "its writes are its own while it is tried");
    disk.flush(&host);
    assert_eq!(disk.of_desk().entries.keys().collect::<Vec<_>>(), [&1]);
    // It has counted more than the one before, so that its own stays.
    assert_eq!(host.promote_by("desk", None).unwrap().lost_writes, 0);
    assert_eq!(kept(&host), pairs(&[("total", "4")]));
    disk.flush(&host);
    let on_disk = disk.of_desk();
    assert_eq!((on_disk.serving, &on_disk.entries[&2]), (Some(2), &pairs(&[("total", "4")])));
}

#[test]
fn what_the_serving_version_counted_meanwhile_is_not_lost_by_a_promotion() {
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&Disk::default(), desk.source());
    calls(&host, 1);
    desk.save(2, MIGRATES);
    host.reload_by(Some("desk"), Rollout::Canary(200)).remove(0).outcome.unwrap();
    calls(&host, 100);
    let told = host.list().remove(0).trial.unwrap();
    let touched = told.hooks[0].1.asked;
    assert!((1..50).contains(&touched), "{touched}");
    let served = (101 - touched).to_string();
    assert_eq!(kept(&host), pairs(&[("n", &served)]));
    assert_eq!(host.promote_by("desk", None).unwrap().lost_writes, touched);
    assert_eq!(kept(&host), pairs(&[("total", &served)]));
    // The same when it is put into service by a reload.
    host.roll_back("desk", "a test").unwrap();
    host.reload_by(Some("desk"), Rollout::Canary(1)).remove(0).outcome.unwrap();
    host.reload_by(Some("desk"), Rollout::AtOnce).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("total", &served)]));
}

#[test]
fn versions_of_one_schema_share_what_is_kept() {
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&Disk::default(), desk.source());
    calls(&host, 2);
    desk.save(1, r#"fn route(call) { state.increment("n", 10); pass() }"#);
    host.reload_by(Some("desk"), Rollout::Canary(1000)).remove(0).outcome.unwrap();
    calls(&host, 2);
    assert_eq!(kept(&host), pairs(&[("n", "22")]));
    assert_eq!(host.roll_back("desk", "a test").unwrap().lost_writes, 0);
    calls(&host, 1);
    assert_eq!(kept(&host), pairs(&[("n", "23")]));
}

/// Compares a candidate over five calls and promotes it: what differed, and how many calls were told otherwise.
fn compared(host: &Arc<PluginHost>, desk: &Desk, schema: u32, code: &str) -> Diff {
    desk.save(schema, code);
    host.shadow("desk", None, None).unwrap();
    let seen = calls(host, 5);
    assert_eq!(seen.len(), 5);
    let began = Instant::now();
    loop {
        let diff = host.diff("desk").unwrap();
        if diff.status.compared + diff.status.dropped >= 5 {
            return diff;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{diff:?}");
        std::thread::yield_now();
    }
}

const TELLS: &str = r#"fn route(call) { refuse(400 + state.increment("n")) }"#;

#[test]
fn a_candidate_that_is_compared_finds_what_the_other_found_and_writes_nothing() {
    let desk = Desk::new(1, TELLS);
    let host = remembering(&Disk::default(), desk.source());
    calls(&host, 1);
    let same = format!("{TELLS} // in other words");
    let diff = compared(&host, &desk, 1, &same);
    assert_eq!((diff.status.compared, diff.groups.len()), (5, 0), "{diff:?}");
    assert_eq!(kept(&host), pairs(&[("n", "6")]), "each call is counted once");
    // Nor is what it finds what others have written since.
    let other = TELLS.replace("400", "410");
    let diff = compared(&host, &desk, 1, &other);
    assert_eq!(diff.groups.len(), 5, "{diff:?}");
    assert_eq!(diff.groups[0].examples.len(), 1);
    assert_eq!(kept(&host), pairs(&[("n", "11")]));
}

#[test]
fn a_candidate_with_a_schema_of_its_own_is_compared_on_a_copy_and_migrates_again_when_it_serves() {
    let desk = Desk::new(1, TELLS);
    let host = remembering(&Disk::default(), desk.source());
    calls(&host, 1);
    let code = r#"
        fn route(call) { refuse(400 + state.increment("total")) }
        fn migrate(from, to) { state.set("total", state.get("n", "0")); state.delete("n"); }
    "#;
    let diff = compared(&host, &desk, 2, code);
    assert_eq!((diff.status.compared, diff.groups.len()), (5, 0), "{diff:?}");
    assert_eq!(kept(&host), pairs(&[("n", "6")]));
    let word = Word { by: "ada".to_owned(), why: "as agreed".to_owned() };
    assert_eq!(host.promote_by("desk", Some(word)).unwrap().lost_writes, 0);
    assert_eq!(kept(&host), pairs(&[("total", "6")]), "nothing of what was kept meanwhile is lost");
    assert_eq!(calls(&host, 1), [Verdict::Refuse(407)]);
}

#[test]
fn what_is_asked_again_elsewhere_finds_what_was_found() {
    let code = r#"fn route(call) {
        if call.callee.user == "9" { throw state.get("last", "nobody"); }
        let all = state.list("last");
        state.set("last", call.callee.user);
        refuse(400 + state.increment("n")).because("seen", `${all}`)
    }"#;
    let host = remembering(&Disk::default(), of_schema(1, code));
    calls(&host, 2);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&lines);
    let sink = move |seen: Observed| {
        theirs.lock().unwrap().push(seen.recorded());
        true
    };
    let recording = host.record(Recording { calls: 9, ..Recording::default() }, Box::new(sink));
    calls(&host, 1);
    answer(&host, &route("9"));
    drop(recording);
    calls(&host, 3);
    let elsewhere = remembering(&Disk::default(), of_schema(1, code));
    let mut worker = elsewhere.worker();
    for recorded in lines.lock().unwrap().iter() {
        let line = Recorded::from_line(&recorded.to_line()).unwrap();
        let (then, now) = (line.said.clone().unwrap(), worker.consult("desk", &line).unwrap());
        assert_eq!((now.answer, now.failure), (then.answer, then.failure));
    }
    assert_eq!(kept(&elsewhere), []);
}

#[test]
fn what_was_emptied_stays_empty_over_a_restart_and_an_old_version_finds_what_it_kept() {
    let disk = Disk::default();
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&disk, desk.source());
    calls(&host, 3);
    let empties = r#"if call.callee.user == "gone" { state.delete("total"); return pass(); } state.increment"#;
    desk.save(2, &MIGRATES.replace("state.increment", empties));
    host.reload(None).remove(0).outcome.unwrap();
    answer(&host, &route("gone"));
    disk.flush(&host);
    let host = remembering(&disk, desk.source());
    assert_eq!(kept(&host), [], "what was before the migration does not come back");
    disk.flush(&host);
    // An operator restarts with the version before.
    let old = remembering(&disk, of_schema(1, COUNTS));
    assert_eq!(kept(&old), pairs(&[("n", "3")]), "it keeps what it kept then");
    calls(&old, 1);
    disk.flush(&old);
    // And with the new one again: what served last counts, not what that has left behind.
    let new = remembering(&disk, desk.source());
    assert_eq!(kept(&new), pairs(&[("total", "4")]));
}

#[test]
fn an_old_version_that_is_saved_again_goes_back_to_what_it_kept() {
    let disk = Disk::default();
    let desk = Desk::new(1, COUNTS);
    let host = remembering(&disk, desk.source());
    calls(&host, 2);
    desk.save(2, MIGRATES);
    host.reload(None).remove(0).outcome.unwrap();
    calls(&host, 2);
    desk.save(1, &format!("{COUNTS} // again"));
    host.reload(None).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("n", "2")]));
    calls(&host, 1);
    desk.save(2, MIGRATES);
    host.reload(None).remove(0).outcome.unwrap();
    assert_eq!(kept(&host), pairs(&[("total", "3")]), "migrated anew");
    disk.flush(&host);
    let on_disk = disk.of_desk();
    assert_eq!((on_disk.serving, &on_disk.entries[&2]), (Some(2), &pairs(&[("total", "3")])));
}

#[test]
fn where_nothing_is_written_down_nothing_waits_to_be() {
    let host = crate::common::host(patient(), vec![of_schema(1, COUNTS)]);
    calls(&host, 3);
    assert_eq!(host.kept("desk", "", "", 0).unwrap().unwritten, 0);
    assert_eq!(host.flush_kept(|changes| Err(changes.len())), Ok(0));
}

/// Questions that each write to four keys, by eight workers, while what they keep is written down and one takes keys away.
#[test]
fn a_storm_of_writes_is_counted_to_the_last_one_in_memory_and_on_the_disk() {
    const WORKERS: u32 = 8;
    const CALLS: u32 = 200;
    let code = r#"fn route(call) {
        state.increment("all");
        state.increment(`of.${call.callee.user}`, 2);
        state.set("last", call.callee.user);
        if state.get("gone") == () { state.set("gone", 1) } else { state.delete("gone"); }
        refuse(486)
    }"#;
    let disk = Disk::default();
    let host = remembering(&disk, of_schema(1, code));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let host = &host;
                scope.spawn(move || {
                    let mut asks = host.worker();
                    for _ in 0..CALLS {
                        let question = route(&format!("20{}", worker % 4));
                        let verdict = asks.answer(&question, moment()).verdict;
                        assert_eq!(verdict, Verdict::Refuse(486));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                disk.flush(&host);
                std::thread::yield_now();
            }
        });
        for asks in asking {
            asks.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    disk.flush(&host);
    let mut on_disk = disk.of_desk().entries.remove(&1).unwrap();
    on_disk.sort();
    let in_memory = host.kept("desk", "", "", 100).unwrap();
    assert_eq!(on_disk, in_memory.entries);
    let value = |key: &str| in_memory.entries.iter().find(|(k, _)| k == key).map(|(_, v)| &**v);
    assert_eq!(value("all"), Some("1600"));
    for number in 0..4 {
        assert_eq!(value(&format!("of.20{number}")), Some("800"));
    }
    let bytes: usize = in_memory.entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    let count = in_memory.entries.len();
    assert_eq!((in_memory.bytes, in_memory.count, in_memory.refused), (bytes, count, 0));
}
