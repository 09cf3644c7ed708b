//! The job of showing markers in one repository, as the hub passes it to the program that does it.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::job::{self, BadJob};
use crate::model::Marker;

const VERSION: u32 = 1;

/// The markers of branches of one repository; none: cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerJob {
    version: u32,
    pub repo: PathBuf,
    pub markers: Vec<(String, Option<Marker>)>,
}

impl MarkerJob {
    pub fn new(repo: PathBuf, markers: Vec<(String, Option<Marker>)>) -> Self {
        Self { version: VERSION, repo, markers }
    }

    /// # Errors
    /// [`BadJob`].
    pub fn parse(text: &[u8]) -> Result<Self, BadJob> {
        job::read(("job", VERSION), text)
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
