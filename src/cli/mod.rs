//! The command line: parse, call one function, print, exit. Decides nothing.
//!
//! A verb is a file: its `Args`, whose doc comments are the help, and its `run`. What every verb
//! needs of the outside (environment, streams, interrupt) comes in one [`Context`].
mod context;
mod failure;
mod hook;
mod hub;
mod pane;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};

pub(crate) use context::Context;
pub(crate) use failure::Failure;

/// Local orchestration of AI coding agents, native to tmux
#[derive(clap::Parser)]
#[command(name = "wtmag", version, max_term_width = 100, propagate_version = true)]
struct Args {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: Verb,
}

/// Which tmux server is meant, as in tmux itself
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Server {
    /// Name of the tmux server's socket
    #[arg(short = 'L', global = true, value_name = "NAME")]
    name: Option<OsString>,
    /// Path of the tmux server's socket
    #[arg(short = 'S', global = true, value_name = "PATH")]
    socket: Option<std::path::PathBuf>,
}

#[derive(clap::Subcommand)]
enum Verb {
    #[command(hide = true)]
    Hook(hook::Args),
    Hub(hub::Args),
    #[command(hide = true)]
    Pane(pane::Args),
}

/// Runs one command and returns its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let parsed = match Args::try_parse_from(&args) {
        Ok(parsed) => parsed,
        Err(error) => return failure::usage(&error, wants_json(&args)),
    };
    let context = match Context::new(parsed.server, wants_json(&args)) {
        Ok(context) => context,
        Err(failure) => return failure.report(wants_json(&args)),
    };
    let json = context.json();
    // A runtime of one thread: a command waits for one thing at a time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Failure::bug(error).report(json),
    };
    let done = runtime.block_on(dispatch(&context, parsed.verb));
    // Nothing that still blocks a thread may keep the command from ending.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

async fn dispatch(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Hook(args) => Ok(hook::run(args)),
        Verb::Hub(args) => hub::run(context, args).await,
        Verb::Pane(args) => Ok(pane::run(context, args).await),
    }
}

/// The definition of the whole command line, for completions and for checks of what documents name.
pub fn command() -> clap::Command {
    Args::command()
}

/// `--json` decides how even a usage error is printed, so it is looked for before parsing.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

#[cfg(test)]
mod tests {
    #[test]
    fn clap_accepts_the_definition() {
        super::command().debug_assert();
    }
}
