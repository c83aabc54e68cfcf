//! Which crate may depend on which.
//!
//! `model <- {sip, media, tlib, cluster} <- switch <- cti <- node`, `websocket <- node`, `model <- bundle <- plugin <- node`, `model, media <- relay <- node`.
//! The switch and the plugin host never see each other: a hook is a question and an answer, plain data in `model`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{Finding, sans_io};

/// The crates of this project that each may depend on; a plugin that is not named here gets [`PLUGIN`].
const MAY_USE: [(&str, &[&str]); 25] = [
    ("model", &[]),
    ("sip", &["model"]),
    ("media", &["model"]),
    ("tlib", &["model"]),
    ("cluster", &["model"]),
    ("websocket", &[]),
    ("switch", &["model", "sip", "media", "tlib", "cluster"]),
    ("cti", &["model", "tlib", "switch"]),
    ("bundle", &["model"]),
    ("record", &["model"]),
    ("plugin", &["model", "bundle", "record"]),
    ("relay", &["model", "media"]),
    (
        "node",
        &[
            "model",
            "sip",
            "media",
            "tlib",
            "cluster",
            "websocket",
            "switch",
            "cti",
            "bundle",
            "record",
            "plugin",
            "relay",
            "stock",
            // The kit for authors on the command line: decision 18.
            "plugin-build",
            "testkit",
        ],
    ),
    ("guest", &[]),
    ("tlib-client", &["model", "tlib"]),
    ("plugin-build", &[]),
    ("testkit", &["model", "record", "plugin"]),
    ("stock", &["plugin-build"]),
    ("world", &["model", "sip", "media", "tlib", "switch", "cti", "plugin", "stock"]),
    ("scenarios", &["model", "sip", "media", "tlib", "switch", "cti", "plugin", "stock", "world"]),
    ("conformance", &["model", "sip", "media", "switch", "world"]),
    ("tidy", &[]),
    ("xtask", &["plugin-build"]),
    ("interop", &["plugin-build", "tlib", "tlib-client"]),
    ("load", &["sip", "tlib", "interop"]),
];

/// What a stock or example plugin may depend on.
const PLUGIN: &[&str] = &["guest"];

/// What any crate but a sans-IO one may use in its tests besides its own arrows.
const FOR_TESTS: &[&str] = &["model", "record", "testkit", "plugin", "stock", "plugin-build"];

/// Third-party crates that do I/O, read a clock or a random source, or run plugins: no sans-IO crate reaches one, at
/// any depth.
const DOES_IO: [&str; 14] = [
    "tokio",
    "quinn",
    "wasmtime",
    "rhai",
    "socket2",
    "mio",
    "rustix",
    "async-std",
    "smol",
    "hyper",
    "axum",
    "notify",
    "getrandom",
    "polling",
];

const ARROW_REMEDY: &str =
    "pass plain data through `model`, or write a decision record and add the arrow to tests/tidy";
const IO_REMEDY: &str = "leave I/O to `node` and `relay`: take time, bytes and seeds as arguments, give effects out as values";

/// A package of the workspace, as far as the arrows need it.
#[derive(Clone, Debug)]
struct Package {
    /// The name without `jackfield-`.
    short: String,
    manifest: String,
    /// Short names of the workspace's crates it depends on, with the kind (`normal`, `dev`, `build`).
    ours: Vec<(String, String)>,
}

/// Checks the answer of `cargo metadata --format-version 1`.
///
/// # Errors
///
/// When the answer does not have the shape that Cargo documents.
pub fn check(metadata: &Value) -> Result<Vec<Finding>, String> {
    let packages = packages(metadata)?;
    let mut findings: Vec<Finding> = packages.iter().flat_map(arrows).collect();
    findings.extend(reached_io(metadata)?);
    findings.sort();
    Ok(findings)
}

fn packages(metadata: &Value) -> Result<Vec<Package>, String> {
    let root = text(metadata, "workspace_root")?;
    let mut packages = Vec::new();
    for package in members(metadata)? {
        let mut ours = Vec::new();
        for dependency in array(package, "dependencies")? {
            // Only a dependency of the workspace has a path.
            if let Some(path) = dependency["path"].as_str()
                && path.starts_with(root)
            {
                let kind = dependency["kind"].as_str().unwrap_or("normal").to_owned();
                ours.push((short(text(dependency, "name")?).to_owned(), kind));
            }
        }
        let manifest = text(package, "manifest_path")?;
        packages.push(Package {
            short: short(text(package, "name")?).to_owned(),
            manifest: manifest
                .strip_prefix(root)
                .unwrap_or(manifest)
                .trim_start_matches('/')
                .to_owned(),
            ours,
        });
    }
    Ok(packages)
}

