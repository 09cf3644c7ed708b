//! A task, as it was fetched.
use serde::Deserialize;

use crate::model::Source;

/// An issue, a pull request, a ticket or the user's own prompt.
///
/// Texts are unchanged from the source, in Markdown if possible; a brief cleans and cuts them. Only
/// [`Source`]'s title is already one clean line, because it is shown everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    pub source: Source,
    /// Login or name; `None` when unknown or deleted.
    pub author: Option<String>,
    /// As the source calls it: `OPEN`, `CLOSED`, `MERGED`, `In Progress`.
    pub state: Option<String>,
    pub labels: Vec<String>,
    pub body: String,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Shows all of it in a shell.
    pub view_command: Option<String>,
    pub detail: Detail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    pub author: Option<String>,
    /// When, as the source writes it: RFC 3339 on GitHub.
    pub at: String,
    pub text: String,
}

/// Data that only one kind of source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    None,
    Pull(Pull),
    Ticket(Ticket),
}

/// The pull request's two sides and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Branch it goes into.
    pub base: String,
    /// Name of its head branch, in the head's repository. Never check it out or run it.
    pub head: String,
    /// The commit to review: 40 or 64 hex digits.
    pub head_sha: String,
    /// `owner/name`; `None` when that repository was deleted.
    pub head_repo: Option<String>,
    /// It comes from another repository, a fork.
    pub is_cross_repository: bool,
    pub is_draft: bool,
    pub n_files: u64,
    pub additions: u64,
    pub deletions: u64,
    /// The first 100 of them, or what the forge gave.
    pub files: Vec<ChangedFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChangedFile {
    pub path: String,
    pub additions: u64,
    pub deletions: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// Bug, Story, Task…
    pub kind: Option<String>,
    pub priority: Option<String>,
    pub assignee: Option<String>,
    /// Key and title of its epic or parent task.
    pub parent: Option<String>,
}

impl WorkItem {
    /// A task in the user's own words. The title is its first line.
    pub fn prompt(text: &str) -> Self {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let title = crate::text::one_line(first, 80);
        Self {
            source: Source::prompt(title),
            author: None,
            state: None,
            labels: Vec::new(),
            body: text.to_owned(),
            comments: Vec::new(),
            view_command: None,
            detail: Detail::None,
        }
    }

    /// The commit to review.
    pub fn pull(&self) -> Option<&Pull> {
        match &self.detail {
            Detail::Pull(pull) => Some(pull),
            Detail::None | Detail::Ticket(_) => None,
        }
    }
}
