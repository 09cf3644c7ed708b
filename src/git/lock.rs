//! Lets only one process at a time create, fetch into or remove from a repository.
//!
//! git's worktree registry has races when two processes change it at once. The lock is a kernel
//! lock on a file in the common git dir: it ends with its holder.
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::oneshot, time};

use super::{Error, News, Repo, Run};
use crate::proc;

/// How long one command waits for others: enough for twenty checkouts of a large repository.
const LIMIT: Duration = Duration::from_secs(900);

/// The right to change the worktrees of one repository. Dropping it releases the lock.
#[derive(Debug)]
pub struct RepoLock {
    _file: File,
}

impl RepoLock {
    /// Waits for the lock, a quarter of an hour at most, and reports that it waits.
    ///
    /// # Errors
    /// [`Error::Busy`] on timeout, [`Error::Proc`] if the user cancelled.
    pub async fn acquire(repo: &Repo, run: &mut Run<'_>) -> Result<Self, Error> {
        Self::acquire_within(repo, LIMIT, run).await
    }

    /// Like [`Self::acquire`], with a time limit.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub async fn acquire_within(
        repo: &Repo,
        limit: Duration,
        run: &mut Run<'_>,
    ) -> Result<Self, Error> {
        Self::acquire_at(repo.common_dir(), limit, run).await
    }

    /// Like [`Self::acquire`], for a repository that may be too damaged to be opened.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub async fn acquire_damaged(common_dir: &Path, run: &mut Run<'_>) -> Result<Self, Error> {
        Self::acquire_at(common_dir, LIMIT, run).await
    }

    async fn acquire_at(
        common_dir: &Path,
        limit: Duration,
        run: &mut Run<'_>,
    ) -> Result<Self, Error> {
        let path = state_dir_at(common_dir)?.join("lock");
        let mut file = open(&path).map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = load_holder(&mut file);
                (run.tell)(&News::Waiting { holder });
                let waited = wait_for(file, limit, run).await?;
                file = waited.ok_or(Error::Busy { holder, limit })?;
            }
            Err(TryLockError::Error(source)) => {
                return Err(Error::Io { act: "lock", path, source });
            }
        }
        // Only used in the message of waiting processes: a failure here is harmless.
        save_holder(&mut file).unwrap_or_default();
        Ok(Self { _file: file })
    }
}

/// Where wtmag keeps its files in a repository.
pub(super) fn state_dir(repo: &Repo) -> Result<PathBuf, Error> {
    state_dir_at(repo.common_dir())
}

fn state_dir_at(common_dir: &Path) -> Result<PathBuf, Error> {
    let dir = common_dir.join("wtmag");
    fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
    Ok(dir)
}

/// Takes a lock that another process holds: the file, or nothing on timeout.
pub(super) async fn wait_for(
    file: File,
    limit: Duration,
    run: &Run<'_>,
) -> Result<Option<File>, Error> {
    let (done, locked) = oneshot::channel();
    // A separate thread, because flock cannot be cancelled; it ends with the process at the latest.
    let waiter = std::thread::Builder::new().name("lock".to_owned()).spawn(move || {
        let result = file.lock().map(|()| file);
        // The caller has given up: dropping the file releases the lock.
        drop(done.send(result));
    });
    let unlocked = |source| Error::Io { act: "lock", path: PathBuf::from("lock"), source };
    drop(waiter.map_err(unlocked)?);
    let mut cancel = run.cancel.clone();
    tokio::select! {
        result = locked => match result {
            Ok(result) => result.map(Some).map_err(unlocked),
            Err(_) => Ok(None),
        },
        () = time::sleep(limit) => Ok(None),
        () = proc::cancelled(&mut cancel) => Err(proc::Error::Cancelled.into()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn load_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn save_holder(file: &mut File) -> io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}
