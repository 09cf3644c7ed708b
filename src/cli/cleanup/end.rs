//! Asks the hub to remove a worker. The caller has checked that no work is lost; the hub's child
//! checks again.
use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cli::{Context, Failure, lead, outcome::interrupt, progress::Progress, unexpected},
    client::{self, Hub},
    model::{Answer, Cleanup, RefusalKind, Request, Worker},
    proc::Cancel,
};

/// Large worktrees and slow project hooks may take this long.
const LIMIT: Duration = Duration::from_secs(900);

/// How a worker is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct How {
    pub(in crate::cli) force: bool,
    pub(in crate::cli) abandon: bool,
    pub(in crate::cli) discard: Option<String>,
    pub(in crate::cli) keep_branch: bool,
}

/// What was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Removed {
    pub(in crate::cli) worktree: bool,
    pub(in crate::cli) branch: bool,
    pub(in crate::cli) notes: Vec<String>,
}

impl Removed {
    pub(in crate::cli) fn to_json(&self, worker: &Worker) -> Value {
        json!({
            "id": worker.id, "worktree_removed": self.worktree, "branch_deleted": self.branch,
            "branch": worker.branch, "pr": worker.pr, "notes": self.notes,
        })
    }

    /// Without the worker's id.
    pub(in crate::cli) fn describe(&self, worker: &Worker) -> String {
        if worker.is_orchestrator() {
            return "orchestrator ended; nothing in the repository was deleted".to_owned();
        }
        let worktree = match self.worktree {
            true => "worktree removed",
            false if worker.worktree.exists() => "worktree kept",
            false => "no worktree to remove",
        };
        let branch = if self.branch { "deleted" } else { "kept" };
        format!("{worktree}, branch {} {branch}", worker.branch)
    }
}

/// Removes the worker.
pub(in crate::cli) async fn remove(
    context: &Context,
    hub: &mut Hub,
    worker: &Worker,
    how: How,
    cancel: &Cancel,
) -> Result<Removed, Failure> {
    let id = &worker.id;
    let How { force, abandon, discard, keep_branch } = how;
    let env = context.passed_on();
    let cleanup = Cleanup { id: id.clone(), force, abandon, discard, keep_branch, env };
    let progress = Progress::new(&context.env);
    progress.step(format!("removing {id}"));
    // In the worker's own window, this command ends here with the window; the hub finishes the
    // cleanup.
    let asked = hub.ask_within(Request::Cleanup(cleanup), LIMIT);
    let answer = tokio::select! {
        answer = asked => answer,
        () = interrupt(cancel) => {
            let hint = format!("the hub finishes the cleanup; `wtmag events --worker {id}` shows the outcome");
            return Err(Failure::interrupted().hint(hint));
        }
    };
    match answer {
        Ok(Answer::CleanedUp { worktree_removed, branch_deleted, notes }) => {
            if worker.is_orchestrator() {
                lead::remove(&context.whereabouts()?, id)?;
            }
            Ok(Removed { worktree: worktree_removed, branch: branch_deleted, notes })
        }
        Ok(answer) => Err(unexpected(&answer)),
        Err(error) => {
            let is_half =
                matches!(&error, client::Error::Refused(it) if it.kind == RefusalKind::NotNow);
            let failure = Failure::from(error);
            if !is_half {
                return Err(failure);
            }
            Err(failure
                .hint(format!("fix that, then run `wtmag cleanup {id}` again"))
                .hint(format!("`wtmag cleanup {id} --force` removes it anyway")))
        }
    }
}
