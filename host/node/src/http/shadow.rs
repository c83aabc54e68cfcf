//! Candidates that are compared, and questions that are recorded.

use std::{
    convert::Infallible,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Query, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_core::Stream;
use model::hook::Hook;
use plugin::{Diagnostic, Diff, Observed, Patience, Recording, RecordingGuard, Source, Word};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    api::{Refusal, Shared},
    versions::{busy, conflict},
    view,
};

#[derive(Deserialize)]
pub(super) struct ShadowQuery {
    id: String,
    /// A file or folder of this machine.
    from: Option<PathBuf>,
    /// `2000 calls`, `10 minutes`.
    patience: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct DiffQuery {
    id: String,
}

#[derive(Deserialize)]
pub(super) struct RecordQuery {
    hook: Option<String>,
    plugin: Option<String>,
    calls: u64,
}

fn wrong(what: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, what)
}

pub(super) async fn shadow(
    State(api): Shared,
    Query(query): Query<ShadowQuery>,
) -> Result<Json<view::Shadow>, Refusal> {
    let patience = query.patience.as_deref().map(str::parse::<Patience>);
    let patience = patience.transpose().map_err(wrong)?;
    if let Some(path) = query.from.as_ref().filter(|path| !path.is_absolute()) {
        return Err(wrong(format!("`from={}` is no absolute path", path.display())));
    }
    let from = query.from.map(Source::Path);
    let id = query.id.clone();
    let diff = api.reload.shadow(id, from, patience).await.ok_or_else(busy)?;
    Ok(Json(view::Shadow::from(&diff.map_err(conflict)?.status)))
}

pub(super) async fn diff(
    State(api): Shared,
    Query(DiffQuery { id }): Query<DiffQuery>,
) -> Result<Json<view::Differences>, Refusal> {
    let host = api.plugins.clone();
    told(tokio::task::spawn_blocking(move || host.diff(&id)).await.ok())
}

/// `id=…&group=…&group=…&by=…&why=…`.
pub(super) async fn approve(
    State(api): Shared,
    RawQuery(query): RawQuery,
) -> Result<Json<view::Differences>, Refusal> {
    let (mut id, mut groups, mut word) = (String::new(), Vec::new(), Word::default());
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "id" => id = value,
            "group" => groups.push(value),
            "by" => word.by = value,
            "why" => word.why = value,
            other => {
                return Err(wrong(format!("`{other}` is not known; id, group, by and why are")));
            }
        }
    }
    if groups.is_empty() {
        return Err(wrong("`group` is missing: what is approved".to_owned()));
    }
    let host = api.plugins.clone();
    told(tokio::task::spawn_blocking(move || host.approve(&id, &groups, word)).await.ok())
}

fn told(diff: Option<Result<Diff, Diagnostic>>) -> Result<Json<view::Differences>, Refusal> {
    Ok(Json(view::Differences::from(&diff.ok_or_else(busy)?.map_err(conflict)?)))
}

pub(super) async fn record(
    State(api): Shared,
    Query(query): Query<RecordQuery>,
) -> Result<Response, Refusal> {
    let named = |name: &str| Hook::ALL.into_iter().find(|hook| hook.name() == name);
    let hook = match query.hook.as_deref() {
        None => None,
        Some(name) => Some(named(name).ok_or_else(|| {
            wrong(format!(
                "`{name}` is no hook; there are {}",
                Hook::ALL.map(Hook::name).join(", ")
            ))
        })?),
    };
    let max = api.queues.record_calls_max;
    if query.calls == 0 || query.calls > max {
        return Err(wrong(format!("`calls` is 1 to {max} (plugins.record_calls_max)")));
    }
    let permit = api.traces.clone().try_acquire_owned().map_err(|_| {
        let what = "as many traces and recordings as http.traces_max allows are running";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, what.to_owned())
    })?;
    let (sender, receiver) = mpsc::channel(api.queues.record_queue_max.max(1));
    let what = Recording { hook, plugin: query.plugin, calls: query.calls };
    let guard = api.plugins.record(what, Box::new(move |seen| sender.try_send(seen).is_ok()));
    let lines = Recorded { receiver, left: query.calls, guard, _permit: permit };
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(lines)).into_response())
}

/// Recorded questions as lines; ends when there are as many as were wanted.
struct Recorded {
    receiver: mpsc::Receiver<Observed>,
    left: u64,
    guard: RecordingGuard,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Recorded {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let recorded = self.get_mut();
        if recorded.left == 0 {
            return Poll::Ready(None);
        }
        recorded.receiver.poll_recv(context).map(|seen| {
            let mut line = seen?.recorded().to_line();
            line.push('\n');
            recorded.left -= 1;
            if let (0, missed @ 1..) = (recorded.left, recorded.guard.missed()) {
                tracing::warn!(missed, "a recording left questions out (plugins.record_queue_max)");
            }
            Some(Ok(line.into()))
        })
    }
}
