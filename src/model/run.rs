//! A run: a list of tasks, each given to a worker of its own, one after the other or a few at a time.
use std::{fmt, num::ParseIntError, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Caller, ServerId, Timestamp, UnknownName, WorkerId};

/// The number of a run. It rises with each run and is never used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RunId(pub u64);

/// One attempt at one task: a worker that is made for it carries this, so that none is made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    pub run: RunId,
    /// From 1.
    pub task: usize,
    /// From 1; a retry has the next one.
    pub number: u32,
}

/// What a user asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrder {
    pub project: String,
    /// The repository's common git dir, canonical.
    pub repo: PathBuf,
    /// Where its commands run.
    pub dir: PathBuf,
    /// Who asked, on which server: the workers' windows open there, while it exists.
    #[serde(default)]
    pub caller: Caller,
    #[serde(default)]
    pub server: Option<ServerId>,
    /// The worker that asked, if one did.
    #[serde(default)]
    pub parent: Option<WorkerId>,
    /// Most workers at work at one time.
    pub jobs: usize,
    /// A task that takes longer has failed.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    pub on_fail: OnFail,
    /// Land the work of each task before the next begins, with these arguments of `land`.
    #[serde(default)]
    pub land: Option<Vec<String>>,
    /// Do not wait for earlier runs of the project.
    #[serde(default)]
    pub parallel: bool,
    /// PATH, HOME and the like.
    #[serde(default)]
    pub env: Vec<(String, String)>,
}

/// What becomes of the other tasks when one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFail {
    /// None is begun.
    Stop,
    Continue,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// A task as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// What it is about, in a line.
    pub title: String,
    /// Arguments of `create`.
    pub args: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub created: Timestamp,
    pub order: RunOrder,
    pub tasks: Vec<Task>,
    /// A user stopped it: nothing new is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Timestamp>,
    /// Every task has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    #[serde(flatten)]
    pub new: NewTask,
    /// The number of its current attempt.
    pub attempt: u32,
    /// The workers of earlier attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<WorkerId>,
    /// It failed, and the run was resumed without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgiven: bool,
    pub state: TaskState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum TaskState {
    Queued,
    /// Its worker is being created.
    Creating {
        since: Timestamp,
    },
    AtWork {
        worker: WorkerId,
        since: Timestamp,
        /// The commit that the worker started with.
        #[serde(default)]
        head: Option<String>,
    },
    Landing {
        worker: WorkerId,
        since: Timestamp,
    },
    Done {
        worker: WorkerId,
        at: Timestamp,
        #[serde(default)]
        result: Outcome,
    },
    Failed {
        worker: Option<WorkerId>,
        at: Timestamp,
        why: String,
    },
    Skipped {
        why: String,
    },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// What a task has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Commits since the worker started, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pr: Option<String>,
    /// The branch that has the work now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<String>,
    /// What the worker reported.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// What the hub has a child do for a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunJob {
    pub attempt: Attempt,
    /// Where the worker's window opens, and on which server.
    pub caller: Caller,
    pub server: Option<ServerId>,
    pub work: RunWork,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "work")]
pub enum RunWork {
    /// Create the worker, with these arguments of `create`.
    Create { args: Vec<String> },
    /// Land its work, with these arguments of `land`.
    Land { worker: WorkerId, args: Vec<String> },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// What a user does with a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act")]
pub enum RunAct {
    /// Begin nothing new.
    Stop,
    /// Begin again what was skipped.
    Resume,
    /// Try these tasks again.
    Retry { tasks: Vec<usize> },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

impl TaskState {
    /// Nothing more will happen, unless a user asks for it.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. } | Self::Skipped { .. })
    }

    /// It has a worker now, or is about to have one.
    pub fn is_begun(&self) -> bool {
        matches!(self, Self::Creating { .. } | Self::AtWork { .. } | Self::Landing { .. })
    }

    pub fn worker(&self) -> Option<&WorkerId> {
        match self {
            Self::AtWork { worker, .. }
            | Self::Landing { worker, .. }
            | Self::Done { worker, .. }
            | Self::Failed { worker: Some(worker), .. } => Some(worker),
            Self::Queued
            | Self::Creating { .. }
            | Self::Failed { worker: None, .. }
            | Self::Skipped { .. }
            | Self::Other(_) => None,
        }
    }

    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Creating { .. } => "creating",
            Self::AtWork { .. } => "at work",
            Self::Landing { .. } => "landing",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Other(_) => "unknown",
        }
    }
}

impl Run {
    /// Most tasks of one run.
    pub const MAX_TASKS: usize = 500;
    /// Longest arguments of all its tasks, in bytes.
    pub const MAX_BYTES: usize = 2 << 20;

    pub fn new(id: RunId, created: Timestamp, order: RunOrder, tasks: Vec<NewTask>) -> Self {
        let task = |new| Task {
            new,
            attempt: 1,
            earlier: Vec::new(),
            forgiven: false,
            state: TaskState::Queued,
        };
        let tasks = tasks.into_iter().map(task).collect();
        Self { id, created, order, tasks, stopped: None, over: None }
    }

    pub fn task(&self, number: usize) -> Option<&Task> {
        self.tasks.get(number.checked_sub(1)?)
    }

    pub fn task_mut(&mut self, number: usize) -> Option<&mut Task> {
        self.tasks.get_mut(number.checked_sub(1)?)
    }

    /// `3 done, 1 failed, 2 queued`, in the order of a task's life.
    pub fn account(&self) -> String {
        let words =
            ["done", "failed", "skipped", "landing", "at work", "creating", "queued", "unknown"];
        let count = |word: &&str| self.tasks.iter().filter(|it| it.state.name() == *word).count();
        let parts = words.iter().map(|word| (count(word), word)).filter(|(n, _)| *n > 0);
        parts.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl FromStr for RunId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
