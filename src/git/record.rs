//! Records which worker has a worktree: a small file in its git dir, visible to all hubs of this
//! user.
use std::{
    fs, io,
    io::Write as _,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::model::{Timestamp, WorkerId};

const NAME: &str = "wtmag.json";

/// The worker of one worktree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorktreeRecord {
    pub worker: WorkerId,
    /// State directory of the hub that watches it.
    pub hub: PathBuf,
    pub created: Timestamp,
    /// Socket of its tmux server; older records do not have it.
    #[serde(default)]
    pub tmux: Option<PathBuf>,
    /// wtmag created the worktree, for this worker or an earlier one.
    #[serde(default = "yes")]
    pub worktree_made: bool,
}

fn yes() -> bool {
    true
}

impl WorktreeRecord {
    /// Whether its tmux server can no longer be reached, so that its agent has ended.
    pub fn is_of_a_dead_server(&self) -> bool {
        self.tmux.as_ref().is_some_and(|it| UnixStream::connect(it).is_err())
    }
}

/// Refuses a worktree that belongs to a worker.
///
/// # Errors
/// [`Error::Claimed`], whichever worker it is.
pub fn refuse_claimed(git_dir: &Path) -> Result<(), Error> {
    match load(git_dir)? {
        Some(record) => Err(Error::Claimed { worker: record.worker }),
        None => Ok(()),
    }
}

/// Claims the worktree for one worker. Call [`refuse_claimed`] before you announce this: an
/// existing record must not be undone.
///
/// # Errors
/// [`Error::Claimed`] if there already is a record.
pub fn claim(git_dir: &Path, record: &WorktreeRecord) -> Result<(), Error> {
    let path = git_dir.join(NAME);
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(git_dir)?;
        file.write_all(&serde_json::to_vec_pretty(record)?)?;
        file.as_file().sync_all()?;
        // Atomic: fails if the file exists.
        file.persist_noclobber(&path).map_err(|it| it.error)?;
        Ok(())
    };
    match write() {
        Ok(()) => Ok(()),
        Err(it) if it.kind() == io::ErrorKind::AlreadyExists => match load(git_dir)? {
            Some(record) => Err(Error::Claimed { worker: record.worker }),
            None => Err(Error::Io { act: "write", path, source: it }),
        },
        Err(it) => Err(Error::Io { act: "write", path, source: it }),
    }
}

/// The worker recorded for a worktree, by the worktree's git dir.
///
/// # Errors
/// [`Error::Io`], [`Error::Journal`] for a file that cannot be understood.
pub fn load(git_dir: &Path) -> Result<Option<WorktreeRecord>, Error> {
    let path = git_dir.join(NAME);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| Error::Journal { path, source }),
        Err(it) if it.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { act: "read", path, source }),
    }
}

/// Releases the worktree, if `worker` has it.
///
/// # Errors
/// As [`load`], and [`Error::Io`] when it cannot be deleted.
pub fn remove(git_dir: &Path, worker: &WorkerId) -> Result<(), Error> {
    let path = git_dir.join(NAME);
    if load(git_dir)?.is_some_and(|it| it.worker == *worker) {
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

/// Removes exactly this record.
pub(super) fn withdraw(git_dir: &Path, record: &WorktreeRecord) -> Result<(), Error> {
    if load(git_dir)?.as_ref() == Some(record) {
        remove(git_dir, &record.worker)?;
    }
    Ok(())
}
