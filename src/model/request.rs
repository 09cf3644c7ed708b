//! What a client may ask of the hub, and what the hub answers. Values only: `wire` carries them.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Agent, Base, Delivery, DeliveryId, Event, Exit, Kind, PaneId, Placement, RuleSaid, Sample,
    SessionId, Source, Take, UnknownName, Verdict, Worker, WorkerId,
};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum Request {
    /// Reserve an id and a place before anything is made. Released when the connection closes.
    #[serde(rename = "prepare")]
    Reserve(Reserve),
    /// Make the window and start the agent of a reserved worker.
    Create(Box<NewWorker>),
    /// Give a reservation back, unless its worker exists by now.
    #[serde(rename = "abandon")]
    Release {
        id: WorkerId,
    },
    /// After a `create` whose hub died: whether the worker exists. The window of one that was not
    /// recorded is closed.
    #[serde(rename = "exists")]
    Recover {
        id: WorkerId,
    },
    List {
        ended: bool,
    },
    Show {
        id: WorkerId,
    },
    /// Where a terminal should go to see the worker.
    Locate {
        id: WorkerId,
    },
    Promote {
        id: WorkerId,
    },
    Cleanup(Cleanup),
    /// The panes of a worker's window, as tmux has them now.
    Panes {
        id: WorkerId,
    },
    Send(NewDelivery),
    Cancel {
        delivery: DeliveryId,
    },
    /// What a human says of a delivery that is stuck.
    Take {
        delivery: DeliveryId,
        take: Take,
    },
    Receipts {
        worker: Option<WorkerId>,
    },
    /// One delivery, open or over.
    Receipt {
        delivery: DeliveryId,
    },
    /// The workers as they are now, then every event from then on.
    Subscribe {
        workers: Vec<WorkerId>,
    },
    /// Stored events after number `since`, at most `limit`.
    Events {
        worker: Option<WorkerId>,
        since: u64,
        limit: u32,
    },
    Explain {
        id: WorkerId,
    },
    Hook(HookReport),
    Status,
    Stop {
        reason: String,
    },
}

impl Request {
    /// The answer tells how workers are now: it has to be seen first.
    pub fn tells_of_now(&self) -> bool {
        matches!(
            self,
            Self::List { ended: false }
                | Self::Show { .. }
                | Self::Explain { .. }
                | Self::Locate { .. }
                | Self::Subscribe { .. }
                | Self::Reserve(_)
        )
    }
}

/// A place wanted for a new worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    pub project: String,
    /// Common git dir, canonical: what two workers of one repository share.
    pub repo: PathBuf,
    pub branch: String,
    /// `Source::key`, when two workers for it would be a mistake.
    pub source_key: Option<String>,
    pub placement: Placement,
    pub caller: Caller,
}

/// Where in tmux the asking process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub pane: Option<PaneId>,
    pub session: Option<SessionId>,
}

/// Everything the hub needs to start a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWorker {
    pub id: WorkerId,
    pub worktree: PathBuf,
    pub git_dir: PathBuf,
    pub branch_made: bool,
    #[serde(default = "yes")]
    pub worktree_made: bool,
    pub base: Option<Base>,
    pub source: Source,
    pub kind: Kind,
    pub agent: Agent,
    pub pr: Option<String>,
    pub parent: Option<WorkerId>,
    /// The caller's values of the names in [`Reservation::env_names`].
    pub env: Vec<(String, String)>,
    /// Variables that the launch itself needs; they win over everything else.
    pub launch_env: Vec<(String, String)>,
    /// The first prompt.
    pub bootstrap: String,
    /// Keep a log of its screens.
    pub record: bool,
}

fn yes() -> bool {
    true
}

/// A text to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDelivery {
    pub worker: WorkerId,
    pub text: String,
    pub submit: bool,
    pub interrupt: bool,
    /// The file in the worktree that holds what `text` announces.
    #[serde(default)]
    pub file: Option<String>,
}

/// One pane of a worker's window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowPane {
    pub pane: PaneId,
    /// Of its first process.
    pub pid: u32,
}

