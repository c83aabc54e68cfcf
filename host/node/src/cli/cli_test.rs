#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use clap::{CommandFactory, Parser};

use super::{
    args::{ApiArgs, Args, Command, PluginCommand, Settings},
    check, list, told,
};

#[test]
fn the_command_line_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn run_takes_plugins_and_settings_in_order() {
    let args =
        ["jackfield", "run", "--plugin", "a.rhai", "--set", "sip.t1_ms=1", "--plugin", "b.wasm"];
    let Command::Run(settings) = Args::try_parse_from(args).unwrap().command else {
        panic!("not run");
    };
    assert_eq!(settings.plugins, [Path::new("a.rhai"), Path::new("b.wasm")]);
    assert_eq!(settings.set, ["sip.t1_ms=1"]);
    assert_eq!(settings.config, None);
}

#[test]
fn reload_takes_one_plugin_or_all() {
    for (args, expected) in [(vec![], None), (vec!["stock.route"], Some("stock.route"))] {
        let args = ["jackfield", "plugin", "reload"].into_iter().chain(args);
        let command = Args::try_parse_from(args).unwrap().command;
        let Command::Plugin { command: PluginCommand::Reload(reload) } = command else {
            panic!("not reload");
        };
        assert_eq!(reload.id.as_deref(), expected);
    }
}

#[test]
fn a_version_is_tried_for_a_share_of_the_calls_or_serves_at_once() {
    let parsed = |more: &[&str]| {
        let args =
            ["jackfield", "plugin", "reload", "desk"].into_iter().chain(more.iter().copied());
        match Args::try_parse_from(args).map(|args| args.command) {
            Ok(Command::Plugin { command: PluginCommand::Reload(reload) }) => {
                Some((reload.canary.map(|share| share.0), reload.at_once))
            }
            _ => None,
        }
    };
    assert_eq!(parsed(&["--canary", "0.5%"]), Some((Some(5), false)));
    assert_eq!(parsed(&["--at-once"]), Some((None, true)));
    for wrong in [&["--canary", "5"][..], &["--canary", "0%"], &["--canary", "5%", "--at-once"]] {
        assert_eq!(parsed(wrong), None, "{wrong:?}");
    }
}

#[test]
fn an_unknown_command_is_refused() {
    assert!(Args::try_parse_from(["jackfield", "fly"]).is_err());
}

#[test]
fn what_has_a_place_begins_with_it() {
    let settings = Settings { set: vec!["sip.t1=1".to_owned()], ..Settings::default() };
    let error = check::check(&settings).unwrap_err();
    assert_eq!(told(&error), "--set sip.t1=1: unknown key `t1` in [sip]; did you mean `t1_ms`?");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bad.rhai");
    std::fs::write(&script, "fn route(call) {\n    refuse(\n}\n").unwrap();
    let settings = Settings { plugins: vec![script.clone()], ..Settings::default() };
    let error = told(&check::check(&settings).unwrap_err());
    assert!(error.starts_with(&format!("{}:3:", script.display())), "{error}");
}

#[test]
fn good_plugins_and_settings_pass_the_check() {
    let settings = Settings { set: vec!["sip.t1_ms=100".to_owned()], ..Settings::default() };
    check::check(&settings).unwrap();
}

#[test]
fn who_asks_a_switch_that_is_not_there_is_told_so() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let api = ApiArgs { api: Some(format!("127.0.0.1:{port}")), ..ApiArgs::default() };
    let error = told(&list::calls(&api, None).unwrap_err());
    let expected =
        format!("jackfield: no switch answers at http://127.0.0.1:{port}; is `jackfield run`");
    assert!(error.starts_with(&expected), "{error}");
}
