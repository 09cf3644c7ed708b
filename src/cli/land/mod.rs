//! `wtmag land`: checks everything that speaks against it, moves the target, removes the worker.
mod local;
mod look;
mod pull;
mod refuse;
mod report;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use clap::{Args as _, FromArgMatches as _};
use clap_complete::ArgValueCompleter;
use serde_json::json;

use self::report::Done;
use super::{
    Context, Failure, board, cleanup, complete,
    naming::{self, Purpose},
    progress::Progress,
    resolve, settings,
};
use crate::{
    client::Hub,
    config::{self, LandMode, LandNeed},
    git::{Repo, land::Mode},
    model::{Worker, WorkerId},
    proc::Cancel,
};

/// Merge a worker's work into its base branch, then remove the worker
///
/// The target branch receives the work. It is your local branch with the name of the worker's base (`main`, if the
/// worker was started from `origin/main`), or the one that `--into` names. If a worktree has the target branch
/// checked out, its files are updated, too. wtmag pushes nothing, and says what is left to push. It fetches only with
/// `--mode pr`. Issues and tickets are not closed.
///
/// wtmag checks everything before it changes anything. It refuses if the agent works on a turn, asks something or has
/// text in its input box, if a text waits to be delivered, if files are uncommitted, if the worker's branch conflicts
/// with the target branch, if the target branch is checked out in a worktree with uncommitted changes, and if
/// anything that `wtmag cleanup` protects would be lost.
///
/// Modes: `merge` makes a merge commit; `squash` one commit with all changes; `rebase` puts a copy of each commit on
/// top of the target branch; `ff` (fast-forward) moves the target branch to the worker's newest commit, and refuses
/// if the target branch has commits that the worker's branch does not have. `pr` has GitHub or GitLab merge the
/// worker's pull request, at exactly the commit that was checked, by the method that `pr` in `[land]` names; then
/// wtmag fetches the target branch. In every mode, the worker's own branch stays as it is until the worker is
/// removed. git's hooks for commits do not run; WorkTrunk's `pre-merge` and `post-merge` hooks do.
///
/// Several workers are landed one after the other, each on the result of the one before. The first one that cannot be
/// landed stops the rest; those before it stay landed.
///
/// If an agent runs `land`, or if it runs without a terminal, it needs `--yes`, and `agents = true` in `[land]` of
/// your own configuration.
///
/// Without an ID: the worker of the current worktree or tmux window.
///
/// With --json: an array of {"id", "into", "from": its commit before, "commit": after, "mode", "commits": […],
/// "already": it had the work before, "to_push": commits that the remote does not have, "removed": as in
/// `wtmag cleanup --json` or null, "notes": […]}. With --dry-run, nothing is removed, and "commit" is what it
/// would be.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// One or more workers
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::workers))]
    ids: Vec<String>,
    /// How: `merge`, `squash`, `rebase`, `ff` or `pr` [default: `mode` in `[land]`, else `merge`]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<LandMode>,
    /// More conditions, separated by commas: `pushed` (the remote has the worker's commits) and, with --mode pr,
    /// `checks` (none failed) and `approved`. `clean` (nothing uncommitted) and `idle` (the agent is not at work)
    /// always apply
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = need)]
    need: Vec<LandNeed>,
    /// The target branch [default: the local branch with the name of the worker's base]
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,
    /// Message of the merge or squash commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Edit that message in $EDITOR
    #[arg(short, long)]
    edit: bool,
    /// Keep the worker, its worktree and its branch
    #[arg(long)]
    keep: bool,
    /// Only with --mode pr: wait this long for checks that still run: `90s`, `30m`
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    wait: Option<Duration>,
    /// If there are conflicts, ask the agent to resolve them
    #[arg(long)]
    tell: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, and run WorkTrunk's hooks without approval
    #[arg(short, long)]
    yes: bool,
    /// The user allowed it when the run began.
    #[arg(skip)]
    of_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag land 456
  wtmag land docs prices --mode squash
  wtmag land 456 --into develop --keep
  wtmag land 456 --dry-run";

pub(in crate::cli) fn mode(text: &str) -> Result<LandMode, String> {
    Ok(match text {
        "merge" => LandMode::Merge,
        "squash" => LandMode::Squash,
        "rebase" => LandMode::Rebase,
        "ff" => LandMode::Ff,
        "pr" => LandMode::Pr,
        _ => return Err("modes are `merge`, `squash`, `rebase`, `ff` and `pr`".to_owned()),
    })
}

fn need(text: &str) -> Result<LandNeed, String> {
    Ok(match text {
        "clean" => LandNeed::Clean,
        "pushed" => LandNeed::Pushed,
        "checks" => LandNeed::Checks,
        "approved" => LandNeed::Approved,
        "idle" => LandNeed::Idle,
        _ => {
            return Err("it can be `clean`, `pushed`, `checks`, `approved` or `idle`".to_owned());
        }
    })
}

