//! The user's settings that the hub's decisions depend on.
use std::time::Duration;

/// What the user's configuration says to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A turn without output for this long is reported.
    pub stalled: Duration,
    /// The user's command that is told what needs attention.
    pub notify_command: Option<String>,
    /// The user's terminals ring for it.
    pub notify_bell: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stalled: Duration::from_secs(10 * 60), notify_command: None, notify_bell: false }
    }
}
