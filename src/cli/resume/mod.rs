//! `wtmag resume`: starts the agents of workers again, with their conversations.
pub(in crate::cli) mod plan;
mod start;

use std::process::ExitCode;

use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

pub(in crate::cli) use self::start::{Resumed, start};
use super::{Context, Failure, cleanup, complete, progress::Progress, resolve};
use crate::{
    agents::launch::{Model, Resume},
    client::Hub,
    model::{Delivery, Worker},
    proc::Cancel,
};

/// Start the agents of workers again, with their conversations
///
/// Use it when an agent has ended: after a reboot, after the end of the tmux server, after a crash or an exit. The
/// worker keeps its id, branch, base, log, last message and pull request. It gets a new window in the tmux session
/// that it was in; if that session is gone, in yours. If its worktree is gone and its branch still exists, wtmag
/// creates the worktree again.
///
/// The agent continues the conversation that it reported, else the last one in its worktree. wtmag adds no text of
/// its own, unless you pass --prompt. If the agent's profile has no option to continue, a new conversation begins
/// with a file about the old one, as in `wtmag handoff`. If the agent never got its first prompt, a new conversation
/// begins with the brief. wtmag says which of these it did. Texts that were held when the agent ended are delivered
/// when it is ready for input.
///
/// A removed worker can be resumed, too. Its branch must exist; `wtmag restore` brings the branch back.
///
/// With --json: an array of {"id", "worktree_made", "conversation": its id, "latest" or null for a new one, "why":
/// why it is new, "texts": numbers of the deliveries, "notes": […]}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// One or more workers [default: the one of the current worktree or tmux window]
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::workers))]
    ids: Vec<String>,
    /// All workers, of every project, that were ended by a reboot, by the end of the tmux server or by a
    /// crash; not those whose agent exited normally, whose window was closed or whose work has landed
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

/// How agents are started again.
#[derive(Debug, Default)]
pub(in crate::cli) struct How {
    /// A new conversation with the brief.
    pub(in crate::cli) fresh: bool,
    /// Only if its conversation can be continued.
    pub(in crate::cli) only_continue: bool,
    /// A text to deliver.
    pub(in crate::cli) prompt: Option<String>,
    /// For an orchestrator, instead of the persona that it had.
    pub(in crate::cli) persona: Option<String>,
    /// Another agent takes over; the former one is ended if it runs.
    pub(in crate::cli) handoff: Option<Handoff>,
}

/// Who takes over.
#[derive(Debug)]
pub(in crate::cli) struct Handoff {
    /// By default the same agent.
    pub(in crate::cli) agent: Option<String>,
    pub(in crate::cli) model: Option<Model>,
    /// What it is to do first.
    pub(in crate::cli) words: Option<String>,
}

/// What a resume is about.
pub(in crate::cli) struct Job<'a> {
    pub(in crate::cli) context: &'a Context,
    pub(in crate::cli) how: &'a How,
    pub(in crate::cli) cancel: &'a Cancel,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let mut hub = context.hub().await?;
    let workers = workers(context, &mut hub, &args).await?;
    let progress = Progress::new(&context.env);
    cleanup::clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    drop(progress);
    let is_one = workers.len() == 1 && !args.all;
    let how = How { fresh: args.fresh, prompt: args.prompt, ..How::default() };
    let job = Job { context, how: &how, cancel: &cancel };
    let (mut done, mut failed) = (Vec::new(), 0);
    for worker in &workers {
        match start(&job, &mut hub, worker).await {
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
                    let failure = context.fit(failure).to_string();
                    context.say(&format!("{}: {}", worker.id, failure.trim_end()));
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
        plan::Plan::Continue(Resume::Fork(_)) => Value::Null,
        plan::Plan::Fresh(_) => Value::Null,
    }
}

fn why(resumed: &Resumed) -> Option<&'static str> {
    match &resumed.plan {
        plan::Plan::Fresh(why) => Some(why.phrase()),
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

impl Resumed {
    /// With which conversation, in words.
    pub(in crate::cli) fn how(&self) -> String {
        match why(self) {
            None => "with its conversation".to_owned(),
            Some(why) => format!("with a new conversation: {why}"),
        }
    }
}

fn say(context: &Context, resumed: &Resumed) -> Result<(), Failure> {
    resumed.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    if context.json() {
        return Ok(());
    }
    let how = resumed.how();
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
