//! `wtmag hub`: the background process, its status and its log.
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{
    Context, Failure,
    output::{age, fields},
    unexpected,
};
use crate::{
    client::{self, Hub},
    clock, config,
    hub::{self, HubOptions},
    model::{Answer, HubStatus, Request},
    paths::StateDir,
    proc,
};

/// Show, start or stop the hub, the background process that watches the workers of a tmux server
///
/// The first command that needs the hub starts it. It ends after ten minutes without a running agent, a waiting
/// text, a schedule, a run or a connected command. You can stop it at any time: the agents keep running, and the
/// next hub finds them and delivers the texts that wait.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Show the hub's status; exit code 3 if no hub is running
    ///
    /// With --json: {"pid", "version", "started", "tmux_socket", "tmux": [version, pid] or null,
    /// "fleet": the session that shows all workers, "live_workers", "open_deliveries", "clients",
    /// "orphans", "problems"}.
    Status,
    /// Start the hub if none runs; other commands do this when they need it
    ///
    /// With --json: {"pid"}, of the hub that runs.
    Start {
        /// Only if this tmux server has had workers or schedules; for tmux.conf
        #[arg(long)]
        if_used: bool,
    },
    /// Stop the hub; agents keep running
    ///
    /// With --json: {"pid"}, of the hub that ran, or null.
    Stop,
    /// Show the end of the hub's log, and follow it with `-f`
    ///
    /// `WTMAG_LOG` in the tmux server's environment sets the level: `debug`, or `wtmag::tmux=trace`.
    Logs {
        /// Keep printing new lines
        #[arg(short, long)]
        follow: bool,
    },
    /// Run the hub (internal)
    #[command(hide = true)]
    Run {
        #[arg(long)]
        tmux_socket: PathBuf,
        #[arg(long)]
        state: PathBuf,
        /// Socket on which the starter waits for the message that the hub is ready
        #[arg(long)]
        ready: Option<PathBuf>,
    },
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Status => status(context).await,
        Verb::Start { if_used } => start(context, if_used).await,
        Verb::Stop => stop(context).await,
        Verb::Logs { follow } => logs(context, follow),
        Verb::Run { tmux_socket, state, ready } => {
            let state = StateDir::at(state);
            let (keep, settings) = settings(context);
            let profiles = context.env.profiles_dir();
            let options = HubOptions { tmux_socket, state, keep, settings, profiles, ready };
            hub::run::main(options).await.map_err(Failure::user)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The user's settings for the hub. An unreadable file does not stop it.
fn settings(context: &Context) -> (hub::store::Keep, hub::state::Settings) {
    let (keep, mut settings) = (hub::store::Keep::default(), hub::state::Settings::default());
    let Ok(loaded) = config::load(&context.env.config_file(), &[]) else { return (keep, settings) };
    let config = loaded.config;
    settings.stalled = config.inbox.stalled().unwrap_or(settings.stalled);
    settings.notify_command = config.notify.command;
    settings.notify_bell = config.notify.bell;
    let age = config.history.age().unwrap_or(keep.age);
    (hub::store::Keep { age, ..keep }, settings)
}

async fn status(context: &Context) -> Result<ExitCode, Failure> {
    let mut hub = Hub::connect(&context.whereabouts()?).await?;
    let answer = hub.ask(Request::Status).await?;
    let Answer::Status(status) = answer else { return Err(unexpected(&answer)) };
    let status = *status;
    if context.json() {
        context.print_json(&status)?;
    } else {
        context.print(&describe(context, status))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(context: &Context, status: HubStatus) -> String {
    let tmux = status.tmux.map_or("not connected".to_owned(), |(version, pid)| {
        format!("connected to tmux {version}, pid {pid}")
    });
    let up = age(clock::now().since(status.started));
    let mut lines = vec![
        ("hub", format!("pid {}, wtmag {}, up {up}", status.pid, status.version)),
        ("tmux", format!("{tmux} ({})", status.tmux_socket.display())),
        ("session", status.fleet.unwrap_or_else(|| "none".to_owned())),
        ("workers", format!("{} live", status.live_workers)),
        ("deliveries", format!("{} open", status.open_deliveries)),
        ("clients", status.clients.to_string()),
    ];
    lines.extend(status.orphans.into_iter().map(|it| ("orphan", it)));
    lines.extend(status.problems.into_iter().map(|it| ("problem", it)));
    fields(context.style(), &lines)
}

async fn start(context: &Context, if_used: bool) -> Result<ExitCode, Failure> {
    if if_used && !context.whereabouts()?.state.hub_db().exists() {
        return Ok(ExitCode::SUCCESS);
    }
    let pid = context.hub().await?.hello.pid;
    if context.json() {
        context.print_json(&json!({ "pid": pid }))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn stop(context: &Context) -> Result<ExitCode, Failure> {
    let mut hub = match Hub::connect(&context.whereabouts()?).await {
        Ok(hub) => hub,
        Err(error @ client::Error::NotRunning) => {
            if context.json() {
                context.print_json(&json!({ "pid": null }))?;
            } else {
                context.say(&format!("note: {error}"));
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error.into()),
    };
    let pid = hub.hello.pid;
    hub.ask(Request::Stop { reason: "told to by `wtmag hub stop`".to_owned() }).await?;
    hub.closed().await?;
    if context.json() {
        context.print_json(&json!({ "pid": pid }))?;
    } else {
        context.print(&format!("hub {pid} stopped; agents keep running\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Replaces this process with `tail`, which can follow a rotated file.
fn logs(context: &Context, follow: bool) -> Result<ExitCode, Failure> {
    let path = context.whereabouts()?.state.log().join("hub.log");
    if !path.exists() {
        return Err(Failure::user(format!("there is no log at `{}` yet", path.display())));
    }
    let follow = follow.then(|| OsString::from("-F"));
    let args = ["-n".into(), "200".into()].into_iter().chain(follow).chain([path.into()]);
    Err(proc::exec("tail", args, &[]).into())
}