fn arrows(package: &Package) -> Vec<Finding> {
    let Some(allowed) = allowed(package) else {
        let what = format!("the crate `{}` has no place in the order of crates", package.short);
        return vec![Finding::new(
            &package.manifest,
            0,
            what,
            "add it to tests/tidy/src/arrows.rs with what it may use",
        )];
    };
    let sans_io = sans_io::CRATES.contains(&package.short.as_str());
    package
        .ours
        .iter()
        .filter(|(used, kind)| {
            let for_tests = kind == "dev" && !sans_io && FOR_TESTS.contains(&used.as_str());
            !allowed.contains(&used.as_str()) && !for_tests
        })
        .map(|(used, kind)| {
            let what =
                format!("`{}` depends on `{used}` ({kind}); it may use {allowed:?}", package.short);
            Finding::new(&package.manifest, 0, what, ARROW_REMEDY)
        })
        .collect()
}

fn allowed(package: &Package) -> Option<&'static [&'static str]> {
    let listed =
        MAY_USE.iter().find(|(name, _)| *name == package.short).map(|(_, allowed)| *allowed);
    let is_plugin = ["plugins/", "sdk/examples/", "tests/interop/plugins/"]
        .iter()
        .any(|folder| package.manifest.starts_with(folder));
    listed.or_else(|| is_plugin.then_some(PLUGIN))
}

/// Follows the normal dependencies of each sans-IO crate to the end.
fn reached_io(metadata: &Value) -> Result<Vec<Finding>, String> {
    let graph = normal_dependencies(metadata)?;
    let mut findings = Vec::new();
    for package in members(metadata)? {
        let name = text(package, "name")?;
        if !sans_io::CRATES.contains(&short(name)) {
            continue;
        }
        for chain in chains(&graph, text(package, "id")?) {
            let manifest = format!("host/{}/Cargo.toml", short(name));
            findings.push(Finding::new(
                &manifest,
                0,
                format!("reaches I/O: {}", chain.join(" -> ")),
                IO_REMEDY,
            ));
        }
    }
    Ok(findings)
}

/// A package's name and the ids it depends on outside of tests and build scripts, indexed by package id.
type Graph = BTreeMap<String, (String, Vec<String>)>;

fn normal_dependencies(metadata: &Value) -> Result<Graph, String> {
    let mut names = BTreeMap::new();
    for package in array(metadata, "packages")? {
        names.insert(text(package, "id")?, text(package, "name")?);
    }
    let mut graph = Graph::new();
    for node in array(&metadata["resolve"], "nodes")? {
        let id = text(node, "id")?;
        let mut used = Vec::new();
        for dependency in array(node, "deps")? {
            let is_normal =
                array(dependency, "dep_kinds")?.iter().any(|kind| kind["kind"].is_null());
            if is_normal {
                used.push(text(dependency, "pkg")?.to_owned());
            }
        }
        let name = names
            .get(id)
            .ok_or_else(|| format!("cargo metadata resolves the unknown package {id}"))?;
        graph.insert(id.to_owned(), ((*name).to_owned(), used));
    }
    Ok(graph)
}

/// The shortest way from `from` to each crate that does I/O.
fn chains(graph: &Graph, from: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([from.to_owned()]);
    let mut queue = std::collections::VecDeque::from([vec![from.to_owned()]]);
    while let Some(way) = queue.pop_front() {
        let Some((name, used)) = way.last().and_then(|last| graph.get(last)) else { continue };
        if DOES_IO.contains(&name.as_str()) {
            found.push(
                way.iter().filter_map(|id| graph.get(id)).map(|(name, _)| name.clone()).collect(),
            );
            continue;
        }
        for next in used {
            if seen.insert(next.clone()) {
                queue.push_back(way.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    found
}

fn members(metadata: &Value) -> Result<Vec<&Value>, String> {
    let ids: BTreeSet<&str> =
        array(metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
    Ok(array(metadata, "packages")?
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| ids.contains(id)))
        .collect())
}

fn short(name: &str) -> &str {
    name.strip_prefix("jackfield-").unwrap_or(name)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key].as_str().ok_or_else(|| format!("cargo metadata has no text `{key}`"))
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key].as_array().ok_or_else(|| format!("cargo metadata has no list `{key}`"))
}

#[cfg(test)]
#[path = "arrows_test.rs"]
mod tests;
