//! WorkTrunk: which version is installed, and its answers as values.
//!
//! Knows `wt` 0.66 to 0.81. Paths come from its JSON and are never computed.
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{Error, News, Run};
use crate::{
    model::Version,
    paths,
    proc::{self, Cmd, Output},
};

/// A checkout of a large repository on a slow disk.
const LIMIT: Duration = Duration::from_secs(600);
/// A person reads and answers.
const HOOK_LIMIT: Duration = Duration::from_secs(3600);

/// The backend that the configuration requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// WorkTrunk if it is installed, else plain git.
    #[default]
    Auto,
    Wt,
    Git,
}

/// What creates and removes worktrees.
#[derive(Clone, Debug)]
pub enum Tool {
    Wt(Wt),
    /// Plain `git worktree`; `why` says why it is not WorkTrunk, unless by choice.
    Git {
        why: Option<String>,
    },
}

/// An installed WorkTrunk.
#[derive(Clone, Debug)]
pub struct Wt {
    pub program: OsString,
    pub version: Version,
    /// Its hooks, and its own question whether they may run, get this process's terminal.
    pub has_terminal: bool,
}

impl Wt {
    /// Oldest version with the options that we use.
    pub const MINIMUM: Version = Version::new(0, 66, 0);
    /// Oldest version without a known loss of data.
    pub const RECOMMENDED: Version = Version::new(0, 74, 0);
    /// Oldest version that tells which commands are approved.
    const LISTS_APPROVALS: Version = Version::new(0, 72, 0);

    fn new(program: &OsStr, version: Version) -> Self {
        Self { program: program.to_owned(), version, has_terminal: false }
    }
}

/// From a program that prints `wt 0.81.0` or `wt v0.67.0-3-gabc`; other programs are named wt, too.
fn version_in(text: &str) -> Option<Version> {
    let rest = text.strip_prefix("wt ")?;
    Version::parse(rest.strip_prefix('v').unwrap_or(rest))
}

impl Tool {
    /// Finds the backend; `program` is a name in PATH or a path, usually `wt`.
    ///
    /// # Errors
    /// With [`Backend::Wt`] only: [`Error::NotWorktrunk`], [`Error::OldWorktrunk`], or that it is not
    /// installed.
    pub async fn choose(
        backend: Backend,
        program: &OsStr,
        run: &mut Run<'_>,
    ) -> Result<Self, Error> {
        if backend == Backend::Git {
            return Ok(Self::Git { why: None });
        }
        match Wt::probe(program, run).await {
            Ok(wt) => Ok(Self::Wt(wt)),
            Err(it) if backend == Backend::Wt || it.is_cancelled() => Err(it),
            Err(it) => {
                let why = it.to_string();
                (run.tell)(&News::Fallback { why: why.clone() });
                Ok(Self::Git { why: Some(why) })
            }
        }
    }

    /// Like `choose`, with a cache in the file `seen`: WorkTrunk is asked for its version only when
    /// the program changed, and a fallback to git is reported once for each reason.
    ///
    /// # Errors
    /// As [`Tool::choose`].
    pub async fn choose_seen(
        backend: Backend,
        program: &OsStr,
        seen: &Path,
        run: &mut Run<'_>,
    ) -> Result<Self, Error> {
        if backend == Backend::Git {
            return Ok(Self::Git { why: None });
        }
        let now = Seen::look(program);
        let before = Remembered::load(seen);
        if let (Some(now), Remembered::Worktrunk(before)) = (&now, &before)
            && now.is_same(before)
            && before.version >= Wt::MINIMUM
        {
            return Ok(Self::Wt(Wt::new(program, before.version)));
        }
        // It is reported below, unless it was reported before.
        let mut tell = |_: &News| {};
        let mut quietly = Run { cancel: run.cancel, tell: &mut tell };
        let tool = Self::choose(backend, program, &mut quietly).await?;
        let found = match (&tool, now) {
            (Self::Wt(wt), Some(now)) => Remembered::Worktrunk(Seen { version: wt.version, ..now }),
            (Self::Git { why: Some(why) }, _) => Remembered::Fallback { why: why.clone() },
            (Self::Wt(_), None) | (Self::Git { why: None }, _) => Remembered::Nothing,
        };
        if let Remembered::Fallback { why } = &found
            && found != before
        {
            (run.tell)(&News::Fallback { why: why.clone() });
        }
        if found != before {
            found.save(seen);
        }
        Ok(tool)
    }
}

