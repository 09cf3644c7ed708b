//! The surroundings of a new worker: the repository, its settings, the agent, the place in tmux.
use std::{
    io,
    path::{Path, PathBuf},
};

use super::{agent::AgentChoice, options::CreateOptions};
use crate::{
    brief::BOOTSTRAP,
    cli::{Context, Failure, settings},
    client::HubLocation,
    config::Loaded,
    git::Repo,
    model::{Caller, Placement, WorkerId},
    proc,
    sources::templates::{Dir, PROJECT_DIR},
};

/// Everything that is known before the hub or the network is asked.
pub(super) struct RepoContext {
    pub(super) repo: Repo,
    pub(super) loaded: Loaded,
    pub(super) agent: AgentChoice,
    pub(super) placement: Placement,
    pub(super) caller: Caller,
    /// A tmux server runs.
    pub(super) is_served: bool,
    pub(super) hub: HubLocation,
    /// The worker that runs this command, if one does.
    pub(super) parent: Option<WorkerId>,
}

fn nowhere(error: io::Error) -> Failure {
    Failure::user(format!("the current directory cannot be found: {error}"))
        .hint("it may have been removed; `cd` to the repository, or pass `--project DIR` in full")
}

/// The requested repository.
pub(in crate::cli) fn repo(project: Option<&Path>) -> Result<Repo, Failure> {
    let dir = match project {
        Some(dir) if dir.is_absolute() => dir.to_owned(),
        project => {
            let cwd = std::env::current_dir().map_err(nowhere)?;
            project.map_or(cwd.clone(), |it| cwd.join(it))
        }
    };
    if project.is_some() && !dir.is_dir() {
        let what = if dir.exists() { "is not a directory" } else { "does not exist" };
        return Err(Failure::user(format!("`{}` {what}", dir.display())));
    }
    let repo = Repo::discover(&dir)?;
    if repo.home().to_str().is_none() {
        let message = format!("the path `{}` is not UTF-8", repo.home().display());
        return Err(Failure::user(message).hint("tmux and agents need UTF-8 paths"));
    }
    Ok(repo)
}

impl RepoContext {
    /// Reads the surroundings; everything that makes the request impossible here is reported now.
    pub(super) async fn find(
        context: &Context,
        repo: Repo,
        options: &CreateOptions,
    ) -> Result<Self, Failure> {
        let loaded = settings::load(context, Some(&repo))?;
        let mut agent = AgentChoice::find(context, &loaded, options)?;
        if let Some(fork) = &options.fork {
            agent.begin(fork.resume(agent.profile()), Some(BOOTSTRAP));
        }
        let hub = context.whereabouts()?;
        let caller = match &options.of_run {
            Some(of_run) => of_run.caller.clone(),
            None => context.caller()?,
        };
        let wanted = loaded.config.launch.placement(options.task.kind());
        let mut placement = options.placement.unwrap_or(wanted);
        if options.of_run.is_some() && caller.is_none() {
            // The session that the run was started from is gone.
            placement = Placement::Session;
        }
        if placement == Placement::Window && caller.is_none() {
            return Err(outside(options, &hub.tmux_socket));
        }
        let parent = ["WTMAG_WORKER", "WTMAG_PARENT"].iter().find_map(|it| context.env.var(it));
        let parent = parent.and_then(|it| it.to_str()?.parse().ok());
        let (caller, is_served) =
            (caller.unwrap_or_default(), proc::listens(&hub.tmux_socket).await);
        Ok(Self { repo, loaded, agent, placement, caller, is_served, hub, parent })
    }

    /// `[worktree] path`, with the home directory in place of `~`.
    pub(super) fn worktree_path(&self, context: &Context) -> Option<String> {
        let path = self.loaded.config.worktree.path.clone()?;
        match path.strip_prefix("~/") {
            Some(rest) => Some(format!("{}/{rest}", context.env.home().display())),
            None => Some(path),
        }
    }

    /// Directories of the user's and the project's templates, nearest first. A worker's worktree is
    /// excluded, because it may hold someone else's pull request.
    pub(super) fn template_dirs(&self, context: &Context) -> Vec<Dir> {
        let is_worker = |dir: &PathBuf| dir.join(".wtmag/prompt.md").symlink_metadata().is_ok();
        let projects = settings::project_dirs(Some(&self.repo)).into_iter();
        let own = projects.filter(|dir| !is_worker(dir));
        let own = own.map(|dir| Dir { path: dir.join(PROJECT_DIR), within: Some(dir) });
        own.chain([Dir { path: context.env.prompts_dir(), within: None }]).collect()
    }
}

fn outside(options: &CreateOptions, socket: &Path) -> Failure {
    let asked =
        if options.placement.is_some() { "`-w` was given" } else { "`[launch]` asks for one" };
    Failure::user(format!("a window needs a tmux session ({asked}), and you are not inside tmux"))
        .hint(format!(
            "pass `-s` for a new session, or run this inside the tmux server at `{}`",
            socket.display()
        ))
}
