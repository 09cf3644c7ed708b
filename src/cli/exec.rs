//! `wtmag exec`.
use std::{ffi::OsString, process::ExitCode};

use super::{Context, Failure, naming::Purpose, path, resolve::Target};
use crate::proc;

/// Run a command in a worker's worktree
///
/// The command runs in your terminal, not in the worker's window, and without a shell. wtmag exits with its
/// exit code.
///
/// Without an ID: the worker of the current worktree or tmux window.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    argv: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  wtmag exec 456 -- git diff main...
  wtmag exec docs -- npm test";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_own(context, &mut hub, Purpose::Look).await?;
    path::require_worktree(&worker)?;
    drop(hub);
    let mut words = args.argv.iter();
    let program = words.next().cloned().unwrap_or_default();
    std::env::set_current_dir(&worker.worktree)?;
    Err(Failure::user(proc::exec(program, words, &[])))
}
