//! Children of the hub: commands of this program, each with a job on its standard input.
//!
//! Knows how to start wtmag itself; decides nothing. git may run a project's filters, a forge may be slow, and
//! a repository may be locked. A child gets an allow-list of variables and says how it went. If the hub dies,
//! its successor starts the child again.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::state::{CleanedUp, PullQuestion};
use crate::{
    model::{Cleanup, Looked, Pulled, RunJob, RunOrder, Worker, error_chain},
    proc::{self, Cmd, Output},
    wire::{
        CleanupJob, CleanupResult, LookJob, MarkerJob, PullsAsked, PullsJob, RunJobResult,
        parse_looked, parse_pulled, write_run_job,
    },
};

/// Git may read a large worktree from a slow disk.
const LOOK_LIMIT: Duration = Duration::from_secs(120);
/// A removal may run slow project hooks.
const CLEANUP_LIMIT: Duration = Duration::from_secs(600);
/// A project's hooks may be slow, and so may the checks of a pull request.
const RUN_LIMIT: Duration = Duration::from_secs(3600);
/// Longest message of a child, in characters.
const MAX_SAID: usize = 500;

/// Starts the children of one hub.
#[derive(Clone, Debug)]
pub(super) struct Jobs {
    pub(super) program: PathBuf,
    pub(super) tmux_socket: PathBuf,
}

impl Jobs {
    pub(super) async fn look(self, job: LookJob) -> Result<Vec<Looked>, String> {
        let repo = job.workers.first().map(|it| it.repo.clone()).unwrap_or_default();
        let cmd = self.beside(&repo, "look-job").stdin(job.to_json()).limit(LOOK_LIMIT);
        run(cmd, |it| parse_looked(&it.stdout).ok()).await
    }

    pub(super) async fn ask_pulls(
        self,
        repo: &Path,
        asked: Vec<PullQuestion>,
    ) -> Result<Vec<Pulled>, String> {
        let one = |PullQuestion { worker, candidates, by_branch }| PullsAsked {
            worker: *worker,
            candidates,
            by_branch,
        };
        let job = PullsJob { asked: asked.into_iter().map(one).collect() };
        let cmd = self.beside(repo, "pulls-job").stdin(job.to_json()).limit(LOOK_LIMIT);
        run(cmd, |it| parse_pulled(&it.stdout).ok()).await
    }

    pub(super) async fn show_markers(self, job: &MarkerJob) -> Result<(), String> {
        let cmd = self.beside(&job.repo, "marker-job").stdin(job.to_json()).limit(LOOK_LIMIT);
        run(cmd, |it| it.is_success().then_some(())).await
    }

    /// The second half of a cleanup.
    pub(super) async fn clean_up(
        self,
        cleanup: Cleanup,
        worker: Worker,
    ) -> Result<CleanedUp, String> {
        let env = cleanup.env.clone();
        let cmd = self.beside(&worker.repo, "cleanup-job").envs(env).limit(CLEANUP_LIMIT);
        let job = CleanupJob::new(cleanup, worker).to_json();
        let result = run(cmd.stdin(job), |it| CleanupResult::parse(&it.stdout).ok()).await?;
        let CleanupResult { error, worktree_removed, branch_deleted, notes, .. } = result;
        error.map_or(Ok(CleanedUp { worktree_removed, branch_deleted, notes }), Err)
    }

    /// The work for a task of a run. For a landing, returns the branch that has the work now.
    pub(super) async fn run(self, job: RunJob, order: &RunOrder) -> Result<Option<String>, String> {
        let mut cmd = self.command(&order.dir, "run-job").args(["-S"]).args([&self.tmux_socket]);
        cmd = cmd.env_remove("WTMAG_WORKER").env_remove("WTMAG_PARENT");
        cmd = cmd.envs(order.env.iter().map(|(name, value)| (name, value)));
        if let Some(parent) = &order.parent {
            cmd = cmd.env("WTMAG_PARENT", parent.as_str());
        }
        let cmd = cmd.stdin(write_run_job(job)).limit(RUN_LIMIT);
        let result = run(cmd, |it| RunJobResult::parse(&it.stdout).ok()).await?;
        result.error.map_or(Ok(result.landed), Err)
    }

    /// Beside a repository, which may be gone.
    fn beside(&self, repo: &Path, verb: &str) -> Cmd<'static> {
        self.command(repo.parent().unwrap_or(Path::new("/")), verb)
    }

    fn command(&self, dir: &Path, verb: &str) -> Cmd<'static> {
        let dir = if dir.is_dir() { dir } else { Path::new("/") };
        Cmd::new(&self.program, dir).args([verb])
    }
}

/// Runs a child to its end; `read` takes the result from its output.
async fn run<T>(cmd: Cmd<'_>, read: impl FnOnce(&Output) -> Option<T>) -> Result<T, String> {
    let output = cmd.run(&proc::never()).await.map_err(|it| error_chain(&it))?;
    read(&output).ok_or_else(|| match output.stderr_text() {
        text if text.is_empty() => format!("the command ended with {}", output.status),
        text => text.chars().take(MAX_SAID).collect(),
    })
}
