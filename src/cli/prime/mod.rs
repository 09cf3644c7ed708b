//! `wtmag prime`.
pub(super) mod wiring;

use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure, mine::Me, output::age, resolve, unexpected};
use crate::{
    client::Hub,
    clock,
    model::{Answer, DisplayState, InboxQuery, Item, Request, Timestamp, Worker, current},
    text::one_line,
};

/// Print the workers and open items of an orchestrator: for an agent whose context was compacted
///
/// Prints your workers (as in `wtmag list --mine`), what they need, and the commands to run next. An orchestrator is
/// an agent that creates workers, whether `wtmag orchestrate` started it or not. It should run `prime` first after
/// its context was compacted. --hook prints a hook or plugin with which the agent does so automatically. You install
/// it; wtmag changes no settings.
///
/// With --json: {"text"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print nothing if there are no workers
    #[arg(long)]
    if_any: bool,
    /// Print the hook or plugin with which this agent runs `wtmag prime` when a session starts and after its context
    /// was compacted
    #[arg(long, value_name = "AGENT", value_parser = wiring::agents(), conflicts_with = "if_any")]
    hook: Option<String>,
}

/// Workers that are listed, and items of each.
const MAX_LISTED: usize = 20;
const MAX_ITEMS: usize = 3;
const MAX_TITLE: usize = 50;
const MAX_WHAT: usize = 70;

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let text = match (args.hook.as_deref().and_then(wiring::of), context.hub_to_look().await?) {
        (Some(wiring), _) => {
            context.say(&format!("# {}: {}", wiring.agent, wiring.place));
            wiring.text.to_owned()
        }
        (None, hub) => {
            let (workers, items) = match hub {
                Some(mut hub) => mine(context, &mut hub).await?,
                None => (Vec::new(), Vec::new()),
            };
            if args.if_any && workers.is_empty() {
                return Ok(ExitCode::SUCCESS);
            }
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
    workers.retain(|it| !it.is_orchestrator());
    match (Me::find(context, hub).await, context.project()) {
        (Ok(me), _) => workers.retain(|it| me.made(it)),
        (Err(_), Some(project)) => workers.retain(|it| it.repo == project),
        (Err(_), None) => {}
    }
    workers.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let answer = hub.ask(Request::Inbox(InboxQuery::default())).await?;
    let Answer::Items { mut items, .. } = answer else { return Err(unexpected(&answer)) };
    items.retain(|item| workers.iter().any(|it| it.id == item.worker));
    Ok((workers, items))
}

/// Pure: the text.
fn primer(workers: &[Worker], items: &[Item], now: Timestamp) -> String {
    let mut text =
        "You direct wtmag workers: coding agents, each in its own worktree and tmux window.\n\
                    Do not do their work yourself, and create no worker twice.\n\n"
            .to_owned();
    text += &format!(
        "Your workers ({}), and the items of the inbox ({}):\n",
        workers.len(),
        items.len()
    );
    let is_one_project = workers.windows(2).all(|pair| match pair {
        [one, other] => one.repo == other.repo,
        _ => true,
    });
    for worker in workers.iter().take(MAX_LISTED) {
        let name = if is_one_project { worker.short_name() } else { worker.id.as_str() };
        let own: Vec<&Item> = items.iter().filter(|it| it.worker == worker.id).collect();
        text += &format!("{name}  {}\n", line(worker, own.is_empty(), now));
        for item in own.iter().take(MAX_ITEMS) {
            let what = one_line(&item.text, MAX_WHAT);
            text += &format!("  {} {}: {what}\n", item.id, item.kind);
        }
    }
    if workers.len() > MAX_LISTED {
        text += &format!("and {} more: wtmag list --mine\n", workers.len() - MAX_LISTED);
    }
    let last = items.iter().map(|it| it.id.0).max().unwrap_or(0);
    text += &format!(
        "\nwtmag inbox N: an item in full; inbox reply N TEXT; inbox ack N: dealt with\n\
         wtmag said ID: its last message; show ID: its screen; send ID TEXT; ask ID TEXT\n\
         wtmag inbox --mine --wait=30m --since {last}: the next news, in the background; or end your turn,\n\
         and you are told in your input box\n\
         wtmag create --github N | TEXT: a new worker; cleanup only when the human says so\n"
    );
    text
}

/// `is_all`: no item says what it reported.
fn line(worker: &Worker, is_all: bool, now: Timestamp) -> String {
    let word = worker.state.word();
    let pr = worker.pr.as_deref().and_then(|it| it.rsplit('/').next());
    let pr = pr.map(|it| format!(", PR #{it}")).unwrap_or_default();
    let title = one_line(&worker.source.title, MAX_TITLE);
    let doing = match (&word, &worker.state.reported) {
        (DisplayState::Reported(_), Some(fact)) => Some(fact.evidence.as_str()),
        _ => current(worker.progress.as_ref(), now),
    };
    let doing = doing.filter(|it| is_all && !it.is_empty()).map(|it| one_line(it, MAX_TITLE));
    let doing = doing.map(|it| format!(" | {it}")).unwrap_or_default();
    let age = age(now.since(worker.state.since()));
    format!("{} {age}{pr}  {title}{doing}", word.text_at(now))
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
        Do not do their work yourself, and create no worker twice.

        Your workers (1), and the items of the inbox (1):
        github-issue-456  done 1m, PR #501  Fix the title
          7 done: Cached.

        wtmag inbox N: an item in full; inbox reply N TEXT; inbox ack N: dealt with
        wtmag said ID: its last message; show ID: its screen; send ID TEXT; ask ID TEXT
        wtmag inbox --mine --wait=30m --since 7: the next news, in the background; or end your turn,
        and you are told in your input box
        wtmag create --github N | TEXT: a new worker; cleanup only when the human says so
        ");
    }

    #[test]
    fn ten_workers_are_a_few_hundred_tokens() {
        let (workers, items) = samples::day();
        samples::assert_short(&primer(&workers, &items, NOW), workers.len());
    }
}
