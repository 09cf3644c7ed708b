//! `wtmag send`.
use std::{
    io::{self, IsTerminal as _, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap_complete::ArgValueCompleter;

use super::{
    Context, Failure, complete,
    failure::Kind,
    message,
    naming::Purpose,
    outcome::{self, Outcome, WaitPolicy},
    progress::Progress,
    receipt, receipts, resolve, schedule, texts,
    timing::{self, Timing, To},
    unexpected,
};
use crate::{
    client::{self, Hub, Mirror},
    model::{Answer, Deed, Delivery, DeliveryId, NewDelivery, Refusal, Request, Worker, WorkerId},
    sources::{self, prompt},
};

/// Send a text to agents and confirm its delivery
///
/// wtmag types the text when the agent shows an empty input box, and verifies that it arrived. While the
/// agent works on a turn, while a dialog is open, or while you type in its window, the text is held; it is
/// delivered afterwards. `send` returns when the text is accepted or held, or when the delivery has failed,
/// and prints which.
///
/// If a text is too long for the agent's input box, wtmag writes it to `.wtmag/message-N.md` in the
/// worktree (git ignores this directory) and types one line that points to the file. It does the same with
/// a text that the agent would run as a command, such as `/clear` or `!ls`, unless you pass `--raw`.
///
/// With `--at`, `--in` or `--cron`, `send` returns at once, and the hub sends the text at that time. If no hub runs
/// then, after a reboot for example, the text is sent when one runs again. With these options, ID can also be `self`
/// (the agent that runs this command), `parent` (the agent that created or adopted the worker that runs it) or
/// `orchestrator` (the oldest orchestrator that the project has at that time). `wtmag schedule list` shows what is
/// planned.
///
/// With --json: an array of receipts, as in `wtmag receipts --json`; with a later time, of schedules, as in
/// `wtmag schedule list --json`.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Args {
    /// One or more workers, then the text; `-` reads the text from standard input
    #[arg(
        value_name = "ID… TEXT", required_unless_present_any = ["cancel", "all"], conflicts_with = "cancel",
        value_parser = texts::read,
        add = ArgValueCompleter::new(complete::workers)
    )]
    words: Vec<String>,
    /// Read the text from this file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Send to every worker of every project whose agent is running
    #[arg(long)]
    all: bool,
    /// Interrupt the running turn, and deliver this text before all others that wait
    #[arg(long)]
    now: bool,
    /// Type the text, but do not press Enter, so that you can edit it in the window
    #[arg(long)]
    no_submit: bool,
    /// Put even a long text into the input box, instead of writing it to a file
    #[arg(long)]
    paste: bool,
    /// Type the text as it is, even if the agent runs it as a command (`/clear`, `!ls`). An agent runs
    /// `!` commands in a shell, so wtmag sends those only if you run `send` in a terminal: no script and no
    /// other agent can do it
    #[arg(long)]
    raw: bool,
    /// Wait until the text is accepted, even while it is held, for at most --timeout; with STATE, also
    /// until the agent reaches that state
    #[arg(
        long, value_name = "STATE", num_args = 0..=1, require_equals = true,
        default_missing_value = "", conflicts_with = "timing"
    )]
    wait: Option<String>,
    /// Return as soon as the text is queued
    #[arg(long, conflicts_with_all = ["wait", "timing"])]
    no_wait: bool,
    /// Longest wait: `90`, `90s`, `5m` [default: 60s until the text is accepted, unlimited for a state]. After it,
    /// the text still waits to be delivered
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    timeout: Option<Duration>,
    /// Withdraw delivery N of `wtmag receipts`, as long as Enter has not been pressed. Text that is already
    /// in the agent's input box stays there
    #[arg(long, value_name = "N")]
    cancel: Option<u64>,
    #[command(flatten)]
    timing: Timing,
}

const USAGE: &str = "wtmag send [OPTIONS] ID… TEXT|-
       wtmag send [OPTIONS] ID… --file FILE
       wtmag send [OPTIONS] --all TEXT|-
       wtmag send --cancel N";

