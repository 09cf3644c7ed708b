//! `wtmag handoff`: another agent takes over a worker, with a file about what was done and said so far.
use std::{io, process::ExitCode, time::Duration};

use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use super::{
    Context, Failure, cleanup,
    cleanup::check,
    complete,
    failure::Kind,
    outcome::{self, Outcome, WaitPolicy},
    progress::Progress,
    receipt, resolve,
    resume::{self, Handoff, How, Resumed},
    texts,
};
use crate::{
    agents::launch::Model,
    client::{Hub, Mirror},
    model::{AgentState, Delivery, Worker},
    proc::Cancel,
    sources::prompt,
    wire::DeliveryView,
};

/// Let a new agent take over a worker, with a file about what was done and said so far
///
/// Use it when an agent's context is full, when it has reached a limit, or to change to a different agent. wtmag
/// writes `.wtmag/handoff.md` in the worktree: the brief, the agent's state, what it was told and what it said,
/// its commits and changes, and open questions. Then wtmag starts a new agent in the same window, and ends the
/// former one. The new agent's first prompt tells it to read that file. The worker keeps its id, branch, base,
/// log, pull request, and the texts that wait for it.
///
/// The new agent does not get the former one's conversation; to continue a conversation, use `wtmag resume`. If
/// anything fails before the new agent starts, the former one keeps running.
///
/// Without `--now`, it refuses while the agent is `working` or `waiting: …`, and while its input box holds a draft.
///
/// With --json: {"id", "from", "to", "file", "outcome": "accepted"|"held"|"created", "held": why or null,
/// "delivery": as in `wtmag receipts --json`, "texts": numbers of the deliveries that wait, "notes": […]}. An error has
/// the same keys; its outcome is "failed", "gone", "timed-out" or "interrupted".
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The worker [default: the one of the current worktree or tmux window]
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::workers))]
    id: Option<String>,
    /// What the new agent is to do first; needs an ID before it; `-` reads standard input
    #[arg(value_name = "TEXT", value_parser = texts::read)]
    text: Option<String>,
    /// The new agent: `claude`, `codex`, … [default: the one that the worker has now]
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Its model, as in `wtmag create`
    #[arg(long, value_name = "PROVIDER/MODEL[:THINKING]")]
    model: Option<String>,
    /// Hand off even if that cuts off a turn, leaves a question unanswered, or loses a draft
    #[arg(long)]
    now: bool,
    /// Return as soon as the new agent has started
    #[arg(long)]
    no_wait: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag handoff 456
  wtmag handoff 456 --agent codex
  wtmag handoff docs \"Only the tests are left\" --model anthropic/claude-opus-4-5

Exit codes: 0 the new agent has its prompt, or a dialog holds the prompt until you answer it; 1 failed; 4 timed out.";

/// Longest wait for the first prompt to be accepted.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let words = args.text.as_deref().map(|it| prompt::read(it, io::stdin())).transpose()?;
    let model = args.model.as_deref().map(Model::parse).transpose();
    let model = model.map_err(|it| Failure::from(it).into_usage())?;
    let cancel = context.cancel()?;
    let mut hub = context.hub().await?;
    let worker = match &args.id {
        Some(text) => resolve::worker_or_ended(context, &mut hub, text).await?,
        None => resolve::own(context, &mut hub).await?,
    };
    if !args.now {
        refuse_at_work(&worker)?;
    }
    let progress = Progress::new(&context.env);
    cleanup::clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    drop(progress);
    let from = worker.agent.name.clone();
    let handoff = Handoff { agent: args.agent, model, words };
    let how = How { handoff: Some(handoff), ..How::default() };
    let job = resume::Job { context, how: &how, cancel: &cancel };
    let resumed = resume::start(&job, &mut hub, &worker).await?;
    let progress = Progress::new(&context.env);
    let by = (&progress, &cancel);
    let waited = if args.no_wait { None } else { Some(wait(&resumed, hub, by).await?) };
    drop(progress);
    finish(context, &from, &resumed, waited)
}

/// Its turn would be cut off, or its question would not be answered.
fn refuse_at_work(worker: &Worker) -> Result<(), Failure> {
    let id = &worker.id;
    let is_drafting = worker.is_live() && worker.state.turn.value == AgentState::Draft;
    if !check::is_busy(worker) && !is_drafting {
        return Ok(());
    }
    let why = match is_drafting {
        true => "its input box holds a draft".to_owned(),
        false => format!("the agent is `{}`", worker.state.word()),
    };
    let next = match is_drafting {
        true => format!("to submit or clear the draft: `wtmag attach {id}`"),
        false => format!("to let it finish: `wtmag wait {id}`"),
    };
    Err(Failure::user(format!("`{id}` cannot be handed off now: {why}"))
        .hint(next)
        .hint("to end the agent now: pass `--now`"))
}

