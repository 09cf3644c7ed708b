//! `wtmag list`.
use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use tokio::time::timeout;

use super::{
    Context, Failure, elsewhere, leftovers,
    mine::Me,
    output::{Cell, Paint, Style, Table, age, count},
    unexpected,
};
use crate::{
    client::Hub,
    clock,
    git::{News, Run},
    model::{
        Answer, Delivery, DisplayState, Process, Request, Timestamp, Worker, WorkerId, current,
    },
    wire::{WorkerSummary, WorkerView, needs},
};

/// List the workers and what they are doing
///
/// Shows the workers of the current project, including those whose agent has ended; outside a repository, all
/// workers. (A project is a repository with its workers.) `!` marks the workers that need you. STATE is what the
/// agent is doing: `working`, `waiting: permission`, `blocked: trust`, `idle`, `exited(0)`, … (`wtmag help states`).
/// AGE is how long it has been in that state. CHANGES is what the worker changed since its branch left the base
/// branch: `+12 -3` lines added and removed, `↑2` commits that the base branch does not have, `↓1` commits that only
/// the base branch has. PR is its pull request and the state of that: `#501 ✓ approved`, `#501 ✗ checks`, `#501
/// merged`; wtmag asks GitHub or GitLab in the background, at most once a minute. If an agent asks something, the
/// question is shown below its row.
///
/// With --json: an array of {"id", "state", "since", "needs": why it needs you, "agent", "branch", "pr", "pr_state",
/// "changes", "title", "message": the beginning of its last message, "progress"}; fields without a value are left
/// out. With --full, each element is {"id", "project", "branch", "worktree", "worktree_gone", "repo", "kind",
/// "source", "base", "agent", "model", "placement", "session", "window", "pane", "pr", "pull": what GitHub or GitLab
/// said or null, "changes": {"at", "added", "deleted", "ahead", "behind", "head", "pushed"} or null, "parent",
/// "created", "ended", "state": {"state", "text", "since", "source", "evidence", "process", "turn", "asks": {"kind",
/// "about", "question", "choices": [{"label", "selected"}], "source"} or null, "reported"}, "delivery": the newest
/// one as in `wtmag receipts --json`, "last_message", "usage": {"context_left", "cost", "limit_soon"}, each {"value",
/// "since", "source", "evidence"} where known, "progress"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// List the workers of every project
    #[arg(short, long)]
    all: bool,
    /// Also list workers that were removed by `cleanup` or `land`. Those whose agent has ended, but that were not
    /// removed, are always listed
    #[arg(long)]
    ended: bool,
    /// Only your workers. In a worker's worktree or window, these are the workers that it created or adopted;
    /// elsewhere, those that were created or adopted in this tmux pane
    #[arg(long, conflicts_with = "all")]
    mine: bool,
    /// Only with --json: print the full record of each worker, as described above
    #[arg(long, requires = "json")]
    full: bool,
}

/// How long the undo of a killed `create` may delay the end of `list`.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Some(mut hub) = context.hub_to_look().await? else {
        nothing(context, 0).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let list = |ended| Request::List { ended, brief: !args.full };
    let mut found = Found::of(hub.ask(list(false)).await?)?;
    if args.ended {
        found.workers.extend(Found::of(hub.ask(list(true)).await?)?.workers);
    }
    if args.mine {
        let me = Me::find(context, &mut hub).await?;
        found.workers.retain(|it| me.made(it));
    }
    let here = if args.all { None } else { context.project() };
    let shown = here.as_ref().filter(|_| !args.mine);
    let n_known = found.workers.len();
    found.workers.retain(|it| shown.is_none_or(|repo| it.repo == *repo));
    found
        .workers
        .sort_by(|a, b| (&a.project, a.created, &a.id).cmp(&(&b.project, b.created, &b.id)));
    let n_elsewhere = n_known - found.workers.len();
    if context.json() {
        found.print_json(context, args.full)?;
    } else if found.workers.is_empty() {
        nothing(context, n_elsewhere).await?;
        // If the store was deleted, there are windows without workers.
        if !found.orphans.is_empty() {
            context.print(&footer(context.style(), 0, &found.orphans))?;
        }
    } else {
        context.print(&interrupted(&found.workers, context.style()))?;
        context.print(&table(&found, clock::now(), context.style()))?;
        context.print(&footer(context.style(), n_elsewhere, &found.orphans))?;
    }
    // The next list has the answer.
    hub.ask(Request::Pulls { repo: here, waits: false }).await?;
    clear_leftovers(context, &mut hub).await?;
    Ok(ExitCode::SUCCESS)
}

/// After a reboot, the first thing to know is how everything comes back.
fn interrupted(workers: &[Worker], style: Style) -> String {
    let is_it = |it: &&Worker| match &it.state.process.value {
        Process::Lost(cause) => it.ended.is_none() && cause.is_of_the_server(),
        Process::Starting
        | Process::Running
        | Process::NotStarted(_)
        | Process::Exited(_)
        | Process::Other(_) => false,
    };
    let n = workers.iter().filter(is_it).filter(|it| it.state.landed.is_none()).count();
    if n == 0 {
        return String::new();
    }
    let text = match n {
        1 => "1 worker was interrupted; `wtmag resume --all` continues its conversation".to_owned(),
        n => format!(
            "{n} workers were interrupted; `wtmag resume --all` continues their conversations"
        ),
    };
    format!("{}\n", style.paint(&text, Paint::Bold))
}

