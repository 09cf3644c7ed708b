//! Reads from the store: everything when a hub starts, history when a client asks.
use std::collections::BTreeSet;

use rusqlite::types::Value;
use serde::de::DeserializeOwned;

use super::{Error, Store};
use crate::{
    hub::state::{Query, Remembered},
    model::{Answer, Delivery, DeliveryId, Event, Worker, WorkerId},
    wire,
};

/// Bytes of documents in one answer, which must fit into a frame.
const MAX_ANSWER: usize = wire::MAX_FRAME / 2;
/// How many delivered texts per worker a hub reads when it starts.
const N_SENT: u32 = 100;
/// How many ids of reports it reads.
const N_REPORTS: u32 = 500;

/// A delivery, with its whole text if that is stored separately.
const OPEN: &str = "
    SELECT deliveries.id, doc, text FROM deliveries LEFT JOIN texts ON delivery = deliveries.id
    WHERE open = 1 OR deliveries.id IN
      (SELECT max(id) FROM deliveries WHERE worker IN
        (SELECT id FROM workers WHERE ended = 0) GROUP BY worker) ORDER BY deliveries.id";
const SENT: &str = "
    SELECT id, doc, text FROM
      (SELECT deliveries.id AS id, doc, text, row_number() OVER (PARTITION BY worker
         ORDER BY deliveries.id DESC) AS n
       FROM deliveries LEFT JOIN texts ON delivery = deliveries.id
       WHERE worker IN (SELECT id FROM workers WHERE ended = 0))
    WHERE n <= ?1 ORDER BY id";

/// Removed workers whose markers have not been cleared.
const MARKED: &str = "SELECT id, doc FROM workers
    WHERE ended = 1 AND json_extract(doc, '$.markers') ORDER BY n";

/// Those that are open, and the last ones.
const RUNS: &str = "SELECT id, doc FROM runs
    WHERE open = 1 OR id IN (SELECT id FROM runs ORDER BY id DESC LIMIT 50) ORDER BY id";

/// Rows of one table: those that can be read; the others by name.
struct Rows<T> {
    found: Vec<T>,
    unreadable: Vec<(String, String)>,
}

impl Store {
    pub fn load(&self) -> Result<Remembered, Error> {
        let last = |sql: &str| self.db.query_row(sql, [], |row| row.get(0)).map_err(read_failed);
        let workers = self.rows::<Worker>("SELECT id, doc FROM workers WHERE ended = 0", &[])?;
        let marked = self.rows::<Worker>(MARKED, &[])?;
        let deliveries = self.deliveries(OPEN, &[])?;
        let sent = self.deliveries(SENT, &[&N_SENT])?;
        let cleanups = self.rows("SELECT worker, doc FROM cleanups", &[])?;
        let runs = self.rows(RUNS, &[])?;
        let items = self.rows("SELECT id, doc FROM items WHERE open = 1 ORDER BY id", &[])?;
        let schedules = "SELECT id, doc FROM schedules WHERE open = 1 ORDER BY id";
        let schedules = self.rows(schedules, &[])?;
        let name = |table: &str, rows: &[(String, String)]| -> Vec<String> {
            let one = |(row, error): &(String, String)| {
                format!(
                    "row `{row}` of table `{table}` cannot be read, and stays as it is: {error}"
                )
            };
            rows.iter().map(one).collect()
        };
        let problems = [
            name("workers", &workers.unreadable),
            name("deliveries", &deliveries.unreadable),
            name("cleanups", &cleanups.unreadable),
            name("items", &items.unreadable),
            name("schedules", &schedules.unreadable),
            name("runs", &runs.unreadable),
        ];
        Ok(Remembered {
            workers: workers.found,
            deliveries: deliveries.found,
            not_taken: BTreeSet::new(),
            marked: marked.found,
            sent: sent.found.into_iter().map(|it| (it.worker, it.text)).collect(),
            cleanups: cleanups.found,
            items: items.found,
            runs: runs.found,
            last_run: last("SELECT ifnull(max(id), 0) FROM runs")?,
            last_item: last("SELECT ifnull(max(id), 0) FROM items")?,
            schedules: schedules.found,
            last_schedule: last("SELECT ifnull(max(id), 0) FROM schedules")?,
            reports: self.reports()?,
            taken: workers.unreadable.into_iter().map(|(id, _)| id).collect(),
            problems: problems.concat(),
            last_seq: last("SELECT ifnull(max(seq), 0) FROM events")?,
            last_delivery: last("SELECT ifnull(max(id), 0) FROM deliveries")?,
        })
    }

    /// Ids of the last reports, the newest first.
    fn reports(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT report FROM items WHERE report IS NOT NULL ORDER BY id DESC LIMIT ?1";
        let mut query = self.db.prepare_cached(sql).map_err(read_failed)?;
        let rows = query.query_map([N_REPORTS], |row| row.get(0)).map_err(read_failed)?;
        rows.collect::<Result<_, _>>().map_err(read_failed)
    }

