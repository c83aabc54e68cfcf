//! `jackfield mwi`.

use super::{
    args::ApiArgs,
    client::Client,
    list::{LIMIT, escaped, print_json},
    print,
    table::table,
};
use crate::http::view;

pub(super) fn list(args: &ApiArgs) -> anyhow::Result<()> {
    let all: Vec<view::Messages> =
        Client::new(args)?.get(&format!("/api/messages?limit={LIMIT}"))?;
    if args.json {
        return print_json(&all);
    }
    let row = |of: &view::Messages| {
        let counts = [of.new, of.old, of.urgent_new, of.urgent_old].map(|count| count.to_string());
        std::iter::once(of.aor.clone()).chain(counts).collect::<Vec<_>>()
    };
    let headings = ["USER", "NEW", "OLD", "URGENT NEW", "URGENT OLD"];
    print(&table(&headings, &all.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

/// `counts` are the new, the old, and the urgent ones among them.
pub(super) fn set(args: &ApiArgs, user: &str, counts: [u32; 4]) -> anyhow::Result<()> {
    let [new, old, urgent_new, urgent_old] = counts;
    let path = format!(
        "/api/messages/{}?new={new}&old={old}&urgent_new={urgent_new}&urgent_old={urgent_old}",
        escaped(user)
    );
    Client::new(args)?.order(&path, &[204])?;
    print(&format!("{user} has {new} new and {old} old messages\n"));
    Ok(())
}
