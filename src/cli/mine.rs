//! Which workers the caller made: the agent or the shell of its pane.
use super::{Context, Failure, resolve};
use crate::{
    client::Hub,
    model::{PaneId, ParentPane, Worker, WorkerId},
};

/// The caller, as a parent of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Me {
    Worker(WorkerId),
    Pane(PaneId),
}

impl Me {
    /// The worker of the caller's pane or worktree, else the pane.
    pub(crate) async fn find(context: &Context, hub: &mut Hub) -> Result<Self, Failure> {
        let pane = context.caller()?.and_then(|it| it.pane);
        if let Some(worker) = resolve::find_own(context, hub).await? {
            return Ok(Self::Worker(worker.id));
        }
        pane.map(Self::Pane).ok_or_else(|| {
            Failure::user("`--mine` needs a tmux pane or a worker's worktree")
                .hint_of_option("all", "`--all` shows everything")
        })
    }

    pub(crate) fn made(&self, worker: &Worker) -> bool {
        match self {
            Self::Worker(id) => worker.parent.as_ref() == Some(id),
            Self::Pane(pane) => {
                let is_its = |it: &ParentPane| it.pane == *pane && it.server == worker.place.server;
                worker.parent_pane.as_ref().is_some_and(is_its)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    #[test]
    fn a_worker_is_of_the_one_that_made_it() {
        let mut worker = samples::worker("a");
        let (boss, pane) = (Me::Worker("boss".parse().unwrap()), Me::Pane(PaneId(3)));
        assert!(!boss.made(&worker) && !pane.made(&worker));
        worker.parent = Some("boss".parse().unwrap());
        assert!(boss.made(&worker) && !pane.made(&worker));
        let server = worker.place.server;
        worker.parent_pane = Some(ParentPane { server, pane: PaneId(3) });
        assert!(pane.made(&worker) && !Me::Pane(PaneId(4)).made(&worker));
        // The pane of an earlier server.
        worker.place.server.pid += 1;
        assert!(!pane.made(&worker));
    }
}
