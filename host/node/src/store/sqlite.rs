//! The embedded store: one SQLite database, one connection.
//!
//! Write-ahead logging with `synchronous=FULL`: a transaction's pages are in the log and the log is synced before the commit
//! returns, so what was committed outlives the process and, as far as the disk does what it is told, a loss of power. The lock is
//! exclusive, so that no second process writes and no shared memory is needed; the kernel gives it back with the process.

use std::{
    fs::OpenOptions,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use model::{Aor, MessageCount};
use rusqlite::{Connection, ErrorCode, Row, params};

use super::{Change, ContactStore, Record, StoreError, StoreFault};

/// `user_version` of the schema below.
const SCHEMA: i64 = 5;
/// `application_id`: "Jkfd".
const APPLICATION: i64 = 0x4a6b_6664;
/// How long to wait for a process that is just ending.
const LOCK_WAIT: Duration = Duration::from_millis(500);

const CREATE: &str = "
    CREATE TABLE contact (
        aor TEXT NOT NULL,
        position INTEGER NOT NULL,
        contact TEXT NOT NULL,
        transport TEXT NOT NULL,
        listener TEXT NOT NULL,
        peer TEXT NOT NULL,
        q_milli INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        call_id TEXT NOT NULL,
        cseq INTEGER NOT NULL,
        user_agent TEXT NOT NULL,
        path TEXT NOT NULL DEFAULT '',
        behind_nat INTEGER NOT NULL DEFAULT 0,
        instance TEXT NOT NULL DEFAULT '',
        reg_id INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (aor, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX contact_by_expiry ON contact (expires_ms);
    CREATE TABLE message_count (
        aor TEXT PRIMARY KEY NOT NULL,
        new INTEGER NOT NULL,
        old INTEGER NOT NULL,
        urgent_new INTEGER NOT NULL,
        urgent_old INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;";
/// What each version lacked that the next one has: version 1 knew no path, version 2 no NAT, version 3 no messages,
/// version 4 no instances.
const UPGRADES: &[&str] = &[
    "ALTER TABLE contact ADD COLUMN path TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE contact ADD COLUMN behind_nat INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE message_count (aor TEXT PRIMARY KEY NOT NULL, new INTEGER NOT NULL, old INTEGER NOT NULL,
        urgent_new INTEGER NOT NULL, urgent_old INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "ALTER TABLE contact ADD COLUMN instance TEXT NOT NULL DEFAULT '';
        ALTER TABLE contact ADD COLUMN reg_id INTEGER NOT NULL DEFAULT 0",
];
const LOAD: &str = "SELECT
    aor, contact, transport, listener, peer, q_milli, expires_ms, call_id, cseq, user_agent, path,
    behind_nat, instance, reg_id
    FROM contact WHERE expires_ms > ?1 ORDER BY aor, position";
const REMOVE: &str = "DELETE FROM contact WHERE aor = ?1";
const INSERT: &str =
    "INSERT INTO contact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const COUNTS: &str = "SELECT aor, new, old, urgent_new, urgent_old FROM message_count";
const COUNT: &str = "INSERT OR REPLACE INTO message_count VALUES (?1, ?2, ?3, ?4, ?5)";
const PURGE: &str = "DELETE FROM contact WHERE expires_ms <= ?1";

/// Contacts in a file.
pub struct SqliteStore {
    path: PathBuf,
    connection: Connection,
}

impl SqliteStore {
    /// Opens the file, or makes it, readable by its owner alone; nobody else can open it from then on.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, and what to do.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |fault| StoreError { path: path.to_owned(), fault };
        // SQLite would make the file readable by whom the umask lets.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| fail(StoreFault::Failed(error.to_string())))?;
        let connection = Connection::open(path).map_err(|error| fail(fault(&error)))?;
        let store = Self { path: path.to_owned(), connection };
        match store.prepare() {
            Ok(None) => Ok(store),
            Ok(Some(fault)) => Err(fail(fault)),
            Err(error) => Err(fail(fault(&error))),
        }
    }

    /// Takes the lock, looks whose the file is, and makes the tables of an empty one.
    fn prepare(&self) -> rusqlite::Result<Option<StoreFault>> {
        let db = &self.connection;
        db.busy_timeout(LOCK_WAIT)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // The first write takes the lock for as long as the connection lives.
        db.execute_batch("BEGIN EXCLUSIVE")?;
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if (version, application, tables) == (0, 0, 0) {
            db.execute_batch(CREATE)?;
            db.pragma_update(None, "user_version", SCHEMA)?;
            db.pragma_update(None, "application_id", APPLICATION)?;
        } else if application != APPLICATION {
            return Ok(Some(StoreFault::Foreign));
        } else if (1..SCHEMA).contains(&version) {
            let done = usize::try_from(version - 1).unwrap_or(0);
            for upgrade in UPGRADES.iter().skip(done) {
                db.execute_batch(upgrade)?;
            }
            db.pragma_update(None, "user_version", SCHEMA)?;
        } else if version != SCHEMA {
            return Ok(Some(StoreFault::Newer { found: version, known: SCHEMA }));
        }
        db.execute_batch("COMMIT")?;
        Ok(None)
    }

    fn fail(&self, error: &rusqlite::Error) -> StoreError {
        StoreError { path: self.path.clone(), fault: fault(error) }
    }

    fn load_rows(&self, now_ms: u64) -> rusqlite::Result<Vec<Change>> {
        let mut statement = self.connection.prepare(LOAD)?;
        let mut rows = statement.query([signed(now_ms)])?;
        let mut changes: Vec<Change> = Vec::new();
        while let Some(row) = rows.next()? {
            let aor: String = row.get(0)?;
            let Some((aor, record)) = aor.rsplit_once('@').zip(record(row)?) else { continue };
            let aor = Aor::new(aor.0, aor.1);
            match changes.last_mut() {
                Some(last) if last.aor == aor => last.records.push(record),
                Some(_) | None => changes.push(Change { aor, records: vec![record] }),
            }
        }
        Ok(changes)
    }

    fn count_rows(&self) -> rusqlite::Result<Vec<(Aor, MessageCount)>> {
        let mut statement = self.connection.prepare(COUNTS)?;
        let rows = statement.query_map([], |row| {
            let aor: String = row.get(0)?;
            let (user, host) = aor.rsplit_once('@').unwrap_or_default();
            let [new, old, urgent_new, urgent_old] =
                [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((Aor::new(user, host), MessageCount { new, old, urgent_new, urgent_old }))
        })?;
        rows.collect()
    }

    fn write_rows(&mut self, changes: &[Change]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut remove = transaction.prepare_cached(REMOVE)?;
            let mut insert = transaction.prepare_cached(INSERT)?;
            for Change { aor, records } in changes {
                remove.execute([aor.as_str()])?;
                for (position, record) in records.iter().enumerate() {
                    insert.execute(params![
                        aor.as_str(),
                        position as i64,
                        record.contact,
                        record.transport,
                        record.listener,
                        record.peer.to_string(),
                        record.q_milli,
                        signed(record.expires_ms),
                        record.call_id,
                        record.cseq,
                        record.user_agent,
                        record.path,
                        record.is_behind_nat,
                        record.instance,
                        record.reg_id,
                    ])?;
                }
            }
        }
        transaction.commit()
    }
}

impl ContactStore for SqliteStore {
    fn load(&mut self, now_ms: u64) -> Result<Vec<Change>, StoreError> {
        self.load_rows(now_ms).map_err(|error| self.fail(&error))
    }

    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.write_rows(changes).map_err(|error| self.fail(&error))
    }

    fn counts(&mut self) -> Result<Vec<(Aor, MessageCount)>, StoreError> {
        self.count_rows().map_err(|error| self.fail(&error))
    }

    fn write_count(&mut self, aor: &Aor, count: MessageCount) -> Result<(), StoreError> {
        let MessageCount { new, old, urgent_new, urgent_old } = count;
        let values = params![aor.as_str(), new, old, urgent_new, urgent_old];
        let written = self.connection.execute(COUNT, values);
        written.map(|_| ()).map_err(|error| self.fail(&error))
    }

    fn purge(&mut self, now_ms: u64) -> Result<usize, StoreError> {
        self.connection.execute(PURGE, [signed(now_ms)]).map_err(|error| self.fail(&error))
    }
}

/// A row of [`LOAD`]; `None` when its values are none this program wrote.
fn record(row: &Row<'_>) -> rusqlite::Result<Option<Record>> {
    let peer: String = row.get(4)?;
    let Ok(peer) = peer.parse::<SocketAddr>() else { return Ok(None) };
    let expires_ms: i64 = row.get(6)?;
    Ok(Some(Record {
        contact: row.get(1)?,
        transport: row.get(2)?,
        listener: row.get(3)?,
        peer,
        q_milli: row.get(5)?,
        expires_ms: u64::try_from(expires_ms).unwrap_or(0),
        call_id: row.get(7)?,
        cseq: row.get(8)?,
        user_agent: row.get(9)?,
        path: row.get(10)?,
        is_behind_nat: row.get(11)?,
        instance: row.get(12)?,
        reg_id: row.get(13)?,
    }))
}

/// Milliseconds as the database keeps them; 292 million years are enough.
fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn fault(error: &rusqlite::Error) -> StoreFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreFault::Locked,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreFault::Corrupt(error.to_string())
        }
        Some(_) | None => StoreFault::Failed(error.to_string()),
    }
}

#[cfg(test)]
#[path = "sqlite_test.rs"]
mod tests;
