//! Everything that wakes the hub: requests, tmux's events, and results of its own actions.
use std::{collections::BTreeSet, path::PathBuf, time::Instant};

use super::RequestId;
use crate::{
    model::{
        DeliveryId, HookReport, PaneId, Request, Sample, ServerId, SessionId, WindowId, WorkerId,
    },
    tmux::{Acted, Promoted},
};

/// A pane of a worker's window, as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneSeen {
    pub pane: PaneId,
    pub window: WindowId,
    /// The worker id in the options of the pane or its window.
    pub tag: String,
    pub dead: bool,
    /// Pid of its first process.
    pub pid: u32,
    /// Sessions that show the window, except session `wtmag`.
    pub sessions: Vec<(SessionId, String)>,
}

/// The server's panes at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Before the request was sent: later changes may not be in it.
    pub asked: Instant,
    pub panes: Vec<PaneSeen>,
    pub sessions: BTreeSet<SessionId>,
}

/// What the connection knows of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub server: ServerId,
    pub version: String,
    pub fleet: String,
    pub env_names: Vec<String>,
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
    /// Windows, panes or sessions changed.
    Restructured,
    Panes(Result<Listed, String>),
    SessionFound {
        request_id: RequestId,
        found: Result<Option<(SessionId, String)>, String>,
    },
    WindowMade {
        worker: WorkerId,
        made: Result<Made, NotMade>,
    },
    Sampled {
        worker: WorkerId,
        sample: Result<Sample, String>,
    },
    Acted {
        worker: WorkerId,
        delivery: DeliveryId,
        acted: Result<Acted, String>,
    },
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
    /// A report that waited in the spool.
    Spooled(HookReport),
    /// Where each worker's worktree is according to git; `None`: nowhere any more.
    Worktrees(Vec<(WorkerId, Option<PathBuf>)>),
}

/// A worker's new window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub server: ServerId,
    pub pane: PaneId,
    pub window: WindowId,
    pub session: Option<(SessionId, String)>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CleanedUp {
    pub worktree_removed: bool,
    pub branch_deleted: bool,
    pub notes: Vec<String>,
}
