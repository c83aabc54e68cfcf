//! `jackfield plugin test`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use testkit::{Report, Suite};

use super::{args::TestArgs, project::Project};
use crate::cli::print;

/// Asks a plugin what its scenario files say.
///
/// # Errors
///
/// When it cannot be asked, or a case comes out otherwise.
pub(in crate::cli) fn test(args: &TestArgs) -> anyhow::Result<()> {
    let (plugin, scenarios) = named(args);
    let project = Project::open(plugin)?;
    let source = project.source()?;
    let scenarios = if scenarios.is_empty() { project.some_scenarios()? } else { scenarios };
    let report = Suite::load(&source, &scenarios)?.run(args.seed.unwrap_or_else(any_seed));
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?));
    } else {
        print(&told(&report));
        if let Some(warning) = project.warning() {
            print(&warning);
        }
    }
    match report.failed() {
        0 => Ok(()),
        failed => bail!(
            "{failed} of {} cases came out otherwise; --seed {} asks in the same order again",
            report.cases.len(),
            report.seed
        ),
    }
}

/// The plugin and the scenario files. A scenario file alone is one of the plugin in the current folder.
fn named(args: &TestArgs) -> (Option<&Path>, Vec<PathBuf>) {
    let mut scenarios = args.scenarios.clone();
    match args.plugin.plugin.as_deref() {
        Some(file) if file.is_file() && file.extension().is_some_and(|ending| ending == "toml") => {
            scenarios.insert(0, file.to_owned());
            (None, scenarios)
        }
        plugin => (plugin, scenarios),
    }
}

/// Another one each time, short enough to be typed.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) % 1_000_000
}

fn told(report: &Report) -> String {
    let mut text = String::new();
    let mut file = "";
    // Writing to a String cannot fail.
    for case in &report.cases {
        if case.file != file {
            file = &case.file;
            let _ = writeln!(text, "{file}");
        }
        let verdict = if case.is_ok() { "ok" } else { "FAILED" };
        let _ = writeln!(text, "  {verdict:<8}{}", case.name);
        for problem in &case.problems {
            let _ =
                writeln!(text, "          {file}:{}: expected {}", problem.line, problem.expected);
            let _ = writeln!(text, "          came {}", problem.came);
        }
    }
    let (plugin, failed) = (&report.plugin, report.failed());
    let ok = report.cases.len() - failed;
    let version =
        if plugin.version.is_empty() { String::new() } else { format!(" {}", plugin.version) };
    let _ =
        writeln!(text, "{}{version}: {ok} ok, {failed} FAILED (seed {})", plugin.id, report.seed);
    text
}
