//! `wtmag receipts`.
use std::process::ExitCode;

use super::{
    Context, Failure,
    output::{Cell, Paint, Style, Table, age},
    receipt,
    resolve::{self, Target},
    unexpected,
};
use crate::{
    clock,
    model::{Answer, Delivery, DeliveryId, Hold, Request, Step, Take, Timestamp},
    text::{clean, one_line},
    wire::DeliveryView,
};

/// List the texts sent to agents: delivered, or still waiting to be delivered
///
/// The steps of a delivery are `queued`, `ready` (the input box is empty), `pasted`, `echoed` (the box shows the
/// text), `entering` (Enter is pressed) and `accepted`. While something holds a delivery, the list shows the reason;
/// the delivery continues by itself when the reason is gone, and `wtmag send --cancel N` withdraws it. If a text has
/// been held for a minute, and no dialog or running turn explains it, the worker's state becomes `needs you:
/// delivery`. Then look at the agent's screen, and tell wtmag what to do with `wtmag receipts N --take HOW`. `wtmag
/// help delivery` explains each step.
///
/// Without an ID: the worker of the current worktree or tmux window, else the last 20 texts to workers that
/// were not removed.
///
/// With --json: an array of {"id", "worker", "file": the file that holds a long text, or null, "mode", "step", "held": why in words or null, "hold",
/// "evidence", "steps": [{"step", "at"}], "latency_ms": from ready to accepted}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// List all deliveries of all workers, removed ones too
    #[arg(short, long, conflicts_with_all = ["id", "by_flag"])]
    all: bool,
    /// What to do about a stuck delivery: `wtmag receipts N --take HOW`, where N is the delivery's number in the list
    #[arg(long, value_name = "HOW", value_enum)]
    take: Option<How>,
}

/// Deliveries that are listed without an ID.
const N_LAST: usize = 20;

/// A human's decision about a stuck delivery.
#[derive(Clone, Copy, clap::ValueEnum)]
enum How {
    /// Press Enter, because the input box holds the text
    Enter,
    /// Mark it as delivered, because the agent has the text
    Done,
    /// Type the text again, because the input box is empty
    Retry,
    /// Clear the input box with the key that the agent has for that, then type the text again
    Clear,
}

impl From<How> for Take {
    fn from(how: How) -> Self {
        match how {
            How::Enter => Self::Enter,
            How::Done => Self::Done,
            How::Retry => Self::Retry,
            How::Clear => Self::Clear,
        }
    }
}

async fn take(context: &Context, target: &Target, how: How) -> Result<ExitCode, Failure> {
    let number = target.given()?.and_then(|text| text.trim_start_matches('#').parse().ok());
    let Some(number) = number else {
        return Err(Failure::usage("`--take` needs the number of a delivery")
            .hint("`wtmag receipts` shows the numbers; then `wtmag receipts N --take HOW`"));
    };
    let request = Request::Take { delivery: DeliveryId(number), take: how.into() };
    let (mut hub, answer) = context.hub_that_answers(request).await?;
    let Answer::Done = answer else { return Err(unexpected(&answer)) };
    let answer = hub.ask(Request::Receipt { delivery: DeliveryId(number) }).await?;
    let Answer::Receipt { delivery } = answer else { return Err(unexpected(&answer)) };
    print(context, delivery.as_deref().map_or(&[], std::slice::from_ref))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if let Some(how) = args.take {
        return take(context, &args.target, how).await;
    }
    let mut hub = context.hub_that_knows().await?;
    let worker = match args.target.given()? {
        _ if args.all => None,
        Some(text) => Some(resolve::worker_or_ended(context, &mut hub, text).await?.id),
        None => resolve::find_own(context, &mut hub).await?.map(|it| it.id),
    };
    let is_one = worker.is_some();
    let answer = hub.ask(Request::Receipts { worker }).await?;
    let Answer::Receipts { mut deliveries, mut n_older } = answer else {
        return Err(unexpected(&answer));
    };
    if !is_one && !args.all {
        let present = resolve::present(&mut hub).await?;
        deliveries.retain(|it| present.iter().any(|worker| worker.id == it.worker));
        n_older = deliveries.len().saturating_sub(N_LAST);
        deliveries.drain(..n_older);
    }
    print(context, &deliveries)?;
    if n_older > 0 {
        context.say(&format!(
            "{n_older} older deliveries are not shown; an ID shows those of one worker, `--all` all"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Receipts as a table, or as JSON.
pub(crate) fn print(context: &Context, deliveries: &[Delivery]) -> Result<(), Failure> {
    if context.json() {
        let views: Vec<DeliveryView<'_>> = deliveries.iter().map(Into::into).collect();
        return context.print_json(&views);
    }
    if deliveries.is_empty() {
        return context.print("no deliveries\n");
    }
    let stuck: String = deliveries.iter().filter_map(stuck).collect();
    context.print(&format!("{}{stuck}", table(deliveries, clock::now(), context.style())))
}

/// What the agent shows instead of the text, and the possible decisions.
fn stuck(delivery: &Delivery) -> Option<String> {
    let stuck = delivery.stuck.as_ref()?;
    let rows: String = stuck.shows.lines().map(|row| format!("  | {}\n", clean(row))).collect();
    let (id, worker) = (delivery.id, &delivery.worker);
    let way_out = delivery.held.as_ref().map(Hold::way_out).unwrap_or_default();
    Some(format!(
        "\n{id} needs you: {way_out}. The agent shows\n{rows}  look with `wtmag attach {worker}`, then \
         `wtmag receipts {id} --take enter|done|retry|clear`, or `wtmag send --cancel {id}`\n"
    ))
}

fn table(deliveries: &[Delivery], now: Timestamp, style: Style) -> String {
    let mut table = Table::new(["N", "WORKER", "AGE", "~RECEIPT", "~TEXT"]);
    for it in deliveries {
        let paint = match it.step {
            Step::Accepted | Step::Ran => Paint::Green,
            Step::Failed => Paint::Red,
            Step::Cancelled | Step::Other(_) => Paint::Dim,
            Step::Queued
            | Step::Ready
            | Step::Pasting
            | Step::Pasted
            | Step::Echoed
            | Step::Entering => Paint::Yellow,
        };
        let queued = it.at(Step::Queued).unwrap_or(now);
        table.row([
            Cell::new(it.id.to_string()),
            Cell::new(it.worker.as_str()).paint(Paint::Bold),
            Cell::new(age(now.since(queued))).paint(Paint::Dim),
            Cell::new(receipt::short(it)).paint(paint),
            Cell::new(one_line(&it.text, 60)),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{NOW, delivery};

    #[test]
    fn a_receipt_is_a_row() {
        let deliveries = [delivery(1, "a", Step::Accepted), delivery(12, "bb", Step::Queued)];
        let style = Style { colour: false, width: Some(90) };
        insta::assert_snapshot!(table(&deliveries, Timestamp(NOW.0 + 9000), style), @r"
        N   WORKER  AGE  RECEIPT                               TEXT
        1   a       9s   accepted after 3.2 s: the turn star…  Read ./.wtmag/prompt.md and use it…
        12  bb      9s   queued                                Read ./.wtmag/prompt.md and use it…
        ");
    }
}
