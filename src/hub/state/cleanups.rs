//! Dropping a worker: close its window, then remove worktree and branch, even across a crash.
use super::{
    CleanedUp, Effect, Record, State, Ticket,
    asks::{answer, not_found, record, refuse},
};
use crate::model::{Answer, Cleanup, Happened, Now, Refusal, RefusalKind, WorkerId};

/// A cleanup that is recorded and not over.
#[derive(Debug)]
pub(super) struct UnderWay {
    cleanup: Cleanup,
    /// Whoever waits for the outcome.
    tickets: Vec<Ticket>,
}

impl State {
    pub(super) fn cleanup(
        &mut self,
        now: Now,
        ticket: Ticket,
        cleanup: Cleanup,
        out: &mut Vec<Effect>,
    ) {
        let id = cleanup.id.clone();
        if !self.slots.contains_key(&id) {
            return not_found(out, ticket, &id);
        }
        if let Some(under_way) = self.cleanups.get_mut(&id) {
            under_way.tickets.push(ticket);
            return;
        }
        record(out, Record::Cleanup(cleanup.clone()));
        self.log(now, out, Some(&id), Happened::CleanupStarted);
        self.cleanups.insert(id.clone(), UnderWay { cleanup, tickets: vec![ticket] });
        self.close_or_remove(&id, out);
    }

    /// The window first: an agent must not write into a worktree that is being removed.
    fn close_or_remove(&mut self, id: &WorkerId, out: &mut Vec<Effect>) {
        let (Some(slot), Some(under_way)) = (self.slots.get(id), self.cleanups.get(id)) else {
            return;
        };
        if slot.has_window() {
            let window = slot.worker.place.window;
            out.push(Effect::CloseWindow { worker: id.clone(), window });
        } else {
            let worker = Box::new(slot.worker.clone());
            out.push(Effect::Cleanup { cleanup: under_way.cleanup.clone(), worker });
        }
    }

    /// A hub that starts goes on with the cleanups of the one before.
    pub(super) fn resume_cleanup(&mut self, cleanup: Cleanup, out: &mut Vec<Effect>) {
        let id = cleanup.id.clone();
        if !self.slots.contains_key(&id) {
            return record(out, Record::CleanupOver(id));
        }
        self.cleanups.insert(id.clone(), UnderWay { cleanup, tickets: Vec::new() });
        // With a window, it waits for the connection: `panes` calls `cleanups_with_windows`.
        if self.slots.get(&id).is_some_and(|slot| !slot.has_window()) {
            self.close_or_remove(&id, out);
        }
    }

    /// The list of panes is new: go on with what a former hub had begun.
    pub(super) fn go_on_with_cleanups(&mut self, out: &mut Vec<Effect>) {
        let left = self.cleanups.iter().filter(|(_, it)| it.tickets.is_empty());
        let left: Vec<_> = left.map(|(id, _)| id.clone()).collect();
        for id in left {
            self.close_or_remove(&id, out);
        }
    }

    pub(super) fn window_closed(
        &mut self,
        now: Now,
        id: &WorkerId,
        done: Result<(), String>,
        out: &mut Vec<Effect>,
    ) {
        if self.closing.remove(id) {
            return;
        }
        if let Err(error) = done {
            return self.cleanup_over(now, id, Err(error), out);
        }
        if let Some(slot) = self.slots.get_mut(id) {
            slot.window_gone(now);
        }
        self.flush_slots(now, out);
        self.close_or_remove(id, out);
    }

    pub(super) fn cleanup_over(
        &mut self,
        now: Now,
        id: &WorkerId,
        outcome: Result<CleanedUp, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(UnderWay { tickets, .. }) = self.cleanups.remove(id) else { return };
        record(out, Record::CleanupOver(id.clone()));
        match outcome {
            Ok(done) => {
                self.end_worker(now, id, (done.worktree_removed, done.branch_deleted), out);
                for ticket in tickets {
                    let CleanedUp { worktree_removed, branch_deleted, notes } = done.clone();
                    answer(
                        out,
                        ticket,
                        Answer::CleanedUp { worktree_removed, branch_deleted, notes },
                    );
                }
            }
            Err(error) => {
                let what = Happened::CleanupFailed { error: error.clone() };
                self.log(now, out, Some(id), what);
                for ticket in tickets {
                    refuse(out, ticket, Refusal::new(RefusalKind::NotNow, error.clone()));
                }
            }
        }
    }

    /// The worker leaves the list of those that are there.
    pub(super) fn end_worker(
        &mut self,
        now: Now,
        id: &WorkerId,
        (worktree_removed, branch_deleted): (bool, bool),
        out: &mut Vec<Effect>,
    ) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.fail_deliveries(now, "the worker was cleaned up");
        }
        self.flush_slots(now, out);
        let Some(slot) = self.slots.remove(id) else { return };
        let mut worker = slot.worker;
        worker.ended = Some(now.wall);
        record(out, Record::Worker(Box::new(worker)));
        self.log(now, out, Some(id), Happened::Ended { worktree_removed, branch_deleted });
    }
}
