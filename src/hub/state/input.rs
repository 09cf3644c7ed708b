//! Everything that wakes the hub: requests, tmux's events, and results of its own actions.
use std::{collections::BTreeSet, path::PathBuf, time::Instant};

use super::RequestId;
use crate::{
    model::{DeliveryId, HookReport, PaneId, Request, Sample, SessionId, WorkerId},
    tmux::{Acted, Created, PaneRow, Promoted, Said, ServerInfo},
};

/// The server's panes at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Before the request was sent: later changes may not be in it.
    pub asked: Instant,
    /// Those that are marked as a worker's; their links are those besides the fleet.
    pub panes: Vec<PaneRow>,
    pub sessions: BTreeSet<SessionId>,
}

/// A connection to this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub info: ServerInfo,
    /// Names of the variables that its sessions take over from who attaches.
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
