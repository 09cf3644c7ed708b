//! Worktrees by `git worktree` alone, for those without WorkTrunk.
use std::path::{Path, PathBuf};

use super::{Error, Repo, Run, Worktree, fetch::git};
use crate::proc::Output;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(600);

/// Where the worktree of a branch goes: `<repo>.<branch>` beside the repository, or `<branch>` beside
/// the hidden repository of a bare layout.
pub(super) fn path_for(repo: &Repo, branch: &str) -> PathBuf {
    let name = branch.replace(['/', '\\'], "-");
    let common = repo.common_dir();
    let is_hidden = common.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
    match common.parent() {
        Some(project) if repo.is_bare_layout() && is_hidden => project.join(name),
        Some(_) | None => {
            let own = if repo.is_bare_layout() { common } else { repo.home() };
            let parent = own.parent().unwrap_or(own);
            parent.join(format!("{}.{name}", repo.project()))
        }
    }
}

/// Makes the worktree at `path`, for a branch that is there or one that is made at `base`.
pub(super) async fn add(
    repo: &Repo,
    path: &Path,
    branch: &str,
    base: Option<&str>,
    run: &Run<'_>,
) -> Result<Result<(), Output>, Error> {
    let cmd = git(repo).args(["worktree", "add", "--quiet"]);
    let cmd = match base {
        Some(base) => cmd.args(["--no-track", "-b", branch, "--"]).args([path]).args([base]),
        None => cmd.args(["--"]).args([path]).args([branch]),
    };
    let output = cmd.limit(LIMIT).run(run.cancel).await?;
    Ok(if output.is_success() { Ok(()) } else { Err(output) })
}

/// Takes the worktree and its registration away, also when its directory is gone already.
pub(super) async fn remove(
    repo: &Repo,
    doomed: &Worktree,
    force: bool,
    run: &Run<'_>,
) -> Result<Result<(), Output>, Error> {
    let mut cmd = git(repo).args(["worktree", "remove"]);
    // git refuses every worktree that ever had a submodule; what is in it was looked at before.
    if force || doomed.git_dir.join("modules").exists() {
        cmd = cmd.args(["--force"]);
    }
    let output = cmd.args(["--"]).args([&doomed.path]).limit(LIMIT).run(run.cancel).await?;
    Ok(if output.is_success() { Ok(()) } else { Err(output) })
}

/// Takes a lock off that somebody put on the worktree.
pub(super) async fn unlock(repo: &Repo, worktree: &Worktree, run: &Run<'_>) -> Result<(), Error> {
    // That it is gone already is as good; if it is not, the removal says so.
    git(repo).args(["worktree", "unlock", "--"]).args([&worktree.path]).run(run.cancel).await?;
    Ok(())
}
