//! `wtmag hook`: reports from a worker's shell and agent to the hub. Always quiet and quick.
use std::{
    ffi::{OsStr, OsString},
    io::{self, Read as _},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::Parser as _;

use crate::{
    agents::kinds::{self, PayloadSource},
    model::{Hook, PaneId, WorkerId},
    pane::report_to_any,
    paths::Env,
    proc,
};

/// Report a worker's activity to the hub (internal)
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The shell is about to start the agent
    Started(To),
    /// A hook of the agent that the first argument names
    #[command(external_subcommand)]
    Agent(Vec<OsString>),
}

/// The subject of the report, and its receivers
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

/// If the agent keeps its end of the pipe open, it is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// Longer payloads are cut off, and then cannot be parsed.
const MAX_PAYLOAD: u64 = 4 << 20;

/// The verb alone, without the setup that others need: it runs at each turn of each agent.
#[derive(clap::Parser)]
#[command(name = "wtmag hook")]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// Runs it with the words after `wtmag`. Words that cannot be parsed come from another version's
/// plugin. They must not fail: for claude, exit code 2 would forbid its next action.
pub(super) fn main(words: &[OsString]) -> ExitCode {
    match Line::try_parse_from(words) {
        Ok(line) => run(line.args),
        Err(error) => {
            if !error.use_stderr() {
                error.print().unwrap_or_default();
            }
            ExitCode::SUCCESS
        }
    }
}

/// Prints the problem and succeeds: an agent would show a failure, or stop.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.what {
        What::Started(to) => {
            report_to_any(&to.spool, &to.socket, &to.worker, to.pane, Hook::Started);
        }
        What::Agent(words) => hear(words),
    }
    ExitCode::SUCCESS
}

/// `KIND [--then COMMAND…] [PAYLOAD]`. An unknown kind comes from another version's plugin.
fn hear(words: Vec<OsString>) {
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let Some(kind) = name.to_str().and_then(kinds::find) else { return };
    match kind.payload {
        PayloadSource::Stdin => tell(read_payload()),
        PayloadSource::LastArgument if words.as_slice().is_empty() => tell(read_payload()),
        PayloadSource::LastArgument => {
            let payload = words.next_back();
            tell(payload.as_ref().and_then(|it| it.to_str()).map(str::to_owned));
            go_on(words.as_slice(), payload);
        }
    }
}

/// Reports the payload for the worker of the current pane; does nothing outside a worker's pane.
fn tell(payload: Option<String>) {
    let (Some(payload), Ok(env)) = (payload, Env::capture()) else { return };
    let text = |name| env.var(name).and_then(OsStr::to_str);
    let (Some(worker), Some(socket), Some(spool)) = (
        text("WTMAG_WORKER").and_then(|it| it.parse().ok()),
        env.var("WTMAG_SOCKET"),
        env.var("WTMAG_SPOOL"),
    ) else {
        return;
    };
    let pane = text("TMUX_PANE").and_then(|it| it.parse().ok());
    report_to_any(spool.as_ref(), socket.as_ref(), &worker, pane, Hook::Agent { payload });
}

fn read_payload() -> Option<String> {
    let (send, receive) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut text = String::new();
        let read = io::stdin().take(MAX_PAYLOAD).read_to_string(&mut text);
        send.send(read.is_ok().then_some(text))
    });
    receive.recv_timeout(PATIENCE).ok().flatten()
}

/// Runs the user's notification command, which wtmag's has replaced.
fn go_on(words: &[OsString], payload: Option<OsString>) {
    let Some((flag, then)) = words.split_first() else { return };
    if let (Some((program, args)), true) = (then.split_first(), flag == "--then") {
        // It returns only if the program does not exist, as it would without wtmag.
        drop(proc::exec(program, args.iter().cloned().chain(payload), &[]));
    }
}
