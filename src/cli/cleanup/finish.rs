//! The second half of a cleanup: the window is closed, the worktree goes. The hub runs it as a
//! child, again after a crash, so everything that is gone already counts as done.
use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};

use crate::{
    cli::{Context, Failure, settings},
    git::{
        self, BranchEnd, Doomed, Hooks, Loss, News, Removal, Removed, Repo, RepoLock, Run, Subject,
        Tool, exclude, record,
    },
    model::{Cleanup, Worker},
    proc,
};

/// What the hub hands over.
#[derive(Debug, Deserialize)]
struct Job {
    cleanup: Cleanup,
    worker: Worker,
}

/// What it reads.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Done {
    worktree_removed: bool,
    branch_deleted: bool,
    notes: Vec<String>,
}

/// The hub shows what is on standard error as the reason, so that is one line without ornament.
pub(super) async fn run(context: &Context) -> Result<ExitCode, Failure> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let job: Job = serde_json::from_str(&text).map_err(Failure::bug)?;
    match remove(context, &job).await {
        Ok(done) => {
            context.print_json(&done)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            // The hub that would read it may have gone.
            writeln!(io::stderr(), "{}", told(&job.worker, &failure)).unwrap_or_default();
            Ok(failure.exit_code())
        }
    }
}

/// The window is gone by now, whatever else is not.
fn told(worker: &Worker, failure: &Failure) -> String {
    let kept = if worker.worktree.exists() {
        format!(" and its worktree `{}` is kept", worker.worktree.display())
    } else {
        String::new()
    };
    format!("its window is closed{kept}: {}", failure.line())
}

async fn remove(context: &Context, job: &Job) -> Result<Done, Failure> {
    let worker = &job.worker;
    let mut done = Done::default();
    if !worker.repo.exists() {
        done.notes.push(format!("its repository `{}` is gone", worker.repo.display()));
        return Ok(done);
    }
    let mut said = Vec::new();
    let mut tell = |news: &News| match news {
        News::Stale { .. } | News::Note(_) | News::Fallback { .. } => said.push(news.to_string()),
        News::Waiting { .. }
        | News::Fetching { .. }
        | News::Retrying { .. }
        | News::Hook { .. }
        | News::Undoing { .. }
        | News::Line(_) => {}
    };
    let cancel = proc::never();
    let mut run = Run { cancel: &cancel, tell: &mut tell };
    let repo = Repo::discover(&worker.repo)?;
    let tool = Tool::choose(backend(context, &repo), "wt".as_ref(), &mut run).await?;
    // One lock from the look to the end: two that go at once would each count on the other's branch.
    let lock = RepoLock::acquire(&repo, &mut run).await?;
    if is_another(job)? {
        let path = worker.worktree.display();
        done.notes.push(format!("`{path}` is another worker's by now: kept, with its branch"));
        return Ok(done);
    }
    if !worker.worktree_made {
        return withdraw(worker, done);
    }
    let tip = tip(&repo, &lock, job, &mut run).await?;
    let branch = tip.map(|tip| Doomed { name: worker.branch.clone(), tip });
    let place = Place { repo: &repo, lock: &lock, tool: &tool };
    let removed = remove_worktree(&place, job, branch, &mut run, &mut done.notes).await?;
    drop(lock);
    if worker.git_dir.exists() && !removed.worktree {
        record::remove(&worker.git_dir, &worker.id)?;
    }
    done.worktree_removed = removed.worktree;
    match removed.branch {
        BranchEnd::Deleted => done.branch_deleted = true,
        BranchEnd::Kept | BranchEnd::Gone => {}
        BranchEnd::Moved { tip } => {
            done.notes.push(format!("branch `{}` has moved to {tip}: kept", worker.branch));
        }
        BranchEnd::CheckedOut { path } => {
            let path = path.display();
            done.notes.push(format!("branch `{}` is checked out in `{path}`: kept", worker.branch));
        }
    }
    done.notes.extend(said);
    Ok(done)
}

/// The user's own worktree stays as he made it.
fn withdraw(worker: &Worker, mut done: Done) -> Result<Done, Failure> {
    if worker.git_dir.exists() {
        record::remove(&worker.git_dir, &worker.id)?;
    }
    if worker.worktree.exists() {
        exclude::withdraw(&worker.worktree)?;
        let path = worker.worktree.display();
        done.notes.push(format!("`{path}` was there before the worker: kept"));
    }
    Ok(done)
}

/// This may be the second try, after a crash, and somebody may have made a new worktree of that name
/// meanwhile: its worker, by whatever name, has come after this one.
fn is_another(Job { cleanup, worker }: &Job) -> Result<bool, Failure> {
    match record::load(&worker.git_dir) {
        Ok(Some(it)) => Ok(it.worker != worker.id || it.created > worker.created),
        Ok(None) => Ok(false),
        Err(_) if cleanup.force => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The commit at which the branch may be deleted; none when it stays. The agent may have worked on
/// until its window was closed, so this looks again, and refuses again.
async fn tip(
    repo: &Repo,
    lock: &RepoLock,
    job: &Job,
    run: &mut Run<'_>,
) -> Result<Option<String>, Failure> {
    let Job { cleanup, worker } = job;
    let branch = (worker.branch_made && !cleanup.keep_branch).then_some(worker.branch.as_str());
    if cleanup.force && branch.is_none() {
        return Ok(None);
    }
    let subject = Subject { path: &worker.worktree, git_dir: &worker.git_dir, branch, known: &[] };
    let losses = git::losses(repo, lock, &subject, run).await?;
    // What is left of the pane's processes is about to end; others were looked for before.
    let lost: Vec<String> = losses
        .list
        .iter()
        .filter(|it| !matches!(it, Loss::Process { .. }))
        .map(Loss::to_string)
        .collect();
    if lost.is_empty() || cleanup.force {
        return Ok(losses.tip);
    }
    Err(Failure::user(format!("there is {}", lost.join("; "))))
}

/// Where it happens, and by what.
struct Place<'a> {
    repo: &'a Repo,
    lock: &'a RepoLock,
    tool: &'a Tool,
}

/// With the hooks that the project's user approved; those that nobody did are left out, and said.
async fn remove_worktree(
    place: &Place<'_>,
    job: &Job,
    branch: Option<Doomed>,
    run: &mut Run<'_>,
    notes: &mut Vec<String>,
) -> Result<Removed, Failure> {
    let mut removal = Removal {
        path: job.worker.worktree.clone(),
        git_dir: job.worker.git_dir.clone(),
        branch,
        force: job.cleanup.force,
        hooks: Hooks::Approved,
    };
    let &Place { repo, lock, tool } = place;
    match git::remove(repo, lock, tool, &removal, run).await {
        Err(error @ git::Error::Unapproved { .. }) => {
            notes.push(format!("{error}: they did not run"));
            removal.hooks = Hooks::Skip;
            Ok(git::remove(repo, lock, tool, &removal, run).await?)
        }
        other => Ok(other?),
    }
}

/// What makes and removes worktrees here; settings that cannot be read do not keep one from going.
fn backend(context: &Context, repo: &Repo) -> git::Backend {
    let dirs = settings::project_dirs(Some(repo));
    let loaded = crate::config::load(&context.env.config_file(), &dirs, &[]);
    loaded.map_or(git::Backend::Auto, |it| settings::backend(it.config.worktree.backend))
}
