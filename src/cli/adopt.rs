//! `wtmag adopt`.
use std::process::ExitCode;

use clap_complete::ArgValueCompleter;
use serde_json::json;

use super::{Context, Failure, complete, naming::Purpose, resolve, unexpected};
use crate::model::{Answer, Request, WorkerId};

/// Become the parent of workers: the agent in this pane is told what they need
///
/// A worker's parent is the agent that ran `create`. Run `adopt` in the pane of an orchestrator (an agent that
/// creates workers) that takes over the workers of another one.
///
/// With --json: {"adopted": ids}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The workers
    #[arg(value_name = "ID", required = true, add = ArgValueCompleter::new(complete::workers))]
    ids: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Some(caller) = context.caller()?.filter(|it| it.pane.is_some()) else {
        return Err(Failure::user("this command does not run in a tmux pane")
            .hint("run it in the pane of the orchestrator"));
    };
    let mut hub = context.hub_that_knows().await?;
    let workers = resolve::workers(context, &mut hub, &args.ids, Purpose::Change).await?;
    let ids: Vec<WorkerId> = workers.into_iter().map(|it| it.id).collect();
    let answer = hub.ask(Request::Adopt { workers: ids.clone(), caller }).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    if context.json() {
        context.print_json(&json!({ "adopted": ids }))?;
    } else {
        for id in ids {
            context.say(&format!("{id} reports to this pane now"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
