//! The settings of `[worktree]`.
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worktree {
    pub backend: Backend,
    /// Where plain git creates them: `{repo}` and `{branch}` are replaced.
    pub path: Option<String>,
    /// Files to copy into each new worktree.
    pub copy: Vec<String>,
    /// A command to run in each new worktree before the agent starts.
    pub setup: Option<String>,
    /// WorkTrunk's `wt list` shows what each worker does.
    pub markers: bool,
}

/// What makes and removes worktrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// `wt` if it is installed, else `git`.
    #[default]
    Auto,
    Wt,
    Git,
}
