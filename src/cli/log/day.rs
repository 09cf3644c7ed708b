//! What happened in a project, for people: a line with the time of day for each thing that matters.
use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    time::Duration,
};

use jiff::tz::TimeZone;
use regex::Regex;
use serde::Serialize;

use crate::{
    cli::{
        Context, Failure, duration,
        events::load_after,
        outcome::interrupt,
        output::{Cell, Paint, Style, Table},
        resolve, unexpected,
    },
    client::Hub,
    clock,
    model::{
        Answer, Answered, Ending, Event, Happened, Item, ItemId, ItemKind, Process, Request, Step,
        Timestamp, Worker, WorkerId,
    },
    schedule,
    text::one_line,
};

#[derive(clap::Args, Debug, Default)]
pub(super) struct Flags {
    /// From this time on: `8h` ago, or a date: `2026-11-28` [default: today]
    #[arg(long, value_name = "8h|DATE")]
    since: Option<String>,
    /// Only lines that match this regular expression; upper and lower case are the same
    #[arg(long, value_name = "PATTERN")]
    grep: Option<String>,
    /// Keep printing new lines
    #[arg(short, long)]
    follow: bool,
}

impl Flags {
    pub(super) fn is_given(&self) -> bool {
        self.since.is_some() || self.grep.is_some() || self.follow
    }
}

/// Longest text of one line.
const MAX_TEXT: usize = 160;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    at: Timestamp,
    worker: WorkerId,
    what: String,
    text: String,
}

pub(super) async fn run(
    context: &Context,
    mut hub: Hub,
    flags: &Flags,
) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let (now, zone) = (clock::now(), TimeZone::system());
    let from = start(flags.since.as_deref(), now, &zone)?;
    let grep = flags.grep.as_deref().map(|it| Regex::new(&format!("(?i){it}")));
    let grep = grep.transpose().map_err(|error| Failure::usage(error.to_string()))?;
    let answer = hub.ask(Request::LastBefore { at: from }).await?;
    let Answer::Events { last, .. } = answer else { return Err(unexpected(&answer)) };
    // Before the events are read, so that none is missed.
    if flags.follow {
        hub.ask(Request::Subscribe { workers: Vec::new() }).await?;
    }
    let events = load_after(&mut hub, None, last).await?;
    let mut teller = Teller::new(workers(context, &mut hub).await?, from);
    let newest = events.last().map_or(last, |it| it.seq);
    let lines = events.iter().filter(|it| it.at >= from).filter_map(|it| teller.line(it));
    let show = Show { context, grep, zone };
    let lines: Vec<Line> = lines.filter(|it| show.wants(it)).collect();
    show.print(&lines, now, !flags.follow)?;
    if !flags.follow {
        return Ok(ExitCode::SUCCESS);
    }
    tokio::select! {
        done = follow(&mut hub, (teller, newest), &show) => done.map(|()| ExitCode::SUCCESS),
        () = interrupt(&cancel) => Ok(ExitCode::SUCCESS),
    }
}

/// Prints new lines, across hubs that go away.
async fn follow(
    hub: &mut Hub,
    (mut teller, mut newest): (Teller, u64),
    show: &Show<'_>,
) -> Result<(), Failure> {
    loop {
        let new = match hub.event().await {
            Ok(event) => vec![event],
            Err(error) if error.is_gone() => {
                hub.ask_any(Request::Subscribe { workers: Vec::new() }).await?;
                load_after(hub, None, newest).await?
            }
            Err(error) => return Err(error.into()),
        };
        for event in new.into_iter().filter(|it| it.seq > newest).collect::<Vec<_>>() {
            newest = event.seq;
            if event.what == Happened::Created {
                teller.workers = workers(show.context, hub).await?;
            }
            let line = teller.line(&event).filter(|it| show.wants(it));
            show.print(line.as_slice(), clock::now(), false)?;
        }
    }
}

/// Pure: the first moment that is told of.
fn start(since: Option<&str>, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let Some(text) = since else {
        return schedule::midnight(None, now, zone)
            .ok_or_else(|| Failure::bug("the clock of this machine cannot be read"));
    };
    if let Ok(ago) = duration(text) {
        return Ok(before(now, ago));
    }
    schedule::midnight(Some(text), now, zone).ok_or_else(|| {
        Failure::usage(format!("`{text}` is neither a time span nor a date"))
            .hint("`--since 8h`, `--since 3d` or `--since 2026-11-28`")
    })
}

fn before(now: Timestamp, ago: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)))
}

/// The workers of the project, removed ones too.
async fn workers(context: &Context, hub: &mut Hub) -> Result<Vec<Worker>, Failure> {
    let mut workers = resolve::all(hub).await?;
    if let Some(project) = context.project() {
        workers.retain(|it| it.repo == project);
    }
    Ok(workers)
}

/// Finds the lines in the events.
struct Teller {
    workers: Vec<Worker>,
    /// The first moment that is told of.
    from: Timestamp,
    /// Workers that have their first prompt.
    prompted: BTreeSet<WorkerId>,
    /// Workers that a cleanup removes.
    leaving: BTreeSet<WorkerId>,
    /// Items that were told of, with what was told last.
    told: BTreeMap<ItemId, &'static str>,
}

