//! The append-only log: everything that happened, numbered.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AgentState, Ask, Changes, DeliveryId, Fact, Hold, Item, Landed, Need, Placement, Process, Pull,
    Reported, RunId, ScheduleId, Step, Timestamp, WorkerId,
};

/// One entry of the log. Numbers rise by one within a hub's life and never repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub seq: u64,
    pub at: Timestamp,
    pub worker: Option<WorkerId>,
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Happened {
    /// The worker's window exists: the commit point of `create`.
    Created,
    /// Its agent was started again, in a new window.
    Resumed,
    Process(Fact<Process>),
    Turn(Fact<AgentState>),
    Reported(Fact<Reported>),
    /// A new turn began: what the worker reported before is no longer its state.
    ReportOver,
    /// An item of the inbox is new, has changed or has ended.
    Item {
        item: Box<Item>,
    },
    /// What the agent asks became known or changed; null: nothing any more. Published before
    /// the turn that it belongs to.
    Asks {
        asks: Option<Ask>,
    },
    /// wtmag needs a human for this, or no longer does.
    Need {
        need: Option<Fact<Need>>,
    },
    Delivery {
        id: DeliveryId,
        step: Step,
        held: Option<Hold>,
        evidence: String,
    },
    /// The worker moved to another window or session.
    Placed {
        placement: Placement,
        session: Option<String>,
    },
    /// The worktree was moved or, without a path, removed from outside wtmag.
    Worktree {
        path: Option<PathBuf>,
    },
    /// Its branch was renamed to this.
    Renamed {
        branch: String,
    },
    /// A hook reported the pull request, the agent's session or its last message.
    Told {
        about: String,
        text: String,
    },
    /// Its work is part of another branch now.
    Landed(Landed),
    /// What it changed was counted.
    Changes(Changes),
    /// What the forge says about its pull request has changed.
    Pull(Box<Pull>),
    /// Cleanup began; the rest is done even after a crash.
    CleanupStarted,
    CleanupFailed {
        error: String,
    },
    /// The worker is gone: window closed, worktree removed.
    Ended {
        worktree_removed: bool,
        branch_deleted: bool,
    },
    /// A schedule was made, has fired, has failed or was cancelled.
    Schedule {
        id: ScheduleId,
        what: String,
        text: String,
    },
    /// A client asked for something that changes things.
    Command {
        verb: String,
    },
    /// A run has begun, has changed or is over.
    Run {
        run: RunId,
        /// From 1.
        task: Option<usize>,
        what: String,
    },
    Hub {
        what: String,
    },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}
