//! `wtmag cleanup`: looks whether anything would be lost, then has the hub do it.
mod finish;

use std::{
    ffi::OsString,
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use serde_json::json;

use super::{
    Context, Failure,
    progress::Progress,
    resolve::{Enough, Target},
    unexpected,
};
use crate::{
    client::Hub,
    git::{self, Loss, Losses, News, Repo, RepoLock, Run, Subject},
    model::{Answer, Ask, Cleanup, Turn, Worker},
    proc::{Cancel, Cmd},
};

/// Drop a worker: its window, its worktree and the branch that was made for it
///
/// Refuses when something exists nowhere else, and names it: uncommitted and untracked files,
/// commits that no remote and no other branch has, stashes made there, a running turn, programs at
/// work in the worktree. A branch that was there before is kept. An open pull request stays open.
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
    let worker = args.target.worker_or_own(context, &mut hub, Enough::Prefix).await?;
    let progress = Progress::new(&context.env);
    let cancel = context.cancel()?;
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
    confirm(context, &args, &worker)?;
    drop_it(context, &mut hub, &args, &worker).await
}

/// Everything that would be lost with the worktree and, if it goes, the branch.
async fn look(
    context: &Context,
    worker: &Worker,
    args: &Args,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Losses, Failure> {
    // A repository that is gone takes its worktrees with it: there is nothing left to lose.
    if !worker.repo.exists() {
        return Ok(Losses::default());
    }
    let repo = Repo::discover(&worker.repo)?;
    let branch = (worker.branch_made && !args.keep_branch).then_some(worker.branch.as_str());
    let known = known_processes(context, worker, cancel).await?;
    let subject = Subject { path: &worker.worktree, branch, known: &known };
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let lock = RepoLock::acquire(&repo, &mut run).await?;
    Ok(git::losses(&repo, &lock, &subject, &mut run).await?)
}

/// What may be in the worktree: the panes that go with its window, and the terminal we are called
/// from.
async fn known_processes(
    context: &Context,
    worker: &Worker,
    cancel: &Cancel,
) -> Result<Vec<u32>, Failure> {
    let own = nix::unistd::getsid(None).ok().and_then(|it| u32::try_from(it.as_raw()).ok());
    let mut known: Vec<u32> = own.into_iter().collect();
    if !worker.place.gone {
        let socket = context.whereabouts()?.tmux_socket;
        let window = worker.place.window.to_string();
        let server = [OsString::from("-N"), "-S".into(), socket.into(), "list-panes".into()];
        let panes = ["-t".into(), window.into(), "-F".into(), "#{pane_pid}".into()];
        let cmd = Cmd::new("tmux", Path::new("/")).args(server.iter().chain(&panes));
        let listed = cmd.run(cancel).await?.stdout_text();
        known.extend(listed.lines().filter_map(|it| it.parse::<u32>().ok()));
    }
    Ok(known)
}

/// What would be lost, in words.
fn phrases(worker: &Worker, losses: &Losses) -> Vec<String> {
    let turn = &worker.state.turn.value;
    let is_busy = worker.is_live() && (turn.is_busy() || matches!(turn, Turn::Waiting(_)));
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
fn confirm(context: &Context, args: &Args, worker: &Worker) -> Result<(), Failure> {
    if args.yes || args.target.given()?.is_some() {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::user(format!("this would drop `{}`, which was not named", worker.id))
            .hint(format!("`wtmag cleanup {}`, or pass --yes", worker.id)));
    }
    context.ask_user(&format!("Drop {} ({})? [y/N] ", worker.id, worker.worktree.display()));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
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
) -> Result<ExitCode, Failure> {
    let vars = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), context.env.var(name)?.to_str()?.to_owned())));
    let cleanup = Cleanup {
        id: worker.id.clone(),
        force: args.force,
        keep_branch: args.keep_branch,
        env: vars.collect(),
    };
    let progress = Progress::new(&context.env);
    progress.step(format!("dropping {}", worker.id));
    // In the worker's own window this is where we end, with the window; the hub goes on.
    let answer = hub.ask_within(Ask::Cleanup(cleanup), LIMIT).await?;
    drop(progress);
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
    let worktree = if worktree_removed { "worktree removed" } else { "no worktree to remove" };
    let branch = if branch_deleted { "deleted" } else { "kept" };
    context.print(&format!("{}  {worktree}, branch {} {branch}\n", worker.id, worker.branch))?;
    Ok(ExitCode::SUCCESS)
}
