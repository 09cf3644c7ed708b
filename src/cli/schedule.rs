//! `wtmag schedule`.
use std::process::ExitCode;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use super::{
    Context, Failure,
    output::{Cell, Paint, Style, Table},
    unexpected,
};
use crate::{
    clock,
    model::{Answer, Request, Schedule, ScheduleId, Timestamp, When},
    schedule::show,
    text::one_line,
};

/// List and cancel scheduled commands: `send`, `ask` and `create` at a later time
///
/// `wtmag send`, `ask` and `create` take `--at TIME`, `--in D` and `--cron EXPR`. The command runs at
/// that time, by the wall clock, in the time zone in which you scheduled it. If the machine was off at that time, the
/// command runs when the hub runs again, and the agent is told that it is late. If the command fails, `wtmag inbox`
/// has an item.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// List what is planned in the current project
    ///
    /// With --json: an array of {"n", "kind": "send"|"ask"|"create", "to", "next", "cron", "text", "fired",
    /// "waits": since when its text waits for its agent}; fields without a value are left out.
    #[command(visible_alias = "ls")]
    List {
        /// List those of every project
        #[arg(long)]
        all: bool,
    },
    /// Cancel schedules by their numbers
    ///
    /// With --json: {"cancelled": numbers}.
    Cancel {
        /// Numbers of schedules, as `wtmag schedule list` prints them
        #[arg(value_name = "N", required = true)]
        numbers: Vec<u64>,
    },
}

const EXAMPLES: &str = "\
Examples:
  wtmag send self \"Check the open pull requests\" --cron \"0 9 * * MON-FRI\"
  wtmag send 456 \"Merge main and run the tests again\" --at 18:00
  wtmag ask docs \"How far are you?\" --in 2h
  wtmag schedule list
  wtmag schedule cancel 3";

#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    n: u64,
    kind: &'a str,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<&'a str>,
    text: &'a str,
    fired: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Timestamp>,
}

impl<'a> From<&'a Schedule> for View<'a> {
    fn from(it: &'a Schedule) -> Self {
        let cron = match &it.plan.when {
            When::Cron { expr, .. } => Some(expr.as_str()),
            When::Once | When::Other(_) => None,
        };
        Self {
            n: it.id.0,
            kind: it.plan.deed.name(),
            to: it.plan.to.to_string(),
            next: it.next,
            cron,
            text: it.plan.deed.text(),
            fired: it.fired,
            waits: it.open.as_ref().map(|it| it.at),
        }
    }
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::List { all } => list(context, all).await,
        Verb::Cancel { numbers } => cancel(context, &numbers).await,
    }
}

async fn list(context: &Context, all: bool) -> Result<ExitCode, Failure> {
    let mut schedules = match context.hub_to_look().await? {
        Some(mut hub) => {
            let answer = hub.ask(Request::Schedules).await?;
            let Answer::Schedules { schedules } = answer else { return Err(unexpected(&answer)) };
            schedules
        }
        None => Vec::new(),
    };
    if let Some(repo) = context.project().filter(|_| !all) {
        schedules.retain(|it| it.plan.repo.as_ref().is_none_or(|it| *it == repo));
    }
    print(context, &schedules)?;
    Ok(ExitCode::SUCCESS)
}

/// What was planned, or is planned.
pub(super) fn print(context: &Context, schedules: &[Schedule]) -> Result<(), Failure> {
    if context.json() {
        let views: Vec<View<'_>> = schedules.iter().map(View::from).collect();
        return context.print_json(&views);
    }
    if schedules.is_empty() {
        return context.print("nothing is planned\n");
    }
    context.print(&table(schedules, clock::now(), &TimeZone::system(), context.style()))
}

fn table(schedules: &[Schedule], now: Timestamp, zone: &TimeZone, style: Style) -> String {
    let mut table = Table::new(["N", "NEXT", "EVERY", "KIND", "TO", "~TEXT"]);
    for schedule in schedules {
        let view = View::from(schedule);
        let next = match (view.next, view.waits) {
            (_, Some(since)) => format!("waits since {}", show(since, now, zone)),
            (Some(next), None) => show(next, now, zone),
            (None, None) => String::new(),
        };
        table.row([
            Cell::new(view.n.to_string()),
            Cell::new(next).paint(Paint::Bold),
            Cell::new(view.cron.unwrap_or_default()).paint(Paint::Dim),
            Cell::new(view.kind),
            Cell::new(view.to),
            Cell::new(one_line(view.text, 80)),
        ]);
    }
    table.render(style)
}

async fn cancel(context: &Context, numbers: &[u64]) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    for number in numbers {
        let request = Request::CancelSchedule { id: ScheduleId(*number) };
        let answer = hub.ask(request).await?;
        let Answer::Done = answer else { return Err(unexpected(&answer)) };
    }
    if context.json() {
        context.print_json(&json!({ "cancelled": numbers }))?;
    } else {
        for number in numbers {
            context.say(&format!("schedule {number} is cancelled"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::NOW,
        model::{Addressee, Deed, Firing, Plan},
    };

    fn schedule(id: u64, when: When, to: Addressee) -> Schedule {
        let text = "Check the open pull requests".into();
        let deed = Deed::Send { text, file: None, submit: true, interrupt: false };
        let plan = Plan { first: Timestamp(NOW.0 + 3_600_000), when, to, deed, repo: None };
        Schedule::new(ScheduleId(id), plan, NOW)
    }

    #[test]
    fn a_schedule_is_a_row() {
        let once = schedule(3, When::Once, Addressee::Worker { id: "blog-docs".parse().unwrap() });
        let cron = When::Cron { expr: "0 9 * * MON-FRI".into(), zone: None };
        let mut again = schedule(12, cron, Addressee::Orchestrator);
        again.open = Some(Firing { due: NOW, at: NOW, delivery: None });
        let text = table(&[once, again], NOW, &TimeZone::UTC, Style::default());
        insta::assert_snapshot!(text, @r"
        N   NEXT               EVERY            KIND  TO            TEXT
        3   23:40                               send  blog-docs     Check the open pull requests
        12  waits since 22:40  0 9 * * MON-FRI  send  orchestrator  Check the open pull requests
        ");
    }
}
