//! Repositories, worktrees and what would be lost with them.
//!
//! Knows git, WorkTrunk and the files they keep. Reads with gix; what talks to a network, makes
//! worktrees or judges what a removal loses is `git` and `wt` themselves. Knows nothing of tmux, agents or the hub.
mod base;
mod branch;
mod error;
mod fetch;
mod hooks;
mod journal;
mod lock;
mod make;
pub mod names;
mod note;
mod plain;
mod processes;
pub mod record;
mod remotes;
pub mod removal;
mod repo;
pub mod scratch;
mod setup;
mod stale;
mod steps;
pub mod undo;
mod wt;

use std::fmt;

pub use base::{Picked, PickedFrom, Start, pick};
pub use branch::{BranchEnd, BranchTip, check_free};
pub use error::Error;
pub use hooks::{Hooks, may_have_hooks, run_hooks};
pub use lock::RepoLock;
pub use make::{Made, Order, make};
pub use note::Note;
pub use processes::{Process, occupant};
pub use repo::{Repo, Worktree, worktree_of_git_dir};
pub use setup::{copy_files, set_up};
pub use steps::{CreateJournal, Step};
pub use undo::{Undone, leftovers};
pub use wt::{Backend, Tool, Version, Wt};

use crate::proc::Cancel;

/// One command as its user sees it: how it is stopped, and where it says what happens.
pub struct Run<'a> {
    pub cancel: &'a Cancel,
    pub tell: &'a mut (dyn FnMut(&News) + Send),
}

/// Something that a user who waits wants to know. Prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Another process has the repository's lock; its pid where known.
    Waiting { holder: Option<u32> },
    /// The network is asked.
    Fetching { what: String, from: String },
    /// The base is a local copy of unknown age.
    Stale { name: String, why: String },
    /// Something that a user may not expect.
    Note(Note),
    /// Plain git is used although WorkTrunk was not excluded.
    Fallback { why: String },
    /// Another git process got in the way; trying again.
    Retrying { why: String },
    /// What a command that was killed made is taken back.
    Undoing { branch: String },
    /// A hook of WorkTrunk is about to run.
    Hook { phase: &'static str },
    /// What a program that runs now says.
    Line(String),
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { holder: Some(pid) } => {
                write!(f, "waiting for the repository: process {pid} is using it")
            }
            Self::Waiting { holder: None } => f.write_str("waiting for the repository"),
            Self::Fetching { what, from } => write!(f, "fetching {what} from {from}"),
            Self::Stale { name, why } => write!(f, "using the local `{name}`: {why}"),
            Self::Note(note) => note.fmt(f),
            Self::Fallback { why } => write!(
                f,
                "using plain git worktrees: {why}; to hide this note, set `[worktree] backend = \"git\"`"
            ),
            Self::Retrying { why } => write!(f, "trying again: {why}"),
            Self::Undoing { branch } => write!(f, "undoing what is left of {branch}"),
            Self::Hook { phase: "setup" } => f.write_str("running the setup command"),
            Self::Hook { phase } => write!(f, "running {phase} hooks"),
            Self::Line(line) => f.write_str(line),
        }
    }
}