/// What the last `create` found out about WorkTrunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Remembered {
    Worktrunk(Seen),
    /// The user was already told why plain git is used.
    Fallback {
        why: String,
    },
    #[default]
    Nothing,
}

/// The program file when it reported its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    program: PathBuf,
    modified: SystemTime,
    size: u64,
    version: Version,
}

impl Seen {
    /// `None` for a script or a shim, which may start different programs.
    fn look(program: &OsStr) -> Option<Self> {
        let program = fs::canonicalize(which::which(program).ok()?).ok()?;
        let found = fs::metadata(&program).ok()?;
        let mut start = [0; 2];
        File::open(&program).ok()?.read_exact(&mut start).ok()?;
        let is_itself = program.file_name().is_some_and(|it| it == "wt") && &start != b"#!";
        let (modified, size) = (found.modified().ok()?, found.len());
        is_itself.then_some(Self { program, modified, size, version: Version::default() })
    }

    fn is_same(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.program.clone(), it.modified, it.size);
        key(self) == key(other)
    }
}

impl Remembered {
    fn load(path: &Path) -> Self {
        let read = fs::read(path).ok().and_then(|it| serde_json::from_slice(&it).ok());
        read.unwrap_or_default()
    }

    /// Only a cache: if it cannot be written, the program is asked again.
    fn save(&self, path: &Path) {
        let write = || paths::replace(path, &serde_json::to_vec(self)?);
        if let Err(error) = write() {
            tracing::debug!(path = %path.display(), %error, "WorkTrunk's version is not remembered");
        }
    }
}

impl Tool {
    /// The same, for a process whose user may answer at a terminal.
    #[must_use]
    pub fn at_terminal(self, has_terminal: bool) -> Self {
        match self {
            Self::Wt(wt) => Self::Wt(Wt { has_terminal, ..wt }),
            Self::Git { why } => Self::Git { why },
        }
    }

    /// The program named in a message.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Wt(_) => "wt",
            Self::Git { .. } => "git",
        }
    }

    /// The exit code and the output of the `git` that the tool ran.
    pub(super) fn said_by_git(&self, output: &Output) -> (Option<i32>, String) {
        let text = output.stderr_text();
        match self {
            Self::Git { .. } => (output.status.code(), text),
            Self::Wt(_) => {
                let code = text
                    .split("exit code ")
                    .nth(1)
                    .map(|it| it.chars().take_while(char::is_ascii_digit).collect::<String>());
                // Between its own words about the command.
                let lines = text.lines().take_while(|it| !it.starts_with('↳'));
                let lines = lines.filter(|it| !it.starts_with('✗')).map(str::trim_start);
                let lines: Vec<&str> = lines.collect();
                (code.and_then(|it| it.parse().ok()), lines.join("\n"))
            }
        }
    }
}

impl Error {
    /// The user cancelled; nothing else went wrong.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Proc(proc::Error::Cancelled))
    }
}

/// The part of the answer to `wt switch --format json` that is used.
#[derive(Debug, Deserialize)]
struct Switched {
    path: PathBuf,
}

/// The part of the answer to `wt config approvals list --format=json` that is used.
#[derive(Debug, Deserialize)]
struct Approvals {
    #[serde(default)]
    commands: Vec<ApprovalCommand>,
}

#[derive(Debug, Deserialize)]
struct ApprovalCommand {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    template: String,
    #[serde(default)]
    approved: bool,
}

