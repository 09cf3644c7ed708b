//! What a `create` is about to do, written down before it is done, so that it can be undone.
//!
//! One file per running `create`, locked through the kernel by the process and by the children that
//! work on its worktree: an unlocked file is one whose holder died, whatever way. Lines of JSON, each
//! on disk before the step it announces begins.
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::kill,
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use super::{Error, Repo, Run, Undone, lock, record::Record, undo};
use crate::{model::Timestamp, proc};

/// How long the children of a dead `create` may go on before their journal is left to the next one.
const ORPHANS: Duration = Duration::from_secs(10);

/// One thing that is about to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub(super) enum Step {
    /// Always first. `repo` is the common git dir; older journals do not say when.
    Started { repo: PathBuf, pid: u32, at: Option<Timestamp> },
    /// A branch that is not there yet will be made at `sha`.
    Branch { branch: String, sha: String },
    /// A worktree for `branch` at `sha` will be made; `known` are the registered ones before.
    Worktree { branch: String, sha: String, path: Option<PathBuf>, known: Vec<String> },
    /// It was made, here. The only step that is written down afterwards.
    Made { path: PathBuf, git_dir: PathBuf },
    /// Hooks will run in it: what changes from now on is theirs.
    Hooks,
    /// `.wtmag/` will be made, or was there before.
    Scratch { worktree: PathBuf, made: bool },
    /// The brief will be written over this one.
    Brief { worktree: PathBuf, before: Option<String> },
    /// The worktree will be recorded as a worker's.
    Record { git_dir: PathBuf, record: Record },
}

/// The undo record of one running `create`. Dropping it without [`Journal::commit`] or
/// [`Journal::undo`] leaves it to the next command.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    steps: Vec<Step>,
}

impl Journal {
    /// Opens a journal in `dir`, which is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn start(dir: &Path, repo: &Repo) -> Result<Self, Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(Error::io("create", dir))?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let pid = std::process::id();
        let name = format!("{pid}-{}", since.as_nanos());
        // Under its final name it is locked from the first moment on.
        let new = dir.join(format!("{name}.new"));
        let path = dir.join(format!("{name}.journal"));
        let mut options = OpenOptions::new();
        let open = options.read(true).append(true).create_new(true).mode(0o600).open(&new);
        let file = open.map_err(Error::io("create", &new))?;
        file.lock().map_err(Error::io("lock", &new))?;
        let mut journal = Self { path: new.clone(), file, steps: Vec::new() };
        let at = Some(Timestamp(u64::try_from(since.as_millis()).unwrap_or_default()));
        journal.announce(Step::Started { repo: repo.common_dir().to_owned(), pid, at })?;
        fs::rename(&new, &path).map_err(Error::io("create", &path))?;
        sync_dir(dir)?;
        Ok(Self { path, ..journal })
    }

    /// Puts a step on disk. Only then may it begin.
    pub(super) fn announce(&mut self, step: Step) -> Result<(), Error> {
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

    /// The commit point: what was made stays.
    ///
    /// # Errors
    /// [`Error::Io`]; the next command would then undo it, unless it is told to forget it.
    pub fn commit(self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(it) if it.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.path)(it))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes back exactly what this run made, also when the user gave up (`run.cancel` is not
    /// asked). Keeps what has come to hold anybody's work and says so.
    ///
    /// # Errors
    /// Whatever stands in the way; the journal then stays for the next command.
    pub async fn undo(self, run: &mut Run<'_>) -> Result<Undone, Error> {
        let never = proc::never();
        let mut run = Run { cancel: &never, tell: &mut *run.tell };
        let undone = match self.steps.first() {
            // A repository that is gone has taken everything with it.
            Some(Step::Started { repo, .. }) if repo.exists() => {
                undo::undo(&Repo::discover(repo)?, &self.steps, &mut run).await?
            }
            _ => Undone::default(),
        };
        self.commit()?;
        Ok(undone)
    }

    /// While this lives, children that are started keep the journal locked after our death.
    pub(super) fn held_by_children(&self) -> Result<Inherited<'_>, Error> {
        self.set_inherited(FdFlag::empty())?;
        Ok(Inherited(self))
    }

    fn set_inherited(&self, flag: FdFlag) -> Result<(), Error> {
        let set = fcntl(&self.file, FcntlArg::F_SETFD(flag));
        set.map(drop).map_err(|it| Error::io("share", &self.path)(it.into()))
    }
}

