//! Brings back what a backup keeps.
use std::path::{Path, PathBuf};

use super::Backup;
use crate::git::{
    Error, Repo, RepoLock, Run,
    at::{At, said},
    fetch::{git, git_at},
    plain,
    wt::failed,
};

/// What was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub branch: Option<String>,
    pub worktree: Option<PathBuf>,
    /// Uncommitted files were restored.
    pub files: bool,
    /// What the user must do, as sentences.
    pub notes: Vec<String>,
}

/// Restores the branch and worktree of a removed worker, with its uncommitted files. If its branch had no commit,
/// only the worktree, at a commit of those files.
///
/// # Errors
/// [`Error::BranchExists`] if the branch exists at another commit, [`Error::PathTaken`],
/// [`Error::Failed`] with git's message.
pub async fn restore(
    repo: &Repo,
    _lock: &RepoLock,
    backup: &Backup,
    run: &mut Run<'_>,
) -> Result<Restored, Error> {
    let mut restored = Restored::default();
    let at = At::bare(repo.common_dir());
    if backup.worktree.symlink_metadata().is_ok() {
        return Err(Error::PathTaken { path: backup.worktree.clone(), holder: None });
    }
    if let Some(branch) = &backup.branch {
        match repo.branch_tip(&branch.name)? {
            Some(tip) if tip != branch.commit => {
                let branch = branch.name.clone();
                return Err(Error::BranchExists { branch, worktree: None });
            }
            Some(_) => {}
            None => {
                let name = format!("refs/heads/{}", branch.name);
                let made = at.ask(["update-ref", &name, &branch.commit, ""], run).await?;
                made.map_err(|why| broken(format!("make branch `{}`", branch.name), why))?;
                restored.branch = Some(branch.name.clone());
            }
        }
        let path = &backup.worktree;
        let add = plain::Add { path, branch: &branch.name, base: None, like: None, hooks: true };
        let added = plain::add(repo, &add, run).await?;
        added
            .map_err(|it| failed("git", format!("make the worktree `{}`", path.display()), &it))?;
        restored.worktree = Some(path.clone());
        if let Some(files) = &backup.files {
            let cmd = git_at(path);
            let source = format!("--source={files}");
            let cmd = cmd.args(["restore", "--quiet", &source, "--worktree", "--", "."]);
            match said(cmd, run).await? {
                Ok(_) => restored.files = true,
                Err(why) => restored.notes.push(format!("the files in `{files}`: {why}")),
            }
        }
    }
    if let (None, Some(files)) = (&backup.branch, &backup.files) {
        add_files(repo, &backup.worktree, files, run).await?;
        restored.worktree = Some(backup.worktree.clone());
        restored.files = true;
        restored.notes.push(
            "it had no branch with a commit: its HEAD is a commit of its uncommitted files now, on no branch"
                .to_owned(),
        );
    }
    let others = backup.refs.iter().filter(|it| !it.was.starts_with("refs/heads/"));
    restored.notes.extend(others.map(|it| format!("its `{}` is kept as `{}`", it.was, it.at)));
    let bundles = backup.bundles.iter();
    restored.notes.extend(bundles.map(|it| {
        format!("the repository `{}` is kept in `{}`: `git fetch` takes it", it.was, it.at)
    }));
    Ok(restored)
}

/// The worktree of a worker whose branch had no commit: all of its files are in this one.
async fn add_files(repo: &Repo, path: &Path, files: &str, run: &Run<'_>) -> Result<(), Error> {
    let cmd = git(repo).args(["worktree", "add", "--quiet", "--detach"]);
    let added = said(cmd.args([path.as_os_str(), files.as_ref()]), run).await?;
    added.map_err(|why| broken(format!("make the worktree `{}`", path.display()), why))?;
    Ok(())
}

fn broken(act: String, text: String) -> Error {
    Error::Failed { program: "git", act, text, said: String::new() }
}
