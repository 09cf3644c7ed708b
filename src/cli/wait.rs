//! `wtmag wait`.
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Context, Failure,
    failure::Kind,
    mine::Me,
    naming::Purpose,
    outcome::{interrupt, is_one_of, sleep_until, states},
    output::{age, count},
    progress::Progress,
    removed, resolve, unexpected,
};
use crate::{
    client::{Hub, Mirror},
    clock,
    model::{AgentState, Answer, InboxQuery, Request, Timestamp, Worker, WorkerId},
    text::one_line,
    wire::StateView,
};

/// Wait until agents reach a state
///
/// Returns as soon as all the workers are in one of the wanted states, at once if they are already. Prints
/// each worker with its state and what it asks, reported or said last. Without --until, it waits until each
/// agent has finished, needs you or has reached a usage limit, that is, until its state is idle, done, failed,
/// limited, waiting, blocked, needs-you, draft, not-started, exited or lost. `wtmag help states` explains each
/// state.
///
/// With --json: an array of {"id", "state": {"state", "text", "since", "source", "evidence", …}}, the
/// state as in `wtmag list --json --full`.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The workers [default: your workers, as in `wtmag list --mine`; if there are none, the worker of the current
    /// worktree or tmux window]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// One or more states, separated by commas: starting, unknown, blocked, ready, working, retrying, waiting,
    /// idle, done, failed, limited, draft, needs-you, not-started, exited, lost
    #[arg(long, value_name = "STATE", default_value = DEFAULT, hide_default_value = true)]
    until: String,
    /// Wait for every worker of every project
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Return when the first of the workers is in one of the states
    #[arg(long)]
    any: bool,
    /// Longest wait: `90`, `90s`, `5m`, `2h` [default: none]
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    timeout: Option<Duration>,
}

const DEFAULT: &str =
    "idle,done,failed,limited,waiting,blocked,needs-you,draft,not-started,exited,lost";

const EXAMPLES: &str = "\
Examples:
  wtmag wait blog-github-issue-456
  wtmag wait issue-456 pr-234 --any --timeout 30m
  wtmag wait issue-456 --until waiting,blocked

Exit codes: 0 reached; 1 an agent has ended, so that the state cannot be reached any more; 4 timed out.";

/// What the progress line says: the states only if the user named them.
fn awaited(ids: &[WorkerId], until: &str) -> String {
    let who = match ids {
        [id] => id.to_string(),
        ids => count(ids.len(), "worker"),
    };
    match until {
        DEFAULT => format!("waiting for {who}"),
        until => format!("waiting for {who} to be {}", until.replace(',', " or ")),
    }
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let until = states(&args.until)?;
    let deadline = args.timeout.map(|limit| Instant::now() + limit);
    let cancel = context.cancel()?;
    let mut hub = context.hub_that_knows().await?;
    let workers = waited_for(context, &mut hub, &args).await?;
    let ids: Vec<WorkerId> = workers.into_iter().map(|it| it.id).collect();
    let mut attention = Attention::of(context, &ids)?;
    attention.begin(&mut hub).await?;
    let mut mirror = Mirror::open(hub, ids.clone()).await?;
    let progress = Progress::new(&context.env);
    progress.step(awaited(&ids, &args.until));
    loop {
        let known: Vec<&Worker> =
            ids.iter().filter_map(|id| mirror.known.workers.get(id)).collect();
        let there: Vec<&Worker> = known
            .iter()
            .copied()
            .filter(|it| it.ended.is_none() && is_one_of(it, &until))
            .collect();
        if there.len() == ids.len() || args.any && !there.is_empty() {
            drop(progress);
            let code = print(context, &there)?;
            let ids = there.iter().map(|it| it.id.clone()).collect();
            attention.end(mirror.hub(), ids).await?;
            return Ok(code);
        }
        let hopeless = known.iter().filter(|it| it.ended.is_some() || !it.state.is_live());
        let hopeless: Vec<&&Worker> = hopeless.filter(|it| !is_one_of(it, &until)).collect();
        if let Some(worker) = hopeless.first()
            && (!args.any || hopeless.len() == ids.len())
        {
            return Err(gone(context, worker));
        }
        if deadline.is_some_and(|at| at <= Instant::now()) {
            return Err(timed_out(&known));
        }
        tokio::select! {
            more = mirror.next() => drop(more?),
            () = sleep_until(deadline) => {}
            () = interrupt(&cancel) => return Err(Failure::interrupted()),
        }
    }
}

