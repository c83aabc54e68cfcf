//! What plugins keep, written down: one SQLite database, and a thread that writes what has changed since the last time.
//!
//! A plugin's write is in memory when its answer is taken, and on the disk `plugins.state_flush_ms` later at the latest: that much a
//! crash loses. Whoever stops the switch loses nothing.

use std::{
    fmt::Display,
    fs::{OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use plugin::{KeptChange, KeptNews, KeptSource, PluginHost, WrittenDown};
use rusqlite::{Connection, params};
use tracing::{error, info};

/// `user_version` of the tables below.
const VERSION: i64 = 1;
/// `application_id`: "Jkfs".
const APPLICATION: i64 = 0x4a6b_6673;
/// How long to wait for a process that is just ending.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// How long to wait before a write that failed is tried again, at least.
const RETRY: Duration = Duration::from_secs(2);

const CREATE: &str = "
    CREATE TABLE serving (
        plugin TEXT PRIMARY KEY NOT NULL,
        schema INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kept (
        plugin TEXT NOT NULL,
        schema INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (plugin, schema, key)
    ) STRICT, WITHOUT ROWID;";
const SERVING: &str = "SELECT schema FROM serving WHERE plugin = ?1";
const SERVES: &str = "INSERT OR REPLACE INTO serving VALUES (?1, ?2)";
const LOAD: &str = "SELECT schema, key, value FROM kept WHERE plugin = ?1 ORDER BY schema";
const PUT: &str = "INSERT OR REPLACE INTO kept VALUES (?1, ?2, ?3, ?4)";
const REMOVE: &str = "DELETE FROM kept WHERE plugin = ?1 AND schema = ?2 AND key = ?3";
const FORGET: &str = "DELETE FROM kept WHERE plugin = ?1 AND schema = ?2";

/// The file. Used where plugins are loaded and by the thread that writes, neither of which is on a call's path.
#[derive(Clone)]
pub(crate) struct KeptFile(Arc<Mutex<Connection>>);

impl KeptFile {
    /// Opens the file, or makes it, readable by its owner alone.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let named = |error: &dyn Display| io::Error::other(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| named(&error))?;
        }
        // SQLite would make the file readable by whom the umask lets.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let private = Permissions::from_mode(0o600);
        file.and_then(|file| file.set_permissions(private)).map_err(|error| named(&error))?;
        let connection = Connection::open(path).map_err(|error| named(&error))?;
        match prepare(&connection).map_err(|error| named(&error))? {
            None => Ok(Self(Arc::new(Mutex::new(connection)))),
            Some(what) => Err(named(&what)),
        }
    }

    /// Makes all these changes, in their order, or none.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub(crate) fn write(&self, changes: &[KeptChange]) -> rusqlite::Result<()> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        for KeptChange { plugin, schema, what } in changes {
            match what {
                KeptNews::Serves => {
                    transaction.prepare_cached(SERVES)?.execute(params![plugin, schema])?
                }
                KeptNews::Forget => {
                    transaction.prepare_cached(FORGET)?.execute(params![plugin, schema])?
                }
                KeptNews::Put(key, value) => {
                    transaction.prepare_cached(PUT)?.execute(params![plugin, schema, key, value])?
                }
                KeptNews::Remove(key) => {
                    transaction.prepare_cached(REMOVE)?.execute(params![plugin, schema, key])?
                }
            };
        }
        transaction.commit()
    }

    fn read(&self, plugin: &str) -> rusqlite::Result<WrittenDown> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = WrittenDown::default();
        let mut serving = connection.prepare_cached(SERVING)?;
        let mut rows = serving.query(params![plugin])?;
        if let Some(row) = rows.next()? {
            found.serving = Some(row.get(0)?);
        }
        let mut statement = connection.prepare_cached(LOAD)?;
        let mut rows = statement.query(params![plugin])?;
        while let Some(row) = rows.next()? {
            let entry = (row.get(1)?, row.get(2)?);
            found.entries.entry(row.get(0)?).or_default().push(entry);
        }
        Ok(found)
    }
}

