//! Fetches the task from its source.
use super::{
    options::{Asked, CreateOptions, Task},
    repo_context::RepoContext,
};
use crate::{
    brief::WorkItem,
    cli::{Failure, progress::Progress, settings},
    git::{Repo, Start},
    model::Host,
    proc::Cancel,
    sources::{self, Fetched},
};

/// Asks the source what the task is, if that is still open.
pub(super) async fn resolve(
    asked: &Asked,
    repo: &Repo,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Task, Failure> {
    let task = match asked {
        Asked::Prompt(text) => return Ok(Task::Prompt(text.clone())),
        Asked::Kept(task) => task,
    };
    if task.known().is_none() {
        let program = task.spec.program.map(|it| it.name).unwrap_or_default();
        progress.step(format!("asking {program} about {}", task.text));
    }
    let cx = sources::Context::new(repo.home(), cancel);
    Ok(Task::Kept(task.resolve(&cx).await?))
}

pub(super) async fn fetch(
    repo_context: &RepoContext,
    options: &CreateOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Fetched, Failure> {
    match &options.task {
        Task::Kept(task) => {
            let noun = task.kind.row().noun;
            let name = task.outline().reference().unwrap_or_default();
            let with = task.spec.program.map(|it| format!(" with {it}")).unwrap_or_default();
            progress.step(format!("reading {noun} {name}{with}"));
            let custom = settings::custom_sources(&repo_context.loaded);
            let cx = sources::Context {
                custom: &custom,
                ..sources::Context::new(repo_context.repo.home(), cancel)
            };
            Ok(task.fetch(&cx).await?)
        }
        Task::Prompt(text) => Ok(Fetched { item: WorkItem::prompt(text), forge: None }),
    }
}

/// The commit that the worktree starts from.
pub(super) fn start(
    fetched: &Fetched,
    repo_context: &RepoContext,
    options: &CreateOptions,
) -> Start {
    let number = fetched.item.source.key.parse();
    if let (Some(pull), Some(forge), Ok(number)) = (fetched.item.pull(), &fetched.forge, number) {
        let names = repo_context.repo.remotes();
        let urls: Vec<String> =
            names.iter().filter_map(|it| repo_context.repo.fetch_url(it)).collect();
        let url = forge.fetch_url(urls.iter().map(String::as_str));
        return Start::Pull { url, number, head: pull.head_sha.clone(), forge: forge.kind };
    }
    match (&options.base, &fetched.forge) {
        (Some(base), _) => Start::Named(base.clone()),
        (None, Some(forge)) => {
            Start::DefaultOf { url: forge.url.clone(), branch: forge.default_branch.clone() }
        }
        (None, None) => Start::Default,
    }
}

/// The forge: that of the task, else judged by the remote's host.
pub(super) fn host(fetched: &Fetched, repo: &Repo) -> Host {
    fetched.forge.as_ref().map_or_else(|| repo.host(), |it| it.kind)
}

/// What a user may not expect of this task.
pub(super) fn warning(item: &WorkItem) -> Option<String> {
    let state = item.state.as_deref()?;
    let state = state.to_lowercase();
    ["closed", "merged"].contains(&state.as_str()).then(|| format!("{} is {state}", item.source))
}
