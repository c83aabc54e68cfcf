//! A configuration is held to what its plugin says it must be, before a version exists.

use std::{fs, path::Path};

use jackfield_plugin::{HostConfig, PluginHost, Source};
use model::hook::Verdict;

use crate::common::{answer, patient, route};

const MANIFEST: &str =
    "id = \"desk\"\n[config]\nstatus = 486\n[config.schema]\nfile = \"config.schema.json\"\n";
const SCHEMA: &str = r#"{
    "type": "object",
    "additionalProperties": false,
    "properties": {
        "status": {"type": "integer", "minimum": 400, "maximum": 699, "description": "what callers are told"},
        "user": {"type": "string", "default": "2000"}
    }
}"#;
const CODE: &str = "fn route(call) { if call.callee.user == config.user { refuse(config.status) } else { pass() } }";

fn plugin(folder: &Path, schema: &str) -> Source {
    fs::write(folder.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(folder.join("config.schema.json"), schema).unwrap();
    fs::write(folder.join("desk.rhai"), CODE).unwrap();
    Source::Path(folder.to_owned())
}

fn with(settings: &str) -> HostConfig {
    let overrides = [("desk".to_owned(), settings.parse().unwrap())].into();
    HostConfig { overrides, ..patient() }
}

#[test]
fn a_good_configuration_serves_with_the_defaults_of_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let host = PluginHost::new(patient()).unwrap();
    host.install(vec![plugin(folder.path(), SCHEMA)]).unwrap();
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(486));
    assert_eq!(answer(&host, &route("2001")).verdict, Verdict::BuiltIn);
}

#[test]
fn a_wrong_setting_of_the_operator_is_named_and_what_served_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let source = plugin(folder.path(), SCHEMA);
    let host = PluginHost::new(with("status = 480")).unwrap();
    host.install(vec![source.clone()]).unwrap();
    host.set_overrides([("desk".to_owned(), "status = 200\nuzer = 'a'".parse().unwrap())].into());
    let report = host.reload(Some("desk")).remove(0);
    let error = report.outcome.expect_err("refused");
    assert!(
        error.reason.contains(
            "`status`: its value is less than the minimum of 400 (what callers are told)"
        ),
        "{error}"
    );
    assert!(error.reason.contains("there is no `uzer`, did you mean `user`?"), "{error}");
    assert!(error.help.contains("[plugins.config.desk]"), "{error}");
    assert_eq!(answer(&host, &route("2000")).verdict, Verdict::Refuse(480));
}

#[test]
fn a_schema_that_is_none_or_too_large_or_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |config: HostConfig, source: Source| {
        PluginHost::new(config).unwrap().install(vec![source]).expect_err("refused").to_string()
    };
    let text = refused(patient(), plugin(folder.path(), "{\n\"type\": }"));
    assert!(text.contains("config.schema.json:2:") && text.contains("not JSON"), "{text}");
    let mut small = patient();
    small.files.schema_bytes_max = 100;
    let text = refused(small, plugin(folder.path(), SCHEMA));
    assert!(text.contains("config.schema.json: larger than 100 bytes"), "{text}");
    let source = plugin(folder.path(), SCHEMA);
    fs::remove_file(folder.path().join("config.schema.json")).unwrap();
    assert!(refused(patient(), source).contains("config.schema.json: cannot be read"));
    let source = plugin(folder.path(), SCHEMA);
    let elsewhere = MANIFEST.replace("config.schema.json", "../other.json");
    fs::write(folder.path().join("plugin.toml"), elsewhere).unwrap();
    assert!(refused(patient(), source).contains("is not a file beside plugin.toml"));
}
