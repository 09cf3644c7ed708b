//! Finds out whether work is part of its base already, however it came there.
use super::facts::Found;
use crate::{
    git::{
        Error, Repo, RepoLock, Run,
        at::At,
        base::{fetch_branch_since, kept_ref},
        changes::fork,
        removal::merged,
    },
    model::{Base, Timestamp},
};

/// Asks the remote for the base, then compares the branch with it. The remote may be unreachable: then
/// what is known here decides.
///
/// # Errors
/// [`Error::Read`]; [`Error::Proc`] if the user cancelled.
pub async fn find(
    repo: &Repo,
    lock: &RepoLock,
    (branch, base, since): (&str, Option<&Base>, Timestamp),
    run: &mut Run<'_>,
) -> Result<Found, Error> {
    let Some(tip) = repo.branch_tip(branch)? else { return Ok(Found::Gone) };
    for name in names(repo, branch, base, &tip, run).await? {
        if let Some(remote) = &repo.remote() {
            // A failure is no reason against what is known here.
            drop(fetch_branch_since(repo, lock, (remote, &name), since, run).await?);
        }
    }
    compare(repo, branch, base, tip, run).await
}

/// The same without the network. If the branch is gone, these commits may have been its last: the work
/// of the first one that is found decides.
///
/// # Errors
/// As [`find`].
pub async fn find_here(
    repo: &Repo,
    (branch, base): (&str, Option<&Base>),
    last: &[String],
    run: &Run<'_>,
) -> Result<Found, Error> {
    if let Some(tip) = repo.branch_tip(branch)? {
        return compare(repo, branch, base, tip, run).await;
    }
    // WorkTrunk keeps what was there before a squash.
    let kept = repo.ref_id(&format!("refs/wt-backup/{branch}"))?.map(|it| it.to_string());
    for tip in kept.iter().chain(last).filter(|it| repo.has_commit(it)) {
        let found = compare(repo, branch, base, tip.clone(), run).await?;
        if matches!(found, Found::Contained { .. } | Found::SameFiles { .. }) {
            return Ok(found);
        }
    }
    Ok(Found::Gone)
}

/// Branches that the work may be part of.
async fn names(
    repo: &Repo,
    branch: &str,
    base: Option<&Base>,
    tip: &str,
    run: &Run<'_>,
) -> Result<Vec<String>, Error> {
    let Some(left) = fork(repo, branch, base, tip, run).await? else { return Ok(Vec::new()) };
    let mut names: Vec<String> =
        left.branch.into_iter().chain(repo.default_branch().ok()).collect();
    names.dedup();
    Ok(names)
}

async fn compare(
    repo: &Repo,
    branch: &str,
    base: Option<&Base>,
    tip: String,
    run: &Run<'_>,
) -> Result<Found, Error> {
    if base.is_some_and(|it| it.sha == tip) {
        return Ok(Found::Empty);
    }
    let mut targets: Vec<(String, String)> = Vec::new();
    for name in names(repo, branch, base, &tip, run).await? {
        let mut refs = vec![format!("refs/heads/{name}")];
        refs.extend(repo.remote().map(|it| format!("refs/remotes/{it}/{name}")));
        refs.push(kept_ref(&name));
        for full in refs {
            let Some(id) = repo.ref_id(&full)?.map(|it| it.to_string()) else { continue };
            if full != format!("refs/heads/{branch}") && targets.iter().all(|(_, it)| *it != id) {
                targets.push((name.clone(), id));
            }
        }
    }
    let at = At::bare(repo.common_dir());
    for (into, id) in &targets {
        if at.is_ancestor(&tip, id, run).await? {
            // A branch without a recorded start may never have had a commit.
            let is_known = base.is_some();
            let (into, tip) = (into.clone(), tip.clone());
            return Ok(if is_known { Found::Contained { into, tip } } else { Found::Empty });
        }
    }
    for (into, id) in targets {
        if merged::is_in(&at, &tip, &id, run).await? {
            return Ok(Found::SameFiles { into, tip });
        }
    }
    Ok(Found::Not)
}
