//! When a forge is asked about pull requests: after a turn that pushed, for a pull request that an
//! agent has named, and when someone looks and the last answer is older than a minute.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{Effect, HubState, LocalEffect, PullQuestion, RequestId, requests::answer};
use crate::model::{Answer, Kind, Landed, Now, PullState, Pulled, Worker, WorkerId};

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(60);
/// Pull requests that one worker may have named without a proof.
const MAX_CANDIDATES: usize = 8;
/// Programs that ask at one time.
const MAX_RUNNING: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Pulls {
    /// Repositories to ask about.
    due: BTreeSet<PathBuf>,
    running: BTreeSet<PathBuf>,
    asked: BTreeMap<PathBuf, Instant>,
    /// Requests that wait for the answers of these repositories.
    waiting: Vec<(RequestId, BTreeSet<PathBuf>)>,
    candidates: BTreeMap<WorkerId, Vec<String>>,
    by_branch: BTreeSet<WorkerId>,
    problems: BTreeMap<PathBuf, String>,
}

impl HubState {
    /// Someone looks at the pull requests of this repository, or of all.
    pub(super) fn refresh_pulls(
        &mut self,
        now: Now,
        request_id: RequestId,
        (repo, waits): (Option<&Path>, bool),
        out: &mut Vec<Effect>,
    ) {
        let has_pull = |it: &Worker| it.pr.is_some() || it.kind == Kind::Review;
        let workers = self.workers.values().map(|live| &live.worker);
        let meant = workers.filter(|it| repo.is_none_or(|repo| it.repo == repo) && has_pull(it));
        let repos: BTreeSet<PathBuf> = meant.map(|it| it.repo.clone()).collect();
        let is_old = |repo: &PathBuf| {
            let asked = self.pulls.asked.get(repo);
            asked.is_none_or(|at| now.steady.duration_since(*at) >= FRESH)
        };
        let old: BTreeSet<PathBuf> = repos
            .iter()
            .filter(|it| is_old(it) && !self.pulls.running.contains(*it))
            .cloned()
            .collect();
        self.pulls.due.extend(old);
        if !waits {
            return answer(out, request_id, Answer::Done);
        }
        self.pulls.waiting.push((request_id, repos));
        self.start_pulls(now, out);
        self.answer_waiting(out);
    }

    /// An agent has named pull requests that may be its own.
    pub(super) fn note_candidates(&mut self, id: &WorkerId, urls: Vec<String>) {
        let known = self.pulls.candidates.entry(id.clone()).or_default();
        for url in urls {
            known.retain(|it| *it != url);
            known.push(url);
        }
        known.drain(..known.len().saturating_sub(MAX_CANDIDATES));
    }

    /// Its turn is over, and its changes were counted.
    pub(super) fn ask_after_turn(&mut self, id: &WorkerId, has_pushed: bool) {
        let Some(worker) = self.workers.get(id).map(|live| &live.worker) else { return };
        let is_open = worker.pr.is_none() && worker.kind != Kind::Review;
        let has_candidates = self.pulls.candidates.contains_key(id);
        if has_pushed && is_open {
            self.pulls.by_branch.insert(id.clone());
        }
        if has_pushed || has_candidates && is_open {
            self.pulls.due.insert(worker.repo.clone());
        }
    }

    pub(super) fn start_pulls(&mut self, now: Now, out: &mut Vec<Effect>) {
        while self.pulls.running.len() < MAX_RUNNING {
            let next = self.pulls.due.iter().find(|it| !self.pulls.running.contains(*it)).cloned();
            let Some(repo) = next else { return };
            self.pulls.due.remove(&repo);
            let mut asked = Vec::new();
            for live in self.workers.values().filter(|live| live.worker.repo == repo) {
                let worker = Box::new(live.worker.clone());
                let candidates = self.pulls.candidates.remove(&worker.id).unwrap_or_default();
                let by_branch = self.pulls.by_branch.remove(&worker.id);
                let is_known = worker.pr.is_some() || worker.kind == Kind::Review;
                if is_known || by_branch || !candidates.is_empty() {
                    asked.push(PullQuestion { worker, candidates, by_branch });
                }
            }
            if asked.is_empty() {
                continue;
            }
            self.pulls.asked.insert(repo.clone(), now.steady);
            self.pulls.running.insert(repo.clone());
            out.push(Effect::Local(LocalEffect::AskPulls { repo, asked }));
        }
    }

    pub(super) fn pulled(
        &mut self,
        now: Now,
        repo: &Path,
        found: Result<Vec<Pulled>, String>,
        out: &mut Vec<Effect>,
    ) {
        self.pulls.running.remove(repo);
        let problem = match &found {
            Ok(found) => found.iter().find_map(|it| it.error.clone()),
            Err(error) => Some(error.clone()),
        };
        match problem {
            Some(problem) => self.pulls.problems.insert(repo.to_owned(), problem),
            None => self.pulls.problems.remove(repo),
        };
        for it in found.unwrap_or_default() {
            let Some(live) = self.workers.get_mut(&it.worker) else { continue };
            if let (Some(url), None) = (it.url, &live.worker.pr) {
                live.note_pr(url);
            }
            if let Some(text) = it.note {
                live.note_board(text);
            }
            if let Some(state) = it.state {
                if let Some(landed) = merged(&live.worker, &state, now) {
                    live.has_landed(landed);
                }
                live.note_pull(now, state);
            }
        }
        self.flush_workers(now, out);
        self.start_pulls(now, out);
        self.answer_waiting(out);
    }

    fn answer_waiting(&mut self, out: &mut Vec<Effect>) {
        let Pulls { due, running, waiting, problems, .. } = &mut self.pulls;
        let is_over = |repos: &BTreeSet<PathBuf>| {
            repos.iter().all(|it| !due.contains(it) && !running.contains(it))
        };
        for (request_id, repos) in waiting.extract_if(.., |(_, repos)| is_over(repos)) {
            let problems = repos.iter().filter_map(|it| problems.get(it).cloned()).collect();
            answer(out, request_id, Answer::Pulls { problems });
        }
    }

    pub(super) fn forget_pulls_client(&mut self, client: u64) {
        self.pulls.waiting.retain(|(request_id, _)| request_id.client != client);
    }
}

/// The forge has merged exactly the worker's commit.
fn merged(worker: &Worker, state: &PullState, now: Now) -> Option<Landed> {
    let head = worker.work.changes.as_ref().map(|it| it.head.as_str());
    let is_its_own = head == Some(state.head.as_str()) && worker.kind != Kind::Review;
    let is_new = worker.state.landed.as_ref().is_none_or(|it| it.tip != state.head);
    (state.is_merged && is_its_own && is_new).then(|| Landed {
        into: state.base.clone(),
        commit: state.merge_commit.clone(),
        tip: state.head.clone(),
        how: "pr".to_owned(),
        at: now.wall,
    })
}
