//! Requests to tmux and their results, as values that the hub's decisions share.
//!
//! Knows no connection and no line of the protocol.
use crate::model::{PaneId, SessionId, WindowId};

/// What to create if there is nothing to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoConnection {
    /// Nothing.
    Leave,
    /// The session `wtmag` on a running server, but no server.
    MakeFleet,
    /// A server, too.
    StartServer,
}

/// A worker's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub pane: PaneId,
    pub window: WindowId,
    /// The session that shows it, besides session `wtmag`.
    pub session: SessionId,
}

/// The result of moving a window to its own session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    pub session: SessionId,
    /// Clients that showed the window and still do.
    pub followed: Vec<String>,
    /// Names of sessions whose last window it was: they have ended.
    pub ended: Vec<String>,
}

/// The result of a guarded action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    Done,
    Refused(Refusal),
}

/// Why a guarded action was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such pane.
    Gone,
    /// Its process ended.
    Dead,
    /// Copy mode or another tmux mode.
    InMode,
    /// `select-pane -d`.
    InputOff,
    /// Keys would also go to other panes.
    Synchronized,
    /// Another command is in the foreground: this one.
    Foreground(String),
}
