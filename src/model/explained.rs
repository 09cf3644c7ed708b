//! What a worker's state is based on.
use serde::{Deserialize, Serialize};

use super::{RuleSaid, Sample, Timestamp, Verdict, Worker};

/// Everything that a worker's state is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    pub worker: Worker,
    /// The last capture, and the verdict on it alone.
    pub sample: Option<Sample>,
    pub verdict: Verdict,
    pub rules: Vec<RuleSaid>,
    /// How long the agent has printed nothing; none while it prints.
    pub quiet_ms: Option<u64>,
    /// The last hook report that this hub received.
    pub hook: Option<Heard>,
    /// The last status reports in its output, oldest first.
    #[serde(default)]
    pub reports: Vec<HeardReport>,
}

/// A status report in an agent's output, and what it decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardReport {
    pub at: Timestamp,
    pub text: String,
    pub decided: String,
}

/// The hook's report, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub at: Timestamp,
    pub text: String,
}
