//! Which commit new work starts from.
//!
//! The freshly fetched default branch unless told otherwise; a pull request's head by its number. A
//! local branch is the answer only when the remote has none or cannot be reached, or when the user named
//! it and it has more.
use super::{
    Error, News, Repo, RepoLock, Run,
    fetch::{self, Refusal, Wanted},
    names,
};
use crate::model::Base;

/// What the new work starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The default branch as the remote has it now.
    Default,
    /// A branch, `REMOTE/BRANCH`, tag or commit that the user named.
    Named(String),
    /// The head of a pull request.
    Pull {
        /// The forge's repository; a configured remote that leads there is used instead.
        url: String,
        number: u64,
        /// The commit that the forge says it is at (`headRefOid`).
        head: String,
    },
}

/// A commit, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    pub base: Base,
    pub from: PickedFrom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickedFrom {
    /// Fetched now, or by another process within the last ten seconds.
    Fetched,
    LocalBranch,
    /// A remote-tracking branch of unknown age.
    TrackingBranch,
    Tag,
    Commit,
}

/// Finds the commit; fetches when that can make a difference.
///
/// # Errors
/// [`Error::BadName`], [`Error::NoBase`], [`Error::NoDefaultBranch`], [`Error::NoCommits`]; for a
/// pull request [`Error::Fetch`] and [`Error::HeadMoved`].
pub async fn pick(
    repo: &Repo,
    lock: &RepoLock,
    start: &Start,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    match start {
        Start::Default => {
            let branch = repo.default_branch()?;
            pick_branch(repo, lock, &branch, Asked::ForTheDefault, run).await
        }
        Start::Named(name) => pick_named(repo, lock, name, run).await,
        Start::Pull { url, number, head } => pick_pull(repo, lock, url, *number, head, run).await,
    }
}

async fn pick_named(
    repo: &Repo,
    lock: &RepoLock,
    name: &str,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    names::check_base(name)?;
    let is_local = repo.branch_tip(name)?.is_some();
    if !is_local {
        if let Some(id) = repo.ref_id(&format!("refs/tags/{name}"))? {
            return Ok(picked(name, id.to_string(), PickedFrom::Tag));
        }
        if let Some(id) = repo.commit_id(name) {
            return Ok(picked(name, id.to_string(), PickedFrom::Commit));
        }
    }
    let remote_and_branch =
        name.split_once('/').filter(|(remote, _)| repo.remotes().iter().any(|it| it == remote));
    match remote_and_branch {
        Some((remote, branch)) if !is_local => {
            let answer = fetch_branch(repo, lock, remote, branch, run).await?;
            remote_branch(repo, remote, branch, answer, run)
        }
        Some(_) | None => pick_branch(repo, lock, name, Asked::ByName, run).await,
    }
}

/// How a branch came to be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// New work starts where everybody else's does, not from unpushed commits.
    ForTheDefault,
    /// Who names a branch means what he has of it, also of the default one.
    ByName,
}

/// A branch by its short name: the remote's, unless the local one was named and has more.
async fn pick_branch(
    repo: &Repo,
    lock: &RepoLock,
    branch: &str,
    asked: Asked,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let local = repo.ref_id(&format!("refs/heads/{branch}"))?;
    let is_default = repo.default_branch().is_ok_and(|it| it == branch);
    let Some(remote) = repo.remote() else {
        let Some(local) = local else { return Err(missing(branch, is_default)) };
        return Ok(picked(branch, local.to_string(), PickedFrom::LocalBranch));
    };
    let answer = fetch_branch(repo, lock, &remote, branch, run).await?;
    let Some(local) = local else {
        let found = remote_branch(repo, &remote, branch, answer, run);
        let is_absent = matches!(found, Err(Error::NoBase { .. }));
        return if is_absent { Err(missing(branch, is_default)) } else { found };
    };
    match answer {
        Ok(sha) if asked == Asked::ForTheDefault => Ok(picked(branch, sha, PickedFrom::Fetched)),
        Ok(sha) if repo.commit_id(&sha).is_some_and(|it| repo.is_ancestor(local, it)) => {
            Ok(picked(branch, sha, PickedFrom::Fetched))
        }
        Ok(_) => Ok(picked(branch, local.to_string(), PickedFrom::LocalBranch)),
        Err(refusal) => {
            let kept = format!("refs/remotes/{remote}/{branch}");
            let newer = repo.ref_id(&kept)?.filter(|&it| is_default && repo.is_ancestor(local, it));
            if !refusal.is_absent() || is_default {
                let why = refusal.why;
                (run.tell)(&News::Stale { name: branch.to_owned(), why });
            }
            Ok(match newer.filter(|&it| it != local) {
                Some(id) => picked(
                    &format!("{remote}/{branch}"),
                    id.to_string(),
                    PickedFrom::TrackingBranch,
                ),
                None => picked(branch, local.to_string(), PickedFrom::LocalBranch),
            })
        }
    }
}

