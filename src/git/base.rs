//! Decides which commit new work starts from.
//!
//! The freshly fetched default branch, unless told otherwise; for a pull request, its head. A local
//! branch is used only if the remote does not have it or cannot be reached, if wtmag has landed work
//! there that is not pushed, or if the user named it and it has more commits.
use super::{
    Error, News, Note, Repo, RepoLock, Run,
    at::At,
    fetch::{self, FetchFailure, Wanted},
    names,
};
use crate::model::{Base, Host, Timestamp};

/// The requested start of new work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The remote's current default branch.
    Default,
    /// The default branch of the task's repository on a forge, through a remote that points to it.
    DefaultOf {
        url: String,
        /// The forge's name for its default branch.
        branch: Option<String>,
    },
    /// A branch, `REMOTE/BRANCH`, tag or commit that the user named.
    Named(String),
    /// The head of a pull request.
    Pull {
        /// The forge's repository; if a configured remote points to it, that is used instead.
        url: String,
        number: u64,
        /// The commit that the forge reported.
        head: String,
        /// Whose refs hold it.
        forge: Host,
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
    /// Fetched now, or by another process in the last ten seconds.
    Fetched,
    LocalBranch,
    /// A remote-tracking branch of unknown age.
    TrackingBranch,
    Tag,
    Commit,
}

/// Finds the commit; fetches if that can change the result.
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
        Start::Default => pick_default(repo, lock, run).await,
        Start::DefaultOf { url, branch } => match repo.remote_leading_to(url, run).await {
            Some(remote) => {
                let branch = branch.clone().or_else(|| repo.known_default(Some(&remote)));
                pick_default_of(repo, lock, &remote, branch, run).await
            }
            None => pick_default(repo, lock, run).await,
        },
        Start::Named(name) => pick_named(repo, lock, name, run).await,
        Start::Pull { url, number, head, forge } => {
            pick_pull(repo, lock, (url, *number, *forge), head, run).await
        }
    }
}

/// The default branch of the remote that new work starts from; without a remote, the local one.
async fn pick_default(repo: &Repo, lock: &RepoLock, run: &mut Run<'_>) -> Result<Picked, Error> {
    let Some(remote) = repo.upstream() else {
        let branch = repo.default_branch()?;
        let Some(local) = repo.ref_id(&format!("refs/heads/{branch}"))? else {
            return Err(Error::NoCommits { name: branch });
        };
        return Ok(picked(&branch, local.to_string(), PickedFrom::LocalBranch));
    };
    if !remote.instead_of.is_empty() {
        let (name, others) = (remote.name.clone(), remote.instead_of);
        (run.tell)(&News::Note(Note::Remote { name, others }));
    }
    let known = repo.known_default(Some(&remote.name));
    pick_default_of(repo, lock, &remote.name, known, run).await
}

/// The default branch of one remote. `known` is its last known name; if the remote no longer has
/// that branch, it is asked for the current name.
async fn pick_default_of(
    repo: &Repo,
    lock: &RepoLock,
    remote: &str,
    known: Option<String>,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let branch = match known {
        Some(branch) => branch,
        None => unknown_default(repo, remote, run).await?,
    };
    let answer = fetch_branch(repo, lock, remote, &branch, run).await?;
    if answer.as_ref().is_err_and(FetchFailure::is_absent)
        && let Ok(Some(renamed)) = fetch::head(repo, remote, run).await?
        && renamed != branch
    {
        let (remote, old, new) = (remote.to_owned(), branch, renamed.clone());
        (run.tell)(&News::Note(Note::Renamed { remote: remote.clone(), old, new }));
        let answer = fetch_branch(repo, lock, &remote, &renamed, run).await?;
        let picked = settle(repo, &remote, &renamed, Asked::ForTheDefault, answer, run)?;
        return with_landed(repo, (&remote, &renamed), picked, run).await;
    }
    let picked = settle(repo, remote, &branch, Asked::ForTheDefault, answer, run)?;
    with_landed(repo, (remote, &branch), picked, run).await
}

/// What a landing writes to the log of the branch that it moves.
pub(super) const REFLOG: &str = "wtmag land";

