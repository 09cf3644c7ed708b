//! `wtmag inbox`.
mod view;
mod wait;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;

use super::{
    Context, Failure, message,
    message::How,
    mine::Me,
    outcome::{self, Outcome, WaitPolicy},
    progress::Progress,
    receipt, texts, unexpected,
};
use crate::{
    client::{Hub, Mirror},
    model::{Answer, InboxQuery, Item, ItemId, NewDelivery, Request, Worker, WorkerId},
    sources::prompt,
};

/// List what needs attention: questions, reports, dialogs, failures
///
/// Lists the items of the current project, the oldest first. An item about a state (a dialog, a limit, an agent that
/// has ended) disappears when the state ends. A message of a worker (done, failed, blocked, question) stays until
/// `inbox ack` or `inbox reply`. `inbox ack` hides an item of either kind. If the worker gets into the same state
/// again later, there is a new item.
///
/// With numbers, prints these items in full.
///
/// With --json: an array of {"n", "worker", "kind", "at", "text", "choices", "pr", …}; fields without a value
/// are left out.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Print these items in full
    #[arg(value_name = "N")]
    items: Vec<u64>,
    /// Only items of your workers. In a worker's worktree or window, these are the workers that it created or
    /// adopted; elsewhere, those that were created or adopted in this tmux pane
    #[arg(long, conflicts_with = "all")]
    mine: bool,
    /// List the items of every project
    #[arg(long)]
    all: bool,
    /// Wait for a new item and print what is new; at most for D (`90s`, `5m`, `2h`)
    #[arg(
        long, value_name = "D", num_args = 0..=1, require_equals = true, default_missing_value = "",
        value_parser = limit, conflicts_with = "items"
    )]
    wait: Option<Limit>,
    /// Only items with a number above N
    #[arg(long, value_name = "N")]
    since: Option<u64>,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Acknowledge items: the inbox no longer lists them
    Ack(Ack),
    /// Reply to a worker's message
    ///
    /// The text is sent to the worker, as by `wtmag send`. To answer a dialog, use `wtmag answer`.
    Reply(Reply),
}

#[derive(clap::Args)]
struct Ack {
    /// Numbers of items, as `wtmag inbox` prints them
    #[arg(value_name = "N", required_unless_present = "all", conflicts_with = "all")]
    items: Vec<u64>,
    /// Every item of the current project; those of other projects stay
    #[arg(long)]
    all: bool,
}

#[derive(clap::Args)]
struct Reply {
    /// Number of the item, as `wtmag inbox` prints it
    #[arg(value_name = "N")]
    item: u64,
    /// The answer; `-` reads it from standard input
    #[arg(value_name = "TEXT", value_parser = texts::read)]
    text: String,
}

/// How long to wait; `None`: without a limit.
type Limit = Option<Duration>;

fn limit(text: &str) -> Result<Limit, String> {
    if text.is_empty() { Ok(None) } else { super::duration(text).map(Some) }
}

const EXAMPLES: &str = "\
Examples:
  wtmag inbox
  wtmag inbox 7
  wtmag inbox reply 7 \"Use Postgres\"
  wtmag inbox ack 6 8
  wtmag inbox --wait=30m --since 8

With --wait, pass `--since N`: the last item that you have seen. You miss no item then. Without
`--since`, the wait ends only with an item that comes after the command began.

Exit codes: 0 ok; 4 with --wait: nothing new came in time.";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Some(Verb::Ack(ack)) => ack.run(context).await,
        Some(Verb::Reply(reply)) => reply.run(context).await,
        None => list(context, &args).await,
    }
}

async fn list(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let scope = Scope::of(context, args).await?;
    if let Some(limit) = args.wait {
        let since = args.since.map(ItemId);
        let (mut hub, found) = wait::new_items(context, &scope, since, limit).await?;
        let code = view::print(context, &found)?;
        found.tell_read(context, &mut hub).await?;
        return Ok(code);
    }
    let Some(mut hub) = context.hub_to_look().await? else {
        return view::print(context, &Found::default());
    };
    if args.items.is_empty() {
        let since = ItemId(args.since.unwrap_or_default());
        let mut found = Found::all(context, &mut hub, false).await?;
        found.keep(&scope, since);
        let code = view::print(context, &found)?;
        found.tell_read(context, &mut hub).await?;
        // The next one has the answer.
        hub.ask(Request::Pulls { repo: scope.project, waits: false }).await?;
        return Ok(code);
    }
    let ids: Vec<ItemId> = args.items.iter().copied().map(ItemId).collect();
    let found = Found::named(&mut hub, &ids).await?;
    view::print_full(context, &found)
}

/// Whose items are shown.
#[derive(Clone, Debug, Default)]
struct Scope {
    /// The common git dir of the project.
    project: Option<PathBuf>,
    /// Only of workers that this one made.
    me: Option<Me>,
}

impl Scope {
    async fn of(context: &Context, args: &Args) -> Result<Self, Failure> {
        if args.mine {
            let mut hub = context.hub_that_knows().await?;
            return Ok(Self { project: None, me: Some(Me::find(context, &mut hub).await?) });
        }
        Ok(if args.all { Self::default() } else { Self::here(context) })
    }

    /// The current project.
    fn here(context: &Context) -> Self {
        Self { project: context.project(), me: None }
    }

    /// Something that is about no worker.
    fn is_about(&self, repo: Option<&Path>) -> bool {
        let is_here = |it: &PathBuf| repo.is_none_or(|repo| repo == it);
        self.project.as_ref().is_none_or(is_here)
    }

    fn has(&self, worker: &Worker) -> bool {
        let is_mine = self.me.as_ref().is_none_or(|it| it.made(worker));
        is_mine && self.project.as_ref().is_none_or(|it| worker.repo == *it)
    }
}

