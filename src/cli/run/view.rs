//! How runs are printed.
use std::{process::ExitCode, time::Duration};

use serde_json::{Value, json};

use crate::{
    cli::{
        Context, Failure,
        output::{Cell, Paint, Style, Table, age, count, fields},
        resolve,
    },
    client::Hub,
    clock,
    model::{DisplayState, OnFail, Outcome, Run, Task, TaskState, Timestamp, Worker},
    text::{clean, length, one_line},
};

/// Longest text in a table, in characters.
const MAX_TEXT: usize = 200;

pub(super) fn print_begun(context: &Context, run: &Run) -> Result<ExitCode, Failure> {
    if context.json() {
        context.print_json(&to_json(run))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (id, n) = (run.id, count(run.tasks.len(), "task"));
    let how = match run.order.jobs {
        1 => "one at a time".to_owned(),
        jobs => format!("up to {jobs} at a time"),
    };
    context.print(&format!(
        "run {id}: {n}, {how}\n  wtmag run show {id} --wait\n  wtmag run stop {id}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_list(context: &Context, runs: &[Run]) -> Result<ExitCode, Failure> {
    if context.json() {
        context.print_json(&runs.iter().map(to_json).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if runs.is_empty() {
        context.print("no runs; to start one: wtmag run TASK…\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = clock::now();
    let mut table = Table::new(["N", "PROJECT", "STATE", "AGE", "~TASKS"]);
    for run in runs {
        let (word, paint) = word(run);
        table.row([
            Cell::new(run.id.to_string()).paint(Paint::Bold),
            Cell::new(&run.order.project),
            Cell::new(word).paint(paint),
            Cell::new(age(now.since(run.created))).paint(Paint::Dim),
            Cell::new(run.account()),
        ]);
    }
    context.print(&table.render(context.style()))?;
    Ok(ExitCode::SUCCESS)
}

/// One run with its tasks, and what each worker is doing.
pub(super) async fn print(
    context: &Context,
    hub: &mut Hub,
    run: &Run,
) -> Result<ExitCode, Failure> {
    if context.json() {
        context.print_json(&to_json(run))?;
        return Ok(ExitCode::SUCCESS);
    }
    let workers = resolve::present(hub).await?;
    context.print(&describe(run, &workers, clock::now(), context.style()))?;
    Ok(ExitCode::SUCCESS)
}

fn word(run: &Run) -> (&'static str, Paint) {
    let is_begun = run.tasks.iter().any(|it| it.state.is_begun());
    match (run.over, run.stopped, is_begun) {
        (Some(_), _, _) => ("over", Paint::Dim),
        (None, Some(_), _) => ("stopping", Paint::Cyan),
        (None, None, true) => ("running", Paint::Yellow),
        (None, None, false) => ("waiting", Paint::Cyan),
    }
}

fn describe(run: &Run, workers: &[Worker], now: Timestamp, style: Style) -> String {
    let (word, paint) = word(run);
    let order = &run.order;
    let mut rows = vec![
        ("run", format!("{} in {}, {}", run.id, order.project, style.paint(word, paint))),
        ("tasks", run.account()),
    ];
    let timeout = order.timeout_ms.map(|it| length(Duration::from_millis(it)));
    rows.extend(timeout.map(|it| ("timeout", it)));
    if order.on_fail == OnFail::Stop {
        rows.push(("on-fail", "stop".to_owned()));
    }
    rows.extend(order.land.as_ref().map(|it| ("land", format!("each task {}", it.join(" ")))));
    let mut table = Table::new(["N", "STATE", "AGE", "WORKER", "~TASK"]);
    for (task, n) in run.tasks.iter().zip(1..) {
        let worker = task.state.worker();
        let live = workers.iter().find(|it| Some(&it.id) == worker);
        let since = since(&task.state).map(|it| age(now.since(it))).unwrap_or_default();
        table.row([
            Cell::new(n.to_string()),
            Cell::new(task.state.name()).paint(paint_of(&task.state)),
            Cell::new(since).paint(Paint::Dim),
            Cell::new(worker.map(ToString::to_string).unwrap_or_default()).paint(Paint::Bold),
            Cell::new(line(task, live)),
        ]);
    }
    format!("{}{}{}", fields(style, &rows), table.render(style), hint(run, workers))
}

/// Since when it is so.
fn since(state: &TaskState) -> Option<Timestamp> {
    match state {
        TaskState::Creating { since }
        | TaskState::AtWork { since, .. }
        | TaskState::Landing { since, .. } => Some(*since),
        TaskState::Done { at, .. } | TaskState::Failed { at, .. } => Some(*at),
        TaskState::Queued | TaskState::Skipped { .. } | TaskState::Other(_) => None,
    }
}

fn paint_of(state: &TaskState) -> Paint {
    match state {
        TaskState::Done { .. } => Paint::Green,
        TaskState::Failed { .. } => Paint::Red,
        TaskState::Creating { .. } | TaskState::AtWork { .. } | TaskState::Landing { .. } => {
            Paint::Yellow
        }
        TaskState::Queued | TaskState::Skipped { .. } | TaskState::Other(_) => Paint::Dim,
    }
}

/// The task, and what became of it.
pub(super) fn line(task: &Task, worker: Option<&Worker>) -> String {
    let title = one_line(&task.new.title, MAX_TEXT);
    let more = match &task.state {
        TaskState::AtWork { .. } => worker.map(|it| it.state.word().to_string()),
        TaskState::Done { result, .. } => Some(brought(result)),
        TaskState::Failed { why, .. } | TaskState::Skipped { why } => Some(clean(why)),
        TaskState::Queued
        | TaskState::Creating { .. }
        | TaskState::Landing { .. }
        | TaskState::Other(_) => None,
    };
    match more.filter(|it| !it.is_empty()) {
        Some(more) => format!("{title} · {more}"),
        None => title,
    }
}

fn brought(result: &Outcome) -> String {
    let commits = result.commits.filter(|n| *n > 0).map(|n| count(n, "commit"));
    let pr = result.pr.as_deref().map(|url| format!("PR {}", clean(url)));
    let landed = result.landed.as_deref().map(|it| format!("landed in {}", clean(it)));
    let text = Some(one_line(&result.text, MAX_TEXT)).filter(|it| !it.is_empty());
    let parts = [landed, pr, commits, text].into_iter().flatten();
    parts.collect::<Vec<_>>().join(", ")
}

/// What to type next: for a worker that holds the run, for tasks that failed or were skipped.
fn hint(run: &Run, workers: &[Worker]) -> String {
    let of = |it: &&Task| matches!(it.state, TaskState::AtWork { .. });
    let held = run.tasks.iter().filter(of).find_map(|task| {
        let worker = workers.iter().find(|it| Some(&it.id) == task.state.worker())?;
        let id = &worker.id;
        let word = worker.state.word();
        if matches!(word, DisplayState::Lost(_)) {
            return Some(format!("it was lost: wtmag resume {id}\n"));
        }
        if word.face().asks {
            return Some(format!("it asks: wtmag answer {id}\n"));
        }
        let is_idle = word.name() == "idle";
        is_idle.then(|| format!("its turn ended without a new commit: wtmag said {id}\n"))
    });
    if let Some(held) = held {
        return held;
    }
    let id = run.id;
    let failed = |it: &Task| matches!(it.state, TaskState::Failed { .. });
    let skipped = |it: &Task| matches!(it.state, TaskState::Skipped { .. });
    if let Some(n) = run.tasks.iter().position(failed) {
        return format!("to try it again: wtmag run retry {id} {}\n", n + 1);
    }
    if run.tasks.iter().any(skipped) {
        return format!("to start the skipped tasks: wtmag run resume {id}\n");
    }
    String::new()
}

pub(super) fn to_json(run: &Run) -> Value {
    let tasks: Vec<Value> = run.tasks.iter().zip(1..).map(|(it, n)| task_json(it, n)).collect();
    json!({
        "run": run.id, "project": run.order.project, "created": run.created,
        "stopped": run.stopped, "over": run.over, "jobs": run.order.jobs, "tasks": tasks,
    })
}

fn task_json(task: &Task, n: usize) -> Value {
    let result = match &task.state {
        TaskState::Done { result, .. } => result.clone(),
        TaskState::Queued
        | TaskState::Creating { .. }
        | TaskState::AtWork { .. }
        | TaskState::Landing { .. }
        | TaskState::Failed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Other(_) => Outcome::default(),
    };
    let why = match &task.state {
        TaskState::Failed { why, .. } | TaskState::Skipped { why } => Some(why),
        TaskState::Queued
        | TaskState::Creating { .. }
        | TaskState::AtWork { .. }
        | TaskState::Landing { .. }
        | TaskState::Done { .. }
        | TaskState::Other(_) => None,
    };
    json!({
        "n": n, "title": task.new.title, "state": task.state.name(), "attempt": task.attempt,
        "worker": task.state.worker(), "commits": result.commits, "pr": result.pr,
        "landed": result.landed, "text": result.text, "why": why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    fn run() -> Run {
        let titles = ["Fix the title", "Docs\x1b[2J", "github 12", "Last"];
        let mut run = samples::run(3, &titles, 2);
        run.order.timeout_ms = Some(90 * 60 * 1000);
        run.order.on_fail = OnFail::Stop;
        run.order.land = Some(vec!["--mode=squash".into()]);
        let id = |it: &str| it.parse().unwrap();
        let result = Outcome {
            commits: Some(2),
            pr: Some("https://github.com/a/b/pull/5".into()),
            landed: Some("main".into()),
            text: "All\ngreen".into(),
        };
        let at = Timestamp(60_000);
        run.tasks[0].state = TaskState::Done { worker: id("blog-title"), at, result };
        run.tasks[1].state = TaskState::AtWork { worker: id("blog-docs"), since: at, head: None };
        let why = "the agent ended (3)".to_owned();
        run.tasks[2].state = TaskState::Failed { worker: None, at, why };
        run.tasks[3].state = TaskState::Skipped { why: "task 3 failed".into() };
        run
    }

    #[test]
    fn a_run_is_a_table_of_its_tasks() {
        let mut worker = samples::worker("a");
        worker.id = "blog-docs".parse().unwrap();
        let text = describe(&run(), &[worker], Timestamp(180_000), Style::default());
        insta::assert_snapshot!(text, @"
          run      3 in blog, running
          tasks    1 done, 1 failed, 1 skipped, 1 at work
          timeout  90m
          on-fail  stop
          land     each task --mode=squash
        N  STATE    AGE  WORKER      TASK
        1  done     2m   blog-title  Fix the title · landed in main, PR https://github.com/a/b/pull/5, 2 commits, All green
        2  at work  2m   blog-docs   Docs · starting
        3  failed   2m               github 12 · the agent ended (3)
        4  skipped                   Last · task 3 failed
        to try it again: wtmag run retry 3 3
        ");
    }

    #[test]
    fn programs_read_the_same() {
        let json = to_json(&run());
        assert_eq!(json["tasks"][0]["landed"], "main");
        assert_eq!(json["tasks"][1]["state"], "at work");
        assert_eq!(json["tasks"][2]["why"], "the agent ended (3)");
    }
}
