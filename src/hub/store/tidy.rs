//! Removes old history in small steps while the store is idle.
//!
//! Never removes an open delivery, an existing worker, or the newest row of a table, because new
//! numbers follow it.
use std::{fs, time::Duration};

use super::{Error, Store, write_failed};
use crate::model::Timestamp;

/// How much history to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    pub age: Duration,
    /// Size of the database.
    pub bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { age: Duration::from_secs(90 * 24 * 3600), bytes: 200 << 20 }
    }
}

/// Rows removed in one step: some milliseconds.
const STEP: u32 = 400;
/// Pages returned to the file system in one step.
const PAGES: u32 = 256;
/// When idle, SQLite's log is checkpointed if it is this long, because that syncs the disk.
const LONG_LOG: u64 = 8 << 20;
/// It is always checkpointed if it is this long.
const MAX_LOG: u64 = 128 << 20;

/// Each looks only at the oldest rows: if they stay, later ones stay, too.
const EVENTS: &str = "DELETE FROM events WHERE at < ?1
    AND seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?2)
    AND seq < (SELECT max(seq) FROM events)";
const DELIVERIES: &str = "DELETE FROM deliveries WHERE at < ?1
    AND id IN (SELECT id FROM deliveries WHERE open = 0 ORDER BY id LIMIT ?2)
    AND id < (SELECT max(id) FROM deliveries)
    AND id NOT IN (SELECT max(id) FROM deliveries WHERE worker IN
      (SELECT id FROM workers WHERE ended = 0) GROUP BY worker)";
const WORKERS: &str = "DELETE FROM workers WHERE at < ?1
    AND n IN (SELECT n FROM workers WHERE ended = 1 ORDER BY n LIMIT ?2)";

const ITEMS: &str = "DELETE FROM items WHERE at < ?1
    AND id IN (SELECT id FROM items WHERE open = 0 ORDER BY id LIMIT ?2)
    AND id < (SELECT max(id) FROM items)";

const SCHEDULES: &str = "DELETE FROM schedules WHERE at < ?1
    AND id IN (SELECT id FROM schedules WHERE open = 0 ORDER BY id LIMIT ?2)
    AND id < (SELECT max(id) FROM schedules)";
const RUNS: &str = "DELETE FROM runs WHERE at < ?1
    AND id IN (SELECT id FROM runs WHERE open = 0 ORDER BY id LIMIT ?2)
    AND id < (SELECT max(id) FROM runs)";

impl Store {
    /// One step. True if there is another one for the next idle moment.
    pub(super) fn tidy(&mut self, now: Timestamp, keep: Keep) -> Result<bool, Error> {
        let age = u64::try_from(keep.age.as_millis()).unwrap_or(u64::MAX);
        let before = now.0.saturating_sub(age);
        let is_too_large = self.used_bytes()? > keep.bytes;
        // Everything removable, oldest first, while the store is too large.
        let before = if is_too_large { now.0 } else { before };
        let mut n_gone = 0;
        for sql in [EVENTS, DELIVERIES, WORKERS, ITEMS, SCHEDULES, RUNS] {
            let mut query = self.db.prepare_cached(sql).map_err(write_failed)?;
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            n_gone += query.execute((before, STEP)).map_err(write_failed)?;
        }
        if n_gone > 0 {
            tracing::debug!(n_gone, "old history removed");
            let sql = format!("PRAGMA incremental_vacuum({PAGES})");
            self.db.execute_batch(&sql).map_err(write_failed)?;
        } else if self.log_bytes() > LONG_LOG {
            self.carry_over()?;
        }
        Ok(n_gone > 0)
    }

    /// Keeps SQLite's log from growing for ever if the store is never idle.
    pub(super) fn limit_log(&self) -> Result<(), Error> {
        if self.log_bytes() > MAX_LOG { self.carry_over() } else { Ok(()) }
    }

    fn carry_over(&self) -> Result<(), Error> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.db.query_row(sql, [], |_| Ok(())).map_err(write_failed)
    }

    fn log_bytes(&self) -> u64 {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        fs::metadata(name).map_or(0, |it| it.len())
    }

    /// Excludes free pages.
    fn used_bytes(&self) -> Result<u64, Error> {
        let number = |sql: &str| -> Result<u64, Error> {
            self.db.query_row(sql, [], |row| row.get(0)).map_err(write_failed)
        };
        let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
        Ok(pages.saturating_mul(number("PRAGMA page_size")?))
    }
}
