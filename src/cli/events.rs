//! `wtmag events`.
use std::process::ExitCode;

use super::{Context, Failure, outcome::interrupt, resolve, unexpected};
use crate::{
    client::Hub,
    model::{Answer, Event, Request, WorkerId},
    wire::EventView,
};

/// Print all events as JSON lines
///
/// Each line is {"seq", "at", "worker", "kind", …}. `seq` rises by one with each event and never repeats.
/// To continue later where you stopped, pass the last `seq` that you read to `--since`. `wtmag help
/// programs` lists the kinds.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only events of this worker
    #[arg(long, value_name = "ID")]
    worker: Option<String>,
    /// Only events whose `seq` is greater than N
    #[arg(long, value_name = "N", default_value_t = 0)]
    since: u64,
    /// Keep printing new events
    #[arg(short, long)]
    follow: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag events --worker issue-456
  wtmag events --since 1200 --follow | jq -r 'select(.kind == \"turn\") | .worker'";

/// Most events in one answer.
const PAGE: u32 = 1000;

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let mut hub = context.hub_that_knows().await?;
    let worker = match &args.worker {
        Some(text) => Some(resolve::worker_or_ended(context, &mut hub, text).await?.id),
        None => None,
    };
    let mut log = Log { context, worker, last: args.since };
    if !args.follow {
        log.catch_up(&mut hub).await?;
        return Ok(ExitCode::SUCCESS);
    }
    drop(hub);
    tokio::select! {
        done = log.follow() => done.map(|never| match never {}),
        () = interrupt(&cancel) => Ok(ExitCode::SUCCESS),
    }
}

/// All stored events of a worker, oldest first.
pub(super) async fn load_all(hub: &mut Hub, worker: &WorkerId) -> Result<Vec<Event>, Failure> {
    load_after(hub, Some(worker), 0).await
}

/// All stored events after this number, oldest first; of one worker or of all.
pub(super) async fn load_after(
    hub: &mut Hub,
    worker: Option<&WorkerId>,
    mut since: u64,
) -> Result<Vec<Event>, Failure> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let ask = Request::Events { worker: worker.cloned(), since, limit: PAGE };
        let answer = hub.ask(ask).await?;
        let Answer::Events { events, last } = answer else { return Err(unexpected(&answer)) };
        if last == since {
            return Ok(all);
        }
        since = last;
        all.extend(events);
    }
}

enum Never {}

struct Log<'a> {
    context: &'a Context,
    worker: Option<WorkerId>,
    /// The number of the last printed event.
    last: u64,
}

impl Log<'_> {
    /// Prints all stored events.
    async fn catch_up(&mut self, hub: &mut Hub) -> Result<(), Failure> {
        loop {
            let ask =
                Request::Events { worker: self.worker.clone(), since: self.last, limit: PAGE };
            let answer = hub.ask(ask).await?;
            let Answer::Events { events, last } = answer else { return Err(unexpected(&answer)) };
            if last == self.last {
                return Ok(());
            }
            events.iter().try_for_each(|event| self.print(event))?;
            self.last = last;
        }
    }

    /// Subscribes before it catches up, so that no event is missed. A hub that goes away is started
    /// again.
    async fn follow(&mut self) -> Result<Never, Failure> {
        loop {
            let workers = self.worker.iter().cloned().collect();
            let (mut live, _) =
                self.context.hub_that_answers(Request::Subscribe { workers }).await?;
            self.catch_up(&mut live).await?;
            loop {
                match live.event().await {
                    Ok(event) if event.seq > self.last => self.print(&event)?,
                    Ok(_) => {}
                    Err(error) if error.is_gone() => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    fn print(&mut self, event: &Event) -> Result<(), Failure> {
        self.context.print_json(&EventView::from(event))?;
        self.last = event.seq;
        Ok(())
    }
}
