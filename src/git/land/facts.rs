//! What is known before a branch is landed. Values only.
use std::path::PathBuf;

/// Everything that decides whether a branch can be landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The branch's newest commit; `None` if the branch is gone.
    pub tip: Option<String>,
    pub checked_out: CheckedOut,
    /// The base's name, if it is known.
    pub base: Option<String>,
    /// `None` if it is not known into which branch the work belongs, or that branch does not exist.
    pub target: Option<Target>,
    /// The name that was looked for.
    pub into: Option<String>,
    /// `None` without a tip or target.
    pub outcome: Option<Outcome>,
    /// The branch's own commits, newest first, as `short id subject`.
    pub commits: Vec<String>,
    /// A remote copy of the branch has its newest commit.
    pub is_pushed: bool,
}

/// What the worker's worktree has checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckedOut {
    /// The branch.
    Own,
    Other(String),
    Detached,
    /// The worktree is gone.
    Gone,
}

/// The branch that receives the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    pub tip: String,
    /// The worktrees that have it checked out.
    pub checkouts: Vec<Checkout>,
    /// Commits of a remote copy that the target also receives.
    pub catches_up: usize,
    /// The remote copy that has other commits than the target.
    pub diverged_from: Option<String>,
}

/// A worktree that has the target checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub path: PathBuf,
    pub changed: Vec<String>,
    /// An unfinished merge or the like.
    pub operation: Option<&'static str>,
    /// Its directory is gone, but it is locked: it may come back.
    pub is_away: bool,
    /// Why it could not be read.
    pub unreadable: Option<String>,
}

/// Whether work is part of its base already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The branch is gone.
    Gone,
    /// It has no commits of its own.
    Empty,
    Not,
    /// This branch has its newest commit.
    Contained {
        into: String,
        tip: String,
    },
    /// This branch has its files, byte by byte, as after a squash.
    SameFiles {
        into: String,
        tip: String,
    },
}

/// What landing would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target becomes this commit.
    Ready { commit: String },
    /// The target already has the work.
    Landed,
    /// The branch has no commits of its own.
    Empty,
    /// These files conflict; in this commit, if it is a rebase.
    Conflict { files: Vec<String>, at: Option<String> },
    /// The target has commits that the branch does not have.
    NotForward,
    /// The base was rewritten: the branch has old commits of it.
    Rewritten,
    /// A rebase would give other files than a merge.
    Unequal,
    /// It could not be built.
    Failed { why: String },
}
