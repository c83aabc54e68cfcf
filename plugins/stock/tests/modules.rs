//! The embedded modules are what the host expects of a plugin.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use jackfield_stock::{Stock, plugins};
use wit_component::{ComponentEncoder, WitPrinter, decode};

/// The host allows far more; this keeps the stock plugins quick to compile.
const MODULE_BYTES_MAX: usize = 80 * 1024;

/// The world of a plugin as its component tells it, in WIT.
fn world(stock: &Stock) -> String {
    let encoder = ComponentEncoder::default().validate(true).module(stock.module);
    let component = encoder.and_then(|mut encoder| encoder.encode()).expect("a valid component");
    let decoded = decode(&component).expect("a component that says what it is");
    let mut printer = WitPrinter::default();
    printer.print(decoded.resolve(), decoded.package(), &[]).expect("printable");
    printer.output.to_string()
}

#[test]
fn every_module_becomes_a_component_with_its_own_hooks_and_no_others() {
    let expected: [(&str, &[&str]); 4] = [
        ("stock.dialplan", &["dial-plan"]),
        ("stock.dn-owner", &["dn-owner"]),
        ("stock.fanout", &["fan-out", "authorise-request"]),
        ("stock.route", &["route", "route-on-failure"]),
    ];
    for (stock, (id, hooks)) in plugins().iter().zip(expected) {
        assert_eq!(stock.id, id);
        let world = world(stock);
        let exports = world.lines().filter_map(|line| line.trim().strip_prefix("export "));
        let exports: BTreeSet<&str> = exports.collect();
        let named = hooks.iter().map(|hook| format!("jackfield:plugin/{hook}@1.0.0;"));
        let named: Vec<String> = named.collect();
        assert_eq!(exports, named.iter().map(String::as_str).collect(), "{id}");
    }
}

#[test]
fn no_module_reaches_beyond_the_contract() {
    for stock in plugins() {
        let world = world(stock);
        let imports = world.lines().filter(|line| line.trim_start().starts_with("import "));
        for import in imports {
            assert!(import.contains(" jackfield:plugin/"), "{} has {import}", stock.id);
        }
    }
}

#[test]
fn manifests_and_modules_belong_together() {
    for stock in plugins() {
        assert!(stock.manifest.starts_with(&format!("id = \"{}\"\n", stock.id)), "{}", stock.id);
        assert!(stock.manifest.contains("\nkind = \"wasm\"\n"), "{}", stock.id);
    }
}

#[test]
fn modules_are_small() {
    for stock in plugins() {
        let bytes = stock.module.len();
        assert!(bytes <= MODULE_BYTES_MAX, "{} has {bytes} bytes", stock.id);
    }
}

#[test]
fn modules_do_not_name_the_machine_they_were_built_on() {
    for stock in plugins() {
        let home = std::env::var("HOME").expect("HOME");
        for path in [env!("CARGO_MANIFEST_DIR"), home.as_str()] {
            let found = stock.module.windows(path.len()).any(|window| window == path.as_bytes());
            assert!(path.len() < 4 || !found, "{} contains {path}", stock.id);
        }
    }
}
