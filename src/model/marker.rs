//! The marker that WorkTrunk shows beside a branch in `wt list`.
use serde::{Deserialize, Serialize};

use super::{DisplayState, Tone};

/// What the worker of a branch does, in the characters that WorkTrunk's own plugins use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Marker {
    /// Its turn is over, or it asks.
    Waits,
    AtWork,
}

impl Marker {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Waits => "💬",
            Self::AtWork => "🤖",
        }
    }

    /// The marker of a worker in this state. A worker whose agent has ended has none.
    pub const fn of(state: &DisplayState) -> Option<Self> {
        match state.face().tone {
            Tone::Busy => Some(Self::AtWork),
            Tone::WantsYou | Tone::AtRest | Tone::Unsure => Some(Self::Waits),
            Tone::Over => None,
        }
    }
}
