//! `wtmag next`.
use std::{process::ExitCode, time::Duration};

use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::{
    Context, Failure, attach,
    seat::{Seat, Tmux},
    tmux::quote,
    unexpected,
};
use crate::{
    model::{Answer, InboxQuery, Item, ItemKind, Request, Worker, WorkerId},
    text::one_line,
};

/// Go to the worker that has needed you longest
///
/// Your tmux client switches to the worker's window, and a message says what it needs. Call it again for the next
/// worker; after the last one comes the first. Outside tmux, your terminal attaches to the worker's session.
///
/// `--back` returns to the window in which you were before the first `wtmag next`, and begins a new round.
///
/// With --json: {"worker", "kind", "text", "place", "of"}; without a worker {}.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Return to the window in which you were before the first `wtmag next`
    #[arg(long, conflicts_with = "kind")]
    back: bool,
    /// Only workers with an inbox item of this kind; may be repeated. `wtmag help reports` explains each kind
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(kinds()))]
    kind: Vec<String>,
    /// Switch this tmux client instead of your own. In a key binding, pass `#{client_name}`
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// For a key binding: the keys of the key table `wtmag-repeat` work without the prefix for a moment
    #[arg(long, hide = true, requires = "client")]
    repeat: bool,
}

/// Kinds of items that lead to a worker's window: a lost worker has none, and reviews and runs need none.
fn kinds() -> impl Iterator<Item = &'static str> {
    ItemKind::NAMES.into_iter().filter(|it| !matches!(*it, "lost" | "review" | "run"))
}

/// The key table of the keys that repeat.
const TABLE: &str = "wtmag-repeat";
/// How long keys repeat, unless tmux's `repeat-time` is shorter.
const MAX_REPEAT: Duration = Duration::from_secs(2);
/// Longest text of a message, in characters.
const MAX_TEXT: usize = 120;

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let tmux = Tmux::find(context).await?;
    let seat = match (&args.client, context.caller()?) {
        (None, None) => None,
        (name, caller) => {
            let session = caller.and_then(|it| it.session).map(|it| it.to_string());
            Some(tmux.seat(name.as_deref(), session.as_deref()).await?)
        }
    };
    let went = if args.back {
        back(context, &tmux, seat.as_ref()).await
    } else {
        go(context, &tmux, seat.as_ref(), &args).await
    };
    match (went, &seat) {
        // A key binding has no terminal for an error.
        (Err(failure), Some(seat)) if args.client.is_some() => {
            tmux.tell(seat, &failure.to_string()).await?;
            Err(failure)
        }
        (went, _) => went,
    }
}

