//! The second half of a cleanup, as the hub passes it to the program that does it, and the result.
use serde::{Deserialize, Serialize};

use super::job::{self, BadJob};
use crate::model::{Cleanup, Worker};

/// The newest job version that this program understands.
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupJob {
    #[serde(default)]
    version: u32,
    pub cleanup: Cleanup,
    pub worker: Worker,
}

/// The result: an error, or what was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupResult {
    #[serde(default)]
    pub version: u32,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub worktree_removed: bool,
    #[serde(default)]
    pub branch_deleted: bool,
    #[serde(default)]
    pub notes: Vec<String>,
}

impl CleanupJob {
    pub fn new(cleanup: Cleanup, worker: Worker) -> Self {
        Self { version: VERSION, cleanup, worker }
    }

    /// # Errors
    /// [`BadJob`].
    pub fn parse(text: &[u8]) -> Result<Self, BadJob> {
        job::read(("cleanup job", VERSION), text)
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Default for CleanupResult {
    fn default() -> Self {
        Self {
            version: VERSION,
            error: None,
            worktree_removed: false,
            branch_deleted: false,
            notes: Vec::new(),
        }
    }
}

impl CleanupResult {
    /// Nothing was removed, which is not an error.
    pub fn nothing(note: String) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }

    pub fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// # Errors
    /// Anything that is not a result of this or another version.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_job_is_refused_by_its_number_alone() {
        let newer = br#"{"version": 9, "what": "unknown"}"#;
        let error = CleanupJob::parse(newer).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the cleanup job is of version 9, and this wtmag understands up to 1"
        );
        assert!(matches!(CleanupJob::parse(b"{}"), Err(BadJob::Unreadable { .. })));
    }

    #[test]
    fn a_result_of_another_version_is_read_as_far_as_it_is_known() {
        let old = CleanupResult::parse(br#"{"worktree_removed": true}"#).unwrap();
        assert!(old.worktree_removed && !old.branch_deleted && old.error.is_none());
        let new = br#"{"version": 7, "error": "x", "more": [1]}"#;
        assert_eq!(CleanupResult::parse(new).unwrap().error.as_deref(), Some("x"));
    }
}
