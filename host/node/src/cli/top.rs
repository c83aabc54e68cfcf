//! `jackfield plugin top`.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, stdout},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{args::TopArgs, client::Client, list::print_json, print, table::table};
use crate::http::view;

const PATH: &str = "/api/plugins/generations";
/// Clears the screen and goes to its first line (ECMA-48).
const CLEAR: &str = "\x1b[2J\x1b[H";

/// A version of a plugin at a hook, in the time since the look before.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    generation: String,
    hook: String,
    state: String,
    per_mille: u16,
    /// Questions a second.
    per_second: f64,
    refused: u64,
    failed: u64,
    /// `None` where nothing was asked.
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    instances: usize,
    memory_bytes: usize,
    /// What it is not asked about, and for how many seconds yet.
    quarantined: Vec<(String, u64)>,
}

/// Shows what the plugins of the running switch do.
///
/// # Errors
///
/// When the switch does not answer.
pub(super) fn top(args: &TopArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.api)?;
    let mut before: Vec<view::Generation> = client.get(PATH)?;
    let mut looked = Instant::now();
    loop {
        // polls: what the switch counts
        thread::sleep(args.every);
        let now: Vec<view::Generation> = client.get(PATH)?;
        let rows = rows(&before, &now, looked.elapsed());
        looked = Instant::now();
        if args.api.json {
            print_json(&rows)?;
        } else {
            let clear = if stdout().is_terminal() && !args.once { CLEAR } else { "" };
            print(&format!("{clear}{}", shown(&rows)));
        }
        if args.once {
            return Ok(());
        }
        before = now;
    }
}

/// What was done between two looks.
fn rows(before: &[view::Generation], now: &[view::Generation], between: Duration) -> Vec<Row> {
    let tallies = |one: &view::Generation| {
        let named = |tally: &view::Tally| (one.generation.clone(), tally.hook.clone());
        one.hooks.iter().map(|tally| (named(tally), tally.clone())).collect::<Vec<_>>()
    };
    let before: BTreeMap<_, _> = before.iter().flat_map(tallies).collect();
    let row = |one: &view::Generation, tally: &view::Tally| {
        let old = before.get(&(one.generation.clone(), tally.hook.clone()));
        let since =
            |now: u64, field: fn(&view::Tally) -> u64| now.saturating_sub(old.map_or(0, field));
        let times = between_looks(old.map_or(&[], |old| &old.times_ns), &tally.times_ns);
        Row {
            generation: one.generation.clone(),
            hook: tally.hook.clone(),
            state: one.state.clone(),
            per_mille: one.per_mille,
            per_second: since(tally.asked, |t| t.asked) as f64 / between.as_secs_f64().max(1e-3),
            refused: since(tally.refused, |t| t.refused),
            failed: since(tally.failed, |t| t.failed),
            p50_us: quantile(&times, 50),
            p99_us: quantile(&times, 99),
            instances: one.instances,
            memory_bytes: one.memory_bytes,
            quarantined: tally.quarantined.clone(),
        }
    };
    now.iter()
        .flat_map(|one| one.hooks.iter().map(move |tally| (one, tally)))
        .map(|(one, tally)| row(one, tally))
        .collect()
}

/// The times that were counted since, as pairs like theirs.
fn between_looks(before: &[(u64, u64)], now: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let before: BTreeMap<u64, u64> = before.iter().copied().collect();
    let left = now
        .iter()
        .map(|(end, count)| (*end, count.saturating_sub(before.get(end).copied().unwrap_or(0))));
    left.filter(|(_, count)| *count > 0).collect()
}

/// What so many of a hundred do not exceed, in microseconds.
fn quantile(times: &[(u64, u64)], of_hundred: u64) -> Option<f64> {
    let total: u64 = times.iter().map(|(_, count)| count).sum();
    let wanted = (total * of_hundred).div_ceil(100).max(1);
    let mut seen = 0;
    let found = times.iter().find(|(_, count)| {
        seen += count;
        seen >= wanted
    });
    found.map(|(end, _)| *end as f64 / 1000.0)
}

fn shown(rows: &[Row]) -> String {
    let headings = [
        "GENERATION",
        "HOOK",
        "STATE",
        "ASKED/S",
        "REFUSED",
        "FAILED",
        "P50 US",
        "P99 US",
        "INSTANCES",
        "MEMORY",
        "NOT ASKED ABOUT",
    ];
    let cells = |row: &Row| {
        let state = match row.per_mille {
            0 | 1000 => row.state.clone(),
            share => format!("{} {} %", row.state, f64::from(share) / 10.0),
        };
        let us = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |us| format!("{us:.1}"));
        let rests = row.quarantined.iter().map(|(what, left)| format!("{what} for {left} s"));
        vec![
            row.generation.clone(),
            row.hook.clone(),
            state,
            format!("{:.1}", row.per_second),
            row.refused.to_string(),
            row.failed.to_string(),
            us(row.p50_us),
            us(row.p99_us),
            row.instances.to_string(),
            format!("{} KiB", row.memory_bytes / 1024),
            rests.collect::<Vec<_>>().join(", "),
        ]
    };
    table(&headings, &rows.iter().map(cells).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(asked: u64, times_ns: &[(u64, u64)]) -> view::Generation {
        let tally = view::Tally {
            hook: "route".to_owned(),
            asked,
            decided: asked,
            refused: asked / 10,
            passed: 0,
            failed: 1,
            p50_us: None,
            p99_us: None,
            times_ns: times_ns.to_vec(),
            quarantined: vec![("trunk sour".to_owned(), 77)],
        };
        view::Generation {
            plugin: "desk".to_owned(),
            kind: "wasm".to_owned(),
            generation: "desk#2@b07714de".to_owned(),
            state: "on-trial".to_owned(),
            per_mille: 50,
            instances: 2,
            memory_bytes: 2 << 20,
            lines_dropped: 0,
            hooks: vec![tally],
        }
    }

    #[test]
    fn a_line_is_of_what_was_done_between_two_looks() {
        let before = [generation(100, &[(1024, 90), (8192, 10)])];
        let now = [generation(300, &[(1024, 90), (2048, 198), (8192, 12)])];
        let rows = rows(&before, &now, Duration::from_secs(2));
        assert_eq!((rows[0].per_second, rows[0].refused, rows[0].failed), (100.0, 20, 0));
        assert_eq!((rows[0].p50_us, rows[0].p99_us), (Some(2.048), Some(2.048)));
        assert_eq!(
            shown(&rows).lines().nth(1).unwrap_or_default(),
            "desk#2@b07714de  route  on-trial 5 %  100.0    20       0       2.0     2.0     2          2048 KiB  trunk sour for 77 s"
        );
    }

    #[test]
    fn a_version_that_is_new_has_no_look_before() {
        let rows = rows(&[], &[generation(0, &[])], Duration::from_secs(1));
        assert_eq!((rows[0].per_second, rows[0].p50_us), (0.0, None));
    }
}
