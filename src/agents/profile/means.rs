//! How an agent shows what it has used and what is left of it, beside the words that agents share.
use serde::Deserialize;

use super::{Pattern, Profile};

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

impl Profile {
    /// The agent would run the text as a command of its own: `!` runs a shell command without asking.
    pub fn is_command(&self, text: &str) -> bool {
        self.paste.is_command(text)
    }
}

impl super::Paste {
    /// See [`Profile::is_command`].
    pub fn is_command(&self, text: &str) -> bool {
        let bare = text.trim_start();
        self.prefixes.iter().any(|prefix| bare.starts_with(prefix.as_str()))
    }
}
