//! What wakes the hub: requests, what tmux tells, and what came of its own acts.
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
    /// The worker that the pane or its window is marked as.
    pub tag: String,
    pub dead: bool,
    /// Of its first process.
    pub pid: u32,
    /// Sessions other than the fleet that show the window.
    pub sessions: Vec<(SessionId, String)>,
}

/// What the server has at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Before it was asked: what happened later may not be in it.
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
        /// What its session is called now.
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

/// Why there is no word of a new window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// There is none.
    Refused(String),
    /// tmux was told to make it and did not answer: the next list of panes decides.
    Unknown(String),
}

/// What the second half of a cleanup did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CleanedUp {
    pub worktree_removed: bool,
    pub branch_deleted: bool,
    pub notes: Vec<String>,
}