const EXAMPLES: &str = "\
Examples:
  wtmag send 456 \"Also update the changelog\"
  wtmag send 456 docs --file review.md
  wtmag send --all \"Commit what you have\" --wait=idle --timeout 10m
  wtmag send 456 \"Stop, wrong branch\" --now
  git diff | wtmag send 234 -
  wtmag send 456 \"Merge main and run the tests again\" --at 18:00
  wtmag send self \"Check the open pull requests\" --cron \"0 9 * * MON-FRI\"

Exit codes: 0 accepted or held; 1 a delivery failed; 4 with --wait: timed out.";

/// How long a plain `send` keeps watching.
const LOOK: Duration = Duration::from_secs(15);
/// A hold that lasts this long is reported.
const HELD: Duration = Duration::from_secs(1);
/// The default time limit of `--wait`.
const WAIT: Duration = Duration::from_secs(60);

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if let Some(number) = args.cancel {
        return cancel(context, DeliveryId(number)).await;
    }
    let until = match args.wait.as_deref() {
        None | Some("") => Vec::new(),
        Some(names) => outcome::states(names)?,
    };
    let (names, text) = args.split(io::stdin())?;
    if !args.timing.is_now() {
        return later(context, &args, (&names, &text)).await;
    }
    let cancel = context.cancel()?;
    let mut hub = context.hub().await?;
    let workers = recipients(context, &mut hub, &names, args.all).await?;
    if args.file.is_none() && !args.all {
        require_text(&mut hub, &text).await?;
    }
    let is_one = workers.len() == 1;
    let (mut texts, mut refused) = (Vec::new(), Vec::new());
    for worker in &workers {
        match args.compose(worker, &text) {
            Ok(new) => texts.push(new),
            Err(failure) if !is_one => refused.push(format!("{}: {}", worker.id, failure.line())),
            Err(failure) => return Err(failure),
        }
    }
    let ids: Vec<WorkerId> = workers.into_iter().map(|it| it.id).collect();
    // Subscribe before sending, so that no event is missed.
    let mut mirror = Mirror::open(hub, ids).await?;
    let mut sent = Vec::new();
    for new in texts {
        let worker = new.worker.clone();
        match send(mirror.hub(), new).await? {
            Ok(delivery) => {
                sent.push((worker, delivery.id));
                mirror.want(delivery);
            }
            // A text that cannot be sent to one agent is still sent to the others.
            Err(refusal) if !is_one => refused.push(format!("{worker}: {refusal}")),
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let mut outcomes = Vec::new();
    if !args.no_wait {
        let progress = Progress::new(&context.env);
        progress.step("waiting for the receipt");
        let wait_policy = args.wait_policy(until);
        let by = (&progress, &cancel);
        outcomes = outcome::wait_all(&mut mirror, &sent, &wait_policy, by).await?;
        mirror.refresh().await?;
    }
    let known = &mut mirror.known.deliveries;
    let receipts: Vec<Delivery> = sent.iter().filter_map(|(_, id)| known.remove(id)).collect();
    finish(context, &args, (&receipts, &outcomes), &refused)
}

/// Plans it for a later time.
async fn later(
    context: &Context,
    args: &Args,
    (names, text): (&[String], &str),
) -> Result<ExitCode, Failure> {
    let time = args.timing.read()?;
    let mut hub = context.hub_that_knows().await?;
    let mut found = Vec::new();
    if args.all {
        found.extend(
            recipients(context, &mut hub, names, true)
                .await?
                .into_iter()
                .map(|it| To::Worker(Box::new(it))),
        );
    } else {
        for name in names {
            found.push(timing::addressee(context, &mut hub, name).await?);
        }
        require_text(&mut hub, text).await?;
    }
    let mut schedules = Vec::new();
    for to in found {
        let new = match &to {
            To::Worker(worker) => args.compose(worker, text)?,
            To::Found(_) => timing::plain(text)?,
        };
        let deed = Deed::Send {
            text: new.text,
            file: new.file,
            submit: new.submit,
            interrupt: new.interrupt,
        };
        schedules.push(timing::plan(context, &mut hub, time.clone(), (to.into(), deed)).await?);
    }
    schedule::print(context, &schedules)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// Names of workers, and the text.
    fn split(&self, stdin: impl Read) -> Result<(Vec<String>, String), Failure> {
        let mut names = self.words.clone();
        let text = match &self.file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Failure::user(format!("could not read `{}`: {error}", path.display()))
            })?,
            None => names.pop().unwrap_or_default(),
        };
        let is_piped = self.file.is_none() && text == "-";
        let text = match is_piped.then(|| prompt::read(&text, stdin)) {
            Some(Err(sources::Error::EmptyPrompt)) => String::new(),
            Some(read) => read?,
            None => text,
        };
        // Control characters are removed when the text is typed.
        if text.chars().all(|it| it.is_whitespace() || it.is_control()) && !text.contains('\0') {
            return Err(Failure::user("the text is empty"));
        }
        if text.contains('\0') {
            return Err(Failure::user("the text holds a NUL byte"));
        }
        match (names.is_empty(), self.all) {
            (true, false) => {
                // One word may be either.
                let is_unclear =
                    self.file.is_none() && !is_piped && !text.contains(char::is_whitespace);
                let what = match is_unclear {
                    true => "the worker or the text is missing",
                    false => "no worker is named",
                };
                Err(Failure::usage(what)
                    .hint("`wtmag send ID TEXT`, or `--all TEXT`; `wtmag list` shows the workers"))
            }
            (false, true) => Err(Failure::usage("`--all` cannot be combined with worker names")
                .hint("a text of several words needs quotes")),
            (true, true) | (false, false) => Ok((names, text)),
        }
    }

    fn compose(&self, worker: &Worker, text: &str) -> Result<NewDelivery, Failure> {
        if self.raw && text.trim_start().starts_with('!') && !io::stdin().is_terminal() {
            return Err(Failure::user("a text that begins with `!` may run as a shell command")
                .hint("without `--raw` it is delivered as a message; `--raw` needs a terminal"));
        }
        let how = message::How { paste: self.paste, raw: self.raw };
        let new = message::compose(worker, text, how)?;
        Ok(NewDelivery { submit: !self.no_submit, interrupt: self.now, ..new })
    }

    fn wait_policy(&self, until: Vec<String>) -> WaitPolicy {
        let waits = self.wait.is_some();
        let default = match (waits, until.is_empty()) {
            (false, _) => Some(LOOK),
            (true, true) => Some(WAIT),
            (true, false) => None,
        };
        WaitPolicy {
            held: (!waits).then_some(HELD),
            only_dialogs: false,
            until,
            limit: self.timeout.or(default),
        }
    }
}

