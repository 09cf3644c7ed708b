//! `wtmag cleanup`: checks whether work would be lost, then asks the hub to remove the worker.
pub(in crate::cli) mod check;
pub(in crate::cli) mod end;
pub(crate) mod job;
pub(in crate::cli) mod panes;
mod sweep;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap_complete::ArgValueCompleter;
use serde_json::json;

use self::{
    check::{Checked, refusal},
    end::{How, Removed},
};
use super::{
    Context, Failure, complete, leftovers, naming::Purpose, output::count, progress::Progress,
    resolve, worktree_tool::Asked,
};
use crate::{
    client::Hub,
    git::{News, Run, removal::Insist},
    model::Worker,
    proc::Cancel,
};

/// Remove workers, with the window, worktree and branch that were made for each
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
/// `--merged` removes all workers of this repository whose work is proven to be in another branch, and names the
/// proof for each: the base branch has the worker's commits or exactly its files, or the pull request was merged at
/// the worker's newest commit. wtmag fetches the base branch first. Workers without commits, with anything that would
/// be lost, or with an agent at work are kept.
///
/// Without an ID, it removes the worker of the current worktree or tmux window, and asks first.
///
/// With --json: {"id", "worktree_removed", "branch_deleted", "branch", "pr", "notes": […]}; for several
/// workers {"removed": [as for one], "kept": [{"id", "error"}]}; with --merged an array of {"id", "verdict":
/// "remove" or "keep", "why", "error", "removed": as for one or null}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One or more workers [default: the one of the current worktree or tmux window]
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::workers))]
    ids: Vec<String>,
    /// The same as ID
    #[arg(long = "id", value_name = "ID", hide = true)]
    by_flag: Vec<String>,
    /// Remove every worker whose work is proven to be in another branch
    #[arg(long, conflicts_with_all = ["ids", "by_flag", "force", "abandon", "discard", "keep_branch"])]
    merged: bool,
    /// Only with --merged: the workers of every project
    #[arg(short, long, requires = "merged")]
    all: bool,
    /// Only with --merged: show what would be removed, and why
    #[arg(long, requires = "merged")]
    dry_run: bool,
    /// Drop the work: commits and uncommitted files. For 30 days, the commits are in
    /// `refs/wtmag/abandoned/BRANCH`. `wtmag restore` brings back the commits and up to 100 MB of uncommitted
    /// files, but no files that git ignores
    #[arg(long, conflicts_with = "force")]
    abandon: bool,
    /// Like --abandon, but only if nothing has changed since `cleanup` refused; pass the COMMIT@WORKTREE
    /// that the refusal printed
    #[arg(long, value_name = "COMMIT@WORKTREE", conflicts_with_all = ["force", "abandon"])]
    discard: Option<String>,
    /// Remove the worker anyway: like --abandon, and also ignore every other reason to refuse that this page names
    #[arg(short, long)]
    force: bool,
    /// Remove the window and the worktree, but not the branch
    #[arg(long)]
    keep_branch: bool,
    /// If you name no worker: do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub().await?;
    let cancel = context.cancel()?;
    let names = [&args.ids[..], &args.by_flag].concat();
    let workers = match names.as_slice() {
        _ if args.merged => Vec::new(),
        [] => vec![resolve::own(context, &mut hub).await?],
        names => resolve::workers(context, &mut hub, names, Purpose::Change).await?,
    };
    let progress = Progress::new(&context.env);
    clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    drop(progress);
    if args.merged {
        return sweep::run(context, &mut hub, (args.all, args.dry_run), &cancel).await;
    }
    if args.discard.is_some() && workers.len() != 1 {
        return Err(Failure::usage("`--discard` is about one worker"));
    }
    let is_named = !names.is_empty();
    match workers.as_slice() {
        [worker] => {
            let who = (worker, is_named, &mut Asked::default());
            let removed = one(context, &mut hub, who, &args, &cancel).await?;
            if context.json() {
                context.print_json(&removed.to_json(worker))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        several => each(context, &mut hub, several, &args, &cancel).await,
    }
}

/// Several workers: one that must stay does not keep the others.
async fn each(
    context: &Context,
    hub: &mut Hub,
    workers: &[Worker],
    args: &Args,
    cancel: &Cancel,
) -> Result<ExitCode, Failure> {
    let (mut removed, mut kept) = (Vec::new(), Vec::new());
    let mut asked = Asked::default();
    for worker in workers {
        match one(context, hub, (worker, true, &mut asked), args, cancel).await {
            Ok(it) => removed.push(it.to_json(worker)),
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => {
                let failure = context.fit(failure);
                if !context.json() {
                    context.say(failure.to_string().trim_end());
                }
                kept.push(json!({ "id": worker.id, "error": failure.line() }));
            }
        }
    }
    let n = kept.len();
    if context.json() {
        context.print_json(&json!({ "removed": removed, "kept": kept }))?;
    } else {
        let removed = count(removed.len(), "worker");
        context.print(&format!("{removed} removed, {n} kept\n"))?;
    }
    Ok(if n == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn one(
    context: &Context,
    hub: &mut Hub,
    (worker, is_named, asked): (&Worker, bool, &mut Asked),
    args: &Args,
    cancel: &Cancel,
) -> Result<Removed, Failure> {
    let progress = Progress::new(&context.env);
    progress.step(format!("checking {} for work that would be lost", worker.id));
    let checked = check::look(hub, worker, args.keep_branch, (&progress, cancel)).await?;
    drop(progress);
    let state = args.discard.as_deref().map(|it| discard_of(it, &checked)).transpose()?;
    let insist = match &state {
        _ if args.force => Insist::Force,
        _ if args.abandon => Insist::Abandon,
        Some(state) => Insist::Discard(state),
        None => Insist::No,
    };
    let is_against = check::is_busy(worker) && insist == Insist::No;
    if is_against || !insist.left(&checked.losses).is_empty() {
        return Err(refusal(worker, &checked));
    }
    for loss in &checked.losses {
        let mark = if loss.is_work() { "losing" } else { "note:" };
        context.say(&format!("{mark} {loss}"));
    }
    check::turn(worker).into_iter().for_each(|it| context.say(&format!("note: {it}")));
    if let Some(pr) = &worker.pr {
        context.say(&format!("note: its pull request stays as it is: {pr}"));
    }
    confirm(context, args.yes || is_named, worker, cancel).await?;
    asked.about_removal(context, worker, cancel).await?;
    let how = How {
        force: args.force,
        abandon: args.abandon,
        discard: state,
        keep_branch: args.keep_branch,
    };
    let removed = end::remove(context, hub, worker, how, cancel).await?;
    if !context.json() {
        removed.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
        context.print(&format!("{}  {}\n", worker.id, removed.describe(worker)))?;
    }
    Ok(removed)
}

/// The commit of `COMMIT@WORKTREE`, if it is the state that was found.
fn discard_of(text: &str, checked: &Checked) -> Result<String, Failure> {
    let wrong = || {
        Failure::user(format!("`{text}` is not the state of this worktree"))
            .hint("run `wtmag cleanup` without --discard to see what it has now")
    };
    let (commit, path) = text.split_once('@').ok_or_else(wrong)?;
    let state = checked.state.as_ref().filter(|it| it.starts_with(commit) && commit.len() >= 7);
    let is_here = std::path::Path::new(path) == checked.path;
    state.filter(|_| is_here).cloned().ok_or_else(wrong)
}

/// Something that a killed `create` left may be in the way, such as a git lock.
pub(in crate::cli) async fn clear_leftovers(
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

/// A worker that the user did not name is removed only after confirmation.
async fn confirm(
    context: &Context,
    is_sure: bool,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::user(format!(
            "this would remove `{}`, which you did not name",
            worker.id
        ))
        .hint(format!("`wtmag cleanup {}`, or pass --yes", worker.id)));
    }
    let what = if worker.own().worktree { "" } else { " but keep its worktree" };
    let path = worker.worktree.display();
    context.ask_user(&format!("Remove {} ({path}){what}? [y/N] ", worker.id));
    let line = context.read_line(cancel).await?;
    if ["y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::user("aborted, nothing removed"))
}
