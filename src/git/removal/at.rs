//! `git` in one repository, told where its parts are instead of finding them.
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

/// Settings that make git take a changed file for an unchanged one, overruled.
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

/// What git said, or why it said nothing.
pub(super) type Said = Result<Vec<u8>, String>;

/// A repository and, where it has one, its worktree.
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
        // Always said: what `core.worktree` of a submodule says may be gone.
        cmd = cmd.args(["--work-tree".as_ref(), dir.as_os_str()]);
        if let Some(top) = &self.work_tree {
            // On a disk where case matters, `b.txt` beside `B.txt` is a file of its own.
            let is_blind = top.join(".GIT").symlink_metadata().is_ok();
            cmd = cmd.args([
                "-c",
                if is_blind { "core.ignoreCase=true" } else { "core.ignoreCase=false" },
            ]);
        }
        // A replace ref may stand for a history without the work.
        cmd.args(SHARP).env("GIT_NO_REPLACE_OBJECTS", "1").limit(LIMIT)
    }

    /// Runs git to its end.
    ///
    /// # Errors
    /// [`Error::Proc`] when the user gave up, or when there is no git.
    pub(super) async fn ask<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        run: &Run<'_>,
    ) -> Result<Said, Error> {
        said(self.cmd().args(args), run).await
    }

    /// The same, with something to read.
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

/// Commits that come with `tips` and not with what is `staying`, as `short id subject`.
pub(super) async fn history(
    at: &At,
    tips: &[String],
    staying: &[String],
    run: &Run<'_>,
) -> Result<Result<Vec<String>, String>, Error> {
    // Older gits take no `--not` from their input.
    let hidden = staying.iter().map(|it| format!("^{it}"));
    let mut input = tips.iter().cloned().chain(hidden).collect::<Vec<_>>().join("\n");
    input.push('\n');
    // A tip that is missing is an error; one that stays and is missing hides nothing.
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
