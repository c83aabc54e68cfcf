//! The thread that loads plugins and the configuration again: when their files change, and when an operator says so.
//!
//! Compiling takes milliseconds to seconds, so it has a thread of its own, of low priority; workers never wait for it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use model::hook::Hook;
use plugin::{
    Diagnostic, Diff, Key, Patience, PluginHost, Promoted, ReloadReport, Reloaded, RolledBack,
    Rollout, Source, Word,
};
use tokio::sync::oneshot;
use tracing::{debug, info};

use crate::{
    explain::{Rehearsal, Rehearsed, rehearse},
    mailbox::Postbox,
    modules::ModuleControl,
    node::{Reconfigured, Reconfigurer},
    watch::{BACKSTOP, Hint, HintSource, Watch},
    worker::Mail,
};

/// Requests and hints that wait for the thread; hints beyond it are dropped, the backstop finds the change.
const QUEUE_MAX: usize = 256;
/// The priority of the thread, 19 being the lowest.
const NICE: i32 = 10;

enum Message {
    Reload {
        plugin: Option<String>,
        rollout: Rollout,
        reply: oneshot::Sender<Vec<ReloadReport>>,
    },
    Promote {
        plugin: String,
        anyway: Option<Word>,
        reply: oneshot::Sender<Result<Promoted, Diagnostic>>,
    },
    Shadow {
        plugin: String,
        from: Option<Source>,
        patience: Option<Patience>,
        reply: oneshot::Sender<Result<Diff, Diagnostic>>,
    },
    RollBack {
        plugin: String,
        reply: oneshot::Sender<Result<RolledBack, Diagnostic>>,
    },
    Quarantine {
        plugin: String,
        hook: Option<Hook>,
        key: Option<Key>,
        rest: Duration,
        reply: oneshot::Sender<Result<Vec<Hook>, Diagnostic>>,
    },
    Release {
        plugin: String,
        hook: Option<Hook>,
        key: Option<Key>,
        reply: oneshot::Sender<Result<usize, Diagnostic>>,
    },
    Rehearse {
        what: Rehearsal,
        reply: oneshot::Sender<Result<Rehearsed, String>>,
    },
    Configuration {
        cause: &'static str,
        reply: Option<oneshot::Sender<Reconfigured>>,
    },
    Hint(Hint),
    Stop,
}

/// Asks the thread for a reload.
#[derive(Clone)]
pub struct ReloadHandle(SyncSender<Message>);

impl ReloadHandle {
    /// Loads one plugin again by id, or all, and gives what became of them; an unknown id gives one report that says so. `None` when the
    /// thread is gone or has too much to do.
    pub async fn reload(
        &self,
        plugin: Option<String>,
        rollout: Rollout,
    ) -> Option<Vec<ReloadReport>> {
        let (reply, reports) = oneshot::channel();
        self.0.try_send(Message::Reload { plugin, rollout, reply }).ok()?;
        reports.await.ok()
    }

    /// Has what is compared or on trial come into service; see [`PluginHost::promote_by`]. `None` when the thread is gone or has too much
    /// to do.
    pub async fn promote(
        &self,
        plugin: String,
        anyway: Option<Word>,
    ) -> Option<Result<Promoted, Diagnostic>> {
        let (reply, promoted) = oneshot::channel();
        self.0.try_send(Message::Promote { plugin, anyway, reply }).ok()?;
        promoted.await.ok()
    }

    /// Has a candidate compared; see [`PluginHost::shadow`]. `None` when the thread is gone or has too much to do.
    pub async fn shadow(
        &self,
        plugin: String,
        from: Option<Source>,
        patience: Option<Patience>,
    ) -> Option<Result<Diff, Diagnostic>> {
        let (reply, begun) = oneshot::channel();
        self.0.try_send(Message::Shadow { plugin, from, patience, reply }).ok()?;
        begun.await.ok()
    }

