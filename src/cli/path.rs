//! `wtmag path`.
use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure, resolve::Target};
use crate::model::Worker;

/// Print the path of a worker's worktree
///
/// Without an ID: the worker of the current worktree or tmux window.
///
/// With --json: {"id", "path"}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  cd \"$(wtmag path 456)\"
  git -C \"$(wtmag path docs)\" log main..";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_own(context, &mut hub, super::naming::Purpose::Look).await?;
    require_worktree(&worker)?;
    if context.json() {
        context.print_json(&json!({ "id": worker.id, "path": worker.worktree }))?;
    } else {
        context.print(&format!("{}\n", worker.worktree.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks that the worker's worktree exists.
pub(super) fn require_worktree(worker: &Worker) -> Result<(), Failure> {
    if worker.worktree_gone || !worker.worktree.is_dir() {
        let path = worker.worktree.display();
        let id = &worker.id;
        let hint = match worker.is_live() {
            true => format!("its agent still runs: `wtmag attach {id}`"),
            false => format!("`wtmag resume {id}` makes it again, and starts the agent in it"),
        };
        return Err(Failure::user(format!("the worktree of `{id}` is gone: `{path}`")).hint(hint));
    }
    Ok(())
}
