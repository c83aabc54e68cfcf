//! `jackfield plugin replay`.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, bail};
use plugin::Source;
use record::{Class, Failed, Repro};
use serde::Serialize;
use testkit::replay::{self, Again, Replayed, Reproduced};

use super::{args::ReplayArgs, project::Project};
use crate::{
    cli::{print, shadow::group_lines},
    http::view::Difference,
};

/// Asks again what made a plugin fail, or what was recorded of a running switch.
///
/// # Errors
///
/// When it cannot be asked, does not fail in the same way, or says something else that its manifest does not expect.
pub(in crate::cli) fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    match (&args.file, &args.calls) {
        (Some(file), None) => failure(file, args),
        (None, Some(calls)) => recorded(calls, args),
        (None, None) | (Some(_), Some(_)) => {
            bail!(
                "name a .repro file, or a file of recorded calls with --calls FILE --against PATH"
            )
        }
    }
}

fn source(path: Option<&Path>) -> anyhow::Result<Source> {
    Project::open(path)?.source()
}

fn failure(file: &Path, args: &ReplayArgs) -> anyhow::Result<()> {
    let repro = replay::repro(file)?;
    let source = source(args.plugin.as_deref())?;
    let mut config = toml::Table::new();
    if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("{} cannot be read", path.display()))?;
        config = text.parse().with_context(|| format!("{} is no TOML", path.display()))?;
    }
    let came = replay::reproduce(&repro, &source, &config)?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&FailureView::of(&repro, &came))?));
    } else {
        print(&told(&repro, &source, &came, &config));
    }
    if came.again.is_same() { Ok(()) } else { bail!("it does not fail here as it did there") }
}

fn told(repro: &Repro, source: &Source, came: &Reproduced, config: &toml::Table) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if let (Some(said), Some(failed)) = (repro.said(), repro.failure()) {
        let hook = repro.recorded.question.hook();
        let short: String = said.digest.chars().take(12).collect();
        let (plugin, serial) = (&said.plugin, said.serial);
        let _ = writeln!(text, "{plugin}#{serial}@{short} failed at {hook}: {}", line(failed));
        let call = &repro.recorded.question.call;
        let (caller, callee) = (&call.caller.uri, &call.callee.uri);
        let _ = writeln!(text, "  call {} from {caller} to {callee}", call.call_id);
    }
    for row in repro.backtrace.iter().flat_map(|trace| trace.lines()) {
        let _ = writeln!(text, "  {row}");
    }
    let code = if came.is_same_code { "the same code" } else { "other code" };
    let _ = writeln!(text, "asked again of {source}, {code}:");
    let _ = match &came.again {
        Again::Same => writeln!(text, "  it fails in the same way"),
        Again::OtherWords(now) => {
            writeln!(text, "  it fails in the same way, in other words: {}", line(now))
        }
        Again::Otherwise(now) => writeln!(text, "  it fails in another way: {}", line(now)),
        Again::Answered(what) => writeln!(text, "  it does not fail and says: {what}"),
        Again::Refused(why) => writeln!(text, "  it does not load: {why}"),
        Again::NotAsked => writeln!(text, "  it is not asked at this hook"),
    };
    let unknown = repro.hidden.iter().filter(|key| !config.contains_key(key.as_str()));
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    if !unknown.is_empty() {
        let keys = unknown.join(", ");
        let _ = writeln!(text, "  the file hides the settings {keys}; --config FILE gives them");
    }
    text
}

fn line(failed: &Failed) -> String {
    format!("{}: {}", failed.kind, failed.detail)
}

#[derive(Serialize)]
struct FailureView<'a> {
    outcome: &'static str,
    is_same_code: bool,
    then: Option<&'a Failed>,
    now: Option<&'a Failed>,
    says: Option<&'a str>,
}

impl<'a> FailureView<'a> {
    fn of(repro: &'a Repro, came: &'a Reproduced) -> Self {
        let (outcome, now, says) = match &came.again {
            Again::Same => ("same", repro.failure(), None),
            Again::OtherWords(now) => ("other-words", Some(now), None),
            Again::Otherwise(now) => ("otherwise", Some(now), None),
            Again::Answered(what) => ("answered", None, Some(what.as_str())),
            Again::Refused(why) => ("refused", None, Some(why.as_str())),
            Again::NotAsked => ("not-asked", None, None),
        };
        let is_same_code = came.is_same_code;
        Self { outcome, is_same_code, then: repro.failure(), now, says }
    }
}

fn recorded(calls: &Path, args: &ReplayArgs) -> anyhow::Result<()> {
    let against = args.against.as_deref().or(args.plugin.as_deref());
    let replayed = replay::calls(calls, &source(against)?, args.of.as_deref())?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&CallsView::of(&replayed))?));
    } else {
        print(&compared(&replayed));
    }
    match replayed.missing.as_slice() {
        [] => Ok(()),
        missing => bail!("{} is not good: {}", replayed.plugin, missing.join("; ")),
    }
}

fn compared(replayed: &Replayed) -> String {
    let Replayed { plugin, of, compared, classes, others, groups, .. } = replayed;
    let mut text = format!("{plugin}: {compared} answers beside those of {of}");
    for (class, count) in classes.iter().filter(|(_, count)| *count > 0) {
        let _ = write!(text, ", {class} {count}");
    }
    text.push('\n');
    if *others > 0 {
        let _ = writeln!(text, "  {others} lines are about other plugins");
    }
    groups.iter().for_each(|group| text.push_str(&group_lines(&Difference::from(group))));
    text
}

#[derive(Serialize)]
struct CallsView<'a> {
    plugin: &'a str,
    of: &'a str,
    compared: u64,
    others: u64,
    classes: std::collections::BTreeMap<Class, u64>,
    groups: Vec<Difference>,
    missing: &'a [String],
}

impl<'a> CallsView<'a> {
    fn of(replayed: &'a Replayed) -> Self {
        Self {
            plugin: &replayed.plugin,
            of: &replayed.of,
            compared: replayed.compared,
            others: replayed.others,
            classes: replayed.classes.iter().copied().collect(),
            groups: replayed.groups.iter().map(Difference::from).collect(),
            missing: &replayed.missing,
        }
    }
}
