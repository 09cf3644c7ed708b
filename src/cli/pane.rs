//! `wtmag pane`: the process of a worker's window.
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use super::{Context, Failure, watch};
use crate::{
    model::WorkerId,
    pane::{self, FirstWindow, PaneOptions},
};

/// Run an agent, then a shell (internal)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Be the first window of session `wtmag` instead
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

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Some(Worker { worker, spool, socket, worktree, shell, agent }) = args.worker else {
        return first_window(context).await;
    };
    let pane = context.env.caller().and_then(|caller| caller.pane);
    Ok(pane::run(&PaneOptions { worker, pane, worktree, shell, spool, socket, agent }).await)
}

/// Shows the dashboard while a terminal shows the window, until the window is closed.
async fn first_window(context: &Context) -> Result<ExitCode, Failure> {
    let mut window = FirstWindow::open()?;
    let mut note = None;
    while window.is_looked_at(note.as_deref()).await {
        let done = tokio::select! {
            done = watch::in_first_window(context) => done,
            () = window.closed() => break,
        };
        note = done.err().map(|failure| failure.to_string());
    }
    Ok(ExitCode::SUCCESS)
}
