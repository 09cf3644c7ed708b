//! What is known about a worktree before its removal. Values only.
use std::path::{Path, PathBuf};

use crate::{
    git::{BranchTip, processes::Process},
    model::Landed,
};

/// What will be removed.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The git dir that all worktrees of the repository share.
    pub common_dir: &'a Path,
    /// The worktree's path when it was recorded.
    pub path: &'a Path,
    /// Its git dir, which finds it even after a move.
    pub git_dir: &'a Path,
    /// The branch to delete; `None` if it is kept.
    pub branch: Option<&'a str>,
    /// The agent's processes, including all descendants.
    pub known: &'a [u32],
    /// Where its work was landed.
    pub landed: Option<&'a Landed>,
}

/// Everything that was found, in the order in which it is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub place: Place,
    /// The worktree itself first, then the repositories in it.
    pub repositories: Vec<Repository>,
    /// Directories inside it that are on another file system.
    pub mounts: Vec<String>,
    pub processes: Vec<Process>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// The branch to delete, at the commit that was checked.
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
    /// The worker's directory, although git can no longer identify it.
    Damaged { path: PathBuf, why: String },
    /// Its path holds something that is not the worker's: a link, a file, another repository.
    Foreign { path: PathBuf, why: String },
}

/// One repository, as far as it is removed with the worktree.
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
    /// An unfinished merge or similar operation.
    pub operation: Option<&'static str>,
    pub stashes: Vec<String>,
    /// The reason of `git worktree lock`.
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
    /// The worktree to remove.
    Worktree,
    Submodule,
    /// A linked worktree of this or another repository.
    Linked,
    /// An independent repository.
    Nested,
    /// The repository that the worktree belongs to.
    Main,
}

/// Files by git's classification; paths relative to the repository's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub changed: Vec<String>,
    pub untracked: Vec<String>,
    /// Single ignored files, without those in directories that are ignored as a whole.
    pub ignored: Vec<String>,
}

/// A commit that loses its name: of a branch, a detached HEAD or a per-worktree ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// `HEAD` or the full name of a ref.
    pub name: String,
    pub id: String,
    /// Commits that are in no staying ref, newest first, as `short id subject`.
    pub commits: Vec<String>,
    /// Where else they are.
    pub proof: Option<Proof>,
    /// A branch has commits with the same patches, which proves nothing.
    pub looks_merged_into: Option<String>,
}

/// Why the commits of a tip are not lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A staying ref has them.
    Local,
    /// The remote has them now.
    Remote { remote: String },
    /// A tracking ref has them; the remote could not be asked.
    NotAsked { remote: String, why: String },
    /// This commit or branch has the same files, byte by byte.
    Merged { into: String },
    /// The forge merged a pull request at exactly this commit.
    Pull { into: String },
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
