//! `wtmag cleanup`: looks whether anything would be lost, then has the hub do it.
mod finish;
mod panes;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;

use super::{
    Context, Failure, leftovers, naming::Purpose, outcome::interrupt, progress::Progress,
    resolve::Target, unexpected,
};
use crate::{
    client::{self, Hub},
    git::{self, Loss, Losses, News, Repo, RepoLock, Run, Subject},
    model::{AgentState, Answer, Cleanup, RefusalKind, Request, Worker},
    proc::Cancel,
};

/// Drop a worker: its window, its worktree and the branch that was made for it
///
/// Refuses when something exists nowhere else, and names it: uncommitted and untracked files,
/// commits that no remote and no other branch has (of submodules too), stashes made there, a running
/// turn, programs at work in the worktree or in another pane of its window. A branch and a worktree
/// that were there before are kept. An open pull request stays open.
///
/// Without an ID: the worker in whose window or worktree this is called.
///
/// With --json: {"id", "worktree_removed", "branch_deleted", "branch", "pr", "notes": […]}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Drop it with all that would be lost
    #[arg(short, long)]
    force: bool,
    /// Keep the branch
    #[arg(long)]
    keep_branch: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// The second half, run by the hub once the window is closed; reads its job from stdin
    #[arg(long, hide = true)]
    finish: bool,
}

/// Worktrees of size and the project's own hooks take their time.
const LIMIT: Duration = Duration::from_secs(900);

/// Variables that the hooks of a removal, git and WorkTrunk may need. Never all: no secrets.
const PASSED_ON: [&str; 19] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "WORKTRUNK_CONFIG_PATH",
];

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.finish {
        return finish::run(context).await;
    }
    let mut hub = context.hub().await?;
    let worker = args.target.worker_or_own(context, &mut hub, Purpose::Change).await?;
    let progress = Progress::new(&context.env);
    let cancel = context.cancel()?;
    clear_leftovers(context, &mut hub, &progress, &cancel).await?;
    progress.step(format!("looking at what {} holds", worker.id));
    let losses = look(context, &worker, &args, &progress, &cancel).await?;
    drop(progress);
    let lost = phrases(&worker, &losses);
    if !lost.is_empty() && !args.force {
        return Err(refusal(&worker, &lost));
    }
    lost.iter().for_each(|it| context.say(&format!("dropping {it}")));
    if let Some(pr) = &worker.pr {
        context.say(&format!("note: its pull request stays as it is: {pr}"));
    }
    confirm(context, &args, &worker, &cancel).await?;
    drop_it(context, &mut hub, &args, &worker, &cancel).await
}

/// What a `create` that was killed left may be in the way, such as a lock of git's.
async fn clear_leftovers(
    context: &Context,
    hub: &mut Hub,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let notes = leftovers::clear(&context.whereabouts()?, hub, &mut run).await?;
    notes.iter().for_each(|it| progress.note(it));
    Ok(())
}

/// Everything that would be lost with the worktree and, if it goes, the branch.
async fn look(
    context: &Context,
    worker: &Worker,
    args: &Args,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Losses, Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let panes = panes::look(context, worker, &run).await?;
    // A repository that is gone takes its worktrees with it, and a worktree that stays keeps all.
    let mut losses = Losses::default();
    if worker.repo.exists() && worker.worktree_made {
        let repo = Repo::discover(&worker.repo)?;
        let branch = (worker.branch_made && !args.keep_branch).then_some(worker.branch.as_str());
        let (path, git_dir) = (&worker.worktree, &worker.git_dir);
        let subject = Subject { path, git_dir, branch, known: &panes.known };
        let lock = RepoLock::acquire(&repo, &mut run).await?;
        losses = git::losses(&repo, &lock, &subject, &mut run).await?;
    }
    losses.list.extend(panes.busy);
    Ok(losses)
}

/// What would be lost, in words.
fn phrases(worker: &Worker, losses: &Losses) -> Vec<String> {
    let turn = &worker.state.turn.value;
    let is_busy = worker.is_live() && (turn.is_busy() || matches!(turn, AgentState::Waiting(_)));
    let busy = is_busy.then(|| format!("a running turn: the agent is `{}`", worker.state.word()));
    losses.list.iter().map(Loss::to_string).chain(busy).collect()
}

fn refusal(worker: &Worker, lost: &[String]) -> Failure {
    let (id, path) = (&worker.id, worker.worktree.display());
    Failure::user(format!("`{id}` has what exists nowhere else"))
        .quote(lost)
        .hint(format!("look at it in `{path}`, or `wtmag attach {id}`"))
        .hint(format!("`wtmag cleanup {id} --force` drops it all the same"))
        .detail(json!({ "losses": lost }))
}

/// Only who did not name the worker is asked.
async fn confirm(
    context: &Context,
    args: &Args,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if args.yes || args.target.given()?.is_some() {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::user(format!("this would drop `{}`, which was not named", worker.id))
            .hint(format!("`wtmag cleanup {}`, or pass --yes", worker.id)));
    }
    let what = if worker.worktree_made { "" } else { " but for its worktree" };
    let path = worker.worktree.display();
    context.ask_user(&format!("Drop {} ({path}){what}? [y/N] ", worker.id));
    let line = context.read_line(cancel).await?;
    if ["y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::user("nothing was dropped"))
}

async fn drop_it(
    context: &Context,
    hub: &mut Hub,
    args: &Args,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<ExitCode, Failure> {
    let answer = ask(context, hub, args, worker, cancel).await?;
    let Answer::CleanedUp { worktree_removed, branch_deleted, notes } = answer else {
        return Err(unexpected(&answer));
    };
    if context.json() {
        context.print_json(&json!({
            "id": worker.id, "worktree_removed": worktree_removed,
            "branch_deleted": branch_deleted, "branch": worker.branch, "pr": worker.pr,
            "notes": notes,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    let worktree = match worktree_removed {
        true => "worktree removed",
        false if worker.worktree.exists() => "worktree kept",
        false => "no worktree to remove",
    };
    let branch = if branch_deleted { "deleted" } else { "kept" };
    context.print(&format!("{}  {worktree}, branch {} {branch}\n", worker.id, worker.branch))?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(
    context: &Context,
    hub: &mut Hub,
    args: &Args,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<Answer, Failure> {
    let id = &worker.id;
    let vars = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), context.env.var(name)?.to_str()?.to_owned())));
    let cleanup = Cleanup {
        id: id.clone(),
        force: args.force,
        keep_branch: args.keep_branch,
        env: vars.collect(),
    };
    let progress = Progress::new(&context.env);
    progress.step(format!("dropping {id}"));
    // In the worker's own window this is where we end, with the window; the hub goes on.
    let asked = hub.ask_within(Request::Cleanup(cleanup), LIMIT);
    let answer = tokio::select! {
        answer = asked => answer,
        () = interrupt(cancel) => {
            let hint = format!("the hub goes on; `wtmag events --worker {id}` tells what comes of it");
            return Err(Failure::interrupted().hint(hint));
        }
    };
    answer.map_err(|error| {
        let is_half =
            matches!(&error, client::Error::Refused(it) if it.kind == RefusalKind::NotNow);
        let failure = Failure::from(error);
        if is_half {
            failure
                .hint(format!("mend that, then `wtmag cleanup {id}` goes on"))
                .hint(format!("`wtmag cleanup {id} --force` drops it all the same"))
        } else {
            failure
        }
    })
}
