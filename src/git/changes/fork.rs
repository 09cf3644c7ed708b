//! Finds the commit where a branch left its base, even if the base has moved or was rewritten.
use gix::ObjectId;

use crate::{
    git::{Error, Repo, Run, at::At, base::kept_ref},
    model::Base,
};

/// Where a branch left its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The base's branch, or the tag or commit that it is.
    pub base: String,
    /// The base as a branch, without a remote.
    pub branch: Option<String>,
    /// The last commit that the base has or had.
    pub id: String,
    /// The base's newest known commit; `None` if it is not a branch, or was deleted.
    pub tip: Option<String>,
    /// The commits of the base's remote copies.
    pub copies: Vec<String>,
    /// Everything that is known to be or have been the base.
    pub known: Vec<String>,
}

/// The fork of the commit `head` of branch `own`. Without a base, the default branch is the base.
/// `None` if there is none.
///
/// # Errors
/// [`Error::Read`]; [`Error::Proc`] if the user cancelled.
pub async fn fork(
    repo: &Repo,
    own: &str,
    base: Option<&Base>,
    head: &str,
    run: &Run<'_>,
) -> Result<Option<Fork>, Error> {
    let name = match base {
        Some(base) => base.name.clone(),
        None => match repo.default_branch() {
            Ok(name) => name,
            Err(_) => return Ok(None),
        },
    };
    let Some(head) = repo.commit_id(head) else { return Ok(None) };
    let Named { branch, refs } = named(repo, &name, own)?;
    let mut known: Vec<ObjectId> = Vec::new();
    let mut copies = Vec::new();
    for name in &refs {
        let id = repo.ref_id(name)?;
        known.extend(id);
        let is_copy = !name.starts_with("refs/heads/") && !name.starts_with("refs/tags/");
        copies.extend(id.filter(|_| is_copy).map(|it| it.to_string()));
    }
    let tip = newest(repo, &known);
    let tip = tip.filter(|_| branch.is_some()).map(|it| it.to_string());
    known.extend(base.and_then(|it| repo.commit_id(&it.sha)));
    known.sort_unstable();
    known.dedup();
    let mut forks: Vec<ObjectId> = known.iter().filter_map(|it| repo.fork_of(*it, head)).collect();
    forks.sort_unstable();
    forks.dedup();
    let Some(id) = nearest(repo, &forks, head, run).await? else { return Ok(None) };
    Ok(Some(Fork {
        base: branch.clone().unwrap_or(name),
        branch,
        id: id.to_string(),
        tip,
        copies,
        known: known.iter().map(ToString::to_string).collect(),
    }))
}

/// A base by its name, as refs.
struct Named {
    /// The branch, without a remote.
    branch: Option<String>,
    refs: Vec<String>,
}

/// The refs that hold the base: the local branch, and the copies of the remote's.
fn named(repo: &Repo, name: &str, own: &str) -> Result<Named, Error> {
    for (forge, kept) in [("pull/", "pr"), ("merge-requests/", "mr")] {
        if let Some(number) = name.strip_prefix(forge).and_then(|it| it.strip_suffix("/head")) {
            return Ok(Named { branch: None, refs: vec![format!("refs/wtmag/{kept}/{number}")] });
        }
    }
    let of_remote = name
        .split_once('/')
        .filter(|(remote, _)| repo.remotes().iter().any(|it| it == remote))
        .filter(|_| matches!(repo.branch_tip(name), Ok(None)));
    let (remote, branch) = match of_remote {
        Some((remote, branch)) => (Some(remote.to_owned()), branch),
        None => (repo.remote(), name),
    };
    let mut refs = Vec::new();
    if branch != own {
        refs.push(format!("refs/heads/{branch}"));
    }
    refs.extend(remote.map(|it| format!("refs/remotes/{it}/{branch}")));
    refs.push(kept_ref(branch));
    let mut is_branch = false;
    for name in &refs {
        is_branch |= repo.ref_id(name)?.is_some();
    }
    if !is_branch {
        refs.push(format!("refs/tags/{name}"));
    }
    let is_tag = !is_branch
        && (repo.ref_id(&format!("refs/tags/{name}"))?.is_some() || repo.commit_id(name).is_some());
    let branch = (!is_tag && branch != own).then(|| branch.to_owned());
    Ok(Named { branch, refs })
}

/// The commit that contains most others; the first if they have diverged.
fn newest(repo: &Repo, ids: &[ObjectId]) -> Option<ObjectId> {
    let mut ids = ids.iter().copied();
    let first = ids.next()?;
    Some(ids.fold(first, |best, it| if repo.is_ancestor(best, it) { it } else { best }))
}

/// The fork with the fewest commits between it and the head.
async fn nearest(
    repo: &Repo,
    forks: &[ObjectId],
    head: ObjectId,
    run: &Run<'_>,
) -> Result<Option<ObjectId>, Error> {
    let [first, more @ ..] = forks else { return Ok(None) };
    if more.is_empty() {
        return Ok(Some(*first));
    }
    let at = At::bare(repo.common_dir());
    let mut best: Option<(usize, ObjectId)> = None;
    for fork in forks {
        let n = at.count(&[&format!("{fork}..{head}")], run).await?;
        if best.is_none_or(|(least, _)| n < least) {
            best = Some((n, *fork));
        }
    }
    Ok(best.map(|(_, it)| it))
}
