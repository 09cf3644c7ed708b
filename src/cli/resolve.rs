//! Which worker is meant: by its id, a part of it, or by where the command was called.
use std::path::Path;

use super::{Context, Failure, unexpected};
use crate::{
    client::Hub,
    model::{Answer, Caller, PaneId, Request, Worker, WorkerId},
    paths::Env,
};

/// One worker, named or not.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Target {
    /// The worker's id, or enough of it
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// The same as a flag
    #[arg(long = "id", value_name = "ID")]
    by_flag: Option<String>,
}

/// How much of an id is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enough {
    /// Any part that no other has: for commands that only look.
    Part,
    /// The beginning: for commands that change something.
    Prefix,
}

impl Target {
    /// What was given, if anything.
    pub(crate) fn given(&self) -> Result<Option<&str>, Failure> {
        match (self.id.as_deref(), self.by_flag.as_deref()) {
            (Some(id), Some(flag)) if id != flag => {
                let message = format!("`{id}` and `--id {flag}` are two workers");
                Err(Failure::usage(message).hint("name one"))
            }
            (id, flag) => Ok(id.or(flag)),
        }
    }

    /// What was given; nothing is an error.
    pub(crate) fn require(&self) -> Result<&str, Failure> {
        self.given()?.ok_or_else(|| {
            Failure::usage("no worker is named").hint("pass its ID; `wtmag list` shows them")
        })
    }

    /// The worker that is named, else the one in whose window or worktree we are called.
    pub(crate) async fn worker_or_own(
        &self,
        context: &Context,
        hub: &mut Hub,
        enough: Enough,
    ) -> Result<Worker, Failure> {
        let workers = present(hub).await?;
        if let Some(text) = self.given()? {
            let id = find(text, workers.iter().map(|it| &it.id), enough)?;
            return pick(workers, &id);
        }
        let cwd = std::env::current_dir().unwrap_or_default();
        let caller = context.caller()?.unwrap_or_default();
        let id = own(&workers, &context.env, &caller, &cwd).ok_or_else(|| {
            Failure::user("this is no worker's window or worktree")
                .hint("name one: `wtmag list` shows them")
        })?;
        pick(workers, &id)
    }
}

/// The worker that is meant by `text`.
pub(crate) async fn worker(hub: &mut Hub, text: &str, enough: Enough) -> Result<Worker, Failure> {
    let workers = present(hub).await?;
    let id = find(text, workers.iter().map(|it| &it.id), enough)?;
    pick(workers, &id)
}

/// The same, or one that was cleaned up when its id is given in full.
pub(crate) async fn worker_or_ended(hub: &mut Hub, text: &str) -> Result<Worker, Failure> {
    let failure = match worker(hub, text, Enough::Part).await {
        Ok(worker) => return Ok(worker),
        Err(failure) => failure,
    };
    let answer = hub.ask_any(Request::List { ended: true }).await?;
    let Answer::Workers { workers, .. } = answer else { return Err(unexpected(&answer)) };
    let mut found = workers.into_iter().filter(|it| it.id.as_str() == text);
    found.next_back().ok_or(failure)
}

/// The workers that are meant by `texts`, each once.
pub(crate) async fn workers(
    hub: &mut Hub,
    texts: &[String],
    enough: Enough,
) -> Result<Vec<Worker>, Failure> {
    let workers = present(hub).await?;
    let mut found: Vec<WorkerId> = Vec::new();
    for text in texts {
        let id = find(text, workers.iter().map(|it| &it.id), enough)?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found.iter().map(|id| pick(workers.clone(), id)).collect()
}

/// All workers that were not cleaned up.
pub(crate) async fn present(hub: &mut Hub) -> Result<Vec<Worker>, Failure> {
    listed(hub.ask_any(Request::List { ended: false }).await?)
}

fn listed(answer: Answer) -> Result<Vec<Worker>, Failure> {
    let Answer::Workers { workers, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(workers)
}

fn pick(workers: Vec<Worker>, id: &WorkerId) -> Result<Worker, Failure> {
    let found = workers.into_iter().find(|it| it.id == *id);
    found.ok_or_else(|| Failure::bug(format!("worker `{id}` vanished")))
}

/// The id that `text` stands for. An id in full always means itself.
pub(crate) fn find<'a>(
    text: &str,
    ids: impl Iterator<Item = &'a WorkerId> + Clone,
    enough: Enough,
) -> Result<WorkerId, Failure> {
    if text.is_empty() {
        return Err(
            Failure::usage("an empty id names no worker").hint("`wtmag list --all` shows them")
        );
    }
    let text = text.to_lowercase();
    if let Some(id) = ids.clone().find(|id| id.as_str() == text) {
        return Ok(id.clone());
    }
    let fits = |id: &&WorkerId| match enough {
        Enough::Part => id.as_str().contains(&text),
        Enough::Prefix => id.as_str().starts_with(&text),
    };
    let found: Vec<&WorkerId> = ids.clone().filter(fits).collect();
    match found.as_slice() {
        [id] => Ok((*id).clone()),
        [] => Err(unknown(&text, ids)),
        several => {
            let message = format!("`{text}` may be any of {} workers", several.len());
            Err(Failure::user(message)
                .quote(several.iter().map(|id| id.as_str()))
                .hint("type more of the id"))
        }
    }
}

fn unknown<'a>(text: &str, ids: impl Iterator<Item = &'a WorkerId>) -> Failure {
    const CLOSE: f64 = 0.8;
    let scored = ids.map(|id| (strsim::jaro_winkler(text, id.as_str()), id));
    // Somebody who typed the middle of an id has to type its beginning here.
    let scored =
        scored.map(|(score, id)| (if id.as_str().contains(text) { 1.0 } else { score }, id));
    let nearest = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score >= CLOSE);
    let failure = Failure::user(format!("there is no worker `{text}`"));
    match nearest {
        Some((_, id)) => failure.hint(format!("did you mean `{id}`?")),
        None => failure.hint("`wtmag list --all` shows them"),
    }
}