/// A branch that only the remote has: what it answered, else the copy of an earlier fetch.
fn remote_branch(
    repo: &Repo,
    remote: &str,
    branch: &str,
    answer: Result<String, Refusal>,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let name = format!("{remote}/{branch}");
    let refusal = match answer {
        Ok(sha) => return Ok(picked(&name, sha, PickedFrom::Fetched)),
        Err(refusal) if refusal.is_absent() => {
            return Err(Error::NoBase { name: branch.to_owned() });
        }
        Err(refusal) => refusal,
    };
    let Some(id) = repo.ref_id(&format!("refs/remotes/{name}"))? else {
        return Err(Error::Fetch {
            what: branch.to_owned(),
            from: remote.to_owned(),
            why: refusal.why,
        });
    };
    (run.tell)(&News::Stale { name: name.clone(), why: refusal.why });
    Ok(picked(&name, id.to_string(), PickedFrom::TrackingBranch))
}

/// The branch as the remote has it, kept below `refs/wtmag/base/`.
pub(super) async fn fetch_branch(
    repo: &Repo,
    lock: &RepoLock,
    remote: &str,
    branch: &str,
    run: &mut Run<'_>,
) -> Result<Result<String, Refusal>, Error> {
    names::check_branch(branch)?;
    let (theirs, ours) = names_of(branch);
    // Who has just fetched, or pushed, knows more than an answer from before.
    let at_least = repo.ref_id(&format!("refs/remotes/{remote}/{branch}"))?;
    let wanted = Wanted { from: remote, theirs: &theirs, ours: &ours, at_least };
    fetch::shared(repo, lock, &wanted, run).await
}

/// The same, and no answer of before will do.
pub(super) async fn fetch_branch_anew(
    repo: &Repo,
    lock: &RepoLock,
    remote: &str,
    branch: &str,
    run: &mut Run<'_>,
) -> Result<Result<String, Refusal>, Error> {
    names::check_branch(branch)?;
    let (theirs, ours) = names_of(branch);
    let wanted = Wanted { from: remote, theirs: &theirs, ours: &ours, at_least: None };
    fetch::fresh(repo, lock, &wanted, run).await
}

/// What a branch is called over there, and its copy here.
fn names_of(branch: &str) -> (String, String) {
    (format!("refs/heads/{branch}"), format!("refs/wtmag/base/{branch}"))
}

async fn pick_pull(
    repo: &Repo,
    lock: &RepoLock,
    url: &str,
    number: u64,
    head: &str,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let from = repo.remote_for(url).unwrap_or_else(|| url.to_owned());
    if from.starts_with('-') || from.chars().any(char::is_control) {
        let why = "it is no URL".to_owned();
        return Err(Error::BadName {
            what: "repository",
            name: from.escape_debug().to_string(),
            why,
        });
    }
    let theirs = format!("refs/pull/{number}/head");
    let ours = format!("refs/wtmag/pr/{number}");
    let wanted = Wanted { from: &from, theirs: &theirs, ours: &ours, at_least: None };
    let failed = |refusal: Refusal| Error::Fetch {
        what: format!("pull request {number}"),
        from: from.clone(),
        why: refusal.why,
    };
    let mut fetched = fetch::shared(repo, lock, &wanted, run).await?.map_err(failed)?;
    if fetched != head {
        fetched = fetch::fresh(repo, lock, &wanted, run).await?.map_err(failed)?;
    }
    if fetched != head {
        return Err(Error::HeadMoved { number, fetched, expected: head.to_owned() });
    }
    Ok(picked(&format!("pull/{number}/head"), fetched, PickedFrom::Fetched))
}

fn picked(name: &str, sha: String, from: PickedFrom) -> Picked {
    let fresh = from == PickedFrom::Fetched;
    Picked { base: Base { name: name.to_owned(), sha, fresh }, from }
}

fn missing(branch: &str, is_default: bool) -> Error {
    let name = branch.to_owned();
    if is_default { Error::NoCommits { name } } else { Error::NoBase { name } }
}
