//! The values that the hub's tasks hand to each other.
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use super::{state::Input, store::Keep};
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
    /// A socket on which somebody waits for the word `ready`, or for why not.
    pub ready: Option<PathBuf>,
}

/// Whatever wakes the loop.
pub(super) enum Wake {
    Input(Input),
    /// A report that found no hub, and its file, which goes when the report is recorded.
    Spooled(PathBuf, HookReport),
    ClientCame {
        client: u64,
        lines: mpsc::Sender<Outgoing>,
        /// Dropped when the hub forgets the client: its connection ends.
        known: oneshot::Sender<()>,
    },
    /// The connection, what it tells, and the names in `update-environment`.
    Connected(Box<Connection>, Events, Vec<String>),
}

/// What a client is sent.
#[derive(Debug)]
pub(super) enum Outgoing {
    Line(Vec<u8>),
    /// Nothing more; the connection ends when all before it is written.
    Close,
}
