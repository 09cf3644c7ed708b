//! `wtmag pane`: the process of a worker's window.
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use super::Context;
use crate::{
    model::WorkerId,
    pane::{self, PaneOptions},
};

/// Run an agent, then a shell (internal)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Hold the first window of session `wtmag` open instead
    #[arg(long, exclusive = true)]
    placeholder: bool,
    #[command(flatten)]
    worker: Option<Worker>,
}

#[derive(clap::Args)]
struct Worker {
    #[arg(long)]
    worker: WorkerId,
    /// The hub's spool directory
    #[arg(long)]
    spool: PathBuf,
    /// The hub's socket
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    worktree: PathBuf,
    /// The user's shell
    #[arg(long)]
    shell: PathBuf,
    /// The agent's command word and arguments
    #[arg(last = true, required = true)]
    agent: Vec<OsString>,
}

pub(crate) async fn run(context: &Context, args: Args) -> ExitCode {
    let Some(Worker { worker, spool, socket, worktree, shell, agent }) = args.worker else {
        return pane::placeholder();
    };
    let pane = context.env.caller().and_then(|caller| caller.pane);
    pane::run(&PaneOptions { worker, pane, worktree, shell, spool, socket, agent }).await
}
