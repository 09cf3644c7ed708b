//! A copy of a worktree's index, for commands that must leave the real one unchanged.
use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{Error, at::At};

/// A temporary index, removed when this is dropped.
pub(super) struct Index {
    pub(super) path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Index {
    /// Of a worktree without an index, the copy is missing, too: to git, both are empty.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn copy(at: &At) -> Result<Self, Error> {
        let dir = tempfile::tempdir().map_err(Error::io("create", "a directory"))?;
        let path = dir.path().join("index");
        let from = at.git_dir.join("index");
        match copy(&from, &path) {
            Err(it) if it.kind() == ErrorKind::NotFound => {}
            other => other.map_err(Error::io("copy", &from))?,
        }
        Ok(Self { path, _dir: dir })
    }
}

/// The copy has the time of the original: a file as new as the index may have changed since, so git
/// compares its content. Beside a newer copy, git would trust its time and size.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let time = from.metadata()?.modified()?;
    let mut to = File::create_new(to)?;
    io::copy(&mut from, &mut to)?;
    to.set_modified(time)
}
