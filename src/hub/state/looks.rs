//! When git is asked about workers: what they changed, and whether their work was landed.
//!
//! A worker's changes are counted when its turn is over, and when its index or HEAD changes while it
//! is at rest; a landing by others is looked for then, and when a base has moved. Other programs do
//! both, a few at a time. Where a worktree is, and what its branch is called, is looked up when git's record
//! of it changes.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Effect, GitWatch, HubState, LocalEffect, Touched, WorktreeQuery, live_worker::LiveWorker,
};
use crate::model::{AgentState, Looked, Now, Worker, WorkerId};

/// Programs that look at one time.
const MAX_RUNNING: usize = 2;
/// A command of git makes several changes.
const SETTLE: Duration = Duration::from_millis(500);
/// `git worktree move` makes several changes, too.
const MOVE: Duration = Duration::from_millis(100);
/// Shortest time between two counts of a worker that is at rest.
const PAUSE: Duration = Duration::from_secs(10);
/// How often a worker is counted again that could not be counted; the pause before each is three times as long.
const TRIES: u32 = 3;
/// Directories that are watched.
const MAX_WATCHED: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Looks {
    /// Workers to count, and when.
    due: BTreeMap<WorkerId, Instant>,
    /// Repositories in which a base has moved, and when to look.
    moved: BTreeMap<PathBuf, Instant>,
    /// Workers whose worktrees may have been moved, and when to look.
    places: BTreeMap<WorkerId, Instant>,
    running: BTreeSet<Touched>,
    /// When each worker was counted last.
    counted: BTreeMap<WorkerId, Instant>,
    /// How often in a row each could not be counted.
    failed: BTreeMap<WorkerId, u32>,
    watched: BTreeSet<Touched>,
}

impl Looks {
    fn want(&mut self, worker: &WorkerId, at: Instant) {
        let due = self.due.entry(worker.clone()).or_insert(at);
        *due = at.min(*due);
    }

    /// git was busy, perhaps.
    fn want_again(&mut self, worker: &WorkerId, now: Instant) {
        let n = self.failed.entry(worker.clone()).or_default();
        *n += 1;
        if *n <= TRIES {
            let at = now + PAUSE * 3_u32.saturating_pow(*n);
            self.want(worker, at);
        }
    }

    /// When the next program may start.
    pub(super) fn next(&self) -> Option<Instant> {
        let has_room = self.running.len() < MAX_RUNNING;
        let due = || self.due.values().chain(self.moved.values()).chain(self.places.values());
        due().min().copied().filter(|_| has_room)
    }
}

impl HubState {
    /// From now on, changes in its git dir and of its base are told.
    pub(super) fn watch_git(&mut self, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get(id).map(|live| &live.worker) else { return };
        if worker.is_orchestrator() {
            return;
        }
        let own = GitWatch {
            what: Touched::Worktree(id.clone()),
            git_dir: worker.git_dir.clone(),
            base: None,
            since: worker.work.changes.as_ref().map(|it| it.at),
        };
        // Its git dir may be another one than before.
        let own = (self.looks.watched.len() < MAX_WATCHED).then_some(own);
        let base = worker.base.as_ref().map(|base| GitWatch {
            what: Touched::Base { repo: worker.repo.clone(), branch: base.name.clone() },
            git_dir: worker.repo.clone(),
            base: Some(base.name.clone()),
            since: None,
        });
        let base = base.filter(|it| {
            self.looks.watched.len() < MAX_WATCHED && !self.looks.watched.contains(&it.what)
        });
        for watch in own.into_iter().chain(base) {
            self.looks.watched.insert(watch.what.clone());
            out.push(Effect::Local(LocalEffect::WatchGit(Box::new(watch))));
        }
    }

    pub(super) fn watch_all(&mut self, out: &mut Vec<Effect>) {
        for id in self.workers.keys().cloned().collect::<Vec<_>>() {
            self.watch_git(&id, out);
        }
    }

    pub(super) fn unwatch_git(&mut self, id: &WorkerId, out: &mut Vec<Effect>) {
        let what = Touched::Worktree(id.clone());
        if self.looks.watched.remove(&what) {
            out.push(Effect::Local(LocalEffect::UnwatchGit(what)));
        }
        self.looks.due.remove(id);
        self.looks.counted.remove(id);
        self.looks.failed.remove(id);
        self.looks.places.remove(id);
        // The last one that has this base.
        let has = |repo: &PathBuf, branch: &String| {
            self.workers.values().any(|live| {
                let base = live.worker.base.as_ref();
                live.worker.repo == *repo && base.is_some_and(|it| it.name == *branch)
            })
        };
        let is_unused = |it: &&Touched| match it {
            Touched::Base { repo, branch } => !has(repo, branch),
            Touched::Worktree(_) | Touched::Place(_) => false,
        };
        let unused: Vec<Touched> = self.looks.watched.iter().filter(is_unused).cloned().collect();
        for what in unused {
            self.looks.watched.remove(&what);
            out.push(Effect::Local(LocalEffect::UnwatchGit(what)));
        }
    }

