//! Children of the hub that work for tasks of runs: they create workers and land their work.
//!
//! Knows how to start wtmag itself; decides nothing. A child gets an allow-list of variables and says
//! how it went. If the hub dies, its successor starts the child again.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::state::Count;
use crate::{
    git,
    model::{RunJob, RunOrder, error_chain},
    proc::{self, Cmd},
    wire::{RunJobResult, write_run_job},
};

/// A project's hooks may be slow, and so may the checks of a pull request.
const LIMIT: Duration = Duration::from_secs(3600);
/// Longest message of a child, in characters.
const MAX_SAID: usize = 500;

/// Runs the child to its end. For a landing, returns the branch that has the work now.
pub(super) async fn run(
    (program, tmux_socket): (PathBuf, PathBuf),
    job: RunJob,
    order: &RunOrder,
) -> Result<Option<String>, String> {
    let dir = if order.dir.is_dir() { &order.dir } else { Path::new("/") };
    let mut cmd = Cmd::new(program, dir).args(["run-job", "-S"]).args([tmux_socket]);
    cmd = cmd.env_remove("WTMAG_WORKER").env_remove("WTMAG_PARENT");
    cmd = cmd.envs(order.env.iter().map(|(name, value)| (name, value)));
    if let Some(parent) = &order.parent {
        cmd = cmd.env("WTMAG_PARENT", parent.as_str());
    }
    let cmd = cmd.stdin(write_run_job(job)).limit(LIMIT);
    let output = cmd.run(&proc::never()).await.map_err(|it| error_chain(&it))?;
    let result = RunJobResult::parse(&output.stdout).map_err(|_| match output.stderr_text() {
        text if text.is_empty() => format!("the command ended with {}", output.status),
        text => text.chars().take(MAX_SAID).collect(),
    })?;
    match result.error {
        Some(error) => Err(error),
        None => Ok(result.landed),
    }
}

/// Counts the commits that a worker made.
pub(super) async fn count(count: &Count) -> Result<usize, String> {
    let without = (count.head.as_str(), count.base.as_deref());
    let counted = git::new_commits(&count.repo, &count.branch, without, &proc::never()).await;
    counted.map_err(|it| error_chain(&it))
}