/// See [`Journal::held_by_children`].
pub(super) struct Inherited<'a>(&'a Journal);

impl Drop for Inherited<'_> {
    fn drop(&mut self) {
        self.0.set_inherited(FdFlag::FD_CLOEXEC).unwrap_or_default();
    }
}

/// A `create` that died before its commit point.
#[derive(Debug)]
pub struct Leftover(Journal);

impl Leftover {
    /// The worktree it made, as far as it came.
    pub fn worktree(&self) -> Option<&Path> {
        self.0.steps.iter().find_map(|it| {
            if let Step::Made { path, .. } = it { Some(path.as_path()) } else { None }
        })
    }

    /// The branch it worked on.
    pub fn branch(&self) -> Option<&str> {
        self.0.steps.iter().find_map(|it| {
            if let Step::Worktree { branch, .. } = it { Some(branch.as_str()) } else { None }
        })
    }

    /// Takes back what it made.
    ///
    /// # Errors
    /// As [`Journal::undo`].
    pub async fn undo(self, run: &mut Run<'_>) -> Result<Undone, Error> {
        self.0.undo(run).await
    }

    /// It did reach its commit point (there is a worker): what it made stays.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    pub fn forget(self) -> Result<(), Error> {
        self.0.commit()
    }
}

/// The journals in `dir` whose holders died, locked for the caller. Ask whether there is a worker for
/// [`Leftover::worktree`] before undoing: its creator may have died just after the commit point.
///
/// # Errors
/// [`Error::Io`] when the directory cannot be read. A journal that makes no sense is left alone.
pub async fn leftovers(dir: &Path, run: &mut Run<'_>) -> Result<Vec<Leftover>, Error> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(found),
        other => other.map_err(Error::io("read", dir))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read", dir))?.path();
        if is_unborn(&path) {
            // Its create died before it announced anything.
            fs::remove_file(&path).unwrap_or_default();
        }
        if path.extension().is_some_and(|it| it == "journal") {
            match take(&path, run).await {
                Ok(journal) => found.extend(journal.map(Leftover)),
                Err(it @ (Error::Journal { .. } | Error::Io { .. })) => {
                    tracing::warn!(path = %path.display(), error = %it, "journal left alone");
                }
                Err(it) => return Err(it),
            }
        }
    }
    Ok(found)
}

/// Locks a journal whose creator is dead; nothing when it lives, or when somebody else was faster.
async fn take(path: &Path, run: &Run<'_>) -> Result<Option<Journal>, Error> {
    let mut file = match OpenOptions::new().read(true).append(true).open(path) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::io("open", path))?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let steps = load(&mut file, path)?;
            if !matches!(steps.first(), Some(Step::Started { pid, .. }) if is_dead(*pid)) {
                return Ok(None);
            }
            // Its `wt` or `git` still works on the worktree and will soon be done.
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

fn load(file: &mut File, path: &Path) -> Result<Vec<Step>, Error> {
    file.rewind().map_err(Error::io("read", path))?;
    let mut steps = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        // A line without an end was cut by death: its step has not begun.
        if !line.ends_with(b"\n") {
            return Ok(steps);
        }
        let step = serde_json::from_slice(&line);
        steps.push(step.map_err(|source| Error::Journal { path: path.to_owned(), source })?);
    }
}

/// A journal that was never opened for use, of a process that is dead.
fn is_unborn(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let pid = name.strip_suffix(".new").and_then(|it| it.split_once('-')?.0.parse().ok());
    pid.is_some_and(is_dead)
}

fn is_dead(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return true };
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|it| it.sync_all()).map_err(Error::io("write", dir))
}
