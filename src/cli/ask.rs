//! `wtmag ask`.
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap_complete::ArgValueCompleter;
use serde_json::json;

use super::{
    Context, Failure, complete,
    failure::Kind,
    message,
    naming::Purpose,
    outcome::{interrupt, sleep_until},
    progress::Progress,
    resolve,
    resume::{self, How, Job},
    schedule, texts,
    timing::{self, Timing, To},
    unexpected,
};
use crate::{
    client::Hub,
    model::{Answer, Answered, AnsweredBy, Deed, Happened, Item, ItemId, Request, Worker},
    proc::Cancel,
    sources::prompt,
    text::clean,
};

/// Ask workers a question and print their answers
///
/// The question is delivered like a text of `wtmag send`, with a number. The answer is what the worker
/// reports with `wtmag report answer --to N`, else the last message of the turn that the question began,
/// marked as such. Answers of several workers are printed as they come. An answer that comes after the
/// timeout goes to the inbox.
///
/// A worker whose agent has ended is resumed for the question, if it can continue its conversation.
///
/// With `--at`, `--in` or `--cron`, the question is asked later, and the answer goes to the inbox.
///
/// With --json: a line for each answer: {"n", "worker", "by": "report"|"message"|"screen"|"hub", "text"}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, override_usage = "wtmag ask [OPTIONS] ID… TEXT|-")]
pub(crate) struct Args {
    /// One or more workers, then the question; `-` reads it from standard input
    #[arg(
        value_name = "ID… TEXT", required = true, num_args = 1.., value_parser = texts::read,
        add = ArgValueCompleter::new(complete::workers)
    )]
    words: Vec<String>,
    /// Longest wait: `90s`, `5m`, `2h` [default: none]
    #[arg(long, value_name = "TIME", value_parser = super::duration, conflicts_with = "timing")]
    timeout: Option<Duration>,
    #[command(flatten)]
    timing: Timing,
}

const EXAMPLES: &str = "\
Examples:
  wtmag ask 456 \"Which files do you still want to change?\"
  wtmag ask 456 docs \"Are you blocked?\" --timeout 10m

Exit codes: 0 all have answered; 1 a question could not be delivered; 4 timed out.";

