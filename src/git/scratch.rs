//! `.wtmag/` in a worktree: kept out of commits, and written only where it is safe to write.
//!
//! A commit may contain a `.wtmag` that leads elsewhere, so nothing here follows a link: the
//! directory is opened first, and everything else is relative to it.
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use gix::{ObjectId, bstr::ByteSlice as _};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open, openat, renameat},
    sys::stat::{Mode, fchmod, fstat, mkdirat},
    unistd::{UnlinkatFlags, geteuid, unlinkat},
};

use super::{Error, Repo};

const DIR: &str = ".wtmag";
const BRIEF: &str = "prompt.md";
/// What the next agent of a worker must know.
const HANDOFF: &str = "handoff.md";
const LINE: &str = "/.wtmag/";
/// Files for long messages in one worktree, minus one.
const MAX_MESSAGES: u32 = 10_000;

/// Refuses a commit that has a `.wtmag` of any kind at its top.
pub(super) fn refuse_commit(repo: &gix::Repository, id: ObjectId) -> Result<(), Error> {
    let read = || format!("commit `{id}`");
    let commit = repo.find_commit(id).map_err(Error::read(read()))?;
    let tree = commit.tree().map_err(Error::read(read()))?;
    for entry in tree.iter() {
        let entry = entry.map_err(Error::read(read()))?;
        refuse_path(entry.filename())?;
    }
    Ok(())
}

/// Refuses a worktree whose commit or index has a `.wtmag`.
pub(super) fn refuse_worktree(path: &Path) -> Result<(), Error> {
    let open = |it: gix::Error| Error::Open { path: path.to_owned(), source: it.into() };
    let options = gix::open::Options::default().bail_if_untrusted(true);
    let repo = gix::open_opts(path, options).map_err(open)?;
    if let Ok(head) = repo.head_id() {
        refuse_commit(&repo, head.detach())?;
    }
    let index = repo.index_or_empty().map_err(Error::read("the index"))?;
    index.entries().iter().try_for_each(|entry| refuse_path(entry.path(&index)))
}

/// Some file systems treat `.WTMAG` as the same name.
pub(super) fn refuse_path(path: &gix::bstr::BStr) -> Result<(), Error> {
    let top = path.split_str("/").next().unwrap_or_default();
    if top.eq_ignore_ascii_case(DIR.as_bytes()) {
        return Err(Error::Tracked { path: path.to_str_lossy().into_owned() });
    }
    Ok(())
}

/// Nothing named `.wtmag` exists yet.
pub(super) fn is_absent(worktree: &Path) -> bool {
    worktree.join(DIR).symlink_metadata().is_err()
}

/// Creates `.wtmag/` and keeps it out of commits: with a `.gitignore` in it, written before
/// anything else, and with a line in the `info/exclude` that all worktrees share.
pub(super) fn prepare(repo: &Repo, worktree: &Path) -> Result<(), Error> {
    let dir = open_dir(worktree)?;
    ignore_all(&dir, worktree)?;
    exclude(repo.common_dir())
}

fn ignore_all(dir: &OwnedFd, worktree: &Path) -> Result<(), Error> {
    const ALL: &str = "*\n";
    if read(dir, ".gitignore").is_some_and(|it| it == ALL) {
        return Ok(());
    }
    replace(dir, worktree, ".gitignore", ALL.as_bytes())
}

/// The existing brief, for a caller that will overwrite it.
///
/// # Errors
/// [`Error::Tracked`], [`Error::Unsafe`], [`Error::Io`].
pub fn brief_before(worktree: &Path) -> Result<Option<String>, Error> {
    refuse_worktree(worktree)?;
    Ok(read(&open_dir(worktree)?, BRIEF))
}

/// Writes the brief to `.wtmag/prompt.md`, readable for the user alone. Returns its path.
///
/// # Errors
/// [`Error::Unsafe`] if `.wtmag` is not a directory that the user owns, [`Error::Io`].
pub fn write_brief(worktree: &Path, text: &str) -> Result<PathBuf, Error> {
    write(worktree, BRIEF, text)
}

