//! What an agent has used and has left, as it shows it.
use serde::{Deserialize, Serialize};

use super::Fact;

/// Figures of an agent's own; what it does not show is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// What is left of its context, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_left: Option<Fact<u8>>,
    /// What its session has cost, with the currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Fact<String>>,
    /// Its warning that a limit comes near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_soon: Option<Fact<String>>,
}
