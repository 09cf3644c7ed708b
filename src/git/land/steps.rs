//! The steps that a landing records before it takes them. Data only.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    git::journal::Journal,
    model::{Timestamp, WorkerId},
};

/// The record of one running landing.
pub type LandJournal = Journal<Step>;

/// What is landed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// The common git dir.
    pub repo: PathBuf,
    pub at: Timestamp,
    pub worker: WorkerId,
    pub branch: String,
    /// The branch's commit that is landed.
    pub tip: String,
    pub mode: String,
}

/// A target that is about to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advance {
    pub into: String,
    pub from: String,
    pub to: String,
    /// The worktree that has it checked out.
    pub checkout: Option<PathBuf>,
}

/// One step that is about to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// Always first.
    Started(Landing),
    Advance(Advance),
}
