//! `wtmag promote`.
use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure, naming::Purpose, resolve::Target, unexpected};
use crate::model::{Answer, Request};

/// Move a worker's window into a new tmux session of its own
///
/// The new session has the worker's id as its name. The agent keeps running, and clients that show the window
/// follow it. If it was the last window of its old session, that session ends. Without an ID: the worker of
/// the current worktree or tmux window.
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
    context.print(&format!("{id} now has its own session: {session}\n"))?;
    for name in ended_sessions {
        context.print(&format!("session {name} ended: that was its last window\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