/// Items with their workers.
#[derive(Debug, Default)]
struct Found {
    items: Vec<Item>,
    workers: BTreeMap<WorkerId, Worker>,
    /// Number of the newest item of all.
    last: ItemId,
    /// Those that the agent in this pane is to hear of.
    untold: BTreeSet<ItemId>,
}

impl Found {
    /// What is shown. `waits`: the caller waits for more.
    async fn all(context: &Context, hub: &mut Hub, waits: bool) -> Result<Self, Failure> {
        let reader = context.caller()?;
        Self::asked(hub, InboxQuery { reader, waits, ..InboxQuery::default() }).await
    }

    async fn named(hub: &mut Hub, ids: &[ItemId]) -> Result<Self, Failure> {
        let query = InboxQuery { items: ids.to_vec(), ..InboxQuery::default() };
        let found = Self::asked(hub, query).await?;
        match ids.iter().find(|id| found.items.iter().all(|it| it.id != **id)) {
            Some(id) => Err(Failure::user(format!("there is no open item {id} in the inbox"))
                .hint("`wtmag inbox` lists them")),
            None => Ok(found),
        }
    }

    async fn asked(hub: &mut Hub, query: InboxQuery) -> Result<Self, Failure> {
        let answer = hub.ask(Request::Inbox(query)).await?;
        let Answer::Items { items, workers, last, untold, .. } = answer else {
            return Err(unexpected(&answer));
        };
        let workers = workers.into_iter().map(|it| (it.id.clone(), it)).collect();
        Ok(Self { items, workers, last, untold: untold.into_iter().collect() })
    }

    /// The agent in this pane need not be told what was printed.
    async fn tell_read(&self, context: &Context, hub: &mut Hub) -> Result<(), Failure> {
        let printed = self.items.iter().map(|it| it.id);
        let items: Vec<ItemId> = printed.filter(|id| self.untold.contains(id)).collect();
        let reader = context.caller()?.filter(|_| !items.is_empty());
        if reader.is_some() {
            Self::asked(hub, InboxQuery { items, reader, ..InboxQuery::default() }).await?;
        }
        Ok(())
    }

    fn keep(&mut self, scope: &Scope, since: ItemId) {
        let Self { items, workers, .. } = self;
        items.retain(|item| {
            let is_here = match workers.get(&item.worker) {
                Some(worker) => scope.has(worker),
                None => scope.is_about(item.repo.as_deref()),
            };
            item.id > since && is_here
        });
    }

    fn worker_of(&self, item: &Item) -> Option<&Worker> {
        self.workers.get(&item.worker)
    }

    fn is_one_project(&self) -> bool {
        let mut repos = self.workers.values().map(|it| &it.repo);
        let first = repos.next();
        repos.all(|it| Some(it) == first)
    }
}

impl Ack {
    async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let mut hub = context.hub_that_knows().await?;
        let items: Vec<ItemId> = if self.all {
            let scope = Scope::here(context);
            let mut found = Found::all(context, &mut hub, false).await?;
            found.keep(&scope, ItemId::default());
            found.items.iter().map(|it| it.id).collect()
        } else {
            self.items.into_iter().map(ItemId).collect()
        };
        if !items.is_empty() {
            let answer = hub.ask(Request::Ack { items: items.clone() }).await?;
            let Answer::Done = answer else { return Err(unexpected(&answer)) };
        }
        if context.json() {
            context.print_json(&json!({ "acked": items }))?;
        } else {
            let names: Vec<String> = items.iter().map(ToString::to_string).collect();
            let what = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            context.say(&format!("acknowledged: {what}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How long `reply` watches the delivery, and a hold that it reports.
const LOOK: Duration = Duration::from_secs(15);
const HELD: Duration = Duration::from_secs(1);

impl Reply {
    async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let text = prompt::read(&self.text, std::io::stdin())?;
        let (item, cancel) = (ItemId(self.item), context.cancel()?);
        let mut hub = context.hub_that_knows().await?;
        let found = Found::named(&mut hub, &[item]).await?;
        let Some(worker) = found.workers.values().next() else {
            return Err(Failure::user(format!("the worker of item {item} was removed")));
        };
        let text: NewDelivery = message::compose(worker, &text, How::default())?;
        let id = worker.id.clone();
        let mut mirror = Mirror::open(hub, vec![id.clone()]).await?;
        let answer = mirror.hub().ask(Request::Reply { item, text }).await?;
        let Answer::Queued { delivery, .. } = answer else { return Err(unexpected(&answer)) };
        let number = delivery.id;
        mirror.want(delivery);
        let policy = WaitPolicy { held: Some(HELD), limit: Some(LOOK), ..WaitPolicy::default() };
        let progress = Progress::new(&context.env);
        progress.step("waiting for the receipt");
        let by = (&progress, &cancel);
        let outcome = outcome::wait(&mut mirror, (id.clone(), number), &policy, by).await?;
        drop(progress);
        mirror.refresh().await?;
        let receipt = mirror.known.deliveries.remove(&number);
        if context.json() {
            super::receipts::print(context, receipt.as_slice())?;
        } else if let Some(receipt) = &receipt {
            context.print(&format!("{id}  #{number} {}\n", receipt::line(receipt)))?;
        }
        match outcome {
            Outcome::Failed | Outcome::Gone => {
                Err(Failure::user("the answer was not delivered; the item stays open"))
            }
            Outcome::Interrupted => Err(Failure::interrupted()),
            Outcome::Accepted
            | Outcome::Reached
            | Outcome::Held
            | Outcome::Ran
            | Outcome::TimedOut => Ok(ExitCode::SUCCESS),
        }
    }
}
