//! The manual's page of each hook shows what is compiled and tested.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path};

use model::hook::{FieldOwner, Hook};
use plugin::Source;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_page_of_each_hook_has_its_code_and_its_cases() {
    for hook in Hook::ALL {
        let page = read(&format!("docs/plugins/{hook}.md"));
        for (file, language) in
            [("plugin.rhai", "rhai"), ("plugin.rs", "rust"), ("cases.toml", "toml")]
        {
            let block =
                format!("```{language}\n{}```\n", read(&format!("sdk/hooks/{hook}/{file}")));
            assert!(
                page.contains(&block),
                "docs/plugins/{hook}.md does not show sdk/hooks/{hook}/{file}"
            );
        }
    }
}

#[test]
fn the_page_of_header_policy_lists_every_field_that_is_not_for_plugins_and_no_other() {
    let page = read("docs/plugins/header-policy.md");
    let (_, section) = page.split_once("\n## What it cannot edit\n").unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("| fields ")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let names = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(','));
    let mut listed: Vec<String> = names.map(|name| name.trim().replace('`', "")).collect();
    let mut owned: Vec<&str> = model::hook::owned_fields().map(|(name, _)| name).collect();
    listed.sort_unstable();
    owned.sort_unstable();
    assert_eq!(listed, owned);
}

#[test]
fn the_decision_on_header_policy_counts_the_fields_that_are_not_for_plugins() {
    let is_switch = |owner: &FieldOwner| matches!(owner, FieldOwner::Switch(_));
    let (switch, authors): (Vec<_>, Vec<_>) =
        model::hook::owned_fields().map(|(_, owner)| owner).partition(is_switch);
    let counted = format!(
        "{} fields are the switch's, {} more can only be left out",
        switch.len(),
        authors.len()
    );
    let page = read("docs/decisions/0021-header-policy.md");
    assert!(page.contains(&counted), "docs/decisions/0021-header-policy.md lacks `{counted}`");
}

#[test]
fn the_script_of_the_page_of_what_a_plugin_keeps_does_what_it_says() {
    let page = read("docs/plugins/state.md");
    let block = |language: &str, nth: usize| {
        let start = format!("```{language}\n");
        let mut blocks = page.split(&start).skip(1).filter_map(|rest| rest.split("```").next());
        blocks.nth(nth).unwrap_or_else(|| panic!("no block {nth} of {language}")).to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plugin.toml"), block("toml", 0)).unwrap();
    fs::write(folder.path().join("once.rhai"), block("rhai", 0)).unwrap();
    let cases = folder.path().join("cases.toml");
    fs::write(&cases, block("toml", 1)).unwrap();
    let ran = jackfield_testkit::run(Source::Path(folder.path().to_owned()), &cases);
    assert_eq!(ran.unwrap_or_else(|error| panic!("{error}")), 2);
}

/// The components of the same cases are built by the program's own tests, outside of this tree.
#[test]
fn the_script_of_each_hook_decides_as_its_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks");
    for hook in Hook::ALL {
        let folder = folder.join(hook.name());
        let script = Source::Path(folder.join("plugin.rhai"));
        let cases = jackfield_testkit::run(script, &folder.join("cases.toml"));
        let cases = cases.unwrap_or_else(|error| panic!("{hook}: {error}"));
        assert!(cases >= 2, "{hook} has {cases} cases");
    }
}

#[test]
fn the_examples_of_the_page_of_scenario_files_come_out_as_they_say() {
    let page = read("docs/plugins/scenarios.md");
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let hooks = [Hook::Route, Hook::CallEvent];
    assert_eq!(blocks.len(), hooks.len());
    let folder = tempfile::tempdir().unwrap();
    for (block, hook) in blocks.into_iter().zip(hooks) {
        let file = folder.path().join("page.toml");
        fs::write(&file, block).unwrap();
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../hooks/{hook}/plugin.rhai"));
        let cases = jackfield_testkit::run(Source::Path(script), &file);
        assert_eq!(cases.unwrap_or_else(|error| panic!("{hook}: {error}")), 1);
    }
}
