#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Writes `docs/http-api.md` from the doc comments of what the API gives, and from the metrics' declarations.
//!
//! `JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-node http_manual` rewrites the file.

use std::{fmt::Write as _, path::Path};

use super::metrics;

const INTRODUCTION: &str = "# HTTP API\n\n\
    <!-- Written by a test of host/node/src/http/manual.rs from the doc comments beside it; do not edit. -->\n\n\
    The running switch answers on `http.bind` (`127.0.0.1:8080` by default) in JSON. With `http.token` set, every request carries \
    `Authorization: Bearer TOKEN`; without it, only requests of programs on this machine are answered: a request with an `Origin` \
    header, or with a host name other than `localhost`, is refused with 403. A request that is not granted is answered with \
    `{\"error\": \"…\"}`.\n\n\
    | request | answer |\n|---|---|\n\
    | `GET /status` | [the node](#status) |\n\
    | `GET /metrics` | [the counters](#metrics), for Prometheus |\n\
    | `GET /api/calls?limit=N` | an array of [calls](#call), oldest first |\n\
    | `POST /api/calls/CONN/hangup` | 202 when the call is being ended, 404 when there is none |\n\
    | `GET /api/registrations?limit=N` | an array of [registrations](#registration) |\n\
    | `GET /api/messages?limit=N` | an array of [messages](#messages), sorted by user |\n\
    | `POST /api/messages/USER@DOMAIN?new=N&old=N&urgent_new=N&urgent_old=N` | 204: so many voice messages wait for the user, and its \
    phones are told (RFC 3842); what is left out is 0; 404 for a user that is none of ours |\n\
    | `GET /api/trunks` | an array of [trunks](#trunk), in the order of the configuration |\n\
    | `GET /api/modules` | an array of T-Library [modules](#module) with what each counts and its CPU time; empty where there is no `[[dn]]` |\n\
    | `GET /api/monitor` | what the System Monitor of a SIP Server shows, [module by module](#monitor) |\n\
    | `GET /api/plugins` | an array of [plugins](#plugin), in the order they are asked |\n\
    | `POST /api/plugins/reload?id=ID&canary=SHARE&at_once=true` | an array of [reloads](#reload), of one plugin or, without `id`, of all; \
    `canary` (`5%25`) tries what has changed for so many of the calls, `at_once` puts it into service whatever its manifest says; status 422 when \
    one was refused, 404 when there is no such plugin |\n\
    | `GET /api/plugins/state?id=ID&prefix=TEXT&after=KEY&limit=NUMBER` | what a plugin [keeps](#kept), of keys that begin with TEXT and come behind KEY; at most \
    1000 without `limit` |\n\
    | `POST /api/plugins/forget?id=ID&key=KEY` | a plugin [forgets](#forgotten) a key; `prefix=TEXT` instead of `key` all that begin so, `all=true` all |\n\
    | `POST /api/plugins/shadow?id=ID&from=PATH&patience=2000 calls` | a [candidate](#shadow) is asked what the plugin is asked, and decides \
    nothing: what is at an absolute path of the switch's machine, or, without `from`, at the plugin's own; 409 when it does not load |\n\
    | `GET /api/plugins/diff?id=ID` | the [differences](#differences) of the candidate; 409 when there is none |\n\
    | `POST /api/plugins/approve?id=ID&group=GROUP&by=WHO&why=TEXT` | the [differences](#differences), these groups (`group` as often as one \
    likes) approved; 409 when there is no such group |\n\
    | `GET /api/plugins/record?hook=HOOK&plugin=ID&calls=N` | the next N questions to plugins and what they say, a line of JSON each; 429 when \
    `http.traces_max` traces and recordings are running |\n\
    | `POST /api/plugins/promote?id=ID&anyway=true&by=WHO&why=TEXT` | a [promotion](#promotion): what is compared comes into service, or what is \
    on trial serves all new calls; 409 when nothing is, or when something is missing and nobody says `anyway` |\n\
    | `POST /api/plugins/rollback?id=ID` | what was [taken out of service](#rolledback): the version on trial, or the one that serves; 409 \
    when there is none to go back to |\n\
    | `GET /api/plugins/generations` | an array of [versions](#generation) of plugins: what each did and holds, those of the first plugin \
    first, what serves before what is on trial, draining or kept |\n\
    | `POST /api/plugins/quarantine?id=ID&hook=HOOK&key=KEY&for_s=N` | what is [left alone](#quarantined): a hook of the plugin, or all, about \
    the calls of `dn=NUMBER`, `trunk=NAME` or `tenant=NAME`, what `client=ADDRESS:PORT` or `address=ADDRESS` want, or about all; for ten minutes when it does not say, at most a year; 409 when there is no such plugin \
    or hook |\n\
    | `POST /api/plugins/release?id=ID&hook=HOOK&key=KEY` | how many quarantines [are over](#released), whoever began them |\n\
    | `POST /api/reload` | a [reconfiguration](#reconfiguration): the configuration was read again; status 422 when it is refused |\n\
    | `GET /api/explain?to=NUMBER&from=URI&trunk=NAME&header=NAME: VALUE` | what the plugins [would do](#explanation) with a call that nobody makes; \
    400 for an address that cannot be read or a trunk that is not there |\n\
    | `GET /api/journal?limit=N&conn=CONN&call_id=ID` | an array of the newest [decisions](#decision), oldest first |\n\
    | `GET /api/trace?what=WHAT&full=true` | SIP messages as they pass, a [line of JSON](#traceline) each, for as long as the \
    client stays; `what` is a user, a Call-ID, the CONN of a call that is up, or an address, and absent for everything; status 429 when \
    `http.traces_max` are running |\n";

