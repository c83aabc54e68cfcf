//! `jackfield plugin state` and `plugin forget`.

use super::{
    args::{ForgetArgs, StateArgs},
    client::Client,
    list::{escaped, print_json},
    print,
};
use crate::http::view;

/// Shows what a plugin keeps.
pub(super) fn show(args: &StateArgs) -> anyhow::Result<()> {
    let prefix = args.prefix.as_deref().unwrap_or_default();
    let (id, after, limit) = (escaped(&args.id), escaped(&args.after), args.limit);
    let path = format!("/api/plugins/state?id={id}&prefix={}", escaped(prefix));
    let path = format!("{path}&after={after}&limit={limit}");
    let kept: view::Kept = Client::new(&args.api)?.get(&path)?;
    if args.api.json {
        return print_json(&kept);
    }
    print(&told(&kept));
    Ok(())
}

fn told(kept: &view::Kept) -> String {
    let view::Kept { schema, bytes, count, writes, refused, unwritten, .. } = kept;
    let mut text = format!("schema {schema}, {count} keys, {bytes} bytes, {writes} writes");
    if *refused > 0 {
        text.push_str(&format!(", {refused} for which there was no room or no number"));
    }
    if *unwritten > 0 {
        text.push_str(&format!(", {unwritten} not on the disk yet"));
    }
    text.push('\n');
    for (key, value) in &kept.entries {
        text.push_str(&format!("{key} = {}\n", value.escape_debug()));
    }
    text
}

/// Has a plugin forget.
pub(super) fn forget(args: &ForgetArgs) -> anyhow::Result<()> {
    let what = match (&args.key, &args.prefix) {
        (Some(key), _) => format!("key={}", escaped(key)),
        (None, Some(prefix)) => format!("prefix={}", escaped(prefix)),
        (None, None) => "all=true".to_owned(),
    };
    let path = format!("/api/plugins/forget?id={}&{what}", escaped(&args.id));
    let done: view::Forgotten = Client::new(&args.api)?.post(&path, &[200])?;
    if args.api.json {
        return print_json(&done);
    }
    print(&format!("{} keys forgotten\n", done.forgotten));
    Ok(())
}
