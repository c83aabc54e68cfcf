//! Every stock script against its scenarios; and a scenario that must fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use jackfield_testkit::{ScenarioError, run};
use plugin::Source;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts")
}

#[test]
fn every_stock_script_does_what_its_scenarios_say() {
    let mut seen = 0;
    for entry in std::fs::read_dir(scripts()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "rhai") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario = scripts().join("tests").join(format!("{name}.toml"));
        let cases = run(Source::Path(path), &scenario).unwrap_or_else(|error| panic!("{error}"));
        assert!(cases >= 3, "{name} has {cases} cases");
        seen += 1;
    }
    assert!(seen >= 10);
}

#[test]
fn a_case_that_comes_out_otherwise_is_told_with_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("wrong.toml");
    let text =
        "[[case]]\nname = \"n\"\ncallee = \"sip:2000@home.test\"\nexpect = { refuse = 404 }\n";
    std::fs::write(&scenario, text).unwrap();
    let error = run(Source::Path(scripts().join("route.rhai")), &scenario).unwrap_err();
    let ScenarioError::Wrong(failures) = error else { panic!("{error}") };
    let said = failures.first().unwrap();
    assert!(said.contains("expected refuse 404, came plan [aor:2000@home.test]"), "{said}");
}
