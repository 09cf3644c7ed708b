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

/// A worker's candidates, and whether its branch is asked about.
type Asked = (WorkerId, Vec<String>, bool);

#[derive(Debug, Default)]
pub(super) struct Pulls {
    /// Repositories to ask about.
    due: BTreeSet<PathBuf>,
    /// With what is asked about each worker.
    running: BTreeMap<PathBuf, Vec<Asked>>,
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
        self.ask_by_branch(repo, waits);
        let Pulls { candidates, by_branch, .. } = &self.pulls;
        let has_pull = |it: &Worker| {
            let is_open = candidates.contains_key(&it.id) || by_branch.contains(&it.id);
            it.pr.is_some() || it.kind == Kind::Review || is_open
        };
        let workers = self.workers.values().map(|live| &live.worker);
        let meant = workers.filter(|it| repo.is_none_or(|repo| it.repo == repo) && has_pull(it));
        let repos: BTreeSet<PathBuf> = meant.map(|it| it.repo.clone()).collect();
        let is_old = |repo: &PathBuf| {
            let asked = self.pulls.asked.get(repo);
            asked.is_none_or(|at| now.steady.duration_since(*at) >= FRESH)
        };
        let old: BTreeSet<PathBuf> = repos
            .iter()
            .filter(|it| is_old(it) && !self.pulls.running.contains_key(*it))
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

    /// The forge gave no answer: it is asked with the next question.
    fn ask_again(&mut self, id: &WorkerId, candidates: Vec<String>, by_branch: bool) {
        if !self.workers.contains_key(id) {
            return;
        }
        if by_branch {
            self.pulls.by_branch.insert(id.clone());
        }
        if !candidates.is_empty() {
            let newer = self.pulls.candidates.remove(id).unwrap_or_default();
            self.note_candidates(id, candidates.into_iter().chain(newer).collect());
        }
    }

    /// An earlier hub may have ended before the forge told it of the pull request for a branch that was pushed.
    /// To someone who waits for the answer, each branch with commits counts: its user may have pushed it.
    fn ask_by_branch(&mut self, repo: Option<&Path>, waits: bool) {
        let asked = &self.pulls.asked;
        let is_meant = |it: &&Worker| {
            let is_new = waits || !asked.contains_key(&it.repo);
            repo.is_none_or(|repo| it.repo == repo) && is_new
        };
        let is_open = |it: &&Worker| {
            let changes = it.work.changes.as_ref();
            let is_ready = changes.is_some_and(|it| it.pushed.is_some() || waits && it.ahead > 0);
            it.pr.is_none() && it.opens_pull_request() && is_ready
        };
        let workers = self.workers.values().map(|live| &live.worker);
        let open = workers.filter(is_meant).filter(is_open).map(|it| it.id.clone());
        self.pulls.by_branch.extend(open.collect::<Vec<_>>());
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
            let is_free = |it: &&PathBuf| !self.pulls.running.contains_key(*it);
            let next = self.pulls.due.iter().find(is_free).cloned();
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
            let one =
                |it: &PullQuestion| (it.worker.id.clone(), it.candidates.clone(), it.by_branch);
            self.pulls.running.insert(repo.clone(), asked.iter().map(one).collect());
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
        let asked = self.pulls.running.remove(repo).unwrap_or_default();
        let is_answered = |id: &WorkerId| {
            let about = |it: &Pulled| it.worker == *id && it.error.is_none();
            found.as_ref().is_ok_and(|found| found.iter().any(about))
        };
        for (id, candidates, by_branch) in asked.into_iter().filter(|it| !is_answered(&it.0)) {
            self.ask_again(&id, candidates, by_branch);
        }
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
            repos.iter().all(|it| !due.contains(it) && !running.contains_key(it))
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
