//! What tmux is asked for and what comes of it, as values that the hub's decisions share.
//!
//! Knows no connection and no line of the protocol.
use crate::model::{PaneId, SessionId, WindowId};

/// What to do when there is nothing to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoConnection {
    /// Make nothing.
    Leave,
    /// Make the fleet on a server that runs, but start no server.
    MakeFleet,
    /// Start a server, too.
    StartServer,
}

/// A worker's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub pane: PaneId,
    pub window: WindowId,
    /// The session that shows it, besides the fleet.
    pub session: SessionId,
}

/// What came of giving a window a session of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    pub session: SessionId,
    /// Clients that looked at the window and still do.
    pub followed: Vec<String>,
    /// Names of sessions whose last window it was: they have ended.
    pub ended: Vec<String>,
}

/// What came of a guarded act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    Done,
    Refused(Refusal),
}

/// Why a guarded act was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such pane.
    Gone,
    /// Its process ended.
    Dead,
    /// Copy mode or another mode of tmux.
    InMode,
    /// `select-pane -d`.
    InputOff,
    /// Keys would go to other panes, too.
    Synchronized,
    /// Another command is in the foreground: this one.
    Foreground(String),
}
