//! Why a worker is gone.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::UnknownName;

/// Why a worker's pane is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    WindowClosed,
    SessionClosed,
    ServerGone,
    Rebooted,
    /// The pane is there, with another program that a user started in it.
    PaneRespawned,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

impl EndCause {
    /// The tmux server or the machine ended, and the worker with it.
    pub fn is_of_the_server(self) -> bool {
        match self {
            Self::ServerGone | Self::Rebooted => true,
            Self::WindowClosed | Self::SessionClosed | Self::PaneRespawned | Self::Other(_) => {
                false
            }
        }
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WindowClosed => "window closed",
            Self::SessionClosed => "session closed",
            Self::ServerGone => "tmux server gone",
            Self::Rebooted => "machine rebooted",
            Self::PaneRespawned => "pane respawned",
            Self::Other(name) => name.as_str(),
        })
    }
}
