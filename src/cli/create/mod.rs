//! `wtmag create`: checks everything that can be refused first; then creates the worktree, which is
//! undone unless the window is created; then waits for the receipt.
pub(in crate::cli) mod agent;
mod args;
pub(in crate::cli) mod build;
mod changes;
mod dry_run;
mod editor;
mod fork;
mod later;
mod many;
mod options;
mod repo_context;
mod report;
mod reserve;
mod resolution;
mod source;
mod undo;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::{Args as _, FromArgMatches as _};

use self::{
    build::{BuildError, Created, Job},
    changes::WithChanges,
    fork::Fork,
    options::CreateOptions,
    repo_context::RepoContext,
    report::{CreateSummary, Told},
};
use super::{
    Context, Failure,
    approval::Wanted,
    board, leftovers,
    outcome::{self, Outcome, WaitPolicy, interrupt},
    progress::Progress,
};
use crate::{
    client::{Hub, Mirror},
    clock,
    git::{self, News, Repo, Run},
    model::WorkerId,
    proc::Cancel,
    text::one_line,
};

pub(crate) use args::Args;
pub(in crate::cli) use args::{OfRun, TaskFlags};
pub(in crate::cli) use repo_context::repo;

/// Longest title of a task, in characters.
const MAX_TITLE: usize = 100;

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

/// The arguments of a later `create`, checked as far as possible now, and its task in a line.
pub(in crate::cli) fn check(argv: &[String]) -> Result<String, Failure> {
    let checked = parse(argv)?.check(io::empty())?;
    Ok(match checked.asked {
        options::Asked::Prompt(text) => one_line(&text, MAX_TITLE),
        options::Asked::Kept(task) => format!("{} {}", task.spec.flag, task.text),
    })
}

/// Creates the worker for a task of a run.
pub(in crate::cli) async fn for_run(
    context: &Context,
    argv: &[String],
    of_run: OfRun,
) -> Result<(), Failure> {
    let args = Args { of_run: Some(of_run), no_wait: true, ..parse(argv)? };
    run_with(context, args).await.map(drop)
}

fn parse(argv: &[String]) -> Result<Args, Failure> {
    let words = std::iter::once("create").chain(argv.iter().map(String::as_str));
    let command = Args::augment_args(clap::Command::new("create"));
    let matches = command.try_get_matches_from(words).map_err(no_usage)?;
    Args::from_arg_matches(&matches).map_err(no_usage)
}

/// Only what is wrong, without the usage of a command that was not typed.
fn no_usage(error: clap::Error) -> Failure {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Failure::usage(line.to_owned())
}

/// The commit that is checked out in the current worktree.
pub(in crate::cli) fn head(repo: &Repo) -> Result<String, Failure> {
    Ok(options::head(repo)?.0)
}

async fn run_with(context: &Context, args: Args) -> Result<Told, Failure> {
    let (fork, args) = Fork::find(context, args).await?;
    let with_changes = WithChanges::of(&args);
    let checked = args.check(io::stdin())?;
    let cancel = context.cancel()?;
    let progress = Progress::new(&context.env);
    let repo = repo(checked.args.project.as_deref())?;
    let task = source::resolve(&checked.asked, &repo, &progress, &cancel).await?;
    let mut options = checked.options(task)?;
    options.base = options.base.or_else(|| fork.as_ref().map(|it| it.tip.clone()));
    options.fork = fork;
    if let Some(carried) = with_changes.wanted(&repo, &options, &progress, &cancel).await? {
        options.base = Some(carried.head.clone());
        options.carried = Some(carried);
    }
    if let Some(note) = options.settle_base(&repo)? {
        progress.note(&note);
    }
    let repo_context = RepoContext::find(context, repo, &options).await?;
    approve_source(context, &repo_context, &options, &cancel).await?;
    if options.dry_run {
        return dry_run::describe(context, &repo_context, &options, &progress, &cancel).await;
    }
    let wanted =
        Wanted::find(context, &repo_context.repo, &repo_context.loaded, &repo_context.agent.name)?;
    if let Some(wanted) = wanted.filter(|_| options.hooks != git::Hooks::Yes) {
        wanted.ask(context, &cancel).await?;
    }
    let (hub, mut created) = make(context, &repo_context, &options, &progress, &cancel).await?;
    let id = created.worker.id.clone();
    let repo = &repo_context.repo;
    let moving = board::moved(context, repo, &created.worker, board::Moment::Start, &cancel);
    let waiting = wait(&options, &created, hub, &progress, &cancel);
    let waiting = async {
        let (outcome, note) = tokio::join!(waiting, moving);
        note.iter().for_each(|it| progress.note(it));
        outcome
    };
    // Only who waits anyway waits for the agent to print its version.
    let outcome = if options.wait.limit.is_some() {
        let (outcome, note) =
            tokio::join!(waiting, repo_context.agent.version_note(&repo_context.hub, &cancel));
        note.iter().for_each(|it| progress.note(it));
        outcome
    } else {
        waiting.await
    };
    if let (Some(carried), Some(journal)) = (&options.carried, created.journal.take()) {
        let is_gone = matches!(outcome, Ok((_, Some(Outcome::Gone))));
        changes::take_away(carried, journal, is_gone, &progress).await?;
    }
    let (hub, outcome) =
        outcome.map_err(|failure| failure.hint(format!("worker `{id}` was created")))?;
    drop(progress);
    let report = CreateSummary::new((context, hub), &repo_context, created, outcome).await?;
    report.finish(context, &options)
}

