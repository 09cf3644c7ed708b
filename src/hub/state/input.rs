//! Everything that wakes the hub: requests, tmux's events, and results of its own actions.
use std::{collections::BTreeSet, path::PathBuf, time::Instant};

use super::RequestId;
use crate::{
    model::{
        DeliveryId, HookReport, Looked, PaneId, Pulled, Request, RunJob, Sample, ScheduleId,
        SessionId, Timestamp, WindowId, WorkerId,
    },
    tmux::{Acted, Created, PaneRow, Promoted, Said, ServerInfo},
};

/// The server's panes at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Before the request was sent: later changes may not be in it.
    pub asked: Instant,
    /// Those that are marked as a worker's; their links are those besides the fleet.
    pub panes: Vec<PaneRow>,
    /// Windows that a user's terminal shows.
    pub watched: BTreeSet<WindowId>,
    pub sessions: BTreeSet<SessionId>,
}

/// A connection to this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub info: ServerInfo,
    /// Names of the variables that its sessions take over from who attaches.
    pub env_names: Vec<String>,
}

/// What a pane shows that belongs to no worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The pane's first process.
    pub pid: u32,
    pub window: WindowId,
    pub sample: Sample,
    /// The user's own profiles: names and texts.
    pub profiles: Vec<(String, String)>,
}

/// Something of git that is watched or looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// The index or HEAD of a worker's worktree.
    Worktree(WorkerId),
    /// git's record of where a worker's worktree is.
    Place(WorkerId),
    /// A branch that workers were started from.
    Base { repo: PathBuf, branch: String },
}

/// One rest of a worker; in another one it may have other commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// When its turn ended, or its agent.
    pub since: Timestamp,
    /// Its newest known commit: what runs in the background, or a person, may commit later.
    pub head: Option<String>,
}

/// The commits to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub worker: WorkerId,
    pub at_rest: Rest,
    /// The repository's common git dir.
    pub repo: PathBuf,
    pub branch: String,
    /// Commits that are not its own: those before this one, and those of this branch.
    pub head: String,
    pub base: Option<String>,
}

/// All that can wake the hub.
#[derive(Debug)]
pub enum Input {
    Tick,
    Requested {
        request_id: RequestId,
        request: Request,
    },
    ClientCame,
    ClientGone {
        client: u64,
    },
    Linked(Linked),
    LinkFailed {
        error: String,
        no_server: bool,
    },
    LinkLost {
        why: String,
    },
    /// tmux stopped answering, or answers again.
    Wedged(bool),
    /// A worker's pane wrote something.
    Rang(PaneId),
    /// What a worker's pane said of itself in its output.
    Said(PaneId, Said),
    /// Windows, panes or sessions changed.
    Restructured,
    Panes(Result<Listed, String>),
    SessionFound {
        request_id: RequestId,
        found: Result<Option<(SessionId, String)>, String>,
    },
    WindowMade {
        worker: WorkerId,
        made: Result<Created, NotMade>,
    },
    Sampled {
        worker: WorkerId,
        sample: Result<Sample, String>,
    },
    /// A screen with its colours.
    Viewed {
        request_id: RequestId,
        number: u64,
        screen: Result<String, String>,
    },
    /// A pane that belongs to no worker; `None`: it is gone.
    Met {
        pane: PaneId,
        found: Result<Option<Met>, String>,
    },
    Acted {
        worker: WorkerId,
        delivery: DeliveryId,
        acted: Result<Acted, String>,
    },
    /// Whether an agent's plugin took a text; an error if that is not known.
    Passed((WorkerId, DeliveryId), Result<bool, String>),
    Promoted {
        request_id: RequestId,
        worker: WorkerId,
        /// Its session's current name.
        name: String,
        done: Result<Promoted, String>,
    },
    WindowClosed {
        worker: WorkerId,
        done: Result<(), String>,
    },
    CleanupOver {
        worker: WorkerId,
        outcome: Result<CleanedUp, String>,
    },
    /// A planned worker was created, or why not.
    CreateOver {
        schedule: ScheduleId,
        outcome: Result<(), String>,
    },
    /// The user's command for notices has ended.
    Notified(Result<(), String>),
    /// A child has ended that worked for a task of a run; for a landing, with the branch.
    RunJobOver {
        job: Box<RunJob>,
        outcome: Result<Option<String>, String>,
    },
    Counted(Count, Result<usize, String>),
    /// A report that waited in the spool.
    Spooled(HookReport),
    /// Something that is watched has changed.
    Touched(Touched),
    /// What the forge said about the pull requests of workers of one repository.
    Pulled {
        repo: PathBuf,
        found: Result<Vec<Pulled>, String>,
    },
    /// What git says about workers.
    Looked {
        what: Touched,
        found: Result<Vec<Looked>, String>,
    },
    /// The program has ended that shows markers in one repository.
    MarkersShown {
        repo: PathBuf,
        done: Result<(), String>,
    },
    Worktrees(Vec<WorktreeFacts>),
}

/// What git says of a worker's worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorktreeFacts {
    pub worker: WorkerId,
    /// `None`: it is nowhere any more.
    pub path: Option<PathBuf>,
    /// The new name of its branch, if it was renamed.
    pub branch: Option<String>,
}

/// Why there is no result for a new window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// It does not exist.
    Refused(String),
    /// tmux was told to create it and did not answer: the next list of panes decides.
    Unknown(String),
}

/// The result of the second half of a cleanup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanedUp {
    pub worktree_removed: bool,
    pub branch_deleted: bool,
    pub notes: Vec<String>,
}
