//! The second half of a cleanup, after the window is closed. The hub runs it as a child, and again
//! after a crash, so everything that is already gone counts as done.
use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use crate::{
    cli::{Context, Failure, job, settings},
    git::{
        self, BranchEnd, Hooks, News, Repo, RepoLock, Run, Tool, record,
        removal::{self, Insist, Outcome, Subject},
        scratch,
    },
    model::Worker,
    proc,
    wire::{CleanupJob, CleanupResult},
};

/// Remove the worktree of a worker whose window is closed (internal)
///
/// Reads a cleanup job from standard input and prints the result, both as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let job = match CleanupJob::parse(&job::text()?) {
        Ok(job) => job,
        Err(error) => {
            context.print_json(&CleanupResult::failed(crate::model::error_chain(&error)))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    match remove(context, &job).await {
        Ok(result) => {
            context.print_json(&result)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let text = told(&job.worker, &failure);
            context.print_json(&CleanupResult::failed(text.clone()))?;
            // The hub that would read it may be gone.
            writeln!(io::stderr(), "{text}").unwrap_or_default();
            Ok(failure.exit_code())
        }
    }
}

/// Whatever else failed, the window is closed by now.
fn told(worker: &Worker, failure: &Failure) -> String {
    let kept = if worker.worktree.exists() {
        format!(" and its worktree `{}` is kept", worker.worktree.display())
    } else {
        String::new()
    };
    format!("its window is closed{kept}: {}", failure.line())
}

async fn remove(context: &Context, job: &CleanupJob) -> Result<CleanupResult, Failure> {
    let worker = &job.worker;
    if worker.is_orchestrator() {
        // It has nothing in the repository.
        return Ok(CleanupResult::default());
    }
    if !worker.repo.exists() {
        let note = format!("its repository `{}` is gone", worker.repo.display());
        return Ok(CleanupResult::nothing(note));
    }
    let mut said = Vec::new();
    let mut tell = |news: &News| match news {
        News::Stale { .. } | News::Note(_) => said.push(news.to_string()),
        News::Fallback { .. }
        | News::Waiting { .. }
        | News::Fetching { .. }
        | News::Retrying { .. }
        | News::Hook { .. }
        | News::Undoing { .. }
        | News::Terminal
        | News::Line(_) => {}
    };
    let cancel = proc::never();
    let mut run = Run { cancel: &cancel, tell: &mut tell };
    // One lock from the check to the end: otherwise two cleanups at once could each rely on the
    // other's branch.
    let lock = RepoLock::acquire_damaged(&worker.repo, &mut run).await?;
    if is_another(job)? {
        let note = format!("`{}` now belongs to another worker: kept", worker.worktree.display());
        return Ok(CleanupResult::nothing(note));
    }
    if !worker.own().worktree {
        return withdraw(worker);
    }
    let tool = Tool::choose(backend(context, worker), "wt".as_ref(), &mut run).await?;
    let mut outcome = remove_worktree(&lock, &tool, job, &mut run).await?;
    if worker.markers {
        let marker = (worker.branch.as_str(), None);
        let cleared = git::show_marker(&lock, &worker.repo, marker, &run).await;
        let failed = cleared.err().map(|it| format!("its marker is cleared later: {it}"));
        outcome.notes.extend(failed);
    }
    outcome.notes.extend(said);
    Ok(result(worker, outcome))
}

fn result(worker: &Worker, outcome: Outcome) -> CleanupResult {
    let Outcome { worktree, branch, mut notes } = outcome;
    let is_deleted = branch == BranchEnd::Deleted;
    match branch {
        BranchEnd::Deleted | BranchEnd::Kept | BranchEnd::Gone => {}
        BranchEnd::Moved { tip } => {
            notes.push(format!("branch `{}` has moved to {tip}: kept", worker.branch));
        }
        BranchEnd::CheckedOut { path } => {
            let path = path.display();
            notes.push(format!("branch `{}` is checked out in `{path}`: kept", worker.branch));
        }
    }
    CleanupResult {
        worktree_removed: worktree,
        branch_deleted: is_deleted,
        notes,
        ..CleanupResult::default()
    }
}

/// A worktree that the user created stays.
fn withdraw(worker: &Worker) -> Result<CleanupResult, Failure> {
    let mut result = CleanupResult::default();
    if worker.git_dir.exists() {
        record::remove(&worker.git_dir, &worker.id)?;
    }
    if worker.worktree.exists() {
        scratch::withdraw(&worker.worktree)?;
        let path = worker.worktree.display();
        result.notes.push(format!("`{path}` was there before the worker: kept"));
    }
    Ok(result)
}

/// This may be the second attempt after a crash. Meanwhile a new worktree with that name may have
/// been created for another worker.
fn is_another(CleanupJob { cleanup, worker, .. }: &CleanupJob) -> Result<bool, Failure> {
    match record::load(&worker.git_dir) {
        Ok(Some(it)) => Ok(it.worker != worker.id || it.created > worker.created),
        Ok(None) => Ok(false),
        Err(_) if cleanup.force => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Runs the hooks that the user approved; the others are skipped and named.
async fn remove_worktree(
    lock: &RepoLock,
    tool: &Tool,
    CleanupJob { cleanup, worker, .. }: &CleanupJob,
    run: &mut Run<'_>,
) -> Result<Outcome, Failure> {
    // The agent may have worked until its window was closed, so this checks again, and refuses
    // again.
    let subject = Subject {
        common_dir: &worker.repo,
        path: &worker.worktree,
        git_dir: &worker.git_dir,
        branch: worker.own().branch.filter(|_| !cleanup.keep_branch),
        known: &[],
        landed: worker.state.landed.as_ref(),
    };
    let insist = match &cleanup.discard {
        _ if cleanup.force => Insist::Force,
        _ if cleanup.abandon => Insist::Abandon,
        Some(state) => Insist::Discard(state),
        None => Insist::No,
    };
    let job = removal::Job { worker: &worker.id, subject, insist, hooks: Hooks::Approved };
    match removal::remove(lock, tool, &job, run).await {
        Err(error @ git::Error::Unapproved { .. }) => {
            let job = removal::Job { hooks: Hooks::Skip, ..job };
            let mut outcome = removal::remove(lock, tool, &job, run).await?;
            outcome.notes.insert(0, format!("{error}: they did not run"));
            Ok(outcome)
        }
        Err(git::Error::WouldLose { losses }) => {
            Err(Failure::user(format!("work would be lost: {}", losses.join("; "))))
        }
        other => Ok(other?),
    }
}

/// The backend that creates and removes worktrees here; unreadable settings must not block a
/// removal.
fn backend(context: &Context, worker: &Worker) -> git::Backend {
    let repo = Repo::discover(&worker.repo).ok();
    let dirs = settings::project_dirs(repo.as_ref());
    let loaded = crate::config::load(&context.env.config_file(), &dirs);
    loaded.map_or(git::Backend::Auto, |it| settings::backend(it.config.worktree.backend))
}
