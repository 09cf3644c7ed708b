//! Which worker runs this command: by its environment, and by the worktree around the directory.
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    cli::{Context, Failure},
    client::HubLocation,
    git::{
        Repo,
        record::{self, WorktreeRecord},
    },
    model::{PaneId, WorkerId},
    paths::StateDir,
    wire::HubFile,
};

/// The worker, and where its hub takes reports.
pub(super) struct Sender {
    pub(super) worker: WorkerId,
    pub(super) pane: Option<PaneId>,
    pub(super) spool: PathBuf,
    pub(super) socket: PathBuf,
    /// The tmux server of the hub, to start one that was killed.
    pub(super) server: Option<PathBuf>,
}

/// The environment and the directory must not contradict each other: an agent in another worker's
/// worktree, or a background process that an earlier agent has left, would report for the wrong one.
pub(super) fn find(context: &Context) -> Result<Sender, Failure> {
    let dir = std::env::current_dir()?;
    let here = of_worktree(&dir);
    let named = named(context);
    let worker = which(named.as_ref(), here.as_ref().map(|it| &it.worker))?;
    let text = |name| context.env.var(name).and_then(OsStr::to_str);
    let caller = context.env.caller();
    let pane = text("TMUX_PANE").and_then(|it| it.parse().ok());
    let by_env = (context.env.var("WTMAG_SPOOL"), context.env.var("WTMAG_SOCKET"));
    if let (Some(spool), Some(socket)) = by_env {
        let server = caller.map(|it| it.socket);
        let (spool, socket) = (spool.into(), socket.into());
        return Ok(Sender { worker, pane, spool, socket, server });
    }
    let (state, server) = match here {
        Some(record) => (StateDir::at(record.hub), record.tmux),
        None => {
            let HubLocation { state, tmux_socket, .. } = context.whereabouts()?;
            (state, Some(tmux_socket))
        }
    };
    // Pane ids are those of one server.
    let is_its = |socket: &PathBuf| server.as_ref().is_none_or(|it| it == socket);
    let pane = pane.filter(|_| caller.as_ref().is_some_and(|it| is_its(&it.socket)));
    let socket = socket_of(&state).unwrap_or_else(|| state.root().join("hub.sock"));
    Ok(Sender { worker, pane, spool: state.spool(), socket, server })
}

fn named(context: &Context) -> Option<WorkerId> {
    context.env.var("WTMAG_WORKER")?.to_str()?.parse().ok()
}

/// The record of the worktree around the directory.
fn of_worktree(dir: &Path) -> Option<WorktreeRecord> {
    let repo = Repo::discover(dir).ok()?;
    let worktree = repo.worktree_at(&repo.worktree()?).ok()??;
    record::load(&worktree.git_dir).ok()?
}

/// Where a running hub listens.
fn socket_of(state: &StateDir) -> Option<PathBuf> {
    let bytes = std::fs::read(state.hub_json()).ok()?;
    Some(serde_json::from_slice::<HubFile>(&bytes).ok()?.socket)
}

/// Pure: the worker that the environment names, and the one that has the worktree.
fn which(named: Option<&WorkerId>, here: Option<&WorkerId>) -> Result<WorkerId, Failure> {
    match (named, here) {
        (Some(named), Some(here)) if named != here => Err(Failure::user(format!(
            "this directory is the worktree of `{here}`, but the environment says that you are `{named}`"
        ))
        .hint(format!("to report for `{named}`, run this in its own worktree"))),
        (Some(worker), _) | (None, Some(worker)) => Ok(worker.clone()),
        (None, None) => Err(Failure::user("this is not inside a worker's worktree")
            .hint("`wtmag report` is for the agent of a worker; `wtmag list` shows the workers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_and_the_directory_must_agree() {
        let (a, b): (WorkerId, WorkerId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let check = |named, here| which(named, here).map_err(|it| it.to_string());
        assert_eq!(check(Some(&a), Some(&a)).unwrap(), a);
        assert_eq!(check(Some(&a), None).unwrap(), a);
        assert_eq!(check(None, Some(&a)).unwrap(), a);
        assert!(check(Some(&a), Some(&b)).unwrap_err().contains("worktree of `b`"));
        assert!(check(None, None).unwrap_err().contains("not inside"));
    }
}
