//! `wtmag show`.
use std::process::ExitCode;

use serde_json::json;

use super::{
    Context, Failure,
    output::{Paint, Style, age, fields},
    receipt,
    resolve::Target,
    unexpected,
};
use crate::{
    client::Hub,
    clock,
    model::{
        Answer, Ask, Changes, Choice, Delivery, DisplayState, Fact, Landed, Pull, Request, Sample,
        Timestamp, Usage, Worker, current,
    },
    text::{clean, one_line},
    wire::{DeliveryView, WorkerView},
};

/// Show one worker in full: task, state and evidence, newest delivery, current screen
///
/// Without an ID: the worker of the current worktree or tmux window.
///
/// With --json: {"worker": as in `wtmag list --json --full`, "deliveries": as in `wtmag receipts --json`,
/// "screen": {"at", "rows", "title", "command", "cursor", "size", …} or null}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Everything known about one worker.
struct Shown {
    worker: Worker,
    deliveries: Vec<Delivery>,
    screen: Option<Sample>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_ended(context, &mut hub).await?;
    let shown = match worker.ended {
        Some(_) => ended(&mut hub, worker).await?,
        None => present(&mut hub, worker).await?,
    };
    if context.json() {
        let Shown { worker, deliveries, screen } = &shown;
        let deliveries: Vec<DeliveryView<'_>> = deliveries.iter().map(Into::into).collect();
        let view = WorkerView::new(worker, shown.deliveries.last());
        context
            .print_json(&json!({ "worker": view, "deliveries": deliveries, "screen": screen }))?;
    } else {
        context.print(&describe(&shown, clock::now(), context.style()))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn present(hub: &mut Hub, worker: Worker) -> Result<Shown, Failure> {
    let answer = hub.ask(Request::Show { id: worker.id }).await?;
    let Answer::Shown { worker, screen, deliveries } = answer else {
        return Err(unexpected(&answer));
    };
    Ok(Shown { worker: *worker, deliveries, screen })
}

async fn ended(hub: &mut Hub, worker: Worker) -> Result<Shown, Failure> {
    let answer = hub.ask(Request::Receipts { worker: Some(worker.id.clone()) }).await?;
    let Answer::Receipts { deliveries, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(Shown { worker, deliveries, screen: None })
}

fn describe(shown: &Shown, now: Timestamp, style: Style) -> String {
    let Shown { worker, deliveries, screen } = shown;
    let word = worker.state.word();
    let ago = |at: Timestamp| format!("{} ago", age(now.since(at)));
    let shown = style.paint(&word.text_at(now), Paint::of(&word));
    let state = match worker.ended {
        // To remove it, its window was closed.
        Some(at) if matches!(word, DisplayState::Lost(_)) => format!("removed {}", ago(at)),
        Some(at) => format!("removed {}; before that, {shown}", ago(at)),
        None => format!("{shown} for {}", age(now.since(worker.state.since()))),
    };
    let mut lines = vec![
        ("task", receipt::task(worker)),
        ("state", state),
        ("process", fact(&worker.state.process, now, receipt::process)),
        ("turn", fact(&worker.state.turn, now, |it| DisplayState::Turn(it.clone()).to_string())),
    ];
    lines.extend(worker.state.asks.iter().flat_map(asks));
    if let Some(reported) = &worker.state.reported {
        lines.push(("reported", fact(reported, now, |it| format!("{it:?}").to_lowercase())));
    }
    let progress = current(worker.progress.as_ref(), now).map(clean);
    lines.extend(progress.map(|it| ("doing", it)));
    let model = worker.agent.model.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
    lines.extend(worker.state.landed.iter().map(|it| ("landed", landed(it, now))));
    lines.push((
        "agent",
        format!("{}{model} (profile {})", worker.agent.name, worker.agent.profile),
    ));
    lines.extend(worker.profile_note.as_deref().map(|it| ("profile", clean(it))));
    lines.extend(usage(&worker.usage, now));
    lines.push(("place", receipt::place(worker)));
    let gone = if worker.worktree_gone && worker.ended.is_none() { " (gone)" } else { "" };
    lines.push(("worktree", format!("{}{gone}", worker.worktree.display())));
    if !worker.is_orchestrator() {
        lines.push(("branch", receipt::branch(worker)));
    }
    lines.extend(worker.work.changes.as_ref().map(|it| ("changes", changes(it, now))));
    lines.extend(worker.source.url.as_deref().map(|url| ("url", clean(url))));
    lines.extend(worker.pr.as_deref().map(|url| ("pr", clean(url))));
    lines.extend(worker.work.pull.as_ref().map(|it| ("review", pull(it, now))));
    lines.extend(worker.parent.as_ref().map(|id| ("parent", id.to_string())));
    lines.push(("created", ago(worker.created)));
    lines.extend(deliveries.iter().map(|it| ("delivery", receipt::line(it))));
    lines.extend(worker.last_message.as_deref().map(|text| ("said", clean(text))));
    let mut text =
        format!("{}\n{}", style.paint(worker.id.as_str(), Paint::Bold), fields(style, &lines));
    if let Some(screen) = screen {
        let rule = format!("screen, {}", ago(screen.at));
        text += &format!("\n{}\n", style.paint(&rule, Paint::Dim));
        for row in screen.used_rows() {
            text += &format!("  {}\n", clean(row));
        }
    }
    text
}

fn pull(it: &Pull, now: Timestamp) -> String {
    let head = it.state.head.get(..7).unwrap_or_default();
    format!("{} at {head}, asked {} ago", clean(&it.state.to_string()), age(now.since(it.at)))
}

fn changes(it: &Changes, now: Timestamp) -> String {
    let what = Some(it.to_string()).filter(|it| !it.is_empty());
    let what = what.unwrap_or_else(|| "none".to_owned());
    format!("{what}, counted {} ago", age(now.since(it.at)))
}

/// Where its work is.
fn landed(it: &Landed, now: Timestamp) -> String {
    let commit = it.commit.as_deref().map(|it| it.get(..7).unwrap_or(it));
    let commit = commit.map(|it| format!(" at {it}")).unwrap_or_default();
    format!("in {}{commit} ({}), {} ago", clean(&it.into), it.how, age(now.since(it.at)))
}

/// What it has left and has used, as it shows it.
fn usage(usage: &Usage, now: Timestamp) -> Vec<(&'static str, String)> {
    let left = usage.context_left.as_ref().map(|it| fact(it, now, |left| format!("{left} % left")));
    let cost = usage.cost.as_ref().map(|it| fact(it, now, |cost| clean(cost)));
    let soon = usage.limit_soon.as_ref().map(|it| fact(it, now, |_| "comes near".to_owned()));
    let lines = [("context", left), ("cost", cost), ("limit", soon)];
    lines.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// What it asks, and the answers that it offers.
pub(super) fn asks(ask: &Ask) -> Vec<(&'static str, String)> {
    let source = format!("{:?}", ask.source).to_lowercase();
    let question = Some(&ask.question).filter(|it| !it.is_empty() && !ask.about.is_empty());
    let question = question.map(|it| format!("\n{it}")).unwrap_or_default();
    let mut lines = vec![("asks", clean(&format!("{ask} (by {source}){question}")))];
    if !ask.choices.is_empty() {
        let choice = |it: &Choice| {
            format!(
                "{} {}",
                if it.selected { ">" } else { " " },
                one_line(&it.label, Ask::MAX_TEXT)
            )
        };
        let choices: Vec<String> = ask.choices.iter().map(choice).collect();
        lines.push(("choices", choices.join("\n")));
    }
    lines
}

/// A fact with its evidence.
fn fact<T>(fact: &Fact<T>, now: Timestamp, name: impl Fn(&T) -> String) -> String {
    let source = format!("{:?}", fact.source).to_lowercase();
    let mut text =
        format!("{}, {} ago, by {source}", name(&fact.value), age(now.since(fact.since)));
    if !fact.evidence.is_empty() {
        text += &format!(": {}", clean(&fact.evidence).trim());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{AgentState, Blocker, Process, Step},
    };

    #[test]
    fn everything_known_is_said() {
        let mut worker = samples::worker("blog-github-issue-456");
        worker.state.process.value = Process::Running;
        worker.state.turn.value = AgentState::Blocked(Blocker::Trust);
        worker.state.turn.evidence = "Do you trust the files in this folder?".into();
        worker.last_message = Some("Done.\nAll tests pass.".into());
        let rows = vec!["Do you trust".into(), " 1. Yes\x1b[2J".into(), String::new()];
        let shown = Shown {
            worker,
            deliveries: vec![samples::delivery(1, "a", Step::Queued)],
            screen: Some(Sample { at: NOW, rows, ..Sample::default() }),
        };
        let text = describe(&shown, Timestamp(NOW.0 + 5000), Style::default());
        insta::assert_snapshot!(text);
    }
}