/// Waits for the first prompt, as `create` does. A handoff from inside the worker's own window ends with it.
async fn wait(
    resumed: &Resumed,
    hub: Hub,
    (progress, cancel): (&Progress, &Cancel),
) -> Result<(Outcome, Option<Delivery>), Failure> {
    let (id, agent) = (&resumed.worker.id, &resumed.worker.agent);
    let Some(first) = resumed.first else { return Ok((Outcome::Accepted, None)) };
    let mut mirror = Mirror::open(hub, vec![id.clone()]).await?;
    mirror.require(first).await?;
    let policy = WaitPolicy {
        held: Some(outcome::needs_human_after(agent)),
        only_dialogs: true,
        until: Vec::new(),
        limit: Some(LIMIT),
    };
    progress.step(format!("waiting for {} to accept the prompt", agent.name));
    let by = (progress, cancel);
    let outcome = outcome::wait(&mut mirror, (id.clone(), first), &policy, by).await?;
    mirror.refresh().await?;
    Ok((outcome, mirror.known.deliveries.remove(&first)))
}

fn finish(
    context: &Context,
    from: &str,
    resumed: &Resumed,
    waited: Option<(Outcome, Option<Delivery>)>,
) -> Result<ExitCode, Failure> {
    let (id, to) = (&resumed.worker.id, &resumed.worker.agent.name);
    let (outcome, delivery) = waited.unzip();
    let delivery = delivery.flatten();
    resumed.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    let problem = match outcome {
        None | Some(Outcome::Accepted | Outcome::Ran | Outcome::Reached | Outcome::Held) => None,
        Some(Outcome::Failed) => {
            let why = delivery.as_ref().map_or("", |it| it.evidence.as_str());
            Some(Failure::user(format!("`{to}` runs, but its prompt was not delivered: {why}")))
        }
        Some(Outcome::Gone) => Some(Failure::user(format!("`{to}` ended as soon as it started"))),
        Some(Outcome::TimedOut) => {
            let message = format!("`{to}` has not taken its prompt within {} s", LIMIT.as_secs());
            Some(Failure::new(Kind::Waited, message))
        }
        Some(Outcome::Interrupted) => Some(Failure::new(
            Kind::Interrupted,
            format!("interrupted; `{to}` has taken over and keeps running"),
        )),
    };
    if let Some(failure) = problem {
        return Err(failure
            .hint(format!("to see it: `wtmag show {id}`"))
            .hint(format!("the handoff file: `{}`", file(&resumed.worker)))
            .detail(to_json(from, resumed, outcome, delivery.as_ref())));
    }
    if context.json() {
        context.print_json(&to_json(from, resumed, outcome, delivery.as_ref()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let prompt = match (&outcome, &delivery) {
        (Some(Outcome::Held), Some(it)) => format!("held: {}", held(it)),
        (_, Some(it)) => receipt::short(it),
        (_, None) => "on its way".to_owned(),
    };
    let change = if from == to { format!("to a new {to}") } else { format!("from {from} to {to}") };
    let place = receipt::place(&resumed.worker);
    context.print(&format!("{id}  handed off {change}; {place}; prompt {prompt}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn held(delivery: &Delivery) -> String {
    let hold = delivery.held.as_ref().map(ToString::to_string);
    hold.unwrap_or_else(|| "the agent shows a dialog".to_owned())
}

fn file(worker: &Worker) -> String {
    worker.worktree.join(".wtmag/handoff.md").display().to_string()
}

fn to_json(
    from: &str,
    resumed: &Resumed,
    outcome: Option<Outcome>,
    delivery: Option<&Delivery>,
) -> Value {
    json!({
        "id": resumed.worker.id, "from": from, "to": resumed.worker.agent.name,
        "file": file(&resumed.worker), "outcome": word(outcome),
        "held": delivery.filter(|_| outcome == Some(Outcome::Held)).map(held),
        "delivery": delivery.map(DeliveryView::from),
        "texts": resumed.texts.iter().map(|it| it.id).collect::<Vec<_>>(), "notes": resumed.notes,
    })
}

fn word(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "created",
        Some(Outcome::Held) => "held",
        Some(Outcome::Accepted | Outcome::Reached | Outcome::Ran) => "accepted",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Gone) => "gone",
        Some(Outcome::TimedOut) => "timed-out",
        Some(Outcome::Interrupted) => "interrupted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_never_says_that_the_prompt_was_accepted() {
        let all = [Outcome::Failed, Outcome::Gone, Outcome::TimedOut, Outcome::Interrupted];
        assert_eq!(all.map(|it| word(Some(it))), ["failed", "gone", "timed-out", "interrupted"]);
        assert_eq!(
            [None, Some(Outcome::Held), Some(Outcome::Accepted)].map(word),
            ["created", "held", "accepted"]
        );
    }
}
