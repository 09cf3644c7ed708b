//! The state of a pull request, as its forge tells it.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Timestamp, UnknownName, Worker, WorkerId};

/// What the forge says about a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullState {
    pub url: String,
    pub number: u64,
    /// The commit that it would merge, or has merged.
    pub head: String,
    /// The branch that receives it.
    pub base: String,
    pub is_open: bool,
    pub is_merged: bool,
    pub is_draft: bool,
    pub merge_commit: Option<String>,
    pub review: Review,
    pub checks: Checks,
}

/// What the reviewers decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Review {
    /// None is needed or given.
    None,
    Approved,
    ChangesRequested,
    Required,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// The result of all checks together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checks {
    None,
    Passed,
    Pending,
    Failed,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// A pull request as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    #[serde(flatten)]
    pub state: PullState,
    /// When the forge was asked.
    pub at: Timestamp,
    /// When its head was seen for the first time.
    pub since: Timestamp,
}

/// What a forge said about one worker's pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    pub worker: WorkerId,
    /// Its pull request, as far as it could be proven to be its own.
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub state: Option<PullState>,
    /// Why the forge said nothing.
    #[serde(default)]
    pub error: Option<String>,
    /// What went wrong besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PullState {
    /// What matters most about it: `merged`, `✗ checks`, `✓ approved`; nothing where nothing is known.
    pub fn verdict(&self) -> &'static str {
        match (self.review, self.checks) {
            _ if self.is_merged => "merged",
            _ if !self.is_open => "closed",
            (_, Checks::Failed) => "✗ checks",
            _ if self.is_draft => "draft",
            (Review::ChangesRequested, _) => "✗ changes requested",
            (_, Checks::Pending) => "checks run",
            (Review::Approved, _) => "✓ approved",
            (Review::Required, _) => "review required",
            (_, Checks::Passed) => "✓ checks",
            (_, Checks::None | Checks::Other(_)) => "",
        }
    }
}

/// `#501 ✓ approved`.
impl fmt::Display for PullState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(format!("{} {}", pull_name(&self.url), self.verdict()).trim_end())
    }
}

/// A pull request as its forge writes it: `#501`, GitLab `!7`; the whole URL if that does not end in a number.
pub fn pull_name(url: &str) -> String {
    let mark = if url.contains("/-/merge_requests/") { '!' } else { '#' };
    let number = url.rsplit('/').next().filter(|it| it.parse::<u64>().is_ok());
    number.map_or_else(|| url.to_owned(), |number| format!("{mark}{number}"))
}

impl Worker {
    /// Its pull request in a few words: `#501 ✓ approved`; `#501` before the forge has told its state; the
    /// whole URL if that does not end in a number; empty without one.
    pub fn pull_words(&self) -> String {
        let url = self.pr.as_deref();
        match (&self.work.pull, url) {
            (Some(pull), _) => pull.state.to_string(),
            (None, Some(url)) => pull_name(url),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    #[test]
    fn one_word_tells_what_is_to_be_done() {
        let open = PullState { checks: Checks::None, ..samples::pull_state(5) };
        let shown = |change: &dyn Fn(&mut PullState)| {
            let mut it = open.clone();
            change(&mut it);
            it.to_string()
        };
        assert_eq!(shown(&|_| ()), "#5");
        assert_eq!(shown(&|it| it.review = Review::Approved), "#5 ✓ approved");
        assert_eq!(shown(&|it| it.checks = Checks::Passed), "#5 ✓ checks");
        assert_eq!(shown(&|it| it.is_draft = true), "#5 draft");
        let both = |it: &mut PullState| {
            (it.review, it.checks) = (Review::Approved, Checks::Failed);
        };
        assert_eq!(shown(&both), "#5 ✗ checks");
        assert_eq!(
            shown(&|it| (it.review, it.checks) = (Review::Approved, Checks::Pending)),
            "#5 checks run"
        );
        assert_eq!(shown(&|it| it.is_open = false), "#5 closed");
        let gitlab = "https://gitlab.com/acme/blog/-/merge_requests/5";
        assert_eq!(shown(&|it| it.url = gitlab.into()), "!5");
        assert_eq!(shown(&|it| (it.is_open, it.is_merged) = (false, true)), "#5 merged");
    }
}