impl Teller {
    fn new(workers: Vec<Worker>, from: Timestamp) -> Self {
        let (prompted, leaving) = (BTreeSet::new(), BTreeSet::new());
        Self { workers, from, prompted, leaving, told: BTreeMap::new() }
    }

    /// The line of an event, if it is about a worker of the project and matters to a person.
    fn line(&mut self, event: &Event) -> Option<Line> {
        let id = event.worker.as_ref()?;
        let worker = self.workers.iter().rfind(|it| it.id == *id)?;
        let title = worker.source.title.clone();
        let (what, text) = match &event.what {
            Happened::Created => {
                self.prompted.remove(id);
                ("created", title)
            }
            Happened::Resumed => ("resumed", String::new()),
            Happened::Delivery { step: Step::Accepted, id: number, .. } => {
                // The first prompt of an older worker was accepted before.
                let is_young = worker.created >= self.from;
                match self.prompted.insert(id.clone()) && is_young {
                    true => ("prompt accepted", String::new()),
                    false => ("text accepted", format!("#{number}")),
                }
            }
            Happened::Delivery { step: Step::Failed, evidence, .. } => {
                ("text not delivered", evidence.clone())
            }
            Happened::Item { item } => self.of_item(item)?,
            Happened::Told { about, text } if about == "pull-request" => ("PR", text.clone()),
            Happened::Process(fact) => self.of_process(id, &fact.value)?,
            Happened::Landed(landed) => ("landed", format!("in {}", landed.into)),
            Happened::Renamed { branch } => ("branch renamed", branch.clone()),
            Happened::Schedule { id, what, text } => {
                let text = format!("{id} {what} {text}");
                ("schedule", text.trim_end().to_owned())
            }
            Happened::CleanupStarted => {
                self.leaving.insert(id.clone());
                return None;
            }
            Happened::CleanupFailed { error } => {
                self.leaving.remove(id);
                ("not removed", error.clone())
            }
            Happened::Ended { .. } => {
                self.leaving.remove(id);
                ("removed", String::new())
            }
            Happened::Changes(_)
            | Happened::Pull(_)
            | Happened::Turn(_)
            | Happened::Asks { .. }
            | Happened::Reported(_)
            | Happened::ReportOver
            | Happened::Need { .. }
            | Happened::Delivery { .. }
            | Happened::Placed { .. }
            | Happened::Run { .. }
            | Happened::Worktree { .. }
            | Happened::Told { .. }
            | Happened::Command { .. }
            | Happened::Hub { .. }
            | Happened::Other(_) => return None,
        };
        let text = one_line(&text, MAX_TEXT);
        Some(Line { at: event.at, worker: id.clone(), what: what.to_owned(), text })
    }

    fn of_process(&self, id: &WorkerId, process: &Process) -> Option<(&'static str, String)> {
        match process {
            Process::Exited(exit) => Some(("exited", exit.to_string())),
            // A cleanup closes its window first.
            Process::Lost(_) if self.leaving.contains(id) => None,
            Process::Lost(cause) => Some(("lost", cause.to_string())),
            Process::Starting | Process::Running | Process::NotStarted(_) | Process::Other(_) => {
                None
            }
        }
    }

    fn of_item(&mut self, item: &Item) -> Option<(&'static str, String)> {
        let what = match (&item.closed, &item.answer, item.kind) {
            (Some(closed), ..) if closed.why == Ending::Answered => "answered",
            (Some(_), ..) => return None,
            (None, Some(_), ItemKind::Answer) => "answers",
            (None, None, ItemKind::Answer) => "was asked",
            (None, _, ItemKind::Question) => "asks",
            (None, _, ItemKind::Permission) => "asks for permission",
            (None, _, ItemKind::Blocked) => "is blocked",
            (None, _, ItemKind::Done) => "done",
            (None, _, ItemKind::Failed) => "failed",
            (None, _, ItemKind::Limited) => "reached a limit",
            (None, _, ItemKind::Stalled) => "may be stuck",
            // Told by the process and by the deliveries themselves.
            (None, _, _) => return None,
        };
        // An item is published again with each of its changes.
        let is_new = self.told.insert(item.id, what) != Some(what);
        let answer = |it: &Answered| it.text.clone();
        let text = item.answer.as_ref().map_or_else(|| item.text.clone(), answer);
        is_new.then_some((what, text))
    }
}

/// How lines are shown.
struct Show<'a> {
    context: &'a Context,
    grep: Option<Regex>,
    zone: TimeZone,
}

impl Show<'_> {
    fn wants(&self, line: &Line) -> bool {
        let text = format!("{} {} {}", line.worker, line.what, line.text);
        self.grep.as_ref().is_none_or(|it| it.is_match(&text))
    }

    fn print(&self, lines: &[Line], now: Timestamp, says_none: bool) -> Result<(), Failure> {
        if self.context.json() {
            return lines.iter().try_for_each(|it| self.context.print_json(it));
        }
        if lines.is_empty() {
            return if says_none { self.context.print("nothing happened\n") } else { Ok(()) };
        }
        self.context.print(&table(lines, now, &self.zone, self.context.style()))
    }
}