/// The list is empty: names other projects and servers that have workers.
async fn nothing(context: &Context, n_elsewhere: usize) -> Result<(), Failure> {
    if context.json() {
        return context.print_json(&[(); 0]);
    }
    if n_elsewhere > 0 {
        let what = count(n_elsewhere, "worker");
        return context
            .print(&format!("no workers in this project; {what} in others: wtmag list --all\n"));
    }
    context.print("no workers; `wtmag create --help` shows how to make one\n")?;
    for (socket, n) in elsewhere::servers(context).await {
        let what = count(n, "worker");
        let socket = socket.display();
        context.print(&format!("{what} on another tmux server: wtmag -S {socket} list\n"))?;
    }
    Ok(())
}

/// Runs after the list is printed, so that the list does not wait for it. What it cannot finish in
/// time is left to the next `list`.
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
    /// The newest worker of each id.
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

    fn print_json(&self, context: &Context, full: bool) -> Result<(), Failure> {
        let with_delivery = || self.workers.iter().map(|it| (it, self.deliveries.get(&it.id)));
        if full {
            let views = with_delivery().map(|(worker, it)| WorkerView::new(worker, it));
            return context.print_json(&views.collect::<Vec<_>>());
        }
        let now = clock::now();
        let views = with_delivery().map(|(worker, it)| WorkerSummary::new(worker, it, now));
        context.print_json(&views.collect::<Vec<_>>())
    }
}

/// Longest title and note where no terminal cuts them.
const MAX_TITLE: usize = 50;
const MAX_NOTE: usize = 90;

fn table(found: &Found, now: Timestamp, style: Style) -> String {
    let is_one_project = found.workers.windows(2).all(|pair| match pair {
        [one, other] => one.repo == other.repo,
        _ => true,
    });
    let mut table = Table::new(["WORKER", "STATE", "AGE", "~AGENT", "?CHANGES", "PR", "~TITLE"]);
    for worker in &found.workers {
        let word = worker.state.word();
        let (state, paint, since) = match worker.ended {
            Some(ended) => ("removed".to_owned(), Paint::Dim, ended),
            None => (word.text_at(now), Paint::of(&word), worker.state.since()),
        };
        let name = if is_one_project { worker.short_name() } else { worker.id.as_str() };
        let needs = needs(worker, &word, found.deliveries.get(&worker.id));
        let mark = if needs.is_some() { "!" } else { " " };
        table.marked_row(
            Cell::new(mark).paint(paint),
            [
                Cell::new(name).paint(Paint::Bold),
                Cell::new(state).paint(paint),
                Cell::new(age(now.since(since))).paint(Paint::Dim),
                Cell::new(&worker.agent.name),
                Cell::new(changes(worker)),
                Cell::new(worker.pull_words()),
                Cell::new(style.brief(&title(worker), MAX_TITLE)).paint(Paint::Dim),
            ],
        );
        if let Some(note) = note(worker, &word, now) {
            table.note(Cell::new(style.brief(&note, MAX_NOTE)));
        }
    }
    table.render(style)
}

/// What it asks, what it has reported, or what it is doing.
fn note(worker: &Worker, word: &DisplayState, now: Timestamp) -> Option<String> {
    if worker.ended.is_some() {
        return None;
    }
    if let DisplayState::Reported(_) = word {
        let text = worker.state.reported.as_ref().map(|it| it.evidence.clone());
        return text.filter(|it| !it.is_empty());
    }
    let asks = worker.state.asks.as_ref().filter(|_| word.face().asks);
    if let Some(ask) = asks {
        return Some(ask.to_string());
    }
    let progress = current(worker.progress.as_ref(), now).filter(|_| worker.state.is_live());
    progress.map(ToOwned::to_owned)
}

