//! What can go wrong with repositories and worktrees, and what the user can do about it.
use std::{io, path::PathBuf, time::Duration};

use super::record::Record;
use crate::proc;

/// What gix and others hand out as a cause.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{}` is in no git repository", path.display())]
    NoRepository { path: PathBuf, source: Cause },
    #[error("the repository at `{}` belongs to another user", path.display())]
    Untrusted { path: PathBuf, source: Cause },
    #[error("could not open the repository at `{}`", path.display())]
    Open { path: PathBuf, source: Cause },
    /// gix cannot read reftable; git can, but then we could not check what it did.
    #[error("`{}` keeps its refs in the `{format}` format, which is not supported", path.display())]
    RefFormat { path: PathBuf, format: String },
    #[error("could not read {what}")]
    Read { what: String, source: Cause },
    #[error("could not {act} `{}`", path.display())]
    Io { act: &'static str, path: PathBuf, source: io::Error },
    #[error("the repository was in use for {} s", limit.as_secs())]
    Busy { holder: Option<u32>, limit: Duration },

    #[error("`{name}` cannot be used as a {what}: {why}")]
    BadName { what: &'static str, name: String, why: String },
    #[error("the default branch of `{}` is not known", path.display())]
    NoDefaultBranch { path: PathBuf },
    #[error("`{name}` has no commit yet")]
    NoCommits { name: String },
    #[error("there is no branch, tag or commit `{name}`")]
    NoBase { name: String },
    #[error("could not fetch {what} from `{from}`: {why}")]
    Fetch { what: String, from: String, why: String },
    #[error("pull request {number} is at `{fetched}`, but should be at `{expected}`")]
    HeadMoved { number: u64, fetched: String, expected: String },

    #[error("there is already a branch `{branch}`")]
    BranchExists { branch: String, worktree: Option<PathBuf> },
    #[error("the branch `{branch}` has work that is not in the pull request")]
    Diverged { branch: String, tip: String, head: String },
    #[error("the worktree `{}` has uncommitted work", path.display())]
    Dirty { path: PathBuf },
    #[error("`{}` is in the way", path.display())]
    PathTaken { path: PathBuf },
    #[error("`{}` is the main worktree", path.display())]
    MainWorktree { path: PathBuf },
    #[error("the worktree `{}` is locked: {reason}", path.display())]
    WorktreeLocked { path: PathBuf, reason: String },

    #[error("the repository tracks `{path}`, where the brief would be written")]
    Tracked { path: String },
    #[error("`{}` is {what}, not a directory of yours", path.display())]
    Unsafe { path: PathBuf, what: &'static str },
    #[error("another worker works in this worktree: `{}`", record.worker)]
    Claimed { record: Box<Record> },

    #[error("`{program}` is not WorkTrunk: {why}")]
    NotWorktrunk { program: String, why: String },
    #[error("WorkTrunk {found} is too old, {needed} or later is needed")]
    OldWorktrunk { found: String, needed: String },
    #[error("WorkTrunk does not work with this git: {why}")]
    OldGit { why: String },
    #[error("{program} could not {act}: {text}")]
    Failed { program: &'static str, act: String, text: String, said: String },
    #[error("{program} gave no usable answer: {why}")]
    Answer { program: &'static str, why: String },
    #[error("the project's {phase} hooks are not approved")]
    Unapproved { phase: &'static str, text: String },
    #[error("a {phase} hook failed with code {code}")]
    HookFailed { phase: &'static str, code: i32, text: String },

    #[error("the undo record `{}` cannot be understood", path.display())]
    Journal { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Proc(#[from] proc::Error),
}

impl Error {
    /// What to do about it, where that is more than the message says.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRepository { .. } => "run this inside a repository or pass --project DIR",
            Self::Untrusted { .. } => {
                "git config --global --add safe.directory DIR, if you trust it"
            }
            Self::NoDefaultBranch { .. } => "pass --base BRANCH",
            Self::NoCommits { .. } => "make a first commit",
            Self::HeadMoved { .. } => "the pull request was just pushed to: try again",
            Self::BranchExists { .. } => "pass --reuse to work on it, or --name for another branch",
            Self::Diverged { .. } => "push or drop that work, or pass --name for another branch",
            Self::Dirty { .. } => "commit or stash it first",
            Self::Tracked { .. } => "remove `.wtmag` from that branch, or use another base",
            Self::Unsafe { .. } => "remove it and try again",
            Self::NotWorktrunk { .. } | Self::OldWorktrunk { .. } => {
                "cargo install worktrunk, or set [worktree] backend = \"git\""
            }
            Self::OldGit { .. } => "install a newer git, or set [worktree] backend = \"git\"",
            Self::Unapproved { .. } => {
                "look at the commands; then --yes runs them once, `wt config approvals add` for \
                 good, and --no-hooks leaves them out"
            }
            Self::HookFailed { .. } => "mend the hook, or pass --no-hooks",
            Self::WorktreeLocked { .. } => "git worktree unlock DIR, or --force",
            Self::Busy { .. } => "try again when that process is done",
            Self::Open { .. }
            | Self::RefFormat { .. }
            | Self::Read { .. }
            | Self::Io { .. }
            | Self::BadName { .. }
            | Self::NoBase { .. }
            | Self::Fetch { .. }
            | Self::PathTaken { .. }
            | Self::MainWorktree { .. }
            | Self::Claimed { .. }
            | Self::Failed { .. }
            | Self::Answer { .. }
            | Self::Journal { .. }
            | Self::Proc(_) => return None,
        })
    }

    /// Turns a cause into a reading error: `.map_err(Error::read("the index"))`.
    pub(super) fn read<E: Into<Cause>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Read { what, source: source.into() }
    }

    /// Turns an IO error into one that names act and path.
    pub(super) fn io(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { act, path, source }
    }
}
