//! The stock plugins in the host that embeds them: their scenarios, and what an operator may get wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, path::Path};

use jackfield_stock::{Stock, plugins};
use plugin::{HostConfig, Kind, PluginHost, Source};

/// What `plugins/route/tests/routes.toml` says it is configured with.
const ROUTES: &str = r#"
domains = ["home.test"]
ring_secs = 15
[config.routes]
"49" = ["sip:192.0.2.1", "sip:192.0.2.2:5070"]
"4930" = "sip:192.0.2.3"
"+" = "sip:192.0.2.4;transport=tcp"
"#;

/// What `plugins/dialplan/tests/vienna.toml` says it is configured with.
const VIENNA: &str = r#"
country = "43"
international = ["00"]
national = ["0"]
area = "1"
outside = "0"
internal = ["3"]
blocked = ["+43900", "+881"]
[config.short]
"*1" = "200"
"*9" = "sip:conference@192.0.2.9"
[config.rewrite]
"0800" = "0043800"
"#;

fn dialplan() -> &'static Stock {
    plugins().iter().find(|stock| stock.id == "stock.dialplan").expect("stock.dialplan")
}

fn route() -> &'static Stock {
    plugins().iter().find(|stock| stock.id == "stock.route").expect("stock.route")
}

/// The plugin with its manifest's own configuration, or with another.
fn source(stock: &Stock, config: Option<&str>) -> Source {
    let manifest = config.map_or_else(
        || stock.manifest.to_owned(),
        |config| {
            let (head, _) = stock.manifest.split_once("[config]\n").expect("a [config]");
            format!("{head}[config]\n{config}")
        },
    );
    Source::Embedded {
        id: stock.id.to_owned(),
        manifest: manifest.into(),
        code: stock.module.into(),
        kind: Kind::Wasm,
    }
}

fn scenario(name: &str, config: Option<&str>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../route/tests").join(name);
    let cases = testkit::run(source(route(), config), &path);
    assert!(cases.unwrap_or_else(|wrong| panic!("{wrong}")) > 0);
}

#[test]
fn users_are_called_without_any_configuration() {
    scenario("users.toml", None);
}

#[test]
fn numbers_follow_the_operators_routes() {
    scenario("routes.toml", Some(ROUTES));
}

#[test]
fn what_is_dialled_in_vienna_becomes_one_form_of_number() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dialplan/tests");
    let run = |config, file: &str| testkit::run(source(dialplan(), config), &path.join(file));
    assert!(run(Some(VIENNA), "vienna.toml").unwrap_or_else(|wrong| panic!("{wrong}")) > 8);
    assert!(run(None, "inert.toml").unwrap_or_else(|wrong| panic!("{wrong}")) > 2);
}

#[test]
fn a_configuration_it_cannot_follow_is_refused_at_installation() {
    for (config, key) in [
        ("ring_secs = \"soon\"", "ring_secs"),
        ("domains = [1]", "domains"),
        ("[routes]\nnorth = \"sip:192.0.2.1\"", "routes.\"north\""),
    ] {
        let host = PluginHost::new(HostConfig::default()).expect("a host");
        let overrides = [("stock.route".to_owned(), config.parse().expect("TOML"))];
        host.set_overrides(BTreeMap::from(overrides));
        let refused = host.install(vec![source(route(), None)]).expect_err(config);
        let text = refused.to_string();
        assert!(text.contains(&format!("config key {key}: ")), "{text}");
    }
}

#[test]
fn the_operators_values_take_the_place_of_the_manifests() {
    let host = PluginHost::new(HostConfig::default()).expect("a host");
    let overrides = [("stock.route".to_owned(), "ring_secs = 20".parse().expect("TOML"))];
    host.set_overrides(BTreeMap::from(overrides));
    // With the operator's value in place, the one of the manifest does not matter, however wrong.
    host.install(vec![source(route(), Some("ring_secs = \"soon\""))]).expect("installed");
}
