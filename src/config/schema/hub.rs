//! The settings that the hub reads: history, limits, the inbox.
use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::model::{ItemKind, Room};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// How long events, receipts and removed workers are kept: `90d`, `12w`.
    pub keep: String,
}

impl Default for History {
    fn default() -> Self {
        Self { keep: "90d".to_owned() }
    }
}

impl History {
    pub fn age(&self) -> Option<Duration> {
        days(&self.keep).map(|days| Duration::from_secs(days.saturating_mul(24 * 3600)))
    }
}

pub(super) fn days(text: &str) -> Option<u64> {
    let (number, per) = match (text.strip_suffix('d'), text.strip_suffix('w')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 7),
        (None, None) => return None,
    };
    number.parse::<u64>().ok().filter(|it| *it > 0)?.checked_mul(per)
}

pub(super) fn minutes(text: &str) -> Option<u64> {
    let (number, per) = match (text.strip_suffix('m'), text.strip_suffix('h')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 60),
        (None, None) => return None,
    };
    number.parse::<u64>().ok().filter(|it| *it > 0)?.checked_mul(per)
}

/// Who is told what needs attention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// The agent that gave a worker its work.
    pub parent: NotifyParent,
    /// Run for each item of the inbox.
    pub command: Option<String>,
    /// The user's terminals ring.
    pub bell: bool,
}

/// Who may answer dialogs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerConfig {
    /// Agents and scripts, too.
    pub agents: bool,
}

/// Everything, nothing, or these kinds of items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NotifyParent {
    All(bool),
    Kinds(Vec<ItemKind>),
}

impl Default for NotifyParent {
    fn default() -> Self {
        Self::All(true)
    }
}

impl NotifyParent {
    /// The kinds; `None`: all.
    pub fn kinds(&self) -> Option<Vec<ItemKind>> {
        match self {
            Self::All(true) => None,
            Self::All(false) => Some(Vec::new()),
            Self::Kinds(kinds) => Some(kinds.clone()),
        }
    }
}

/// How many workers may run, and what happens about limits of providers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// At the reset of a limit that ended its turn, an agent is told to go on with its task.
    pub resume: bool,
    /// Most workers at one time.
    pub workers: Option<usize>,
    /// Most workers of one agent.
    pub per_agent: BTreeMap<String, usize>,
}

impl Limits {
    /// What holds for a new worker of this agent.
    pub fn room(&self, agent: &str) -> Room {
        Room {
            agent: agent.to_owned(),
            workers: self.workers,
            of_agent: self.per_agent.get(agent).copied(),
            line: None,
        }
    }
}

/// What counts as needing attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// A turn without output for this long: `10m`, `2h`.
    pub stalled: String,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { stalled: "10m".to_owned() }
    }
}

impl Inbox {
    pub fn stalled(&self) -> Option<Duration> {
        minutes(&self.stalled).map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
    }
}
