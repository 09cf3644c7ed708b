//! Removes a worker: closes its window, then removes worktree and branch, even across a crash.
use super::{
    CleanedUp, Effect, HubState, Link, LocalEffect, Record, RequestId, TmuxEffect,
    dialogs::give_up_answer,
    requests::{answer, not_found, record, refuse},
};
use crate::model::{Answer, Cleanup, Happened, Now, Refusal, RefusalKind, WorkerId};

/// A recorded cleanup that is not finished.
#[derive(Debug)]
pub(super) struct UnderWay {
    cleanup: Cleanup,
    phase: Phase,
    /// The client that waits for the outcome.
    request_ids: Vec<RequestId>,
}

/// Its progress. Each action is requested once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for the connection, to close the window.
    Waiting,
    Closing,
    /// A child of the hub removes worktree and branch.
    Removing,
}

impl HubState {
    pub(super) fn cleanup(
        &mut self,
        now: Now,
        request_id: RequestId,
        cleanup: Cleanup,
        out: &mut Vec<Effect>,
    ) {
        let id = cleanup.id.clone();
        if !self.workers.contains_key(&id) {
            return not_found(out, request_id, &id);
        }
        if let Some(under_way) = self.cleanups.get_mut(&id) {
            under_way.request_ids.push(request_id);
            return;
        }
        record(out, Record::Cleanup(cleanup.clone()));
        self.log(now, out, Some(&id), Happened::CleanupStarted);
        let under_way = UnderWay { cleanup, phase: Phase::Waiting, request_ids: vec![request_id] };
        self.cleanups.insert(id.clone(), under_way);
        self.go_on_with(&id, out);
    }

    /// The window comes first: an agent must not write into a worktree that is being removed.
    fn go_on_with(&mut self, id: &WorkerId, out: &mut Vec<Effect>) {
        let (Some(live), Some(under_way)) = (self.workers.get(id), self.cleanups.get_mut(id))
        else {
            return;
        };
        match (under_way.phase, live.has_window()) {
            (Phase::Waiting, true) if matches!(self.link, Link::Up(_)) => {
                under_way.phase = Phase::Closing;
                let (pane, window) = (live.worker.place.pane, live.worker.place.window);
                out.push(Effect::Tmux(TmuxEffect::CloseWindow {
                    worker: id.clone(),
                    pane,
                    window,
                }));
            }
            (Phase::Waiting | Phase::Closing, false) => {
                under_way.phase = Phase::Removing;
                let worker = Box::new(live.worker.clone());
                out.push(Effect::Local(LocalEffect::Cleanup {
                    cleanup: under_way.cleanup.clone(),
                    worker,
                }));
            }
            (Phase::Waiting | Phase::Closing, true) | (Phase::Removing, _) => {}
        }
    }

    /// A new hub continues the cleanups of the previous one; those whose window may still exist,
    /// once the panes are listed.
    pub(super) fn resume_cleanup(&mut self, cleanup: Cleanup, out: &mut Vec<Effect>) {
        let id = cleanup.id.clone();
        if !self.workers.contains_key(&id) {
            return record(out, Record::CleanupOver(id));
        }
        let under_way = UnderWay { cleanup, phase: Phase::Waiting, request_ids: Vec::new() };
        self.cleanups.insert(id.clone(), under_way);
        self.go_on_with(&id, out);
    }

    /// New facts about the windows.
    pub(super) fn go_on_with_cleanups(&mut self, out: &mut Vec<Effect>) {
        for id in self.cleanups.keys().cloned().collect::<Vec<_>>() {
            self.go_on_with(&id, out);
        }
    }

    /// tmux cannot be reached: clients that wait for a window to be closed are told.
    pub(super) fn give_up_cleanups(&mut self, now: Now, error: &str, out: &mut Vec<Effect>) {
        let waiting = |(_, it): &(&WorkerId, &UnderWay)| {
            it.phase == Phase::Waiting && !it.request_ids.is_empty()
        };
        let ids: Vec<_> = self.cleanups.iter().filter(waiting).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.cleanup_failed(now, &id, RefusalKind::Tmux, error, out);
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
            return self.not_closed(now, id, error, out);
        }
        if let Some(live) = self.workers.get_mut(id) {
            live.window_gone(now);
        }
        self.flush_workers(now, out);
        self.go_on_with(id, out);
    }

    /// If the connection was lost meanwhile, waits for the next one.
    fn not_closed(&mut self, now: Now, id: &WorkerId, error: String, out: &mut Vec<Effect>) {
        match self.cleanups.get_mut(id) {
            Some(it) if !matches!(self.link, Link::Up(_)) => it.phase = Phase::Waiting,
            _ => self.cleanup_failed(now, id, RefusalKind::Tmux, &error, out),
        }
    }

    pub(super) fn cleanup_over(
        &mut self,
        now: Now,
        id: &WorkerId,
        outcome: Result<CleanedUp, String>,
        out: &mut Vec<Effect>,
    ) {
        let done = match outcome {
            Ok(done) => done,
            Err(error) => {
                return self.cleanup_failed(now, id, RefusalKind::NotNow, &error, out);
            }
        };
        let Some(UnderWay { request_ids, .. }) = self.cleanups.remove(id) else { return };
        record(out, Record::CleanupOver(id.clone()));
        self.end_worker(now, id, (done.worktree_removed, done.branch_deleted), out);
        for request_id in request_ids {
            let CleanedUp { worktree_removed, branch_deleted, notes } = done.clone();
            answer(out, request_id, Answer::CleanedUp { worktree_removed, branch_deleted, notes });
        }
    }

    /// `kind` says whether tmux kept the window, or the work after the window failed.
    fn cleanup_failed(
        &mut self,
        now: Now,
        id: &WorkerId,
        kind: RefusalKind,
        error: &str,
        out: &mut Vec<Effect>,
    ) {
        let Some(UnderWay { request_ids, .. }) = self.cleanups.remove(id) else { return };
        record(out, Record::CleanupOver(id.clone()));
        self.log(now, out, Some(id), Happened::CleanupFailed { error: error.to_owned() });
        self.reconcile_inbox(now, std::slice::from_ref(id), out);
        self.find_worktrees(out);
        self.runs.mark_stale();
        for request_id in request_ids {
            refuse(out, request_id, Refusal::new(kind, error));
        }
    }

    /// The worker leaves the list of existing workers.
    pub(super) fn end_worker(
        &mut self,
        now: Now,
        id: &WorkerId,
        (worktree_removed, branch_deleted): (bool, bool),
        out: &mut Vec<Effect>,
    ) {
        if let Some(live) = self.workers.get_mut(id) {
            live.fail_deliveries(now, "the worker was cleaned up");
        }
        self.flush_workers(now, out);
        self.close_inbox(now, id, out);
        self.note_removed(now, id, out);
        let Some(mut live) = self.workers.remove(id) else { return };
        give_up_answer(&mut live, out);
        self.unwatch_git(id, out);
        self.markers.note_removed(&live.worker);
        let mut worker = live.worker;
        worker.ended = Some(now.wall);
        record(out, Record::Worker(Box::new(worker)));
        self.log(now, out, Some(id), Happened::Ended { worktree_removed, branch_deleted });
    }
}