/// Takes the lock, looks whose the file is, and makes the tables of an empty one. Gives what is wrong with it.
fn prepare(db: &Connection) -> rusqlite::Result<Option<String>> {
    db.busy_timeout(LOCK_WAIT)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // The first write takes the lock for as long as the connection lives.
    db.execute_batch("BEGIN EXCLUSIVE")?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (version, application, tables) == (0, 0, 0) {
        db.execute_batch(CREATE)?;
        db.pragma_update(None, "user_version", VERSION)?;
        db.pragma_update(None, "application_id", APPLICATION)?;
    } else if application != APPLICATION {
        return Ok(Some(
            "another program's file; move it away, or give another node.data_path".into(),
        ));
    } else if version != VERSION {
        return Ok(Some(format!(
            "it has version {version} and this program reads {VERSION}: use the program that wrote it"
        )));
    }
    db.execute_batch("COMMIT")?;
    Ok(None)
}

impl KeptSource for KeptFile {
    fn load(&self, plugin: &str) -> Result<WrittenDown, String> {
        self.read(plugin).map_err(|error| error.to_string())
    }
}

/// A file that cannot be opened, and why: a switch whose plugins keep nothing goes without it, and one that keeps something is not
/// loaded.
pub(crate) struct Unreadable(pub(crate) String);

impl KeptSource for Unreadable {
    fn load(&self, _: &str) -> Result<WrittenDown, String> {
        Err(self.0.clone())
    }
}

/// The thread that writes down what plugins have changed. Dropped, it writes what is left and ends.
pub(crate) struct KeptThread {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl KeptThread {
    /// Starts it; it writes so often.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn start(
        host: Arc<PluginHost>,
        file: KeptFile,
        every: Duration,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new().name("kept".to_owned()).spawn(move || {
            let mut is_failing = false;
            loop {
                let wait = if is_failing { every.max(RETRY) } else { every };
                let is_over = stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
                is_failing = flush(&host, &file, is_failing);
                if is_over {
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for KeptThread {
    fn drop(&mut self) {
        // A thread that is gone needs no telling, and one that panicked has told so on standard error.
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes what has changed. Gives whether that failed: the first failure is told and the first success after it, not each.
fn flush(host: &PluginHost, file: &KeptFile, was_failing: bool) -> bool {
    match host.flush_kept(|changes| file.write(changes)) {
        // Nothing was tried.
        Ok(0) => was_failing,
        Ok(_) => {
            if was_failing {
                info!("what plugins keep is written again");
            }
            false
        }
        Err(error) => {
            if !was_failing {
                error!(%error, "what plugins keep cannot be written; it is tried again and again");
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn change(schema: u32, what: KeptNews) -> KeptChange {
        KeptChange { plugin: "desk".to_owned(), schema, what }
    }

    fn put(key: &str, value: &str) -> KeptNews {
        KeptNews::Put(key.to_owned(), value.to_owned())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_written_is_read_by_plugin_and_schema() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/plugin-state.sqlite");
        let file = KeptFile::open(&path).unwrap();
        let first = [
            change(1, KeptNews::Serves),
            change(1, put("a", "1")),
            change(1, put("b", "2")),
            change(2, put("a", "3")),
            change(1, KeptNews::Remove("b".to_owned())),
            change(2, KeptNews::Serves),
            KeptChange { plugin: "other".to_owned(), ..change(1, put("a", "9")) },
        ];
        file.write(&first).unwrap();
        let other = KeptFile::open(&path).err().map(|error| error.to_string());
        assert!(other.is_some_and(|said| said.contains("locked")), "one process at a time");
        drop(file);
        let file = KeptFile::open(&path).unwrap();
        let mut both = WrittenDown {
            serving: Some(2),
            entries: [(1, pairs(&[("a", "1")])), (2, pairs(&[("a", "3")]))].into(),
        };
        assert_eq!(file.load("desk").unwrap(), both);
        file.write(&[change(2, KeptNews::Forget), change(1, KeptNews::Serves)]).unwrap();
        both.serving = Some(1);
        both.entries.remove(&2);
        assert_eq!(file.load("desk").unwrap(), both);
        assert_eq!(file.load("nobody").unwrap(), WrittenDown::default());
    }

    #[test]
    fn a_file_of_somebody_else_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin-state.sqlite");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
        let said = KeptFile::open(&path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("another program's file"), "{said}");
        std::fs::write(&path, "no database").unwrap();
        assert!(KeptFile::open(&path).is_err());
    }
}
