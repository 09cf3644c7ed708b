//! The task as it is fetched from where it is kept.
use super::{
    order::{Order, Task},
    site::Site,
};
use crate::{
    brief::WorkItem,
    cli::{Failure, progress::Progress},
    git::Start,
    proc::Cancel,
    sources::{
        self,
        github::{self, Forge},
        jira,
    },
};

/// A task with all that is known of it.
pub(super) struct Fetched {
    pub(super) item: WorkItem,
    pub(super) forge: Option<Forge>,
}

pub(super) async fn fetch(
    site: &Site,
    order: &Order,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Fetched, Failure> {
    let cx = sources::Context { dir: site.repo.home(), env: &[], cancel };
    let (item, forge) = match &order.task {
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

    /// What somebody who asked for this may not expect.
    pub(super) fn warning(&self) -> Option<String> {
        let state = self.item.state.as_deref()?;
        let is_over = ["CLOSED", "MERGED"].contains(&state);
        is_over.then(|| format!("{} is {}", self.item.source, state.to_lowercase()))
    }
}
