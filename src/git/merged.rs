//! Whether the work of a branch is in another one although its commits are not: after a squash or a
//! rebase on the forge.
//!
//! Asks git, on the object database alone: no worktree, index or ref is touched.
use std::{collections::HashSet, time::Duration};

use gix::ObjectId;

use super::{Error, Repo, Run, fetch::git};
use crate::proc::Output;

/// Newest commits of the target that are compared.
const MAX_COMMITS: &str = "--max-count=2000";

const LIMIT: Duration = Duration::from_secs(120);

/// `target` has what `tip` adds: as one commit of the same content or the same change, as the same
/// changes one by one, or in whatever way makes merging it add nothing.
///
/// What a branch added and took back again is in nobody's content: then this is false.
pub(super) async fn is_in(
    repo: &Repo,
    tip: ObjectId,
    target: ObjectId,
    run: &Run<'_>,
) -> Result<bool, Error> {
    let Some(fork) = repo.fork_of(tip, target) else { return Ok(false) };
    if tree_of(repo, fork)? == tree_of(repo, tip)? {
        return Ok(false);
    }
    Ok(has_same_tree(repo, fork, tip, target)?
        || adds_nothing(repo, tip, target, run).await?
        || has_same_patch(repo, fork, tip, target, run).await?
        || has_same_patches(repo, tip, target, run).await?)
}

fn tree_of(repo: &Repo, commit: ObjectId) -> Result<ObjectId, Error> {
    let read = || format!("commit `{commit}`");
    let commit = repo.gix().find_commit(commit).map_err(Error::read(read()))?;
    Ok(commit.tree_id().map_err(Error::read(read()))?.detach())
}

/// A commit since the fork has the very content of the branch.
fn has_same_tree(
    repo: &Repo,
    fork: ObjectId,
    tip: ObjectId,
    target: ObjectId,
) -> Result<bool, Error> {
    let wanted = tree_of(repo, tip)?;
    let read = || "the history of the target";
    let walk =
        repo.gix().rev_walk([target]).with_hidden([fork]).all().map_err(Error::read(read()))?;
    for commit in walk.take(2000) {
        let commit = commit.map_err(Error::read(read()))?;
        if tree_of(repo, commit.id)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Merging the branch into the target would change nothing. Needs git 2.38; older ones say no.
async fn adds_nothing(
    repo: &Repo,
    tip: ObjectId,
    target: ObjectId,
    run: &Run<'_>,
) -> Result<bool, Error> {
    let args = ["merge-tree", "--write-tree", &target.to_string(), &tip.to_string()];
    let output = git(repo).args(args).limit(LIMIT).run(run.cancel).await?;
    let tree = ObjectId::from_hex(output.stdout.trim_ascii()).ok();
    Ok(output.is_success() && tree == Some(tree_of(repo, target)?))
}

/// One commit of the target makes the change that the whole branch makes.
async fn has_same_patch(
    repo: &Repo,
    fork: ObjectId,
    tip: ObjectId,
    target: ObjectId,
    run: &Run<'_>,
) -> Result<bool, Error> {
    let diff = ["diff-tree", "-p", "--no-ext-diff", &fork.to_string(), &tip.to_string()];
    let whole =
        patch_ids(repo, git(repo).args(diff).limit(LIMIT).run(run.cancel).await?, run).await?;
    let range = format!("{fork}..{target}");
    let log = [
        "log",
        "-p",
        "--no-merges",
        "--no-ext-diff",
        "--format=commit %H",
        MAX_COMMITS,
        &range,
        "--",
    ];
    let theirs =
        patch_ids(repo, git(repo).args(log).limit(LIMIT).run(run.cancel).await?, run).await?;
    Ok(!whole.is_empty() && whole.is_subset(&theirs))
}

/// Every commit of the branch is in the target under another id.
async fn has_same_patches(
    repo: &Repo,
    tip: ObjectId,
    target: ObjectId,
    run: &Run<'_>,
) -> Result<bool, Error> {
    let args = ["cherry", &target.to_string(), &tip.to_string()];
    let output = git(repo).args(args).limit(LIMIT).run(run.cancel).await?;
    let text = output.stdout_text();
    Ok(output.is_success() && !text.is_empty() && text.lines().all(|line| line.starts_with("- ")))
}

/// Ids of the changes in a diff or log, blind to line numbers and white space.
async fn patch_ids(repo: &Repo, diff: Output, run: &Run<'_>) -> Result<HashSet<String>, Error> {
    if !diff.is_success() || diff.stdout.is_empty() {
        return Ok(HashSet::new());
    }
    let cmd = git(repo).args(["patch-id", "--stable"]).stdin(diff.stdout).limit(LIMIT);
    let ids = cmd.run(run.cancel).await?.stdout_text();
    Ok(ids.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
