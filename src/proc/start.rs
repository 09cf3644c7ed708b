//! Programs that are started and not waited for, that have the terminal, or that take this process's place.
use std::{
    ffi::OsStr,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::Stdio,
};

use super::Error;

/// Prefixes of variables that say where the caller is: in which agent, repository or pane.
const CALLERS_OWN: [&str; 8] = [
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SSE_PORT",
    "CODEX_",
    "GIT_",
    "TMUX",
    "WORKTRUNK_",
    "WTMAG_",
];

/// Whether a variable must not reach a process that outlives the caller. Variables that say where a
/// user keeps an agent's files may.
pub fn is_caller_specific(variable: &OsStr) -> bool {
    let begins = |name: &str| CALLERS_OWN.iter().any(|prefix| name.starts_with(prefix));
    variable != "CODEX_HOME" && variable.to_str().is_some_and(begins)
}

/// Starts a program that outlives this process: no pipes, and no variables of the caller's agent,
/// repository or pane. It does not lead a process group, so that it can create its own session,
/// which it should do at once. `more` is set in its environment. Returns its pid.
#[expect(clippy::disallowed_methods, reason = "this is the funnel the rule points to")]
pub fn detach<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
    more: Option<(&str, &OsStr)>,
) -> Result<u32, Error> {
    let mut command = std::process::Command::new(program);
    command.args(args).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if is_caller_specific(&name) {
            command.env_remove(&name);
        }
    }
    command.envs(more);
    let child = command.spawn();
    let program = program.to_string_lossy().into_owned();
    child.map(|child| child.id()).map_err(|source| Error::Start { program, source })
}

/// Starts a program that keeps running when this process and its terminal are gone. It has no pipes, and a
/// process group of its own, so that a terminal that closes does not signal it. It has this process's
/// environment.
#[expect(clippy::disallowed_methods, reason = "this is the funnel the rule points to")]
pub fn background<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
) -> Result<(), Error> {
    let mut command = std::process::Command::new(program);
    command.args(args).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let program = program.to_string_lossy().into_owned();
    command.spawn().map(drop).map_err(|source| Error::Start { program, source })
}

/// Runs a program on this terminal with `text` as its input, and waits until the user ends it. The
/// program need not read all input. A non-zero exit is an error.
#[expect(clippy::disallowed_methods, reason = "this is the funnel the rule points to")]
pub fn feed<S: AsRef<OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = S>,
    env: Option<(&str, &str)>,
    text: &str,
) -> Result<(), Error> {
    let failed = |source| Error::Start { program: program.to_owned(), source };
    let mut command = std::process::Command::new(program);
    command.args(args).envs(env).stdin(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A pager that was quit early closes its input.
        pipe.write_all(text.as_bytes()).unwrap_or_default();
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(failed(io::Error::other(status.to_string()))) }
}

/// Runs an interactive program on this terminal to its end.
#[expect(clippy::disallowed_methods, reason = "this is the funnel the rule points to")]
pub fn in_foreground<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
) -> Result<(), Error> {
    let name = program.as_ref().to_string_lossy().into_owned();
    let failed = |source| Error::Start { program: name.clone(), source };
    let status = std::process::Command::new(&program).args(args).status().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(failed(io::Error::other(format!("it ended with {status}"))))
}

/// Replaces this process with another program; returns only on error.
#[expect(clippy::disallowed_methods, reason = "this is the funnel the rule points to")]
pub fn exec<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
    without: &[&str],
) -> Error {
    let mut command = std::process::Command::new(&program);
    command.args(args);
    for name in without {
        command.env_remove(name);
    }
    let source = command.exec();
    Error::Start { program: program.as_ref().to_string_lossy().into_owned(), source }
}
