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
pub(super) fn warning(task: &Task, item: &WorkItem) -> Option<String> {
    if let Task::Prompt(text) = task {
        return address(text.trim());
    }
    let state = item.state.as_deref()?;
    let state = state.to_lowercase();
    ["closed", "merged"].contains(&state.as_str()).then(|| format!("{} is {state}", item.source))
}

/// Pages of issues and pull requests, with the option that fetches them.
const PAGES: [(&str, &str); 4] = [
    ("/-/issues/", "--gitlab"),
    ("/-/merge_requests/", "--gitlab"),
    ("/issues/", "--github"),
    ("/pull/", "--github"),
];

/// About a prompt that is only the address of an issue or a pull request.
fn address(text: &str) -> Option<String> {
    let (page, option) = PAGES.iter().find(|(page, _)| text.contains(page))?;
    let number = text.split(page).nth(1)?;
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    let is_address = text.starts_with("https://") && !text.contains(char::is_whitespace);
    (is_number && is_address).then(|| {
        format!("the prompt is only an address; to fetch the task: `wtmag create {option} {text}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_that_is_only_an_address_is_noticed() {
        let option = |text: &str| {
            address(text).map(|it| if it.contains("--gitlab") { "gitlab" } else { "github" })
        };
        assert_eq!(option("https://github.com/acme/blog/issues/4"), Some("github"));
        assert_eq!(option("https://ghe.acme.org/acme/blog/pull/4"), Some("github"));
        assert_eq!(option("https://gitlab.com/a/b/-/issues/4"), Some("gitlab"));
        assert_eq!(option("https://gitlab.com/a/b/-/merge_requests/4"), Some("gitlab"));
        assert_eq!(option("fix https://github.com/acme/blog/issues/4"), None);
        assert_eq!(option("https://github.com/acme/blog/issues/new"), None);
        assert_eq!(option("https://github.com/acme/blog"), None);
    }
}
