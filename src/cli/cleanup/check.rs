//! What would be lost with a worker, and how that is told.
use std::path::{Path, PathBuf};

use serde_json::json;

use super::panes;
use crate::{
    cli::{Failure, progress::Progress},
    client::Hub,
    git::{
        News, Repo, RepoLock, Run,
        removal::{self, Insist, Loss, Place, Policy, Subject},
    },
    model::{AgentState, Worker},
    proc::Cancel,
};

/// The result of a check.
pub(in crate::cli) struct Checked {
    pub(in crate::cli) losses: Vec<Loss>,
    /// The worktree's current path: it may have been moved.
    pub(in crate::cli) path: PathBuf,
    /// The commit that stands for its state, if there is one.
    pub(in crate::cli) state: Option<String>,
}

/// Everything that would be lost with the worktree and, if it is deleted, the branch; and what runs in
/// the other panes of the window.
pub(in crate::cli) async fn look(
    hub: &mut Hub,
    worker: &Worker,
    keep_branch: bool,
    (progress, cancel): (&Progress, &Cancel),
) -> Result<Checked, Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let panes = panes::look(hub, worker, &run).await?;
    // If the repository is gone, its worktrees are gone; if the worktree stays, nothing is lost.
    let mut checked = Checked { losses: Vec::new(), path: worker.worktree.clone(), state: None };
    if worker.repo.exists() && worker.own().worktree {
        let lock = RepoLock::acquire_damaged(&worker.repo, &mut run).await?;
        checked = in_repository(&lock, worker, keep_branch, &panes.known, &mut run).await?;
    }
    checked.losses.extend(panes.busy);
    Ok(checked)
}

/// The same without the panes. `known` are the agent's processes.
pub(in crate::cli) async fn in_repository(
    lock: &RepoLock,
    worker: &Worker,
    keep_branch: bool,
    known: &[u32],
    run: &mut Run<'_>,
) -> Result<Checked, Failure> {
    let subject = Subject {
        common_dir: &worker.repo,
        path: &worker.worktree,
        git_dir: &worker.git_dir,
        branch: worker.own().branch.filter(|_| !keep_branch),
        known,
        landed: worker.state.landed.as_ref(),
    };
    let facts = removal::look(lock, &subject, run).await?;
    let losses = removal::losses(&facts, Policy::Before);
    // Only needed where something would be lost.
    let state = if losses.is_empty() { None } else { removal::state_of(&facts, run).await? };
    let path = match facts.place {
        Place::Here { path } => path,
        Place::Missing | Place::Damaged { .. } | Place::Foreign { .. } => worker.worktree.clone(),
    };
    Ok(Checked { losses, path, state })
}

/// The losses, in words.
fn phrases(worker: &Worker, losses: &[Loss]) -> Vec<String> {
    losses.iter().map(Loss::to_string).chain(turn(worker)).collect()
}

/// The turn that a removal would end.
pub(super) fn turn(worker: &Worker) -> Option<String> {
    is_busy(worker).then(|| format!("a running turn: the agent is `{}`", worker.state.word()))
}

pub(in crate::cli) fn is_busy(worker: &Worker) -> bool {
    let turn = &worker.state.turn.value;
    worker.is_live() && (turn.is_busy() || matches!(turn, AgentState::Waiting(_)))
}

pub(super) fn refusal(worker: &Worker, checked: &Checked) -> Failure {
    let Checked { losses, path, state } = checked;
    let lost = phrases(worker, losses);
    let (id, path) = (&worker.id, path.display());
    let what = if losses.iter().any(Loss::is_work) {
        "has work that would be lost"
    } else {
        "was not removed"
    };
    let mut failure = Failure::user(format!("`{id}` {what}")).quote(&lost);
    if is_busy(worker) {
        failure = failure.hint(format!("to let the agent finish: `wtmag wait {id}`"));
    }
    for hint in hints(worker, losses, path.to_string().as_ref()) {
        failure = failure.hint(hint);
    }
    let mut discard = None;
    let is_droppable = !losses.is_empty() && Insist::Abandon.left(losses).is_empty();
    if let (Some(state), true) = (state, is_droppable && !is_busy(worker)) {
        let commit = state.get(..12).unwrap_or(state);
        let token = format!("{commit}@{path}");
        let quoted = shlex::try_quote(&token).map(std::borrow::Cow::into_owned).unwrap_or_default();
        failure = failure.hint(format!(
            "`wtmag cleanup {id} --discard {quoted}` drops exactly this state; `--abandon` drops the work"
        ));
        discard = Some(token);
    }
    failure
        .hint(format!("`wtmag cleanup {id} --force` removes it anyway"))
        .detail(json!({ "losses": lost, "discard": discard }))
}

/// What to do about the losses in the worktree at `path`.
fn hints(worker: &Worker, losses: &[Loss], path: &Path) -> Vec<String> {
    let (id, path) = (&worker.id, path.display());
    let is_in_files = |it: &Loss| matches!(it, Loss::Uncommitted(_) | Loss::Untracked(_));
    let mut hints = Vec::new();
    if losses.iter().any(is_in_files) {
        hints.push(format!("to see the changes: `wtmag diff {id}`"));
    }
    for loss in losses {
        let Loss::Commits { detached, .. } = loss else { continue };
        // Neither a push nor the worker's branch has them.
        if let Some(commit) = detached {
            let commit = commit.get(..12).unwrap_or(commit);
            hints.push(format!("to keep the commits: `git -C {path} branch NAME {commit}`"));
            continue;
        }
        let remote = Repo::discover(&worker.repo).ok().and_then(|it| it.push_remote());
        let push =
            remote.map(|it| format!("to push the commits: `git -C {path} push -u {it} HEAD`"));
        hints.extend(push);
        hints.push(format!("to keep the branch: `wtmag cleanup {id} --keep-branch`"));
    }
    hints.dedup();
    if losses.iter().any(|it| matches!(it, Loss::Lock(_))) {
        hints.push(format!("to unlock it: `git worktree unlock {path}`"));
    }
    hints
}