/// The worker whose agent, pane or worktree the caller is in.
fn own(workers: &[Worker], env: &Env, caller: &Caller, cwd: &Path) -> Option<WorkerId> {
    let named = env.var("WTMAG_WORKER").and_then(|it| it.to_str());
    let has_pane = |worker: &Worker, pane: PaneId| worker.place.pane == pane && !worker.place.gone;
    let by_name = workers.iter().find(|it| Some(it.id.as_str()) == named);
    let by_pane = || workers.iter().find(|it| caller.pane.is_some_and(|pane| has_pane(it, pane)));
    let by_dir = || workers.iter().find(|it| cwd.starts_with(&it.worktree));
    by_name.or_else(by_pane).or_else(by_dir).map(|it| it.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<WorkerId> {
        let ids = ["blog-github-issue-4", "blog-github-issue-45", "blog-github-pr-7", "shop-x"];
        ids.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[track_caller]
    fn check(text: &str, enough: Enough, want: Result<&str, &str>) {
        let ids = ids();
        match (find(text, ids.iter(), enough), want) {
            (Ok(id), Ok(want)) => assert_eq!(id.as_str(), want),
            (Err(failure), Err(want)) => {
                let text = failure.to_string();
                assert!(text.contains(want), "{text}");
            }
            (found, want) => panic!("{found:?} is not {want:?}"),
        }
    }

    #[test]
    fn looking_takes_any_part_that_is_unique() {
        check("pr-7", Enough::Part, Ok("blog-github-pr-7"));
        check("45", Enough::Part, Ok("blog-github-issue-45"));
        check("Shop", Enough::Part, Ok("shop-x"));
    }

    #[test]
    fn an_id_in_full_is_itself_even_when_others_begin_with_it() {
        check("blog-github-issue-4", Enough::Part, Ok("blog-github-issue-4"));
        check("blog-github-issue-4", Enough::Prefix, Ok("blog-github-issue-4"));
    }

    #[test]
    fn changing_takes_a_beginning_only() {
        check("shop", Enough::Prefix, Ok("shop-x"));
        check("pr-7", Enough::Prefix, Err("did you mean `blog-github-pr-7`?"));
    }

    #[test]
    fn what_is_ambiguous_or_unknown_is_said() {
        check(
            "issue",
            Enough::Part,
            Err(
                "`issue` may be any of 2 workers\n  | blog-github-issue-4\n  | blog-github-issue-45\nhint: type more",
            ),
        );
        check("", Enough::Part, Err("an empty id names no worker"));
        check("nothing-like-it", Enough::Part, Err("wtmag list --all"));
        check("../x", Enough::Part, Err("there is no worker"));
        check("blog-github-isue-45", Enough::Part, Err("did you mean `blog-github-issue-45`?"));
    }

    #[test]
    fn a_flag_and_a_word_must_agree() {
        let both = |id: &str, flag: &str| Target {
            id: Some(id.to_owned()),
            by_flag: Some(flag.to_owned()),
        };
        assert_eq!(both("a", "a").given().unwrap(), Some("a"));
        assert!(both("a", "b").given().unwrap_err().to_string().contains("two workers"));
        assert!(Target::default().require().is_err());
    }
}
