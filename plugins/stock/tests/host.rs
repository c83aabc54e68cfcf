//! The stock plugins in the host that embeds them: their scenarios, and what an operator may get wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, path::Path};

use jackfield_stock::{Stock, plugins};
use plugin::{HostConfig, Kind, PluginHost, Source};

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

/// How many cases a scenario file has; all come out as it says.
fn scenario(stock: &Stock, file: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    testkit::run(source(stock, None), &path).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn users_are_called_without_any_configuration() {
    assert!(scenario(route(), "route/tests/users.toml") > 3);
}

#[test]
fn numbers_follow_the_operators_routes() {
    assert!(scenario(route(), "route/tests/routes.toml") > 3);
}

#[test]
fn what_is_dialled_in_vienna_becomes_one_form_of_number() {
    assert!(scenario(dialplan(), "dialplan/tests/vienna.toml") > 8);
    assert!(scenario(dialplan(), "dialplan/tests/inert.toml") > 2);
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
