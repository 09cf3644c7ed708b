//! The only place that starts a process and waits for it.
//!
//! Knows programs, pipes, deadlines and signals; not what any program is for. A child runs in a
//! chosen directory, without the variables that would point it at the caller's tmux pane or
//! repository, in a process group of its own, and is always waited for.
mod machine;
mod server;
mod start;
mod terminal;
mod visibility;

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::Child,
    sync::watch,
    time,
};

pub use machine::{ancestors, boot_id, foreground, has_foreground_of, name_of};
pub use server::{listens, serving, tmux};
pub use start::{background, detach, exec, feed, in_foreground, is_caller_specific};
pub use terminal::has_terminal;
pub use visibility::{Visibility, tell_visibility};

/// How long a child may take to clean up after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long to read the output of a child after it ended. Everything that it wrote is already in
/// the pipe; a process that it left behind may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(300);

/// Most bytes that are kept of one output stream.
const MAX_OUTPUT: u64 = 64 << 20;

/// Variables of the caller that would mislead a child: they name the caller's pane, repository or
/// shell.
pub const MISLEADING: &[&str] = &[
    "TMUX",
    "TMUX_PANE",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_QUARANTINE_PATH",
    "GIT_PREFIX",
    "GIT_CEILING_DIRECTORIES",
    "WORKTRUNK_DIRECTIVE_FILE",
    "WORKTRUNK_DIRECTIVE_CD_FILE",
    "WORKTRUNK_DIRECTIVE_EXEC_FILE",
    "WORKTRUNK_SHELL",
];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{program}` is not installed")]
    Missing { program: String },
    #[error("could not run `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{program}` did not finish within {} s", limit.as_secs())]
    TimedOut { program: String, limit: Duration },
    #[error("interrupted")]
    Cancelled,
}

/// What an ended child left behind.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error without the blank lines around it.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }

    pub fn is_success(&self) -> bool {
        self.status.success()
    }
}

/// Says when to stop: false at first, true after the user pressed Ctrl-C or SIGTERM arrived.
pub type Cancel = watch::Receiver<bool>;

/// A cancel signal that never comes.
pub fn never() -> Cancel {
    watch::channel(false).1
}

type OnLine<'a> = Box<dyn FnMut(&str) + Send + 'a>;

/// One run of a program.
pub struct Cmd<'a> {
    program: OsString,
    args: Vec<OsString>,
    cwd: PathBuf,
    env: Vec<(OsString, Option<OsString>)>,
    stdin: Vec<u8>,
    limit: Duration,
    on_line: Option<OnLine<'a>>,
    /// This program's path, if the child must not have a terminal.
    session_maker: Option<PathBuf>,
    /// Its standard input is this process's.
    on_terminal: bool,
}

impl<'a> Cmd<'a> {
    /// Runs `program` in the directory `cwd`; limited to 60 s unless told otherwise.
    pub fn new(program: impl AsRef<OsStr>, cwd: &Path) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            cwd: cwd.to_owned(),
            env: Vec::new(),
            stdin: Vec::new(),
            limit: Duration::from_secs(60),
            on_line: None,
            session_maker: None,
            on_terminal: false,
        }
    }

    /// Runs the child in a new session without a controlling terminal. An interactive shell stops
    /// itself when it has a controlling terminal but is not in its foreground. `wtmag` is this
    /// program: it creates the session and becomes the child.
    #[must_use]
    pub fn without_terminal(mut self, wtmag: &Path) -> Self {
        self.session_maker = Some(wtmag.to_owned());
        self
    }

    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    #[must_use]
    pub fn envs(
        self,
        vars: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        vars.into_iter().fold(self, |cmd, (name, value)| cmd.env(name, value))
    }

    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Written to its standard input, which is then closed; without this it is `/dev/null`.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Its standard input is this process's, so that it sees whether a person is at a terminal. It must
    /// not read from it: a process in the background that does is stopped.
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        self.on_terminal = true;
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Called with each line of standard error as it comes: progress that a user may watch.
    #[must_use]
    pub fn on_line(mut self, on_line: impl FnMut(&str) + Send + 'a) -> Self {
        self.on_line = Some(Box::new(on_line));
        self
    }

    /// Runs it to its end. On a timeout or cancel, it gets SIGTERM, [`GRACE`] to exit, then
    /// SIGKILL.
    pub async fn run(mut self, cancel: &Cancel) -> Result<Output, Error> {
        let name = self.program.to_string_lossy().into_owned();
        if *cancel.borrow() {
            return Err(Error::Cancelled);
        }
        let mut child = self.piped().spawn().map_err(|source| {
            // A missing directory gives the same error as a missing program.
            if source.kind() == io::ErrorKind::NotFound && self.cwd.is_dir() {
                return Error::Missing { program: name.clone() };
            }
            Error::Start { program: name.clone(), source }
        })?;
        let group = child.id();
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let bytes = std::mem::take(&mut self.stdin);
        let mut on_line = self.on_line.take();
        let work = async {
            let feed = async {
                // A child that does not read its input reports that by its exit status.
                if let Some(mut pipe) = stdin {
                    pipe.write_all(&bytes).await.unwrap_or_default();
                }
            };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let read = async {
                tokio::try_join!(
                    drain(stdout, &mut out),
                    drain_lines(stderr, &mut err, &mut on_line),
                )
            };
            let read = async { tokio::join!(feed, read).1.map(drop) };
            let status = ended(&mut child, read).await?;
            Ok(Output { status, stdout: out, stderr: err })
        };
        within(work, (&name, self.limit), cancel, |it| signal(group, it)).await
    }

    /// Its standard streams are pipes, and it leads a process group.
    fn piped(&self) -> tokio::process::Command {
        let mut command = self.command();
        let stdin = match (self.stdin.is_empty(), self.on_terminal) {
            (false, _) => Stdio::piped(),
            (true, true) => Stdio::inherit(),
            (true, false) => Stdio::null(),
        };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The leader of a process group cannot create a session; the session's leader will lead a
        // group.
        if self.session_maker.is_none() {
            command.process_group(0);
        }
        command
    }

    #[expect(clippy::disallowed_methods, reason = "this is the funnel the rule points to")]
    fn command(&self) -> tokio::process::Command {
        let mut command = match &self.session_maker {
            Some(wtmag) => {
                let mut command = tokio::process::Command::new(wtmag);
                command.args([OsStr::new(WITHOUT_TERMINAL), OsStr::new("--"), &self.program]);
                command
            }
            None => tokio::process::Command::new(&self.program),
        };
        command.args(&self.args).current_dir(&self.cwd);
        for name in MISLEADING {
            command.env_remove(name);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.kill_on_drop(true);
        command
    }
}

/// Waits for the child, and then only a moment for the rest of its output.
async fn ended(
    child: &mut Child,
    read: impl Future<Output = io::Result<()>>,
) -> io::Result<ExitStatus> {
    tokio::pin!(read);
    tokio::select! {
        status = child.wait() => {
            time::timeout(DRAIN, read).await.unwrap_or(Ok(()))?;
            status
        }
        done = &mut read => {
            done?;
            child.wait().await
        }
    }
}

/// The result of a child's `work`. On a timeout or cancel, it is told to end, and killed after [`GRACE`].
async fn within(
    work: impl Future<Output = io::Result<Output>>,
    (name, limit): (&str, Duration),
    cancel: &Cancel,
    signal: impl Fn(Signal),
) -> Result<Output, Error> {
    let mut cancel = cancel.clone();
    tokio::pin!(work);
    let stopped = tokio::select! {
        done = &mut work => {
            return done.map_err(|source| Error::Start { program: name.to_owned(), source });
        }
        () = time::sleep(limit) => Error::TimedOut { program: name.to_owned(), limit },
        () = cancelled(&mut cancel) => Error::Cancelled,
    };
    signal(Signal::SIGTERM);
    if time::timeout(GRACE, &mut work).await.is_err() {
        signal(Signal::SIGKILL);
        // A grandchild outside the group may hold the pipes open: do not wait for it.
        drop(time::timeout(GRACE, &mut work).await);
    }
    Err(stopped)
}

/// The verb of `wtmag` that [`Cmd::without_terminal`] runs.
pub const WITHOUT_TERMINAL: &str = "without-terminal";

/// Resolves when `cancel` becomes true; never, if its sender is gone.
pub async fn cancelled(cancel: &mut Cancel) {
    if cancel.wait_for(|&stop| stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn signal(group: Option<u32>, signal: Signal) {
    let Some(group) = group.and_then(|id| i32::try_from(id).ok()) else { return };
    // It may have ended by itself.
    killpg(Pid::from_raw(group), signal).unwrap_or_default();
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> io::Result<()> {
    if let Some(pipe) = pipe {
        pipe.take(MAX_OUTPUT).read_to_end(bytes).await?;
    }
    Ok(())
}

async fn drain_lines(
    pipe: Option<impl AsyncRead + Unpin>,
    bytes: &mut Vec<u8>,
    on_line: &mut Option<OnLine<'_>>,
) -> io::Result<()> {
    let Some(on_line) = on_line else { return drain(pipe, bytes).await };
    let Some(pipe) = pipe else { return Ok(()) };
    let mut reader = BufReader::new(pipe.take(MAX_OUTPUT));
    loop {
        let start = bytes.len();
        if reader.read_until(b'\n', bytes).await? == 0 {
            return Ok(());
        }
        let line = bytes.get(start..).unwrap_or_default();
        on_line(String::from_utf8_lossy(line).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, limit: Duration) -> Result<Output, Error> {
        Cmd::new("sh", Path::new("/")).args(["-c", script]).limit(limit).run(&never()).await
    }

    #[tokio::test]
    async fn output_and_status_come_back() {
        let output = sh("echo out; echo err >&2; exit 3", GRACE).await.unwrap();
        assert_eq!((output.stdout_text(), output.stderr_text()), ("out\n".into(), "err".into()));
        assert_eq!(output.status.code(), Some(3));
    }

    #[tokio::test]
    async fn input_is_fed_and_lines_are_shown_as_they_come() {
        let mut lines = Vec::new();
        let cmd = Cmd::new("sh", Path::new("/")).args(["-c", "cat; printf 'a\\nb' >&2"]);
        let output = cmd.stdin("in").on_line(|it| lines.push(it.to_owned())).run(&never()).await;
        assert_eq!(output.unwrap().stdout, b"in");
        assert_eq!(lines, ["a", "b"]);
    }

    #[tokio::test]
    async fn what_a_child_leaves_behind_does_not_hold_its_end_up() {
        let started = std::time::Instant::now();
        let output = sh("echo out; echo err >&2; sleep 30 & exit 3", GRACE).await.unwrap();
        assert_eq!((output.stdout_text(), output.stderr_text()), ("out\n".into(), "err".into()));
        assert_eq!(output.status.code(), Some(3));
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn all_that_a_child_wrote_is_read() {
        let output = sh("head -c 3000000 /dev/zero; echo end >&2", GRACE).await.unwrap();
        assert_eq!((output.stdout.len(), output.stderr_text()), (3_000_000, "end".into()));
    }

    #[tokio::test]
    async fn a_missing_program_has_its_own_error() {
        let missing = Cmd::new("no-such-program-here", Path::new("/")).run(&never()).await;
        assert!(
            matches!(missing, Err(Error::Missing { program }) if program == "no-such-program-here")
        );
    }

    #[tokio::test]
    async fn a_child_that_takes_too_long_is_ended_with_its_children() {
        let stopped = sh("sleep 1000 & wait", Duration::from_millis(50)).await;
        assert!(matches!(stopped, Err(Error::TimedOut { .. })));
    }

    #[tokio::test]
    async fn cancel_ends_the_child() {
        let (stop, cancel) = watch::channel(false);
        let cmd = Cmd::new("sh", Path::new("/")).args(["-c", "echo up >&2; sleep 1000"]);
        let run = cmd.on_line(|_| stop.send(true).unwrap()).run(&cancel).await;
        assert!(matches!(run, Err(Error::Cancelled)));
    }
}
