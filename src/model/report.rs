//! What a worker reports about itself with `wtmag report`.
use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Fact, ItemId, Timestamp, UnknownName};

/// One report, as its sender wrote it: not cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub kind: ReportKind,
    /// When it was sent; it may wait in the spool.
    pub at: Timestamp,
    #[serde(default)]
    pub text: String,
    /// Answers that a question offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// URL of the pull request that the work is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pr: Option<String>,
    /// The question that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ItemId>,
    /// The processes above the sender, the nearest first; empty where they are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    Done,
    Failed,
    Blocked,
    Question,
    Progress,
    Answer,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// What the worker says that it is doing.
pub type Progress = Fact<String>;

/// How long a description counts.
const CURRENT: Duration = Duration::from_secs(15 * 60);

impl Report {
    /// Longest text, in bytes.
    pub const MAX_TEXT: usize = 16 << 10;
    /// Most options, and the longest one, in characters.
    pub const MAX_OPTIONS: usize = 20;
    pub const MAX_OPTION: usize = 200;
    /// Longest URL, in bytes.
    pub const MAX_URL: usize = 500;

    /// Why the report is not accepted.
    pub fn fault(&self) -> Option<String> {
        let n_options = self.options.len();
        let is_long = |it: &String| it.chars().count() > Self::MAX_OPTION;
        if self.text.len() > Self::MAX_TEXT {
            let (n, most) = (self.text.len() >> 10, Self::MAX_TEXT >> 10);
            return Some(format!("a report of {n} KB is too long; at most {most} KB are accepted"));
        }
        if n_options > Self::MAX_OPTIONS || self.options.iter().any(is_long) {
            let (most, long) = (Self::MAX_OPTIONS, Self::MAX_OPTION);
            return Some(format!("at most {most} options of {long} characters are accepted"));
        }
        let is_url = |it: &str| {
            it.len() <= Self::MAX_URL
                && it.starts_with("https://")
                && !it.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        match &self.pr {
            Some(url) if !is_url(url) => {
                Some("the pull request is not named by its URL (https://…)".to_owned())
            }
            Some(_) | None => None,
        }
    }
}

/// The description, if it is not too old to be shown.
pub fn current(progress: Option<&Progress>, now: Timestamp) -> Option<&str> {
    let is_new = |it: &&Progress| now.since(it.since) < CURRENT;
    progress.filter(is_new).map(|it| it.value.as_str())
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Question => "question",
            Self::Progress => "progress",
            Self::Answer => "answer",
            Self::Other(name) => name.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FactSource;

    fn report(text: &str) -> Report {
        Report {
            kind: ReportKind::Done,
            at: Timestamp(0),
            text: text.into(),
            options: Vec::new(),
            pr: None,
            to: None,
            ancestors: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_long_or_no_url_is_refused() {
        let ok = report(&"x".repeat(Report::MAX_TEXT));
        assert_eq!(ok.fault(), None);
        assert!(report(&"x".repeat(1 << 20)).fault().unwrap().contains("1024 KB is too long"));
        let many = Report { options: vec!["a".into(); 21], ..report("") };
        let long = Report { options: vec!["ä".repeat(201)], ..report("") };
        assert!(many.fault().is_some() && long.fault().is_some());
        for (url, is_ok) in [
            ("https://github.com/a/b/pull/5", true),
            ("#5", false),
            ("http://github.com/a/b/pull/5", false),
            ("https://a/b\n#{x}", false),
            ("https://a/b c", false),
        ] {
            let report = Report { pr: Some(url.into()), ..report("") };
            assert_eq!(report.fault().is_none(), is_ok, "{url}");
        }
    }

    #[test]
    fn a_description_counts_for_a_quarter_of_an_hour() {
        let (since, source) = (Timestamp(1000), FactSource::Report);
        let fact = Fact { value: "half".to_owned(), since, source, evidence: String::new() };
        assert_eq!(current(Some(&fact), Timestamp(15 * 60 * 1000)), Some("half"));
        assert_eq!(current(Some(&fact), Timestamp(15 * 60 * 1000 + 1000)), None);
        assert_eq!(current(None, Timestamp(0)), None);
    }
}