/// What is to be removed with a worker. The asker has checked that nothing is lost by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    pub id: WorkerId,
    pub force: bool,
    pub keep_branch: bool,
    /// PATH, HOME and the like, for the removal's own hooks.
    pub env: Vec<(String, String)>,
}

/// What a hook or the pane's own process tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReport {
    /// Unique: a report may come both by socket and by spool.
    pub id: String,
    pub worker: WorkerId,
    pub pane: Option<PaneId>,
    pub hook: Hook,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum Hook {
    /// The shell came to the agent's line.
    Started,
    /// The agent ended or, if it was not `started`, the shell before it reached the agent.
    Exited {
        exit: Exit,
        #[serde(default = "yes")]
        started: bool,
    },
    /// An agent's own hook: its payload as it came.
    Agent { payload: String },
    /// Of a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    Done,
    #[serde(rename = "prepared")]
    Reserved(Reservation),
    /// `seq` is the number of the last event before the worker's own.
    Created {
        worker: Box<Worker>,
        delivery: DeliveryId,
        seq: u64,
    },
    #[serde(rename = "abandoned")]
    Released {
        existed: bool,
    },
    #[serde(rename = "exists")]
    Recovered {
        exists: bool,
    },
    Workers {
        workers: Vec<Worker>,
        deliveries: Vec<Delivery>,
        orphans: Vec<String>,
    },
    Shown {
        worker: Box<Worker>,
        screen: Option<Sample>,
        deliveries: Vec<Delivery>,
    },
    Located {
        session: String,
        window: super::WindowId,
        fleet: bool,
    },
    Promoted {
        session: String,
        ended_sessions: Vec<String>,
    },
    CleanedUp {
        worktree_removed: bool,
        branch_deleted: bool,
        notes: Vec<String>,
    },
    Panes {
        panes: Vec<WindowPane>,
    },
    Receipts {
        deliveries: Vec<Delivery>,
        /// How many older ones there are that one answer does not hold.
        #[serde(default)]
        n_older: usize,
    },
    Receipt {
        delivery: Option<Box<Delivery>>,
    },
    Queued {
        delivery: Delivery,
        seq: u64,
    },
    Subscribed {
        workers: Vec<Worker>,
        deliveries: Vec<Delivery>,
        seq: u64,
    },
    Events {
        events: Vec<Event>,
        last: u64,
    },
    Explained(Box<Explained>),
    Status(Box<HubStatus>),
    /// Of a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// All that a worker's state rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    pub worker: Worker,
    /// The last look, and what it says by itself.
    pub sample: Option<Sample>,
    pub verdict: Verdict,
    pub rules: Vec<RuleSaid>,
    /// For how long the agent has been silent; none while it prints.
    pub quiet_ms: Option<u64>,
    /// The last word of a hook to this hub.
    pub hook: Option<Heard>,
}

/// What a hook told, in our words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub at: super::Timestamp,
    pub text: String,
}

/// A reserved id, and what `create` has to bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub id: WorkerId,
    /// Names in tmux's `update-environment`: the caller's values go to the worker.
    pub env_names: Vec<String>,
}

/// The hub's own health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubStatus {
    pub pid: u32,
    pub version: String,
    pub started: super::Timestamp,
    pub tmux_socket: PathBuf,
    /// Version text and pid of the server, when connected.
    pub tmux: Option<(String, u32)>,
    pub fleet: Option<String>,
    pub live_workers: usize,
    pub open_deliveries: usize,
    pub clients: usize,
    pub orphans: Vec<String>,
    /// What went wrong lately and still stands, a line each.
    pub problems: Vec<String>,
}

/// Why the hub would not or could not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub kind: RefusalKind,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// No worker of that name, or several.
    NotFound,
    /// It exists already.
    Exists,
    /// It does not go now; the message says why.
    NotNow,
    /// tmux cannot be reached or failed.
    Tmux,
    /// The store cannot be written.
    Store,
    /// The request makes no sense to this hub.
    BadRequest,
    /// Of a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

impl Refusal {
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
