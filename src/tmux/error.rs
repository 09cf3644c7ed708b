//! What can go wrong between wtmag and tmux.
use std::{io, path::PathBuf, time::Duration};

use crate::proc;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no tmux server runs at `{}`", socket.display())]
    NoServer { socket: PathBuf },
    /// A server was there a moment ago. No other server is started in its place.
    #[error("the tmux server at `{}` has ended", socket.display())]
    ServerEnded { socket: PathBuf },
    #[error(
        "tmux's option `window-size` is `manual`, with which a new window ends this tmux or gets no \
         usable size; to change it: tmux set -g window-size latest"
    )]
    ManualSize,
    #[error("there is no wtmag session on this tmux server")]
    NoFleet,
    #[error("tmux {found} is too old")]
    TooOld { found: String },
    #[error("could not attach to tmux: {said}")]
    Attach { said: String },
    /// The target no longer exists; nothing was done.
    #[error("tmux: {said}")]
    Gone { said: String },
    #[error("tmux already has a session `{name}`")]
    SessionExists { name: String },
    #[error("`tmux {verb}` failed: {said}")]
    Refused { verb: &'static str, said: String },
    /// It is unknown whether it was or will be executed.
    #[error("tmux did not answer `{verb}` within {} s", limit.as_secs())]
    Deadline { verb: &'static str, limit: Duration },
    /// It is unknown whether the current command was executed.
    #[error("the connection to tmux has ended")]
    Closed,
    /// It was attached, and detached at once; what was made for it is gone again.
    #[error(
        "something detached wtmag from tmux as soon as it was attached: a hook on `client-attached` \
         that runs `detach-client -a` does that"
    )]
    Detached,
    #[error("cannot read what tmux answered to `{verb}`")]
    Unreadable { verb: &'static str },
    #[error("could not start `{}`", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("could not find a directory for the socket")]
    Relay(#[source] io::Error),
    #[error(transparent)]
    Process(#[from] proc::Error),
}

impl Error {
    /// tmux refused a command and said why.
    pub(super) fn refused(verb: &'static str, said: &[u8]) -> Self {
        let said = String::from_utf8_lossy(said).trim_end().to_owned();
        if said.starts_with("can't find ") {
            return Self::Gone { said };
        }
        match said.strip_prefix("duplicate session: ") {
            Some(name) => Self::SessionExists { name: name.to_owned() },
            None => Self::Refused { verb, said },
        }
    }
}
