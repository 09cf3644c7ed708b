//! The panes that are closed with a worker's window: the agent's, and those that the user opened
//! beside it.
use crate::{
    cli::{Failure, unexpected},
    client::Hub,
    git::{self, Process, Run, removal::Loss},
    model::{Answer, Request, Worker},
};

/// What runs in the panes.
#[derive(Default)]
pub(in crate::cli) struct Panes {
    /// The process of the agent's pane: its children may be in the worktree.
    pub(in crate::cli) known: Vec<u32>,
    /// What the user runs in the other panes.
    pub(in crate::cli) busy: Vec<Loss>,
}

pub(in crate::cli) async fn look(
    hub: &mut Hub,
    worker: &Worker,
    run: &Run<'_>,
) -> Result<Panes, Failure> {
    let mut found = Panes::default();
    if worker.place.gone {
        return Ok(found);
    }
    let answer = hub.ask(Request::Panes { id: worker.id.clone() }).await?;
    let Answer::Panes { panes } = answer else { return Err(unexpected(&answer)) };
    for it in panes {
        if it.pane == worker.place.pane {
            found.known.push(it.pid);
        } else if !is_ancestor(it.pid)
            && let Some(process) = git::foreground_process(it.pid, run).await?
            && !is_dashboard(it.pid, &process)
        {
            found.busy.push(Loss::Pane(process));
        }
    }
    Ok(found)
}

/// Whether the pane's process is the shell that runs this command.
fn is_ancestor(pid: u32) -> bool {
    nix::unistd::getsid(None).is_ok_and(|it| u32::try_from(it.as_raw()) == Ok(pid))
}

/// The dashboard that `wtmag orchestrate` opened: the first process of its pane.
fn is_dashboard(pane_pid: u32, process: &Process) -> bool {
    process.pid == pane_pid && process.command == "wtmag"
}
