//! Programs that may ask the user: they have this process's terminal, and what they print is kept.
use std::{
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        termios::{self, SetArg, Termios},
    },
    unistd::{self, Pid},
};
use pty_process::{Pts, Pty, Size};
use tokio::{io::AsyncReadExt as _, time};

use super::{Cancel, Cmd, Error, Output, cancelled, drain, ended, within};

/// How much of what it printed last is kept, in bytes.
const MAX_KEPT: usize = 64 << 10;
/// How long a signal that came before the end of a program may take to be known.
const NOTICE: Duration = Duration::from_millis(200);

/// Whether a program that this process starts may read from the terminal: this process has one and is in its
/// foreground.
pub fn has_terminal() -> bool {
    let (stdin, stderr) = (io::stdin(), io::stderr());
    let is_in_front = || unistd::tcgetpgrp(&stdin).is_ok_and(|it| it == unistd::getpgrp());
    stdin.is_terminal() && stderr.is_terminal() && is_in_front()
}

impl Cmd<'_> {
    /// Runs it to its end in the foreground of this process's terminal, which has its standard input and
    /// standard error. The returned standard error is what it printed last. Ctrl-C reaches it at once.
    pub async fn run_at_terminal(self, cancel: &Cancel) -> Result<Output, Error> {
        let name = self.program.to_string_lossy().into_owned();
        let failed = |source| Error::Start { program: name.clone(), source };
        let (mut pty, pts) = open().map_err(|it| failed(io::Error::other(it)))?;
        let stderr = pts.as_fd().try_clone_to_owned().map_err(failed)?;
        let mut command = self.command();
        command.stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::from(stderr));
        let modes = Modes::of_stdin();
        let mut child = command.spawn().map_err(failed)?;
        // Only the program has it now, so its end is seen.
        drop((command, pts));
        let (pid, stdout) = (child.id(), child.stdout.take());
        let work = async {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let read = async { tokio::join!(drain(stdout, &mut out), show(&mut pty, &mut err)).0 };
            let status = ended(&mut child, read).await?;
            Ok(Output { status, stdout: out, stderr: err })
        };
        let signal = |signal: Signal| {
            let pid = pid.and_then(|it| i32::try_from(it).ok());
            // It may have ended by itself.
            pid.map(|it| kill(Pid::from_raw(it), signal).unwrap_or_default()).unwrap_or_default();
        };
        let done = within(work, (&name, self.limit), cancel, signal).await;
        drop(modes);
        let is_good = matches!(&done, Ok(it) if it.status.success());
        let is_stopped = *cancel.borrow() || (!is_good && is_stopped(cancel).await);
        if is_stopped { Err(Error::Cancelled) } else { done }
    }
}

/// Whether Ctrl-C has ended a program that failed. The terminal signals both at once, and the end of the program
/// may be known here before the signal is.
async fn is_stopped(cancel: &Cancel) -> bool {
    let mut cancel = cancel.clone();
    time::timeout(NOTICE, cancelled(&mut cancel)).await.is_ok()
}

/// A terminal for what the program prints. Its bytes are passed on as they are, since the user's terminal
/// treats them.
fn open() -> pty_process::Result<(Pty, Pts)> {
    let (pty, pts) = pty_process::open()?;
    if let Ok((columns, rows)) = crossterm::terminal::size() {
        pty.resize(Size::new(rows, columns))?;
    }
    let raw = || -> nix::Result<()> {
        let mut modes = termios::tcgetattr(&pts)?;
        termios::cfmakeraw(&mut modes);
        termios::tcsetattr(&pts, SetArg::TCSANOW, &modes)
    };
    raw().map_err(|it| pty_process::Error::Io(it.into()))?;
    Ok((pty, pts))
}

/// Passes on what is printed, and keeps the last part of it.
async fn show(pty: &mut Pty, kept: &mut Vec<u8>) {
    let mut chunk = [0; 4096];
    // On Linux, the end is an error.
    while let Ok(n @ 1..) = pty.read(&mut chunk).await {
        let new = chunk.get(..n).unwrap_or_default();
        let mut stderr = io::stderr().lock();
        // There may be no reader; the work continues.
        stderr.write_all(new).and_then(|()| stderr.flush()).unwrap_or_default();
        kept.extend_from_slice(new);
        kept.drain(..kept.len().saturating_sub(MAX_KEPT));
    }
}

/// The modes of standard input, restored when this is dropped: a program that was killed may leave others.
struct Modes(Option<Termios>);

impl Modes {
    fn of_stdin() -> Self {
        Self(termios::tcgetattr(io::stdin()).ok())
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        if let Some(modes) = &self.0 {
            termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, modes).unwrap_or_default();
        }
    }
}
