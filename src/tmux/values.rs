//! Requests to tmux and their results, as values that the hub's decisions share.
//!
//! Knows no connection and no line of the protocol.
use std::path::PathBuf;

use crate::model::{PaneId, ServerId, SessionId, WindowId, WorkerId};

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

/// A window to be made for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWindow {
    /// Tags the window as `@wtmag_id`.
    pub worker: WorkerId,
    /// What the window is called in the end: the branch.
    pub name: String,
    /// Must exist: tmux would silently start elsewhere.
    pub cwd: PathBuf,
    /// Later ones win.
    pub env: Vec<(String, String)>,
    /// Two or more words: tmux hands a single one to the user's shell.
    pub argv: Vec<String>,
    pub show: Show,
}

/// Where a worker's window is shown besides the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// In a session that exists.
    In { session: SessionId, name: String },
    /// In a session of its own, with this environment on top of tmux's global one.
    Alone { name: String, env: Vec<(String, String)> },
}

/// A worker's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub server: ServerId,
    pub pane: PaneId,
    /// Process id of the pane's first process.
    pub pid: u32,
    pub window: WindowId,
    /// The session that shows it, besides the fleet, and its name.
    pub session: Option<(SessionId, String)>,
}

/// What must hold of a pane in the moment it is typed into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The pane's first process, where it is known: in a pane that was respawned it is another.
    pub pid: Option<u32>,
    /// The foreground command, as the sample said it.
    pub command: String,
    /// Column and row of the cursor, as the sample said them: what is drawn later moves it, and then the screen
    /// is another one.
    pub cursor: Option<(u16, u16)>,
}

/// The result of moving a window to its own session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    pub session: SessionId,
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
    /// The cursor is elsewhere.
    Moved,
}
