//! What the hub remembers, in SQLite: workers, deliveries, cleanups under way, the event log.
//!
//! Knows rows and transactions; decides nothing. A database that cannot be read is an error and
//! stays as it is; one of a newer schema is refused. Every write of a batch is one transaction,
//! done before anything that the batch announces.
mod schema;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, params};

use super::state::{Record, Remembered};
use crate::{
    model::{Delivery, DeliveryId, Event, Worker, WorkerId},
    wire,
};

/// Bytes of documents in one answer, whose frame has to hold them.
const MAX_ANSWER: usize = wire::MAX_FRAME / 2;

/// How long SQLite's log may be, 32 MB or about 2,000 events, until it is carried over into the
/// database. That syncs the disk, and everything waits: for a second when agents build meanwhile.
const MAX_LOG_PAGES: u32 = 8_000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not open the database `{}`", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("the database `{}` was written by a newer wtmag (schema {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("could not {act} the database")]
    Use { act: &'static str, source: rusqlite::Error },
    #[error("row `{row}` of table `{table}` cannot be read")]
    Row { table: &'static str, row: String, source: serde_json::Error },
    #[error("a record cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}

#[derive(Debug)]
pub struct Store {
    db: Connection,
}

impl Store {
    /// Opens or makes the database. It is this process's alone until it is dropped.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let open = |source| Error::Open { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(path, flags).map_err(open)?;
        // NORMAL under WAL: a commit survives kill -9 of the hub without a sync of the disk.
        db.busy_timeout(Duration::from_millis(100)).map_err(open)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(open)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(open)?;
        db.pragma_update(None, "wal_autocheckpoint", MAX_LOG_PAGES).map_err(open)?;
        let found = schema::version(&db).map_err(open)?;
        if found > schema::KNOWN {
            return Err(Error::Newer { path: path.to_owned(), found, known: schema::KNOWN });
        }
        schema::migrate(&mut db, found).map_err(open)?;
        Ok(Self { db })
    }

    pub fn load(&self) -> Result<Remembered, Error> {
        let read = |source| Error::Use { act: "read", source };
        let last = |sql: &str| self.db.query_row(sql, [], |row| row.get(0)).map_err(read);
        Ok(Remembered {
            workers: self.documents(
                "workers",
                "SELECT id, doc FROM workers WHERE ended = 0",
                &[],
            )?,
            deliveries: self.documents(
                "deliveries",
                "SELECT id, doc FROM deliveries WHERE open = 1 OR id IN
                   (SELECT max(id) FROM deliveries WHERE worker IN
                     (SELECT id FROM workers WHERE ended = 0) GROUP BY worker) ORDER BY id",
                &[],
            )?,
            cleanups: self.documents("cleanups", "SELECT worker, doc FROM cleanups", &[])?,
            last_seq: last("SELECT ifnull(max(seq), 0) FROM events")?,
            last_delivery: last("SELECT ifnull(max(id), 0) FROM deliveries")?,
        })
    }

    /// Writes all of `records` or, on any error, none.
    pub fn write(&mut self, records: &[Record]) -> Result<(), Error> {
        let wrote = |source| Error::Use { act: "write to", source };
        let batch = self.db.transaction().map_err(wrote)?;
        for record in records {
            write_one(&batch, record)?;
        }
        batch.commit().map_err(wrote)
    }

    /// Workers that were cleaned up, oldest first; the newest that one answer holds.
    pub fn ended(&self) -> Result<Vec<Worker>, Error> {
        let sql = "SELECT id, doc FROM workers WHERE ended = 1 ORDER BY n DESC";
        let mut workers: Vec<Worker> = self.some_documents("workers", sql, &[])?;
        workers.reverse();
        Ok(workers)
    }

    /// Deliveries, of one worker or of all, oldest first; the newest 1,000 at most.
    pub fn receipts(&self, worker: Option<&WorkerId>) -> Result<Vec<Delivery>, Error> {
        let sql = "SELECT id, doc FROM deliveries
                   WHERE ?1 IS NULL OR worker = ?1 ORDER BY id DESC LIMIT 1000";
        let mut deliveries: Vec<Delivery> =
            self.some_documents("deliveries", sql, &[&worker.map(WorkerId::as_str)])?;
        deliveries.reverse();
        Ok(deliveries)
    }

    /// Events after number `since`, at most `limit` and no more than one answer holds, oldest first.
    /// None: there are no later ones.
    pub fn events(
        &self,
        worker: Option<&WorkerId>,
        since: u64,
        limit: u32,
    ) -> Result<Vec<Event>, Error> {
        let sql = "SELECT seq, doc FROM events
                   WHERE seq > ?1 AND (?2 IS NULL OR worker = ?2) ORDER BY seq LIMIT ?3";
        // No event has a number that the database cannot hold.
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        self.some_documents("events", sql, &[&since, &worker.map(WorkerId::as_str), &limit])
    }

    /// As many as one answer holds.
    fn some_documents<T: serde::de::DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<T>, Error> {
        self.documents_within(MAX_ANSWER, table, sql, params)
    }

    fn documents<T: serde::de::DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<T>, Error> {
        self.documents_within(usize::MAX, table, sql, params)
    }

    fn documents_within<T: serde::de::DeserializeOwned>(
        &self,
        max_bytes: usize,
        table: &'static str,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<T>, Error> {
        let read = |source| Error::Use { act: "read", source };
        let mut query = self.db.prepare_cached(sql).map_err(read)?;
        let mut rows = query.query(params).map_err(read)?;
        let mut found = Vec::new();
        let mut n_bytes: usize = 0;
        while let Some(row) = rows.next().map_err(read)? {
            let key: rusqlite::types::Value = row.get(0).map_err(read)?;
            let text: String = row.get(1).map_err(read)?;
            n_bytes = n_bytes.saturating_add(text.len());
            // One is always told, or nobody would ever get past it.
            if n_bytes > max_bytes && !found.is_empty() {
                break;
            }
            let bad = |source| Error::Row { table, row: format!("{key:?}"), source };
            found.push(serde_json::from_str(&text).map_err(bad)?);
        }
        Ok(found)
    }
}

fn write_one(batch: &Transaction<'_>, record: &Record) -> Result<(), Error> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        let mut query = batch.prepare_cached(sql)?;
        query.execute(params)
    };
    let wrote = |source| Error::Use { act: "write to", source };
    match record {
        Record::Worker(worker) => {
            let (id, doc) = (worker.id.as_str(), serde_json::to_string(worker)?);
            let ended = worker.ended.is_some();
            let sql = "UPDATE workers SET ended = ?2, doc = ?3 WHERE id = ?1 AND ended = 0";
            if run(sql, params![id, ended, doc]).map_err(wrote)? == 0 {
                let sql = "INSERT INTO workers (id, ended, doc) VALUES (?1, ?2, ?3)";
                run(sql, params![id, ended, doc]).map_err(wrote)?;
            }
        }
        Record::Delivery(delivery) => {
            let sql = "INSERT OR REPLACE INTO deliveries (id, worker, open, doc)
                       VALUES (?1, ?2, ?3, ?4)";
            let doc = serde_json::to_string(delivery)?;
            let open = !delivery.step.is_final();
            let DeliveryId(id) = delivery.id;
            run(sql, params![id, delivery.worker.as_str(), open, doc]).map_err(wrote)?;
        }
        Record::Event(event) => {
            let sql = "INSERT INTO events (seq, at, worker, doc) VALUES (?1, ?2, ?3, ?4)";
            let worker = event.worker.as_ref().map(WorkerId::as_str);
            let doc = serde_json::to_string(event)?;
            run(sql, params![event.seq, event.at.0, worker, doc]).map_err(wrote)?;
        }
        Record::Cleanup(cleanup) => {
            let sql = "INSERT OR REPLACE INTO cleanups (worker, doc) VALUES (?1, ?2)";
            let doc = serde_json::to_string(cleanup)?;
            run(sql, params![cleanup.id.as_str(), doc]).map_err(wrote)?;
        }
        Record::CleanupOver(worker) => {
            run("DELETE FROM cleanups WHERE worker = ?1", params![worker.as_str()])
                .map_err(wrote)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
