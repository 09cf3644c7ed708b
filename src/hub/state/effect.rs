//! The hub's effects; their results return as inputs.
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{
    RequestId,
    input::{Count, Touched},
};
use crate::model::{
    Answer, Caller, Cleanup, Delivery, DeliveryId, Event, Item, ItemKind, Marker, PaneId, Refusal,
    Run, RunJob, RunOrder, Sample, Schedule, ScheduleId, ServerId, Timestamp, WindowId, Worker,
    WorkerId,
};
use crate::tmux::{Guard, NewWindow, NoConnection};

/// Keys or text for a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Paste(String),
    Enter,
    /// One after the other, with this time in between.
    Keys(Vec<String>, Duration),
}

/// Where keys go, and what must hold there in that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub pane: PaneId,
    pub guard: Guard,
    /// A program that must be in the foreground's process group.
    pub program: Option<String>,
}

/// A directory of git that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitWatch {
    pub what: Touched,
    /// The worktree's own git dir, or the repository's common one.
    pub git_dir: PathBuf,
    /// The base branch, if that is what is watched.
    pub base: Option<String>,
    /// What has changed since then is told at once.
    pub since: Option<Timestamp>,
}

/// What a forge is to be asked about one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullQuestion {
    pub worker: Box<Worker>,
    pub candidates: Vec<String>,
    pub by_branch: bool,
}

/// What the user's command for notices is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub worker: WorkerId,
    pub kind: ItemKind,
    pub summary: String,
    pub pr: Option<String>,
}

/// An effect of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Record(Record),
    Reply(RequestId, Result<Box<Answer>, Refusal>),
    /// Answer from the store.
    Query(RequestId, Query),
    /// Append to the worker's screen log.
    Keep {
        worker: WorkerId,
        samples: Vec<Sample>,
    },
    /// Send this request every event after number `after`; no workers means those of every worker.
    Subscribe {
        request_id: RequestId,
        workers: BTreeSet<WorkerId>,
        after: u64,
    },
    Tmux(TmuxEffect),
    Local(LocalEffect),
    /// Stop the hub.
    Leave {
        why: String,
    },
}

/// An action on the connection to tmux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TmuxEffect {
    ListPanes {
        after: Duration,
    },
    FindSession {
        request_id: RequestId,
        caller: Caller,
    },
    /// The window as it is but for what only tmux knows: its program gets the shell of the session
    /// and the agent's words, and its environment the session's variables below its own.
    MakeWindow {
        window: Box<NewWindow>,
        agent: Vec<String>,
    },
    /// Sample a pane; with the programs of its foreground where it is told the pane's process.
    Look {
        worker: WorkerId,
        pane: PaneId,
        group_of: Option<u32>,
        /// With its colours.
        styled: bool,
    },
    /// Capture a pane with its colours, for a client that shows it.
    View {
        request_id: RequestId,
        pane: PaneId,
        number: u64,
    },
    /// Look at a pane that belongs to no worker, as a whole.
    Meet {
        pane: PaneId,
    },
    Act {
        worker: WorkerId,
        delivery: DeliveryId,
        to: Target,
        act: Act,
    },
    /// For a dialog: what comes of it is seen on the screen.
    Press {
        to: Target,
        act: Act,
    },
    Promote {
        request_id: RequestId,
        worker: WorkerId,
        window: WindowId,
        name: String,
        cwd: PathBuf,
    },
    /// End a worker's window; only the pane, if the user has moved it into another window.
    CloseWindow {
        worker: WorkerId,
        pane: PaneId,
        window: WindowId,
    },
    /// Put a worker's new pane where its former one is, and end that.
    TakePlace {
        worker: WorkerId,
        new: PaneId,
        old: PaneId,
    },
    /// An option for status lines, of a window or global.
    SetOption {
        window: Option<WindowId>,
        name: &'static str,
        value: String,
    },
    /// Show a message to the users at the server's clients.
    Announce {
        text: String,
        /// Their terminals ring.
        rings: bool,
    },
}

/// An action besides the connection: connect and disconnect, run programs, read and write files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalEffect {
    /// Connect to the server. If nothing listens at its socket, but the server `known` lives, make
    /// it recreate the socket.
    Link {
        missing: NoConnection,
        after: Duration,
        known: Option<ServerId>,
    },
    /// Disconnect from the server, and end the `wtmag` session if nothing else is in it.
    Unlink,
    /// Run the second half of a cleanup.
    Cleanup {
        cleanup: Cleanup,
        worker: Box<Worker>,
    },
    /// Give a text to a worker's agent, whose plugin takes it.
    Pass {
        worker: WorkerId,
        delivery: DeliveryId,
        text: String,
    },
    /// Run the user's command for notices.
    Notify {
        command: String,
        notice: Notice,
    },
    /// Tell changes in a directory of git.
    WatchGit(Box<GitWatch>),
    UnwatchGit(Touched),
    /// Look at these workers of one repository: where their work is and, if it counts, their changes.
    Look {
        what: Touched,
        workers: Vec<Worker>,
        counts: bool,
    },
    /// Ask the forge about pull requests of workers of one repository.
    AskPulls {
        repo: PathBuf,
        asked: Vec<PullQuestion>,
    },
    /// Create a worker that was planned.
    Create {
        schedule: ScheduleId,
        dir: PathBuf,
        args: Vec<String>,
        env: Vec<(String, String)>,
    },
    /// Create or land for a task of a run.
    RunJob {
        job: Box<RunJob>,
        order: Box<RunOrder>,
    },
    CountCommits(Count),
    /// Show markers beside branches of one repository in `wt list`; none: clear it.
    ShowMarkers {
        repo: PathBuf,
        markers: Vec<(String, Option<Marker>)>,
    },
    /// Ask git where these worktrees are, and what their branches are called.
    FindWorktrees(Vec<WorktreeQuery>),
}

/// A worker's worktree, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorktreeQuery {
    pub worker: WorkerId,
    pub repo: PathBuf,
    pub git_dir: PathBuf,
    pub branch: String,
}

impl WorktreeQuery {
    pub fn new(worker: &Worker) -> Self {
        Self {
            worker: worker.id.clone(),
            repo: worker.repo.clone(),
            git_dir: worker.git_dir.clone(),
            branch: worker.branch.clone(),
        }
    }
}

impl Effect {
    /// It only reads tmux, and need not wait for earlier records.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Tmux(
                TmuxEffect::ListPanes { .. }
                    | TmuxEffect::FindSession { .. }
                    | TmuxEffect::Look { .. }
                    | TmuxEffect::View { .. }
                    | TmuxEffect::Meet { .. }
            )
        )
    }
}

/// A request for history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Receipts {
        worker: Option<WorkerId>,
    },
    Receipt(DeliveryId),
    Events {
        worker: Option<WorkerId>,
        since: u64,
        limit: u32,
    },
    LastBefore(Timestamp),
    /// Removed workers.
    Ended {
        brief: bool,
    },
}

impl Record {
    pub fn event(&self) -> Option<&Event> {
        if let Self::Event(event) = self { Some(event) } else { None }
    }
}

/// What the store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Worker(Box<Worker>),
    Delivery(Box<Delivery>),
    Event(Event),
    Cleanup(Cleanup),
    CleanupOver(WorkerId),
    /// `wt list` shows nothing of this removed worker any more.
    MarkerCleared {
        worker: WorkerId,
        created: Timestamp,
    },
    Item(Box<Item>),
    Schedule(Box<Schedule>),
    Run(Box<Run>),
}
