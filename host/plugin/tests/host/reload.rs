//! A reload is a transaction: accepted, refused or unchanged, and the old version serves until the new one has proved itself.

use std::{collections::BTreeMap, fs, path::Path};

use jackfield_plugin::{Diagnostic, HostConfig, Kind, PluginHost, Reloaded, Source};
use model::hook::Verdict;
use tempfile::TempDir;

use crate::{
    common::{answer, host, is_activated, patient, reload, route, source, with_manifest},
    guest,
};

const REFUSE_486: &str = "fn route(call) { refuse(486) }\n";
const REFUSE_600: &str = "fn route(call) { refuse(600) }\n";

fn script(folder: &TempDir, text: &str) -> Source {
    let path = folder.path().join("rules.rhai");
    fs::write(&path, text).unwrap();
    Source::Path(path)
}

/// What is said about a script that is put in place of a good one, which must go on serving.
fn refused(text: &str) -> Diagnostic {
    let folder = TempDir::new().unwrap();
    let host = host(patient(), vec![script(&folder, REFUSE_486)]);
    let before = host.current();
    script(&folder, text);
    let report = reload(&host);
    assert_eq!(report.still_serving.unwrap().serial, 1);
    assert_eq!(host.current(), before);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    let mut diagnostic = report.outcome.expect_err("refused");
    assert_eq!(diagnostic.plugin, "rules");
    diagnostic.file = Path::new(&diagnostic.file).file_name().unwrap().to_str().unwrap().into();
    diagnostic
}

#[test]
fn a_good_version_serves_new_calls() {
    let folder = TempDir::new().unwrap();
    let host = host(patient(), vec![script(&folder, REFUSE_486)]);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    script(&folder, REFUSE_600);
    let report = reload(&host);
    let Ok(Reloaded::Activated(generation)) = &report.outcome else {
        panic!("{report:?}");
    };
    assert_eq!((generation.serial, Some(generation)), (2, report.still_serving.as_ref()));
    let answer = answer(&host, &route("2000"));
    assert_eq!(answer.verdict, Verdict::Refuse(600));
    assert_eq!(answer.decision.decided_by.as_ref(), Some(generation));
}

#[test]
fn an_unchanged_file_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let host = host(patient(), vec![script(&folder, REFUSE_486)]);
    let before = host.current();
    script(&folder, REFUSE_486);
    assert_eq!(reload(&host).outcome, Ok(Reloaded::Unchanged));
    assert_eq!(host.current(), before);
    assert_eq!(host.stats().unchanged, 1);
}

#[test]
fn a_changed_setting_makes_a_new_generation() {
    let text = "fn route(call) { refuse(config.status ?? 486) }";
    let folder = TempDir::new().unwrap();
    let host = host(patient(), vec![script(&folder, text)]);
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    let settings = "status = 603".parse().unwrap();
    host.set_overrides(BTreeMap::from([("rules".to_owned(), settings)]));
    assert!(is_activated(&reload(&host)));
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(603));
}

#[test]
fn a_syntax_error_is_named_with_line_and_column() {
    let diagnostic = refused("fn route(call) {\n    refuse(486\n}\n");
    assert_eq!((diagnostic.file.as_str(), diagnostic.line), ("rules.rhai", Some(3)));
    assert!(diagnostic.column == Some(1) && diagnostic.reason.contains("refuse"), "{diagnostic}");
}

#[test]
fn a_misspelt_name_is_found_before_any_call() {
    let diagnostic =
        refused("fn route(call) {\n    let user = call.callee.user;\n    plan(usr)\n}\n");
    assert_eq!((diagnostic.line, diagnostic.column), (Some(3), Some(10)), "{diagnostic}");
    assert!(diagnostic.reason.contains("usr"), "{diagnostic}");
}

#[test]
fn a_misspelt_function_is_found_even_where_no_test_goes() {
    let text = "fn route(call) {\n    if call.callee.user == \"x\" {\n        return refsue(486);\n    }\n    pass()\n}\n";
    let diagnostic = refused(text);
    assert_eq!(diagnostic.line, Some(3), "{diagnostic}");
    assert!(diagnostic.reason.contains("refsue"), "{diagnostic}");
    assert!(diagnostic.help.contains("refuse"), "{diagnostic}");
}

