//! `wtmag cleanup`: checks whether work would be lost, then asks the hub to remove the worker.
pub(crate) mod job;
mod panes;

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;

use super::{
    Context, Failure, leftovers, naming::Purpose, outcome::interrupt, progress::Progress,
    resolve::Target, unexpected,
};
use crate::{
    client::{self, Hub},
    git::{
        News, RepoLock, Run,
        removal::{self, Loss, Place, Policy, Subject},
    },
    model::{AgentState, Answer, Cleanup, RefusalKind, Request, Worker},
    proc::Cancel,
};

/// Remove a worker, its window, and the worktree and branch that were made for it
///
/// The agent is ended. A branch or worktree that existed before the worker is kept. Pull requests stay as
/// they are.
///
/// Refuses if work would be lost, and names that work: uncommitted and untracked files, commits that are on
/// no other branch and on no remote, stashes made on the branch, and unfinished rebases and merges. Commits
/// that were merged as a squash are not lost work, if the default branch has the same content. Submodules
/// and all other repositories inside the worktree are checked in the same way, even those that git ignores.
///
/// Also refuses while the agent works on a turn or asks something, while the worktree is locked (`git worktree
/// lock`), while other programs run in the worktree or in another pane of the worker's window, and if
/// something cannot be checked.
///
/// Files that git ignores are removed, and named afterwards. For 30 days, `wtmag restore` brings back the
/// branch, the worktree and up to 100 MB of uncommitted files, but no ignored files.
///
/// Without an ID, it removes the worker of the current worktree or tmux window, and asks first.
///
/// With --json: {"id", "worktree_removed", "branch_deleted", "branch", "pr", "notes": […]}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Remove the worker in spite of everything that is named above
    #[arg(short, long)]
    force: bool,
    /// Keep the branch
    #[arg(long)]
    keep_branch: bool,
    /// Do not ask, even if you name no worker
    #[arg(short, long)]
    yes: bool,
}

/// Large worktrees and slow project hooks may take this long.
const LIMIT: Duration = Duration::from_secs(900);

/// Variables that git, WorkTrunk and the hooks of a removal may need. Never all: they may hold
/// secrets.
const PASSED_ON: [&str; 19] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "WORKTRUNK_CONFIG_PATH",
];

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub().await?;
    let worker = args.target.worker_or_own(context, &mut hub, Purpose::Change).await?;
    let progress = Progress::new(&context.env);
    let cancel = context.cancel()?;
    clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    progress.step(format!("checking {} for work that would be lost", worker.id));
    let (losses, path) = look(&mut hub, &worker, &args, &progress, &cancel).await?;
    drop(progress);
    let lost = phrases(&worker, &losses);
    if !lost.is_empty() && !args.force {
        return Err(refusal(&worker, &path, (&losses, &lost)));
    }
    lost.iter().for_each(|it| context.say(&format!("losing {it}")));
    if let Some(pr) = &worker.pr {
        context.say(&format!("note: its pull request stays as it is: {pr}"));
    }
    confirm(context, &args, &worker, &cancel).await?;
    remove(context, &mut hub, &args, &worker, &cancel).await
}

/// Something that a killed `create` left may be in the way, such as a git lock.
async fn clear_leftovers(
    context: &Context,
    hub: &mut Hub,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let notes = leftovers::clear(&context.whereabouts()?, hub, &mut run).await?;
    notes.iter().for_each(|it| progress.note(it));
    Ok(())
}

/// Everything that would be lost with the worktree and, if it is deleted, the branch; and the
/// worktree's current path, because it may have been moved.
async fn look(
    hub: &mut Hub,
    worker: &Worker,
    args: &Args,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(Vec<Loss>, PathBuf), Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let panes = panes::look(hub, worker, &run).await?;
    // If the repository is gone, its worktrees are gone; if the worktree stays, nothing is lost.
    let mut lost = Vec::new();
    let mut at = worker.worktree.clone();
    if worker.repo.exists() && worker.worktree_made {
        let subject = Subject {
            common_dir: &worker.repo,
            path: &worker.worktree,
            git_dir: &worker.git_dir,
            branch: (worker.branch_made && !args.keep_branch).then_some(worker.branch.as_str()),
            known: &panes.known,
        };
        let lock = RepoLock::acquire_damaged(&worker.repo, &mut run).await?;
        let facts = removal::look(&lock, &subject, &mut run).await?;
        lost = removal::losses(&facts, Policy::Before);
        if let Place::Here { path } = facts.place {
            at = path;
        }
    }
    lost.extend(panes.busy);
    Ok((lost, at))
}

