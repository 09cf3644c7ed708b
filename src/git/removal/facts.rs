//! What is known of a worktree that is to go. Values only.
use std::path::PathBuf;

use crate::git::{BranchTip, processes::Process};

/// Everything that was found, in the order in which it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub place: Place,
    /// The worktree itself first, then the repositories in it.
    pub repositories: Vec<Repository>,
    /// Directories below on another file system.
    pub mounts: Vec<String>,
    pub processes: Vec<Process>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// The branch that would be deleted, where it was when it was looked at.
    pub branch: Option<BranchTip>,
}

/// Where the worktree is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Its directory is gone.
    #[default]
    Missing,
    /// A directory whose `.git` and registration agree.
    Here { path: PathBuf },
    /// A directory that is the worker's, although git can no longer tell.
    Damaged { path: PathBuf, why: String },
    /// What lies in its place is not the worker's: a link, a file, another repository.
    Foreign { path: PathBuf, why: String },
}

/// One repository, as far as it goes with the worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub kind: Kind,
    /// Below the worktree; empty for the worktree itself.
    pub path: String,
    pub git_dir: PathBuf,
    /// Where its refs and objects are.
    pub common_dir: PathBuf,
    /// Its refs and objects are deleted, too.
    pub goes: bool,
    pub files: Files,
    /// A merge or the like that waits to be finished.
    pub operation: Option<&'static str>,
    pub stashes: Vec<String>,
    /// Why `git worktree lock` was called.
    pub lock: Option<String>,
    /// The worker that is recorded there.
    pub worker: Option<String>,
    /// Worktrees elsewhere that need this repository.
    pub needed_by: Vec<String>,
    pub tips: Vec<Tip>,
    pub unreadable: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The worktree that is to go.
    Worktree,
    Submodule,
    /// A linked worktree of this or another repository.
    Linked,
    /// A repository of its own.
    Nested,
    /// The very repository that the worktree belongs to.
    Main,
}

/// Files by what git says of them; paths relative to the repository's top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub changed: Vec<String>,
    pub untracked: Vec<String>,
    /// Single files that are ignored, without those in directories that are ignored as a whole.
    pub ignored: Vec<String>,
}

/// A commit that loses its name: a branch, a detached HEAD, a ref of the worktree's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// `HEAD` or the full name of a ref.
    pub name: String,
    pub id: String,
    /// Commits that no ref has which stays here, newest first, as `short id subject`.
    pub commits: Vec<String>,
    /// Where else they are.
    pub proof: Option<Proof>,
    /// A branch has commits with the same patches, which proves nothing.
    pub looks_merged_into: Option<String>,
}

/// Why the commits of a tip are not lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A ref that stays has them.
    Local,
    /// The remote has them now.
    Remote { remote: String },
    /// A tracking ref has them; the remote could not be asked.
    NotAsked { remote: String, why: String },
    /// The files are in this commit or branch byte by byte.
    Merged { into: String },
}

impl Repository {
    pub(super) fn new(kind: Kind, path: String) -> Self {
        Self {
            kind,
            path,
            git_dir: PathBuf::new(),
            common_dir: PathBuf::new(),
            goes: false,
            files: Files::default(),
            operation: None,
            stashes: Vec::new(),
            lock: None,
            worker: None,
            needed_by: Vec::new(),
            tips: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}
