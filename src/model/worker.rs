//! One worker: a branch, a worktree, a tmux window and an agent, made from one brief.
use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    DeliveryMode, Kind, PaneId, SessionId, Source, Timestamp, UnknownName, WindowId, WorkerId,
    WorkerState,
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
    /// Git knows the worktree no more, or its directory was removed.
    #[serde(default)]
    pub worktree_gone: bool,
    /// The worktree's own git dir, canonical.
    pub git_dir: PathBuf,
    pub branch: String,
    /// wtmag made the branch, so cleanup may delete it.
    pub branch_made: bool,
    /// wtmag made the worktree, so cleanup may remove it.
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
    pub created: Timestamp,
    pub state: WorkerState,
    /// Cleaned up: kept for `list --ended` only.
    pub ended: Option<Timestamp>,
    /// The agent's own session id, where a hook told it.
    #[serde(default)]
    pub agent_session: Option<String>,
    /// What the agent said last, where a hook told it.
    #[serde(default)]
    pub last_message: Option<String>,
    /// Keep a log of its screens.
    #[serde(default = "yes")]
    pub record: bool,
}

fn yes() -> bool {
    true
}

/// What a new branch started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The branch, tag or ref that was asked for.
    pub name: String,
    pub sha: String,
    /// Fetched for this worker, not a local copy of unknown age.
    pub fresh: bool,
}

/// The agent as it was launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name in the config.
    pub name: String,
    /// Its profile's name.
    pub profile: String,
    /// The profile itself as TOML, when it is the user's own and not an embedded one.
    #[serde(default)]
    pub profile_text: Option<String>,
    /// Command word and arguments.
    pub argv: Vec<String>,
    pub model: Option<String>,
    pub delivery: DeliveryMode,
    /// The user wants its question answered whether the worktree is to be trusted.
    #[serde(default)]
    pub trust: bool,
}

/// How the worker is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// A window in the user's session.
    Window,
    /// A session of its own, named by the worker id.
    Session,
    /// Only in the fleet: the session it was shown in is gone.
    Fleet,
    /// Of a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// Where in tmux the worker is. Ids mean something only on the server they came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub server: ServerId,
    pub window: WindowId,
    pub pane: PaneId,
    /// The session that shows it, besides the fleet.
    pub session: Option<SessionId>,
    pub session_name: Option<String>,
    /// The machine's boot during which the ids were given.
    #[serde(default)]
    pub boot: String,
    /// The pane is gone: closed, or its server ended.
    #[serde(default)]
    pub gone: bool,
}

/// One life of one tmux server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerId {
    pub pid: u32,
    /// Unix seconds.
    pub started: u64,
}

impl Worker {
    /// The id without the project before it: how it is called among workers of one project.
    pub fn short_name(&self) -> &str {
        let id = self.id.as_str();
        let project = WorkerId::for_branch(&self.project, "");
        let rest = id.strip_prefix(project.as_str()).and_then(|it| it.strip_prefix('-'));
        rest.filter(|it| !it.is_empty()).unwrap_or(id)
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
