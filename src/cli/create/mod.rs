//! `wtmag create`: checks everything that can be refused first; then creates the worktree, which is
//! undone unless the window is created; then waits for the receipt.
pub(in crate::cli) mod agent;
mod args;
pub(in crate::cli) mod build;
mod dry_run;
mod editor;
mod later;
mod many;
mod order;
mod repo_context;
mod report;
mod reserve;
mod resolution;
mod source;
mod undo;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use self::{
    build::{Created, Job},
    order::Order,
    repo_context::RepoContext,
    report::{CreateSummary, Told},
};
use super::{
    Context, Failure,
    approval::Wanted,
    leftovers,
    outcome::{self, Outcome, WaitPolicy, interrupt},
    progress::Progress,
};
use crate::{
    client::{Hub, Mirror},
    clock,
    git::{self, News, Run},
    model::WorkerId,
    proc::Cancel,
};

pub(crate) use args::Args;

/// A dialog that stays this long needs a human.
const DIALOG: Duration = Duration::from_secs(2);
/// The same if wtmag answers trust dialogs, which takes one verified key at a time.
const ANSWERED: Duration = Duration::from_secs(10);

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.reads_stdin() && io::stdin().is_terminal() {
        context.say("type the prompt, then press Ctrl-D on an empty line");
    }
    let (args, draft) = editor::fill(context, args)?;
    let done = run_all(context, args).await;
    match (&done, draft) {
        (Err(_), Some(draft)) => {
            let kept = draft.keep()?;
            done.map_err(|it| {
                it.hint(format!("your text is saved: pass `-f {}` to use it", kept.display()))
            })
        }
        (Ok(_), _) | (Err(_), None) => done,
    }
}

async fn run_all(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if !args.timing.is_now() {
        return later::run(context, args).await;
    }
    if let Some(tasks) = args.tasks()? {
        return many::run(context, &args, tasks).await;
    }
    let told = run_with(context, args).await?;
    if context.json() {
        context.print_json(&told.value)?;
    } else {
        context.print(&told.text)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_with(context: &Context, args: Args) -> Result<Told, Failure> {
    let checked = args.check(io::stdin())?;
    let cancel = context.cancel()?;
    let progress = Progress::new(&context.env);
    let repo = repo_context::repo(checked.args.project.as_deref())?;
    let task = source::resolve(&checked.asked, &repo, &progress, &cancel).await?;
    let mut order = checked.order(task)?;
    if let Some(note) = order.settle_base(&repo)? {
        progress.note(&note);
    }
    let repo_context = RepoContext::find(context, repo, &order).await?;
    if order.dry_run {
        return dry_run::describe(context, &repo_context, &order, &progress, &cancel).await;
    }
    let wanted = Wanted::find(
        context,
        &repo_context.repo,
        &repo_context.loaded,
        Some(&repo_context.agent.name),
    )?;
    if let Some(wanted) = wanted.filter(|_| order.hooks != git::Hooks::Yes) {
        wanted.ask(context, &cancel).await?;
    }
    let (hub, created) = make(context, &repo_context, &order, &progress, &cancel).await?;
    let id = created.worker.id.clone();
    let waiting = wait(&order, &created, hub, &progress, &cancel);
    // Only who waits anyway waits for the agent to print its version.
    let outcome = if order.wait.limit.is_some() {
        let (outcome, note) =
            tokio::join!(waiting, repo_context.agent.version_note(&repo_context.hub, &cancel));
        note.iter().for_each(|it| progress.note(it));
        outcome
    } else {
        waiting.await
    };
    let (hub, outcome) =
        outcome.map_err(|failure| failure.hint(format!("worker `{id}` was created")))?;
    drop(progress);
    let report = CreateSummary::new((context, hub), &repo_context, created, outcome).await?;
    report.finish(context, &order)
}

/// Everything up to the commit point.
async fn make(
    context: &Context,
    repo_context: &RepoContext,
    order: &Order,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(Hub, Created), Failure> {
    progress.step("connecting to the hub");
    let mut hub =
        interruptible(cancel, async { Ok(Hub::connect_or_start(&repo_context.hub).await?) })
            .await?;
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    for note in leftovers::clear(&repo_context.hub, &mut hub, &mut run).await? {
        progress.note(&note);
    }
    // The hub can refuse at once; the network would take seconds.
    let reserving = reserve::reserve(&mut hub, repo_context, order, progress);
    let fetching = source::fetch(repo_context, order, progress, cancel);
    let (reserved, fetched) = if order.queue {
        // After the wait, the task may be another one.
        let reserved = interruptible(cancel, reserving).await?;
        (reserved, interruptible(cancel, fetching).await?)
    } else {
        let both = async { tokio::try_join!(reserving, fetching) };
        interruptible(cancel, both).await?
    };
    if let Some(warning) = source::warning(&fetched.item) {
        progress.note(&warning);
    }
    let (fetched, started) = (&fetched, clock::now());
    let job = Job { context, repo_context, order, reserved, fetched, progress, cancel, started };
    let created = undo::build_or_undo(job, &mut hub).await?;
    Ok((hub, created))
}

/// Waits as requested, and returns the connection; no outcome if the user does not want to wait.
async fn wait(
    order: &Order,
    created: &Created,
    hub: Hub,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(Hub, Option<Outcome>), Failure> {
    let Some(limit) = order.wait.limit else { return Ok((hub, None)) };
    let id: &WorkerId = &created.worker.id;
    progress.step(format!("waiting for {} to accept the prompt", created.worker.agent.name));
    let mut mirror = Mirror::open(hub, vec![id.clone()]).await?;
    mirror.require(created.delivery).await?;
    let dialog = if created.worker.agent.trust { ANSWERED } else { DIALOG };
    let wait_policy = WaitPolicy {
        held: (!order.wait.through_dialogs).then_some(dialog),
        only_dialogs: true,
        until: order.wait.until.clone(),
        limit,
    };
    let delivery = (id.clone(), created.delivery);
    let outcome = outcome::wait(&mut mirror, delivery, &wait_policy, cancel).await?;
    Ok((mirror.into_hub(), Some(outcome)))
}

/// Does the work, unless the user cancels first.
async fn interruptible<T>(
    cancel: &Cancel,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = interrupt(cancel) => Err(Failure::interrupted()),
    }
}
