//! Removing a worktree without losing work.
//!
//! [`look()`] collects facts and decides nothing. [`losses()`] decides and reads nothing.
//! [`remove()`] checks once more, saves what it will delete in [`backup`] refs, and deletes.
//! Everything runs under the repository's lock and with `git` itself: what git can read is read,
//! and what it cannot read is a fact.
pub mod backup;
mod collect;
mod elsewhere;
mod facts;
pub(super) mod files;
mod losses;
pub(super) mod merged;
mod nested;
mod place;
mod remove;
mod unlink;

pub use backup::state_of;
pub use collect::look;
pub use facts::{Facts, Files, Kind, Place, Proof, Repository, Subject, Tip};
pub use losses::{Insist, Loss, Names, Policy, losses, notes};
pub use remove::{Job, Outcome, remove};

use std::path::Path;

use super::{Error, Run, at};

/// How a worktree differs from the commit that it was created at.
pub(super) struct State {
    /// The commit of its HEAD, if there is one.
    pub(super) head: Option<String>,
    /// It has changed or untracked files.
    pub(super) is_changed: bool,
}

/// Reads the state of a worktree that must not be changed if it has work.
///
/// # Errors
/// [`Error::Read`] with git's message.
pub(super) async fn state(path: &Path, git_dir: &Path, run: &Run<'_>) -> Result<State, Error> {
    let at = at::At { git_dir: git_dir.to_owned(), work_tree: Some(path.to_owned()) };
    let files = files::look(&at, &[], run).await?;
    let files = files.map_err(Error::read(format!("the files of `{}`", path.display())))?;
    let head = at.ask(["rev-parse", "--verify", "--quiet", "HEAD"], run).await?;
    let head = head.ok().map(|it| String::from_utf8_lossy(&it).trim().to_owned());
    Ok(State { head, is_changed: !files.changed.is_empty() || !files.untracked.is_empty() })
}
