//! Runs the agent's line in the foreground, cleans up after it, and then becomes the user's shell.
//!
//! Knows one child and the signals around it. It neither reads nor writes while the agent has the
//! terminal.
use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{self, Command, ExitCode},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tokio::{
    signal::unix::{Signal as Stream, SignalKind, signal},
    time::timeout,
};

use super::{
    line::{self, Parts},
    report::report_to_any,
    terminal::{self, Terminal},
};
use crate::model::{Exit, Hook, PaneId, WorkerId};

/// How long a signal that was sent before a child ended may take to arrive.
const OVERTAKEN: Duration = Duration::from_millis(20);

/// Which agent runs where, and where to report.
#[derive(Clone, Debug)]
pub struct PaneOptions {
    pub worker: WorkerId,
    /// tmux's `TMUX_PANE`.
    pub pane: Option<PaneId>,
    pub worktree: PathBuf,
    /// tmux's `default-shell`.
    pub shell: PathBuf,
    /// The hub's spool directory and socket.
    pub spool: PathBuf,
    pub socket: PathBuf,
    /// The agent's command word and arguments; never empty.
    pub agent: Vec<OsString>,
}

/// How the shell's line ended.
enum End {
    /// With the agent's status if `started`; else before the shell started the agent.
    Exited { exit: Exit, started: bool },
    /// The window was closed, or this process was told to end.
    HungUp,
}

/// Runs the agent, then the user's shell in the worktree: on success it does not return. The window
/// ends when it returns.
pub async fn run(options: &PaneOptions) -> ExitCode {
    let terminal = Terminal::open();
    let end = run_agent(options, &terminal).await.unwrap_or_else(|err| {
        let shell = options.shell.display();
        say(&format!("could not run `{shell}`: {err}"));
        End::Exited { exit: Exit::Code(127), started: false }
    });
    let End::Exited { exit, started } = end else { return ExitCode::from(129) };
    let was_killed = matches!(exit, Exit::Signal(_) | Exit::Code(129..));
    terminal.take_back();
    terminal.clean(was_killed);
    let exited = Hook::Exited { exit, started };
    report_to_any(&options.spool, &options.socket, &options.worker, options.pane, exited);
    // Once more, for later input: what is typed after wtmag's own line is for the shell.
    terminal.forget_input();
    let (shell, arg0) = match (started, exit) {
        (true, Exit::Code(0)) => {
            say("agent ended; this is a shell, started in the worktree");
            login(&options.shell)
        }
        (true, _) => {
            say(&format!("agent exited ({exit}); this is a shell, started in the worktree"));
            login(&options.shell)
        }
        // The start-up files replaced this shell with another one, and the user left that.
        (false, Exit::Code(0)) => return ExitCode::SUCCESS,
        // With the user's start-up files it would end again.
        (false, _) => {
            say(&format!("the shell ended ({exit}) before the agent was started; this is /bin/sh"));
            (Path::new("/bin/sh"), "sh".into())
        }
    };
    let error = become_shell(shell, &arg0, &options.worktree);
    say(&format!("could not run `{}`: {error}", shell.display()));
    ExitCode::from(127)
}

/// The signals to handle. A handler, unlike `SIG_IGN`, does not survive `exec`: the shell after the
/// agent gets them as usual.
struct Signals {
    child: Stream,
    started: Stream,
    hangup: Stream,
    terminate: Stream,
    /// Typed after the agent ended, before the shell is there: discarded.
    _typed: [Stream; 2],
    /// tmux leaves these ignored. A shell that reads before it is in the foreground must stop until
    /// it is, instead of failing to read.
    _background: [Stream; 2],
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let of = |number| signal(SignalKind::from_raw(number));
        Ok(Self {
            child: signal(SignalKind::child())?,
            started: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            _typed: [signal(SignalKind::interrupt())?, signal(SignalKind::quit())?],
            _background: [of(nix::libc::SIGTTIN)?, of(nix::libc::SIGTTOU)?],
        })
    }
}

