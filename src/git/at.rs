//! Runs `git` in one repository with explicit paths, instead of letting it search.
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    git::{
        Error, Run,
        fetch::{first_line, git_at},
    },
    proc::{self, Cmd},
};

const LIMIT: Duration = Duration::from_secs(120);

/// Overrides settings that make git treat a changed file as unchanged.
const SHARP: [&str; 8] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.trustctime=true",
    "-c",
    "core.checkStat=default",
];

/// git's output, or why there is none.
pub(super) type Said = Result<Vec<u8>, String>;

/// A repository and its worktree, if it has one.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub git_dir: PathBuf,
    pub work_tree: Option<PathBuf>,
}

impl At {
    pub(super) fn bare(git_dir: &Path) -> Self {
        Self { git_dir: git_dir.to_owned(), work_tree: None }
    }

    pub(super) fn cmd(&self) -> Cmd<'static> {
        let dir = self.work_tree.as_deref().unwrap_or(&self.git_dir);
        let mut cmd = git_at(dir).args(["--git-dir".as_ref(), self.git_dir.as_os_str()]);
        // Always passed: the path in a submodule's `core.worktree` may be gone.
        cmd = cmd.args(["--work-tree".as_ref(), dir.as_os_str()]);
        if let Some(top) = &self.work_tree {
            // On a case-sensitive disk, `b.txt` and `B.txt` are two files.
            let is_blind = top.join(".GIT").symlink_metadata().is_ok();
            cmd = cmd.args([
                "-c",
                if is_blind { "core.ignoreCase=true" } else { "core.ignoreCase=false" },
            ]);
        }
        // A replace ref may hide history that contains the work.
        cmd.args(SHARP).env("GIT_NO_REPLACE_OBJECTS", "1").limit(LIMIT)
    }

    /// Runs git to its end.
    ///
    /// # Errors
    /// [`Error::Proc`] if the user cancelled or there is no git.
    pub(super) async fn ask<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        run: &Run<'_>,
    ) -> Result<Said, Error> {
        said(self.cmd().args(args), run).await
    }

    /// How many commits `git rev-list` lists for these revisions.
    ///
    /// # Errors
    /// [`Error::Read`] with git's message; [`Error::Proc`] if the user cancelled.
    pub(super) async fn count(&self, revisions: &[&str], run: &Run<'_>) -> Result<usize, Error> {
        let args = ["rev-list", "--count", "--ignore-missing"].iter().chain(revisions);
        let answer = self.ask(args.chain(["--"].iter()), run).await?;
        let text = answer.map_err(Error::read("the commits"))?;
        Ok(String::from_utf8_lossy(&text).trim().parse().unwrap_or_default())
    }

    /// Whether `a` is `b` or its ancestor.
    ///
    /// # Errors
    /// [`Error::Read`] with git's message; [`Error::Proc`] if the user cancelled.
    pub(super) async fn is_ancestor(&self, a: &str, b: &str, run: &Run<'_>) -> Result<bool, Error> {
        let cmd = self.cmd().args(["merge-base", "--is-ancestor", a, b]);
        let output = cmd.run(run.cancel).await?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(Error::read("the commits")(first_line(&output.stderr_text()))),
        }
    }

    /// Like [`Self::ask`], with standard input.
    pub(super) async fn ask_about(
        &self,
        args: &[&str],
        input: Vec<u8>,
        run: &Run<'_>,
    ) -> Result<Said, Error> {
        said(self.cmd().args(args).stdin(input), run).await
    }
}

pub(super) async fn said(cmd: Cmd<'_>, run: &Run<'_>) -> Result<Said, Error> {
    match cmd.run(run.cancel).await {
        Ok(output) if output.is_success() => Ok(Ok(output.stdout)),
        Ok(output) => Ok(Err(first_line(&output.stderr_text()))),
        Err(it @ (proc::Error::Missing { .. } | proc::Error::Cancelled)) => Err(it.into()),
        Err(it @ (proc::Error::TimedOut { .. } | proc::Error::Start { .. })) => {
            Ok(Err(it.to_string()))
        }
    }
}

/// Commits reachable from `tips` but not from `staying`, as `short id subject`.
pub(super) async fn history(
    at: &At,
    tips: &[String],
    staying: &[String],
    run: &Run<'_>,
) -> Result<Result<Vec<String>, String>, Error> {
    // Older gits do not accept `--not` on standard input.
    let hidden = staying.iter().map(|it| format!("^{it}"));
    let mut input = tips.iter().cloned().chain(hidden).collect::<Vec<_>>().join("\n");
    input.push('\n');
    // A missing tip is an error; a missing staying ref hides nothing.
    for tip in tips {
        if let Err(why) = at.ask(["cat-file", "-e", &format!("{tip}^{{commit}}")], run).await? {
            return Ok(Err(format!("commit {tip}: {why}")));
        }
    }
    let args = ["rev-list", "--ignore-missing", "--stdin", "--format=%h %s"];
    let answer = at.ask_about(&args, input.into_bytes(), run).await?;
    Ok(answer.map(|text| {
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().filter(|it| !it.starts_with("commit ")).map(str::to_owned).collect()
    }))
}
