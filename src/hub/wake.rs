//! The values that the hub's tasks pass to each other.
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use super::{
    state::{Input, Settings},
    store::Keep,
};
use crate::{
    model::HookReport,
    paths::StateDir,
    tmux::{Connection, Events},
};

/// How a hub is started.
#[derive(Debug)]
pub struct HubOptions {
    pub tmux_socket: PathBuf,
    pub state: StateDir,
    /// How much history the store keeps.
    pub keep: Keep,
    pub settings: Settings,
    /// Where the user's own profiles of agents are.
    pub profiles: PathBuf,
    /// The socket of the process that waits for the message `ready`, or for an error.
    pub ready: Option<PathBuf>,
}

/// Everything that wakes the loop.
pub(super) enum Wake {
    Input(Input),
    /// A report that found no hub, and its file, which is deleted when the report is recorded.
    Spooled(PathBuf, HookReport),
    ClientCame {
        client: u64,
        lines: mpsc::Sender<Outgoing>,
        /// Dropped when the hub drops the client, which ends its connection.
        known: oneshot::Sender<()>,
    },
    /// The connection, its events, and the names in `update-environment`.
    Connected(Box<Connection>, Events, Vec<String>),
}

/// What a client is sent.
#[derive(Debug)]
pub(super) enum Outgoing {
    Line(Vec<u8>),
    /// The end; the connection ends when everything before it is written.
    Close,
}
