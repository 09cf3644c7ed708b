//! The database's tables, and the way from each older schema to this one.
use rusqlite::Connection;

/// Schema that this program writes.
pub(super) const KNOWN: u32 = 1;

/// `MIGRATIONS[n]` leads from schema n to n + 1. Never edited, only added to.
const MIGRATIONS: [&str; 1] = ["
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
"];

pub(super) fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings schema `found` to [`KNOWN`], each step in a transaction of its own.
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
