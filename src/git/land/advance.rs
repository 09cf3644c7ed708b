//! Moves the target to the new commit. The only place where a landing changes a user's branch.
use std::path::Path;

use super::{
    facts::Checkout,
    steps::{Advance, LandJournal, Landing, Step},
};
use crate::git::{
    Error, Repo, RepoLock, Run,
    base::REFLOG,
    fetch::{git, git_at},
    journal::Journal,
    wt::failed,
};

/// A large checkout, and the user's `post-merge` hook.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(600);

/// Opens the journal of a landing in `dir`.
///
/// # Errors
/// [`Error::Io`].
pub fn start(dir: &Path, landing: Landing) -> Result<LandJournal, Error> {
    Journal::open(dir, Step::Started(landing))
}

/// Moves the branch `advance.into` from one commit to the other, with the files of the worktree that
/// has it checked out. If the branch is no longer at the first commit, nothing changes.
///
/// # Errors
/// [`Error::TargetMoved`]; [`Error::Failed`] with git's message, when nothing was changed.
pub async fn advance(
    repo: &Repo,
    _lock: &RepoLock,
    (journal, advance): (&mut LandJournal, &Advance),
    run: &mut Run<'_>,
) -> Result<(), Error> {
    let Advance { into, from, to, checkout } = advance;
    journal.announce(Step::Advance(advance.clone()))?;
    let held = journal.held_by_children()?;
    let moved = || -> Result<bool, Error> { Ok(repo.branch_tip(into)?.as_ref() != Some(from)) };
    let act = || format!("move `{into}` to {to}");
    let output = match checkout {
        Some(path) => {
            if moved()? {
                return Err(Error::TargetMoved { name: into.clone() });
            }
            let cmd = git_at(path).args(["merge", "--ff-only", "--no-stat", "--no-autostash"]);
            let cmd = cmd.args(["--quiet", to]).env("GIT_REFLOG_ACTION", REFLOG);
            cmd.limit(LIMIT).run(run.cancel).await?
        }
        None => {
            let name = format!("refs/heads/{into}");
            let cmd = git(repo).args(["update-ref", "-m", REFLOG, &name, to, from]);
            cmd.limit(LIMIT).run(run.cancel).await?
        }
    };
    drop(held);
    // The hook after a merge may fail when the branch has moved.
    if repo.branch_tip(into)?.as_ref() == Some(to) {
        return Ok(());
    }
    if moved()? {
        return Err(Error::TargetMoved { name: into.clone() });
    }
    Err(failed("git", act(), &output))
}

impl Checkout {
    /// Whether its files can be changed with the branch.
    pub fn is_clean(&self) -> bool {
        self.changed.is_empty()
            && self.operation.is_none()
            && self.unreadable.is_none()
            && !self.is_away
    }
}
