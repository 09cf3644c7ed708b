//! What the hub needs to start a worker's agent. Values only.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Agent, Base, DeliveryId, ItemKind, Kind, NewDelivery, Source, Timestamp, Worker, WorkerId,
};

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
    /// What its parent is told about; none: everything.
    #[serde(default)]
    pub wakes: Option<Vec<ItemKind>>,
    /// The caller's values for the names in [`Reservation::env_names`](super::Reservation::env_names).
    pub env: Vec<(String, String)>,
    /// Variables that the launch needs; they override all others.
    pub launch_env: Vec<(String, String)>,
    /// The first prompt; empty if a resumed agent has its conversation.
    pub bootstrap: String,
    /// The earlier worker on its branch, with `--reuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
    /// The earlier record of a worker whose agent is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<Box<Worker>>,
    /// Texts that an agent that is started again is still owed, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<NewDelivery>,
    /// Texts that waited for its former agent and are not for the new one. The others are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<DeliveryId>,
    /// The commit that its branch has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Record its screens.
    pub record: bool,
    /// `wt list` shows what it does.
    #[serde(default)]
    pub markers: bool,
}

fn yes() -> bool {
    true
}

/// What a new worker keeps of the earlier one on its branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follows {
    /// The beginning of its history, if the id is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
}
