//! The database's tables, and the migrations from older schemas.
use rusqlite::Connection;

/// Schema that this program writes.
pub(super) const KNOWN: u32 = 5;

/// `MIGRATIONS[n]` leads from schema n to n + 1. Only add to it, never edit it.
const MIGRATIONS: [&str; 5] = [
    "
    CREATE TABLE workers (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL, ended INTEGER NOT NULL, doc TEXT NOT NULL);
    CREATE UNIQUE INDEX live_workers ON workers (id) WHERE ended = 0;
    CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY, worker TEXT NOT NULL, open INTEGER NOT NULL, doc TEXT NOT NULL);
    CREATE INDEX deliveries_of ON deliveries (worker, id);
    CREATE INDEX open_deliveries ON deliveries (open) WHERE open = 1;
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, worker TEXT, doc TEXT NOT NULL);
    CREATE INDEX events_of ON events (worker, seq);
    CREATE TABLE cleanups (worker TEXT PRIMARY KEY, doc TEXT NOT NULL);
",
    // When a row was finished, to remove old ones; and long texts out of the documents, which are
    // written at every step of a delivery.
    "
    ALTER TABLE workers ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE deliveries ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
    UPDATE workers SET at = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
    UPDATE deliveries SET at = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
    CREATE TABLE texts (delivery INTEGER PRIMARY KEY, text TEXT NOT NULL);
    CREATE TRIGGER texts_of_deliveries AFTER DELETE ON deliveries
        BEGIN DELETE FROM texts WHERE delivery = old.id; END;
",
    // The inbox. `report` is the id of the report that an item is from: none becomes two items.
    "
    CREATE TABLE items (
        id INTEGER PRIMARY KEY, worker TEXT NOT NULL, open INTEGER NOT NULL, at INTEGER NOT NULL,
        report TEXT, doc TEXT NOT NULL);
    CREATE INDEX open_items ON items (open) WHERE open = 1;
    CREATE INDEX items_of_reports ON items (id) WHERE report IS NOT NULL;
",
    // What is planned for a time.
    "
    CREATE TABLE schedules (
        id INTEGER PRIMARY KEY, open INTEGER NOT NULL, at INTEGER NOT NULL, doc TEXT NOT NULL);
",
    // Lists of tasks.
    "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, open INTEGER NOT NULL, at INTEGER NOT NULL, doc TEXT NOT NULL);
    CREATE INDEX open_runs ON runs (open) WHERE open = 1;
",
];

pub(super) fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings schema `found` to [`KNOWN`], each step in a separate transaction.
pub(super) fn migrate(db: &mut Connection, found: u32) -> rusqlite::Result<()> {
    for (from, script) in (0..).zip(MIGRATIONS) {
        if from < found {
            continue;
        }
        let step = db.transaction()?;
        step.execute_batch(script)?;
        step.pragma_update(None, "user_version", from + 1)?;
        step.commit()?;
    }
    Ok(())
}
