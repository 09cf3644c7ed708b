//! The thread that owns the store and the screen logs, so that the hub's loop never waits for a disk.
//!
//! Keeps the order: jobs run first in, first out. Every write is acknowledged; after a failed one,
//! nothing more is written. While idle, the thread checkpoints SQLite's log into the database and
//! removes old history in small steps.
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Error, Keep, Store};
use crate::{
    hub::{
        screens::ScreenLog,
        state::{Query, Record, RequestId},
    },
    model::{Answer, Refusal, RefusalKind, Sample, Timestamp, WorkerId, error_chain},
};

/// Batches that may wait for the disk.
pub(in crate::hub) const MAX_WAITING: usize = 512;
/// Jobs of all kinds that fit before the loop would have to wait.
const QUEUE: usize = 4 * MAX_WAITING;
/// Batches that are written in one transaction.
const MAX_AT_ONCE: usize = 64;
/// After this time without a job, it tidies up.
const IDLE: Duration = Duration::from_secs(2);

/// A job for the thread.
enum Job {
    Write(u64, Vec<Record>),
    Query(RequestId, Query),
    Keep(WorkerId, Vec<Sample>),
}

/// A result of the thread.
#[derive(Debug)]
pub(in crate::hub) enum Done {
    /// All batches up to this one are recorded, or never will be, with the reason.
    Written(u64, Result<(), String>),
    Answer(RequestId, Result<Box<Answer>, Refusal>),
}

/// The loop's end of the channel.
pub(in crate::hub) struct Disk {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Disk {
    pub(in crate::hub) fn start(
        store: Store,
        screens: ScreenLog,
        keep: Keep,
        now: fn() -> Timestamp,
    ) -> std::io::Result<(Self, mpsc::Receiver<Done>)> {
        let (jobs, inbox) = sync_channel(QUEUE);
        let (done, dones) = mpsc::channel(QUEUE);
        let worker = Worker { store, screens, keep, now, done, failed: None, is_tidy: false };
        let thread =
            thread::Builder::new().name("store".into()).spawn(move || worker.run(&inbox))?;
        Ok((Self { jobs, thread }, dones))
    }

    pub(in crate::hub) fn write(&self, batch: u64, records: Vec<Record>) {
        self.hand_in(Job::Write(batch, records));
    }

    pub(in crate::hub) fn query(&self, request_id: RequestId, query: Query) {
        self.hand_in(Job::Query(request_id, query));
    }

    pub(in crate::hub) fn keep(&self, worker: WorkerId, samples: Vec<Sample>) {
        self.hand_in(Job::Keep(worker, samples));
    }

    /// The loop takes no more inputs while [`MAX_WAITING`] batches wait, so this has room.
    fn hand_in(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            tracing::error!("the store's thread has ended");
        }
    }

    /// Waits until everything is written and the database is closed.
    pub(in crate::hub) async fn close(self) {
        drop(self.jobs);
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
        if !matches!(joined, Ok(true)) {
            tracing::error!("the store's thread failed");
        }
    }
}

/// The thread's end of the channel.
struct Worker {
    store: Store,
    screens: ScreenLog,
    keep: Keep,
    now: fn() -> Timestamp,
    done: mpsc::Sender<Done>,
    failed: Option<String>,
    /// Nothing to tidy up until the next write.
    is_tidy: bool,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let job = if self.is_tidy {
                jobs.recv().map_err(RecvTimeoutError::from)
            } else {
                jobs.recv_timeout(IDLE)
            };
            match job {
                Ok(Job::Write(batch, records)) => self.write(jobs, batch, records),
                Ok(job) => self.other(job),
                Err(RecvTimeoutError::Timeout) => self.tidy(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes the batch, together with those queued right after it.
    fn write(&mut self, jobs: &Receiver<Job>, batch: u64, mut records: Vec<Record>) {
        let mut last = batch;
        let mut next = None;
        for _ in 1..MAX_AT_ONCE {
            match jobs.try_recv() {
                Ok(Job::Write(batch, more)) => {
                    last = batch;
                    records.extend(more);
                }
                Ok(job) => {
                    next = Some(job);
                    break;
                }
                Err(_) => break,
            }
        }
        self.commit(last, &records);
        if let Some(job) = next {
            self.other(job);
        }
    }

    fn other(&mut self, job: Job) {
        match job {
            Job::Query(request_id, query) => {
                let answer = self.store.answer(&query).map(Box::new);
                let refused = |error: Error| Refusal::new(RefusalKind::Store, error_chain(&error));
                self.tell(Done::Answer(request_id, answer.map_err(refused)));
            }
            Job::Keep(worker, samples) => self.screens.append(&worker, &samples),
            Job::Write(batch, records) => self.commit(batch, &records),
        }
    }

    fn commit(&mut self, batch: u64, records: &[Record]) {
        let done = match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.store.write(records).map_err(|error| error_chain(&error)),
        };
        self.failed = done.clone().err();
        self.is_tidy = self.failed.is_some();
        self.tell(Done::Written(batch, done));
    }

    fn tidy(&mut self) {
        self.is_tidy = match self.store.tidy((self.now)(), self.keep) {
            Ok(has_more) => !has_more,
            Err(error) => {
                tracing::warn!(error = error_chain(&error), "cannot tidy the store");
                true
            }
        };
    }

    fn tell(&self, done: Done) {
        if self.done.blocking_send(done).is_err() {
            tracing::debug!("the hub is exiting");
        }
    }
}
