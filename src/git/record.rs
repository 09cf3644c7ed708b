//! Who works in a worktree: one small file in its git dir, seen by every hub of this user.
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
pub struct Record {
    pub worker: WorkerId,
    /// State directory of the hub that watches it.
    pub hub: PathBuf,
    pub created: Timestamp,
    /// Socket of the tmux server that it runs on; older records do not say.
    #[serde(default)]
    pub tmux: Option<PathBuf>,
    /// wtmag made the worktree, for this worker or one before.
    #[serde(default = "yes")]
    pub worktree_made: bool,
}

fn yes() -> bool {
    true
}

impl Record {
    /// Its tmux server cannot be reached any more, and its agent ended with it.
    pub fn is_of_a_dead_server(&self) -> bool {
        self.tmux.as_ref().is_some_and(|it| UnixStream::connect(it).is_err())
    }
}

/// Refuses a worktree that a worker has.
///
/// # Errors
/// [`Error::Claimed`], whoever wrote the record.
pub fn refuse_claimed(git_dir: &Path) -> Result<(), Error> {
    match load(git_dir)? {
        Some(record) => Err(Error::Claimed { worker: record.worker }),
        None => Ok(()),
    }
}

/// Takes the worktree for one worker. Ask [`refuse_claimed`] before this is announced: what is there
/// already must not be undone.
///
/// # Errors
/// [`Error::Claimed`] when there is a record already, whoever wrote it.
pub fn claim(git_dir: &Path, record: &Record) -> Result<(), Error> {
    let path = git_dir.join(NAME);
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(git_dir)?;
        file.write_all(&serde_json::to_vec_pretty(record)?)?;
        file.as_file().sync_all()?;
        // One step that fails when the name is taken.
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
pub fn load(git_dir: &Path) -> Result<Option<Record>, Error> {
    let path = git_dir.join(NAME);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| Error::Journal { path, source }),
        Err(it) if it.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { act: "read", path, source }),
    }
}

/// Gives the worktree back, if `worker` has it.
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

/// Takes back exactly this record.
pub(super) fn withdraw(git_dir: &Path, record: &Record) -> Result<(), Error> {
    if load(git_dir)?.as_ref() == Some(record) {
        remove(git_dir, &record.worker)?;
    }
    Ok(())
}
