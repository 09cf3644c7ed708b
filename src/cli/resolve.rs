//! The workers that a command is about: the named ones, else the one of the current directory or
//! window.
use std::path::Path;

use super::{
    Context, Failure,
    naming::{self, Purpose},
    removed, unexpected,
};
use crate::{
    client::Hub,
    model::{Answer, PaneId, Request, Worker},
};

/// One worker, named or not.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Target {
    /// The worker: its id (`blog-github-issue-456`) or words of it (`issue-456`), its branch, or its issue,
    /// pull request or ticket (`456`, `PROJ-12`)
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Same as ID; for scripts that pass options only
    #[arg(long = "id", value_name = "ID")]
    by_flag: Option<String>,
}

impl Target {
    /// The name that was given, if any.
    pub(crate) fn given(&self) -> Result<Option<&str>, Failure> {
        match (self.id.as_deref(), self.by_flag.as_deref()) {
            (Some(id), Some(flag)) if id != flag => {
                let message = format!("two workers are named: `{id}` and `--id {flag}`");
                Err(Failure::usage(message).hint("pass one of them"))
            }
            (id, flag) => Ok(id.or(flag)),
        }
    }

    /// The named worker, else the one of the current worktree or window.
    pub(crate) async fn worker_or_own(
        &self,
        context: &Context,
        hub: &mut Hub,
        purpose: Purpose,
    ) -> Result<Worker, Failure> {
        match self.given()? {
            Some(text) => worker(context, hub, text, purpose).await,
            None => own(context, hub).await,
        }
    }

    /// Like [`Self::worker_or_own`]; a removed worker is found, too, and a note says that it is one.
    pub(crate) async fn worker_or_ended(
        &self,
        context: &Context,
        hub: &mut Hub,
    ) -> Result<Worker, Failure> {
        let Some(text) = self.given()? else { return own(context, hub).await };
        let worker = worker_or_ended(context, hub, text).await?;
        removed::note(context, &worker);
        Ok(worker)
    }
}

/// The worker that `text` names.
pub(crate) async fn worker(
    context: &Context,
    hub: &mut Hub,
    text: &str,
    purpose: Purpose,
) -> Result<Worker, Failure> {
    let workers = present(hub).await?;
    find_present(context, hub, (text, &workers), purpose).await
}

/// Like `worker`, or else a removed worker; of several that had the same id, the newest.
pub(crate) async fn worker_or_ended(
    context: &Context,
    hub: &mut Hub,
    text: &str,
) -> Result<Worker, Failure> {
    let workers = present(hub).await?;
    find(context, hub, (text, &workers), Purpose::Look).await
}

/// Like [`find`], for a command that needs a worker that is there.
async fn find_present(
    context: &Context,
    hub: &mut Hub,
    name: (&str, &[Worker]),
    purpose: Purpose,
) -> Result<Worker, Failure> {
    let worker = find(context, hub, name, purpose).await?;
    if worker.ended.is_some() { Err(removed::refusal(context, &worker)) } else { Ok(worker) }
}

/// The one of the present workers that `text` names, else a removed one.
async fn find(
    context: &Context,
    hub: &mut Hub,
    (text, present): (&str, &[Worker]),
    purpose: Purpose,
) -> Result<Worker, Failure> {
    let project = context.project();
    if let Some(worker) = naming::search(text, present, project.as_deref(), purpose)? {
        return Ok(worker.clone());
    }
    let removed =
        newest_of_each(listed(hub.ask(Request::List { ended: true, brief: false }).await?)?);
    match naming::search(text, &removed, project.as_deref(), Purpose::Change)? {
        Some(worker) => Ok(worker.clone()),
        None => Err(naming::unknown(text.trim(), present.iter().chain(&removed))),
    }
}

/// The newest worker of each id, from a list with the oldest first.
fn newest_of_each(workers: Vec<Worker>) -> Vec<Worker> {
    let mut found: Vec<Worker> = Vec::new();
    for worker in workers.into_iter().rev() {
        if found.iter().all(|it| it.id != worker.id) {
            found.push(worker);
        }
    }
    found
}

/// The workers that `texts` name, each once.
pub(crate) async fn workers(
    context: &Context,
    hub: &mut Hub,
    texts: &[String],
    purpose: Purpose,
) -> Result<Vec<Worker>, Failure> {
    let workers = present(hub).await?;
    let mut found: Vec<Worker> = Vec::new();
    for text in texts {
        let worker = find_present(context, hub, (text, &workers), purpose).await?;
        if found.iter().all(|it| it.id != worker.id) {
            found.push(worker);
        }
    }
    Ok(found)
}

