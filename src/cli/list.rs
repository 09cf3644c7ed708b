//! `wtmag list`.
use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use tokio::time::timeout;

use super::{
    Context, Failure, leftovers,
    output::{Cell, Paint, Style, Table, age, count},
    unexpected,
};
use crate::{
    client::Hub,
    git::{News, Run},
    model::{Answer, Delivery, Placement, Reported, Request, Step, Timestamp, Worker, WorkerId},
    wire::WorkerView,
};

/// List the workers and what they are doing
///
/// Shows the workers that have a window and those that want you; `--all` adds those whose window is
/// gone, `--ended` those that were cleaned up. A state is what the agent does now, with how long it
/// has: `working`, `waiting: permission`, `blocked: trust`, `idle`, `exited(0)`, …
///
/// With --json: an array of workers, each {"id", "project", "branch", "worktree", "worktree_gone",
/// "repo", "kind", "source", "base", "agent", "model", "placement", "session", "window", "pane",
/// "pr", "parent", "created", "ended", "state": {"state", "text", "since", "source", "evidence", "process", "turn",
/// "reported"}, "delivery": the newest one as in `wtmag receipts --json`, "last_message"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also workers whose window is gone
    #[arg(short, long)]
    all: bool,
    /// Also workers that were cleaned up
    #[arg(long)]
    ended: bool,
}

/// How long what a killed `create` left may keep a list from ending.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub().await?;
    let found = Found::of(hub.ask(Request::List { ended: false }).await?)?;
    let (shown, hidden): (Vec<Worker>, Vec<Worker>) = found
        .workers
        .into_iter()
        .partition(|it| args.all || wants_to_be_seen(it, &found.deliveries));
    let mut shown = shown;
    if args.ended {
        shown.extend(Found::of(hub.ask(Request::List { ended: true }).await?)?.workers);
    }
    shown.sort_by(|a, b| (&a.project, a.created, &a.id).cmp(&(&b.project, b.created, &b.id)));
    if context.json() {
        let view = |it| WorkerView::new(it, found.deliveries.get(&it.id));
        let views: Vec<WorkerView<'_>> = shown.iter().map(view).collect();
        context.print_json(&views)?;
        clear_leftovers(context, &mut hub).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = if shown.is_empty() {
        "no workers; `wtmag create --help` shows how to make one\n".to_owned()
    } else {
        table(&shown, context.now(), context.style())
    };
    context.print(&text)?;
    context.print(&footer(context.style(), hidden.len(), &found.orphans))?;
    clear_leftovers(context, &mut hub).await?;
    Ok(ExitCode::SUCCESS)
}

/// Last, because nobody who wants a list waits for it; what is not done in this time the next one does.
async fn clear_leftovers(context: &Context, hub: &mut Hub) -> Result<(), Failure> {
    let (at, cancel) = (context.whereabouts()?, context.cancel()?);
    let mut tell = |news: &News| {
        if let News::Undoing { .. } = news {
            context.say(&format!("note: {news}"));
        }
    };
    let mut run = Run { cancel: &cancel, tell: &mut tell };
    match timeout(PATIENCE, leftovers::clear(&at, hub, &mut run)).await {
        Ok(Ok(notes)) => notes.iter().for_each(|it| context.say(&format!("note: {it}"))),
        Ok(Err(failure)) => context.say(&format!("note: {}", failure.line())),
        Err(_) => {}
    }
    Ok(())
}

struct Found {
    workers: Vec<Worker>,
    /// The newest of each worker.
    deliveries: BTreeMap<WorkerId, Delivery>,
    orphans: Vec<String>,
}

impl Found {
    fn of(answer: Answer) -> Result<Self, Failure> {
        let Answer::Workers { workers, deliveries, orphans } = answer else {
            return Err(unexpected(&answer));
        };
        let deliveries = deliveries.into_iter().map(|it| (it.worker.clone(), it));
        Ok(Self { workers, deliveries: deliveries.collect(), orphans })
    }
}

/// It has a window, or something to say to its user.
fn wants_to_be_seen(worker: &Worker, deliveries: &BTreeMap<WorkerId, Delivery>) -> bool {
    let reported = worker.state.reported.as_ref().map(|it| it.value);
    let failed = deliveries.get(&worker.id).is_some_and(|it| it.step == Step::Failed);
    !worker.place.gone
        || matches!(reported, Some(Reported::Question | Reported::Blocked | Reported::Failed))
        || failed && worker.state.is_live()
}