/// Writes what the next agent must know to `.wtmag/handoff.md`, readable for the user alone. Returns
/// its path.
///
/// # Errors
/// [`Error::Tracked`], and as [`write_brief`].
pub fn write_handoff(worktree: &Path, text: &str) -> Result<PathBuf, Error> {
    refuse_worktree(worktree)?;
    write(worktree, HANDOFF, text)
}

fn write(worktree: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let dir = open_dir(worktree)?;
    ignore_all(&dir, worktree)?;
    replace(&dir, worktree, name, text.as_bytes())?;
    Ok(worktree.join(DIR).join(name))
}

/// Writes a text to the first free `.wtmag/message-<n>.md`, readable for the user alone. Returns
/// its path in the worktree.
///
/// # Errors
/// As [`write_brief`].
pub fn write_message(worktree: &Path, text: &str) -> Result<String, Error> {
    refuse_worktree(worktree)?;
    let dir = open_dir(worktree)?;
    ignore_all(&dir, worktree)?;
    let name = reserve(&dir, worktree)?;
    replace(&dir, worktree, &name, text.as_bytes()).inspect_err(|_| unlink(&dir, &name))?;
    Ok(format!("{DIR}/{name}"))
}

/// Creates an empty file with a name that no other process has, or gets at the same time.
fn reserve(dir: &OwnedFd, worktree: &Path) -> Result<String, Error> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    for number in 1..MAX_MESSAGES {
        let name = format!("message-{number}.md");
        match openat(dir, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(_) => return Ok(name),
            Err(Errno::EEXIST) => {}
            Err(it) => {
                let path = worktree.join(DIR).join(name);
                return Err(Error::Io { act: "write", path, source: it.into() });
            }
        }
    }
    let what = "full of messages";
    Err(Error::Unsafe { path: worktree.join(DIR), what })
}

/// Restores an earlier brief, or removes this one.
pub(super) fn undo_brief(worktree: &Path, before: Option<&str>) -> Result<(), Error> {
    let dir = open_dir(worktree)?;
    match before {
        Some(text) => replace(&dir, worktree, BRIEF, text.as_bytes()),
        None => {
            unlink(&dir, BRIEF);
            Ok(())
        }
    }
}

/// Removes a `.wtmag/` that holds only our `.gitignore`.
pub(super) fn undo_scratch(worktree: &Path) {
    let path = worktree.join(DIR);
    let only_ours = fs::read_dir(&path)
        .is_ok_and(|mut it| it.all(|entry| entry.is_ok_and(|it| it.file_name() == ".gitignore")));
    if !only_ours {
        return;
    }
    if let Ok(dir) = open_dir(worktree) {
        unlink(&dir, ".gitignore");
        // Another process may have put something there just now.
        fs::remove_dir(&path).unwrap_or_default();
    }
}

/// Removes our files from the `.wtmag/` of a worktree that stays: the brief and the long messages,
/// and the directory if it is empty then.
///
/// # Errors
/// [`Error::Unsafe`], [`Error::Io`].
pub fn withdraw(worktree: &Path) -> Result<(), Error> {
    let path = worktree.join(DIR);
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let dir = open_dir(worktree)?;
    let entries = fs::read_dir(&path).map_err(Error::io("read", &path))?;
    for entry in entries {
        let name = entry.map_err(Error::io("read", &path))?.file_name();
        let name = name.to_string_lossy();
        if name == BRIEF || name == HANDOFF || is_message(&name) {
            unlink(&dir, &name);
        }
    }
    undo_scratch(worktree);
    Ok(())
}

/// A file that wtmag keeps in `.wtmag/`, or was writing when it was killed.
pub(super) fn is_own(name: &str) -> bool {
    let partial = name.strip_prefix('.').and_then(|it| it.rsplit_once('.'));
    let partial = partial.filter(|(_, pid)| pid.parse::<u32>().is_ok()).map(|(name, _)| name);
    let name = partial.unwrap_or(name);
    name == ".gitignore" || name == BRIEF || name == HANDOFF || is_message(name)
}

