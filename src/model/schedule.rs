//! A text or a question that is delivered at a later time.
use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DeliveryId, PaneId, ServerId, Timestamp, WorkerId};

/// The number of a schedule. It rises with each one and is never used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ScheduleId(pub u64);

/// One schedule, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: ScheduleId,
    pub made: Timestamp,
    pub plan: Plan,
    /// The next time that it fires, by the wall clock; none: it fires no more.
    pub next: Option<Timestamp>,
    /// How often it has fired.
    #[serde(default)]
    pub fired: u64,
    /// The text of the time that is over, if it has not been delivered or started yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Firing>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Timestamp>,
}

/// What is to happen, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The first time.
    pub first: Timestamp,
    pub when: When,
    pub to: Addressee,
    pub deed: Deed,
    /// The common git dir of the project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<PathBuf>,
}

/// How often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum When {
    Once,
    Cron {
        expr: String,
        /// The IANA name of the time zone in which it was written, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
    },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// Who gets it. All but the first two are found when it fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Addressee {
    Worker {
        id: WorkerId,
    },
    /// The agent in a pane without a worker. In a request, the server is the connected one.
    Pane {
        pane: PaneId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<ServerId>,
    },
    /// The parent of a worker.
    ParentOf {
        id: WorkerId,
    },
    /// The orchestrator of the project.
    Orchestrator,
    /// Nobody: a worker is created.
    NewWorker,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Deed {
    Send {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        submit: bool,
        interrupt: bool,
    },
    Ask {
        text: String,
    },
    /// Create a worker, in this directory, by these words of the command line.
    Create {
        dir: PathBuf,
        args: Vec<String>,
        env: Vec<(String, String)>,
        /// The task in a few words.
        task: String,
    },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// A time that is over, and whose text has not been delivered or whose worker not been created yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    pub due: Timestamp,
    pub at: Timestamp,
    /// The delivery of the text, once its agent listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
}

impl Schedule {
    pub fn new(id: ScheduleId, plan: Plan, made: Timestamp) -> Self {
        Self { id, made, next: Some(plan.first), plan, fired: 0, open: None, over: None }
    }
}

impl Deed {
    /// What is written: a text or a question.
    pub fn text(&self) -> &str {
        match self {
            Self::Send { text, .. } | Self::Ask { text } | Self::Create { task: text, .. } => text,
            Self::Other(_) => "",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Send { .. } => "send",
            Self::Ask { .. } => "ask",
            Self::Create { .. } => "create",
            Self::Other(value) => super::name_of(value),
        }
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Display for Addressee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::Worker { id } => id.to_string(),
            Self::Pane { pane, .. } => format!("pane {pane}"),
            Self::ParentOf { id } => format!("parent of {id}"),
            Self::Orchestrator => "orchestrator".to_owned(),
            Self::NewWorker => "a new worker".to_owned(),
            Self::Other(value) => super::name_of(value).to_owned(),
        })
    }
}
