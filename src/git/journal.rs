//! A file of steps, each written to disk before the step begins.
//!
//! One file per process. The process and the children that it allows hold a kernel lock on it, so
//! an unlocked file means that its holder died. The format is lines of JSON. This module does not
//! know what the steps are.
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::kill,
    unistd::Pid,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Run, lock};
use crate::clock;

/// How long children of a dead holder may keep working before their journal is left for later.
const ORPHANS: Duration = Duration::from_secs(10);

/// The journal of one process. If it is dropped without [`Journal::commit`], the next process
/// handles it.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    steps: Vec<T>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens a journal in `dir`, which is created if needed, with its first step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn open(dir: &Path, first: T) -> Result<Self, Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(Error::io("create", dir))?;
        let name = format!("{}-{}", std::process::id(), clock::nanos());
        // It is locked before it gets its final name.
        let new = dir.join(format!("{name}.new"));
        let path = dir.join(format!("{name}.journal"));
        let mut options = OpenOptions::new();
        let open = options.read(true).append(true).create_new(true).mode(0o600).open(&new);
        let file = open.map_err(Error::io("create", &new))?;
        file.lock().map_err(Error::io("lock", &new))?;
        let mut journal = Self { path: new.clone(), file, steps: Vec::new() };
        journal.announce(first)?;
        fs::rename(&new, &path).map_err(Error::io("create", &path))?;
        sync_dir(dir)?;
        Ok(Self { path, ..journal })
    }

    pub(super) fn steps(&self) -> &[T] {
        &self.steps
    }

    /// Writes a step to disk. Only then may the step begin.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn announce(&mut self, step: T) -> Result<(), Error> {
        let write = |file: &mut File| -> io::Result<()> {
            let mut line = serde_json::to_vec(&step)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.sync_data()
        };
        write(&mut self.file).map_err(Error::io("write", &self.path))?;
        self.steps.push(step);
        Ok(())
    }

    /// The commit point: everything that was done stays.
    ///
    /// # Errors
    /// [`Error::Io`]; the next process would then undo the steps, unless it is told to forget them.
    pub fn commit(self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(it) if it.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.path)(it))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// While this exists, child processes keep the journal locked even if this process dies.
    pub(super) fn held_by_children(&self) -> Result<Inherited<'_>, Error> {
        let set = fcntl(&self.file, FcntlArg::F_SETFD(FdFlag::empty()));
        set.map_err(|it| Error::io("share", &self.path)(it.into()))?;
        Ok(Inherited(&self.file))
    }
}

/// See [`Journal::held_by_children`].
pub(super) struct Inherited<'a>(&'a File);

impl Drop for Inherited<'_> {
    fn drop(&mut self) {
        fcntl(self.0, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map(drop).unwrap_or_default();
    }
}

/// The journals in `dir` whose holders died, locked for the caller.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read. A journal that cannot be parsed is left alone.
pub(super) async fn abandoned<T: Serialize + DeserializeOwned>(
    dir: &Path,
    run: &Run<'_>,
) -> Result<Vec<Journal<T>>, Error> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(found),
        other => other.map_err(Error::io("read", dir))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read", dir))?.path();
        if is_unborn(&path) {
            // Its holder died before it wrote a step.
            fs::remove_file(&path).unwrap_or_default();
        }
        if path.extension().is_some_and(|it| it == "journal") {
            match take(&path, run).await {
                Ok(journal) => found.extend(journal),
                Err(it @ (Error::Journal { .. } | Error::Io { .. })) => {
                    tracing::warn!(path = %path.display(), error = %it, "journal left alone");
                }
                Err(it) => return Err(it),
            }
        }
    }
    Ok(found)
}

/// Locks a journal whose holder is dead; nothing if the holder lives or another process was faster.
async fn take<T: DeserializeOwned>(
    path: &Path,
    run: &Run<'_>,
) -> Result<Option<Journal<T>>, Error> {
    let mut file = match OpenOptions::new().read(true).append(true).open(path) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::io("open", path))?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            if !holder(path).is_some_and(is_dead) {
                return Ok(None);
            }
            // A child of the holder is still working and will end soon.
            match lock::wait_for(file, ORPHANS, run).await? {
                Some(locked) => file = locked,
                None => return Ok(None),
            }
        }
        Err(TryLockError::Error(it)) => return Err(Error::io("lock", path)(it)),
    }
    let is_gone = file.metadata().map_err(Error::io("inspect", path))?.nlink() == 0;
    if is_gone {
        return Ok(None);
    }
    let steps = load(&mut file, path)?;
    Ok(Some(Journal { path: path.to_owned(), file, steps }))
}

fn load<T: DeserializeOwned>(file: &mut File, path: &Path) -> Result<Vec<T>, Error> {
    file.rewind().map_err(Error::io("read", path))?;
    let mut steps = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        // The holder died while it wrote a line without an end: that step has not begun.
        if !line.ends_with(b"\n") {
            return Ok(steps);
        }
        let step = serde_json::from_slice(&line);
        steps.push(step.map_err(|source| Error::Journal { path: path.to_owned(), source })?);
    }
}

/// A journal that a dead process created but never used.
fn is_unborn(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "new") && holder(path).is_some_and(is_dead)
}

/// The process in a journal's name.
fn holder(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.split_once('-')?.0.parse().ok()
}

fn is_dead(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return true };
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|it| it.sync_all()).map_err(Error::io("write", dir))
}
