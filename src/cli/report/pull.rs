//! Whether a pull request is one of this repository and branch.
use std::path::Path;

use crate::{
    cli::{Context, Failure},
    git::Repo,
    proc,
    sources::{self, github},
};

/// The repository is judged by the remotes, the branch by asking the forge. A forge that cannot be
/// asked, as from a sandbox, proves nothing against it.
pub(super) async fn check(context: &Context, url: &str) -> Result<(), Failure> {
    let dir = std::env::current_dir()?;
    let Ok(repo) = Repo::discover(&dir) else { return Ok(()) };
    let Some(page) = repository_of(url) else {
        return Err(Failure::user(format!("`{url}` is not the URL of a pull request"))
            .hint("it looks like https://github.com/OWNER/REPO/pull/N"));
    };
    if repo.remote_for(page).is_none() {
        return Err(Failure::user(format!("no remote of this repository leads to `{page}`"))
            .hint("report the pull request of this worktree's branch"));
    }
    let Some(branch) = branch_of(&repo) else { return Ok(()) };
    let cx = sources::Context { dir: &dir, env: &[], cancel: &proc::never() };
    match github::head_branch(&cx, url).await {
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

/// `https://github.com/acme/blog` of a page below it.
fn repository_of(url: &str) -> Option<&str> {
    let at = ["/pull/", "/-/merge_requests/"].iter().find_map(|it| url.find(it))?;
    let number = url.get(at..)?.rsplit('/').next()?;
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    url.get(..at).filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_a_page_of_its_repository() {
        for (url, want) in [
            ("https://github.com/acme/blog/pull/5", Some("https://github.com/acme/blog")),
            (
                "https://gitlab.com/acme/web/blog/-/merge_requests/5",
                Some("https://gitlab.com/acme/web/blog"),
            ),
            ("https://github.com/acme/blog/pull/x", None),
            ("https://github.com/acme/blog/issues/5", None),
        ] {
            assert_eq!(repository_of(url), want, "{url}");
        }
    }
}