async fn go(
    context: &Context,
    tmux: &Tmux,
    seat: Option<&Seat>,
    args: &Args,
) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let answer = hub.ask(Request::Inbox(InboxQuery::default())).await?;
    let Answer::Items { items, workers, .. } = answer else { return Err(unexpected(&answer)) };
    let kinds = args.kind.as_slice();
    let is_wanted = |it: &Item| kinds.is_empty() || kinds.contains(&it.kind.to_string());
    let here = seat.and_then(|it| it.worker.as_ref());
    let Some(next) = choose(items.iter().filter(|it| is_wanted(it)), &workers, here) else {
        return none(context, tmux, seat, args).await;
    };
    let why = why(&next);
    if context.json() {
        context.print_json(&json!({
            "worker": next.worker.id, "kind": next.item.kind, "text": next.item.text,
            "place": next.place, "of": next.of,
        }))?;
    }
    let Some(seat) = seat else {
        return attach::go(context, &mut hub, next.worker.id.clone(), None).await;
    };
    let target = attach::target(&mut hub, next.worker.id.clone()).await?;
    switch(tmux, seat, &target, &why).await?;
    if args.client.is_none() && !context.json() {
        context.print(&format!("{why}\n"))?;
    }
    if args.repeat {
        repeat(tmux, seat).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn none(
    context: &Context,
    tmux: &Tmux,
    seat: Option<&Seat>,
    args: &Args,
) -> Result<ExitCode, Failure> {
    let text = match args.kind.as_slice() {
        [] => "no worker needs you".to_owned(),
        kinds => format!("no worker needs you ({})", kinds.join(", ")),
    };
    match seat {
        _ if context.json() => context.print_json(&json!({}))?,
        Some(seat) if args.client.is_some() => tmux.tell(seat, &text).await?,
        _ => context.print(&format!("{text}\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn back(context: &Context, tmux: &Tmux, seat: Option<&Seat>) -> Result<ExitCode, Failure> {
    let Some(seat) = seat else {
        return Err(Failure::user(
            "`wtmag next --back` needs a tmux client, and you are not inside tmux",
        )
        .hint("`--client NAME` names one; `tmux list-clients` lists them"));
    };
    let kept = tmux.run(&["show-option", "-gqv", &option_of("back", seat)]).await?;
    let Some((origin, _)) = kept.trim().split_once(' ') else {
        return Err(Failure::user(
            "there is nothing to go back to: `wtmag next` has not moved this client since you last went back",
        ));
    };
    let client = seat.client.as_str();
    let forget = ["set-option", "-gu", &option_of("back", seat)];
    tmux.run(&forget).await?;
    let went = tmux.run(&["switch-client", "-c", client, "-t", origin]).await;
    went.map_err(|_| Failure::user("the window in which you called `wtmag next` is closed"))?;
    if context.json() {
        context.print_json(&json!({}))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A worker to go to, and what it needs.
#[derive(Debug)]
struct Next<'a> {
    worker: &'a Worker,
    item: &'a Item,
    /// From 1.
    place: usize,
    of: usize,
}

/// The worker with the oldest item, or the one after the worker that is here. Only workers that have a
/// window.
fn choose<'a>(
    items: impl Iterator<Item = &'a Item>,
    workers: &'a [Worker],
    here: Option<&WorkerId>,
) -> Option<Next<'a>> {
    let mut items: Vec<&Item> = items.filter(|it| it.calls()).collect();
    items.sort_by_key(|it| (it.at, it.id));
    let mut all: Vec<(&Worker, &Item)> = Vec::new();
    for item in items {
        let there = |it: &&Worker| it.id == item.worker && !it.place.gone && it.ended.is_none();
        let Some(worker) = workers.iter().find(there) else { continue };
        if all.iter().all(|(known, _)| known.id != worker.id) {
            all.push((worker, item));
        }
    }
    let of = all.len();
    let is_here = |(worker, _): &(&Worker, &Item)| Some(&worker.id) == here;
    let at = all.iter().position(is_here).map_or(0, |it| (it + 1) % of);
    let (worker, item) = all.into_iter().nth(at)?;
    Some(Next { worker, item, place: at + 1, of })
}

/// One line. It ends with a bracket, so that tmux does not take its end for the end of a command.
fn why(next: &Next<'_>) -> String {
    let Next { worker, item, place, of } = next;
    let text = one_line(&item.text, MAX_TEXT);
    let text = if text.is_empty() { text } else { format!(": {text}") };
    format!("{}: {}{text} ({place} of {of})", worker.id, item.kind)
}

/// A global option for each client: where it came from and was sent (`back`), and whose time its repeated keys
/// have (`repeat`).
fn option_of(what: &str, seat: &Seat) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("@wtmag_{what}_{}", seat.client.chars().map(plain).collect::<String>())
}

/// Goes there, says why, and remembers where the client came from.
async fn switch(tmux: &Tmux, seat: &Seat, target: &str, why: &str) -> Result<(), Failure> {
    let (client, option) = (seat.client.as_str(), option_of("back", seat));
    let words = ["show-option", "-gqv", &option, ";", "switch-client", "-c", client, "-t", target];
    let (kept, now) = tmux.seat_after(&words, client).await?;
    let origin = match kept.trim().split_once(' ') {
        // It came here by this command.
        Some((origin, arrived)) if arrived == seat.place => origin.to_owned(),
        _ => seat.place.clone(),
    };
    let kept = format!("{origin} {}", now.place);
    tmux.run_and_tell(&["set-option", "-g", &option, &kept, ";"], seat, why).await
}

/// The client's next keys are those of the table for repeated keys, for as long as tmux repeats keys. The keys
/// of a user who has pressed something else meanwhile, as the prefix, are left alone.
async fn repeat(tmux: &Tmux, seat: &Seat) -> Result<(), Failure> {
    let client = seat.client.as_str();
    let token = std::process::id().to_string();
    let option = option_of("repeat", seat);
    let now = tmux.seat(Some(client), None).await?;
    if !["root", TABLE].contains(&now.key_table.as_str()) {
        return Ok(());
    }
    let begin =
        ["set-option", "-g", &option, &token, ";", "switch-client", "-c", client, "-T", TABLE];
    tmux.run(&begin).await?;
    let time = tmux.run(&["show-option", "-gv", "repeat-time"]).await?;
    let time = time.trim().parse().map_or(MAX_REPEAT, Duration::from_millis);
    tokio::time::sleep(time.min(MAX_REPEAT)).await;
    if tmux.seat(Some(client), None).await?.key_table != TABLE {
        return Ok(());
    }
    // Another press of the key has its own time.
    let is_last = format!("#{{==:#{{{option}}},{token}}}");
    let end = format!("switch-client -c {} -T root", quote(client));
    tmux.run(&["if-shell", "-F", &is_last, &end]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ItemId, Origin, Timestamp, samples};

    fn item(n: u64, worker: &str, kind: ItemKind, at: u64) -> Item {
        let id = worker.parse().unwrap();
        Item { id: ItemId(n), ..Item::new(id, kind, Origin::State, Timestamp(at)) }
    }

    #[test]
    fn the_one_that_waits_longest_comes_first_and_then_the_next() {
        let workers = ["a", "b", "c", "d"].map(samples::worker);
        let items = [
            item(1, "c", ItemKind::Question, 30),
            item(2, "b", ItemKind::Review, 1),
            item(3, "a", ItemKind::Done, 20),
            item(4, "a", ItemKind::Permission, 40),
            item(5, "gone", ItemKind::Lost, 5),
        ];
        let check = |here: Option<&str>, want: &str| {
            let here = here.map(|it| it.parse().unwrap());
            let next = choose(items.iter(), &workers, here.as_ref());
            assert_eq!(next.map(|it| why(&it)).unwrap_or_default(), want, "{here:?}");
        };
        check(None, "a: done (1 of 2)");
        check(Some("b"), "a: done (1 of 2)");
        check(Some("a"), "c: question (2 of 2)");
        check(Some("c"), "a: done (1 of 2)");
        assert!(choose([].into_iter(), &workers, None).is_none());
    }
}