pub(crate) async fn run(context: &Context, mut args: Args) -> Result<ExitCode, Failure> {
    if args.words.len() < 2 {
        return Err(Failure::usage("the worker or the question is missing")
            .hint("`wtmag ask ID TEXT`; `wtmag list` shows the workers"));
    }
    let text = prompt::read(&args.words.pop().unwrap_or_default(), std::io::stdin())?;
    if !args.timing.is_now() {
        return later(context, &args, &text).await;
    }
    let deadline = args.timeout.map(|limit| Instant::now() + limit);
    let cancel = context.cancel()?;
    let mut hub = context.hub_that_knows().await?;
    let workers = resolve::workers(context, &mut hub, &args.words, Purpose::Change).await?;
    let workers = resumed(context, &mut hub, workers, &cancel).await?;
    let ids = workers.iter().map(|it| it.id.clone()).collect();
    // Before the questions are sent, so that no answer is missed.
    hub.ask(Request::Subscribe { workers: ids }).await?;
    let mut open: Vec<ItemId> = Vec::new();
    for worker in &workers {
        let text = message::compose(worker, &text, message::How::default())?;
        let answer = hub.ask(Request::Ask(text)).await?;
        let Answer::Asked { item, .. } = answer else { return Err(unexpected(&answer)) };
        open.push(item);
    }
    let progress = Progress::new(&context.env);
    progress.step("waiting for the answer");
    let mut failed = false;
    while !open.is_empty() {
        let (item, answer) = tokio::select! {
            next = next_answer(&mut hub, &open) => next?,
            () = sleep_until(deadline) => return Err(timed_out(&open)),
            () = interrupt(&cancel) => return Err(Failure::interrupted()),
        };
        // The event has the beginning of a long answer.
        let item = whole(&mut hub, item).await?;
        let answer = item.answer.clone().unwrap_or(answer);
        failed |= answer.by == AnsweredBy::Hub;
        print(context, &item, &answer)?;
        hub.ask_any(Request::Ack { items: vec![item.id] }).await?;
        open.retain(|id| *id != item.id);
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A worker whose agent has ended is started again for the question, if it can continue its conversation.
async fn resumed(
    context: &Context,
    hub: &mut Hub,
    workers: Vec<Worker>,
    cancel: &Cancel,
) -> Result<Vec<Worker>, Failure> {
    let how = How { only_continue: true, ..How::default() };
    let job = Job { context, how: &how, cancel };
    let mut live = Vec::new();
    for worker in workers {
        if worker.is_live() {
            live.push(worker);
            continue;
        }
        let resumed = resume::start(&job, hub, &worker).await?;
        resumed.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
        context.say(&format!("note: the agent of `{}` had ended; it is resumed", worker.id));
        live.push(resumed.worker);
    }
    Ok(live)
}

/// Plans the question for a later time; the answer goes to the inbox.
async fn later(context: &Context, args: &Args, text: &str) -> Result<ExitCode, Failure> {
    let time = args.timing.read()?;
    let mut hub = context.hub_that_knows().await?;
    let mut schedules = Vec::new();
    for name in &args.words {
        let (to, text) = match timing::addressee(context, &mut hub, name).await? {
            To::Worker(it) => {
                let text = message::compose(&it, text, message::How::default())?.text;
                (To::Worker(it), text)
            }
            to @ To::Found(_) => (to, timing::plain(text)?.text),
        };
        let deed = (to.into(), Deed::Ask { text });
        schedules.push(timing::plan(context, &mut hub, time.clone(), deed).await?);
    }
    schedule::print(context, &schedules)?;
    Ok(ExitCode::SUCCESS)
}

/// The next item of these that has an answer. After a hub that went away, its successor is asked for
/// those that came meanwhile.
async fn next_answer(hub: &mut Hub, open: &[ItemId]) -> Result<(Item, Answered), Failure> {
    loop {
        match hub.event().await {
            Ok(event) => {
                let Happened::Item { item } = event.what else { continue };
                if let (true, Some(answer)) = (open.contains(&item.id), item.answer.clone()) {
                    return Ok((*item, answer));
                }
            }
            Err(error) if error.is_gone() => {
                hub.ask_any(Request::Subscribe { workers: Vec::new() }).await?;
                for id in open {
                    let query = crate::model::InboxQuery { items: vec![*id], ..Default::default() };
                    let answer = hub.ask(Request::Inbox(query)).await?;
                    let Answer::Items { items, .. } = answer else {
                        return Err(unexpected(&answer));
                    };
                    if let Some((item, answer)) =
                        items.into_iter().find_map(|it| Some((it.clone(), it.answer?)))
                    {
                        return Ok((item, answer));
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn whole(hub: &mut Hub, item: Item) -> Result<Item, Failure> {
    let query = crate::model::InboxQuery { items: vec![item.id], ..Default::default() };
    let answer = hub.ask(Request::Inbox(query)).await?;
    let Answer::Items { items, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(items.into_iter().next().unwrap_or(item))
}

fn print(context: &Context, item: &Item, answer: &Answered) -> Result<(), Failure> {
    if context.json() {
        let value = json!({
            "n": item.id.0, "worker": item.worker, "by": answer.by, "text": answer.text,
        });
        return context.print_json(&value);
    }
    let by = match answer.by {
        AnsweredBy::Report => "",
        AnsweredBy::Message => " (its last message)",
        AnsweredBy::Screen => " (it reported no message; the end of its screen)",
        AnsweredBy::Hub | AnsweredBy::Other(_) => " (no answer)",
    };
    context.print(&format!("{}{by}:\n{}\n", item.worker, clean(&answer.text).trim_end()))
}

fn timed_out(open: &[ItemId]) -> Failure {
    let numbers: Vec<String> = open.iter().map(ToString::to_string).collect();
    Failure::new(Kind::Waited, format!("no answer yet to {}", numbers.join(", ")))
        .hint("the answers go to `wtmag inbox`")
}