/// A repository's command that prints the task runs only once approved, in a dry run, too.
async fn approve_source(
    context: &Context,
    repo_context: &RepoContext,
    options: &CreateOptions,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let options::Task::Kept(task) = &options.task else { return Ok(()) };
    let (repo, loaded) = (&repo_context.repo, &repo_context.loaded);
    let wanted = Wanted::source(context, repo, loaded, task.kind.name())?;
    match wanted.filter(|_| options.hooks != git::Hooks::Yes) {
        Some(wanted) => wanted.ask(context, cancel).await,
        None => Ok(()),
    }
}

/// How often another command may take the name of a branch before a worker gets one.
const MAX_NAMES: usize = 10;

/// Everything up to the commit point.
async fn make(
    context: &Context,
    repo_context: &RepoContext,
    options: &CreateOptions,
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
    let reserving = reserve::reserve(&mut hub, repo_context, options, progress);
    let fetching = source::fetch(repo_context, options, progress, cancel);
    let (mut reserved, fetched) = if options.queue {
        // After the wait, the task may be another one.
        let reserved = interruptible(cancel, reserving).await?;
        (reserved, interruptible(cancel, fetching).await?)
    } else {
        let both = async { tokio::try_join!(reserving, fetching) };
        interruptible(cancel, both).await?
    };
    if let Some(warning) = source::warning(&options.task, &fetched.item) {
        progress.note(&warning);
    }
    let (fetched, started) = (&fetched, clock::now());
    let mut n_left = MAX_NAMES;
    loop {
        let job =
            Job { context, repo_context, options, reserved, fetched, progress, cancel, started };
        match undo::build_or_undo(job, &mut hub).await {
            Ok(created) => return Ok((hub, created)),
            Err(BuildError::Taken(_)) if n_left > 0 => n_left -= 1,
            Err(
                BuildError::Before(failure)
                | BuildError::Taken(failure)
                | BuildError::Unsure(failure),
            ) => return Err(failure),
        }
        let again = reserve::reserve(&mut hub, repo_context, options, progress);
        reserved = interruptible(cancel, again).await?;
    }
}

/// Waits as requested, and returns the connection; no outcome if the user does not want to wait.
async fn wait(
    options: &CreateOptions,
    created: &Created,
    hub: Hub,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(Hub, Option<Outcome>), Failure> {
    let Some(limit) = options.wait.limit else { return Ok((hub, None)) };
    let id: &WorkerId = &created.worker.id;
    progress.step(format!("waiting for {} to accept the prompt", created.worker.agent.name));
    let mut mirror = Mirror::open(hub, vec![id.clone()]).await?;
    mirror.require(created.delivery).await?;
    let dialog = outcome::needs_human_after(&created.worker.agent);
    let wait_policy = WaitPolicy {
        held: (!options.wait.through_dialogs).then_some(dialog),
        only_dialogs: true,
        until: options.wait.until.clone(),
        limit,
    };
    let delivery = (id.clone(), created.delivery);
    let outcome = outcome::wait(&mut mirror, delivery, &wait_policy, (progress, cancel)).await?;
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
