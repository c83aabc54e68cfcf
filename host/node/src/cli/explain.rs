//! `jackfield explain`: which plugin decided what about a call, and why.

use anyhow::bail;
use model::hook::Hook;

use super::{
    args::ExplainArgs,
    client::Client,
    list::{LIMIT, escaped, print_json},
    print,
};
use crate::http::view;

pub(super) fn explain(args: &ExplainArgs) -> anyhow::Result<()> {
    if args.dry_run {
        return rehearse(args);
    }
    if args.from.is_some() || args.trunk.is_some() || !args.header.is_empty() {
        bail!("--from, --trunk and --header are for a call that nobody makes: add --dry-run");
    }
    let client = Client::new(&args.api)?;
    let what = escaped(&args.what);
    // A connection id is written with all its digits.
    let is_conn = args.what.len() == 16 && args.what.bytes().all(|b| b.is_ascii_hexdigit());
    let key = if is_conn { "conn" } else { "call_id" };
    let decisions: Vec<view::Decision> =
        client.get(&format!("/api/journal?{key}={what}&limit={LIMIT}"))?;
    if args.api.json {
        return print_json(&decisions);
    }
    let Some(first) = decisions.first() else {
        bail!(
            "nothing is known of `{}`; write the CONN of `jackfield calls` or a Call-ID, and mind that the journal keeps the newest \
             decisions alone (journal.entries_max)",
            args.what
        );
    };
    let mut text = format!("{}  {} -> {}\n", first.conn, first.caller, first.callee);
    for decision in &decisions {
        let view::Decision { at, hook, about, steps, verdict, decided_by, reasons, .. } = decision;
        text.push_str(&format!("\n{at}  {}\n", asked(hook, about.as_deref())));
        text.push_str(&shown(steps, verdict, decided_by.as_deref(), reasons));
    }
    print(&text);
    Ok(())
}

fn rehearse(args: &ExplainArgs) -> anyhow::Result<()> {
    let mut query = vec![format!("to={}", escaped(&args.what))];
    query.extend(args.from.iter().map(|from| format!("from={}", escaped(from))));
    query.extend(args.trunk.iter().map(|trunk| format!("trunk={}", escaped(trunk))));
    query.extend(args.header.iter().map(|header| format!("header={}", escaped(header))));
    let explanation: view::Explanation =
        Client::new(&args.api)?.get(&format!("/api/explain?{}", query.join("&")))?;
    if args.api.json {
        return print_json(&explanation);
    }
    let mut text =
        format!("{} -> {}, if it were made now\n", explanation.caller, explanation.callee);
    if explanation.emergency {
        text.push_str(
            "\nan emergency number: goes where [emergency] says, and no plugin is asked\n",
        );
    }
    for decision in &explanation.decisions {
        let view::Judgement { hook, about, steps, verdict, decided_by, reasons } = decision;
        text.push_str(&format!("\n{}\n", asked(hook, about.as_deref())));
        text.push_str(&shown(steps, verdict, decided_by.as_deref(), reasons));
    }
    print(&text);
    Ok(())
}

/// What was asked, and about which INVITE, or what of a T-Library client.
fn asked(hook: &str, about: Option<&str>) -> String {
    let is_invite = hook == Hook::HeaderPolicy.name();
    let what = if is_invite { "the INVITE to " } else { "" };
    about.map_or_else(|| hook.to_owned(), |about| format!("{hook}, {what}{about}"))
}

/// Who was asked, what came of it, and why.
fn shown(
    steps: &[view::Step],
    verdict: &str,
    decided_by: Option<&str>,
    reasons: &[view::Reason],
) -> String {
    let width = steps.iter().map(|step| step.generation.len()).max().unwrap_or(0);
    let mut text = String::new();
    for step in steps {
        let view::Step { generation, outcome, detail, took_us } = step;
        let detail = detail.iter().map(|detail| format!(": {detail}")).collect::<String>();
        text.push_str(&format!("  {generation:width$}  {took_us:6.0} us  {outcome}{detail}\n"));
    }
    text.push_str(&format!("  => {verdict}, by {}\n", decided_by.unwrap_or("the switch itself")));
    for reason in reasons {
        let colon = if reason.text.is_empty() { "" } else { ": " };
        text.push_str(&format!("     because {}{colon}{}\n", reason.code, reason.text));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_about_an_invite_says_which() {
        assert_eq!(asked("route", None), "route");
        let about = Some("trunk:out over a");
        assert_eq!(asked("header-policy", about), "header-policy, the INVITE to trunk:out over a");
        let about = Some("dn 2001 for desktop at TCport");
        assert_eq!(asked("fan-out", about), "fan-out, dn 2001 for desktop at TCport");
    }

    #[test]
    fn a_decision_is_told_step_by_step() {
        let step = |generation: &str, outcome: &str, detail: Option<&str>| view::Step {
            generation: generation.to_owned(),
            outcome: outcome.to_owned(),
            detail: detail.map(str::to_owned),
            took_us: 12.4,
        };
        let steps =
            [step("desk#2@b0", "trap", Some("no such key")), step("desk#1@3f", "decided", None)];
        let reasons = [view::Reason { code: "desk".to_owned(), text: "it is Ben's".to_owned() }];
        assert_eq!(
            shown(&steps, "refuse 486", Some("desk#1@3f"), &reasons),
            "  desk#2@b0      12 us  trap: no such key\n  desk#1@3f      12 us  decided\n  \
             => refuse 486, by desk#1@3f\n     because desk: it is Ben's\n"
        );
    }
}