    pub(super) fn answer(&self, query: &Query) -> Result<Answer, Error> {
        Ok(match query {
            Query::Receipts { worker } => {
                let (deliveries, n_older) = self.receipts(worker.as_ref())?;
                Answer::Receipts { deliveries, n_older }
            }
            Query::Receipt(id) => Answer::Receipt { delivery: self.receipt(*id)?.map(Box::new) },
            Query::Events { worker, since, limit } => {
                let (events, last) = self.events(worker.as_ref(), *since, *limit)?;
                Answer::Events { events, last }
            }
            Query::LastBefore(at) => {
                let at = i64::try_from(at.0).unwrap_or(i64::MAX);
                // From the newest one back: mostly today's are wanted.
                let sql = "SELECT ifnull((SELECT seq FROM events WHERE at < ?1
                           ORDER BY seq DESC LIMIT 1), 0)";
                let last = self.db.query_row(sql, [at], |row| row.get(0)).map_err(read_failed)?;
                Answer::Events { events: Vec::new(), last }
            }
            Query::Ended { brief } => {
                let (deliveries, orphans) = (Vec::new(), Vec::new());
                let mut workers = self.ended()?;
                if *brief {
                    workers = workers.iter().map(Worker::brief).collect();
                }
                Answer::Workers { workers, deliveries, orphans }
            }
        })
    }

    /// Removed workers, oldest first; the newest that fit into one answer.
    pub fn ended(&self) -> Result<Vec<Worker>, Error> {
        let sql = "SELECT id, doc FROM workers WHERE ended = 1 ORDER BY n DESC";
        let mut workers: Vec<Worker> = self.some_rows(sql, &[])?.found;
        workers.reverse();
        Ok(workers)
    }

    /// Deliveries of one worker or of all, oldest first; the newest that fit into one answer, and
    /// how many more there are.
    pub fn receipts(&self, worker: Option<&WorkerId>) -> Result<(Vec<Delivery>, usize), Error> {
        let worker = worker.map(WorkerId::as_str);
        let sql = "SELECT id, doc FROM deliveries
                   WHERE ?1 IS NULL OR worker = ?1 ORDER BY id DESC";
        let rows = self.some_rows::<Delivery>(sql, &[&worker])?;
        let sql = "SELECT count(*) FROM deliveries WHERE ?1 IS NULL OR worker = ?1";
        let total: usize =
            self.db.query_row(sql, [&worker], |row| row.get(0)).map_err(read_failed)?;
        let n_read = rows.found.len() + rows.unreadable.len();
        let mut deliveries: Vec<Delivery> =
            rows.found.into_iter().map(Delivery::shortened).collect();
        deliveries.reverse();
        Ok((deliveries, total.saturating_sub(n_read)))
    }

    fn receipt(&self, DeliveryId(id): DeliveryId) -> Result<Option<Delivery>, Error> {
        let rows = self.rows::<Delivery>("SELECT id, doc FROM deliveries WHERE id = ?1", &[&id])?;
        Ok(rows.found.into_iter().next().map(Delivery::shortened))
    }

    /// Events after number `since`, at most `limit` and as many as fit into one answer, oldest
    /// first, and the number to continue from. If there are no later events, it is the same number.
    pub fn events(
        &self,
        worker: Option<&WorkerId>,
        since: u64,
        limit: u32,
    ) -> Result<(Vec<Event>, u64), Error> {
        let sql = "SELECT seq, doc FROM events
                   WHERE seq > ?1 AND (?2 IS NULL OR worker = ?2) ORDER BY seq LIMIT ?3";
        // No event has a number that the database cannot store.
        let from = i64::try_from(since).unwrap_or(i64::MAX);
        let worker = worker.map(WorkerId::as_str);
        let rows = self.some_rows::<Event>(sql, &[&from, &worker, &limit])?;
        let unread = rows.unreadable.iter().filter_map(|(seq, _)| seq.parse().ok());
        let last = rows.found.iter().map(|it| it.seq).chain(unread).max().unwrap_or(since);
        Ok((rows.found, last))
    }

    fn rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Rows<T>, Error> {
        self.read_rows(usize::MAX, sql, params, |text, _| serde_json::from_str(text))
    }

    /// As many as one answer holds.
    fn some_rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Rows<T>, Error> {
        self.read_rows(MAX_ANSWER, sql, params, |text, _| serde_json::from_str(text))
    }

    fn deliveries(
        &self,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Rows<Delivery>, Error> {
        self.read_rows(usize::MAX, sql, params, |doc, text| {
            let mut delivery: Delivery = serde_json::from_str(doc)?;
            delivery.text = text.unwrap_or(delivery.text);
            Ok(delivery)
        })
    }

    /// Each row is a key, a document and, where there is a third column, a text.
    fn read_rows<T>(
        &self,
        max_bytes: usize,
        sql: &str,
        params: &[&dyn rusqlite::ToSql],
        parse: impl Fn(&str, Option<String>) -> serde_json::Result<T>,
    ) -> Result<Rows<T>, Error> {
        let mut query = self.db.prepare_cached(sql).map_err(read_failed)?;
        let has_text = query.column_count() > 2;
        let mut rows = query.query(params).map_err(read_failed)?;
        let mut read = Rows { found: Vec::new(), unreadable: Vec::new() };
        let mut n_bytes: usize = 0;
        while let Some(row) = rows.next().map_err(read_failed)? {
            let key = key_text(row.get(0).map_err(read_failed)?);
            let doc: Value = row.get(1).map_err(read_failed)?;
            let text = if has_text { row.get(2).map_err(read_failed)? } else { None };
            let Value::Text(doc) = doc else {
                read.unreadable.push((key, "not a text".to_owned()));
                continue;
            };
            n_bytes = n_bytes.saturating_add(doc.len());
            // At least one row is returned, or a client could never get past it.
            if n_bytes > max_bytes && !read.found.is_empty() {
                break;
            }
            match parse(&doc, text) {
                Ok(value) => read.found.push(value),
                Err(error) => read.unreadable.push((key, error.to_string())),
            }
        }
        Ok(read)
    }
}

fn key_text(key: Value) -> String {
    match key {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Null | Value::Blob(_) => "?".to_owned(),
    }
}

fn read_failed(source: rusqlite::Error) -> Error {
    Error::Use { act: "read", source }
}