    /// Takes a version out of service; see [`PluginHost::roll_back`]. `None` when the thread is gone or has too much to do.
    pub async fn roll_back(&self, plugin: String) -> Option<Result<RolledBack, Diagnostic>> {
        let (reply, back) = oneshot::channel();
        self.0.try_send(Message::RollBack { plugin, reply }).ok()?;
        back.await.ok()
    }

    /// Leaves a plugin alone for a while; see [`PluginHost::quarantine`]. `None` when the thread is gone or has too much to do.
    pub async fn quarantine(
        &self,
        plugin: String,
        hook: Option<Hook>,
        key: Option<Key>,
        rest: Duration,
    ) -> Option<Result<Vec<Hook>, Diagnostic>> {
        let (reply, kept) = oneshot::channel();
        self.0.try_send(Message::Quarantine { plugin, hook, key, rest, reply }).ok()?;
        kept.await.ok()
    }

    /// Has a plugin asked again; see [`PluginHost::release`]. `None` when the thread is gone or has too much to do.
    pub async fn release(
        &self,
        plugin: String,
        hook: Option<Hook>,
        key: Option<Key>,
    ) -> Option<Result<usize, Diagnostic>> {
        let (reply, ended) = oneshot::channel();
        self.0.try_send(Message::Release { plugin, hook, key, reply }).ok()?;
        ended.await.ok()
    }

    /// Asks the plugins about a call that nobody makes; see [`rehearse`]. `None` when the thread is gone or has too much to do.
    pub async fn rehearse(&self, what: Rehearsal) -> Option<Result<Rehearsed, String>> {
        let (reply, rehearsed) = oneshot::channel();
        self.0.try_send(Message::Rehearse { what, reply }).ok()?;
        rehearsed.await.ok()
    }

    /// Reads the configuration again, and gives what became of it. `None` when the thread is gone or has too much to do.
    pub async fn reconfigure(&self) -> Option<Reconfigured> {
        let (reply, report) = oneshot::channel();
        let message = Message::Configuration { cause: "operator", reply: Some(reply) };
        self.0.try_send(message).ok()?;
        report.await.ok()
    }

    /// Has the configuration read again for `cause`; the log tells what became of it.
    pub fn have_reconfigured(&self, cause: &'static str) {
        if self.0.try_send(Message::Configuration { cause, reply: None }).is_err() {
            info!(cause, "too many reloads are waiting; the configuration is not read again");
        }
    }
}