/// One `land` command.
struct Job<'a> {
    context: &'a Context,
    args: &'a Args,
    cancel: &'a Cancel,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let mut hub = context.hub().await?;
    let workers = match args.ids.as_slice() {
        [] => vec![resolve::own(context, &mut hub).await?],
        ids => resolve::workers(context, &mut hub, ids, Purpose::Change).await?,
    };
    workers.iter().try_for_each(|it| resolve::refuse_orchestrator(it, "land"))?;
    let progress = Progress::new(&context.env);
    cleanup::clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    drop(progress);
    let job = Job { context, args: &args, cancel: &cancel };
    let mut done: Vec<Done> = Vec::new();
    for (worker, n) in workers.iter().zip(1..) {
        match job.land(&mut hub, worker).await {
            Ok(it) => {
                it.say(context)?;
                done.push(it);
            }
            Err(failure) => return Err(stopped(failure, &done, workers.get(n..))),
        }
    }
    if context.json() {
        let all: Vec<_> = done.iter().map(Done::to_json).collect();
        context.print_json(&all)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lands the work of a task of a run. Returns the branch that has it now.
pub(in crate::cli) async fn for_run(
    context: &Context,
    id: &WorkerId,
    argv: &[String],
) -> Result<String, Failure> {
    let words = std::iter::once("land").chain(argv.iter().map(String::as_str));
    let command = Args::augment_args(clap::Command::new("land"));
    let args = Args::from_arg_matches(&command.try_get_matches_from(words)?)?;
    let args = Args { yes: true, of_run: true, ..args };
    let cancel = context.cancel()?;
    let mut hub = context.hub().await?;
    let progress = Progress::new(&context.env);
    cleanup::clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    drop(progress);
    let workers = resolve::present(&mut hub).await?;
    let Some(worker) = workers.iter().find(|it| it.id == *id) else {
        return Err(naming::missing(id.as_str()).hint(naming::SEE));
    };
    let job = Job { context, args: &args, cancel: &cancel };
    Ok(job.land(&mut hub, worker).await?.into)
}

/// Whether this caller may let a run land what its tasks bring.
pub(in crate::cli) fn may_land(context: &Context, land: &config::Land) -> Result<(), Failure> {
    if land.confirm {
        return Err(Failure::user(
            "`[land] confirm` asks before each landing, and a run cannot ask",
        )
        .hint("run the tasks without landing, then land each worker yourself: `wtmag land ID`"));
    }
    if is_human(context) || land.agents { Ok(()) } else { Err(not_a_human()) }
}

fn is_human(context: &Context) -> bool {
    io::stdin().is_terminal() && context.env.var("WTMAG_WORKER").is_none()
}

fn not_a_human() -> Failure {
    Failure::user("only a person in a terminal may land work")
        .hint("to let agents and scripts land: `agents = true` in `[land]` of your configuration")
}

/// One worker stopped the rest.
fn stopped(failure: Failure, done: &[Done], rest: Option<&[Worker]>) -> Failure {
    let rest = rest.unwrap_or_default();
    if done.is_empty() && rest.is_empty() {
        return failure;
    }
    let names = rest.iter().map(|it| format!("`{}`", it.id)).collect::<Vec<_>>().join(", ");
    let failure = failure.detail(json!({
        "landed": done.iter().map(Done::to_json).collect::<Vec<_>>(),
        "not_tried": rest.iter().map(|it| &it.id).collect::<Vec<_>>(),
    }));
    if rest.is_empty() { failure } else { failure.hint(format!("not tried: {names}")) }
}

impl Job<'_> {
    async fn land(&self, hub: &mut Hub, worker: &Worker) -> Result<Done, Failure> {
        let repo = Repo::discover(&worker.repo)?;
        let land = settings::load(self.context, Some(&repo))?.config.land;
        self.require_permission(&land)?;
        let mode = match self.args.mode.unwrap_or(land.mode) {
            LandMode::Merge => Some(Mode::Merge),
            LandMode::Squash => Some(Mode::Squash),
            LandMode::Rebase => Some(Mode::Rebase),
            LandMode::Ff => Some(Mode::Ff),
            LandMode::Pr => None,
        };
        let mut done = match mode {
            Some(mode) => local::land(self, hub, worker, (&repo, &land, mode)).await?,
            None => pull::land(self, hub, worker, (&repo, &land)).await?,
        };
        if !self.args.dry_run {
            let landed = board::Moment::Land;
            done.notes.extend(board::moved(self.context, &repo, worker, landed, self.cancel).await);
        }
        Ok(done)
    }

    /// Landing is a human's decision, unless the user has decided otherwise.
    fn require_permission(&self, land: &config::Land) -> Result<(), Failure> {
        if is_human(self.context) || self.args.dry_run || self.args.of_run {
            return Ok(());
        }
        if !land.agents {
            return Err(not_a_human());
        }
        if !self.args.yes {
            return Err(Failure::user("without a terminal, `land` needs `--yes`")
                .hint("`--dry-run` shows what would be done"));
        }
        Ok(())
    }

    fn need(&self, land: &config::Land) -> Vec<LandNeed> {
        self.args.need.iter().chain(&land.need).copied().collect()
    }
}