/// The local branch instead, if it is ahead of the remote's and wtmag has landed work there that is not
/// pushed. Other commits that are not pushed are the user's own, and are left out; a note says so.
async fn with_landed(
    repo: &Repo,
    (remote, branch): (&str, &str),
    picked: Picked,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let local = repo.ref_id(&format!("refs/heads/{branch}"))?;
    let theirs = repo.commit_id(&picked.base.sha);
    let (Some(local), Some(theirs), PickedFrom::Fetched) = (local, theirs, picked.from) else {
        return Ok(picked);
    };
    if repo.is_ancestor(local, theirs) {
        return Ok(picked);
    }
    let at = At::bare(repo.common_dir());
    let revisions = [local.to_string(), format!("^{theirs}")];
    let n = at.count(&revisions.each_ref().map(String::as_str), run).await?;
    let (remote, branch) = (remote.to_owned(), branch.to_owned());
    let has_landed = repo.is_ancestor(theirs, local)
        && landings(&at, &branch, run).await?.iter().any(|sha| {
            let landed = repo.commit_id(sha);
            landed.is_some_and(|it| repo.is_ancestor(it, local) && !repo.is_ancestor(it, theirs))
        });
    if !has_landed {
        (run.tell)(&News::Note(Note::Unpushed { remote, branch, n }));
        return Ok(picked);
    }
    (run.tell)(&News::Note(Note::Landed { remote, branch, n }));
    let base = Base { sha: local.to_string(), ..picked.base };
    Ok(Picked { base, from: PickedFrom::LocalBranch })
}

/// The commits to which landings moved a branch, as far as its log goes back.
async fn landings(at: &At, branch: &str, run: &Run<'_>) -> Result<Vec<String>, Error> {
    let name = format!("refs/heads/{branch}");
    let log = ["log", "--walk-reflogs", "--max-count=100", "--format=%H %gs", &name, "--"];
    // A branch may have no log.
    let text = at.ask(log, run).await?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let entries = text.lines().filter_map(|it| it.split_once(' '));
    let landed = entries.filter(|(_, what)| what.starts_with(REFLOG));
    Ok(landed.map(|(sha, _)| sha.to_owned()).collect())
}

/// Asks the remote. If it has no branch at all yet, the local branch is used.
async fn unknown_default(repo: &Repo, remote: &str, run: &mut Run<'_>) -> Result<String, Error> {
    let unknown = || Error::NoDefaultBranch { path: repo.home().to_owned() };
    match fetch::head(repo, remote, run).await? {
        Ok(Some(branch)) => Ok(branch),
        Ok(None) => repo.main_head().ok_or_else(unknown),
        Err(_) => Err(unknown()),
    }
}

async fn pick_named(
    repo: &Repo,
    lock: &RepoLock,
    name: &str,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    names::check_base(name)?;
    if let Some(remote) =
        name.strip_suffix("/HEAD").filter(|it| repo.remotes().iter().any(|r| r == it))
    {
        let known = repo.known_default(Some(remote));
        return pick_default_of(repo, lock, remote, known, run).await;
    }
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
        Some(_) | None => pick_branch(repo, lock, name, run).await,
    }
}

/// How a branch was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// New work starts from the shared branch, not from unpushed commits.
    ForTheDefault,
    /// A user who names a branch means their local one, even if it is the default branch.
    ByName,
}

/// A branch by its short name: the remote's, unless the local one has more commits.
async fn pick_branch(
    repo: &Repo,
    lock: &RepoLock,
    branch: &str,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let Some(remote) = repo.remote() else {
        let local = repo.ref_id(&format!("refs/heads/{branch}"))?;
        let is_default = repo.default_branch().is_ok_and(|it| it == branch);
        let Some(local) = local else { return Err(missing(branch, is_default)) };
        return Ok(picked(branch, local.to_string(), PickedFrom::LocalBranch));
    };
    let answer = fetch_branch(repo, lock, &remote, branch, run).await?;
    settle(repo, &remote, branch, Asked::ByName, answer, run)
}

