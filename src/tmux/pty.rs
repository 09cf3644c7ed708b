//! A control-mode client of tmux on its own terminal.
//!
//! Knows how to start the client; not the conversation. To use pipes instead of a terminal (`-C`
//! instead of `-CC`), change this file.
use std::{
    io,
    path::{Path, PathBuf},
};

use pty_process::Pty;
use tokio::process::Child;

use super::error::Error;
use crate::{model::SessionId, proc};

/// How to reach a tmux server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The tmux program.
    pub tmux: PathBuf,
    pub socket: PathBuf,
    /// Where wtmag's clients attach through a relay, if they cannot go to the server directly:
    /// paths, best first, in directories that belong to the user alone.
    pub relays: Vec<PathBuf>,
}

/// Starts a client that attaches to `session` of the server at `socket`. It is never killed: it
/// ends when asked to, or when the terminal is dropped.
pub(super) fn attach(
    tmux: &Path,
    socket: &Path,
    session: SessionId,
    flags: &str,
) -> Result<(Pty, Child), Error> {
    let start = || {
        let (pty, pts) = pty_process::open()?;
        let mut command = pty_process::Command::new(tmux).current_dir("/");
        for name in proc::MISLEADING {
            command = command.env_remove(name);
        }
        let command = command
            .args(["-u", "-N", "-CC", "-S"])
            .arg(socket)
            // `-E`: this process's environment must not change the session's.
            .args(["attach-sessio", "-E", "-f", flags, "-t", &session.to_string()]);
        Ok((pty, command.spawn(pts)?))
    };
    start().map_err(|source: pty_process::Error| Error::Start {
        program: tmux.to_owned(),
        source: io::Error::other(source),
    })
}
