//! What was recorded of a switch, or failed there, asked again.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use jackfield_testkit::{
    ScenarioError,
    replay::{self, Again},
};
use plugin::{Observed, PluginHost, Recording, ReproPolicy, Source};
use record::Class;

const DESK: &str = r#"
fn route(call) {
    if call.callee.user == "boom" { throw "no " + (config.answer ?? "answer"); }
    if call.callee.user == "spin" { while true { } }
    if call.callee.user == "2000" { return plan("2000@home.test").because("desk", "the desk") }
    refuse(404)
}
"#;

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// Asks a plugin about these numbers and gives what was recorded; failures are kept in the folder `kept`.
fn asked(folder: &Path, source: &Source, numbers: &[&str]) -> PathBuf {
    let question = include_str!("../../../tests/fuzz/corpus/recorded/04-route");
    let question = record::Recorded::from_line(question).unwrap();
    let mut config = plugin::HostConfig {
        repro: ReproPolicy { folder: Some(folder.join("kept")), ..ReproPolicy::default() },
        ..plugin::HostConfig::default()
    };
    config.quarantine.strikes = 0;
    config.quarantine.key_strikes = 0;
    let host = PluginHost::new(config).unwrap();
    host.install(vec![source.clone()]).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<Observed>();
    let what = Recording { calls: 1000, ..Recording::default() };
    let guard = host.record(what, Box::new(move |seen| sender.send(seen).is_ok()));
    let mut worker = host.worker();
    for (number, callee) in numbers.iter().enumerate() {
        let mut question = question.question.clone();
        let mut call = (*question.call).clone();
        call.call_id = format!("call-{number}");
        call.callee = call.callee.with_user(callee);
        question.call = call.into();
        worker.answer(&question, record_moment());
    }
    drop((guard, worker, host));
    let lines: String = receiver.iter().map(|seen| seen.recorded().to_line() + "\n").collect();
    write(folder, "calls.jsonl", &lines)
}

fn record_moment() -> model::Moment {
    model::Moment { at_ms: 1_795_300_000_000, local: model::LocalTime::default() }
}

fn script(path: PathBuf) -> Source {
    Source::Path(path)
}

#[test]
fn recorded_calls_are_compared_with_what_is_said_now() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    let desk = script(write(folder, "desk.rhai", DESK));
    let calls = asked(folder, &desk, &["2000", "2001", "2000", "boom"]);
    let same = replay::calls(&calls, &desk, None).unwrap();
    assert_eq!((same.compared, same.others), (4, 0));
    let class = |replayed: &replay::Replayed, class| {
        replayed.classes.iter().find(|(have, _)| *have == class).unwrap().1
    };
    assert_eq!(class(&same, Class::Same), 3);
    assert_eq!(class(&same, Class::Failed), 1, "what fails again is no success");

    // By the only name there is.
    let other =
        write(folder, "rewrite.rhai", &DESK.replace("404", "410").replace("throw", "let x ="));
    let other = replay::calls(&calls, &script(other), None).unwrap();
    assert_eq!((other.plugin.as_str(), other.of.as_str()), ("rewrite", "desk"));
    let changes: Vec<&str> = other.groups.iter().map(|group| group.change.as_str()).collect();
    assert_eq!(changes, ["refuse 404 -> refuse 410", "a failure (trap) -> refuse 410"]);
    assert_eq!(other.groups[0].examples[0].call_id, "call-1");
    assert!(other.missing[0].contains("2 groups"), "{:?}", other.missing);

    // What the manifest expects is no reason to fail.
    write(folder, "new/desk.rhai", &DESK.replace("404", "410").replace("throw", "let x ="));
    let rule = "[[reload.expect]]\nclass = \"different-refusal\"\nwhy = \"gone is gone\"\n\
                [[reload.expect]]\nclass = \"other\"\nwhy = \"mended\"\n";
    write(folder, "new/plugin.toml", rule);
    let expected = replay::calls(&calls, &script(folder.join("new")), Some("desk")).unwrap();
    assert_eq!(expected.missing, Vec::<String>::new());

    let wrong = replay::calls(&calls, &desk, Some("disk")).unwrap_err().to_string();
    assert!(wrong.contains("no line is of `disk`; there are answers of desk"), "{wrong}");
    let torn = fs::read_to_string(&calls).unwrap() + "{\"v\":7}\n";
    let torn = write(folder, "torn.jsonl", &torn);
    let wrong = replay::calls(&torn, &desk, None).unwrap_err();
    let ScenarioError::File { line, what, .. } = wrong else { panic!("{wrong}") };
    assert_eq!(line, Some(5));
    assert!(what.starts_with("a recorded question of version 7"), "{what}");
}

#[test]
fn a_failure_is_made_again_and_told_apart_from_others() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    write(folder, "desk/desk.rhai", DESK);
    write(folder, "desk/plugin.toml", "[config]\nanswer = \"idea\"\napi_key = \"abc\"\n");
    let desk = script(folder.join("desk"));
    asked(folder, &desk, &["boom", "spin"]);
    let mut kept: Vec<PathBuf> =
        fs::read_dir(folder.join("kept")).unwrap().map(|entry| entry.unwrap().path()).collect();
    kept.sort();
    let [boom, spin] = [&kept[0], &kept[1]].map(|path| replay::repro(path).unwrap());
    let again = |repro, code: &str| {
        let other = script(write(folder, "other/desk.rhai", code));
        replay::reproduce(repro, &other, &toml::Table::new()).unwrap()
    };
    let same = replay::reproduce(&boom, &desk, &toml::Table::new()).unwrap();
    assert!(same.is_same_code && same.again.is_same(), "{same:?}");
    let said = boom.failure().unwrap();
    assert!(said.detail.contains("no idea"), "{said:?}");
    // Alone, the script has the settings of the file: its id comes from its name.
    assert!(matches!(again(&boom, DESK).again, Again::OtherWords(_)), "the file has another name");
    let mended = again(&boom, &DESK.replace("throw", "let x ="));
    assert_eq!(mended.again, Again::Answered("refuse 404".to_owned()));
    assert!(!mended.is_same_code);
    assert!(matches!(again(&boom, "fn route(").again, Again::Refused(_)));
    assert_eq!(again(&boom, "fn dial_plan(call) { pass() }").again, Again::NotAsked);
    assert_eq!(spin.failure().unwrap().kind, "time");
    assert!(again(&spin, DESK).again.is_same());
    assert!(matches!(
        again(&spin, &DESK.replace("while true { }", "throw \"x\";")).again,
        Again::Otherwise(_)
    ));

    let file = write(folder, "bad.repro", "{\"repro\":9}");
    let wrong = replay::repro(&file).unwrap_err().to_string();
    assert!(wrong.contains("version 9"), "{wrong}");
    assert!(replay::repro(&folder.join("none.repro")).is_err());
}
