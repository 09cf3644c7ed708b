//! What a `create` writes down before it does it, so that it can be undone. Data only.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{journal::Journal, record::Record};
use crate::model::Timestamp;

/// The undo record of one running `create`.
pub type CreateJournal = Journal<Step>;

/// One thing that is about to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
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
