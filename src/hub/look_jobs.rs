//! Children of the hub that look at repositories, ask forges about them, and show markers in them.
//!
//! Knows how to start wtmag itself; decides nothing. git may run a project's filters, a forge may be slow, and
//! a repository may be locked.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::state::PullQuestion;
use crate::{
    model::{Looked, Pulled, error_chain},
    proc::{self, Cmd},
    wire::{LookJob, MarkerJob, PullsAsked, PullsJob, parse_looked, parse_pulled},
};

/// Git may read a large worktree from a slow disk.
const LIMIT: Duration = Duration::from_secs(120);

/// A process of its own, because a forge may be slow.
pub(super) async fn ask_pulls(
    program: PathBuf,
    repo: &Path,
    asked: Vec<PullQuestion>,
) -> Result<Vec<Pulled>, String> {
    let one = |PullQuestion { worker, candidates, by_branch }| PullsAsked {
        worker: *worker,
        candidates,
        by_branch,
    };
    let job = PullsJob { asked: asked.into_iter().map(one).collect() };
    let dir = repo.parent().filter(|it| it.is_dir()).unwrap_or(Path::new("/"));
    let cmd = Cmd::new(program, dir).args(["pulls-job"]).stdin(job.to_json()).limit(LIMIT);
    let output = cmd.run(&proc::never()).await.map_err(|it| error_chain(&it))?;
    parse_pulled(&output.stdout).map_err(|_| output.stderr_text())
}

/// A process of its own, because git may run a project's filters.
pub(super) async fn look(program: PathBuf, job: LookJob) -> Result<Vec<Looked>, String> {
    let repo = job.workers.first().and_then(|it| it.repo.parent());
    let dir = repo.filter(|it| it.is_dir()).unwrap_or(Path::new("/"));
    let cmd = Cmd::new(program, dir).args(["look-job"]).stdin(job.to_json()).limit(LIMIT);
    let output = cmd.run(&proc::never()).await.map_err(|it| error_chain(&it))?;
    parse_looked(&output.stdout).map_err(|_| output.stderr_text())
}

/// Shows the markers that the job names.
pub(super) async fn show_markers(program: PathBuf, job: &MarkerJob) -> Result<(), String> {
    let dir = job.repo.parent().filter(|it| it.is_dir()).unwrap_or(Path::new("/"));
    let cmd = Cmd::new(program, dir).args(["marker-job"]).stdin(job.to_json()).limit(LIMIT);
    let output = cmd.run(&proc::never()).await.map_err(|it| error_chain(&it))?;
    if output.is_success() { Ok(()) } else { Err(output.stderr_text()) }
}
