//! Lock files that a killed `git` left in the repository. They block every git command until
//! removed.
//!
//! git creates them with `O_EXCL` and cannot tell a dead holder from a living one. wtmag can: it
//! knows when the dead command began, and that all its children are dead too.
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::{Error, Repo, Run, processes};
use crate::model::Timestamp;

/// How long a lock must be unchanged: twice as long as git itself would wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `git worktree add` and `wt switch` lock in the repository: `git reset` deletes its pseudo
/// refs under the first, WorkTrunk stores its records under the second.
const NAMES: [&str; 2] = ["packed-refs.lock", "config.lock"];

/// One lock file, identified so that a new one is noticed.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    path: PathBuf,
    inode: u64,
    at: SystemTime,
}

/// Removes the locks left by a command in this repository that began at `began` and whose
/// processes are all dead, also those in `more`; the caller holds the repository's lock. Returns what it removed.
///
/// An older lock belongs to another process. A lock that disappears during the check has a living
/// holder. If any `git` runs in the repository, the holder may be alive.
pub(super) async fn clear(
    repo: &Repo,
    began: Timestamp,
    more: &[PathBuf],
    run: &mut Run<'_>,
) -> Result<Vec<String>, Error> {
    let found = present(repo, began, more)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let start = Instant::now();
    let mut still = found;
    while !still.is_empty() && start.elapsed() < PATIENCE {
        // A process without our lock may be working: there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = present(repo, began, more)?;
        still.retain(|lock| now.contains(lock));
    }
    if still.is_empty() || is_git_at_work(repo, run).await? {
        return Ok(Vec::new());
    }
    let remove = |lock: Lock| {
        fs::remove_file(&lock.path).map_err(Error::io("remove", &lock.path))?;
        Ok(format!("lock `{}`", lock.path.display()))
    };
    still.into_iter().map(remove).collect()
}

fn present(repo: &Repo, began: Timestamp, more: &[PathBuf]) -> Result<Vec<Lock>, Error> {
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(began.0);
    let look = |path: PathBuf| match inspect(&path) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => None,
        Ok(lock) if lock.at < began => None,
        other => Some(other.map_err(Error::io("inspect", &path))),
    };
    let usual = NAMES.into_iter().map(|name| repo.common_dir().join(name));
    usual.chain(more.iter().cloned()).filter_map(look).collect()
}

fn inspect(path: &Path) -> io::Result<Lock> {
    let found = path.symlink_metadata()?;
    Ok(Lock { path: path.to_owned(), inode: found.ino(), at: found.modified()? })
}

async fn is_git_at_work(repo: &Repo, run: &Run<'_>) -> Result<bool, Error> {
    let worktrees = repo.worktrees()?.into_iter().map(|it| it.path);
    for dir in worktrees.chain([repo.common_dir().to_owned()]) {
        if processes::has(&dir, "git", run).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