/// The running thread. Ends when it is dropped.
pub struct Reloader {
    sender: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Reloader {
    /// Starts the thread; it follows the files and folders of `host`'s plugins and the configuration's file, where the
    /// configuration says so, and tells the workers and the T-Library modules when a plugin was replaced.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(
        host: Arc<PluginHost>,
        mut reconfigurer: Reconfigurer,
        workers: Vec<Postbox<Mail>>,
        modules: Option<ModuleControl>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let hints = sender.clone();
        // Looked at here, before the thread runs: what changes from now on is seen.
        let watch = Watch::new(watched(&mut reconfigurer, &host), Instant::now());
        let thread = std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
            // Without the right to it the thread runs at the common priority.
            let _ = rustix::process::setpriority_process(None, NICE);
            let source = hint_source(&watch, hints.clone());
            let loader = Loader { host, workers, modules, reconfigurer, watch, hints, source };
            loader.run(&receiver);
        })?;
        Ok(Self { sender, thread: Some(thread) })
    }

    /// Something to ask for reloads with.
    pub fn handle(&self) -> ReloadHandle {
        ReloadHandle(self.sender.clone())
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        // A full queue is emptied by the thread; a thread that is gone needs no telling.
        let _ = self.sender.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

fn hint_source(watch: &Watch, hints: SyncSender<Message>) -> Option<HintSource> {
    watch.paths().next()?;
    let sink = move |hint| {
        // What finds no room is found by the backstop.
        let _ = hints.try_send(Message::Hint(hint));
    };
    HintSource::new(watch.paths(), sink)
        .inspect_err(|error| {
            info!(%error, "the file system gives no hints; plugin files are looked at each second");
        })
        .ok()
}

/// What the thread works with.
struct Loader {
    host: Arc<PluginHost>,
    workers: Vec<Postbox<Mail>>,
    modules: Option<ModuleControl>,
    reconfigurer: Reconfigurer,
    watch: Watch,
    hints: SyncSender<Message>,
    source: Option<HintSource>,
}

/// The files and folders to follow: those that the configuration names, and where plugins have been taken from since.
fn watched(reconfigurer: &mut Reconfigurer, host: &PluginHost) -> Vec<PathBuf> {
    let store = reconfigurer.stored().index_file();
    let config = reconfigurer.current();
    let mut plugins = if config.plugins.watch { config.plugin_paths() } else { Vec::new() };
    if config.plugins.watch {
        let sources = host.list().into_iter().map(|plugin| PathBuf::from(plugin.source));
        let elsewhere: Vec<PathBuf> =
            sources.filter(|path| path.is_absolute() && !plugins.contains(path)).collect();
        plugins.extend(elsewhere);
    }
    let file = config.origin.file.clone().filter(|_| config.node.watch_config);
    plugins.into_iter().chain(file).chain(store).collect()
}

impl Loader {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut sweep_at = Instant::now() + BACKSTOP;
        // A version that was on trial when the switch ended is tried again.
        self.follow_store("start");
        loop {
            let deadline = self.watch.deadline().min(sweep_at);
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                // Who asked may have gone.
                Ok(Message::Reload { plugin, rollout, reply }) => {
                    if plugin.is_none() {
                        self.reconfigurer.stored().try_again();
                        self.follow_store("operator");
                    }
                    let _ = reply.send(self.reload(plugin.as_deref(), rollout, "operator"));
                }
                Ok(Message::Promote { plugin, anyway, reply }) => {
                    // Who asked may have gone.
                    let _ = reply.send(self.promote(&plugin, anyway));
                }
                Ok(Message::Shadow { plugin, from, patience, reply }) => {
                    let begun = self.host.shadow(&plugin, from, patience);
                    let _ = reply.send(begun.and_then(|_| self.host.diff(&plugin)));
                }
                Ok(Message::RollBack { plugin, reply }) => {
                    let back = self.host.roll_back(&plugin, "an operator said so");
                    back.iter().for_each(|back| self.reconfigurer.stored().note_rolled_back(back));
                    let _ = reply.send(back);
                    self.sweep_workers();
                }
                Ok(Message::Quarantine { plugin, hook, key, rest, reply }) => {
                    let _ = reply.send(self.host.quarantine(&plugin, hook, key.as_ref(), rest));
                }
                Ok(Message::Release { plugin, hook, key, reply }) => {
                    let _ = reply.send(self.host.release(&plugin, hook, key.as_ref()));
                }
                Ok(Message::Rehearse { what, reply }) => {
                    let (config, domain) =
                        (self.reconfigurer.current(), self.reconfigurer.domain());
                    let _ = reply.send(rehearse(&self.host, config, domain, &what));
                }
                Ok(Message::Configuration { cause, reply }) => {
                    let report = self.reconfigure(cause);
                    if let Some(reply) = reply {
                        let _ = reply.send(report);
                    }
                }
                Ok(Message::Hint(hint)) => {
                    if let Some(path) = self.watch.on_hint(Instant::now(), &hint) {
                        self.reload_path(&path);
                    }
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            for path in self.watch.due(Instant::now()) {
                self.reload_path(&path);
            }
            if Instant::now() >= sweep_at {
                sweep_at = Instant::now() + BACKSTOP;
                let settled = self.host.settle();
                for back in &settled {
                    self.reconfigurer.stored().note_rolled_back(back);
                }
                self.reconfigurer.stored().tell_untold();
                self.reconfigurer.tell_late();
                // A worker without calls would keep the instances of what its last call was pinned to.
                if self.host.sweep() || !settled.is_empty() {
                    self.sweep_workers();
                }
            }
        }
    }

    fn reconfigure(&mut self, cause: &'static str) -> Reconfigured {
        let before = watched(&mut self.reconfigurer, &self.host);
        let report = self.reconfigurer.reload(cause);
        let after = watched(&mut self.reconfigurer, &self.host);
        if before != after {
            self.watch = Watch::new(after, Instant::now());
            self.source = hint_source(&self.watch, self.hints.clone());
        }
        if !report.changes.is_empty() {
            // A setting may be what an installed version waits for.
            self.reconfigurer.stored().try_again();
            self.follow_store("configuration");
            self.sweep_workers();
        }
        report
    }

    fn promote(&mut self, plugin: &str, anyway: Option<Word>) -> Result<Promoted, Diagnostic> {
        let promoted = self.host.promote_by(plugin, anyway);
        self.reconfigurer.stored().note_serving(&self.host);
        self.sweep_workers();
        if promoted.as_ref().is_ok_and(|promoted| promoted.moved_to.is_some()) {
            self.look_elsewhere();
        }
        promoted
    }

    /// A plugin is read from somewhere else from now on.
    fn look_elsewhere(&mut self) {
        let paths = watched(&mut self.reconfigurer, &self.host);
        self.watch = Watch::new(paths, Instant::now());
        self.source = hint_source(&self.watch, self.hints.clone());
    }

    fn reload_path(&mut self, path: &Path) {
        if self.reconfigurer.current().origin.file.as_deref() == Some(path) {
            self.reconfigure("file");
            return;
        }
        if self.reconfigurer.stored().index_file().as_deref() == Some(path) {
            self.follow_store("store");
            return;
        }
        let source = path.display().to_string();
        for plugin in self.host.list().iter().filter(|plugin| plugin.source == source) {
            self.reload(Some(&plugin.id), Rollout::AsItSays, "file");
        }
    }

    fn reload(
        &mut self,
        plugin: Option<&str>,
        rollout: Rollout,
        cause: &'static str,
    ) -> Vec<ReloadReport> {
        let reports = self.host.reload_by(plugin, rollout);
        reports.iter().for_each(|report| tell(report, cause));
        if reports.iter().any(ReloadReport::is_change) {
            self.reconfigurer.stored().note_serving(&self.host);
            if self.reconfigurer.stored().is_unsettled() {
                self.follow_store("reload");
            }
            self.sweep_workers();
        }
        reports
    }

    fn follow_store(&mut self, cause: &'static str) {
        let before = self.host.current();
        let reports = self.reconfigurer.follow_store();
        reports.iter().for_each(|report| tell(report, cause));
        if self.host.current() != before {
            self.sweep_workers();
        }
    }

    fn sweep_workers(&self) {
        for worker in &self.workers {
            // A worker that is too busy for this sweeps with its next question.
            let _ = worker.post(Mail::Sweep);
        }
        if let Some(modules) = &self.modules {
            modules.sweep();
        }
    }
}

/// What was loaded or refused is in the plugin host's own lines; this one says who asked and what it cost.
fn tell(report: &ReloadReport, cause: &'static str) {
    let outcome = match report.outcome {
        Ok(Reloaded::Activated(_)) => "loaded",
        Ok(Reloaded::OnTrial(..)) => "on trial",
        Ok(Reloaded::Shadowed(_)) => "compared",
        Ok(Reloaded::Unchanged) => "unchanged",
        Ok(Reloaded::Withdrawn) => "withdrawn",
        Err(_) => "refused",
    };
    let took_us = report.took.as_micros() as u64;
    debug!(plugin = report.plugin, cause, outcome, took_us, "plugin files read");
}
