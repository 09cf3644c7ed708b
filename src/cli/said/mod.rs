//! `wtmag said`.
mod written;

use std::{process::ExitCode, time::Duration};

use serde::Serialize;

use super::{Context, Failure, events, output::age, resolve::Target, unexpected};
use crate::{
    agents::transcript::Turn,
    client::Hub,
    clock,
    model::{Answer, Event, Happened, Request, Timestamp, Worker},
    text::clean,
};

/// Print what a worker's agent said last
///
/// Prints the last message of the last turn. wtmag reads it from the file in which the agent keeps its conversation
/// (claude, codex, pi). Otherwise it takes what the agent's hooks reported, or the end of the screen. Without an ID,
/// it is about the worker of the current worktree or tmux window.
///
/// With --json: an array of {"at", "from": "transcript"|"hook"|"screen", "text"}, the oldest first.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print the last message of each of the last N turns
    #[arg(long, value_name = "N", default_value_t = 1)]
    turns: usize,
    /// Print whole messages; without this flag, each is cut after 2,000 characters
    #[arg(long)]
    full: bool,
}

/// Characters of one message.
const MAX: usize = 2000;
/// Rows of a screen that are shown in place of a message.
const ROWS: usize = 30;

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Message {
    at: Timestamp,
    from: &'static str,
    text: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_ended(context, &mut hub).await?;
    let told = events::load_all(&mut hub, &worker.id).await?;
    let since = worker.history_since();
    let written = written::turns(&context.env, &worker, since);
    let mut messages = newest(written, messages(&told, since), args.turns.max(1));
    if messages.is_empty() {
        messages.extend(of_screen(&mut hub, &worker).await?);
    }
    if messages.is_empty() {
        let id = &worker.id;
        return Err(match worker.ended {
            None => Failure::user(format!("`{id}` has said nothing yet"))
                .hint(format!("its screen: wtmag show {id}")),
            Some(_) => Failure::user(format!("`{id}` has said nothing that is kept"))
                .hint(format!("its recorded screens: `wtmag log {id} --screens`")),
        });
    }
    for message in &mut messages {
        message.text = if args.full { clean(&message.text) } else { cut(&message.text) };
    }
    if context.json() {
        context.print_json(&messages)?;
        return Ok(ExitCode::SUCCESS);
    }
    for message in &messages {
        let ago = age(clock::now().since(message.at));
        let head = match message.from {
            "screen" => format!("{} has reported no message; its screen:", worker.id),
            _ => format!("{}, {ago} ago:", worker.id),
        };
        context.print(&format!("{head}\n{}\n", message.text.trim_end()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A hook may tell of a message this long after the agent has written it down.
const HOOK_LAG: Duration = Duration::from_secs(5);

/// Pure: the last `n` messages. What is written down is whole, and also there without hooks; but it may be of an
/// earlier conversation of the agent, and an agent may report its last message before it writes it down.
fn newest(written: Vec<Turn>, told: Vec<Message>, n: usize) -> Vec<Message> {
    let mut messages = match (written.first(), written.last()) {
        (Some(first), Some(last))
            if told.last().is_none_or(|it| it.at.since(last.at) <= HOOK_LAG) =>
        {
            let is_missing = |it: &Message| it.at >= last.at && !is_of(&it.text, &last.text);
            // Those of an agent that was there before it.
            let (before, after): (Vec<_>, Vec<_>) =
                told.into_iter().partition(|it| it.at < first.at);
            let missing: Vec<_> = after.into_iter().filter(is_missing).collect();
            let from = "transcript";
            let written = written.into_iter().map(|Turn { at, text }| Message { at, from, text });
            before.into_iter().chain(written).chain(missing).collect()
        }
        _ => told,
    };
    messages.drain(..messages.len().saturating_sub(n));
    messages
}

/// What a hook told is this text, or its beginning: long messages are cut.
fn is_of(told: &str, text: &str) -> bool {
    let words = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ");
    words(text).starts_with(&words(told))
}

/// Pure: what hooks told of this worker, not of an earlier one with its id.
fn messages(events: &[Event], since: Timestamp) -> Vec<Message> {
    let told = events.iter().filter(|it| it.at >= since).filter_map(|event| {
        let Happened::Told { about, text } = &event.what else { return None };
        let message = || Message { at: event.at, from: "hook", text: text.clone() };
        (about == "message").then(message)
    });
    told.collect()
}

async fn of_screen(hub: &mut Hub, worker: &Worker) -> Result<Option<Message>, Failure> {
    if worker.ended.is_some() {
        return Ok(None);
    }
    let answer = hub.ask(Request::Show { id: worker.id.clone() }).await?;
    let Answer::Shown { screen, .. } = answer else { return Err(unexpected(&answer)) };
    let message = screen.map(|it| Message {
        at: it.at,
        from: "screen",
        text: it.last_lines(ROWS).join("\n"),
    });
    Ok(message.filter(|it| !it.text.trim().is_empty()))
}

fn cut(text: &str) -> String {
    let text = clean(text);
    let n = text.chars().count();
    if n <= MAX {
        return text;
    }
    let head: String = text.chars().take(MAX).collect();
    format!("{head}… ({} more characters: --full)", n - MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_of_this_worker_count() {
        let event = |seq: u64, about: &str, text: &str| {
            let what = Happened::Told { about: about.into(), text: text.into() };
            Event { seq, at: Timestamp(seq), worker: None, what }
        };
        let events = [
            event(1, "message", "of an earlier worker"),
            event(3, "message", "one"),
            event(4, "session", "s"),
            event(5, "message", "two"),
            event(6, "message", "three"),
        ];
        let texts = |n| -> Vec<String> {
            let told = messages(&events, Timestamp(2));
            newest(Vec::new(), told, n).into_iter().map(|it| it.text).collect()
        };
        assert_eq!(texts(1), ["three"]);
        assert_eq!(texts(2), ["two", "three"]);
        assert_eq!(texts(9), ["one", "two", "three"]);
        assert_eq!(newest(Vec::new(), messages(&[], Timestamp(0)), 1), []);
    }

    #[test]
    fn what_the_agent_wrote_down_is_preferred_unless_it_is_of_an_earlier_conversation() {
        let turn = |at: u64, text: &str| Turn { at: Timestamp(at), text: text.into() };
        let hook = |at: u64, text: &str| {
            vec![Message { at: Timestamp(at), from: "hook", text: text.into() }]
        };
        let told = |at: u64| hook(at, "told");
        let check = |told: Vec<Message>, n: usize| -> Vec<String> {
            let written = vec![turn(1_000, "one"), turn(9_000, "two")];
            newest(written, told, n).into_iter().map(|it| it.text).collect()
        };
        assert_eq!(check(hook(9_900, "two"), 1), ["two"]);
        assert_eq!(check(hook(9_900, "tw"), 2), ["one", "two"], "long ones are cut");
        assert_eq!(check(Vec::new(), 5), ["one", "two"]);
        assert_eq!(check(told(60_000), 2), ["told"]);
        assert_eq!(check(told(500), 3), ["told", "one", "two"], "of the agent before it");
        assert_eq!(check(told(9_900), 2), ["two", "told"], "not written down yet");
    }

    #[test]
    fn long_messages_are_cut_and_say_so() {
        assert_eq!(cut("short\x1b[2J"), "short");
        let long = cut(&"ä".repeat(MAX + 5));
        assert!(long.ends_with("ä… (5 more characters: --full)"), "{long}");
    }
}
