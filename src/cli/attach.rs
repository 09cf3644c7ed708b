//! `wtmag attach`.
use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

use super::{
    Context, Failure,
    resolve::{self, Target},
    unexpected, watch,
};
use crate::{
    model::{Answer, Request, Worker},
    proc::{self, Cmd},
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
    let answer = hub.ask_any(Request::Locate { id }).await?;
    let Answer::Located { session, window, .. } = answer else { return Err(unexpected(&answer)) };
    let target = format!("{session}:{window}");
    let socket = context.whereabouts()?.tmux_socket;
    let inside = context.caller()?.is_some();
    if !inside && args.client.is_none() {
        let args: [OsString; 5] =
            ["-S".into(), socket.into(), "attach-session".into(), "-t".into(), target.into()];
        // A terminal of another tmux server is like any terminal when this server was requested by
        // name.
        let tmux = proc::tmux(&context.whereabouts()?.tmux_socket).await;
        return Err(proc::exec(tmux, args, &["TMUX", "TMUX_PANE"]).into());
    }
    switch(context, &socket, args.client, &target).await
}

/// A worker without a window: asks whether its agent shall be started again.
async fn offer(context: &Context, worker: &Worker) -> Result<(), Failure> {
    let (id, word) = (&worker.id, worker.state.word());
    let what = if worker.ended.is_some() { "removed".to_owned() } else { word.to_string() };
    let refusal = || {
        Failure::user(format!("`{id}` has no window: it is `{what}`"))
            .hint(format!("`wtmag resume {id}` starts its agent again"))
    };
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(refusal());
    }
    let cancel = context.cancel()?;
    context.ask_user(&format!("{id} is {what}. Start its agent again? [Y/n] "));
    let line = context.read_line(&cancel).await?;
    if !["", "y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Err(refusal());
    }
    let args = ["wtmag", "resume", id.as_str()].map(OsString::from).to_vec();
    // Boxed: `verb` runs any verb, also this one.
    Box::pin(super::verb(context, args)).await.map(drop)
}

async fn switch(
    context: &Context,
    socket: &Path,
    client: Option<String>,
    target: &str,
) -> Result<ExitCode, Failure> {
    let mut args: Vec<OsString> = vec!["-S".into(), socket.into(), "switch-client".into()];
    if let Some(client) = client {
        args.extend(["-c".into(), client.into()]);
    }
    args.extend(["-t".into(), target.into()]);
    let mut cmd = Cmd::new(proc::tmux(socket).await, Path::new("/")).args(args);
    // These variables tell tmux which client asks.
    for name in ["TMUX", "TMUX_PANE"] {
        if let Some(value) = context.env.var(name) {
            cmd = cmd.env(name, value);
        }
    }
    let output = cmd.run(&proc::never()).await?;
    if !output.is_success() {
        return Err(Failure::user(format!("tmux did not switch: {}", output.stderr_text())));
    }
    Ok(ExitCode::SUCCESS)
}
