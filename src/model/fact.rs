//! A fact, with its source and its evidence.
use serde::{Deserialize, Serialize};

use super::{Timestamp, UnknownName};

/// One fact, with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    pub value: T,
    /// When it got this value.
    pub since: Timestamp,
    pub source: FactSource,
    /// The evidence: the line that matched, the hook's name, the exit record.
    pub evidence: String,
}

/// Where a fact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactSource {
    Hook,
    Screen,
    Title,
    Process,
    Report,
    /// A status report in the pane's output (OSC 7501): any program in the pane can print one.
    Program,
    Hub,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}
