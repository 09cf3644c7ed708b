//! The keys of `[ready]` and `[board]`: which tasks are ready, and where they move.
use serde::{Deserialize, Serialize};

use super::{Keys, Shape};
use crate::model::BoardRef;

/// Which tasks `ready` lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadyConfig {
    /// Issues with this label, instead of those that are assigned to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The tickets of Jira that this query finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jql: Option<String>,
    /// The issues on this project board of GitHub: `owner/N`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The column of that board.
    pub column: String,
}

/// Where the item of a task moves on its board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoardConfig {
    /// A project board of GitHub: then the others are columns, else commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// When a worker begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_start: Option<String>,
    /// When it has a pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_pr: Option<String>,
    /// When its work has landed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_land: Option<String>,
}

impl Default for ReadyConfig {
    fn default() -> Self {
        Self { label: None, jql: None, project: None, column: "Todo".to_owned() }
    }
}

impl ReadyConfig {
    pub fn board(&self) -> Option<BoardRef> {
        self.project.as_deref()?.parse().ok()
    }
}

impl BoardConfig {
    pub fn board(&self) -> Option<BoardRef> {
        self.project.as_deref()?.parse().ok()
    }
}

pub(super) const READY: Keys = &[
    ("label", Shape::Text),
    ("jql", Shape::Text),
    ("project", Shape::Board),
    ("column", Shape::Text),
];

pub(super) const BOARD: Keys = &[
    ("project", Shape::Board),
    ("on_start", Shape::CommandLine),
    ("on_pr", Shape::CommandLine),
    ("on_land", Shape::CommandLine),
];