async fn recipients(
    context: &Context,
    hub: &mut Hub,
    names: &[String],
    all: bool,
) -> Result<Vec<Worker>, Failure> {
    if !all {
        let workers = resolve::workers(context, hub, names, Purpose::Change).await;
        return workers.map_err(|failure| match names {
            [_] | [] => failure,
            [..] => failure.hint("a text of several words needs quotes: wtmag send ID \"TEXT\""),
        });
    }
    let mut workers = resolve::present(hub).await?;
    workers.retain(Worker::is_live);
    if workers.is_empty() {
        return Err(Failure::user("no worker has a running agent"));
    }
    Ok(workers)
}

/// A worker's id as the last argument means that the text was forgotten.
async fn require_text(hub: &mut Hub, text: &str) -> Result<(), Failure> {
    if resolve::present(hub).await?.iter().any(|it| it.id.as_str() == text) {
        return Err(Failure::usage(format!("the text is missing: `{text}` is a worker"))
            .hint("to send just this word: echo WORD | wtmag send ID -"));
    }
    Ok(())
}

/// The queued delivery, or the hub's reason to refuse it.
async fn send(hub: &mut Hub, new: NewDelivery) -> Result<Result<Delivery, Refusal>, Failure> {
    match hub.ask(Request::Send(new)).await {
        Ok(Answer::Queued { delivery, .. }) => Ok(Ok(delivery)),
        Ok(other) => Err(unexpected(&other)),
        Err(client::Error::Refused(refusal)) => Ok(Err(refusal)),
        // The hub records before it answers, so without an answer the outcome is unknown.
        Err(error) if error.is_gone() => Err(Failure::from(error).hint(
            "the text may have been queued: check `wtmag receipts` before you send it again",
        )),
        Err(error) => Err(error.into()),
    }
}

