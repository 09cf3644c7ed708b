//! One program, run to its end: arguments, environment, input and a deadline in; status and output out.
use std::{
    ffi::OsStr,
    fmt,
    io::{Read, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::wait::eventually;

const LIMIT: Duration = Duration::from_secs(60);

/// A program that has not run yet.
#[must_use]
pub(crate) struct Run {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

/// What it left behind.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ran {
    /// The exit code; 128 and the signal's number if it was killed.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub(crate) fn new(command: Command) -> Self {
        Self { command, input: Vec::new(), limit: LIMIT }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// 60 s, unless said otherwise; a program that takes longer is killed and fails the test.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Its end and nothing else, without the pauses that other waits make: for what is timed.
    #[track_caller]
    pub(crate) fn run_quietly(mut self) {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(self.command.status().unwrap().success(), "{:?}", self.command);
    }

    /// The same, given its input, and how long it took.
    #[track_caller]
    pub(crate) fn time(mut self) -> Duration {
        self.command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let mut child = self.command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&self.input).unwrap();
        let status = child.wait().unwrap();
        let took = started.elapsed();
        assert!(status.success(), "{:?}", self.command);
        took
    }

    /// The started program, with pipes to its input and its output; its errors are dropped.
    #[track_caller]
    pub(crate) fn piped(mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        self.command.spawn().unwrap()
    }

    #[track_caller]
    pub(crate) fn run(mut self) -> Ran {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(err) => panic!("could not run {:?}: {err}", self.command),
        };
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let (mut stdin, input) = (child.stdin.take().unwrap(), self.input);
        // A program need not read its input; it may be gone before we have written all of it.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let status = wait(&mut child, self.limit, &format!("{:?} to end", self.command));
        writer.join().unwrap();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ran { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }
}

/// The end of a child, which is killed when the limit passes.
#[track_caller]
pub(super) fn wait(child: &mut Child, limit: Duration, what: &str) -> ExitStatus {
    struct Killed<'a>(&'a mut Child);
    impl Drop for Killed<'_> {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
    let guard = Killed(child);
    eventually(limit, what, || guard.0.try_wait().unwrap())
}

fn collect(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    let mut from = from.unwrap();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Ran {
    /// Standard output of a program that succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout
    }

    /// Standard error of a program that left with this code.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self}");
        self.stderr
    }

    /// Standard output of a program that succeeded, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let text = self.success();
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err} in {text}"))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
