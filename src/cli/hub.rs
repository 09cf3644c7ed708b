//! `wtmag hub`: the background process itself, and how it does.
use std::{path::PathBuf, process::ExitCode};

use super::{Context, Failure};
use crate::{
    hub::{self, run::Options},
    paths::StateDir,
};

/// The background process of a tmux server: status, stop, logs
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Be the hub (started by wtmag itself)
    #[command(hide = true)]
    Run {
        #[arg(long)]
        tmux_socket: PathBuf,
        #[arg(long)]
        state: PathBuf,
        /// Socket on which somebody waits for the word that the hub is ready
        #[arg(long)]
        ready: Option<PathBuf>,
    },
}

pub(crate) async fn run(_context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Run { tmux_socket, state, ready } => {
            let options = Options { tmux_socket, state: StateDir::at(state), ready };
            hub::run::main(options).await.map_err(Failure::user)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
