//! What killed `create` runs left behind before their commit point.
use super::{Failure, resolve};
use crate::{
    client::{Hub, HubLocation},
    git::{self, Run},
};

/// Undoes it, unless a worker uses it, and reports what it kept. If there is nothing, as nearly
/// always, this only reads one directory.
pub(super) async fn clear(
    at: &HubLocation,
    hub: &mut Hub,
    run: &mut Run<'_>,
) -> Result<Vec<String>, Failure> {
    let mut notes = Vec::new();
    let leftovers = git::leftovers(&at.state.creates(), run).await?;
    if leftovers.is_empty() {
        return Ok(notes);
    }
    let workers = resolve::present(hub).await?;
    for leftover in leftovers {
        let path = leftover.worktree().map(std::path::Path::to_owned);
        let is_worker = workers.iter().any(|it| Some(&it.worktree) == path.as_ref());
        if is_worker {
            leftover.forget()?;
            continue;
        }
        let branch = leftover.branch().unwrap_or("a worker").to_owned();
        (run.tell)(&git::News::Undoing { branch: branch.clone() });
        match leftover.undo(run).await {
            Ok(undone) => notes.extend(undone.kept.iter().map(|it| format!("kept {it}"))),
            // The journal stays; nothing depends on it.
            Err(error) => notes.push(format!("could not undo {branch}: {error}")),
        }
    }
    Ok(notes)
}
