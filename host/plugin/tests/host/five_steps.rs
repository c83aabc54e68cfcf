//! Five things that happen to scripts in the field, each done to a file while the host serves calls: a version that fails half
//! way, a syntax error, a version that relies on what an earlier one left behind, a loop, and a crash.

use std::fs;

use jackfield_plugin::{PluginHost, ReloadReport, Source};
use model::hook::{FailureKind, Verdict};
use tempfile::TempDir;

use crate::common::{answer, failure, host, is_activated, patient, reload, route};

struct Lab {
    folder: TempDir,
    host: std::sync::Arc<PluginHost>,
}

impl Lab {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(
            folder.path().join("script.rhai"),
            "const V = 401;\nfn route(call) { refuse(V) }\n",
        )
        .unwrap();
        let host = host(patient(), vec![Source::Path(folder.path().join("script.rhai"))]);
        Self { folder, host }
    }

    fn save(&self, text: &str) -> ReloadReport {
        fs::write(self.folder.path().join("script.rhai"), text).unwrap();
        reload(&self.host)
    }

    fn verdict(&self) -> Verdict {
        answer(&self.host, &route("2000")).verdict
    }
}

#[test]
fn a_script_that_fails_half_way_leaves_no_mixture() {
    let lab = Lab::new();
    let report = lab.save("const V = 402;\nthrow \"boom\";\nfn route(call) { refuse(V) }\n");
    let diagnostic = report.outcome.expect_err("refused");
    assert_eq!(diagnostic.line, Some(2), "{diagnostic}");
    assert!(diagnostic.reason.contains("boom"), "{diagnostic}");
    assert_eq!(lab.verdict(), Verdict::Refuse(401), "the old function with the old constant");
}

#[test]
fn a_syntax_error_is_reported_once_and_not_met_again() {
    let lab = Lab::new();
    assert!(lab.save("fn route(call) { refuse( }").outcome.is_err());
    for _ in 0..3 {
        assert_eq!(lab.verdict(), Verdict::Refuse(401));
    }
    assert_eq!(lab.host.stats().refused, 1);
}

#[test]
fn nothing_of_an_earlier_version_is_visible_to_a_later_one() {
    let lab = Lab::new();
    assert!(is_activated(&lab.save("const OLD = 402;\nfn route(call) { refuse(OLD) }\n")));
    let report = lab.save("fn route(call) { refuse(OLD) }\n");
    let diagnostic = report.outcome.expect_err("refused");
    assert!(diagnostic.reason.contains("OLD"), "{diagnostic}");
    assert_eq!(lab.verdict(), Verdict::Refuse(402));
}

#[test]
fn a_loop_is_cut_and_a_repaired_script_takes_effect() {
    let lab = Lab::new();
    // Loops only for some callees, so its self-test passes.
    let looping = "fn route(call) { while call.callee.user == \"loop\" { } refuse(402) }\n";
    assert!(is_activated(&lab.save(looping)));
    let cut = answer(&lab.host, &route("loop"));
    assert_eq!((failure(&cut).0, cut.verdict.clone()), (FailureKind::Time, Verdict::BuiltIn));
    assert_eq!(lab.verdict(), Verdict::Refuse(402), "other calls are not affected");
    assert!(is_activated(&lab.save("fn route(call) { refuse(403) }\n")));
    assert_eq!(answer(&lab.host, &route("loop")).verdict, Verdict::Refuse(403));
}

#[test]
fn a_crash_costs_one_decision() {
    let lab = Lab::new();
    let crashing = "fn down(n) { down(n + 1) }\nfn route(call) { if call.callee.user == \"crash\" { down(0); } refuse(402) }\n";
    assert!(is_activated(&lab.save(crashing)));
    let crash = answer(&lab.host, &route("crash"));
    assert_eq!((failure(&crash).0, crash.verdict.clone()), (FailureKind::Trap, Verdict::BuiltIn));
    assert_eq!(lab.verdict(), Verdict::Refuse(402));
}
