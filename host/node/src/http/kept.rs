//! What plugins keep from call to call.

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;

use super::{
    api::{Page, Refusal, Shared},
    metrics::{head, labelled, line},
    view,
};

/// A metric of each plugin that keeps something: name, kind, help, value.
type OfKept = (&'static str, &'static str, &'static str, fn(&plugin::Kept) -> u64);

const OF_KEPT: &[OfKept] = &[
    ("jackfield_plugin_state_keys", "gauge", "Keys that a plugin keeps.", |kept| kept.count as u64),
    (
        "jackfield_plugin_state_bytes",
        "gauge",
        "Bytes of the keys and values that a plugin keeps.",
        |kept| kept.bytes as u64,
    ),
    (
        "jackfield_plugin_state_writes_total",
        "counter",
        "Writes of a plugin to what it keeps.",
        |kept| kept.writes,
    ),
    (
        "jackfield_plugin_state_refused_total",
        "counter",
        "Writes of a plugin that found no room, or no number to add to.",
        |kept| kept.refused,
    ),
    (
        "jackfield_plugin_state_unwritten",
        "gauge",
        "Keys whose last change is not on the disk yet.",
        |kept| kept.unwritten as u64,
    ),
];

/// Name, kind and help of every metric.
#[cfg(test)]
pub(super) fn declared() -> Vec<(&'static str, &'static str, &'static str)> {
    OF_KEPT.iter().map(|(name, kind, help, _)| (*name, *kind, *help)).collect()
}

/// The metrics of what plugins keep.
pub(super) fn metrics(text: &mut String, all: &[plugin::Kept]) {
    for (name, kind, help, value) in OF_KEPT {
        head(text, name, kind, help);
        for kept in all {
            line(text, name, &labelled("plugin", &kept.plugin), value(kept) as f64);
        }
    }
}

#[derive(Deserialize)]
pub(super) struct KeptQuery {
    id: String,
    /// The beginning of keys.
    #[serde(default)]
    prefix: String,
    /// Only keys behind this one.
    #[serde(default)]
    after: String,
    limit: Option<usize>,
}

/// Shows what a plugin keeps.
pub(super) async fn show(
    State(api): Shared,
    Query(KeptQuery { id, prefix, after, limit }): Query<KeptQuery>,
) -> Result<Json<view::Kept>, Refusal> {
    let (host, of) = (api.plugins.clone(), id.clone());
    let most = Page { limit }.limit();
    // It looks through all keys.
    let look = move || host.kept(&of, &prefix, &after, most);
    let kept = tokio::task::spawn_blocking(look).await.ok().flatten();
    let kept = kept.ok_or_else(|| nothing(&id))?;
    let plugin::Kept { plugin, schema, bytes, count, writes, refused, unwritten, entries } = kept;
    let entries = entries.into_iter().collect();
    Ok(Json(view::Kept { plugin, schema, bytes, count, writes, refused, unwritten, entries }))
}

#[derive(Deserialize)]
pub(super) struct ForgetQuery {
    id: String,
    key: Option<String>,
    prefix: Option<String>,
    #[serde(default)]
    all: bool,
}

/// Has a plugin forget.
pub(super) async fn forget(
    State(api): Shared,
    Query(ForgetQuery { id, key, prefix, all }): Query<ForgetQuery>,
) -> Result<Json<view::Forgotten>, Refusal> {
    let prefix = prefix.filter(|prefix| !prefix.is_empty());
    let ways = [key.is_some(), prefix.is_some(), all];
    if ways.into_iter().filter(|way| *way).count() != 1 {
        let what = "say what is to be forgotten: `key`, `prefix`, or `all=true`".to_owned();
        return Err(Refusal::new(StatusCode::BAD_REQUEST, what));
    }
    let (host, of) = (api.plugins.clone(), id.clone());
    let act = move || host.forget_kept(&of, key.as_deref(), &prefix.unwrap_or_default());
    let forgotten = tokio::task::spawn_blocking(act).await.ok().flatten();
    Ok(Json(view::Forgotten { forgotten: forgotten.ok_or_else(|| nothing(&id))? }))
}

fn nothing(id: &str) -> Refusal {
    let what = format!("no plugin `{id}` serves, or it keeps nothing ([need] state)");
    Refusal::new(StatusCode::NOT_FOUND, what)
}
