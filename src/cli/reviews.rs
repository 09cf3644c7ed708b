//! `wtmag reviews`.
use std::{process::ExitCode, time::Duration};

use serde::Serialize;

use super::{
    Context, Failure,
    output::{Cell, Paint, Style, Table, age},
    resolve, unexpected,
};
use crate::{
    clock,
    model::{
        Answer, Checks, InboxQuery, Item, ItemKind, Kind, Pull, Request, Review, Timestamp, Worker,
        pull_name,
    },
    text::one_line,
};

/// List open pull requests: those of workers, and those that workers review
///
/// Asks GitHub or GitLab, at most once a minute. `wtmag inbox ack N` marks a pull request as seen, until it has new
/// commits. N is its number in the inbox, which the list shows in the column N. Merged and closed ones are left out.
///
/// With --json: an array of {"worker", "number", "url", "title", "verdict", "checks": "none", "passed", "pending" or
/// "failed", "review": "none", "approved", "changes-requested" or "required", "draft", "head", "since": when this
/// head was first seen, "at": when GitHub or GitLab was asked, "own": false for one that the worker reviews, "item":
/// its number in the inbox or null, "seen": it was acknowledged at this head}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// List those of every project
    #[arg(short, long)]
    all: bool,
}

/// How long the forge may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// One pull request.
#[derive(Debug, Serialize)]
struct View<'a> {
    worker: &'a str,
    number: u64,
    url: &'a str,
    title: &'a str,
    verdict: &'static str,
    checks: Checks,
    review: Review,
    draft: bool,
    head: &'a str,
    since: Timestamp,
    at: Timestamp,
    own: bool,
    item: Option<u64>,
    seen: bool,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Some(mut hub) = context.hub_to_look().await? else {
        return print(context, &[]);
    };
    let repo = if args.all { None } else { context.project() };
    let asked = Request::Pulls { repo: repo.clone(), waits: true };
    let answer = hub.ask_within(asked, PATIENCE).await?;
    let Answer::Pulls { problems } = answer else { return Err(unexpected(&answer)) };
    for problem in problems {
        context.say(&format!(
            "note: the state of the pull requests may be old: {}",
            one_line(&problem, 300)
        ));
    }
    let mut workers = resolve::present(&mut hub).await?;
    workers.retain(|it| repo.as_ref().is_none_or(|repo| it.repo == *repo));
    let answer = hub.ask(Request::Inbox(InboxQuery::default())).await?;
    let Answer::Items { items, .. } = answer else { return Err(unexpected(&answer)) };
    print(context, &views(&workers, &items))
}

/// Pure: the open ones, the one that waits longest first.
fn views<'a>(workers: &'a [Worker], items: &[Item]) -> Vec<View<'a>> {
    let open = workers.iter().filter_map(|worker| {
        let pull = worker.work.pull.as_ref().filter(|it| it.state.is_open)?;
        let is_it = |it: &&Item| it.worker == worker.id && it.kind == ItemKind::Review;
        Some(view(worker, pull, items.iter().find(is_it)))
    });
    let mut open: Vec<View<'a>> = open.collect();
    open.sort_by(|a, b| (a.since, a.worker).cmp(&(b.since, b.worker)));
    open
}

fn view<'a>(worker: &'a Worker, pull: &'a Pull, item: Option<&Item>) -> View<'a> {
    let state = &pull.state;
    View {
        worker: worker.id.as_str(),
        number: state.number,
        url: &state.url,
        title: &worker.source.title,
        verdict: state.verdict(),
        checks: state.checks,
        review: state.review,
        draft: state.is_draft,
        head: &state.head,
        since: pull.since,
        at: pull.at,
        own: worker.kind != Kind::Review,
        item: item.map(|it| it.id.0),
        seen: item.is_none(),
    }
}

fn print(context: &Context, views: &[View<'_>]) -> Result<ExitCode, Failure> {
    if context.json() {
        context.print_json(&views)?;
    } else if views.is_empty() {
        context.print("no open pull requests\n")?;
    } else {
        context.print(&table(views, clock::now(), context.style()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(views: &[View<'_>], now: Timestamp, style: Style) -> String {
    let mut table = Table::new(["PR", "STATE", "HEAD", "AGE", "?N", "WORKER", "~TITLE"]);
    for it in views {
        let paint = match it.verdict.chars().next() {
            Some('✓') => Paint::Green,
            Some('✗') => Paint::Red,
            Some(_) | None => Paint::Plain,
        };
        let state = match (it.verdict, it.seen) {
            (verdict, false) => verdict.to_owned(),
            ("", true) => "seen".to_owned(),
            (verdict, true) => format!("{verdict}, seen"),
        };
        table.row([
            Cell::new(pull_name(it.url)).paint(Paint::Bold),
            Cell::new(state).paint(paint),
            Cell::new(it.head.get(..7).unwrap_or_default()).paint(Paint::Dim),
            Cell::new(age(now.since(it.since))).paint(Paint::Dim),
            Cell::new(it.item.map(|it| it.to_string()).unwrap_or_default()),
            Cell::new(it.worker),
            Cell::new(it.title).paint(Paint::Dim),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{ItemId, Origin, PullState},
    };

    fn pull(number: u64, since: u64) -> Pull {
        let state = PullState {
            head: "a1b2c3d4".repeat(5),
            review: Review::Approved,
            ..samples::pull_state(number)
        };
        Pull { state, at: NOW, since: Timestamp(NOW.0 - since) }
    }

    #[test]
    fn the_one_that_waits_longest_comes_first_and_closed_ones_go() {
        let worker = |id: &str, pull: Pull| {
            let mut worker = samples::worker(id);
            worker.work.pull = Some(pull);
            worker
        };
        let mut closed = pull(7, 9_000);
        (closed.state.is_open, closed.state.is_merged) = (false, true);
        let mut failed = pull(502, 7_200_000);
        failed.state.checks = Checks::Failed;
        let workers = [worker("a", pull(501, 60_000)), worker("b", closed), worker("c", failed)];
        let item = Item {
            id: ItemId(4),
            ..Item::new("c".parse().unwrap(), ItemKind::Review, Origin::State, NOW)
        };
        let text = table(&views(&workers, &[item]), NOW, Style::default());
        insta::assert_snapshot!(text, @r"
        PR    STATE             HEAD     AGE  N  WORKER  TITLE
        #502  ✗ checks          a1b2c3d  2h   4  c       Fix the title
        #501  ✓ approved, seen  a1b2c3d  1m      a       Fix the title
        ");
    }
}
