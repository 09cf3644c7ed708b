//! `wtmag resume`: starts the agents of workers again, with their conversations.
pub(in crate::cli) mod plan;
mod start;

use std::process::ExitCode;

use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use self::{plan::Why, start::Resumed};
use super::{Context, Failure, cleanup, complete, progress::Progress, resolve};
use crate::{
    agents::launch::Resume,
    client::Hub,
    model::{Delivery, Worker},
    proc::Cancel,
};

/// Start the agents of workers again, with their conversations
///
/// For workers whose agent has ended: after a reboot, after the tmux server ended, after a crash or an exit.
/// The worker stays the same: its id, branch, base, log, last message and pull request. It gets a new window in
/// the session that it was in; if that session is gone, in yours. If its worktree is gone and its branch is
/// there, the worktree is created again.
///
/// The agent continues its conversation, by the session that it reported or as the last one in its worktree. No
/// prompt is typed. If its profile knows no way to continue, or if it never had its first prompt, it starts anew
/// with the brief, and wtmag says so. Texts that were held when the agent ended are delivered when it is ready
/// for input.
///
/// A removed worker, given by its whole id, comes back while its branch exists; `wtmag restore` brings the
/// branch back.
///
/// With --json: an array of {"id", "worktree_made", "conversation": the session, "latest" or null for a new one,
/// "why": why it is new, "texts": numbers of the deliveries, "notes": […]}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// One or more workers [default: the one of the current worktree or tmux window]
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::workers))]
    ids: Vec<String>,
    /// All workers of every project that a reboot, the end of the tmux server or a crash ended. Not those whose
    /// agent exited normally or whose window was closed, and not those whose work has landed
    #[arg(short, long, conflicts_with = "ids")]
    all: bool,
    /// Start a new conversation with the brief
    #[arg(long)]
    fresh: bool,
    /// Deliver this text when the agent is ready for input
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  wtmag resume --all
  wtmag resume 456
  wtmag resume docs --prompt \"Continue with the tests\"";

/// What a resume is about.
struct Job<'a> {
    context: &'a Context,
    args: &'a Args,
    cancel: &'a Cancel,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let mut hub = context.hub().await?;
    let workers = workers(context, &mut hub, &args).await?;
    let progress = Progress::new(&context.env);
    cleanup::clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    drop(progress);
    let job = Job { context, args: &args, cancel: &cancel };
    let is_one = workers.len() == 1 && !args.all;
    let (mut done, mut failed) = (Vec::new(), 0);
    for worker in &workers {
        match start::start(&job, &mut hub, worker).await {
            Ok(resumed) => {
                say(context, &resumed)?;
                done.push(to_json(&resumed));
            }
            Err(failure) if is_one || failure.is_interrupt() => return Err(failure),
            // One that cannot be resumed does not keep the others.
            Err(failure) => {
                failed += 1;
                done.push(json!({ "id": worker.id, "error": failure.line() }));
                if !context.json() {
                    context.say(&format!("{}: {}", worker.id, failure.to_string().trim_end()));
                }
            }
        }
    }
    if context.json() {
        context.print_json(&done)?;
    } else if workers.is_empty() {
        context.print("no worker was interrupted; `wtmag list` shows them all\n")?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn workers(context: &Context, hub: &mut Hub, args: &Args) -> Result<Vec<Worker>, Failure> {
    if args.all {
        let mut all = resolve::present(hub).await?;
        all.retain(plan::was_interrupted);
        all.sort_by_key(|it| it.created);
        return Ok(all);
    }
    if args.ids.is_empty() {
        return Ok(vec![resolve::own(context, hub).await?]);
    }
    let mut found: Vec<Worker> = Vec::new();
    for text in &args.ids {
        let worker = resolve::worker_or_ended(context, hub, text).await?;
        if found.iter().all(|it| it.id != worker.id) {
            found.push(worker);
        }
    }
    Ok(found)
}

fn conversation(resumed: &Resumed) -> Value {
    match &resumed.plan {
        plan::Plan::Continue(Resume::Session(session)) => json!(session),
        plan::Plan::Continue(Resume::Latest) => json!("latest"),
        plan::Plan::Fresh(_) => Value::Null,
    }
}

fn why(resumed: &Resumed) -> Option<&'static str> {
    match &resumed.plan {
        plan::Plan::Fresh(Why::Asked) => Some("`--fresh` was given"),
        plan::Plan::Fresh(Why::NeverBegan) => Some("it never had its first prompt"),
        plan::Plan::Fresh(Why::NoWay) => Some("its profile knows no way to continue one"),
        plan::Plan::Continue(_) => None,
    }
}

fn to_json(resumed: &Resumed) -> Value {
    json!({
        "id": resumed.worker.id, "worktree_made": resumed.worktree_made,
        "conversation": conversation(resumed), "why": why(resumed),
        "texts": resumed.texts.iter().map(|it| it.id).collect::<Vec<_>>(), "notes": resumed.notes,
    })
}

fn say(context: &Context, resumed: &Resumed) -> Result<(), Failure> {
    resumed.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    if context.json() {
        return Ok(());
    }
    let how = match why(resumed) {
        None => "with its conversation".to_owned(),
        Some(why) => format!("with a new conversation: {why}"),
    };
    let place = super::receipt::place(&resumed.worker);
    let texts = texts(&resumed.texts);
    context.print(&format!("{}  resumed {how}; {place}{texts}\n", resumed.worker.id))
}

fn texts(texts: &[Delivery]) -> String {
    match texts {
        [] => String::new(),
        texts => {
            let n = super::output::count(texts.len(), "text");
            format!("; {n} to deliver")
        }
    }
}
