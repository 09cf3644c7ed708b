//! Shows WorkTrunk's markers for the hub, in a process of its own: the repository may be locked.
use std::{process::ExitCode, time::Duration};

use super::{Context, Failure, job};
use crate::{
    git::{self, News, Repo, RepoLock, Run},
    proc,
    wire::MarkerJob,
};

/// A checkout of a large repository holds the lock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Show what workers do in `wt list` (internal)
///
/// Reads a job from standard input, as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Context, _: Args) -> Result<ExitCode, Failure> {
    let job = job::read(MarkerJob::parse)?;
    let (cancel, mut tell) = (proc::never(), |_: &News| {});
    let mut run = Run { cancel: &cancel, tell: &mut tell };
    let repo = Repo::discover(&job.repo)?;
    let lock = RepoLock::acquire_within(&repo, PATIENCE, &mut run).await?;
    let mut first = None;
    for (branch, marker) in &job.markers {
        let shown = git::show_marker(&lock, repo.common_dir(), (branch, *marker), &run).await;
        // One that cannot be written does not keep the others.
        first = first.or(shown.err());
    }
    first.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}
