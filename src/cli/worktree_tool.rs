//! What makes and removes worktrees for this command, and the approval of WorkTrunk's hooks at its terminal.
use std::{collections::BTreeSet, path::PathBuf};

use super::{Context, Failure, settings};
use crate::{
    config::Loaded,
    git::{self, News, Repo, Run, Tool},
    model::Worker,
    proc::{self, Cancel},
};

/// The backend that the settings choose. Its hooks have this command's terminal.
pub(crate) async fn choose(
    context: &Context,
    loaded: &Loaded,
    run: &mut Run<'_>,
) -> Result<Tool, Failure> {
    let seen = context.whereabouts()?.state.root().join("wt.json");
    let backend = settings::backend(loaded.config.worktree.backend);
    let tool = Tool::choose_seen(backend, "wt".as_ref(), &seen, run).await?;
    Ok(tool.at_terminal(proc::has_terminal()))
}

/// Whether `wt list` shows what a worker does.
pub(crate) fn shows_markers(loaded: &Loaded, tool: &Tool) -> bool {
    loaded.config.worktree.markers && matches!(tool, Tool::Wt(_))
}

/// Repositories whose user was asked about the hooks of a removal.
#[derive(Debug, Default)]
pub(crate) struct Asked(BTreeSet<PathBuf>);

impl Asked {
    /// Asks once, at the terminal, to approve the hooks that run when a worktree is removed. The hub runs
    /// them, so they cannot ask anything themselves. Without approval, they are left out.
    pub(crate) async fn about_removal(
        &mut self,
        context: &Context,
        worker: &Worker,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let is_removed = worker.own().worktree && worker.worktree.is_dir();
        if !is_removed || !proc::has_terminal() || !self.0.insert(worker.repo.clone()) {
            return Ok(());
        }
        let mut tell = |_: &News| {};
        let mut run = Run { cancel, tell: &mut tell };
        let ask = async {
            let loaded = settings::load(context, Some(&Repo::discover(&worker.repo)?))?;
            let tool = choose(context, &loaded, &mut run).await?;
            let phases = ["pre-remove", "post-remove"];
            match git::approve_hooks(&tool, &worker.worktree, &phases, &mut run).await {
                Ok(()) | Err(git::Error::Unapproved { .. }) => Ok::<_, Failure>(()),
                Err(error) => Err(error.into()),
            }
        };
        match ask.await {
            Err(failure) if failure.is_interrupt() => Err(failure),
            // Unreadable settings do not block a removal.
            Err(failure) => {
                context.say(&format!("note: hooks were not looked for: {}", failure.line()));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// The hooks that run for each task of a run are approved, since nobody can be asked later.
pub(crate) async fn approve_for_run(
    context: &Context,
    (repo, loaded): (&Repo, &Loaded),
    lands: bool,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let mut tell = |_: &News| {};
    let mut run = Run { cancel, tell: &mut tell };
    let tool = choose(context, loaded, &mut run).await?;
    let phases = ["pre-start", "post-start", "pre-merge", "post-merge"];
    let phases = phases.get(..if lands { 4 } else { 2 }).unwrap_or_default();
    let dir = repo.worktree().unwrap_or_else(|| repo.home().to_owned());
    Ok(git::approve_hooks(&tool, &dir, phases, &mut run).await?)
}