impl Wt {
    async fn probe(program: &OsStr, run: &Run<'_>) -> Result<Self, Error> {
        let name = || program.to_string_lossy().into_owned();
        let cmd =
            Cmd::new(program, Path::new("/")).args(["--version"]).limit(Duration::from_secs(10));
        let output = cmd.run(run.cancel).await?;
        let text = output.stdout_text();
        let Some(version) = version_in(&text).filter(|_| output.is_success()) else {
            let said = text.lines().next().unwrap_or("nothing");
            let why = format!("`--version` says `{}`", said.escape_debug());
            return Err(Error::NotWorktrunk { program: name(), why });
        };
        if version < Self::MINIMUM {
            let (found, needed) = (version.to_string(), Self::MINIMUM.to_string());
            return Err(Error::OldWorktrunk { found, needed });
        }
        Ok(Self::new(program, version))
    }

    /// Whether it works with the installed git.
    pub async fn check_git(&self, run: &mut Run<'_>) -> Result<(), Error> {
        // Outside any repository there is nothing to list, and WorkTrunk checks git first.
        let cmd = self.cmd(Path::new("/")).args(["list"]).limit(Duration::from_secs(10));
        let why = reason(&cmd.run(run.cancel).await?);
        if is_about_git(&why) { Err(Error::OldGit { why }) } else { Ok(()) }
    }

    /// `wt` with the options of every call; its messages go to standard error.
    fn cmd(&self, dir: &Path) -> Cmd<'static> {
        let cmd = Cmd::new(&self.program, dir).env("NO_COLOR", "1").env("GIT_TERMINAL_PROMPT", "0");
        cmd.args(["-C".as_ref(), dir.as_os_str()]).limit(LIMIT)
    }

    /// The same, where the user may answer.
    fn cmd_at_terminal(&self, dir: &Path) -> Cmd<'static> {
        let cmd = Cmd::new(&self.program, dir).env("NO_COLOR", "1");
        cmd.args(["-C".as_ref(), dir.as_os_str()])
    }

    /// The project's commands of these kinds that its user has not approved, one line each. Old versions do
    /// not tell.
    pub(super) async fn unapproved(
        &self,
        dir: &Path,
        phases: &[&str],
        run: &Run<'_>,
    ) -> Result<Vec<String>, Error> {
        if self.version < Self::LISTS_APPROVALS {
            return Ok(Vec::new());
        }
        let cmd = self.cmd(dir).args(["config", "approvals", "list", "--format=json"]);
        let output = cmd.run(run.cancel).await?;
        if !output.is_success() {
            return Err(failed("wt", "list the approvals".to_owned(), &output));
        }
        let unusable = |it: serde_json::Error| Error::Answer { program: "wt", why: it.to_string() };
        let approvals: Approvals = serde_json::from_slice(&output.stdout).map_err(unusable)?;
        let is_meant = |it: &ApprovalCommand| !it.approved && phases.contains(&it.phase.as_str());
        let found = approvals.commands.into_iter().filter(is_meant);
        Ok(found.map(|it| format!("{}: {}", it.phase, it.template)).collect())
    }

    /// Shows the project's commands at the terminal and asks its user to approve them.
    pub(super) async fn ask_approval(&self, dir: &Path, run: &mut Run<'_>) -> Result<(), Error> {
        (run.tell)(&News::Terminal);
        let cmd = self.cmd_at_terminal(dir).args(["config", "approvals", "add"]).limit(HOOK_LIMIT);
        // Whether they are approved now, the list tells.
        cmd.run_at_terminal(run.cancel).await?;
        Ok(())
    }

    /// Creates a worktree, for an existing branch or a new one at `base`. Runs no WorkTrunk hooks;
    /// `settings` are git settings for this call.
    pub(super) async fn switch(
        &self,
        dir: &Path,
        branch: &str,
        base: Option<&str>,
        settings: &[(&str, &str)],
        run: &Run<'_>,
    ) -> Result<Result<PathBuf, Output>, Error> {
        let mut cmd = self.cmd(dir).args(["switch"]);
        if let Some(base) = base {
            cmd = cmd.args(["--create", "--base", base]);
        }
        if !settings.is_empty() {
            cmd = cmd.env("GIT_CONFIG_COUNT", settings.len().to_string());
        }
        for (n, (key, value)) in settings.iter().enumerate() {
            cmd = cmd.env(format!("GIT_CONFIG_KEY_{n}"), key);
            cmd = cmd.env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        let cmd = cmd.args(["--no-cd", "--no-hooks", "--format", "json", branch]);
        let output = cmd.run(run.cancel).await?;
        if !output.is_success() {
            return Ok(Err(output));
        }
        match serde_json::from_slice::<Switched>(&output.stdout) {
            Ok(switched) => Ok(Ok(switched.path)),
            Err(it) => Err(Error::Answer { program: "wt", why: it.to_string() }),
        }
    }

    /// Runs the hooks of one phase in the worktree and shows their output. If they may ask, they have the
    /// terminal.
    pub(super) async fn hook(
        &self,
        worktree: &Path,
        phase: &str,
        flags: &[String],
        limit: Duration,
        run: &mut Run<'_>,
    ) -> Result<Output, Error> {
        if self.has_terminal {
            (run.tell)(&News::Terminal);
            let cmd = self.cmd_at_terminal(worktree).args(["hook", phase]).args(flags).limit(limit);
            return Ok(cmd.run_at_terminal(run.cancel).await?);
        }
        let tell = &mut *run.tell;
        let cmd = self.cmd(worktree).args(["hook", phase]).args(flags).limit(limit);
        let cmd = cmd.on_line(|line| tell(&News::Line(line.to_owned())));
        Ok(cmd.run(run.cancel).await?)
    }
}

