//! Whether a pull request is one of this repository and branch.
use std::path::Path;

use crate::{
    cli::{Context, Failure},
    git::Repo,
    proc,
    sources::{self, pulls},
};

/// The repository is judged by the remotes, the branch by asking the forge. A forge that cannot be
/// asked, as from a sandbox, proves nothing against it.
pub(super) async fn check(context: &Context, url: &str) -> Result<(), Failure> {
    let dir = std::env::current_dir()?;
    let Ok(repo) = Repo::discover(&dir) else { return Ok(()) };
    let Some(page) = pulls::repository(url) else {
        return Err(Failure::user(format!("`{url}` is not the URL of a pull request"))
            .hint("it looks like https://github.com/OWNER/REPO/pull/N or https://gitlab.com/GROUP/PROJECT/-/merge_requests/N"));
    };
    if repo.remote_for(page).is_none() {
        return Err(Failure::user(format!("no remote of this repository leads to `{page}`"))
            .hint("report the pull request of this worktree's branch"));
    }
    let Some(branch) = branch_of(&repo) else { return Ok(()) };
    let never = proc::never();
    let cx = sources::Context::new(&dir, &never);
    match pulls::head_branch(&cx, url).await {
        Ok(head) if head != branch => {
            let message = format!("`{url}` is for branch `{head}`, not for `{branch}`");
            Err(Failure::user(message).hint("report the pull request of this worktree's branch"))
        }
        Ok(_) => Ok(()),
        Err(error) => {
            context.say(&format!("note: the branch of the pull request is not checked: {error}"));
            Ok(())
        }
    }
}

fn branch_of(repo: &Repo) -> Option<String> {
    let worktree: &Path = &repo.worktree()?;
    repo.worktree_at(worktree).ok()??.branch
}
