//! The API's requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use model::{ConnId, Instant};
use plugin::PluginHost;
use serde::Deserialize;
use tokio::sync::{Semaphore, oneshot};

use super::{
    auth, convert, explain, generations, kept, messages, metrics, monitor, shadow, versions, view,
};
use crate::{
    clock::Clock,
    config::Config,
    directory::NodeDirectory,
    journal::{self, Journal},
    mailbox::Postbox,
    modules::{AllFigures, ModuleControl, ModuleView},
    records::RecordFigures,
    reload::ReloadHandle,
    store::{StoreFigures, StoreSender},
    trace::{Lines, Tap, What},
    worker::{Figures, Mail},
};

/// Bytes of a request's body; no request needs one.
const BODY_MAX: usize = 4096;
/// Elements of a list when the request does not say.
const LIMIT_DEFAULT: usize = 1000;
/// Elements of a list at most.
const LIMIT_MAX: usize = 100_000;

/// What the API speaks of.
pub struct Api {
    /// The node's name.
    pub node: String,
    /// Its listeners.
    pub listeners: Vec<view::Listener>,
    /// The workers' mailboxes, by shard.
    pub postboxes: Vec<Postbox<Mail>>,
    /// Registrations.
    pub directory: Arc<NodeDirectory>,
    /// Decisions.
    pub journal: Arc<Journal>,
    /// The plugins.
    pub plugins: Arc<PluginHost>,
    /// What the store counts; nothing without a store.
    pub store: Arc<StoreFigures>,
    /// What the T-Library modules count.
    pub modules: AllFigures,
    /// Asks the modules who is connected; nobody where there are none.
    pub module_control: Option<ModuleControl>,
    /// What keeps counts of voice messages, `None` when they are kept in memory alone; and how many users have one at most.
    pub mailboxes: (Option<StoreSender>, usize),
    /// What is counted of call records.
    pub records: Arc<RecordFigures>,
    /// Loads them again.
    pub reload: ReloadHandle,
    /// The process's clock.
    pub clock: Clock,
    /// When the node started.
    pub started_at: Instant,
    /// Whether the node is about to stop.
    pub draining: Arc<AtomicBool>,
    /// Places for traces.
    pub traces: Arc<Semaphore>,
    /// What traces and recordings may take.
    pub queues: QueueLimits,
    /// How long a worker may take for its answer.
    pub timeout: Duration,
}

/// What traces, and recordings of questions to plugins, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages that wait for the reader of a trace.
    pub trace_queue_max: usize,
    /// Questions of one recording.
    pub record_calls_max: u64,
    /// Questions that wait for its reader; those beyond are left out.
    pub record_queue_max: usize,
}

impl QueueLimits {
    /// As the configuration has them.
    pub const fn of(config: &Config) -> Self {
        Self {
            trace_queue_max: config.http.trace_queue_max,
            record_calls_max: config.plugins.record_calls_max,
            record_queue_max: config.plugins.record_queue_max,
        }
    }
}

pub(super) type Shared = State<Arc<Api>>;

pub(super) fn router(api: Arc<Api>, guard: auth::Guard) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/api/calls", get(calls))
        .route("/api/calls/{conn}/hangup", post(hang_up))
        .route("/api/registrations", get(registrations))
        .route("/api/messages", get(messages::list))
        .route("/api/messages/{aor}", post(messages::set))
        .route("/api/trunks", get(trunks))
        .route("/api/modules", get(modules))
        .route("/api/monitor", get(monitor::show))
        .route("/api/plugins", get(plugins))
        .route("/api/plugins/generations", get(generations::list))
        .route("/api/plugins/quarantine", post(generations::quarantine))
        .route("/api/plugins/release", post(generations::release))
        .route("/api/plugins/reload", post(versions::reload))
        .route("/api/plugins/state", get(kept::show))
        .route("/api/plugins/forget", post(kept::forget))
        .route("/api/plugins/promote", post(versions::promote))
        .route("/api/plugins/shadow", post(shadow::shadow))
        .route("/api/plugins/diff", get(shadow::diff))
        .route("/api/plugins/approve", post(shadow::approve))
        .route("/api/plugins/record", get(shadow::record))
        .route("/api/plugins/rollback", post(versions::roll_back))
        .route("/api/reload", post(reconfigure))
        .route("/api/explain", get(explain::explain))
        .route("/api/journal", get(decisions))
        .route("/api/trace", get(trace))
        .layer(middleware::from_fn_with_state(guard, auth::check))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(api)
}

