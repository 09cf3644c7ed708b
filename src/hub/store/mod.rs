//! The hub's store in SQLite: workers, deliveries, unfinished cleanups, the event log.
//!
//! Knows rows and transactions; decides nothing. A database that cannot be read is an error and
//! stays unchanged; one of a newer schema is refused. A row that cannot be read stays, too, and is
//! reported. Each batch is written in one transaction. [`disk`] runs all of it on a separate
//! thread.
pub(super) mod disk;
mod read;
mod schema;
mod tidy;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, params};
pub use tidy::Keep;

use super::state::Record;
use crate::model::{Delivery, DeliveryId, Worker, WorkerId};

/// A longer text has its own row, which is written once.
const MAX_INLINE: usize = 1 << 10;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not open the database `{}`", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("the database `{}` was written by a newer wtmag (schema {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("could not {act} the database")]
    Use { act: &'static str, source: rusqlite::Error },
    #[error("a record cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}

#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens or creates the database. This process owns it until it is dropped.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let open = |source| Error::Open { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(path, flags).map_err(open)?;
        db.busy_timeout(Duration::from_millis(100)).map_err(open)?;
        let found = schema::version(&db).map_err(open)?;
        if found > schema::KNOWN {
            return Err(Error::Newer { path: path.to_owned(), found, known: schema::KNOWN });
        }
        // Only a new database accepts this setting.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(open)?;
        // NORMAL under WAL: a commit survives kill -9 of the hub without a disk sync.
        db.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(open)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(open)?;
        // `tidy` does it when idle.
        db.pragma_update(None, "wal_autocheckpoint", 0).map_err(open)?;
        schema::migrate(&mut db, found).map_err(open)?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Writes all of `records` or, on any error, none.
    pub fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        let wrote = |source| Error::Use { act: "write to", source };
        let batch = self.db.transaction().map_err(wrote)?;
        for record in records {
            write_one(&batch, record)?;
        }
        batch.commit().map_err(wrote)?;
        self.limit_log()
    }
}

fn write_one(batch: &Transaction<'_>, record: &Record) -> Result<(), Error> {
    match record {
        Record::Worker(worker) => write_worker(batch, worker),
        Record::Delivery(delivery) => write_delivery(batch, delivery),
        Record::Event(event) => {
            let sql = "INSERT INTO events (seq, at, worker, doc) VALUES (?1, ?2, ?3, ?4)";
            let worker = event.worker.as_ref().map(WorkerId::as_str);
            let doc = serde_json::to_string(event)?;
            run(batch, sql, params![event.seq, event.at.0, worker, doc]).map(drop)
        }
        Record::Cleanup(cleanup) => {
            let sql = "INSERT OR REPLACE INTO cleanups (worker, doc) VALUES (?1, ?2)";
            let doc = serde_json::to_string(cleanup)?;
            run(batch, sql, params![cleanup.id.as_str(), doc]).map(drop)
        }
        Record::Item(item) => {
            let sql = "INSERT OR REPLACE INTO items (id, worker, open, at, report, doc)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let at = item.closed.as_ref().map_or(item.at, |it| it.at).0;
            let (worker, doc) = (item.worker.as_str(), serde_json::to_string(item)?);
            let params = params![item.id.0, worker, item.is_open(), at, item.report, doc];
            run(batch, sql, params).map(drop)
        }
        Record::Schedule(it) => {
            let sql =
                "INSERT OR REPLACE INTO schedules (id, open, at, doc) VALUES (?1, ?2, ?3, ?4)";
            let at = it.over.unwrap_or(it.made).0;
            let doc = serde_json::to_string(it)?;
            run(batch, sql, params![it.id.0, it.over.is_none(), at, doc]).map(drop)
        }
        Record::Run(it) => {
            let sql = "INSERT OR REPLACE INTO runs (id, open, at, doc) VALUES (?1, ?2, ?3, ?4)";
            let (at, doc) = (it.over.unwrap_or(it.created).0, serde_json::to_string(it)?);
            run(batch, sql, params![it.id.0, it.over.is_none(), at, doc]).map(drop)
        }
        Record::CleanupOver(worker) => {
            let sql = "DELETE FROM cleanups WHERE worker = ?1";
            run(batch, sql, params![worker.as_str()]).map(drop)
        }
        Record::MarkerCleared { worker, created } => {
            let sql = "UPDATE workers SET doc = json_remove(doc, '$.markers')
                WHERE id = ?1 AND ended = 1 AND json_extract(doc, '$.created') = ?2";
            run(batch, sql, params![worker.as_str(), created.to_string()]).map(drop)
        }
    }
}

fn write_worker(batch: &Transaction<'_>, worker: &Worker) -> Result<(), Error> {
    let (id, doc) = (worker.id.as_str(), serde_json::to_string(worker)?);
    let (ended, at) = (worker.ended.is_some(), worker.ended.unwrap_or(worker.created).0);
    let sql = "UPDATE workers SET ended = ?2, at = ?3, doc = ?4 WHERE id = ?1 AND ended = 0";
    let mut written = run(batch, sql, params![id, ended, at, doc])?;
    if written == 0 && !ended {
        // A removed worker whose agent was started again.
        let created = worker.created.to_string();
        let sql = "UPDATE workers SET ended = ?2, at = ?3, doc = ?4 WHERE n = (
            SELECT max(n) FROM workers
            WHERE id = ?1 AND ended = 1 AND json_extract(doc, '$.created') = ?5)";
        written = run(batch, sql, params![id, ended, at, doc, created])?;
    }
    if written == 0 {
        let sql = "INSERT INTO workers (id, ended, at, doc) VALUES (?1, ?2, ?3, ?4)";
        run(batch, sql, params![id, ended, at, doc])?;
    }
    Ok(())
}

fn write_delivery(batch: &Transaction<'_>, delivery: &Delivery) -> Result<(), Error> {
    let DeliveryId(id) = delivery.id;
    let doc = if delivery.text.len() > MAX_INLINE {
        let sql = "INSERT OR IGNORE INTO texts (delivery, text) VALUES (?1, ?2)";
        run(batch, sql, params![id, delivery.text])?;
        serde_json::to_string(&delivery.clone().shortened())?
    } else {
        serde_json::to_string(delivery)?
    };
    let open = !delivery.step.is_final();
    let at = delivery.steps.last().map_or(0, |it| it.at.0);
    let sql = "INSERT OR REPLACE INTO deliveries (id, worker, open, at, doc)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    run(batch, sql, params![id, delivery.worker.as_str(), open, at, doc]).map(drop)
}

fn run(
    batch: &Transaction<'_>,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
) -> Result<usize, Error> {
    let mut query = batch.prepare_cached(sql).map_err(write_failed)?;
    query.execute(params).map_err(write_failed)
}

fn write_failed(source: rusqlite::Error) -> Error {
    Error::Use { act: "write to", source }
}

#[cfg(test)]
mod tests;
