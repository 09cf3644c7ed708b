//! The steps that a `create` records before it takes them, so that they can be undone. Data only.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{carry::Carried, journal::Journal, record::WorktreeRecord};
use crate::model::Timestamp;

/// The undo record of one running `create`.
pub type CreateJournal = Journal<Step>;

/// One step that is about to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// Always first. `repo` is the common git dir; older journals have no time.
    Started { repo: PathBuf, pid: u32, at: Option<Timestamp> },
    /// A new branch will be created at `sha`.
    Branch { branch: String, sha: String },
    /// A worktree for `branch` at `sha` will be created; `known` are those registered before.
    Worktree { branch: String, sha: String, path: Option<PathBuf>, known: Vec<String> },
    /// It was created at this path. The only step that is recorded afterwards.
    Made { path: PathBuf, git_dir: PathBuf },
    /// Hooks will run in it: later changes are theirs.
    Hooks,
    /// Uncommitted changes of another worktree will be copied into it. They are taken away there once the
    /// worker exists.
    Carry { carried: Carried },
    /// `.wtmag/` will be created, or existed before.
    Scratch { worktree: PathBuf, made: bool },
    /// The brief will overwrite this one.
    Brief { worktree: PathBuf, before: Option<String> },
    /// The worktree will be recorded as a worker's.
    Record { git_dir: PathBuf, record: WorktreeRecord },
}
