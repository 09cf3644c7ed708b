//! The hub's effects; their results return as inputs.
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::RequestId;
use crate::model::{
    Answer, Caller, Cleanup, Delivery, DeliveryId, Event, PaneId, Refusal, Sample, ServerId,
    SessionId, WindowId, Worker, WorkerId,
};
use crate::tmux::NoConnection;

/// Where to show a new window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// Linked into a user's session.
    In(SessionId),
    /// In a new session of this name.
    Own(String),
}

/// A window to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSpec {
    pub worker: WorkerId,
    /// The name it is shown under: the branch.
    pub title: String,
    pub cwd: PathBuf,
    /// `wtmag pane` with its options, without the shell.
    pub pane: Vec<String>,
    /// The agent's program and arguments.
    pub agent: Vec<String>,
    /// The caller's values of the variables that tmux updates in a session.
    pub caller_env: Vec<(String, String)>,
    /// Variables on top of those; later ones win.
    pub env: Vec<(String, String)>,
    pub show: Show,
    /// The session's name, when it exists already.
    pub session_name: Option<String>,
}

/// Keys or text for a pane, and the foreground command that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Paste(String),
    Enter,
    /// One after the other, with this time in between.
    Keys(Vec<String>, Duration),
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
    MakeWindow(Box<WindowSpec>),
    /// Sample a pane; with `resume`, let it ring again from now on.
    Look {
        worker: WorkerId,
        pane: PaneId,
        resume: bool,
    },
    Act {
        worker: WorkerId,
        delivery: DeliveryId,
        pane: PaneId,
        command: String,
        act: Act,
    },
    /// Press a key in a pane whose foreground command is this one.
    Press {
        pane: PaneId,
        command: String,
        key: String,
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
    /// Show a worker's state on its window.
    Status {
        window: WindowId,
        word: String,
    },
    /// Show a message to the users at the server's clients.
    Announce(String),
}

/// An action besides the connection: connect and disconnect, run programs, read and write files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalEffect {
    /// Connect to the server. If nothing listens at its socket, but the server `known` lives, make
    /// it recreate the socket.
    Link { missing: NoConnection, after: Duration, known: Option<ServerId> },
    /// Disconnect from the server, and end the `wtmag` session if nothing else is in it.
    Unlink,
    /// Run the second half of a cleanup.
    Cleanup { cleanup: Cleanup, worker: Box<Worker> },
    /// Ask git where these workers' worktrees are, by their git dirs.
    FindWorktrees(Vec<(WorkerId, PathBuf)>),
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
    /// Removed workers.
    Ended,
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
}
