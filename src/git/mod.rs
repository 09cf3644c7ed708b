//! Repositories, worktrees, and the work that would be lost with them.
//!
//! Knows git, WorkTrunk and their files. Reads with gix; runs `git` and `wt` for whatever uses the
//! network, creates worktrees or decides what a removal loses. Does not know tmux, agents or the
//! hub.
mod at;
mod base;
mod branch;
pub mod carry;
pub mod changes;
mod count;
mod error;
mod fetch;
mod hooks;
mod index;
mod journal;
pub mod land;
mod lock;
mod make;
mod marker;
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
pub use branch::{BranchEnd, BranchTip, check_free, renamed};
pub use count::new_commits;
pub use error::{Advice, Error};
pub use hooks::{Hooks, approve_hooks, may_have_hooks, run_hooks};
pub use lock::RepoLock;
pub use make::{Made, WorktreeRequest, make, planned_path};
pub use marker::show_marker;
pub use note::Note;
pub use processes::{Process, foreground_process, programs_inside};
pub use repo::{Repo, Worktree, worktree_of_git_dir};
pub use setup::{copy_files, set_up};
pub use steps::{CreateJournal, Step};
pub use undo::{Undone, leftovers};
pub use wt::{Backend, Tool, Wt};

use crate::proc::Cancel;

/// The context of one command: how it is cancelled, and where it reports progress.
pub struct Run<'a> {
    pub cancel: &'a Cancel,
    pub tell: &'a mut (dyn FnMut(&News) + Send),
}

/// Progress for a waiting user. Prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Another process holds the repository's lock; with its pid if known.
    Waiting { holder: Option<u32> },
    /// The network is being asked.
    Fetching { what: String, from: String },
    /// The base is a local copy that may be old.
    Stale { name: String, why: String },
    /// Something that the user may not expect.
    Note(Note),
    /// Plain git is used although WorkTrunk was allowed.
    Fallback { why: String },
    /// Another git process interfered; trying again.
    Retrying { why: String },
    /// What a killed command left is being removed.
    Undoing { branch: String },
    /// A WorkTrunk hook is about to run.
    Hook { phase: &'static str },
    /// The running program has the terminal.
    Terminal,
    /// A line of output from the running program.
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
            Self::Terminal => f.write_str("at the terminal"),
            Self::Line(line) => f.write_str(line),
        }
    }
}
