//! `wtmag log`: a worker's history, and its recorded screens.
mod cast;
mod day;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{
    Context, Failure,
    events::load_all,
    output::{Cell, Paint, Style, Table, count, seconds},
    receipt,
    resolve::{self, Target},
};
use crate::{
    git::removal::backup::{self, Backup},
    hub::screens,
    model::{DisplayState, Event, Fact, Happened, Item, Sample, Timestamp, Worker, name_of},
    paths,
    text::{clean, one_line},
    wire::EventView,
};

/// Show a worker's history, or what happened today in the project
///
/// With an ID, or without one in a worker's worktree or window, it shows the history of that worker: every state with
/// its evidence, and every step of each delivery. For a removed worker, it also names the backups that `wtmag
/// restore` can bring back.
///
/// Elsewhere, it shows what happened to all workers of the project. `--since`, `--grep` and `--follow` always show
/// the project, and cannot be used with an ID. There is a line with the time of day for each event: created, prompt
/// accepted, asked, answered, reported, pull request, landed, removed.
///
/// At each change of state, wtmag records the screen that showed it, and the few screens before. `--cast` writes the
/// recorded screens as an asciicast for `asciinema play`; `--screens` prints them for `wtmag explain --replay`. The
/// recording is a file that only you can read. `[record] enabled = false` in the configuration turns it off.
///
/// With --json: {"id", "created", "events": [as in `wtmag events`], "screens": {"files", "samples"}, "backups":
/// [{"worker", "removed", "worktree", "branch": {"name", "commit"}, "files", "refs", "bundles"}]}; with `--cast FILE`
/// {"file", "samples", "seconds"}. For the project: a line for each event, {"at", "worker", "what", "text"}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Write the recorded screens as an asciicast (version 2); `-` is standard output
    #[arg(long, value_name = "FILE")]
    cast: Option<PathBuf>,
    /// Print the recorded screens as JSON lines
    #[arg(long, conflicts_with = "cast")]
    screens: bool,
    #[command(flatten)]
    day: day::Flags,
}

const EXAMPLES: &str = "\
Examples:
  wtmag log
  wtmag log --since 2026-11-28 --grep 'permission|asks'
  wtmag log --follow
  wtmag log issue-456
  wtmag log issue-456 --cast worker.cast && asciinema play worker.cast
  wtmag log issue-456 --screens > screens.jsonl";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let is_named = args.target.given()?.is_some();
    let is_of_project = !is_named
        && !args.screens
        && args.cast.is_none()
        && (args.day.is_given() || resolve::find_own(context, &mut hub).await?.is_none());
    if is_of_project {
        return day::run(context, hub, &args.day).await;
    }
    if args.day.is_given() {
        return Err(Failure::usage(
            "`--since`, `--grep` and `--follow` are about the whole project",
        )
        .hint("leave the ID out; `--grep ID` keeps the lines of one worker"));
    }
    let worker = args.target.worker_or_ended(context, &mut hub).await?;
    let dir = context.whereabouts()?.state.screens();
    if args.screens {
        for sample in load(&dir, &worker)? {
            context.print_json(&sample)?;
        }
    } else if let Some(file) = &args.cast {
        write_cast(context, &worker, &load(&dir, &worker)?, file)?;
    } else {
        let mut events = load_all(&mut hub, &worker.id).await?;
        // An earlier worker may have had the same id.
        events.retain(|it| it.at >= worker.history_since());
        history(context, &worker, &events, &dir)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Only its own screens: an earlier worker may have had the same id.
fn load(dir: &Path, worker: &Worker) -> Result<Vec<Sample>, Failure> {
    let mut samples = screens::load(dir, &worker.id).map_err(|error| {
        Failure::user(format!("could not read the screen log in `{}`: {error}", dir.display()))
    })?;
    samples.retain(|it| it.at >= worker.history_since());
    Ok(samples)
}

fn write_cast(
    context: &Context,
    worker: &Worker,
    samples: &[Sample],
    file: &Path,
) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        let why = if worker.record { "nothing has changed yet" } else { "`[record]` is off" };
        return Err(Failure::user(format!("`{}` has no screens: {why}", worker.id)));
    };
    let text = cast::cast(&worker.id, samples);
    if file == Path::new("-") {
        return context.print_raw(&text);
    }
    // Readable by the user alone, like the log.
    paths::replace(file, text.as_bytes())
        .map_err(|error| Failure::user(format!("could not write `{}`: {error}", file.display())))?;
    let span = last.at.since(first.at);
    if context.json() {
        let seconds = span.as_secs_f64();
        let file = file.display().to_string();
        return context
            .print_json(&json!({ "file": file, "samples": samples.len(), "seconds": seconds }));
    }
    let n_screens = count(samples.len(), "screen");
    context.say(&format!("{}: {n_screens}, {}", file.display(), seconds(span)));
    Ok(())
}

