//! One worker: a branch, a worktree, a tmux window and an agent, made from one brief.
use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    DeliveryMode, ItemKind, Kind, PaneId, Progress, SessionId, Source, Timestamp, UnknownName,
    Usage, WindowId, Work, WorkerId, WorkerState,
};

/// Everything the hub records of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    pub id: WorkerId,
    /// Name of the directory that holds the repository.
    pub project: String,
    /// The repository's common git dir, canonical.
    pub repo: PathBuf,
    pub worktree: PathBuf,
    /// Git no longer knows the worktree, or its directory was removed.
    #[serde(default)]
    pub worktree_gone: bool,
    /// The worktree's own git dir, canonical.
    pub git_dir: PathBuf,
    pub branch: String,
    /// wtmag created the branch, so cleanup may delete it.
    pub branch_made: bool,
    /// wtmag created the worktree, so cleanup may remove it.
    #[serde(default = "yes")]
    pub worktree_made: bool,
    pub base: Option<Base>,
    pub source: Source,
    pub kind: Kind,
    pub agent: Agent,
    pub placement: Placement,
    pub place: Place,
    /// URL of the pull request, reviewed or made.
    pub pr: Option<String>,
    /// The worker that created this one, if one did.
    pub parent: Option<WorkerId>,
    /// The pane that it was created from, if that is no worker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_pane: Option<ParentPane>,
    /// What its parent is told about; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakes: Option<Vec<ItemKind>>,
    pub created: Timestamp,
    pub state: WorkerState,
    /// Cleaned up: kept for `list --ended` only.
    pub ended: Option<Timestamp>,
    /// The agent's session id, if a hook reported it.
    #[serde(default)]
    pub agent_session: Option<String>,
    /// The agent's last message, if a hook reported it.
    #[serde(default)]
    pub last_message: Option<String>,
    #[serde(default)]
    pub usage: Usage,
    /// What it last said that it was doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Why its profile is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_note: Option<String>,
    /// Record its screens.
    #[serde(default = "yes")]
    pub record: bool,
    #[serde(default)]
    pub work: Work,
}

fn yes() -> bool {
    true
}

/// The start of a new branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The branch, tag or ref that was requested.
    pub name: String,
    pub sha: String,
    /// It was fetched for this worker, so it is not an old local copy.
    pub fresh: bool,
}

/// The agent as it was launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name in the config.
    pub name: String,
    /// Its profile's name.
    pub profile: String,
    /// The profile's TOML, if it is the user's own and not an embedded one.
    #[serde(default)]
    pub profile_text: Option<String>,
    /// Command word and arguments.
    pub argv: Vec<String>,
    pub model: Option<String>,
    pub delivery: DeliveryMode,
    /// The user wants wtmag to answer the agent's trust question about the worktree.
    #[serde(default)]
    pub trust: bool,
    /// At the reset of a limit that ended a turn it is told to go on with its task.
    #[serde(default)]
    pub resume_at_reset: bool,
}

/// A pane whose program gave a worker its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentPane {
    pub server: ServerId,
    pub pane: PaneId,
}

/// How the worker is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// A window in the user's session.
    Window,
    /// Its own session, named like the worker.
    Session,
    /// Only in session `wtmag`: the session that showed it is gone.
    Fleet,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// Where in tmux the worker is. Ids are valid only on the server that they came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub server: ServerId,
    pub window: WindowId,
    pub pane: PaneId,
    /// The pane's first process. Another one in the pane is not this worker's.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The session that shows it, besides session `wtmag`.
    pub session: Option<SessionId>,
    pub session_name: Option<String>,
    /// The boot of the machine during which the ids were assigned.
    #[serde(default)]
    pub boot: String,
    /// The pane is gone: closed, or its server ended.
    #[serde(default)]
    pub gone: bool,
}

/// One run of one tmux server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerId {
    pub pid: u32,
    /// Unix seconds.
    pub started: u64,
}

impl Worker {
    /// The id without the project: its name among the workers of one project.
    pub fn short_name(&self) -> &str {
        let id = self.id.as_str();
        let project = WorkerId::for_branch(&self.project, "");
        let rest = id.strip_prefix(project.as_str()).and_then(|it| it.strip_prefix('-'));
        rest.filter(|it| !it.is_empty()).unwrap_or(id)
    }

    /// Whether its parent is told about such items.
    pub fn wakes_for(&self, kind: ItemKind) -> bool {
        self.wakes.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    pub fn is_live(&self) -> bool {
        self.ended.is_none() && self.state.is_live()
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Window => "window",
            Self::Session => "session",
            Self::Fleet => "fleet",
            Self::Other(name) => name.as_str(),
        })
    }
}
