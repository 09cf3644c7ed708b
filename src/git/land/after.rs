//! What is asked of git around a landing: a message, the changes, what is left to push.
use crate::git::{
    Error, Repo, Run,
    at::At,
    fetch::{first_line, git},
};

/// How long a push may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// The message of a commit.
///
/// # Errors
/// [`Error::Read`] with git's message.
pub async fn message(repo: &Repo, commit: &str, run: &Run<'_>) -> Result<String, Error> {
    let at = At::bare(repo.common_dir());
    let text = at.ask(["log", "-1", "--format=%B", commit, "--"], run).await?;
    let text = text.map_err(Error::read(format!("commit {commit}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The changed files between two commits, as `git diff --stat` prints them.
///
/// # Errors
/// [`Error::Read`] with git's message.
pub async fn stat(repo: &Repo, (from, to): (&str, &str), run: &Run<'_>) -> Result<String, Error> {
    let at = At::bare(repo.common_dir());
    let text = at.ask(["diff", "--stat", "-M", from, to, "--"], run).await?;
    let text = text.map_err(Error::read("the changes"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Fetches a branch from the remote that work starts from. Returns why that failed.
///
/// # Errors
/// [`Error::Proc`] if the user cancelled.
pub async fn fetch(repo: &Repo, branch: &str, run: &Run<'_>) -> Result<Option<String>, Error> {
    let Some(remote) = repo.remote() else { return Ok(None) };
    crate::git::names::check_branch(branch)?;
    let cmd = git(repo).args(["fetch", "--quiet", "--", &remote, branch]);
    let output = cmd.limit(LIMIT).run(run.cancel).await?;
    let why = first_line(&output.stderr_text());
    Ok((!output.is_success()).then(|| format!("could not fetch `{branch}`: {why}")))
}

/// The remote that the branch is pushed to, and how many of its commits that remote does not have, as
/// far as is known here. With `push`, they are pushed.
///
/// # Errors
/// [`Error::Push`] with git's message.
pub async fn left_to_push(
    repo: &Repo,
    branch: &str,
    push: bool,
    run: &Run<'_>,
) -> Result<(Option<String>, usize), Error> {
    let Some(remote) = repo.push_remote() else { return Ok((None, 0)) };
    let name = format!("refs/heads/{branch}");
    if push {
        let cmd = git(repo).args(["push", "--quiet", "--", &remote, &format!("{name}:{name}")]);
        let output = cmd.limit(LIMIT).run(run.cancel).await?;
        if output.is_success() {
            return Ok((Some(remote), 0));
        }
        let why = first_line(&output.stderr_text());
        return Err(Error::Push { branch: branch.to_owned(), remote, why });
    }
    let at = At::bare(repo.common_dir());
    let copy = format!("refs/remotes/{remote}/{branch}");
    if repo.ref_id(&copy)?.is_none() {
        return Ok((None, 0));
    }
    let n = at.count(&[&format!("{copy}..{name}")], run).await?;
    Ok((Some(remote), n))
}
