//! A new version of a routing plugin meets live calls: a good one, one that fails, one that fails on one trunk, one that loops at one
//! number, one that refuses everybody.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use jackfield_interop::{
    Switch, callee,
    sipp::{Scenario, Sipp},
    switch::save,
    wait,
};
use serde_json::Value;
use tempfile::TempDir;

const CALLS: u32 = 1000;
const CALLS_PER_SECOND: u32 = 200;

/// A switch whose calls a script routes, and a called party that answers all of them.
struct Bench {
    script: PathBuf,
    _callee: Sipp,
    switch: Switch,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with("trunk=[]", CALLS)
    }

    /// With a setting more, and a called party for so many calls.
    fn with(setting: &str, calls: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("desk.rhai");
        save(&script, version("v1", ""));
        let switch = Switch::start(
            &["plugins.watch=false", "media.mode=\"bypass\"", "journal.entries_max=5000", setting],
            &[&script],
        );
        let callee = callee::answering(&switch, &[2000, 2666], calls, CALLS_PER_SECOND);
        Self { script, _callee: callee, switch, _folder: folder }
    }

    fn calls(&self, user: &str, calls: u32, per_second: u32) -> Sipp {
        let scenario = Scenario::new("caller", self.switch.folder()).value("TALK", 100);
        scenario.calls(calls, per_second).call(self.switch.sip_port, user)
    }

    /// Calls that come from a trunk's address.
    fn calls_from(&self, (address, caller): (&str, u32), calls: u32) -> Sipp {
        let switch = format!("127.0.0.1:{}", self.switch.sip_port);
        let scenario = Scenario::new("caller", self.switch.folder()).value("TALK", 0);
        let scenario = scenario.value("FROM", caller).at(address).to(&switch);
        scenario.calls(calls, CALLS_PER_SECOND / 10).call(self.switch.sip_port, "2000")
    }

    /// What the version on trial, and the one that serves, did at `route`.
    fn compared(&self) -> (Value, Value) {
        let hook = self.plugin()["trial"]["hooks"][0].clone();
        (hook["candidate"].clone(), hook["serving"].clone())
    }

    /// Loads a version for this share of the calls.
    #[track_caller]
    fn try_out(&self, code: &str, share: &str) {
        save(&self.script, code);
        let (status, reports) =
            self.switch.post(&format!("/api/plugins/reload?id=desk&canary={share}%25"));
        let report =
            reports.as_array().unwrap().iter().find(|report| report["outcome"] == "on trial");
        assert!(status == 200 && report.is_some(), "{status} {reports}");
    }

    fn plugin(&self) -> Value {
        self.switch.get("/api/plugins")[0].clone()
    }

    /// Of each caller the reasons of the versions that decided.
    fn reasons_by_caller(&self) -> BTreeMap<String, BTreeSet<String>> {
        let journal = self.switch.get("/api/journal?limit=5000");
        let mut reasons: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in journal.as_array().unwrap().iter().filter(|entry| entry["hook"] == "route") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let reason = text(&entry["reasons"][0]["code"]);
            reasons.entry(text(&entry["caller"])).or_default().insert(reason);
        }
        reasons
    }

    /// What the journal has of each call: who decided it, and its reason.
    fn decided(&self) -> Vec<(String, String)> {
        let journal = self.switch.get("/api/journal?limit=5000");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let entries = journal.as_array().unwrap().iter();
        entries
            .filter(|entry| entry["hook"] == "route")
            .map(|entry| (text(&entry["decided_by"]), text(&entry["reasons"][0]["code"])))
            .collect()
    }

    fn is_rolled_back(&self) -> Value {
        wait::until("the version to be rolled back", || {
            let plugin = self.plugin();
            plugin["rolled_back"].is_object().then_some(plugin)
        })
    }
}

/// A version that routes to whoever is called, with this reason, after it has done something.
fn version(reason: &str, does: &str) -> String {
    format!(
        "fn route(call) {{\n    {does}\n    plan([aor(call.callee.user + \"@127.0.0.1\")]).because(\"{reason}\", \"\")\n}}\n"
    )
}

#[test]
fn a_good_version_serves_a_share_of_the_calls_then_all_and_the_old_one_again() {
    let bench = Bench::new();
    bench.try_out(&version("v2", ""), "20");
    let mut caller = bench.calls("2000", CALLS, CALLS_PER_SECOND);
    let met = |bench: &Bench| {
        bench.plugin()["trial"]["hooks"][0]["candidate"]["asked"].as_u64().unwrap_or_default()
    };
    wait::until("some calls to meet it", || (met(&bench) > 20).then_some(()));
    assert!(caller.is_running());
    assert_eq!(bench.switch.post("/api/plugins/promote?id=desk").0, 200);
    let promoted = bench.plugin()["generation"].clone();
    wait::until("it to decide what follows", || {
        let decided = bench.decided();
        decided.last().is_some_and(|(by, reason)| **by == promoted && reason == "v2").then_some(())
    });
    assert_eq!(bench.switch.post("/api/plugins/rollback?id=desk").0, 200);
    caller.succeed();
    let reasons: BTreeSet<(String, String)> = bench.decided().into_iter().collect();
    assert_eq!(reasons.len(), 2, "each version gives its own reason: {reasons:?}");
}

#[test]
fn a_version_that_fails_at_everything_goes_and_no_call_fails() {
    let bench = Bench::new();
    let caller = bench.calls("2000", CALLS, CALLS_PER_SECOND);
    bench.try_out(&version("v2", "if call.callee.host == \"127.0.0.1\" { throw \"no\"; }"), "50");
    let plugin = bench.is_rolled_back();
    caller.succeed();
    assert_eq!(plugin["trial"], Value::Null);
    assert!(plugin["rolled_back"]["touched"].as_u64().unwrap() >= 3, "{plugin}");
    assert!(bench.decided().iter().all(|(_, reason)| reason == "v1"));
}

