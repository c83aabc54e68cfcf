//! `scenarios/README.md` lists every scenario under its RFC, and every scenario is run by a test.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use jackfield_interop::peers;

const BEGIN: &str = "<!-- generated: JACKFIELD_UPDATE_DOCS=1 cargo nextest run -p jackfield-interop --test scenario_table -->\n";

/// Name and comment of each scenario of a folder.
fn scenarios(folder: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(peers::here().join(folder)).expect("the scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a scenario");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let comment = text.split("<!-- ").nth(1).and_then(|rest| rest.split(" -->").next());
            assert!(text.contains(&format!("name=\"{name}\"")), "{name} has another name within");
            (name, comment.expect("a comment that says what it is about").to_owned())
        })
        .collect()
}

/// `RFC 3261` of a comment that begins `RFC 3261 section …`.
fn rfc(comment: &str) -> Option<&str> {
    let number = comment.strip_prefix("RFC ")?.split([' ', ':', ',']).next()?;
    Some(&comment[..4 + number.len()])
}

fn table() -> String {
    let mut by_rfc: BTreeMap<&str, String> = BTreeMap::new();
    let all = scenarios("scenarios");
    for (name, comment) in &all {
        let (rfc, text) = match rfc(comment) {
            Some(rfc) => (rfc, comment[rfc.len()..].trim_start_matches([' ', ':', ','])),
            None => ("The other party, and what is about no one RFC", comment.as_str()),
        };
        let line = format!("| `{name}` | {} |\n", text.replace('|', "\\|"));
        by_rfc.entry(rfc).or_default().push_str(&line);
    }
    by_rfc.iter().fold(String::new(), |mut text, (rfc, lines)| {
        write!(text, "\n### {rfc}\n\n| scenario | what must happen |\n|---|---|\n{lines}").unwrap();
        text
    })
}

#[test]
fn the_readme_lists_every_scenario_under_its_rfc() {
    let path = peers::here().join("scenarios/README.md");
    let readme = fs::read_to_string(&path).expect("the README");
    let (head, listed) = readme.split_once(BEGIN).expect("where the list begins");
    let table = table();
    if env::var_os("JACKFIELD_UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{table}")).expect("the README is written");
        return;
    }
    assert!(listed == table, "{} is out of date; {BEGIN}", path.display());
}

/// All of the tests and their helpers.
fn code() -> String {
    let folder = |name: &str| fs::read_dir(peers::here().join(name)).expect("a folder");
    let files = folder("tests").chain(folder("src")).map(|entry| entry.expect("an entry").path());
    let this = Path::new(file!()).file_name();
    let others = files.filter(|path| path.file_name() != this);
    others.map(|path| fs::read_to_string(path).expect("a source file")).collect()
}

#[test]
fn every_scenario_is_run_by_a_test_and_every_race_of_the_readme_is_there() {
    let code = code();
    let is_run = |name: &str| {
        // Strangers are named without their first half.
        let short = name.strip_prefix("stranger_").unwrap_or(name);
        [name, short].iter().any(|name| code.contains(&format!("\"{name}\"")))
    };
    let [large, small] = ["sipp", "scenarios"].map(scenarios);
    let all: Vec<&String> = large.keys().chain(small.keys()).collect();
    let idle: Vec<_> = all.iter().filter(|name| !is_run(name)).collect();
    assert!(idle.is_empty(), "no test runs {idle:?}");
    let readme = fs::read_to_string(peers::here().join("scenarios/README.md")).expect("the README");
    let (head, _) = readme.split_once(BEGIN).expect("where the list begins");
    for name in head.lines().filter(|line| line.starts_with("| ")).flat_map(named) {
        let is_there = match name.split_once("::") {
            // A test elsewhere, by its file.
            Some((file, test)) => fs::read_to_string(peers::here().join("../..").join(file))
                .is_ok_and(|text| text.contains(&format!("fn {test}("))),
            None => all.iter().any(|scenario| **scenario == name),
        };
        assert!(is_there, "the README speaks of {name}, which is not there");
    }
}

/// What a line has between backticks.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}