/// The error for a failed action, with the last lines of output: they include a hook's output,
/// which is usually the cause. WorkTrunk's advice is left out, because it refers to things that are
/// undone by then.
pub(super) fn failed(program: &'static str, act: String, output: &Output) -> Error {
    const N: usize = 10;
    let text = reason(output);
    if program == "wt" && is_about_git(&text) {
        return Error::OldGit { why: text };
    }
    let all = output.stderr_text();
    let is_news = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('↳') && !text.contains(words(line))
    };
    let lines: Vec<&str> = all.lines().filter(is_news).collect();
    let said = lines.get(lines.len().saturating_sub(N)..).unwrap_or_default().join("\n");
    if all.lines().any(is_about_a_filter) {
        return Error::Filter { text, said };
    }
    Error::Failed { program, act, text, said }
}

/// A line without leading marks.
fn words(line: &str) -> &str {
    let is_mark = |c: char| !c.is_alphanumeric() && !matches!(c, '`' | '\'' | '"' | '/');
    line.trim_start_matches(is_mark).trim_end()
}

/// Whether git's filters failed at checkout; Git LFS is a filter.
fn is_about_a_filter(line: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "external filter",
        "smudge filter",
        "clean filter",
        // Of a filter that runs as one process, git or its shell says only that it did not start.
        "filter-process",
        "cannot fork to run subprocess",
        "initialization for subprocess",
    ];
    SIGNS.iter().any(|it| line.contains(it))
}

/// WorkTrunk checks git first, and may require a newer one.
fn is_about_git(reason: &str) -> bool {
    reason.contains("requires Git")
}

/// Its error message, without leading marks.
pub(super) fn reason(output: &Output) -> String {
    let text = output.stderr_text();
    let failed = text.lines().find_map(|line| line.strip_prefix('✗'));
    let line = words(failed.or_else(|| text.lines().next()).unwrap_or_default());
    // git's own message is below.
    let cause = text.lines().find(|line| line.contains("fatal: ") || line.contains("error: "));
    match cause {
        Some(cause) if cause.trim_end() != line => {
            format!("{line}: {}", words(cause))
        }
        Some(_) | None if line.is_empty() => format!("it ended with {}", output.status),
        Some(_) | None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_worktrunk_has_a_version() {
        assert_eq!(version_in("wt 0.81.0\n"), Some(Version::new(0, 81, 0)));
        assert_eq!(version_in("wt v0.67.0-3-gabc\n"), Some(Version::new(0, 67, 0)));
        assert_eq!(version_in("Windows Terminal v1.2.3"), None);
        assert_eq!(version_in("wt version 2"), None);
        assert_eq!(version_in(""), None);
    }
}
