//! What a client may ask of the hub, and what the hub answers. Values only: `wire` carries them.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Ask, Attempt, Caller, Delivery, DeliveryId, DialogAnswer, Event, Exit, Explained, InboxQuery,
    Item, ItemId, Landed, NewTask, NewWorker, PaneId, Placement, Plan, Report, Room, Run, RunAct,
    RunId, RunOrder, Sample, Schedule, ScheduleId, Take, Timestamp, UnknownName, Worker, WorkerId,
};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum Request {
    /// Reserve an id and a place before anything is created. Released when the connection closes.
    #[serde(rename = "prepare")]
    Reserve(Reserve),
    /// Create the window and start the agent of a reserved worker.
    Create(Box<NewWorker>),
    /// Release a reservation, unless its worker exists by now.
    #[serde(rename = "abandon")]
    Release {
        id: WorkerId,
    },
    /// After a `create` whose hub died: find out whether the worker exists. A window that was not
    /// recorded is closed.
    #[serde(rename = "exists")]
    Recover {
        id: WorkerId,
    },
    List {
        ended: bool,
        /// Only what a row of a list shows ([`Worker::brief`]), and the newest deliveries that failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        brief: bool,
    },
    Show {
        id: WorkerId,
    },
    /// The worker's screen with its colours; answered when it is another one than number `known`. A
    /// client's newest request replaces its earlier one, which is never answered.
    View {
        id: WorkerId,
        #[serde(default)]
        known: Option<u64>,
    },
    /// Where a terminal should go to see the worker.
    Locate {
        id: WorkerId,
    },
    Promote {
        id: WorkerId,
    },
    Cleanup(Cleanup),
    /// The worker's work is part of another branch now.
    Landed {
        id: WorkerId,
        landed: Landed,
    },
    /// The panes of a worker's window, as tmux reports them now.
    Panes {
        id: WorkerId,
    },
    Send(NewDelivery),
    Cancel {
        delivery: DeliveryId,
    },
    /// What a human decided about a stuck delivery.
    Take {
        delivery: DeliveryId,
        take: Take,
    },
    Receipts {
        worker: Option<WorkerId>,
    },
    /// One delivery, open or closed.
    Receipt {
        delivery: DeliveryId,
    },
    /// The current workers, then every following event.
    Subscribe {
        workers: Vec<WorkerId>,
    },
    /// Stored events after number `since`, at most `limit`.
    Events {
        worker: Option<WorkerId>,
        since: u64,
        limit: u32,
    },
    /// The number of the last event before this time; without events.
    LastBefore {
        at: Timestamp,
    },
    Explain {
        id: WorkerId,
    },
    Hook(HookReport),
    /// Items of the inbox.
    Inbox(InboxQuery),
    /// The caller is the parent of these workers from now on.
    Adopt {
        workers: Vec<WorkerId>,
        caller: Caller,
    },
    /// These items have been dealt with.
    Ack {
        items: Vec<ItemId>,
    },
    /// Choose this answer of the dialog that the agent shows, if it is still this one.
    AnswerDialog(Box<DialogAnswer>),
    /// This dialog was printed for a user to choose an answer.
    DialogPrinted {
        id: WorkerId,
        asked: Ask,
    },
    /// Ask a worker something; the answer becomes an item.
    Ask(NewDelivery),
    /// Answer an item with this text.
    Reply {
        item: ItemId,
        text: NewDelivery,
    },
    /// Do this at a later time.
    Schedule(Box<Plan>),
    /// What is planned.
    Schedules,
    CancelSchedule {
        id: ScheduleId,
    },
    /// Ask the forge about the pull requests of this repository's workers, or of all, unless that was
    /// done within the last minute.
    Pulls {
        repo: Option<PathBuf>,
        /// Answer when the forge has answered.
        waits: bool,
    },
    /// Begin a run of these tasks.
    Run {
        order: Box<RunOrder>,
        tasks: Vec<NewTask>,
    },
    /// The last runs, or one of them.
    Runs {
        run: Option<RunId>,
    },
    ActOnRun {
        run: RunId,
        act: RunAct,
    },
    Status,
    Stop {
        reason: String,
    },
}

impl Request {
    /// The answer depends on the current screens, so they are captured first.
    pub fn tells_of_now(&self) -> bool {
        matches!(
            self,
            Self::List { ended: false, .. }
                | Self::Show { .. }
                | Self::Explain { .. }
                | Self::Locate { .. }
                | Self::Inbox(_)
                | Self::Subscribe { .. }
                | Self::Reserve(_)
        )
    }

    /// It changes nothing, so that another hub may be asked the same.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::List { .. }
                | Self::Show { .. }
                | Self::Explain { .. }
                | Self::Panes { .. }
                | Self::Receipts { .. }
                | Self::Receipt { .. }
                | Self::Events { .. }
                | Self::LastBefore { .. }
                | Self::Inbox(_)
                | Self::Schedules
                | Self::Pulls { .. }
                | Self::Runs { .. }
        )
    }
}

