//! The job of looking at workers' repositories, as the hub passes it to the program that does it, and
//! the result.
//!
//! The hub and the program may have different versions: fields are only added.
use serde::{Deserialize, Serialize};

use crate::model::{Looked, Pulled, Worker};

/// Workers of one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookJob {
    pub workers: Vec<Worker>,
    /// Count their changes, too.
    pub counts: bool,
}

impl LookJob {
    /// # Errors
    /// Anything that is not a job.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Workers of one repository whose pull requests a forge is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullsJob {
    pub asked: Vec<PullsAsked>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullsAsked {
    pub worker: Worker,
    /// Pull requests that may be its own.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// It has pushed its branch: an open pull request for it is its own.
    #[serde(default)]
    pub by_branch: bool,
}

impl PullsJob {
    /// # Errors
    /// Anything that is not a job.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What the forge said.
///
/// # Errors
/// Anything that is not a result.
pub fn parse_pulled(text: &[u8]) -> Result<Vec<Pulled>, serde_json::Error> {
    serde_json::from_slice(text)
}

/// What the program saw.
///
/// # Errors
/// Anything that is not a result.
pub fn parse_looked(text: &[u8]) -> Result<Vec<Looked>, serde_json::Error> {
    serde_json::from_slice(text)
}
