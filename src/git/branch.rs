//! Local branches: moved and deleted only from a known commit.
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gix::{
    ObjectId,
    refs::{
        FullName, Target,
        transaction::{PreviousValue, RefEdit},
    },
};

use super::{Error, Repo, Run, fetch::git, repo::branch_of, wt::failed};

/// A branch and the commit that it was at when it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchTip {
    pub name: String,
    pub tip: String,
}

/// What happened to a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchEnd {
    /// Its deletion was not requested.
    Kept,
    Deleted,
    /// It no longer existed.
    Gone,
    /// Kept: it has commits that were not checked.
    Moved {
        tip: String,
    },
    /// Kept: another worktree has it checked out.
    CheckedOut {
        path: PathBuf,
    },
}

/// How long to wait for a foreign lock on the config or the refs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Checks that a new branch may have this name: no remote has it, and no local or remote branch
/// conflicts with it. Does not check local branches of the same name.
///
/// # Errors
/// [`Error::RemoteBranchExists`], [`Error::NameConflict`].
pub fn check_free(repo: &Repo, branch: &str) -> Result<(), Error> {
    if let Some(remote) = repo.remote_with_branch(branch)? {
        return Err(Error::RemoteBranchExists { branch: branch.to_owned(), remote });
    }
    check_conflict(repo, branch, "refs/heads", None)?;
    for remote in repo.remotes_by_rank() {
        check_conflict(repo, branch, &format!("refs/remotes/{remote}"), Some(&remote))?;
    }
    Ok(())
}

/// git cannot have both `a` and `a/b`.
fn check_conflict(repo: &Repo, branch: &str, dir: &str, remote: Option<&str>) -> Result<(), Error> {
    let conflict = |other: &str| {
        let (branch, other) = (branch.to_owned(), other.to_owned());
        Err(Error::NameConflict { branch, other, remote: remote.map(str::to_owned) })
    };
    for (at, _) in branch.match_indices('/') {
        let above = branch.get(..at).unwrap_or_default();
        if repo.ref_id(&format!("{dir}/{above}"))?.is_some() {
            return conflict(above);
        }
    }
    let read = || format!("the branches below `{branch}`");
    let refs = repo.gix().references().map_err(Error::read(read()))?;
    let below = format!("{dir}/{branch}/");
    let mut found = refs.prefixed(below.as_str()).map_err(Error::read(read()))?.flatten();
    let Some(other) = found.next() else { return Ok(()) };
    let name = other.name().as_bstr().to_string();
    conflict(name.strip_prefix(&format!("{dir}/")).unwrap_or(&name))
}

/// The name that a worktree's branch has now, if it was renamed: the old name is gone, and the reflog
/// of the branch that is checked out there says so.
///
/// Never the default branch: work that was renamed to it is for its user to sort out.
///
/// # Errors
/// [`Error::Read`], and those of [`Repo::discover`].
pub fn renamed(repo: &Path, git_dir: &Path, branch: &str) -> Result<Option<String>, Error> {
    let head = fs::read_to_string(git_dir.join("HEAD")).unwrap_or_default();
    let Some(now) = head.strip_prefix("ref: ").and_then(branch_of) else { return Ok(None) };
    // Mostly, and then no repository is opened.
    if now == branch {
        return Ok(None);
    }
    let repo = Repo::discover(repo)?;
    let is_default = || repo.default_branch().is_ok_and(|it| it == now);
    if repo.branch_tip(branch)?.is_some() || is_default() {
        return Ok(None);
    }
    let read = || format!("the reflog of `{now}`");
    let found = repo.gix().try_find_reference(&format!("refs/heads/{now}"));
    let Some(found) = found.map_err(Error::read(read()))? else { return Ok(None) };
    let mut log = found.log_iter();
    let Some(lines) = log.all().map_err(Error::read(read()))? else { return Ok(None) };
    // A line that cannot be read proves nothing.
    let messages: Vec<String> = lines.flatten().map(|it| it.message.to_string()).collect();
    let last =
        messages.iter().fold(branch, |name, message| renaming(message, name).unwrap_or(name));
    Ok((last == now).then_some(now))
}