fn history(
    context: &Context,
    worker: &Worker,
    events: &[Event],
    dir: &Path,
) -> Result<(), Failure> {
    let samples = load(dir, worker)?.len();
    if context.json() {
        let events: Vec<EventView<'_>> = events.iter().map(EventView::from).collect();
        let files: Vec<_> =
            screens::files(dir, &worker.id).into_iter().filter(|it| it.exists()).collect();
        return context.print_json(&json!({
            "id": worker.id, "created": worker.created, "events": events,
            "screens": { "files": files, "samples": samples }, "backups": backups(worker),
        }));
    }
    let head = format!("{}, made {}", worker.id, worker.created);
    let tail = count(samples, "screen");
    let table = table(events, worker.history_since(), context.style());
    let backups = backups(worker).iter().map(describe_backup).collect::<String>();
    context.print(&format!("{head}\n{table}{tail} kept\n{backups}"))
}

/// What is kept of it, or of earlier workers of that id, newest first.
fn backups(worker: &Worker) -> Vec<Backup> {
    // Without its repository, nothing is kept.
    let mut found = backup::list(&worker.repo).unwrap_or_default();
    found.retain(|it| it.worker == worker.id);
    found
}

/// The refs of one backup, and how they come back.
fn describe_backup(it: &Backup) -> String {
    let mut text =
        format!("kept since {}: `wtmag restore {}` brings it back\n", it.removed, it.worker);
    if let Some(branch) = &it.branch {
        let commit = branch.commit.get(..12).unwrap_or(&branch.commit);
        text += &format!("  branch {} at {commit}\n", branch.name);
    }
    let refs = it.refs.iter().map(|it| format!("  {} as {}\n", it.was, it.at));
    let files = it.files.iter().map(|it| format!("  uncommitted files as {it}\n"));
    let bundles = it.bundles.iter().map(|it| format!("  repository {} as {}\n", it.was, it.at));
    text.extend(refs.chain(files).chain(bundles));
    text
}

fn table(events: &[Event], start: Timestamp, style: Style) -> String {
    let mut table = Table::new(["AFTER", "WHAT", "~DETAIL"]);
    for event in events {
        let (what, paint, detail) = describe(&event.what);
        table.row([
            Cell::new(seconds(event.at.since(start))).paint(Paint::Dim),
            Cell::new(what).paint(paint),
            Cell::new(one_line(&detail, DETAIL_CHARS)),
        ]);
    }
    table.render(style)
}

/// How much of a message or a screen line is shown.
const DETAIL_CHARS: usize = 120;

