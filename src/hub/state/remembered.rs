//! What a new hub takes over from its store.
use std::collections::BTreeSet;

use super::{HubState, live_worker::LiveWorker};
use crate::model::{Cleanup, Delivery, Item, Now, Run, Schedule, Step, Worker, WorkerId};

/// What a hub finds at its start, in its store and in its files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Workers that were not removed.
    pub workers: Vec<Worker>,
    /// Open deliveries, and the newest one of each of those workers.
    pub deliveries: Vec<Delivery>,
    /// Workers whose agents did not take what the last hub offered by their plugins.
    pub not_taken: BTreeSet<WorkerId>,
    /// The last texts delivered to each of those workers, oldest first.
    pub sent: Vec<(WorkerId, String)>,
    /// Removed workers of which `wt list` may show something.
    pub marked: Vec<Worker>,
    pub cleanups: Vec<Cleanup>,
    /// Items of the inbox that have not ended.
    pub items: Vec<Item>,
    pub last_item: u64,
    /// Schedules that are not over.
    pub schedules: Vec<Schedule>,
    pub last_schedule: u64,
    /// Open runs and the last ones.
    pub runs: Vec<Run>,
    pub last_run: u64,
    /// Ids of the last reports that became items, the newest first.
    pub reports: Vec<String>,
    /// Ids of workers whose rows cannot be read: they are not reused.
    pub taken: Vec<String>,
    /// What could not be read.
    pub problems: Vec<String>,
    pub last_seq: u64,
    pub last_delivery: u64,
}

impl HubState {
    /// A worker from the store, with its deliveries and the last texts that it got. Without `was_taken`, the
    /// text that its plugin was offered is withdrawn; one that was pasted was not offered.
    pub(super) fn remember(
        &mut self,
        now: Now,
        worker: Worker,
        mut deliveries: Vec<Delivery>,
        (sent, was_taken): (Vec<&str>, bool),
    ) {
        let id = worker.id.clone();
        if !was_taken {
            let offered =
                deliveries.iter_mut().filter(|it| it.step == Step::Pasting && !it.marks_pane);
            offered.for_each(Delivery::take_back);
        }
        match LiveWorker::remembered(worker, (deliveries, sent), &mut self.profiles, now) {
            Ok((live, problem)) => {
                self.workers.insert(id, live);
                self.problems.extend(problem);
            }
            Err(error) => {
                self.taken.insert(id.to_string());
                self.problems.push(error);
            }
        }
    }
}