async fn waited_for(context: &Context, hub: &mut Hub, args: &Args) -> Result<Vec<Worker>, Failure> {
    if !args.ids.is_empty() {
        return resolve::workers(context, hub, &args.ids, Purpose::Look).await;
    }
    let mut workers = resolve::present(hub).await?;
    if args.all {
        return Ok(workers);
    }
    if let Ok(me) = Me::find(context, hub).await {
        workers.retain(|it| me.made(it));
        if !workers.is_empty() {
            return Ok(workers);
        }
    }
    Ok(vec![resolve::own(context, hub).await?])
}

/// An agent that waits for its workers is not told about them in its input box.
struct Attention {
    query: Option<InboxQuery>,
}

impl Attention {
    fn of(context: &Context, ids: &[WorkerId]) -> Result<Self, Failure> {
        let reader = context.caller()?.filter(|it| it.pane.is_some());
        let query = reader.map(|reader| InboxQuery {
            workers: ids.to_vec(),
            reader: Some(reader),
            waits: true,
            ..InboxQuery::default()
        });
        Ok(Self { query })
    }

    async fn begin(&mut self, hub: &mut Hub) -> Result<(), Failure> {
        if let Some(query) = &self.query {
            hub.ask(Request::Inbox(query.clone())).await?;
        }
        Ok(())
    }

    /// What these workers need was printed.
    async fn end(&mut self, hub: &mut Hub, workers: Vec<WorkerId>) -> Result<(), Failure> {
        let Some(query) = self.query.take() else { return Ok(()) };
        let query = InboxQuery { workers, ..query };
        let answer = hub.ask(Request::Inbox(query.clone())).await?;
        let Answer::Items { items, .. } = answer else { return Err(unexpected(&answer)) };
        let items: Vec<_> = items.into_iter().map(|it| it.id).collect();
        if !items.is_empty() {
            hub.ask(Request::Inbox(InboxQuery { items, ..query })).await?;
        }
        Ok(())
    }
}

fn print(context: &Context, workers: &[&Worker]) -> Result<ExitCode, Failure> {
    if context.json() {
        let views =
            workers.iter().map(|it| json!({ "id": it.id, "state": StateView::from(&it.state) }));
        context.print_json(&views.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    for worker in workers {
        context.print(&line(worker, clock::now()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Characters of what a worker asks or said.
const MAX_WHY: usize = 120;

/// Pure: what is printed for a worker.
fn line(worker: &Worker, now: Timestamp) -> String {
    let view = StateView::from(&worker.state);
    let why = one_line(&why(worker, &view), MAX_WHY);
    let text = worker.state.word().text_at(now);
    // The evidence for a box is its prompt.
    let has_words = why.chars().any(char::is_alphanumeric);
    let is_said = !has_words || view.text.contains(&why);
    let why = if is_said { String::new() } else { format!(": {why}") };
    format!("{}  {text} for {}{why}\n", worker.id, age(now.since(view.since)))
}

/// What it asks, else what it reported or said, else the evidence for its state.
fn why(worker: &Worker, view: &StateView<'_>) -> String {
    if let Some(asks) = view.asks {
        return asks.to_string();
    }
    let reported = worker.state.settled_report().map(|it| it.evidence.as_str());
    let is_at_rest = matches!(worker.state.turn.value, AgentState::Idle | AgentState::Ready);
    let said = worker.last_message.as_deref().filter(|_| is_at_rest && worker.state.is_live());
    reported.filter(|it| !it.is_empty()).or(said).unwrap_or(view.evidence).to_owned()
}

/// It cannot reach that state any more.
fn gone(context: &Context, worker: &Worker) -> Failure {
    if worker.ended.is_some() {
        return removed::refusal(context, worker);
    }
    let (id, word) = (&worker.id, worker.state.word());
    Failure::user(format!("`{id}` is `{word}` and cannot reach that state any more"))
        .hint(format!("`wtmag resume {id}` starts its agent again"))
}

fn timed_out(workers: &[&Worker]) -> Failure {
    let states = workers.iter().map(|it| format!("{}  {}", it.id, it.state.word()));
    Failure::new(Kind::Waited, "timed out").quote(states.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    #[test]
    fn what_is_awaited_is_named() {
        let ids = ["blog-a", "blog-b"].map(|it| it.parse::<WorkerId>().unwrap());
        assert_eq!(awaited(&ids[..1], DEFAULT), "waiting for blog-a");
        assert_eq!(awaited(&ids, "idle,waiting"), "waiting for 2 workers to be idle or waiting");
    }

    #[test]
    fn ten_workers_are_a_few_hundred_tokens() {
        let (workers, _) = samples::day();
        let lines: String = workers.iter().map(|it| line(it, samples::NOW)).collect();
        samples::assert_short(&lines, workers.len());
        let asks =
            lines.lines().find(|it| it.starts_with("webshop-jira-ticket-shop-1207")).unwrap();
        assert!(asks.contains("waiting: permission for 26m: command: docker compose"), "{asks}");
    }
}
