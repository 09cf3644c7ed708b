//! `wtmag report`.
mod pull;
mod sender;

use std::{
    io::{self, Read as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use serde_json::json;

use super::{Context, Failure, texts, unexpected};
use crate::{
    clock,
    model::{Answer, Hook, HookReport, ItemId, Report, ReportKind},
    pane::{Told, report_and_hear, report_id},
    proc,
    sources::prompt,
};

/// Report the state of your work: for the agent of a worker
///
/// Run it in the worker's worktree, or in any directory below it. A report of `done`, `failed`, `blocked` or
/// `question` becomes an item of `wtmag inbox`. `wtmag list` then shows the state `done`, `failed`, `blocked:
/// reported` or `waiting: question`. If no hub runs, the report is stored until one does. It never counts twice.
///
/// `done`: the work is finished. `failed`: it cannot be done. `blocked`: you cannot continue until a person acts.
/// `question`: you need a decision; end your turn, the answer arrives as a message. `progress`: what you are doing,
/// shown in `list` for 15 minutes. `answer`: the answer to a question of `wtmag ask`, which prints it.
///
/// With --json: {"worker", "item": its number in the inbox or null, "kept": true if the hub has not
/// answered yet}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(value_name = "KIND")]
    kind: Kind,
    /// The report in one or two sentences; `-` reads it from standard input
    #[arg(value_name = "TEXT", value_parser = texts::read)]
    text: Option<String>,
    /// Read the text from this file
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The pull request that the work is in
    #[arg(long, value_name = "URL")]
    pr: Option<String>,
    /// The number of the question, with `answer`
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// An answer that the question offers; repeat it for each
    #[arg(long = "option", value_name = "LABEL", value_parser = texts::read)]
    options: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Done,
    Failed,
    Blocked,
    Question,
    Progress,
    Answer,
}

const EXAMPLES: &str = "\
Examples:
  wtmag report done \"Search works, 12 tests added\" --pr https://github.com/acme/blog/pull/501
  wtmag report question \"Which database?\" --option Postgres --option SQLite
  wtmag report blocked \"The tests need a token that I do not have\"
  wtmag report progress \"Writing the migration\"

Exit codes: 0 recorded or kept; 1 refused.";

/// How long the hub may take to answer; then the report waits in its spool.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let sender = sender::find(context)?;
    let report = args.report(proc::ancestors().await)?;
    if let Some(fault) = report.fault() {
        return Err(Failure::user(fault)
            .hint("write the details to a file in the worktree, and name the file"));
    }
    if let Some(url) = &report.pr {
        pull::check(context, url).await?;
    }
    let id = report_id();
    let hook = Hook::Report(Box::new(report));
    let report = HookReport { id, worker: sender.worker.clone(), pane: sender.pane, hook };
    let (spool, socket, server) = (sender.spool, sender.socket, sender.server);
    let send = move || report_and_hear(&spool, &socket, server.as_deref(), report, PATIENCE);
    let told = tokio::task::spawn_blocking(send).await.map_err(Failure::bug)?;
    let item = match told {
        Told::Answered(answer) => match *answer {
            Ok(Answer::Reported { item }) => Some(item),
            Ok(other) => return Err(unexpected(&other)),
            Err(refusal) => return Err(refusal.into()),
        },
        Told::Kept => None,
        Told::Lost => {
            return Err(Failure::user("the report could neither be sent nor kept")
                .hint("end your turn with it as your last message instead"));
        }
    };
    print(context, &sender.worker, args.kind, item)
}

fn print(
    context: &Context,
    worker: &crate::model::WorkerId,
    kind: Kind,
    item: Option<Option<ItemId>>,
) -> Result<ExitCode, Failure> {
    if context.json() {
        let value = json!({ "worker": worker, "item": item.flatten(), "kept": item.is_none() });
        context.print_json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = match item {
        Some(Some(id)) => format!("reported: {} (inbox item {id})\n", kind.name()),
        Some(None) => format!("reported: {}\n", kind.name()),
        None => format!("kept: {}; the hub reads it when it runs\n", kind.name()),
    };
    context.print(&text)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn report(&self, ancestors: Vec<u32>) -> Result<Report, Failure> {
        let text = match (&self.file, self.text.as_deref()) {
            (Some(path), _) => prompt::read_file(path)?,
            (None, Some("-")) => read_stdin()?,
            (None, text) => text.unwrap_or_default().to_owned(),
        };
        if text.trim().is_empty() && self.kind != Kind::Done {
            return Err(Failure::usage(format!("`report {}` needs a text", self.kind.name()))
                .hint("say in one sentence what is the matter"));
        }
        if !self.options.is_empty() && self.kind != Kind::Question {
            return Err(Failure::usage("`--option` is for `report question`"));
        }
        if self.to.is_some() != (self.kind == Kind::Answer) {
            return Err(Failure::usage(
                "`report answer` needs `--to N`, and no other report takes it",
            ));
        }
        if self.pr.is_some() && matches!(self.kind, Kind::Progress | Kind::Answer) {
            return Err(Failure::usage(format!(
                "`--pr` cannot be used with `report {}`",
                self.kind.name()
            )));
        }
        Ok(Report {
            kind: self.kind.into(),
            at: clock::now(),
            text,
            options: self.options.clone(),
            pr: self.pr.clone(),
            to: self.to.map(ItemId),
            ancestors,
        })
    }
}

/// One byte more than is accepted, so that a longer text is refused and not cut.
fn read_stdin() -> Result<String, Failure> {
    let max = u64::try_from(Report::MAX_TEXT).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    io::stdin().take(max + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Kind {
    fn name(self) -> String {
        ReportKind::from(self).to_string()
    }
}

impl From<Kind> for ReportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Done => Self::Done,
            Kind::Failed => Self::Failed,
            Kind::Blocked => Self::Blocked,
            Kind::Question => Self::Question,
            Kind::Progress => Self::Progress,
            Kind::Answer => Self::Answer,
        }
    }
}