fn is_message(name: &str) -> bool {
    let number = name.strip_prefix("message-").and_then(|it| it.strip_suffix(".md"));
    number.is_some_and(|it| it.parse::<u32>().is_ok())
}

/// Opens `.wtmag`, creating it if needed.
fn open_dir(worktree: &Path) -> Result<OwnedFd, Error> {
    let path = worktree.join(DIR);
    let failed = |act| {
        let path = path.clone();
        move |it: Errno| Error::Io { act, path, source: it.into() }
    };
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let top = open(worktree, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    let top = top.map_err(failed("open"))?;
    match mkdirat(&top, DIR, Mode::S_IRWXU) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(it) => return Err(failed("create")(it)),
    }
    let unsafe_because = |what| Error::Unsafe { path: path.clone(), what };
    let dir = match openat(&top, DIR, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::ELOOP | Errno::ENOTDIR) => {
            let is_link = path.symlink_metadata().is_ok_and(|it| it.is_symlink());
            return Err(unsafe_because(if is_link { "a symbolic link" } else { "a file" }));
        }
        Err(it) => return Err(failed("open")(it)),
    };
    let owner = fstat(&dir).map_err(failed("inspect"))?.st_uid;
    if owner != geteuid().as_raw() {
        return Err(unsafe_because("another user's directory"));
    }
    fchmod(&dir, Mode::S_IRWXU).map_err(failed("protect"))?;
    Ok(dir)
}

/// Puts a file into the directory in one step; a link of that name is replaced, not followed.
fn replace(dir: &OwnedFd, worktree: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let partial = format!(".{name}.{}", std::process::id());
    let write = || -> io::Result<()> {
        // Left over from a killed process with the same pid.
        unlink(dir, &partial);
        let flags =
            OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let mut file = File::from(openat(dir, partial.as_str(), flags, mode)?);
        file.write_all(bytes)?;
        file.sync_all()?;
        renameat(dir, partial.as_str(), dir, name)?;
        Ok(())
    };
    write().map_err(|source| {
        unlink(dir, &partial);
        Error::Io { act: "write", path: worktree.join(DIR).join(name), source }
    })
}

fn read(dir: &OwnedFd, name: &str) -> Option<String> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(dir, name, flags, Mode::empty()).ok()?);
    let mut text = String::new();
    file.metadata().ok()?.is_file().then_some(())?;
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

/// A missing file is fine.
fn unlink(dir: &OwnedFd, name: &str) {
    unlinkat(dir.as_fd(), name, UnlinkatFlags::NoRemoveDir).unwrap_or_default();
}

/// Adds our line to the exclude file that all worktrees share.
fn exclude(common_dir: &Path) -> Result<(), Error> {
    add_line(&common_dir.join("info/exclude"), LINE)
}

/// Adds a line to an exclude file unless it is already there.
pub(super) fn add_line(path: &Path, new: &str) -> Result<(), Error> {
    let info = path.parent().unwrap_or(path);
    fs::create_dir_all(info).map_err(Error::io("create", info))?;
    // It may be a link into the user's dotfiles: change the file behind it.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let has_line = |bytes: &[u8]| bytes.lines().any(|it| it.trim_end() == new.as_bytes());
    if has_line(&load(&path)?) {
        return Ok(());
    }
    let patience = gix::lock::acquire::Fail::AfterDurationWithBackoff(Duration::from_secs(5));
    let Ok(mut lock) = gix::lock::File::acquire_to_update_resource(&path, patience, None, 0) else {
        // A left-over lock is not an error: `.wtmag/.gitignore` does the same for this worktree.
        tracing::warn!(path = %path.display(), "could not lock the exclude file");
        return Ok(());
    };
    let mut bytes = load(&path)?;
    if has_line(&bytes) {
        return Ok(());
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(new.as_bytes());
    bytes.push(b'\n');
    lock.write_all(&bytes).map_err(Error::io("write", &path))?;
    lock.commit()
        .map(drop)
        .map_err(|it| Error::Read { what: format!("`{}`", path.display()), source: it.into() })
}

fn load(path: &Path) -> Result<Vec<u8>, Error> {
    match fs::read(path) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(Error::io("read", path)),
    }
}