async fn cancel(context: &Context, id: DeliveryId) -> Result<ExitCode, Failure> {
    let (mut hub, answer) = context.hub_that_answers(Request::Cancel { delivery: id }).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    let answer = hub.ask(Request::Receipt { delivery: id }).await?;
    let Answer::Receipt { delivery: receipt } = answer else { return Err(unexpected(&answer)) };
    let receipt = receipt.as_deref();
    if context.json() {
        receipts::print(context, receipt.map_or(&[], std::slice::from_ref))?;
        return Ok(ExitCode::SUCCESS);
    }
    // If the text is already pasted, says where it is now.
    let where_to = receipt.and_then(|it| it.evidence.strip_prefix("cancelled")).unwrap_or_default();
    context.say(&format!("delivery {id} is withdrawn{where_to}"));
    Ok(ExitCode::SUCCESS)
}

fn finish(
    context: &Context,
    args: &Args,
    (receipts, outcomes): (&[Delivery], &[Outcome]),
    refused: &[String],
) -> Result<ExitCode, Failure> {
    if context.json() {
        receipts::print(context, receipts)?;
    } else {
        for it in receipts {
            context.print(&format!("{}  #{} {}\n", it.worker, it.id, receipt::line(it)))?;
        }
    }
    let any = |wanted: &[Outcome]| outcomes.iter().any(|it| wanted.contains(it));
    let failure = if any(&[Outcome::Interrupted]) {
        Failure::interrupted()
    } else if !refused.is_empty() {
        Failure::user("the text could not be queued for every worker").quote(refused)
    } else if any(&[Outcome::Failed, Outcome::Gone]) {
        Failure::user("not every text was delivered")
    } else if any(&[Outcome::TimedOut]) && args.wait.is_some() {
        Failure::new(Kind::Waited, "timed out before every text was delivered")
            .hint("held texts stay queued: `wtmag receipts`")
    } else {
        return Ok(ExitCode::SUCCESS);
    };
    // With --json, the receipts are already printed, and one value is enough.
    if context.json() { Ok(failure.exit_code()) } else { Err(failure) }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn split(line: &[&str]) -> Result<(Vec<String>, String), String> {
        let words = ["wtmag", "send"].iter().chain(line).map(OsString::from).collect();
        let line = Line::try_parse_from(texts::protect(words).into_iter().skip(1))
            .map_err(|it| it.to_string())?;
        line.args.split(&b"piped"[..]).map_err(|it| it.to_string())
    }

    #[test]
    fn the_last_word_is_the_text() {
        let want = (vec!["a".to_owned(), "b".to_owned()], "do it".to_owned());
        assert_eq!(split(&["a", "b", "do it"]).unwrap(), want);
        assert_eq!(split(&["a", "-"]).unwrap().1, "piped");
        assert_eq!(split(&["--all", "do it"]).unwrap(), (Vec::new(), "do it".to_owned()));
        assert_eq!(split(&["a", "--", "-x"]).unwrap().1, "-x");
        for text in ["- and the footer", "--help me", "-f is a flag", "-- x", "-\nx"] {
            assert_eq!(split(&["a", text]).unwrap(), (vec!["a".to_owned()], text.to_owned()));
            assert_eq!(split(&["a", text, "--now"]).unwrap().1, text);
        }
    }

    #[test]
    fn a_text_without_a_worker_is_refused() {
        assert!(split(&["do it"]).unwrap_err().contains("no worker is named"));
        assert!(split(&["--all", "do", "it"]).unwrap_err().contains("needs quotes"));
        for nothing in ["", " ", "\u{1b}\u{7}", "\n\r\t"] {
            let error = split(&["a", nothing]).unwrap_err();
            assert!(error.contains("the text is empty"), "{nothing:?}: {error}");
        }
        assert!(split(&[]).unwrap_err().contains("required"));
        assert!(split(&["--cancel", "3", "a"]).unwrap_err().contains("cannot be used with"));
    }
}