#[test]
fn a_version_that_loops_at_one_number_is_not_asked_about_that_number_and_no_call_fails() {
    let bench = Bench::new();
    bench.try_out(&version("v2", "if call.callee.user == \"2666\" { while true { } }"), "100");
    let others = bench.calls("2000", CALLS - 100, CALLS_PER_SECOND);
    let sour = bench.calls("2666", 100, CALLS_PER_SECOND / 10);
    sour.succeed();
    others.succeed();
    let plugin = bench.plugin();
    assert!(plugin["trial"].is_object() && plugin["rolled_back"].is_null(), "{plugin}");
    assert_eq!(plugin["quarantined"], serde_json::json!(["route for dn 2666"]), "{plugin}");
    let failed = plugin["trial"]["hooks"][0]["candidate"]["failed"].as_u64().unwrap();
    assert!((2..10).contains(&failed), "{failed} of 100 calls met the loop");
    let by_old = bench.decided().iter().filter(|(_, reason)| reason == "v1").count();
    assert_eq!(by_old, 100, "the calls to that number were decided by the version that serves");
}

#[test]
fn a_version_that_refuses_everybody_goes_by_itself_and_only_the_calls_that_met_it_fail() {
    let bench = Bench::new();
    let caller = bench.calls("2000", CALLS, CALLS_PER_SECOND);
    bench.try_out("fn route(call) { refuse(480).because(\"v2\", \"\") }", "5");
    let plugin = bench.is_rolled_back();
    caller.end();
    let touched = plugin["rolled_back"]["touched"].as_u64().unwrap();
    let decided = bench.decided();
    let refused = decided.iter().filter(|(_, reason)| reason == "v2").count() as u64;
    assert_eq!((refused, decided.len()), (touched, CALLS as usize), "{plugin}");
    assert!((20..60).contains(&touched), "{touched} calls met it");
    let answered = bench.switch.counter("jackfield_calls_established_total");
    assert_eq!(answered, u64::from(CALLS) - touched, "every other call was answered");
}

#[test]
fn a_canary_of_five_percent_is_asked_about_as_many_calls_and_no_call_fails() {
    let bench = Bench::new();
    bench.try_out(&version("v2", ""), "5");
    bench.calls("2000", CALLS, CALLS_PER_SECOND).succeed();
    let (candidate, serving) = bench.compared();
    let met = candidate["asked"].as_u64().unwrap();
    // 50 are expected; the bounds are six times the standard deviation away, and more.
    assert!((8..150).contains(&met), "{met} of {CALLS} calls met it");
    assert_eq!(serving["asked"], u64::from(CALLS) - met);
    let decided = bench.decided();
    let by_new = decided.iter().filter(|(_, reason)| reason == "v2").count() as u64;
    assert_eq!((by_new, decided.len()), (met, CALLS as usize));
    assert_eq!((&candidate["failed"], &serving["failed"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn a_version_that_fails_on_one_trunk_is_not_asked_about_that_trunk_alone_and_no_call_fails() {
    /// The addresses of two trunks, and who calls from there.
    const SOUR: (&str, u32) = ("127.0.0.2", 1002);
    const SWEET: (&str, u32) = ("127.0.0.3", 1003);
    const FROM_EACH: u32 = 60;
    const OTHERS: u32 = 2000;
    let trunk = |name: &str, (address, _): (&str, u32)| {
        format!("{{name=\"{name}\",uri=\"sip:{address}\",probe_interval_s=0}}")
    };
    let trunks = format!("trunk=[{},{}]", trunk("sour", SOUR), trunk("sweet", SWEET));
    let bench = Bench::with(&trunks, OTHERS + 2 * FROM_EACH + 2);
    bench.try_out(&version("v2", "if call.trunk == \"sour\" { throw \"no\"; }"), "100");
    let mut others = bench.calls("2000", OTHERS, CALLS_PER_SECOND);
    let asked = |bench: &Bench| bench.compared().0["asked"].as_u64().unwrap();
    for _ in 0..2 {
        // Others are answered before it fails again, so that it is known whose fault it is.
        let before = asked(&bench);
        wait::until("others to be answered", || (asked(&bench) > before + 5).then_some(()));
        bench.calls_from(SOUR, 1).succeed();
    }
    wait::until("the trunk to be left out", || {
        let quarantined = bench.plugin()["quarantined"].clone();
        (quarantined == serde_json::json!(["route for trunk sour"])).then_some(())
    });
    assert!(others.is_running());
    let both = [SOUR, SWEET].map(|trunk| bench.calls_from(trunk, FROM_EACH));
    both.into_iter().for_each(Sipp::succeed);
    others.succeed();
    let plugin = bench.plugin();
    assert!(plugin["trial"].is_object() && plugin["rolled_back"].is_null(), "{plugin}");
    assert_eq!(plugin["quarantined"], serde_json::json!(["route for trunk sour"]), "{plugin}");
    assert_eq!(plugin["trial"]["hooks"][0]["candidate"]["failed"], 2, "{plugin}");
    let reasons = bench.reasons_by_caller();
    let of = |user: u32| Vec::from_iter(reasons[&format!("sip:{user}@127.0.0.1")].iter().cloned());
    assert_eq!([of(SOUR.1), of(SWEET.1), of(1000)], [["v1"], ["v2"], ["v2"]]);
}