fn changes(worker: &Worker) -> String {
    worker.work.changes.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn title(worker: &Worker) -> String {
    let title = worker.source.title.as_str();
    if worker.worktree_gone && worker.ended.is_none() {
        format!("(no worktree) {title}")
    } else {
        title.to_owned()
    }
}

fn footer(style: Style, n_elsewhere: usize, orphans: &[String]) -> String {
    let mut text = String::new();
    if n_elsewhere > 0 {
        let line = format!("{} in other projects: wtmag list --all", count(n_elsewhere, "worker"));
        text += &format!("{}\n", style.paint(&line, Paint::Dim));
    }
    for id in orphans {
        let line = format!("a window is marked as worker `{id}`, which the hub does not know");
        text += &format!("{}\n", style.paint(&line, Paint::Dim));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{AgentState, Blocker, Changes, EndCause, Exit, Pull, Question, Step},
    };

    fn workers() -> Vec<Worker> {
        let mut blocked = samples::worker("blog-github-issue-456");
        blocked.state.process.value = Process::Running;
        blocked.state.turn.value = AgentState::Blocked(Blocker::Trust);
        let mut review = samples::worker("blog-github-pr-234");
        review.branch = "github-pr-234".into();
        review.pr = Some("https://github.com/acme/blog/pull/234".into());
        review.state.process.value = Process::Exited(Exit::Code(137));
        let mut lost = samples::worker("shop-prompt-x");
        lost.project = "shop".into();
        lost.repo = "/src/shop/.git".into();
        lost.place.gone = true;
        lost.state.process.value = Process::Lost(EndCause::ServerGone);
        vec![blocked, review, lost]
    }

    fn found(workers: Vec<Worker>) -> Found {
        Found { workers, deliveries: BTreeMap::new(), orphans: Vec::new() }
    }

    fn shown(workers: Vec<Worker>, width: Option<usize>) -> String {
        let now = Timestamp(NOW.0 + 185_000);
        table(&found(workers), now, Style { colour: false, width })
    }

    #[test]
    fn a_row_tells_what_a_worker_does() {
        insta::assert_snapshot!(shown(workers(), None), @r"
          WORKER                 STATE                   AGE  AGENT   PR    TITLE
        ! blog-github-issue-456  blocked: trust          3m   claude        Fix the title
        ! blog-github-pr-234     exited(137, SIGKILL?)   3m   claude  #234  Fix the title
        ! shop-prompt-x          lost: tmux server gone  3m   claude        Fix the title
        ");
    }

    #[test]
    fn the_project_is_left_out_where_there_is_only_one() {
        let mut workers = workers();
        workers.pop();
        insta::assert_snapshot!(shown(workers, Some(60)), @r"
          WORKER            STATE                  AGE  AGENT   PR
        ! github-issue-456  blocked: trust         3m   claude
        ! github-pr-234     exited(137, SIGKILL?)  3m   claude  #234
        ");
    }

    #[test]
    fn what_differs_is_not_cut() {
        let mut workers = workers();
        workers.pop();
        insta::assert_snapshot!(shown(workers, Some(40)), @r"
          WORKER           STATE
        ! …thub-issue-456  blocked: trust
        ! github-pr-234    exited(137, SIGKILL?)
        ");
    }

    #[test]
    fn workers_elsewhere_are_counted() {
        insta::assert_snapshot!(footer(Style::default(), 1, &[]), @"1 worker in other projects: wtmag list --all");
    }

    #[test]
    fn ten_workers_are_a_few_hundred_tokens() {
        let (workers, _) = samples::day();
        let n = workers.len();
        let text = table(&found(workers), NOW, Style::default());
        samples::assert_short(&text, n);
        assert!(text.contains("…"), "{text}");
    }

    /// The hub leaves out what no row shows.
    #[test]
    fn a_brief_worker_has_the_same_row() {
        let (mut all, _) = samples::day();
        let head = || "5".repeat(40);
        for worker in &mut all {
            worker.last_message = Some("All tests\npass. ".repeat(100));
            let (at, pushed) = (NOW, Some(head()));
            worker.work.changes = Some(Changes {
                at,
                added: 12,
                deleted: 3,
                ahead: 2,
                behind: 1,
                head: head(),
                pushed,
            });
            let state = samples::pull_state(501);
            worker.work.pull = Some(Pull { state, at, since: at });
        }
        let boss: WorkerId = "boss".parse().unwrap();
        all[0].parent = Some(boss.clone());
        all.extend(workers());
        let brief: Vec<Worker> = all.iter().map(Worker::brief).collect();
        let json = |all: &[Worker]| {
            let rows = all.iter().map(|it| WorkerSummary::new(it, None, NOW));
            serde_json::to_string(&rows.collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(json(&brief), json(&all));
        let made =
            |all: &[Worker]| all.iter().map(|it| Me::Worker(boss.clone()).made(it)).collect();
        let (made_brief, made): (Vec<bool>, Vec<bool>) = (made(&brief), made(&all));
        assert_eq!(made_brief, made);
        assert!(made[0]);
        let table = |all| table(&found(all), NOW, Style::default());
        assert_eq!(table(brief), table(all));
    }

    /// About four characters are one token of a language model: the limit is 120 tokens.
    #[test]
    fn the_json_of_a_worker_is_short() {
        let mut worker = samples::worker("blog-github-issue-456");
        worker.pr = Some("https://github.com/acme/blog/pull/501".into());
        worker.last_message = Some("All tests pass. ".repeat(100));
        worker.state.process.value = Process::Running;
        worker.state.turn.value = AgentState::Waiting(Question::Permission);
        worker.state.turn.evidence = "Bash".into();
        let text = serde_json::to_string(&WorkerSummary::new(&worker, None, NOW)).unwrap();
        assert!(text.len() <= 480, "{}: {text}", text.len());
        insta::assert_snapshot!(text, @r#"{"id":"blog-github-issue-456","state":"waiting: permission","since":"2026-11-20T22:40:00Z","needs":"Bash","agent":"claude","branch":"github-issue-456","pr":"https://github.com/acme/blog/pull/501","title":"Fix the title"}"#);
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