/// The event in two or three words, and the rest.
fn describe(happened: &Happened) -> (String, Paint, String) {
    let plain = |what: &str, detail: String| (what.to_owned(), Paint::Plain, detail);
    match happened {
        Happened::Created => plain("created", String::new()),
        Happened::Resumed => plain("resumed", String::new()),
        Happened::Process(fact) => plain(&receipt::process(&fact.value), reason(fact)),
        Happened::Turn(fact) => {
            let word = DisplayState::Turn(fact.value.clone());
            (word.to_string(), Paint::of(&word), reason(fact))
        }
        Happened::Asks { asks: Some(ask) } => plain("asks", ask.to_string()),
        Happened::Asks { asks: None } => plain("no longer asks anything", String::new()),
        Happened::Reported(fact) => {
            plain(&format!("says: {:?}", fact.value).to_lowercase(), clean(&fact.evidence))
        }
        Happened::ReportOver => plain("a new turn", String::new()),
        Happened::Item { item } => {
            let what = format!("inbox {} {}", item.id, item_state(item));
            plain(&what, format!("{}: {}", item.kind, item.text))
        }
        Happened::Need { need: Some(need) } => plain("needs you", clean(&need.evidence)),
        Happened::Need { need: None } => plain("no longer needs you", String::new()),
        Happened::Delivery { id, step, held, evidence } => {
            let held = held.as_ref().map(|it| format!("held: {it}"));
            plain(&format!("delivery {id} {step}"), held.unwrap_or_else(|| evidence.clone()))
        }
        Happened::Placed { placement, session } => {
            plain("moved", format!("{placement} {}", session.as_deref().unwrap_or_default()))
        }
        Happened::Worktree { path: Some(path) } => {
            plain("worktree moved", path.display().to_string())
        }
        Happened::Worktree { path: None } => plain("worktree gone", String::new()),
        Happened::Renamed { branch } => plain("branch renamed", branch.clone()),
        Happened::Told { about, text } => plain(about, text.clone()),
        Happened::Landed(landed) => {
            let commit = landed.commit.as_deref().map(|it| it.get(..7).unwrap_or(it));
            let commit = commit.map(|it| format!(" at {it}")).unwrap_or_default();
            let into = &landed.into;
            plain("landed", format!("in {into}{commit} ({})", landed.how))
        }
        Happened::Pull(pull) => plain("pull request", clean(&pull.state.to_string())),
        Happened::Changes(changes) => plain("changes", changes.to_string()),
        Happened::CleanupStarted => plain("cleanup", String::new()),
        Happened::CleanupFailed { error } => plain("cleanup failed", error.clone()),
        Happened::Ended { .. } => plain("cleaned up", String::new()),
        Happened::Schedule { id, what, text } => {
            plain(&format!("schedule {id} {what}"), text.clone())
        }
        Happened::Command { verb } => plain("asked", verb.clone()),
        Happened::Run { run, task, what } => {
            let task = task.map(|it| format!(" task {it}")).unwrap_or_default();
            plain(&format!("run {run}{task}"), what.clone())
        }
        Happened::Hub { what } => plain("hub", what.clone()),
        Happened::Other(value) => plain(name_of(value), String::new()),
    }
}

fn item_state(item: &Item) -> &'static str {
    match (&item.closed, item.acked, item.reply) {
        (Some(_), _, _) => "ended",
        (None, Some(_), _) => "acknowledged",
        (None, None, Some(_)) => "being answered",
        (None, None, None) => "open",
    }
}

fn reason<T>(fact: &Fact<T>) -> String {
    format!("{:?}: ", fact.source).to_lowercase() + fact.evidence.trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::NOW,
        model::{AgentState, Blocker, DeliveryId, Exit, FactSource, Hold, Process, Step},
    };

    #[test]
    fn a_history_is_a_line_for_each_event() {
        let turn = |value, source, evidence: &str| {
            Happened::Turn(Fact { value, since: NOW, source, evidence: evidence.into() })
        };
        let trust = AgentState::Blocked(Blocker::Trust);
        let hold = Some(Hold::Turn(trust.clone()));
        let delivery = |step, held, evidence: &str| Happened::Delivery {
            id: DeliveryId(3),
            step,
            held,
            evidence: evidence.into(),
        };
        let exited = Fact {
            value: Process::Exited(Exit::Code(3)),
            since: NOW,
            source: FactSource::Process,
            evidence: "3".into(),
        };
        let happened = [
            Happened::Created,
            turn(trust, FactSource::Screen, "Do you trust\x1b[2J this?"),
            delivery(Step::Queued, hold, ""),
            delivery(Step::Accepted, None, "the turn started"),
            turn(AgentState::Working, FactSource::Hook, "the agent accepted a prompt"),
            Happened::Told { about: "message".into(), text: "All\ndone".into() },
            Happened::Process(exited),
        ];
        let event = |(n, what): (u64, Happened)| Event {
            seq: n,
            at: Timestamp(NOW.0 + n * 1500),
            worker: None,
            what,
        };
        let events: Vec<Event> = (0..).zip(happened).map(event).collect();
        insta::assert_snapshot!(table(&events, NOW, Style::default()));
    }
}
