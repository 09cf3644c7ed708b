//! What is on a worker's branch and in its worktree, as it was last counted.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Landed, Pull, PullState, Timestamp, WorkerId};

/// What is known of a worker's work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// `None` before the first count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// Its pull request, as the forge last told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
}

/// How a worker's branch and worktree differ from where the branch left its base. Prints as
/// `+12 -3 ↑2 ↓1`; without a difference, as nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// When it was counted.
    pub at: Timestamp,
    /// Lines, committed or not, with those of untracked files.
    pub added: u64,
    pub deleted: u64,
    /// Commits that the base does not have, and the reverse.
    pub ahead: u64,
    pub behind: u64,
    /// The newest commit.
    pub head: String,
    /// The commit that a remote has as this branch, as far as is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<String>,
}

/// What was seen of one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    pub worker: WorkerId,
    #[serde(default)]
    pub changes: Option<Changes>,
    /// Its work is part of another branch.
    #[serde(default)]
    pub landed: Option<Landed>,
    /// Why something is missing.
    #[serde(default)]
    pub error: Option<String>,
}

impl Work {
    /// What a row of a list shows.
    pub(super) fn brief(&self) -> Self {
        let changes = |it: &Changes| Changes { head: String::new(), pushed: None, ..*it };
        let pull = |it: &Pull| {
            let (url, none) = (it.state.url.clone(), String::new);
            let state =
                PullState { url, head: none(), base: none(), merge_commit: None, ..it.state };
            Pull { state, ..*it }
        };
        Self { changes: self.changes.as_ref().map(changes), pull: self.pull.as_ref().map(pull) }
    }
}

impl Changes {
    /// The same facts, whenever they were counted.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }

    /// `+12 -3`.
    pub fn lines(&self) -> String {
        match (self.added, self.deleted) {
            (0, 0) => String::new(),
            (added, 0) => format!("+{added}"),
            (0, deleted) => format!("-{deleted}"),
            (added, deleted) => format!("+{added} -{deleted}"),
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |mark: &str, n: u64| if n == 0 { String::new() } else { format!("{mark}{n}") };
        let parts = [self.lines(), part("↑", self.ahead), part("↓", self.behind)];
        let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        f.pad(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_a_few_marks() {
        let none = Changes {
            at: Timestamp(1),
            added: 0,
            deleted: 0,
            ahead: 0,
            behind: 0,
            head: "a".repeat(40),
            pushed: None,
        };
        let all = Changes { added: 12, deleted: 3, ahead: 2, behind: 1, ..none.clone() };
        assert_eq!([none.to_string(), all.to_string()], ["", "+12 -3 ↑2 ↓1"]);
        let some = Changes { deleted: 3, behind: 1, ..none.clone() };
        assert_eq!(some.to_string(), "-3 ↓1");
        assert!(none.is_same(&Changes { at: Timestamp(9), ..none.clone() }));
        assert!(!none.is_same(&all));
    }
}
