//! Fetches the task from its source.
use super::{
    order::{Order, Task},
    site::Site,
};
use crate::{
    brief::WorkItem,
    cli::{Failure, progress::Progress},
    git::{Repo, Start},
    model::Host,
    proc::Cancel,
    sources::{
        self,
        github::{self, Forge},
        jira,
    },
};

/// A task with everything known about it.
pub(super) struct Fetched {
    pub(super) item: WorkItem,
    pub(super) forge: Option<Forge>,
}

/// Asks GitHub whether it is an issue or a pull request, if that is still open.
pub(super) async fn resolve(
    order: &mut Order,
    repo: &Repo,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let Task::Github(pointer) = &order.task else { return Ok(()) };
    progress.step(format!("asking gh what {pointer} is"));
    let cx = sources::Context { dir: repo.home(), env: &[], cancel };
    let is_pull = github::resolve(&cx, pointer).await?;
    let number = pointer.number;
    order.task = if is_pull { Task::Pull(number) } else { Task::Issue(number) };
    order.check_base_of_pull()
}

pub(super) async fn fetch(
    site: &Site,
    order: &Order,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Fetched, Failure> {
    let cx = sources::Context { dir: site.repo.home(), env: &[], cancel };
    let (item, forge) = match &order.task {
        Task::Github(pointer) => {
            return Err(Failure::bug(format!("it is not known what {pointer} is")));
        }
        Task::Issue(number) => {
            progress.step(format!("reading issue #{number} with gh"));
            let forge = github::fetch_forge(&cx).await?;
            (github::fetch_issue(&cx, &forge, *number).await?, Some(forge))
        }
        Task::Pull(number) => {
            progress.step(format!("reading pull request #{number} with gh"));
            let forge = github::fetch_forge(&cx).await?;
            (github::fetch_pull(&cx, &forge, *number).await?, Some(forge))
        }
        Task::Ticket(key) => {
            progress.step(format!("reading {key} with jira"));
            (jira::fetch(&cx, key).await?, None)
        }
        Task::Prompt(text) => (WorkItem::prompt(text), None),
    };
    Ok(Fetched { item, forge })
}

impl Fetched {
    /// The commit that the worktree starts from.
    pub(super) fn start(&self, site: &Site, order: &Order) -> Start {
        if let (Some(pull), Some(forge), Task::Pull(number)) =
            (self.item.pull(), &self.forge, &order.task)
        {
            let names = site.repo.remotes();
            let urls: Vec<String> = names.iter().filter_map(|it| site.repo.fetch_url(it)).collect();
            let url = forge.fetch_url(urls.iter().map(String::as_str));
            return Start::Pull { url, number: *number, head: pull.head_sha.clone() };
        }
        match (&order.base, &self.forge) {
            (Some(base), _) => Start::Named(base.clone()),
            (None, Some(forge)) => {
                Start::DefaultOf { url: forge.url.clone(), branch: forge.default_branch.clone() }
            }
            (None, None) => Start::Default,
        }
    }

    /// The forge: that of the task, else judged by the remote's host.
    pub(super) fn host(&self, repo: &Repo) -> Host {
        if self.forge.is_some() { Host::Github } else { repo.host() }
    }

    /// What a user may not expect of this task.
    pub(super) fn warning(&self) -> Option<String> {
        let state = self.item.state.as_deref()?;
        let is_over = ["CLOSED", "MERGED"].contains(&state);
        is_over.then(|| format!("{} is {}", self.item.source, state.to_lowercase()))
    }
}
