//! The panes that go with a worker's window: its own, and those that the user has beside it.
use std::{ffi::OsString, path::Path};

use crate::{
    cli::{Context, Failure},
    git::{self, Loss, Run},
    model::Worker,
    proc::{self, Cmd},
};

/// What is found there.
#[derive(Default)]
pub(super) struct Panes {
    /// Processes that may be in the worktree: of the agent's pane, of shells that wait for their user
    /// and of the terminal we are called from.
    pub(super) known: Vec<u32>,
    /// What the user is in the middle of.
    pub(super) busy: Vec<Loss>,
}

pub(super) async fn look(
    context: &Context,
    worker: &Worker,
    run: &Run<'_>,
) -> Result<Panes, Failure> {
    let own = nix::unistd::getsid(None).ok().and_then(|it| u32::try_from(it.as_raw()).ok());
    let mut panes = Panes { known: own.into_iter().collect(), busy: Vec::new() };
    if worker.place.gone {
        return Ok(panes);
    }
    let agents = worker.place.pane.to_string();
    for (pane, pid, is_its_window) in list(context, worker, run).await? {
        if pane == agents || own == Some(pid) {
            panes.known.push(pid);
            continue;
        }
        // The user has moved the agent's pane into a window of his: that stays.
        if !is_its_window {
            continue;
        }
        match git::occupant(pid, run).await? {
            Some((pid, command)) => panes.busy.push(Loss::Pane { pid, command }),
            None => panes.known.push(pid),
        }
    }
    Ok(panes)
}

/// Id and process of each pane in the window where the worker is, and whether that is the worker's own.
async fn list(
    context: &Context,
    worker: &Worker,
    run: &Run<'_>,
) -> Result<Vec<(String, u32, bool)>, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let tmux = proc::tmux(&socket).await;
    let window = worker.place.window.to_string();
    let server = [OsString::from("-N"), "-S".into(), socket.into(), "list-panes".into()];
    let panes =
        ["-t".into(), window.into(), "-F".into(), "#{pane_id} #{pane_pid} #{@wtmag_id}".into()];
    let cmd = Cmd::new(tmux, Path::new("/")).args(server.iter().chain(&panes));
    let output = cmd.run(run.cancel).await?;
    // Without a list, the agent's own processes would count as the user's.
    if !output.is_success() {
        let why = output.stderr_text();
        return Err(Failure::user(format!("tmux did not list the worker's panes: {why}"))
            .hint("`wtmag doctor` checks tmux"));
    }
    let listed = output.stdout_text();
    let parse = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (pane, pid, window_of) = (words.next()?, words.next()?, words.next()?);
        Some((pane.to_owned(), pid.parse().ok()?, window_of == worker.id.as_str()))
    };
    Ok(listed.lines().filter_map(parse).collect())
}