/// The structures in the manual's order.
const STRUCTURES: [&str; 47] = [
    "Status",
    "Listener",
    "Call",
    "Leg",
    "Registration",
    "Contact",
    "Messages",
    "Trunk",
    "TrunkFailure",
    "Module",
    "Monitor",
    "MonitorServer",
    "MonitorStack",
    "MonitorCalls",
    "MonitorCti",
    "MonitorChecks",
    "TrunkStatistics",
    "TLibClient",
    "Plugin",
    "HookFigures",
    "Trial",
    "Comparison",
    "Arm",
    "Generation",
    "Tally",
    "Quarantined",
    "Released",
    "Shadow",
    "Differences",
    "Difference",
    "Example",
    "Approval",
    "RolledBack",
    "Kept",
    "Forgotten",
    "Promotion",
    "Diagnostic",
    "Reload",
    "Reconfiguration",
    "Change",
    "Problem",
    "Decision",
    "Explanation",
    "Judgement",
    "Step",
    "Reason",
    "TraceLine",
];

fn manual() -> String {
    let source = concat!(
        include_str!("view.rs"),
        include_str!("view/monitor.rs"),
        include_str!("view/plugin.rs"),
        include_str!("view/shadow.rs")
    );
    let mut text = INTRODUCTION.to_owned();
    for structure in STRUCTURES {
        let (about, fields) = crate::config::documented_fields(source, structure);
        write!(text, "\n## {structure}\n\n{about}\n\n| field | |\n|---|---|\n").unwrap();
        for (field, doc) in fields {
            assert!(doc.ends_with('.'), "{structure}.{field}: {doc:?}");
            writeln!(text, "| `{field}` | {doc} |").unwrap();
        }
    }
    text.push_str("\n## Metrics\n\n| metric | kind | |\n|---|---|---|\n");
    for (name, kind, help) in metrics::declared() {
        writeln!(text, "| `{name}` | {kind} | {help} |").unwrap();
    }
    text
}

#[test]
fn the_http_manual_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/http-api.md");
    let manual = manual();
    if std::env::var_os("JACKFIELD_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &manual).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == manual,
        "docs/http-api.md is stale; run: \
         JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-node http_manual"
    );
}