    /// The last hub may have ended before it counted what a last turn changed.
    pub(super) fn count_last_turns(&mut self, now: Now) {
        let is_uncounted = |worker: &&Worker| {
            let (state, changes) = (&worker.state, worker.work.changes.as_ref());
            match state.is_live() {
                true if state.turn.value != AgentState::Idle => false,
                true => changes.is_none_or(|it| it.at < state.turn.since),
                false => changes.is_some_and(|it| it.at < state.process.since),
            }
        };
        let workers = self.workers.values().map(|live| &live.worker);
        for worker in workers.filter(is_uncounted) {
            self.looks.want(&worker.id, now.steady);
        }
    }

    /// Its turn is over.
    pub(super) fn want_count(&mut self, now: Now, id: &WorkerId) {
        self.looks.want(id, now.steady);
    }

    pub(super) fn touched(&mut self, now: Now, what: &Touched) {
        match what {
            Touched::Base { repo, .. } => {
                self.looks.moved.entry(repo.clone()).or_insert(now.steady + SETTLE);
            }
            // git writes the file in steps.
            Touched::Place(id) => {
                self.looks.places.insert(id.clone(), now.steady + MOVE);
            }
            Touched::Worktree(id) => {
                let is_at_rest = self.workers.get(id).is_some_and(|live| !live.will_count());
                if is_at_rest {
                    let last = self.looks.counted.get(id);
                    let earliest = last.map_or(now.steady, |it| *it + PAUSE);
                    self.looks.want(id, earliest.max(now.steady + SETTLE));
                }
            }
        }
    }

    /// Starts the programs that are due.
    pub(super) fn start_looks(&mut self, now: Now, out: &mut Vec<Effect>) {
        while self.looks.next().is_some_and(|at| at <= now.steady) {
            let is_due = |at: &Instant| *at <= now.steady;
            let worker = self.looks.due.iter().find(|(_, at)| is_due(at)).map(|(id, _)| id.clone());
            if let Some(id) = worker {
                self.looks.due.remove(&id);
                self.start_count(now, &id, out);
                continue;
            }
            let placed = self.looks.places.iter().find(|(_, at)| is_due(at));
            if let Some(id) = placed.map(|(id, _)| id.clone()) {
                self.looks.places.remove(&id);
                let query = self.workers.get(&id).map(|live| WorktreeQuery::new(&live.worker));
                let find = query.map(|it| LocalEffect::FindWorktrees(vec![it]));
                out.extend(find.map(Effect::Local));
                continue;
            }
            let repo = self.looks.moved.iter().find(|(_, at)| is_due(at));
            let Some(repo) = repo.map(|(repo, _)| repo.clone()) else { return };
            self.looks.moved.remove(&repo);
            self.start_search(&repo, out);
        }
    }

    fn start_count(&mut self, now: Now, id: &WorkerId, out: &mut Vec<Effect>) {
        let what = Touched::Worktree(id.clone());
        if self.looks.running.contains(&what) {
            // Counted again when that one is over.
            self.looks.want(id, now.steady + SETTLE);
            return;
        }
        let Some(live) = self.workers.get(id).filter(|it| !it.worker.is_orchestrator()) else {
            return;
        };
        self.looks.counted.insert(id.clone(), now.steady);
        self.looks.running.insert(what.clone());
        let workers = vec![live.worker.clone()];
        out.push(Effect::Local(LocalEffect::Look { what, workers, counts: true }));
    }

    /// Looks for the work of all that may have been landed.
    fn start_search(&mut self, repo: &PathBuf, out: &mut Vec<Effect>) {
        let may_be_landed = |live: &&LiveWorker| {
            let worker = &live.worker;
            let has_commits = worker.work.changes.as_ref().is_some_and(|it| it.ahead > 0);
            worker.repo == *repo && worker.state.landed.is_none() && has_commits
        };
        let found = self.workers.values().filter(may_be_landed);
        let workers: Vec<Worker> = found.map(|live| live.worker.clone()).collect();
        let what = Touched::Base { repo: repo.clone(), branch: String::new() };
        if workers.is_empty() || !self.looks.running.insert(what.clone()) {
            return;
        }
        out.push(Effect::Local(LocalEffect::Look { what, workers, counts: false }));
    }

    pub(super) fn looked(
        &mut self,
        now: Now,
        what: &Touched,
        found: Result<Vec<Looked>, String>,
        out: &mut Vec<Effect>,
    ) {
        self.looks.running.remove(what);
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(?what, error, "could not look");
            if let Touched::Worktree(id) = what {
                self.looks.want_again(id, now.steady);
            }
            Vec::new()
        });
        for seen in found {
            if let Some(error) = &seen.error {
                tracing::debug!(worker = %seen.worker, error, "could not look");
                self.looks.want_again(&seen.worker, now.steady);
            } else {
                self.looks.failed.remove(&seen.worker);
            }
            let Some(live) = self.workers.get_mut(&seen.worker) else { continue };
            let has_pushed = seen.changes.map(|it| live.counted(it));
            if let Some(landed) = seen.landed {
                live.has_landed(landed);
            }
            if let Some(has_pushed) = has_pushed {
                self.ask_after_turn(&seen.worker, has_pushed);
            }
        }
        self.flush_workers(now, out);
    }
}