/// The losses, in words.
fn phrases(worker: &Worker, losses: &[Loss]) -> Vec<String> {
    let busy =
        is_busy(worker).then(|| format!("a running turn: the agent is `{}`", worker.state.word()));
    losses.iter().map(Loss::to_string).chain(busy).collect()
}

fn is_busy(worker: &Worker) -> bool {
    let turn = &worker.state.turn.value;
    worker.is_live() && (turn.is_busy() || matches!(turn, AgentState::Waiting(_)))
}

fn refusal(worker: &Worker, path: &Path, (losses, lost): (&[Loss], &[String])) -> Failure {
    let (id, path) = (&worker.id, path.display());
    let mut failure = Failure::user(format!("`{id}` has work that would be lost")).quote(lost);
    if is_busy(worker) {
        failure = failure.hint(format!("to let the agent finish: `wtmag wait {id}`"));
    }
    let is_in_files = |it: &Loss| matches!(it, Loss::Uncommitted(_) | Loss::Untracked(_));
    if losses.iter().any(is_in_files) {
        failure = failure.hint(format!("to see the changes: `git -C {path} status`"));
    }
    if losses.iter().any(|it| matches!(it, Loss::Commits { .. })) {
        failure = failure
            .hint(format!("to keep the commits: `git -C {path} push -u`, or pass --keep-branch"));
    }
    if losses.iter().any(|it| matches!(it, Loss::Lock(_))) {
        failure = failure.hint(format!("to unlock it: `git worktree unlock {path}`"));
    }
    failure
        .hint(format!("`wtmag cleanup {id} --force` removes it anyway"))
        .detail(json!({ "losses": lost }))
}

/// A worker that the user did not name is removed only after confirmation.
async fn confirm(
    context: &Context,
    args: &Args,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if args.yes || args.target.given()?.is_some() {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::user(format!(
            "this would remove `{}`, which you did not name",
            worker.id
        ))
        .hint(format!("`wtmag cleanup {}`, or pass --yes", worker.id)));
    }
    let what = if worker.worktree_made { "" } else { " but keep its worktree" };
    let path = worker.worktree.display();
    context.ask_user(&format!("Remove {} ({path}){what}? [y/N] ", worker.id));
    let line = context.read_line(cancel).await?;
    if ["y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::user("aborted, nothing removed"))
}

async fn remove(
    context: &Context,
    hub: &mut Hub,
    args: &Args,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<ExitCode, Failure> {
    let answer = ask(context, hub, args, worker, cancel).await?;
    let Answer::CleanedUp { worktree_removed, branch_deleted, notes } = answer else {
        return Err(unexpected(&answer));
    };
    if context.json() {
        context.print_json(&json!({
            "id": worker.id, "worktree_removed": worktree_removed,
            "branch_deleted": branch_deleted, "branch": worker.branch, "pr": worker.pr,
            "notes": notes,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    let worktree = match worktree_removed {
        true => "worktree removed",
        false if worker.worktree.exists() => "worktree kept",
        false => "no worktree to remove",
    };
    let branch = if branch_deleted { "deleted" } else { "kept" };
    context.print(&format!("{}  {worktree}, branch {} {branch}\n", worker.id, worker.branch))?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(
    context: &Context,
    hub: &mut Hub,
    args: &Args,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<Answer, Failure> {
    let id = &worker.id;
    let vars = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), context.env.var(name)?.to_str()?.to_owned())));
    let cleanup = Cleanup {
        id: id.clone(),
        force: args.force,
        keep_branch: args.keep_branch,
        env: vars.collect(),
    };
    let progress = Progress::new(&context.env);
    progress.step(format!("removing {id}"));
    // In the worker's own window, this command ends here with the window; the hub finishes the
    // cleanup.
    let asked = hub.ask_within(Request::Cleanup(cleanup), LIMIT);
    let answer = tokio::select! {
        answer = asked => answer,
        () = interrupt(cancel) => {
            let hint = format!("the hub finishes the cleanup; `wtmag events --worker {id}` shows the outcome");
            return Err(Failure::interrupted().hint(hint));
        }
    };
    answer.map_err(|error| {
        let is_half =
            matches!(&error, client::Error::Refused(it) if it.kind == RefusalKind::NotNow);
        let failure = Failure::from(error);
        if is_half {
            failure
                .hint(format!("fix that, then run `wtmag cleanup {id}` again"))
                .hint(format!("`wtmag cleanup {id} --force` removes it anyway"))
        } else {
            failure
        }
    })
}
