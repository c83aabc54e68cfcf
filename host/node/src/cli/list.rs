//! `jackfield calls`, `registrations`, `trunks`, `hangup` and `plugin`.

use anyhow::bail;
use serde::Serialize;

use super::{
    args::ApiArgs,
    client::Client,
    print,
    table::table,
    versions::{self, RELOADED},
};
use crate::http::view;

/// Elements of a list that are asked for, the most that are given: a filter looks at all of them.
pub(super) const LIMIT: usize = 100_000;
/// Status of a hang-up's answer.
const ACCEPTED: [u16; 1] = [202];

pub(super) fn calls(args: &ApiArgs, filter: Option<&str>) -> anyhow::Result<()> {
    let mut calls: Vec<view::Call> =
        Client::new(args)?.get(&format!("/api/calls?limit={LIMIT}"))?;
    let row = |call: &view::Call| {
        vec![
            call.conn.clone(),
            call.phase.clone(),
            seconds(call.established_s.unwrap_or(call.age_s)),
            call.caller.clone(),
            call.callee.clone(),
            call.legs.iter().skip(1).map(target).collect::<Vec<_>>().join(" "),
            call.routed_by.clone().unwrap_or_else(|| "built-in".to_owned()),
        ]
    };
    calls.retain(|call| has(&row(call), filter));
    if args.json {
        return print_json(&calls);
    }
    let headings = ["CONN", "PHASE", "FOR", "CALLER", "CALLEE", "TARGET", "ROUTED BY"];
    print(&table(&headings, &calls.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

/// A leg, with the trunk it goes over.
fn target(leg: &view::Leg) -> String {
    match &leg.trunk {
        Some(trunk) => format!("{} ({trunk})", leg.uri),
        None => leg.uri.clone(),
    }
}

pub(super) fn registrations(args: &ApiArgs, filter: Option<&str>) -> anyhow::Result<()> {
    let mut all: Vec<view::Registration> =
        Client::new(args)?.get(&format!("/api/registrations?limit={LIMIT}"))?;
    let row = |aor: &str, contact: &view::Contact| {
        vec![
            aor.to_owned(),
            contact.uri.clone(),
            contact.peer.clone(),
            format!("{:.3}", contact.q),
            seconds(contact.expires_s as f64),
            contact.user_agent.clone(),
        ]
    };
    for registration in &mut all {
        let aor = &registration.aor;
        registration.contacts.retain(|contact| has(&row(aor, contact), filter));
    }
    all.retain(|registration| !registration.contacts.is_empty());
    if args.json {
        return print_json(&all);
    }
    let rows: Vec<Vec<String>> =
        all.iter().flat_map(|of| of.contacts.iter().map(|contact| row(&of.aor, contact))).collect();
    print(&table(&["ADDRESS", "CONTACT", "FROM", "Q", "EXPIRES", "PHONE"], &rows));
    Ok(())
}

pub(super) fn trunks(args: &ApiArgs, filter: Option<&str>) -> anyhow::Result<()> {
    let mut trunks: Vec<view::Trunk> = Client::new(args)?.get("/api/trunks")?;
    trunks.retain(|trunk| has(&trunk_row(trunk), filter));
    if args.json {
        return print_json(&trunks);
    }
    let headings = ["TRUNK", "GROUP", "REGISTRATION", "REACH", "CALLS", "URI", "LAST FAILURE"];
    print(&table(&headings, &trunks.iter().map(trunk_row).collect::<Vec<_>>()));
    Ok(())
}

fn trunk_row(trunk: &view::Trunk) -> Vec<String> {
    let short = |time: u64| seconds(time as f64);
    let registration = match (trunk.expires_s, trunk.retry_s) {
        (Some(left), _) => format!("{}, {} left", trunk.registration, short(left)),
        (None, Some(wait)) => format!("{}, again in {}", trunk.registration, short(wait)),
        (None, None) => trunk.registration.clone(),
    };
    let since = trunk.since_s.map(|since| format!(" for {}", short(since))).unwrap_or_default();
    let of = trunk.capacity.map(|capacity| format!("/{capacity}")).unwrap_or_default();
    let failure = trunk.failure.as_ref();
    vec![
        trunk.name.clone(),
        trunk.group.clone().unwrap_or_default(),
        registration,
        format!("{}{since}", trunk.reach),
        format!("{}{of}", trunk.calls),
        trunk.uri.clone(),
        failure.map(|it| format!("{} ago: {}", short(it.ago_s), it.what)).unwrap_or_default(),
    ]
}

/// Whether a line of a list has the text in it, any case.
fn has(row: &[String], filter: Option<&str>) -> bool {
    filter.is_none_or(|filter| {
        let filter = filter.to_lowercase();
        row.iter().any(|cell| cell.to_lowercase().contains(&filter))
    })
}

pub(super) fn hang_up(args: &ApiArgs, conn: &str) -> anyhow::Result<()> {
    let path = format!("/api/calls/{}/hangup", escaped(conn));
    Client::new(args)?.order(&path, &ACCEPTED)?;
    print(&format!("{conn} is being ended\n"));
    Ok(())
}

pub(super) fn plugins(args: &ApiArgs) -> anyhow::Result<()> {
    let plugins: Vec<view::Plugin> = Client::new(args)?.get("/api/plugins")?;
    if args.json {
        return print_json(&plugins);
    }
    let row = |plugin: &view::Plugin| {
        let sum = |count: fn(&view::HookFigures) -> u64| {
            plugin.hooks.iter().map(count).sum::<u64>().to_string()
        };
        let hooks: Vec<&str> = plugin.hooks.iter().map(|hook| hook.hook.as_str()).collect();
        vec![
            plugin.generation.clone(),
            plugin.kind.clone(),
            hooks.join(" "),
            sum(|hook| hook.asked),
            sum(|hook| hook.decided),
            sum(|hook| hook.failed),
            plugin.source.clone(),
        ]
    };
    let headings = ["GENERATION", "KIND", "HOOKS", "ASKED", "DECIDED", "FAILED", "SOURCE"];
    let mut text = table(&headings, &plugins.iter().map(row).collect::<Vec<_>>());
    text.extend(plugins.iter().map(versions::notes));
    print(&text);
    Ok(())
}

pub(super) fn reconfigure(args: &ApiArgs) -> anyhow::Result<()> {
    let report: view::Reconfiguration = Client::new(args)?.post("/api/reload", &RELOADED)?;
    if args.json {
        print_json(&report)?;
    } else {
        print(&report.changes.iter().map(change_line).collect::<String>());
        print(&report.problems.iter().map(|p| format!("{}\n", p.text)).collect::<String>());
    }
    match (report.outcome.as_str(), report.changes.iter().filter(|change| !change.live).count()) {
        ("refused", _) => bail!("refused; the former configuration serves on"),
        _ if args.json => {}
        ("unchanged", _) => print("nothing has changed\n"),
        (_, 0) => print("taken\n"),
        (_, count) => print(&format!("taken, but for {count} that need a restart\n")),
    }
    Ok(())
}

/// `changed  sip.ring_timeout_s  60 -> 30`
fn change_line(change: &view::Change) -> String {
    let how = if change.live { "changed" } else { "restart" };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
    format!("{how}  {}  {} -> {}\n", change.key, text(&change.from), text(&change.to))
}

pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// `75s`, `12m05s`, `3h00m`.
fn seconds(seconds: f64) -> String {
    // Durations of calls and registrations are far below the limit of the conversion.
    let seconds = seconds as u64;
    match seconds {
        0..100 => format!("{seconds}s"),
        100..6000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Percent-encodes what is not unreserved (RFC 3986 section 2.3).
pub(super) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!([5.9, 125.0, 10_800.0].map(seconds), ["5s", "2m05s", "3h00m"]);
    }

    #[test]
    fn a_filter_is_looked_for_in_every_cell() {
        let row = ["sip:2000@example.com".to_owned(), "Snom".to_owned()];
        let hits = [None, Some("2000"), Some("snom"), Some("2001")].map(|filter| has(&row, filter));
        assert_eq!(hits, [true, true, true, false]);
    }

    #[test]
    fn a_trunk_is_a_line() {
        let trunk = view::Trunk {
            name: "carrier".to_owned(),
            group: None,
            uri: "sip:sip.carrier.example".to_owned(),
            registration: "failed".to_owned(),
            expires_s: None,
            retry_s: Some(120),
            reach: "down".to_owned(),
            since_s: Some(5),
            calls: 2,
            capacity: Some(30),
            service_route: None,
            failure: Some(view::TrunkFailure { ago_s: 3, what: "no answer".to_owned() }),
        };
        assert_eq!(
            trunk_row(&trunk),
            [
                "carrier",
                "",
                "failed, again in 2m00s",
                "down for 5s",
                "2/30",
                "sip:sip.carrier.example",
                "3s ago: no answer"
            ]
        );
    }

    #[test]
    fn an_id_is_escaped_for_the_address() {
        assert_eq!(escaped("a b/ü"), "a%20b%2F%C3%BC");
    }
}
