//! Tasks that may be begun: open, blocked by nothing that their tracker knows, and the user's own.
use crate::{
    model::{BoardRef, Source, SourceKind},
    text::one_line,
};

/// A task that its tracker offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The option of `create` that names it, and its value there.
    pub flag: &'static str,
    pub task: String,
    pub source: Source,
    pub labels: Vec<String>,
}

/// Which of the open tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Issues of a forge with this label, instead of those that are assigned to the user.
    pub label: Option<String>,
    /// Issues of GitHub in this column, if there is no label.
    pub column: Option<Column>,
    /// Tickets of Jira that this query finds.
    pub jql: Option<String>,
}

/// A column of a project board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub board: BoardRef,
    pub column: String,
}

/// Longest title and label, in characters.
const MAX_TITLE: usize = 256;
const MAX_LABEL: usize = 60;

impl Ready {
    /// Who has it: `github`, `bead`, or the name of a tracker of the configuration.
    pub fn tracker(&self) -> &str {
        if let SourceKind::Other(name) = &self.source.kind { name.as_str() } else { self.flag }
    }

    /// What a tracker says is cleaned and cut.
    pub(super) fn new(
        (flag, task): (&'static str, String),
        (kind, key, url): (SourceKind, &str, &str),
        title: &str,
        labels: &[String],
    ) -> Self {
        let source = Source::new(kind, key, url, one_line(title, MAX_TITLE));
        let labels = labels.iter().map(|it| one_line(it, MAX_LABEL)).collect();
        Self { flag, task, source, labels }
    }
}