/// The new name, if this line of a reflog says that this branch was renamed.
fn renaming<'a>(message: &'a str, branch: &str) -> Option<&'a str> {
    let names = message.strip_prefix("Branch: renamed refs/heads/")?;
    names.strip_prefix(branch)?.strip_prefix(" to refs/heads/")
}

/// Makes a branch track the remote branch of the same name.
pub(super) async fn follow(
    repo: &Repo,
    branch: &str,
    remote: &str,
    run: &Run<'_>,
) -> Result<(), Error> {
    for (key, value) in [("remote", remote.to_owned()), ("merge", format!("refs/heads/{branch}"))] {
        let start = Instant::now();
        loop {
            let key = format!("branch.{branch}.{key}");
            let output = git(repo).args(["config", &key, &value]).run(run.cancel).await?;
            if output.is_success() {
                break;
            }
            if start.elapsed() > PATIENCE {
                return Err(failed("git", format!("make `{branch}` follow `{remote}`"), &output));
            }
            // Another process is writing the config: there is no event to wait for.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Creates a branch that does not exist yet.
pub(super) fn create(repo: &Repo, branch: &str, at: ObjectId) -> Result<(), Error> {
    let log = "wtmag: create";
    repo.gix()
        .reference(format!("refs/heads/{branch}"), at, PreviousValue::MustNotExist, log)
        .map(drop)
        .map_err(Error::change(format!("branch `{branch}`")))
}

/// Moves a branch from one commit to another, if it is still at the first.
pub(super) fn forward(
    repo: &Repo,
    branch: &str,
    from: ObjectId,
    to: ObjectId,
) -> Result<(), Error> {
    let expected = PreviousValue::MustExistAndMatch(from.into());
    repo.gix()
        .reference(format!("refs/heads/{branch}"), to, expected, "wtmag: fast-forward")
        .map(drop)
        .map_err(Error::change(format!("branch `{branch}`")))
}

/// Deletes a branch with its config, if it is still at `tip` and not checked out.
pub(super) async fn delete(repo: &Repo, branch: &str, tip: &str) -> Result<BranchEnd, Error> {
    let what = || format!("branch `{branch}`");
    let start = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        match repo.branch_tip(branch)? {
            None => return Ok(BranchEnd::Gone),
            Some(now) if now != tip => return Ok(BranchEnd::Moved { tip: now }),
            Some(_) => {}
        }
        if let Some(at) = repo.worktree_of(branch)? {
            return Ok(BranchEnd::CheckedOut { path: at.path });
        }
        let name =
            FullName::try_from(format!("refs/heads/{branch}")).map_err(Error::read(what()))?;
        let target = ObjectId::from_hex(tip.as_bytes()).map_err(Error::read(what()))?;
        let doomed = [(name.clone(), Target::Object(target))];
        match repo.gix().clone().delete_local_branches_if_unchanged(doomed) {
            Ok(()) => return Ok(BranchEnd::Deleted),
            Err(_) if start.elapsed() < PATIENCE => {
                // Another process is writing the config or the ref: there is no event to wait for.
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            // If a dead process left the config locked, the branch is deleted without its config.
            Err(_) => {
                let expected = PreviousValue::MustExistAndMatch(Target::Object(target));
                let deleted = repo.gix().edit_reference(RefEdit::delete(name, expected));
                return deleted.map(|_| BranchEnd::Deleted).map_err(Error::change(what()));
            }
        }
    }
}

/// The commit that a full hex id names.
pub(super) fn to_id(sha: &str) -> Result<ObjectId, Error> {
    ObjectId::from_hex(sha.as_bytes()).map_err(Error::read(format!("commit `{sha}`")))
}