#[test]
fn an_error_of_the_self_test_is_named_with_its_place() {
    let diagnostic = refused("fn route(call) {\n    let a = [];\n    refuse(a[3])\n}\n");
    assert_eq!(diagnostic.line, Some(3), "{diagnostic}");
    assert!(diagnostic.reason.starts_with("self-test of route"), "{diagnostic}");
    assert!(diagnostic.reason.contains("trap"), "{diagnostic}");
}

#[test]
fn a_script_that_loops_fails_its_self_test() {
    let diagnostic = refused("fn route(call) {\n    loop { }\n}\n");
    assert!(diagnostic.reason.contains("(time)"), "{diagnostic}");
}

#[test]
fn a_script_that_loops_while_it_is_loaded_is_refused() {
    let diagnostic =
        refused("const N = { let n = 0; while true { n += 1; } n };\nfn route(call) { pass() }\n");
    assert_eq!(diagnostic.line, Some(1), "{diagnostic}");
    assert!(diagnostic.reason.contains("outside of functions"), "{diagnostic}");
}

#[test]
fn a_script_without_a_hook_is_refused() {
    let diagnostic = refused("fn rout(call) { pass() }\n");
    assert!(diagnostic.reason.contains("answers no hook"), "{diagnostic}");
    assert!(diagnostic.help.contains("fn route(call)"), "{diagnostic}");
}

#[test]
fn a_hook_with_the_wrong_parameters_is_refused() {
    let diagnostic = refused("const A = 1;\nfn route_on_failure(call) { pass() }\n");
    assert_eq!(diagnostic.line, Some(2), "{diagnostic}");
    assert!(diagnostic.help.contains("(call, attempts, remaining)"), "{diagnostic}");
}

#[test]
fn a_variable_outside_of_functions_is_refused() {
    let diagnostic = refused("const A = 1;\nlet calls = 0;\nfn route(call) { pass() }\n");
    assert_eq!((diagnostic.line, diagnostic.column), (Some(2), Some(1)), "{diagnostic}");
    assert!(diagnostic.help.contains("const calls"), "{diagnostic}");
}

#[test]
fn a_verdict_that_does_not_fit_is_refused() {
    let diagnostic = refused("fn route(call) { plan([]) }\n");
    assert!(diagnostic.reason.contains("no target"), "{diagnostic}");
    let diagnostic = refused("fn route(call) { if call.callee.user == \"x\" { pass() } }\n");
    assert!(diagnostic.reason.contains("gave nothing"), "{diagnostic}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = TempDir::new().unwrap();
    let host = host(patient(), vec![script(&folder, REFUSE_486)]);
    fs::write(folder.path().join("rules.rhai"), b"fn route(call) {\n \xff }").unwrap();
    let diagnostic = reload(&host).outcome.expect_err("refused");
    assert_eq!((diagnostic.line, diagnostic.column), (Some(2), Some(2)), "{diagnostic}");
}

#[test]
fn a_file_that_is_gone_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let host = host(patient(), vec![script(&folder, REFUSE_486)]);
    fs::remove_file(folder.path().join("rules.rhai")).unwrap();
    let diagnostic = reload(&host).outcome.expect_err("refused");
    assert!(diagnostic.reason.contains("cannot be read"), "{diagnostic}");
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let mut config = patient();
    config.files.script_bytes_max = 100;
    let folder = TempDir::new().unwrap();
    let host = host(config, vec![script(&folder, REFUSE_486)]);
    script(&folder, &format!("{REFUSE_600}{}", " ".repeat(100)));
    let diagnostic = reload(&host).outcome.expect_err("refused");
    assert!(diagnostic.reason.contains("larger than 100 bytes"), "{diagnostic}");
}