/// The remote's answer about a branch, compared with the local state.
fn settle(
    repo: &Repo,
    remote: &str,
    branch: &str,
    asked: Asked,
    answer: Result<String, FetchFailure>,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let local = repo.ref_id(&format!("refs/heads/{branch}"))?;
    let is_default =
        asked == Asked::ForTheDefault || repo.default_branch().is_ok_and(|it| it == branch);
    let Some(local) = local else {
        let found = remote_branch(repo, remote, branch, answer, run);
        let is_absent = matches!(found, Err(Error::NoBase { .. }));
        return if is_absent { Err(missing(branch, is_default)) } else { found };
    };
    match answer {
        Ok(sha) if asked == Asked::ForTheDefault => Ok(picked(branch, sha, PickedFrom::Fetched)),
        Ok(sha) if repo.commit_id(&sha).is_some_and(|it| repo.is_ancestor(local, it)) => {
            Ok(picked(branch, sha, PickedFrom::Fetched))
        }
        Ok(_) => Ok(picked(branch, local.to_string(), PickedFrom::LocalBranch)),
        Err(failure) => {
            let kept = format!("refs/remotes/{remote}/{branch}");
            let newer = repo.ref_id(&kept)?.filter(|&it| is_default && repo.is_ancestor(local, it));
            if !failure.is_absent() || is_default {
                let why = failure.why;
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

/// A branch that only the remote has: its answer, else the copy from an earlier fetch.
fn remote_branch(
    repo: &Repo,
    remote: &str,
    branch: &str,
    answer: Result<String, FetchFailure>,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let name = format!("{remote}/{branch}");
    let failure = match answer {
        Ok(sha) => return Ok(picked(&name, sha, PickedFrom::Fetched)),
        Err(failure) if failure.is_absent() => {
            return Err(Error::NoBase { name: branch.to_owned() });
        }
        Err(failure) => failure,
    };
    let Some(id) = repo.ref_id(&format!("refs/remotes/{name}"))? else {
        return Err(Error::Fetch {
            what: branch.to_owned(),
            from: remote.to_owned(),
            why: failure.why,
        });
    };
    (run.tell)(&News::Stale { name: name.clone(), why: failure.why });
    Ok(picked(&name, id.to_string(), PickedFrom::TrackingBranch))
}

/// The remote's branch, kept below `refs/wtmag/base/`.
pub(super) async fn fetch_branch(
    repo: &Repo,
    lock: &RepoLock,
    remote: &str,
    branch: &str,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    fetch_branch_since(repo, lock, (remote, branch), Timestamp(0), run).await
}

/// Like the above, but an answer from before `since` is not accepted.
pub(super) async fn fetch_branch_since(
    repo: &Repo,
    lock: &RepoLock,
    (remote, branch): (&str, &str),
    since: Timestamp,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    names::check_branch(branch)?;
    let (theirs, ours) = names_of(branch);
    // A user who has just fetched or pushed has newer data than an earlier answer.
    let at_least = repo.ref_id(&format!("refs/remotes/{remote}/{branch}"))?;
    let wanted = Wanted { from: remote, theirs: &theirs, ours: &ours, at_least, since };
    fetch::shared(repo, lock, &wanted, run).await
}

/// Like the above, but an earlier answer is not accepted.
pub(super) async fn fetch_branch_anew(
    repo: &Repo,
    lock: &RepoLock,
    remote: &str,
    branch: &str,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    names::check_branch(branch)?;
    let (theirs, ours) = names_of(branch);
    let wanted =
        Wanted { from: remote, theirs: &theirs, ours: &ours, at_least: None, since: Timestamp(0) };
    fetch::fresh(repo, lock, &wanted, run).await
}

/// A branch's name on the remote, and its local copy.
fn names_of(branch: &str) -> (String, String) {
    (format!("refs/heads/{branch}"), kept_ref(branch))
}

/// The ref that keeps a fetched branch. All are in one directory, so that an old `release` does not
/// block `release/1`.
pub(super) fn kept_ref(branch: &str) -> String {
    let flat = branch.replace('%', "%25").replace('/', "%2F");
    format!("refs/wtmag/base/{flat}")
}

async fn pick_pull(
    repo: &Repo,
    lock: &RepoLock,
    (url, number, forge): (&str, u64, Host),
    head: &str,
    run: &mut Run<'_>,
) -> Result<Picked, Error> {
    let from = repo.remote_leading_to(url, run).await.unwrap_or_else(|| url.to_owned());
    if from.starts_with('-') || from.chars().any(char::is_control) {
        let why = "it is not a URL".to_owned();
        return Err(Error::BadName {
            what: "repository",
            name: from.escape_debug().to_string(),
            why,
        });
    }
    let (noun, name, kept) = match forge {
        Host::Gitlab => ("merge request", format!("merge-requests/{number}/head"), "mr"),
        Host::Github | Host::Other => ("pull request", format!("pull/{number}/head"), "pr"),
    };
    let (theirs, ours) = (format!("refs/{name}"), format!("refs/wtmag/{kept}/{number}"));
    let wanted =
        Wanted { from: &from, theirs: &theirs, ours: &ours, at_least: None, since: Timestamp(0) };
    let failed = |failure: FetchFailure| Error::Fetch {
        what: format!("{noun} {number}"),
        from: from.clone(),
        why: failure.why,
    };
    let mut fetched = fetch::shared(repo, lock, &wanted, run).await?.map_err(failed)?;
    if fetched != head {
        fetched = fetch::fresh(repo, lock, &wanted, run).await?.map_err(failed)?;
    }
    if fetched != head {
        return Err(Error::HeadMoved { number, fetched, expected: head.to_owned() });
    }
    Ok(picked(&name, fetched, PickedFrom::Fetched))
}

fn picked(name: &str, sha: String, from: PickedFrom) -> Picked {
    let fresh = from == PickedFrom::Fetched;
    Picked { base: Base { name: name.to_owned(), sha, fresh }, from }
}

fn missing(branch: &str, is_default: bool) -> Error {
    let name = branch.to_owned();
    if is_default { Error::NoCommits { name } } else { Error::NoBase { name } }
}
