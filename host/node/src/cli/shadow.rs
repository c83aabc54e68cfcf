//! `jackfield plugin shadow`, `diff`, `approve` and `record`.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{BufRead as _, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::{Context as _, bail};

use super::{
    args::{ApiArgs, ApproveArgs, RecordArgs, ShadowArgs},
    client::Client,
    list::{escaped, print_json},
    print,
};
use crate::http::view;

pub(super) fn shadow(args: &ShadowArgs) -> anyhow::Result<()> {
    let mut path = format!("/api/plugins/shadow?id={}", escaped(&args.id));
    if let Some(from) = &args.from {
        let from = std::path::absolute(from)?;
        let from = from.to_str().context("the path is not UTF-8")?.to_owned();
        let _ = write!(path, "&from={}", escaped(&from));
    }
    if let Some(until) = &args.until {
        let _ = write!(path, "&patience={}", escaped(until));
    }
    let shadow: view::Shadow = Client::new(&args.api)?.post(&path, &[200])?;
    if args.api.json {
        return print_json(&shadow);
    }
    let view::Shadow { generation, source, against, .. } = &shadow;
    let id = &args.id;
    print(&format!(
        "{generation} of {source} is asked what {against} is asked, and decides nothing\n\
         `jackfield plugin diff {id}` shows what it does otherwise, `plugin promote {id}` has it serve\n"
    ));
    Ok(())
}

pub(super) fn diff(args: &ApiArgs, id: &str) -> anyhow::Result<()> {
    let path = format!("/api/plugins/diff?id={}", escaped(id));
    let differences: view::Differences = Client::new(args)?.get(&path)?;
    if args.json {
        return print_json(&differences);
    }
    print(&told(&differences));
    Ok(())
}

pub(super) fn approve(args: &ApproveArgs) -> anyhow::Result<()> {
    let by = match &args.by {
        Some(by) => by.clone(),
        None => std::env::var("USER").unwrap_or_default(),
    };
    let groups: String =
        args.groups.iter().map(|group| format!("&group={}", escaped(group))).collect();
    let (id, by, why) = (escaped(&args.id), escaped(&by), escaped(&args.why));
    let path = format!("/api/plugins/approve?id={id}{groups}&by={by}&why={why}");
    let differences: view::Differences = Client::new(&args.api)?.post(&path, &[200])?;
    if args.api.json {
        return print_json(&differences);
    }
    print(&told(&differences));
    Ok(())
}

/// How far a comparison is, as a line.
pub(super) fn line(shadow: &view::Shadow) -> String {
    let view::Shadow { generation, against, compared, lasts_s, dropped, .. } = shadow;
    let mut text = format!("{generation} beside {against}: {compared} questions in {lasts_s} s");
    for (class, count) in shadow.classes.iter().filter(|(_, count)| **count > 0) {
        let _ = write!(text, ", {class} {count}");
    }
    if *dropped > 0 {
        let _ = write!(text, "; {dropped} were left out");
    }
    text
}

fn told(differences: &view::Differences) -> String {
    let view::Differences { shadow, groups, beyond } = differences;
    let mut text = line(shadow);
    let (new, old) = (shadow.candidate_p99_us, shadow.serving_p99_us);
    let _ = writeln!(text, "\np99 {new:.0} us, of the serving version {old:.0} us\n");
    groups.iter().for_each(|group| text.push_str(&group_lines(group)));
    if *beyond > 0 {
        let _ =
            writeln!(text, "{beyond} more differences found no room (plugins.shadow_groups_max)");
    }
    if shadow.missing.is_empty() {
        text.push_str("it may serve: `plugin promote`\n");
    } else {
        let _ = writeln!(text, "it may not serve yet: {}", shadow.missing.join("; "));
    }
    text
}

/// A group of differences with its calls.
pub(super) fn group_lines(group: &view::Difference) -> String {
    let view::Difference { id, class, hook, tenant, prefix, change, count, .. } = group;
    let trunk = group.trunk.as_ref().map_or_else(String::new, |trunk| format!(" over {trunk}"));
    let mut text =
        format!("{id}  {class}: {count} at {hook}{trunk} to {prefix}… of {tenant}: {change}\n");
    if let Some(why) = &group.expected {
        let _ = writeln!(text, "          expected: {why}");
    }
    if let Some(approval) = &group.approved {
        let _ = writeln!(text, "          approved by {}: {}", approval.by, approval.why);
    }
    for view::Example { call_id, callee, before, after, .. } in &group.examples {
        let _ = writeln!(text, "          {call_id} to {callee}: {before} -> {after}");
    }
    text
}

pub(super) fn record(args: &RecordArgs) -> anyhow::Result<()> {
    let mut path = format!("/api/plugins/record?calls={}", args.calls);
    if let Some(hook) = &args.hook {
        let _ = write!(path, "&hook={}", hook.name());
    }
    if let Some(plugin) = &args.plugin {
        let _ = write!(path, "&plugin={}", escaped(plugin));
    }
    let lines = Client::new(&args.api)?.lines(&path)?.lines();
    let named = || args.to.display().to_string();
    // It has who called whom: only its owner reads it.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(&args.to).with_context(|| format!("{} cannot be written", named()))?;
    let mut file = BufWriter::new(file);
    let mut written = 0_u64;
    for line in lines {
        let Ok(line) = line else { break };
        writeln!(file, "{line}").with_context(|| format!("{} cannot be written", named()))?;
        written += 1;
    }
    file.flush().with_context(|| format!("{} cannot be written", named()))?;
    if args.api.json {
        print_json(&serde_json::json!({ "recorded": written, "file": named() }))?;
    } else {
        print(&format!("{written} questions in {}\n", named()));
    }
    if written < args.calls {
        bail!("the switch ended the recording after {written} of {} questions", args.calls);
    }
    Ok(())
}
