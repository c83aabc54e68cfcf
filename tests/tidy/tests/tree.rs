//! Every rule over the real tree.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

use jackfield_tidy::{
    Finding, arrows,
    finding::report,
    lengths, links, paths, placeholders, plugins, quotes, sans_io, sleeps,
    tree::{self, File},
};

fn files() -> Vec<File> {
    let files = tree::files(tree::root()).unwrap();
    assert!(
        files.len() > 30,
        "only {} files were found below {}",
        files.len(),
        tree::root().display()
    );
    files
}

fn rust_files() -> Vec<File> {
    files().into_iter().filter(|file| file.is("rs")).collect()
}

#[track_caller]
fn none(findings: &[Finding]) {
    if let Some(report) = report(findings) {
        panic!("{report}");
    }
}

#[track_caller]
fn none_in(files: &[File], rule: impl Fn(&File) -> Vec<Finding>) {
    none(&files.iter().flat_map(rule).collect::<Vec<_>>());
}

#[test]
fn crates_depend_only_where_the_arrows_point() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(tree::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    none(&arrows::check(&serde_json::from_slice(&output.stdout).unwrap()).unwrap());
}

#[test]
fn files_and_functions_keep_their_length() {
    none_in(&rust_files(), lengths::check);
}

#[test]
fn nothing_unfinished_is_left_behind() {
    none_in(&files(), placeholders::check);
}

#[test]
fn no_test_sleeps() {
    none_in(&rust_files(), sleeps::check);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    none_in(&files(), paths::check);
}

#[test]
fn sans_io_crates_have_no_clock_socket_or_order_of_chance() {
    let sources: Vec<File> =
        files().into_iter().filter(|file| sans_io::applies_to(&file.path)).collect();
    assert!(!sources.is_empty());
    none_in(&sources, sans_io::check);
}

#[test]
fn every_link_leads_somewhere() {
    none(&links::check(&files()));
}

#[test]
fn every_plugin_has_its_manifest_and_its_readme() {
    none(&plugins::check(&files()));
}

#[test]
fn what_a_test_quotes_the_code_quotes_too() {
    let below = |folder: &str| {
        rust_files().into_iter().filter(|file| file.path.starts_with(folder)).collect::<Vec<_>>()
    };
    none(&quotes::check(&below("host/")));
}
