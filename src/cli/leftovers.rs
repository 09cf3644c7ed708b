//! What killed commands left behind: a `create` before its commit point, a `land` before its end.
use super::{Failure, resolve};
use crate::{
    client::{self, Hub, HubLocation},
    git::{
        self, Run,
        carry::Carried,
        land::{self, Ended},
    },
    model::{Landed, RefusalKind, Request, Worker},
};

/// Undoes it, unless a worker uses it, and reports what it kept. If there is nothing, as nearly
/// always, this only reads one directory.
pub(super) async fn clear(
    at: &HubLocation,
    hub: &mut Hub,
    run: &mut Run<'_>,
) -> Result<Vec<String>, Failure> {
    let mut notes = lands(at, hub, run).await?;
    let leftovers = git::leftovers(&at.state.creates(), run).await?;
    if leftovers.is_empty() {
        return Ok(notes);
    }
    let workers = resolve::present(hub).await?;
    for leftover in leftovers {
        let path = leftover.worktree().map(std::path::Path::to_owned);
        if let Some(worker) = workers.iter().find(|it| Some(&it.worktree) == path.as_ref()) {
            if let Some(carried) = leftover.carried() {
                notes.extend(finish_moving(carried, worker, run).await);
            }
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

/// Takes changes away that a killed `create --with-changes` has copied, unless the worker has touched its copy.
/// Returns what the user must know: the changes are in both places then.
async fn finish_moving(carried: &Carried, worker: &Worker, run: &Run<'_>) -> Option<String> {
    match carried.is_in(&worker.worktree, &worker.git_dir, run).await {
        Ok(true) => carried.take_away(run).await.err().map(|it| it.to_string()),
        Ok(false) => Some(format!(
            "`{}` has a copy of your changes, which it has changed since; yours are still in `{}`",
            worker.id,
            carried.from.display()
        )),
        Err(error) => Some(error.to_string()),
    }
}

/// Finishes or undoes killed landings.
async fn lands(at: &HubLocation, hub: &mut Hub, run: &mut Run<'_>) -> Result<Vec<String>, Failure> {
    let mut notes = Vec::new();
    for leftover in land::leftovers(&at.state.lands(), run).await? {
        match leftover.end(run).await {
            Ok(Some(Ended::Landed { landing, advance })) => {
                let (id, into) = (&landing.worker, &advance.into);
                notes.push(format!(
                    "`{id}` was landed in `{into}` by a command that was killed; `wtmag cleanup {id}` removes it"
                ));
                let landed = Landed {
                    into: advance.into.clone(),
                    commit: Some(advance.to),
                    tip: landing.tip,
                    how: landing.mode,
                    at: landing.at,
                };
                match hub.ask(Request::Landed { id: id.clone(), landed }).await {
                    Ok(_) => {}
                    // The worker is gone meanwhile.
                    Err(client::Error::Refused(it)) if it.kind == RefusalKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Some(Ended::Undone { landing, kept })) => {
                let id = &landing.worker;
                notes.push(format!("landing `{id}` was undone, because its command was killed"));
                notes.extend(kept.iter().map(|it| format!("kept `{it}`, which was changed since")));
            }
            Ok(None) => {}
            Err(error) => {
                // The journal stays for the next command.
                notes.push(format!("could not finish or undo a landing: {error}"));
                continue;
            }
        }
        leftover.forget()?;
    }
    Ok(notes)
}