async fn run_agent(options: &PaneOptions, terminal: &Terminal) -> io::Result<End> {
    let mut signals = Signals::listen()?;
    let group = spawn(options)?;
    terminal.give(group);
    let mut started = false;
    loop {
        match waitpid(group, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Exited(_, code)) => {
                // An agent that ends at once may overtake its own signal.
                started = started || timeout(OVERTAKEN, signals.started.recv()).await.is_ok();
                return Ok(End::Exited { exit: Exit::Code(code), started });
            }
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                hang_up_agent(terminal);
                return Ok(End::Exited { exit: Exit::Signal(number(signal)), started });
            }
            // It stopped before it was in the foreground, or because of a key that the agent
            // ignores.
            Ok(WaitStatus::Stopped(..)) => {
                terminal.give(group);
                send(group, Signal::SIGCONT);
                continue;
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        tokio::select! {
            biased;
            _ = signals.started.recv() => started = true,
            _ = signals.hangup.recv() => return Ok(hang_up(group)),
            _ = signals.terminate.recv() => return Ok(hang_up(group)),
            _ = signals.child.recv() => {}
        }
    }
}

/// The shell with the agent's line, in a separate process group.
#[expect(clippy::disallowed_methods, reason = "it gets the terminal and the caller's environment")]
fn spawn(options: &PaneOptions) -> io::Result<Pid> {
    let wtmag = crate::paths::own_program()?;
    let launch = line::launch(
        &options.shell,
        &Parts {
            worktree: &options.worktree,
            agent: &options.agent,
            started: &started_command(&wtmag, options),
            pid: process::id(),
        },
    );
    let mut command = Command::new(launch.program);
    command.args(launch.args).current_dir(&options.worktree).env("PWD", &options.worktree);
    let child = command.process_group(0).spawn()?;
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// `wtmag hook started …`: how the shell reports that its start-up files are done.
fn started_command(wtmag: &Path, options: &PaneOptions) -> Vec<OsString> {
    let mut command: Vec<OsString> = vec![wtmag.into(), "hook".into(), "started".into()];
    command.extend(["--worker".into(), options.worker.to_string().into()]);
    if let Some(pane) = options.pane {
        command.extend(["--pane".into(), pane.to_string().into()]);
    }
    command.extend(["--spool".into(), options.spool.clone().into()]);
    command.extend(["--socket".into(), options.socket.clone().into()]);
    command
}

/// The window is gone or about to go. The shell passes the signal to its jobs; if it does not, the
/// kernel sends it to the foreground group when this process, the session's leader, ends.
fn hang_up(group: Pid) -> End {
    send(group, Signal::SIGHUP);
    send(group, Signal::SIGCONT);
    End::HungUp
}

/// The shell was killed: the agent is alone in the foreground and would compete for it.
fn hang_up_agent(terminal: &Terminal) {
    if let Some(group) = terminal.holder() {
        hang_up(group);
    }
}

fn send(group: Pid, signal: Signal) {
    // It may have ended by itself.
    killpg(group, signal).unwrap_or_default();
}

fn number(signal: Signal) -> i32 {
    (1..=64).find(|&number| Signal::try_from(number) == Ok(signal)).unwrap_or_default()
}

/// A login shell, which every system recognizes by a dash before its name.
fn login(shell: &Path) -> (&Path, OsString) {
    let mut arg0 = OsString::from("-");
    arg0.push(shell.file_name().unwrap_or(OsStr::new("sh")));
    (shell, arg0)
}

/// Returns only the error that kept it from becoming the shell.
#[expect(clippy::disallowed_methods, reason = "it takes the place of this process")]
fn become_shell(shell: &Path, arg0: &OsStr, worktree: &Path) -> io::Error {
    let dir = if worktree.is_dir() { worktree } else { Path::new("/") };
    Command::new(shell).arg0(arg0).current_dir(dir).env("PWD", dir).exec()
}

/// A dim line from wtmag, on a separate line.
fn say(text: &str) {
    terminal::write(format!("\r\n\x1b[2m[wtmag] {text}\x1b[0m\r\n").as_bytes());
}