/// How many elements a list has at most.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) limit: Option<usize>,
}

impl Page {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX)
    }
}

#[derive(Deserialize)]
struct JournalQuery {
    limit: Option<usize>,
    conn: Option<String>,
    call_id: Option<String>,
}

#[derive(Deserialize)]
struct TraceQuery {
    what: Option<String>,
    full: Option<bool>,
}

async fn status(State(api): Shared) -> Result<Json<view::Status>, Refusal> {
    let figures = api.figures().await?;
    let plugins = api.plugin_list().await;
    let sum = |count: fn(&Figures) -> u64| figures.iter().map(count).sum();
    Ok(Json(view::Status {
        node: api.node.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: api.clock.now().saturating_since(api.started_at).as_secs(),
        draining: api.draining.load(Ordering::Relaxed),
        sip: api.listeners.clone(),
        domains: api.directory.domains(),
        workers: api.postboxes.len(),
        calls: figures.iter().map(|f| f.switch.calls_now).sum(),
        calls_offered: sum(|f| f.switch.calls_offered),
        calls_established: sum(|f| f.switch.calls_established),
        registrations: api.directory.registered(),
        plugins: plugins.iter().map(|plugin| plugin.generation.to_string()).collect(),
    }))
}

impl Api {
    /// What each T-Library module counts.
    pub(super) fn module_views(&self) -> Vec<ModuleView> {
        self.modules.iter().map(|(module, figures)| figures.view(*module)).collect()
    }
}

async fn metrics(State(api): Shared) -> Result<Response, Refusal> {
    let text = metrics::text(&metrics::Sources {
        workers: &api.figures().await?,
        plugins: &api.host_stats().await,
        generations: &api.generations().await,
        kept: &api.plugins.all_kept(),
        registered: api.directory.registered(),
        trunks: &api.directory.trunks().views(),
        modules: &api.module_views(),
        decisions: api.journal.decisions(),
        store: &api.store,
        records: &api.records,
        uptime: api.clock.now().saturating_since(api.started_at),
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}

async fn calls(
    State(api): Shared,
    Query(page): Query<Page>,
) -> Result<Json<Vec<view::Call>>, Refusal> {
    let limit = page.limit();
    let mut all = Vec::new();
    for shard in 0..api.postboxes.len() {
        all.extend(api.ask(shard, |reply| Mail::Calls { limit, reply }).await?);
    }
    all.sort_by_key(|call| (call.started_at, call.conn));
    all.truncate(limit);
    let now = api.clock.now();
    Ok(Json(all.into_iter().map(|call| convert::call(call, now)).collect()))
}

async fn hang_up(State(api): Shared, Path(conn): Path<String>) -> Result<StatusCode, Refusal> {
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("there is no call {conn}"));
    let conn = conn.parse::<ConnId>().map_err(|_| unknown())?;
    let shard = usize::from(conn.shard().0);
    if shard >= api.postboxes.len() {
        return Err(unknown());
    }
    let known = api.ask(shard, |reply| Mail::Hangup { conn, reply }).await?;
    if known { Ok(StatusCode::ACCEPTED) } else { Err(unknown()) }
}

async fn registrations(
    State(api): Shared,
    Query(page): Query<Page>,
) -> Json<Vec<view::Registration>> {
    let now = api.clock.now();
    let all = api.directory.registrations(page.limit());
    Json(all.iter().map(|(aor, list)| convert::registration(aor, list, now)).collect())
}

async fn modules(State(api): Shared) -> Json<Vec<view::Module>> {
    Json(api.module_views().into_iter().map(convert::module).collect())
}

async fn trunks(State(api): Shared) -> Json<Vec<view::Trunk>> {
    let now = api.clock.now();
    Json(api.directory.trunks().views().into_iter().map(|view| convert::trunk(view, now)).collect())
}

async fn plugins(State(api): Shared) -> Json<Vec<view::Plugin>> {
    Json(api.plugin_list().await.into_iter().map(convert::plugin).collect())
}

async fn reconfigure(State(api): Shared) -> Result<Response, Refusal> {
    let report = api.reload.reconfigure().await.ok_or_else(|| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many reloads are waiting".to_owned())
    })?;
    let view = convert::reconfigured(&report);
    let is_refused = !report.problems.is_empty();
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Json(view)).into_response())
}

