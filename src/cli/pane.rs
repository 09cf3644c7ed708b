//! `wtmag pane`: the process of a worker's window.
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use super::hook::To;
use crate::pane::{self, Options};

/// Run an agent, and after it a shell (started by wtmag itself)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Hold the fleet's first window open instead
    #[arg(long, exclusive = true)]
    placeholder: bool,
    #[command(flatten)]
    worker: Option<Worker>,
}

#[derive(clap::Args)]
struct Worker {
    #[command(flatten)]
    to: To,
    #[arg(long)]
    worktree: PathBuf,
    /// The user's shell
    #[arg(long)]
    shell: PathBuf,
    /// The agent's command word and arguments
    #[arg(last = true, required = true)]
    agent: Vec<OsString>,
}

pub(crate) async fn run(args: Args) -> ExitCode {
    let Some(Worker { to, worktree, shell, agent }) = args.worker else {
        return pane::placeholder();
    };
    let To { worker, pane, spool, socket } = to;
    pane::run(&Options { worker, pane, worktree, shell, spool, socket, agent }).await
}
