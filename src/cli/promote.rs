//! `wtmag promote`.
use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure, naming::Purpose, resolve::Target, unexpected};
use crate::model::{Answer, Request};

/// Give a worker's window a session of its own
///
/// The agent runs on. Clients that show the window move with it. If it was the last window of its old
/// session, that session ends. Without an ID: the worker of the current worktree or tmux window.
///
/// With --json: {"id", "session", "ended_sessions": […]}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub().await?;
    let id = args.target.worker_or_own(context, &mut hub, Purpose::Change).await?.id;
    let answer = hub.ask(Request::Promote { id: id.clone() }).await?;
    let Answer::Promoted { session, ended_sessions } = answer else {
        return Err(unexpected(&answer));
    };
    if context.json() {
        context.print_json(
            &json!({ "id": id, "session": session, "ended_sessions": ended_sessions }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    context.print(&format!("{id} has session {session} to itself\n"))?;
    for name in ended_sessions {
        context.print(&format!("session {name} ended: that was its last window\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
