//! `jackfield plugin reload`, `promote` and `rollback`.

use std::path::Path;

use anyhow::bail;

use super::{
    args::{ApiArgs, PromoteArgs, QuarantineArgs, ReloadArgs},
    client::Client,
    list::{escaped, print_json},
    print, shadow,
};
use crate::http::view;

/// Statuses of a reload's answer: done, and refused.
pub(super) const RELOADED: [u16; 2] = [200, 422];

pub(super) fn reload(args: &ReloadArgs) -> anyhow::Result<()> {
    let id = args.id.iter().map(|id| format!("id={}", escaped(id)));
    let canary = args.canary.iter().map(|share| format!("canary={}", escaped(&share.to_string())));
    let at_once = args.at_once.then(|| "at_once=true".to_owned());
    let query: Vec<String> = id.chain(canary).chain(at_once).collect();
    let path = format!("/api/plugins/reload?{}", query.join("&"));
    let reports: Vec<view::Reload> = Client::new(&args.api)?.post(&path, &RELOADED)?;
    if args.api.json {
        print_json(&reports)?;
    } else {
        print(&reports.iter().map(report_line).collect::<String>());
    }
    match reports.iter().filter(|report| report.refused.is_some()).count() {
        0 => Ok(()),
        refused => bail!("{refused} refused; what served before serves on"),
    }
}

fn report_line(report: &view::Reload) -> String {
    let serving = report.serving.as_deref().unwrap_or("nothing");
    let line = format!("{}: {} in {:.1} ms", report.plugin, report.outcome, report.took_ms);
    match &report.refused {
        Some(refused) => format!("{line}; {serving} serves on\n  {}\n", refused.text),
        None => format!("{line}; {serving} serves\n"),
    }
}

pub(super) fn promote(args: &PromoteArgs) -> anyhow::Result<()> {
    let mut path = format!("/api/plugins/promote?id={}", escaped(&args.id));
    if args.anyway {
        let by = args.by.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_default();
        let why = args.why.as_deref().unwrap_or_default();
        path.push_str(&format!("&anyway=true&by={}&why={}", escaped(&by), escaped(why)));
    }
    let promoted: view::Promotion = Client::new(&args.api)?.post(&path, &[200])?;
    if args.api.json {
        return print_json(&promoted);
    }
    let mut text = match promoted.per_mille {
        None => format!("{} serves all new calls\n", promoted.serving),
        Some(share) => {
            let share = f64::from(share) / 10.0;
            let id = &args.id;
            format!(
                "{} is on trial for {share} % of calls; `plugin promote {id}` again has it serve all\n",
                promoted.serving
            )
        }
    };
    if promoted.lost_writes > 0 {
        text.push_str(&format!("{} writes to what it keeps are lost\n", promoted.lost_writes));
    }
    if !promoted.missing.is_empty() {
        text.push_str(&format!("although {}\n", promoted.missing.join("; ")));
    }
    if let Some(path) = &promoted.moved_to {
        text.push_str(&format!(
            "it is read from {path} from now on; a restart has it when plugins.load names that path\n"
        ));
        let path = Path::new(path);
        if path.extension().is_some() && path.file_stem().is_none_or(|stem| *stem != *args.id) {
            let id = &args.id;
            text.push_str(&format!(
                "a file alone is called by its name then: call it {id}, or put it into a folder with a plugin.toml that says id = \"{id}\"\n"
            ));
        }
    }
    print(&text);
    Ok(())
}

pub(super) fn roll_back(args: &ApiArgs, id: &str) -> anyhow::Result<()> {
    let path = format!("/api/plugins/rollback?id={}", escaped(id));
    let back: view::RolledBack = Client::new(args)?.post(&path, &[200])?;
    if args.json {
        return print_json(&back);
    }
    print(&format!("{} is out of service; {} serves\n", back.generation, back.serving));
    if back.lost_writes > 0 {
        print(&format!("{} writes to what it kept are lost\n", back.lost_writes));
    }
    Ok(())
}

pub(super) fn quarantine(args: &QuarantineArgs) -> anyhow::Result<()> {
    let id = format!("id={}", escaped(&args.id));
    let hook = args.hook.iter().map(|hook| format!("hook={}", hook.name()));
    let key = args
        .key
        .iter()
        .map(|key| format!("key={}", escaped(&key.to_string().replacen(' ', "=", 1))));
    let query: Vec<String> = std::iter::once(id).chain(hook).chain(key).collect();
    let query = query.join("&");
    let about = args.key.as_ref().map(|key| format!(" for {key}")).unwrap_or_default();
    let client = Client::new(&args.api)?;
    if args.release {
        let released: view::Released =
            client.post(&format!("/api/plugins/release?{query}"), &[200])?;
        if args.api.json {
            return print_json(&released);
        }
        print(&match released.ended {
            0 => format!("{}{about} was not in quarantine\n", args.id),
            _ => format!("{}{about} is asked again\n", args.id),
        });
        return Ok(());
    }
    let path = format!("/api/plugins/quarantine?{query}&for_s={}", args.rest.as_secs());
    let kept: view::Quarantined = client.post(&path, &[200])?;
    if args.api.json {
        return print_json(&kept);
    }
    let hooks = kept.hooks.join(", ");
    print(&format!("{}: not asked for {} s: {hooks}{about}\n", args.id, kept.for_s));
    Ok(())
}

/// What is on trial, quarantined or was rolled back, below the list of plugins.
pub(super) fn notes(plugin: &view::Plugin) -> String {
    let mut text = String::new();
    if let Some(trial) = &plugin.trial {
        text.push_str(&trial_lines(trial));
    }
    if let Some(shadow) = &plugin.shadow {
        text.push_str(&format!("\ncompared: {}\n", shadow::line(shadow)));
    }
    if !plugin.quarantined.is_empty() {
        let what = plugin.quarantined.join(", ");
        text.push_str(&format!("\n{}: not asked for a while: {what}\n", plugin.id));
    }
    if let Some(back) = &plugin.rolled_back {
        let view::RolledBack { generation, why, serving, ago_s, touched, lost_writes } = back;
        text.push_str(&format!("\nrolled back {ago_s} s ago: {generation}: {why}"));
        if *touched > 0 {
            text.push_str(&format!("; it was asked about {touched} calls"));
        }
        if *lost_writes > 0 {
            text.push_str(&format!("; {lost_writes} writes to what it kept are lost"));
        }
        text.push_str(&format!("; {serving} serves\n"));
    }
    if let Some(refused) = &plugin.refused {
        text.push_str(&format!("\nnewer, and refused: {}\n", refused.text));
    }
    text
}

fn trial_lines(trial: &view::Trial) -> String {
    let share = f64::from(trial.per_mille) / 10.0;
    let head = format!(
        "\non trial: {} for {share} % of calls, since {} s\n",
        trial.generation, trial.lasts_s
    );
    let arm = |arm: &view::Arm| {
        let view::Arm { asked, refused, failed, p99_us } = arm;
        format!("asked {asked}, refused {refused}, failed {failed}, p99 {p99_us:.0} us")
    };
    let line = |hook: &view::Comparison| {
        let (new, old) = (arm(&hook.candidate), arm(&hook.serving));
        format!(
            "  {}: {new}\n  {:width$}  the serving version: {old}\n",
            hook.hook,
            "",
            width = hook.hook.len()
        )
    };
    std::iter::once(head).chain(trial.hooks.iter().map(line)).collect()
}