#[test]
fn one_bad_plugin_keeps_all_from_being_installed() {
    let host = host(patient(), vec![source("a", Kind::Rhai, REFUSE_486)]);
    let sources = vec![
        source("b", Kind::Rhai, REFUSE_600),
        source("c", Kind::Rhai, "fn route(call) {"),
        source("b", Kind::Rhai, REFUSE_486),
        source("d", Kind::Wasm, b"\0asm\x01\0\0\0".as_slice()),
    ];
    let error = host.install(sources).expect_err("refused");
    let plugins: Vec<&str> = error.diagnostics.iter().map(|d| d.plugin.as_str()).collect();
    assert_eq!(plugins, ["c", "b", "d"], "{error}");
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    assert_eq!(host.list().len(), 1);
}

#[test]
fn installing_again_keeps_what_did_not_change() {
    let host = host(patient(), vec![source("a", Kind::Rhai, REFUSE_486)]);
    let sources = vec![
        source("b", Kind::Rhai, "fn route(call) { pass() }"),
        source("a", Kind::Rhai, REFUSE_486),
    ];
    let report = host.install(sources).unwrap();
    let serials: Vec<_> = report.loaded.iter().map(|g| (&*g.plugin, g.serial)).collect();
    assert_eq!(serials, [("b", 1), ("a", 1)]);
    assert_eq!(answer(&host, &route("2000")).decision.steps.len(), 2);
}

#[test]
fn priorities_come_before_the_order_of_sources() {
    let late = "[hooks.route]\npriority = 200\n";
    let sources = vec![
        with_manifest("late", Kind::Rhai, REFUSE_486, late),
        source("early", Kind::Wasm, guest::refusing(600)),
    ];
    assert_eq!(answer(&host(patient(), sources), &route("2000")).verdict, Verdict::Refuse(600));
}

#[test]
fn a_folder_is_read_with_its_manifest() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("plugin.toml", "id = \"acme.rules\"\nversion = \"1.2\"\n[config]\nstatus = 603\n");
    write("main.rhai", "fn route(call) { refuse(config.status) }");
    let host = host(patient(), vec![Source::Path(folder.path().to_owned())]);
    let status = &host.list()[0];
    assert_eq!((status.id.as_str(), status.version.as_str()), ("acme.rules", "1.2"));
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(603));
    write("plugin.toml", "id = \"acme.rules\"\n[confg]\nstatus = 600\n");
    let diagnostic = reload(&host).outcome.expect_err("refused");
    assert_eq!(diagnostic.line, Some(2), "{diagnostic}");
    write("plugin.toml", "id = \"acme.other\"\n");
    let diagnostic = reload(&host).outcome.expect_err("refused");
    assert!(diagnostic.reason.contains("called `acme.other` now"), "{diagnostic}");
}

#[test]
fn a_vector_of_the_manifest_must_hold() {
    let manifest = |expect: &str| {
        format!("[[vectors]]\ncallee = \"sip:2000@example.com\"\nexpect = \"{expect}\"\n")
    };
    let code = "fn route(call) { plan(aor(call.callee.user, call.callee.host)) }";
    let right = with_manifest("a", Kind::Rhai, code, &manifest("aor:2000@example.com"));
    let host = host(patient(), vec![right]);
    let wrong = with_manifest("a", Kind::Rhai, code, &manifest("refuse 404"));
    let error = host.install(vec![wrong]).expect_err("refused");
    assert!(error.to_string().contains("gave `aor:2000@example.com`"), "{error}");
}

#[test]
fn a_listed_hook_must_be_answered() {
    let manifest = "[hooks.route]\n[hooks.route-on-failure]\n";
    let source = with_manifest("a", Kind::Rhai, REFUSE_486, manifest);
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let error = host.install(vec![source]).expect_err("refused");
    assert!(error.to_string().contains("names route-on-failure"), "{error}");
}

#[test]
fn an_unknown_plugin_cannot_be_reloaded() {
    let host = host(patient(), vec![source("a", Kind::Rhai, REFUSE_486)]);
    let reports = host.reload(Some("b"));
    let diagnostic = reports[0].outcome.as_ref().expect_err("refused");
    assert!(diagnostic.help.ends_with(": a"), "{diagnostic}");
    assert_eq!(reports[0].still_serving, None);
}
