use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure};
use crate::{
    clock,
    git::{
        News, Repo, RepoLock, Run,
        removal::backup::{self, Backup},
    },
    text::age,
};

/// Bring back the branch and worktree of a worker that was removed
///
/// When `cleanup` or `land` removes a worker, it makes a backup and keeps it for 30 days. It holds the branch,
/// commits on a detached HEAD and, after `cleanup` with --force, --abandon or --discard, up to 100 MB of uncommitted
/// files. It holds no files that git ignores. The worktree comes back at its old path, without an agent. `wtmag
/// resume ID` then starts the agent again, with its conversation.
///
/// Without an ID: lists what can be restored in this repository.
///
/// With --json: {"id", "branch", "worktree", "files", "notes": […]}, or a list of {"id", "removed",
/// "branch", "commit", "worktree", "files", "refs", "bundles"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The removed worker: its whole id or its branch
    id: Option<String>,
    /// Repository [default: the repository of the current directory]
    #[arg(short = 'C', long, value_name = "DIR")]
    project: Option<std::path::PathBuf>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let dir = match args.project {
        Some(dir) => dir,
        None => std::env::current_dir()?,
    };
    let repo = Repo::discover(&dir)?;
    let backups = backup::list(repo.common_dir())?;
    let Some(id) = args.id else { return list(context, &backups) };
    // If a name was reused, the newest.
    let is_it = |it: &&Backup| {
        it.worker.as_str() == id || it.branch.as_ref().is_some_and(|branch| branch.name == id)
    };
    let Some(found) = backups.iter().find(is_it) else {
        return Err(Failure::user(format!("no removed worker `{id}` is kept in this repository"))
            .hint("`wtmag restore` lists what can be restored"));
    };
    let cancel = context.cancel()?;
    let mut tell = |_: &News| {};
    let mut run = Run { cancel: &cancel, tell: &mut tell };
    let lock = RepoLock::acquire(&repo, &mut run).await?;
    let restored = backup::restore(&repo, &lock, found, &mut run).await?;
    if context.json() {
        context.print_json(&json!({
            "id": found.worker, "branch": restored.branch, "worktree": restored.worktree,
            "files": restored.files, "notes": restored.notes,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    restored.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    let mut done = Vec::new();
    done.extend(restored.worktree.map(|it| format!("worktree {}", it.display())));
    done.extend(restored.branch.map(|it| format!("branch {it}")));
    done.extend(restored.files.then(|| "uncommitted files".to_owned()));
    let done = if done.is_empty() { "nothing to restore".to_owned() } else { done.join(", ") };
    context.print(&format!("{}  {done}\n", found.worker))?;
    Ok(ExitCode::SUCCESS)
}

fn list(context: &Context, backups: &[Backup]) -> Result<ExitCode, Failure> {
    if context.json() {
        let all = backups.iter().map(|it| {
            json!({
                "id": it.worker, "removed": it.removed, "worktree": it.worktree,
                "branch": it.branch.as_ref().map(|it| &it.name),
                "commit": it.branch.as_ref().map(|it| &it.commit),
                "files": it.files, "refs": it.refs, "bundles": it.bundles,
            })
        });
        context.print_json(&all.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = clock::now();
    for it in backups {
        let branch = it.branch.as_ref().map(|it| format!("branch {}", it.name));
        let branch = branch.unwrap_or_else(|| "no branch".to_owned());
        let files = if it.files.is_some() { ", with uncommitted files" } else { "" };
        let age = age(now.since(it.removed));
        context.print(&format!("{}  {branch}{files}, removed {age} ago\n", it.worker))?;
    }
    if backups.is_empty() {
        context.say("nothing was removed from this repository in the last 30 days");
    }
    Ok(ExitCode::SUCCESS)
}
