//! Where the work of a worker is, once it is part of another branch.
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Work that is part of another branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// The other branch.
    pub into: String,
    /// Its commit that has the work, if that is known.
    pub commit: Option<String>,
    /// The worker's own commit that was landed: later ones are not.
    pub tip: String,
    /// `merge`, `squash`, `rebase`, `ff`; or `found`, if it was landed without wtmag.
    pub how: String,
    pub at: Timestamp,
}
