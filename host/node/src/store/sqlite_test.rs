#![allow(clippy::unwrap_used, clippy::expect_used)]

use tempfile::TempDir;

use super::*;

fn record(contact: &str, expires_ms: u64) -> Record {
    Record {
        contact: contact.to_owned(),
        transport: "udp".to_owned(),
        listener: "lan".to_owned(),
        peer: "[2001:db8::1]:5060".parse().unwrap(),
        is_behind_nat: true,
        q_milli: 500,
        expires_ms,
        call_id: "a'b\"c".to_owned(),
        cseq: u32::MAX,
        user_agent: "Téléphone".to_owned(),
        path: "<sip:edge.example;lr>".to_owned(),
        instance: "urn:uuid:0-1".to_owned(),
        reg_id: u32::MAX,
    }
}

fn change(user: &str, records: Vec<Record>) -> Change {
    Change { aor: Aor::new(user, "example.org"), records }
}

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contacts.db");
    (folder, path)
}

fn refusal(path: &Path) -> String {
    SqliteStore::open(path).err().expect("the file is refused").to_string()
}

#[test]
fn what_was_written_is_there_after_the_file_was_closed() {
    let (_folder, path) = file();
    let kept = change("2000", vec![record("sip:b@192.0.2.1", 900), record("sip:a@h", 800)]);
    let mut store = SqliteStore::open(&path).unwrap();
    store.write(&[kept.clone(), change("2001", vec![record("sip:c@h", 700)])]).unwrap();
    store.write(&[change("2001", Vec::new())]).unwrap();
    drop(store);
    assert_eq!(SqliteStore::open(&path).unwrap().load(0).unwrap(), [kept]);
}

#[test]
fn a_new_state_takes_the_place_of_the_former() {
    let (_folder, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    store.write(&[change("2000", vec![record("sip:a@h", 900), record("sip:b@h", 900)])]).unwrap();
    let last = change("2000", vec![record("sip:c@h", 950)]);
    store.write(std::slice::from_ref(&last)).unwrap();
    assert_eq!(store.load(0).unwrap(), [last]);
}

#[test]
fn what_lapsed_is_not_loaded_and_can_be_removed() {
    let (_folder, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    store.write(&[change("2000", vec![record("sip:a@h", 900), record("sip:b@h", 901)])]).unwrap();
    let left = [change("2000", vec![record("sip:b@h", 901)])];
    assert_eq!(store.load(900).unwrap(), left);
    assert_eq!((store.purge(900).unwrap(), store.purge(900).unwrap()), (1, 0));
    assert_eq!(store.load(0).unwrap(), left);
}

#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = file();
    let _store = SqliteStore::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_closed() {
    let (_folder, path) = file();
    let first = SqliteStore::open(&path).unwrap();
    let text = refusal(&path);
    assert!(text.contains("another process has this store open"), "{text}");
    drop(first);
    assert!(SqliteStore::open(&path).is_ok());
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date_and_nothing_of_it_is_lost() {
    let (_folder, path) = file();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE contact (
             aor TEXT NOT NULL, position INTEGER NOT NULL, contact TEXT NOT NULL, transport TEXT NOT NULL,
             listener TEXT NOT NULL, peer TEXT NOT NULL, q_milli INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
             call_id TEXT NOT NULL, cseq INTEGER NOT NULL, user_agent TEXT NOT NULL, PRIMARY KEY (aor, position)
         ) STRICT, WITHOUT ROWID;
         CREATE INDEX contact_by_expiry ON contact (expires_ms);
         INSERT INTO contact VALUES ('2000@example.org', 0, 'sip:a@h', 'udp', 'lan', '[2001:db8::1]:5060', 500, 900,
             'a''b\"c', 4294967295, 'Téléphone');
         PRAGMA user_version = 1; PRAGMA application_id = 1248552548;",
    )
    .unwrap();
    drop(old);
    let mut store = SqliteStore::open(&path).unwrap();
    let kept = Record {
        path: String::new(),
        is_behind_nat: false,
        instance: String::new(),
        reg_id: 0,
        ..record("sip:a@h", 900)
    };
    assert_eq!(store.load(0).unwrap(), [change("2000", vec![kept])]);
    store.write(&[change("2001", vec![record("sip:b@h", 901)])]).unwrap();
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.load(0).unwrap()[1], change("2001", vec![record("sip:b@h", 901)]));
}

#[test]
fn a_later_schema_and_another_programs_database_are_refused_unchanged() {
    let (_folder, path) = file();
    drop(SqliteStore::open(&path).unwrap());
    let set = |what: &str, value: i64| {
        Connection::open(&path).unwrap().pragma_update(None, what, value).unwrap();
    };
    set("user_version", SCHEMA + 1);
    let text = refusal(&path);
    assert!(text.contains("schema 6, known here up to 5"), "{text}");
    set("application_id", 7);
    let text = refusal(&path);
    assert!(text.contains("another program's database"), "{text}");
}

#[test]
fn a_damaged_file_is_told_with_what_to_do() {
    let (_folder, path) = file();
    std::fs::write(
        &path,
        "this is no database, and long enough to have a header of one".repeat(20),
    )
    .unwrap();
    let text = refusal(&path);
    assert!(text.contains("cannot be read") && text.contains("move the file away"), "{text}");
}

#[test]
fn a_missing_folder_is_told_with_what_to_do() {
    let (folder, _) = file();
    let text = refusal(&folder.path().join("none/contacts.db"));
    assert!(text.contains("see that its folder is there"), "{text}");
}

#[test]
fn a_write_that_finds_no_room_changes_nothing() {
    let (_folder, path) = file();
    let mut store = SqliteStore::open(&path).unwrap();
    let kept = change("2000", vec![record("sip:a@h", 900)]);
    store.write(std::slice::from_ref(&kept)).unwrap();
    let pages: i64 =
        store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.connection.pragma_update(None, "max_page_count", pages).unwrap();
    let large = record(&format!("sip:{}@h", "x".repeat(20_000)), 900);
    let error = store.write(&[change("2000", vec![large])]).unwrap_err();
    assert!(error.to_string().contains("has room"), "{error}");
    assert_eq!(store.load(0).unwrap(), [kept]);
}

#[test]
fn the_messages_of_a_user_outlive_the_process() {
    let (_folder, path) = file();
    let count = |new| MessageCount { new, old: 4, urgent_new: 1, urgent_old: 2 };
    let aor = Aor::new("ann", "h");
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.counts().unwrap(), []);
    store.write_count(&aor, count(1)).unwrap();
    store.write_count(&aor, count(3)).unwrap();
    drop(store);
    assert_eq!(SqliteStore::open(&path).unwrap().counts().unwrap(), [(aor, count(3))]);
}
