//! Moving and deleting local branches, only from where they are known to be.
use std::time::{Duration, Instant};

use gix::{
    ObjectId,
    refs::{
        FullName, Target,
        transaction::{PreviousValue, RefEdit},
    },
};

use super::{BranchEnd, Error, Repo};

/// How long a foreign lock on the config or the refs is waited out.
const PATIENCE: Duration = Duration::from_secs(3);

/// Moves a branch from one commit to another, if it still is at the first.
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
        .map_err(Error::read(format!("branch `{branch}`")))
}

/// Deletes a branch with its config, if it still is at `tip` and checked out nowhere.
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
                // Somebody else writes the config or the ref: there is no event to wait for.
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            // Where the config stays locked, by somebody who died, the branch goes without it.
            Err(_) => {
                let expected = PreviousValue::MustExistAndMatch(Target::Object(target));
                let deleted = repo.gix().edit_reference(RefEdit::delete(name, expected));
                return deleted.map(|_| BranchEnd::Deleted).map_err(Error::read(what()));
            }
        }
    }
}