/// A task whose worker is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Making {
    /// The canonical common git dir.
    pub repo: PathBuf,
    /// `Source::task_key`.
    pub task: String,
}

/// The place requested for a new worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    pub project: String,
    /// The canonical common git dir, which all workers of one repository share.
    pub repo: PathBuf,
    /// Empty for an orchestrator, whose `source_key` names it.
    pub branch: String,
    /// `Source::key`, if a second worker for the same task would be a mistake.
    pub source_key: Option<String>,
    pub placement: Placement,
    pub caller: Caller,
    /// A tmux server answered when the command began: no other one is started in its place.
    #[serde(default)]
    pub is_served: bool,
    /// The worker whose agent is started again, instead of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<WorkerId>,
    /// That agent may still run: it is ended once the new one is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_agent: bool,
    /// The limits that hold for it.
    #[serde(default)]
    pub room: Room,
    /// The task of a run that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
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
    /// The file in the worktree that holds the long text that `text` announces.
    #[serde(default)]
    pub file: Option<String>,
}

/// One pane of a worker's window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowPane {
    pub pane: PaneId,
    /// Pid of its first process.
    pub pid: u32,
}

/// What to remove with a worker. The caller has checked that no work is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    pub id: WorkerId,
    pub force: bool,
    /// Drop the work that a backup can keep.
    #[serde(default)]
    pub abandon: bool,
    /// Drop the work of exactly this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discard: Option<String>,
    pub keep_branch: bool,
    /// PATH, HOME and the like, for the hooks that run at removal.
    pub env: Vec<(String, String)>,
}

/// What a hook or the pane's process reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReport {
    /// Unique: a report may arrive both by socket and by spool.
    pub id: String,
    pub worker: WorkerId,
    pub pane: Option<PaneId>,
    pub hook: Hook,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum Hook {
    /// The shell is about to start the agent.
    Started,
    /// The agent ended or, if not `started`, the shell ended before it reached the agent.
    Exited {
        exit: Exit,
        #[serde(default = "yes")]
        started: bool,
    },
    /// The agent's own hook, with its payload unchanged.
    Agent { payload: String },
    /// The worker reports about itself.
    Report(Box<Report>),
    /// A value from a newer version.
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
    /// There is no room yet.
    InLine {
        place: usize,
        of: usize,
    },
    /// `seq` is the number of the last event before the worker's first.
    Created {
        worker: Box<Worker>,
        delivery: DeliveryId,
        seq: u64,
    },
    /// An agent was started again. Its open deliveries, in their order.
    Resumed {
        worker: Box<Worker>,
        #[serde(default)]
        deliveries: Vec<Delivery>,
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
    Viewed {
        /// Number of this screen, for the next request.
        number: u64,
        /// Its rows, with colours as escape sequences.
        text: String,
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
        /// How many older ones did not fit into the answer.
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
    /// A report is recorded; `item` is what it became in the inbox.
    Reported {
        item: Option<ItemId>,
    },
    Asked {
        item: ItemId,
        delivery: DeliveryId,
    },
    /// Items, the oldest first, with their workers.
    Items {
        items: Vec<Item>,
        workers: Vec<Worker>,
        /// Number of the newest item of all.
        last: ItemId,
        seq: u64,
        /// The items that the reader has not heard of and is to hear of.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        untold: Vec<ItemId>,
    },
    Scheduled {
        schedule: Box<Schedule>,
    },
    Schedules {
        schedules: Vec<Schedule>,
    },
    /// The forge was asked; why it did not answer, where it did not.
    Pulls {
        problems: Vec<String>,
    },
    Runs {
        runs: Vec<Run>,
        seq: u64,
        /// Tasks whose worker is being created, or waits in line for room.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        making: Vec<Making>,
    },
    Status(Box<HubStatus>),
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// A reserved id, and what `create` must provide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub id: WorkerId,
    /// Names in tmux's `update-environment`: the worker gets the caller's values.
    pub env_names: Vec<String>,
}

/// The state of the hub itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubStatus {
    pub pid: u32,
    pub version: String,
    pub started: Timestamp,
    pub tmux_socket: PathBuf,
    /// Version text and pid of the server, when connected.
    pub tmux: Option<(String, u32)>,
    pub fleet: Option<String>,
    pub live_workers: usize,
    pub open_deliveries: usize,
    pub clients: usize,
    pub orphans: Vec<String>,
    /// Recent problems that still exist, a line each.
    pub problems: Vec<String>,
}

/// Why the hub refused or failed.
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
    /// No worker has that name, or several do.
    NotFound,
    /// It exists already.
    Exists,
    /// Not possible now; the message says why.
    NotNow,
    /// tmux cannot be reached or failed.
    Tmux,
    /// The store cannot be written.
    Store,
    /// The hub does not understand the request.
    BadRequest,
    /// A value from a newer version.
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
