//! Prepares a new worktree before the agent starts: copies files that git does not have, and runs a
//! command.
use std::{fs, io, os::unix::fs::symlink, path::Path, time::Duration};

use super::{Error, News, Note, Repo, Run};
use crate::proc::Cmd;

/// Enough for a slow `npm ci`.
const LIMIT: Duration = Duration::from_secs(3600);

/// Copies files from the caller's worktree, or the main one. Existing files in the new worktree
/// stay unchanged. Missing files are reported.
///
/// # Errors
/// [`Error::Io`], also for a destination that a link leads out of the new worktree.
pub fn copy_files(
    repo: &Repo,
    worktree: &Path,
    paths: &[String],
    run: &mut Run<'_>,
) -> Result<(), Error> {
    let from = repo.worktree().unwrap_or_else(|| repo.home().to_owned());
    for path in paths {
        let (source, target) = (from.join(path), worktree.join(path));
        if source.symlink_metadata().is_err() {
            (run.tell)(&News::Note(Note::NotCopied { path: source }));
            continue;
        }
        copy(&source, &target, worktree).map_err(Error::io("copy", source))?;
    }
    Ok(())
}

fn copy(source: &Path, target: &Path, worktree: &Path) -> io::Result<()> {
    let kind = source.symlink_metadata()?.file_type();
    let parent = target.parent().unwrap_or(worktree);
    fs::create_dir_all(parent)?;
    if !fs::canonicalize(parent)?.starts_with(fs::canonicalize(worktree)?) {
        return Err(io::Error::other("a link leads out of the new worktree"));
    }
    let is_there = target.symlink_metadata().is_ok();
    if kind.is_dir() {
        let entries = fs::read_dir(source)?.collect::<io::Result<Vec<_>>>()?;
        fs::create_dir_all(target)?;
        return entries
            .iter()
            .try_for_each(|it| copy(&it.path(), &target.join(it.file_name()), worktree));
    }
    if is_there {
        return Ok(());
    }
    if kind.is_symlink() {
        return symlink(fs::read_link(source)?, target);
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    fs::copy(source, target).map(drop)
}

/// Runs the user's command in the new worktree, and shows its output.
///
/// # Errors
/// [`Error::Setup`] with its code and last lines.
pub async fn set_up(worktree: &Path, command: &str, run: &mut Run<'_>) -> Result<(), Error> {
    (run.tell)(&News::Hook { phase: "setup" });
    let tell = &mut *run.tell;
    let cmd = Cmd::new("sh", worktree).args(["-c", &format!("exec 1>&2\n{command}")]);
    let cmd = cmd.limit(LIMIT).on_line(|line| tell(&News::Line(line.to_owned())));
    let output = cmd.run(run.cancel).await?;
    if output.is_success() {
        return Ok(());
    }
    let text = super::hooks::last_lines(&output.stderr_text(), "it printed nothing");
    let code = output.status.code().unwrap_or(1);
    Err(Error::Setup { command: command.to_owned(), code, text })
}
