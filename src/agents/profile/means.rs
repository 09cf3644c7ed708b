//! How an agent shows what it has used and what is left of it, beside the words that agents share.
use serde::Deserialize;

use super::Pattern;

/// `[limits]`: lines about a provider's limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// The limit is reached; no time of its reset need be named.
    pub hit: Vec<Pattern>,
    /// It comes near.
    pub soon: Vec<Pattern>,
}

/// `[usage]`: in rows near the box. The first group of each pattern is the value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsageSpec {
    /// What is left of the context, in percent.
    pub context_left: Vec<Pattern>,
    /// What of it is used, in percent.
    pub context_used: Vec<Pattern>,
    /// What the session has cost, with its currency.
    pub cost: Vec<Pattern>,
}
