//! `wtmag hook`: what a worker's shell tells the hub. Quiet and quick, whatever happens.
use std::{path::PathBuf, process::ExitCode};

use crate::{
    model::{Hook, PaneId, WorkerId},
    pane::report,
};

/// Tell the hub what a worker does (called by wtmag itself)
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The shell has come to the agent
    Started(To),
}

/// Whom it is about and who is to be told
#[derive(clap::Args)]
struct To {
    #[arg(long)]
    worker: WorkerId,
    /// The worker's pane; start-up files may have unset the variable that tells it
    #[arg(long)]
    pane: Option<PaneId>,
    /// The hub's spool directory
    #[arg(long)]
    spool: PathBuf,
    /// The hub's socket
    #[arg(long)]
    socket: PathBuf,
}

pub(crate) fn run(args: Args) -> ExitCode {
    let What::Started(to) = args.what;
    report(&to.spool, &to.socket, &to.worker, to.pane, Hook::Started);
    ExitCode::SUCCESS
}