/// All workers that were not removed.
pub(crate) async fn present(hub: &mut Hub) -> Result<Vec<Worker>, Failure> {
    listed(hub.ask(Request::List { ended: false, brief: false }).await?)
}

/// All workers, the removed ones first.
pub(crate) async fn all(hub: &mut Hub) -> Result<Vec<Worker>, Failure> {
    let mut all = listed(hub.ask(Request::List { ended: true, brief: false }).await?)?;
    all.extend(present(hub).await?);
    Ok(all)
}

fn listed(answer: Answer) -> Result<Vec<Worker>, Failure> {
    let Answer::Workers { workers, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(workers)
}

/// The worker of the current worktree or window.
pub(crate) async fn own(context: &Context, hub: &mut Hub) -> Result<Worker, Failure> {
    find_own(context, hub).await?.ok_or_else(|| {
        Failure::user("this is not inside a worker's worktree or window")
            .hint("name a worker: `wtmag list` shows them")
    })
}

/// Like [`own`], if there is one.
pub(crate) async fn find_own(context: &Context, hub: &mut Hub) -> Result<Option<Worker>, Failure> {
    let workers = present(hub).await?;
    let cwd = std::env::current_dir().unwrap_or_default();
    let pane = context.caller()?.and_then(|it| it.pane);
    if let Some(worker) = of_place(&workers, &cwd, pane) {
        return Ok(Some(worker.clone()));
    }
    let window = context.window_worker().await;
    let named = context.env.var("WTMAG_WORKER").and_then(|it| it.to_str()).map(str::to_owned);
    let is_it = |id: &String| workers.iter().find(|it| it.id.as_str() == id).cloned();
    Ok(window.as_ref().and_then(is_it).or_else(|| named.as_ref().and_then(is_it)))
}

/// Refuses an orchestrator, for a command that is about a worker's branch.
pub(crate) fn refuse_orchestrator(worker: &Worker, act: &str) -> Result<(), Failure> {
    if !worker.is_orchestrator() {
        return Ok(());
    }
    let id = &worker.id;
    Err(Failure::user(format!("`{id}` is an orchestrator: it has no branch to {act}"))
        .hint("name one of its workers: `wtmag orchestrate --status` lists them"))
}

/// Pure: the worker whose worktree contains this directory, else the one with this pane.
fn of_place<'a>(workers: &'a [Worker], cwd: &Path, pane: Option<PaneId>) -> Option<&'a Worker> {
    // An orchestrator's directory is the user's, too.
    let has_own = |it: &&Worker| !it.worktree_gone && !it.is_orchestrator();
    let around = workers.iter().filter(|it| has_own(it) && cwd.starts_with(&it.worktree));
    // If worktrees are nested, the innermost.
    let by_dir = around.max_by_key(|it| it.worktree.components().count());
    let has_pane = |it: &&Worker| pane == Some(it.place.pane) && !it.place.gone;
    by_dir.or_else(|| workers.iter().find(has_pane))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    #[test]
    fn a_flag_and_a_word_must_agree() {
        let both = |id: &str, flag: &str| Target {
            id: Some(id.to_owned()),
            by_flag: Some(flag.to_owned()),
        };
        assert_eq!(both("a", "a").given().unwrap(), Some("a"));
        assert!(both("a", "b").given().unwrap_err().to_string().contains("two workers"));
        assert_eq!(Target::default().given().unwrap(), None);
    }

    #[test]
    fn the_worktree_comes_before_the_window_and_the_inner_one_first() {
        let at = |id: &str, worktree: &str, pane: u32| {
            let mut worker = samples::worker(id);
            worker.worktree = worktree.into();
            worker.place.pane = PaneId(pane);
            worker
        };
        let workers = [at("outer", "/src/a", 1), at("inner", "/src/a/b", 2), at("c", "/src/c", 3)];
        let found = |cwd: &str, pane: Option<u32>| {
            let found = of_place(&workers, Path::new(cwd), pane.map(PaneId));
            found.map(|it| it.id.as_str())
        };
        assert_eq!(found("/src/a/x", Some(3)), Some("outer"));
        assert_eq!(found("/src/a/b/x", Some(3)), Some("inner"));
        assert_eq!(found("/src/ab", Some(3)), Some("c"));
        assert_eq!(found("/src", Some(9)), None);
        assert_eq!(found("/src", None), None);
    }
}
