//! Whether a terminal shows the window of a process, as the hub tells that process by signals.
use std::io;

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// The process that is told. Without one, the signals would end it.
#[derive(Debug)]
pub struct Visibility {
    shown: Stream,
    hidden: Stream,
}

impl Visibility {
    /// # Errors
    /// If signals cannot be handled.
    pub fn listen() -> io::Result<Self> {
        let shown = signal(SignalKind::user_defined1())?;
        Ok(Self { shown, hidden: signal(SignalKind::user_defined2())? })
    }

    /// The next change: true if a terminal shows the window from now on.
    pub async fn changed(&mut self) -> bool {
        tokio::select! {
            _ = self.shown.recv() => true,
            _ = self.hidden.recv() => false,
        }
    }
}

/// Tells a process that listens. It is no error if it has ended.
///
/// # Errors
/// If the process is another user's.
pub fn tell_visibility(pid: u32, is_shown: bool) -> io::Result<()> {
    let signal = if is_shown { Signal::SIGUSR1 } else { Signal::SIGUSR2 };
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
