//! `wtmag attach`.
use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use super::{
    Context, Failure, removed,
    resolve::{self, Target},
    seat::Tmux,
    unexpected, watch,
};
use crate::{
    client::Hub,
    model::{Answer, Request, Worker, WorkerId},
};

/// Go to a worker's window
///
/// Inside tmux, your client switches to the worker's window. Outside tmux, wtmag attaches your terminal to
/// the window's session. Without an ID, you choose a worker from a list. To see a worker's screen without
/// going to its window, use `wtmag show ID`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Switch this tmux client instead of your own. In a popup or a key binding, pass `#{client_name}`
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.client.is_none() && !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::user("`attach` needs a terminal")
            .hint("`wtmag show ID` prints a worker and its screen"));
    }
    let (mut hub, id) = match args.target.given()? {
        Some(text) => {
            let mut hub = context.hub_that_knows().await?;
            let worker = resolve::worker_or_ended(context, &mut hub, text).await?;
            if worker.place.gone || worker.ended.is_some() {
                offer(context, &worker).await?;
            }
            (hub, worker.id)
        }
        None => match watch::pick(context).await? {
            Some(worker) => {
                if worker.place.gone {
                    offer(context, &worker).await?;
                }
                (context.hub_that_knows().await?, worker.id)
            }
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    go(context, &mut hub, id, args.client).await
}

/// Takes the user to a worker's window: this client, the named one, or this terminal.
pub(super) async fn go(
    context: &Context,
    hub: &mut Hub,
    id: WorkerId,
    client: Option<String>,
) -> Result<ExitCode, Failure> {
    let target = target(hub, id).await?;
    let tmux = Tmux::find(context).await?;
    let inside = context.caller()?.is_some();
    if !inside && client.is_none() {
        return Err(tmux.exec(["attach-session", "-t", &target]));
    }
    let client = client.iter().flat_map(|it| ["-c", it]);
    let args: Vec<&str> =
        std::iter::once("switch-client").chain(client).chain(["-t", &target]).collect();
    tmux.run_as(context.env.tmux_vars(), &args).await?;
    Ok(ExitCode::SUCCESS)
}

/// Where tmux finds the worker's window.
pub(super) async fn target(hub: &mut Hub, id: WorkerId) -> Result<String, Failure> {
    let answer = hub.ask_any(Request::Locate { id }).await?;
    let Answer::Located { session, window, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(format!("{session}:{window}"))
}

/// A worker without a window: asks whether its agent shall be started again.
async fn offer(context: &Context, worker: &Worker) -> Result<(), Failure> {
    let id = &worker.id;
    let refusal = || match worker.ended {
        Some(_) => removed::refusal(context, worker),
        None => Failure::user(format!("`{id}` has no window: it is `{}`", worker.state.word()))
            .hint(format!("`wtmag resume {id}` starts its agent again")),
    };
    let can_resume = worker.ended.is_none() || removed::Left::of(worker) == removed::Left::Branch;
    let what = match worker.ended {
        Some(_) => "was removed".to_owned(),
        None => format!("is {}", worker.state.word()),
    };
    if !(can_resume && io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(refusal());
    }
    let cancel = context.cancel()?;
    context.ask_user(&format!("{id} {what}. Start its agent again? [Y/n] "));
    let line = context.read_line(&cancel).await?;
    if !["", "y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Err(refusal());
    }
    let args = ["wtmag", "resume", id.as_str()].map(OsString::from).to_vec();
    // Boxed: `verb` runs any verb, also this one.
    Box::pin(super::verb(context, args)).await.map(drop)
}