async fn decisions(
    State(api): Shared,
    Query(query): Query<JournalQuery>,
) -> Result<Json<Vec<view::Decision>>, Refusal> {
    let conn = query.conn.as_deref().map(str::parse::<ConnId>).transpose().map_err(|_| {
        Refusal::new(StatusCode::BAD_REQUEST, "`conn` is not a connection id".to_owned())
    })?;
    let limit = Page { limit: query.limit }.limit();
    let query = journal::Query { limit, conn, call_id: query.call_id };
    Ok(Json(api.journal.entries(&query).into_iter().map(convert::decision).collect()))
}

async fn trace(State(api): Shared, Query(query): Query<TraceQuery>) -> Result<Response, Refusal> {
    let permit = api.traces.clone().try_acquire_owned().map_err(|_| {
        let what = "as many traces as http.traces_max allows are running";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, what.to_owned())
    })?;
    let text = query.what.unwrap_or_default();
    // A connection id is written with all its digits; what is shorter is a user.
    let what = match text.parse::<ConnId>() {
        Ok(conn) if conn.to_string() == text => What::new("", api.call_ids(conn).await?),
        Ok(_) | Err(_) => What::new(&text, []),
    };
    let (taps, receiver) = Tap::new(api.postboxes.len(), api.queues.trace_queue_max);
    for (shard, (postbox, tap)) in api.postboxes.iter().zip(taps).enumerate() {
        postbox.post(Mail::Watch(tap)).map_err(|_| busy(shard))?;
    }
    let lines = Lines {
        receiver,
        what,
        full: query.full.unwrap_or(false),
        clock: api.clock,
        listeners: api.listeners.iter().map(|listener| listener.name.clone()).collect(),
        permit,
    };
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(lines)).into_response())
}

fn busy(shard: usize) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("worker {shard} does not answer"))
}

impl Api {
    /// The Call-IDs of a call's legs.
    async fn call_ids(&self, conn: ConnId) -> Result<Vec<String>, Refusal> {
        let shard = usize::from(conn.shard().0);
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("there is no call {conn}"));
        if shard >= self.postboxes.len() {
            return Err(unknown());
        }
        // It may have gone to another worker; most have not.
        let others = (0..self.postboxes.len()).filter(|other| *other != shard);
        for shard in std::iter::once(shard).chain(others) {
            let calls = self.ask(shard, |reply| Mail::Calls { limit: usize::MAX, reply }).await?;
            if let Some(call) = calls.into_iter().find(|call| call.conn == conn) {
                return Ok(call.legs.into_iter().map(|leg| leg.call_id).collect());
            }
        }
        Err(unknown())
    }

    pub(super) async fn figures(&self) -> Result<Vec<Figures>, Refusal> {
        let mut all = Vec::new();
        for shard in 0..self.postboxes.len() {
            all.push(*self.ask(shard, |reply| Mail::Figures { reply }).await?);
        }
        Ok(all)
    }

    /// The plugins. Asked off the runtime's thread, because a reload in progress makes it wait.
    async fn plugin_list(&self) -> Vec<plugin::PluginStatus> {
        let host = self.plugins.clone();
        tokio::task::spawn_blocking(move || host.list()).await.unwrap_or_default()
    }

    /// What the plugin host counts; asked like [`Self::plugin_list`].
    async fn host_stats(&self) -> plugin::HostStats {
        let host = self.plugins.clone();
        tokio::task::spawn_blocking(move || host.stats()).await.unwrap_or_default()
    }

    /// The versions of plugins; asked like [`Self::plugin_list`].
    pub(super) async fn generations(&self) -> Vec<plugin::GenerationStats> {
        let host = self.plugins.clone();
        tokio::task::spawn_blocking(move || host.generations()).await.unwrap_or_default()
    }

    /// Asks a worker and waits for its answer.
    async fn ask<T>(
        &self,
        shard: usize,
        mail: impl FnOnce(oneshot::Sender<T>) -> Mail,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let posted = self.postboxes[shard].post(mail(reply)).is_ok();
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) if posted => Ok(answer),
            Ok(_) | Err(_) => Err(busy(shard)),
        }
    }
}

/// A request that is not granted.
pub(super) struct Refusal {
    status: StatusCode,
    what: String,
}

impl Refusal {
    pub(super) const fn new(status: StatusCode, what: String) -> Self {
        Self { status, what }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, error_body(&self.what)).into_response()
    }
}

pub(super) fn error_body(what: &str) -> Json<view::Failure> {
    Json(view::Failure { error: what.to_owned() })
}