fn table(workers: &[Worker], now: Timestamp, style: Style) -> String {
    let mut table = Table::new(["ID", "STATE", "AGE", "AGENT", "~PLACE", "~BRANCH", "~PR"]);
    for worker in workers {
        let word = worker.state.word();
        let (state, paint, since) = match worker.ended {
            Some(ended) => ("ended".to_owned(), Paint::Dim, ended),
            None => (word.to_string(), Paint::of(&word), worker.state.since()),
        };
        table.row([
            Cell::new(worker.id.as_str()).paint(Paint::Bold),
            Cell::new(state).paint(paint),
            Cell::new(age(now.since(since))).paint(Paint::Dim),
            Cell::new(&worker.agent.name),
            Cell::new(place(worker)),
            Cell::new(&worker.branch),
            Cell::new(worker.pr.as_deref().map(short).unwrap_or_default()),
        ]);
    }
    table.render(style)
}

fn place(worker: &Worker) -> String {
    let session = worker.place.session_name.as_deref();
    let place = match worker.placement {
        _ if worker.place.gone || worker.ended.is_some() => "-".to_owned(),
        Placement::Window => session.map_or("window".into(), |name| format!("window in {name}")),
        Placement::Session => "session".to_owned(),
        Placement::Fleet => "fleet".to_owned(),
    };
    if worker.worktree_gone { format!("{place}, no worktree") } else { place }
}

/// `#234` for the URL of a pull request, whole where it does not end in a number.
fn short(url: &str) -> String {
    let number = url.rsplit('/').next().filter(|it| it.parse::<u64>().is_ok());
    number.map_or(url.to_owned(), |number| format!("#{number}"))
}

fn footer(style: Style, n_hidden: usize, orphans: &[String]) -> String {
    let mut text = String::new();
    if n_hidden > 0 {
        let line = format!("{} more: `wtmag list --all`", count(n_hidden, "worker"));
        text += &format!("{}\n", style.paint(&line, Paint::Dim));
    }
    for id in orphans {
        let line = format!("a window of `{id}` belongs to no worker known here");
        text += &format!("{}\n", style.paint(&line, Paint::Dim));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::samples::{self, NOW},
        model::{AgentState, Blocker, EndCause, Exit, Process},
    };

    fn workers() -> Vec<Worker> {
        let mut blocked = samples::worker("blog-github-issue-456");
        blocked.state.process.value = Process::Running;
        blocked.state.turn.value = AgentState::Blocked(Blocker::Trust);
        let mut review = samples::worker("blog-github-pr-234");
        review.branch = "github-pr-234".into();
        review.pr = Some("https://github.com/acme/blog/pull/234".into());
        review.placement = Placement::Session;
        review.state.process.value = Process::Exited(Exit::Code(137));
        let mut lost = samples::worker("shop-prompt-x");
        lost.place.gone = true;
        lost.state.process.value = Process::Lost(EndCause::ServerGone);
        vec![blocked, review, lost]
    }

    #[test]
    fn a_row_tells_what_a_worker_does_and_where() {
        let now = Timestamp(NOW.0 + 185_000);
        insta::assert_snapshot!(table(&workers(), now, Style::default()), @r"
        ID                     STATE                   AGE  AGENT   PLACE           BRANCH            PR
        blog-github-issue-456  blocked: trust          3m   claude  window in main  github-issue-456
        blog-github-pr-234     exited(137, SIGKILL?)   3m   claude  session         github-pr-234     #234
        shop-prompt-x          lost: tmux server gone  3m   claude  -               github-issue-456
        ");
    }

    #[test]
    fn a_list_fits_into_forty_columns() {
        let now = Timestamp(NOW.0 + 185_000);
        let style = Style { colour: false, width: Some(40) };
        insta::assert_snapshot!(table(&workers(), now, style), @r"
        ID                     STATE
        blog-github-issue-456  blocked: trust
        blog-github-pr-234     exited(137, SIGK…
        shop-prompt-x          lost: tmux serve…
        ");
    }

    #[test]
    fn a_worker_without_a_window_is_hidden_unless_it_wants_something() {
        let none = BTreeMap::new();
        let seen: Vec<bool> = workers().iter().map(|it| wants_to_be_seen(it, &none)).collect();
        assert_eq!(seen, [true, true, false]);
        insta::assert_snapshot!(footer(Style::default(), 1, &[]), @"1 worker more: `wtmag list --all`");
    }

    #[test]
    fn the_json_of_a_worker_is_stable() {
        let mut worker = samples::worker("blog-github-issue-456");
        worker.state.process.value = Process::Running;
        worker.state.turn.value = AgentState::Blocked(Blocker::Trust);
        let delivery = samples::delivery(3, "blog-github-issue-456", Step::Accepted);
        let view = WorkerView::new(&worker, Some(&delivery));
        insta::assert_json_snapshot!(view);
    }
}