fn table(lines: &[Line], now: Timestamp, zone: &TimeZone, style: Style) -> String {
    let mut table = Table::new(["TIME", "WORKER", "WHAT", "~TEXT"]);
    for line in lines {
        let paint = match line.what.as_str() {
            "asks"
            | "asks for permission"
            | "is blocked"
            | "failed"
            | "lost"
            | "text not delivered" => Paint::Red,
            "done" | "landed" | "answers" => Paint::Green,
            _ => Paint::Plain,
        };
        table.row([
            Cell::new(schedule::show(line.at, now, zone)).paint(Paint::Dim),
            Cell::new(line.worker.as_str()).paint(Paint::Bold),
            Cell::new(&line.what).paint(paint),
            Cell::new(&line.text),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{Closed, DeliveryId, EndCause, Fact, FactSource, Landed, Origin},
    };

    fn event(seq: u64, worker: &str, what: Happened) -> Event {
        let worker = Some(worker.parse().unwrap());
        Event { seq, at: Timestamp(NOW.0 + seq * 61_000), worker, what }
    }

    fn delivery(id: u64, step: Step) -> Happened {
        let evidence = "the turn started".to_owned();
        Happened::Delivery { id: DeliveryId(id), step, held: None, evidence }
    }

    fn item(id: u64, kind: ItemKind, text: &str) -> Item {
        let worker = "blog-docs".parse().unwrap();
        let text = text.to_owned();
        Item { id: ItemId(id), text, ..Item::new(worker, kind, Origin::Message, NOW) }
    }

    #[test]
    fn a_day_is_a_line_for_each_thing_that_matters() {
        let mut worker = samples::worker("blog-docs");
        worker.created = NOW;
        let asks = item(1, ItemKind::Question, "A or\nB\x1b[2J?");
        let closed = Closed { at: NOW, why: Ending::Answered };
        let answered = Item { closed: Some(closed), ..asks.clone() };
        let items = |it: &Item| Happened::Item { item: Box::new(it.clone()) };
        let pr = Happened::Told { about: "pull-request".into(), text: "https://x/pull/5".into() };
        let landed = Landed {
            into: "main".into(),
            commit: None,
            tip: "1a2b".into(),
            how: "merge".into(),
            at: NOW,
        };
        let lost = || {
            let (value, source) = (Process::Lost(EndCause::WindowClosed), FactSource::Hub);
            Happened::Process(Fact { value, source, since: NOW, evidence: String::new() })
        };
        let removed = Happened::Ended { worktree_removed: true, branch_deleted: true };
        let events = [
            event(1, "blog-docs", Happened::Created),
            event(2, "other-project", Happened::Created),
            event(3, "blog-docs", delivery(1, Step::Pasted)),
            event(4, "blog-docs", delivery(1, Step::Accepted)),
            event(5, "blog-docs", items(&asks)),
            event(6, "blog-docs", items(&Item { announced: true, ..asks.clone() })),
            event(7, "blog-docs", delivery(2, Step::Accepted)),
            event(8, "blog-docs", items(&answered)),
            event(9, "blog-docs", items(&item(2, ItemKind::Done, "All green."))),
            event(10, "blog-docs", pr),
            event(11, "blog-docs", Happened::Landed(landed)),
            event(12, "blog-docs", lost()),
            event(13, "blog-docs", Happened::CleanupStarted),
            // It is the cleanup that closes this one.
            event(14, "blog-docs", lost()),
            event(15, "blog-docs", removed),
        ];
        let mut teller = Teller::new(vec![worker], NOW);
        let lines: Vec<Line> = events.iter().filter_map(|it| teller.line(it)).collect();
        let text = table(&lines, NOW, &TimeZone::UTC, Style::default());
        insta::assert_snapshot!(text, @r"
        TIME   WORKER     WHAT             TEXT
        22:41  blog-docs  created          Fix the title
        22:44  blog-docs  prompt accepted
        22:45  blog-docs  asks             A or B?
        22:47  blog-docs  text accepted    #2
        22:48  blog-docs  answered         A or B?
        22:49  blog-docs  done             All green.
        22:50  blog-docs  PR               https://x/pull/5
        22:51  blog-docs  landed           in main
        22:52  blog-docs  lost             window closed
        22:55  blog-docs  removed
        ");
    }

    #[test]
    fn it_begins_today_or_where_it_is_told_to() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let check = |since: Option<&str>, want: &str| {
            assert_eq!(start(since, NOW, &zone).unwrap().to_string(), want, "{since:?}");
        };
        check(None, "2026-11-19T23:00:00.000Z");
        check(Some("8h"), "2026-11-20T14:40:00.000Z");
        check(Some("2026-11-18"), "2026-11-17T23:00:00.000Z");
        check(Some("2026-11-18 12:00"), "2026-11-18T11:00:00.000Z");
        assert!(start(Some("soon"), NOW, &zone).is_err());
    }
}
