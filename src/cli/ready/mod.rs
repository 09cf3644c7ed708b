//! `wtmag ready`.
mod find;

use std::process::ExitCode;

use serde_json::json;

use super::{
    Context, Failure,
    create::repo,
    output::{Cell, Table},
    settings,
};
use crate::sources::ready::Ready;

pub(super) use find::{Asked, find};

/// List tasks that are ready to start: open, not blocked by another task, and without a worker
///
/// Asks the trackers that the repository uses. GitHub and GitLab list the issues that are assigned to you or, if
/// `[ready] label` is set, those with that label. If `[ready] project` names a GitHub project board, GitHub lists the
/// issues in the column that `[ready] column` names. Jira lists the tickets that `[ready] jql` finds, beads what `bd
/// ready` lists, and a `[sources.NAME]` what its `ready` command prints. `wtmag help sources` explains the settings.
///
/// Leaves out tasks that have a worker, and tasks that wait for one: in a run, in the line of `create --queue`, or
/// in a scheduled `create`. `wtmag run --ready` works through the tasks.
///
/// With --json: an array of {"source", "key", "title", "url", "labels": […], "args": the arguments of
/// `wtmag create`}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Ask only this source: `github`, `gitlab`, `jira`, `bead`, or the NAME of a `[sources.NAME]` [default: all
    /// that the repository uses]
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// List the issues with this label, assigned to you or not [default: `[ready] label`]
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// List at most N tasks
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  wtmag ready
  wtmag ready --label good-first-issue --json
  wtmag run --ready -n 5 -j 2        work through the first five

Exit codes: 0 ok, even if the list is empty; 1 every source failed.";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let repo = repo(None)?;
    let loaded = settings::load(context, Some(&repo))?;
    let asked = Asked { source: args.source, label: args.label, most: args.most, is_silent: false };
    let found = find(context, &repo, &loaded, &asked).await?;
    found.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    print(context, &found.tasks)
}

/// The arguments of `create` for this task.
pub(super) fn args(task: &Ready) -> String {
    format!("--{}={}", task.flag, task.task)
}

fn print(context: &Context, found: &[Ready]) -> Result<ExitCode, Failure> {
    if context.json() {
        let all: Vec<_> = found
            .iter()
            .map(|it| {
                let (key, title, url) = (&it.source.key, &it.source.title, &it.source.url);
                json!({
                    "source": it.tracker(), "key": key, "title": title, "url": url,
                    "labels": it.labels, "args": [args(it)],
                })
            })
            .collect();
        context.print_json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        context.say("no task is ready to start");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["SOURCE", "TASK", "LABELS", "~TITLE"]);
    for it in found {
        let source = &it.source;
        let cells = [it.tracker(), &source.key, &it.labels.join(", "), &source.title];
        table.row(cells.map(Cell::new));
    }
    context.print(&table.render(context.style()))?;
    Ok(ExitCode::SUCCESS)
}
