//! Keeps what made a plugin fail, in files that `jackfield plugin replay` asks again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use model::{
    Digest, Moment,
    hook::{Failure, Question, QuestionId},
};
use record::{HIDDEN, Recorded, Repro, Said};

use crate::{
    HostConfig, Kind, ReproPolicy, generation::Generation, observe::spoken, settings,
    shelves::Reads,
};

/// The ending of the files.
const ENDING: &str = "repro";
/// What a key of a configuration has in its name when its value is nobody's business.
const SECRET: [&str; 11] = [
    "secret",
    "password",
    "passwd",
    "pwd",
    "token",
    "key",
    "credential",
    "pin",
    "auth",
    "ha1",
    "bearer",
];

/// What a generation was made of, for who wants to make it again.
#[derive(Debug)]
pub(crate) struct Origin {
    /// SHA-256 of the component or script.
    pub(crate) code: Digest,
    pub(crate) config: toml::Table,
}

/// Takes failed decisions, and writes them on a thread of its own.
pub(crate) struct Keeper {
    policy: ReproPolicy,
    writer: Option<(SyncSender<Box<Kept>>, JoinHandle<()>)>,
    dropped: AtomicU64,
    limits: (Duration, usize),
}

struct Kept {
    repro: KeptRepro,
    name: String,
}

struct KeptRepro {
    recorded: Recorded,
    origin: Arc<Origin>,
    kind: Kind,
    version: String,
    limits: (Duration, usize),
    backtrace: Option<String>,
}

impl Keeper {
    /// Starts the thread, if there is a folder to write to.
    pub(crate) fn new(config: &HostConfig) -> io::Result<Self> {
        let policy = config.repro.clone();
        let writer = match policy.folder.clone() {
            None => None,
            Some(folder) => {
                let (sender, receiver) = sync_channel(policy.queue_max.max(1));
                let theirs = policy.clone();
                let builder = std::thread::Builder::new().name("plugin-repro".to_owned());
                let thread = builder.spawn(move || write_all(&folder, &theirs, &receiver))?;
                Some((sender, thread))
            }
        };
        let limits = (config.cpu_limit, config.memory_limit);
        Ok(Self { policy, writer, dropped: AtomicU64::new(0), limits })
    }

    /// Whether failures are kept.
    pub(crate) const fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Failures that found no room on their way to a file.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Hands a failure over, if it is among the first of its generation and hook. It never waits.
    pub(crate) fn keep(
        &self,
        generation: &Generation,
        (question, moment, reads): (&Question, Moment, &Reads),
        failure: &Failure,
        took_ns: u64,
    ) {
        let backtrace = crate::wasm::take_backtrace();
        let Some((sender, _)) = &self.writer else { return };
        let Some(number) = generation.count_failure(question.hook(), self.policy.per_hook) else {
            return;
        };
        let reference = &generation.reference;
        let said = Said::by(reference, took_ns, spoken(&Err(failure.clone())));
        let question = Question { id: QuestionId(0), pin: None, ..question.clone() };
        let (hook, kind) = (question.hook(), failure.kind.name());
        let short = reference.digest.short();
        let name = format!("{}-{short}-{hook}-{number}-{kind}.{ENDING}", reference.plugin);
        let recorded = Recorded { question, moment, said: Some(said), reads: reads.recorded() };
        let repro = KeptRepro {
            recorded,
            origin: Arc::clone(&generation.origin),
            kind: generation.kind,
            version: generation.version.clone(),
            limits: self.limits,
            backtrace,
        };
        if sender.try_send(Box::new(Kept { repro, name })).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.writer.take() {
            drop(sender);
            // A thread that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

impl KeptRepro {
    fn told(self) -> Repro {
        let mut hidden = Vec::new();
        let config = self.origin.config.iter().map(|(key, value)| {
            let is_secret = has_secret(key, value);
            if is_secret {
                hidden.push(key.clone());
            }
            let value = if is_secret { HIDDEN.into() } else { settings::json(value) };
            (key.clone(), value)
        });
        let config = config.collect();
        let (cpu_limit, memory_limit) = self.limits;
        Repro {
            recorded: self.recorded,
            code_sha256: self.origin.code.to_string(),
            kind: self.kind.name().to_owned(),
            version: self.version,
            config,
            hidden,
            cpu_limit_us: u64::try_from(cpu_limit.as_micros()).unwrap_or(u64::MAX),
            memory_limit: u64::try_from(memory_limit).unwrap_or(u64::MAX),
            backtrace: self.backtrace,
        }
    }
}

/// Whether the value of a key is nobody's business by its name.
pub(crate) fn is_secret(key: &str) -> bool {
    let lower = key.to_lowercase();
    SECRET.iter().any(|word| lower.contains(word))
}

/// Whether a value, or one within it, is nobody's business by the name of its key.
fn has_secret(key: &str, value: &toml::Value) -> bool {
    is_secret(key)
        || match value {
            toml::Value::Table(table) => table.iter().any(|(key, value)| has_secret(key, value)),
            toml::Value::Array(values) => values.iter().any(|value| has_secret("", value)),
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => false,
        }
}

fn write_all(folder: &Path, policy: &ReproPolicy, receiver: &Receiver<Box<Kept>>) {
    for kept in receiver {
        let Kept { repro, name } = *kept;
        let path = folder.join(name);
        match write(folder, &path, &repro.told().to_text(), policy) {
            Ok(true) => tracing::info!(file = %path.display(), "failed decision kept"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(
                    file = %path.display(), %error,
                    "a failed decision could not be kept; check plugins.repro_dir"
                );
            }
        }
    }
}

/// Writes a file whole or not at all, after as many of the oldest were removed as it needs room. False when it is there already or
/// is larger than all may be.
fn write(folder: &Path, path: &Path, text: &str, policy: &ReproPolicy) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    if path.exists() || text.len() as u64 > policy.bytes_max || policy.files_max == 0 {
        return Ok(false);
    }
    let mut files = kept(folder)?;
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    let mut oldest = files.into_iter();
    while oldest.len() >= policy.files_max || bytes + text.len() as u64 > policy.bytes_max {
        let Some((_, freed, old)) = oldest.next() else { break };
        fs::remove_file(&old)?;
        bytes = bytes.saturating_sub(freed);
    }
    let part = path.with_extension("part");
    let written = write_private(&part, text).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // A disk that is full keeps no half of it.
        let _ = fs::remove_file(&part);
    }
    written.map(|()| true)
}

/// The files that are kept: when they were written, how large they are.
fn kept(folder: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            let metadata = entry.metadata()?;
            files.push((metadata.modified()?, metadata.len(), path));
        }
    }
    Ok(files)
}

/// What callers said is in it, so nobody else reads it.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};

    // What lies there may be a link to something else, or readable by others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
