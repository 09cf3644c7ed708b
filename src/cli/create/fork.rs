//! A worker that begins with the conversation of another one, at that one's newest commit.
use super::args::Args;
use crate::{
    agents::{launch::Resume, profile::Profile},
    cli::{Context, Failure, removed, resolve},
    git::{Made, Repo},
    model::Worker,
};

/// The task of a fork without one.
pub(super) const WAIT: &str = "Say in one line that you are ready, then wait for instructions.";

/// What is forked.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) worker: Worker,
    /// The newest commit of its branch.
    pub(super) tip: String,
    /// It got no task of its own.
    pub(super) waits: bool,
}

impl Fork {
    /// The worker that `--fork` names, and the arguments completed from it.
    pub(super) async fn find(
        context: &Context,
        args: Args,
    ) -> Result<(Option<Self>, Args), Failure> {
        let Some(id) = args.fork.clone() else { return Ok((None, args)) };
        let mut hub = context.hub_that_knows().await?;
        let worker = resolve::worker_or_ended(context, &mut hub, &id).await?;
        resolve::refuse_orchestrator(&worker, "start from")?;
        let name = &worker.agent.name;
        if let Some(other) = args.agent.as_ref().filter(|it| *it != name) {
            return Err(Failure::usage(format!(
                "`{other}` cannot continue a conversation of `{name}`"
            ))
            .hint(format!("`wtmag handoff {id} --agent {other}` lets it take over")));
        }
        let repo = Repo::discover(&worker.repo)?;
        let branch = &worker.branch;
        let tip = repo.branch_tip(branch)?.ok_or_else(|| {
            if worker.ended.is_some() {
                return removed::refusal(context, &worker);
            }
            Failure::user(format!("the branch `{branch}` of `{}` is gone", worker.id))
        })?;
        let waits = ![&args.text, &args.prompt].into_iter().any(Option::is_some)
            && args.file.is_none()
            && !args.edit;
        let args = Args {
            agent: Some(name.clone()),
            model: args.model.clone().or_else(|| worker.agent.model.clone()),
            project: Some(repo.home().to_owned()),
            ..args
        };
        Ok((Some(Self { worker, tip, waits }), args))
    }

    /// How the agent copies the conversation, if it can.
    pub(super) fn resume(&self, profile: &Profile) -> Option<Resume> {
        let session = self.worker.agent_session.clone()?;
        (!profile.launch.fork.is_empty()).then_some(Resume::Fork(session))
    }

    /// What goes before the brief: an agent with a copied conversation believes to be elsewhere.
    pub(super) fn preface(&self, made: &Made, has_conversation: bool) -> String {
        let (from, to) = (self.worker.worktree.display(), made.path.display());
        let (old, new) = (&self.worker.branch, &made.branch);
        let tip = self.tip.get(..12).unwrap_or(&self.tip);
        let place = format!(
            "in the worktree `{to}`, on the branch `{new}`, which starts from commit {tip} of `{old}`. The \
             worktree `{from}` belongs to another agent: change nothing there."
        );
        if has_conversation {
            return format!(
                "# You are a copy\n\nThis conversation was copied from another worker. Until now, it was about \
                 `{from}`. From now on, you work {place}\n\n"
            );
        }
        format!(
            "# You continue from another worker\n\nYou work {place}\n\nFirst read `./.wtmag/handoff.md`: it \
             tells what that agent has done and said so far.\n\n"
        )
    }
}
