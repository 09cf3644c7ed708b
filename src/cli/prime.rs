//! `wtmag prime`.
use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure, mine::Me, output::age, resolve, unexpected};
use crate::{
    client::Hub,
    clock,
    model::{Answer, DisplayState, InboxQuery, Item, Request, Timestamp, Worker, current},
    text::one_line,
};

/// Print what an orchestrator has under way: for an agent whose context was compacted
///
/// The workers that were made from this pane or by this worker, what they need, and the commands that it needs next.
/// An agent that has lost its context runs this first.
///
/// With --json: {"text"}.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Workers and items that are listed.
const MAX_LISTED: usize = 20;
const MAX_TITLE: usize = 60;
const MAX_WHAT: usize = 120;

pub(crate) async fn run(context: &Context, _args: Args) -> Result<ExitCode, Failure> {
    let text = match context.hub_to_look().await? {
        None => primer(&[], &[], clock::now()),
        Some(mut hub) => {
            let (workers, items) = mine(context, &mut hub).await?;
            primer(&workers, &items, clock::now())
        }
    };
    if context.json() {
        context.print_json(&json!({ "text": text }))?;
    } else {
        context.print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Outside a pane and a worktree: the project's.
async fn mine(context: &Context, hub: &mut Hub) -> Result<(Vec<Worker>, Vec<Item>), Failure> {
    let mut workers = resolve::present(hub).await?;
    match (Me::find(context, hub).await, context.project()) {
        (Ok(me), _) => workers.retain(|it| me.made(it)),
        (Err(_), Some(project)) => workers.retain(|it| it.repo == project),
        (Err(_), None) => {}
    }
    workers.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let answer = hub.ask_any(Request::Inbox(InboxQuery::default())).await?;
    let Answer::Items { mut items, .. } = answer else { return Err(unexpected(&answer)) };
    items.retain(|item| workers.iter().any(|it| it.id == item.worker));
    Ok((workers, items))
}

/// Pure: the text.
fn primer(workers: &[Worker], items: &[Item], now: Timestamp) -> String {
    let mut text =
        "You direct wtmag workers: coding agents, each in its own worktree and tmux window.\n\
                    Do not do their work yourself, and create none twice.\n\n"
            .to_owned();
    text += &format!("Your workers ({}):\n", workers.len());
    for worker in workers.iter().take(MAX_LISTED) {
        text += &format!("  {}\n", line(worker, now));
    }
    if workers.len() > MAX_LISTED {
        text += &format!("  and {} more: wtmag list --mine\n", workers.len() - MAX_LISTED);
    }
    text += &format!("\nWaiting for you ({}):\n", items.len());
    for item in items.iter().take(MAX_LISTED) {
        let what = one_line(&item.text, MAX_WHAT);
        text += &format!("  {} {} {}: {what}\n", item.id, item.worker, item.kind);
    }
    let last = items.iter().map(|it| it.id.0).max().unwrap_or(0);
    text += &format!(
        "\nNext:\n  \
         wtmag said ID                     what it said last; wtmag show ID: its screen\n  \
         wtmag inbox reply N TEXT          answer an item; wtmag send ID TEXT: any other message\n  \
         wtmag inbox ack N                 done with an item\n  \
         wtmag inbox --mine --wait=30m --since {last}   the next news, in the background; or end your turn:\n                                    \
         you are told in your input box\n  \
         wtmag create --github N | TEXT    a new worker; wtmag cleanup only when the human says so\n"
    );
    text
}

fn line(worker: &Worker, now: Timestamp) -> String {
    let word = worker.state.word();
    let pr = worker.pr.as_deref().and_then(|it| it.rsplit('/').next());
    let pr = pr.map(|it| format!(", PR #{it}")).unwrap_or_default();
    let title = one_line(&worker.source.title, MAX_TITLE);
    let doing = match (&word, &worker.state.reported) {
        (DisplayState::Reported(_), Some(fact)) => Some(fact.evidence.as_str()),
        _ => current(worker.progress.as_ref(), now),
    };
    let doing = doing.filter(|it| !it.is_empty()).map(|it| one_line(it, MAX_TITLE));
    let doing = doing.map(|it| format!(" | {it}")).unwrap_or_default();
    let age = age(now.since(worker.state.since()));
    format!("{}  {} {age}{pr}  {title}{doing}", worker.id, word.text_at(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{AgentState, Fact, FactSource, ItemId, ItemKind, Origin, Process, Reported},
    };

    #[test]
    fn it_is_short_and_names_what_waits() {
        let mut worker = samples::worker("blog-github-issue-456");
        worker.state.process.value = Process::Running;
        worker.state.turn.value = AgentState::Idle;
        let (since, source) = (NOW, FactSource::Report);
        let evidence = "Cached.".to_owned();
        worker.state.reported = Some(Fact { value: Reported::Done, since, source, evidence });
        worker.pr = Some("https://github.com/acme/blog/pull/501".into());
        let item = Item {
            id: ItemId(7),
            text: "Cached.".into(),
            ..Item::new(worker.id.clone(), ItemKind::Done, Origin::Message, NOW)
        };
        let text = primer(&[worker], &[item], Timestamp(NOW.0 + 60_000));
        assert!(text.lines().count() <= 20, "{text}");
        insta::assert_snapshot!(text, @r"
        You direct wtmag workers: coding agents, each in its own worktree and tmux window.
        Do not do their work yourself, and create none twice.

        Your workers (1):
          blog-github-issue-456  done 1m, PR #501  Fix the title | Cached.

        Waiting for you (1):
          7 blog-github-issue-456 done: Cached.

        Next:
          wtmag said ID                     what it said last; wtmag show ID: its screen
          wtmag inbox reply N TEXT          answer an item; wtmag send ID TEXT: any other message
          wtmag inbox ack N                 done with an item
          wtmag inbox --mine --wait=30m --since 7   the next news, in the background; or end your turn:
                                            you are told in your input box
          wtmag create --github N | TEXT    a new worker; wtmag cleanup only when the human says so
        ");
    }
}
