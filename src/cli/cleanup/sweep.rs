//! `wtmag cleanup --merged`: removes every worker whose work is provably part of another branch.
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    check,
    end::{self, How},
};
use crate::{
    cli::{
        Context, Failure, board, output::count, progress::Progress, resolve, worktree_tool::Asked,
    },
    client::Hub,
    clock,
    git::{
        News, Repo, RepoLock, Run,
        land::{self, Found},
    },
    model::{AgentState, Landed, PullState, Request, Timestamp, Worker},
    proc::Cancel,
    sources::{self, pulls},
};

/// What is decided about one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// With the proof, as a phrase.
    Remove { proof: String },
    /// With the reason, as a phrase.
    Keep { why: String },
}

/// A worker with its verdict, and what was done.
struct Row {
    worker: Worker,
    verdict: Verdict,
    outcome: Option<Result<end::Removed, String>>,
}

pub(super) async fn run(
    context: &Context,
    hub: &mut Hub,
    (all, dry_run): (bool, bool),
    cancel: &Cancel,
) -> Result<ExitCode, Failure> {
    let project = if all { None } else { context.project() };
    let workers = resolve::present(hub).await?;
    let is_meant = |it: &Worker| project.as_ref().is_none_or(|repo| it.repo == *repo);
    let since = clock::now();
    let (mut rows, mut asked) = (Vec::new(), Asked::default());
    for worker in workers.into_iter().filter(is_meant) {
        let progress = Progress::new(&context.env);
        progress.step(format!("checking {}", worker.id));
        let (verdict, landed) = look(hub, &worker, since, (&progress, cancel)).await?;
        drop(progress);
        let mut outcome = None;
        if let (Verdict::Remove { .. }, false) = (&verdict, dry_run) {
            if let Some(landed) = landed {
                let id = worker.id.clone();
                hub.ask(Request::Landed { id, landed }).await?;
                let repo = Repo::discover(&worker.repo)?;
                let moved = board::moved(context, &repo, &worker, board::Moment::Land, cancel);
                moved.await.iter().for_each(|it| context.say(&format!("note: {it}")));
            }
            asked.about_removal(context, &worker, cancel).await?;
            // One that cannot be removed does not keep the others.
            let removed = end::remove(context, hub, &worker, How::default(), cancel).await;
            outcome = Some(removed.map_err(|it| it.line()));
        }
        let row = Row { worker, verdict, outcome };
        if !context.json() {
            say(context, &row)?;
        }
        rows.push(row);
    }
    finish(context, &rows, dry_run)
}

fn finish(context: &Context, rows: &[Row], dry_run: bool) -> Result<ExitCode, Failure> {
    let failed = rows.iter().filter(|it| matches!(it.outcome, Some(Err(_)))).count();
    let code = if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if context.json() {
        let all: Vec<Value> = rows.iter().map(Row::to_json).collect();
        context.print_json(&all)?;
        return Ok(code);
    }
    let is_meant = |it: &&Row| matches!(it.verdict, Verdict::Remove { .. });
    let n = rows.iter().filter(is_meant).count();
    let (n, kept) = (count(n - failed, "worker"), rows.len() - n + failed);
    let would = if dry_run { "would be removed" } else { "removed" };
    context.print(&format!("{n} {would}, {kept} kept\n"))?;
    Ok(code)
}

fn say(context: &Context, row: &Row) -> Result<(), Failure> {
    let id = &row.worker.id;
    let text = match (&row.verdict, &row.outcome) {
        (Verdict::Keep { why }, _) => format!("kept: {why}"),
        (Verdict::Remove { proof }, None) => format!("would be removed: {proof}"),
        (Verdict::Remove { proof }, Some(Ok(removed))) => {
            removed.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
            format!("{}: {proof}", removed.describe(&row.worker))
        }
        (Verdict::Remove { .. }, Some(Err(error))) => format!("not removed: {error}"),
    };
    context.print(&format!("{id}  {text}\n"))
}

impl Row {
    fn to_json(&self) -> Value {
        let (verdict, why) = match &self.verdict {
            Verdict::Remove { proof } => ("remove", proof),
            Verdict::Keep { why } => ("keep", why),
        };
        let removed = self.outcome.as_ref().and_then(|it| it.as_ref().ok());
        let error = self.outcome.as_ref().and_then(|it| it.as_ref().err());
        json!({
            "id": self.worker.id, "verdict": verdict, "why": why, "error": error,
            "removed": removed.map(|it| it.to_json(&self.worker)),
        })
    }
}

/// Reads everything about one worker. A base that was fetched before `since` is fetched again.
async fn look(
    hub: &mut Hub,
    worker: &Worker,
    since: Timestamp,
    (progress, cancel): (&Progress, &Cancel),
) -> Result<(Verdict, Option<Landed>), Failure> {
    let keep = |why: &str| Ok((Verdict::Keep { why: why.to_owned() }, None));
    if worker.is_orchestrator() {
        return keep("it is an orchestrator");
    }
    if !worker.own().worktree {
        return keep("its worktree was there before it");
    }
    if let Some(why) = at_work(worker) {
        return Ok((Verdict::Keep { why }, None));
    }
    let Ok(repo) = Repo::discover(&worker.repo) else {
        return keep("its repository cannot be read");
    };
    let found = {
        let mut tell = |news: &News| progress.news(news);
        let mut run = Run { cancel, tell: &mut tell };
        let lock = RepoLock::acquire(&repo, &mut run).await?;
        let (branch, base) = (worker.branch.as_str(), worker.base.as_ref());
        let found = land::find(&repo, &lock, (branch, base, since), &mut run).await?;
        if matches!(found, Found::Gone) {
            // Who merged it, such as `wt merge`, may have deleted it: its last commits tell.
            land::find_here(&repo, (branch, base), &last_commits(worker), &run).await?
        } else {
            found
        }
    };
    let pull = match (&found, &worker.pr) {
        (Found::Not, Some(url)) => merged_pull(&repo, worker, url, cancel).await?,
        _ => None,
    };
    let landed = landed(&found, pull, worker);
    let Some((landed, proof)) = landed else {
        return keep(match found {
            Found::Gone => "its branch is gone",
            Found::Empty => "it has no commits yet",
            Found::Not | Found::Contained { .. } | Found::SameFiles { .. } => {
                "its work is in no other branch"
            }
        });
    };
    let as_landed = Worker {
        state: crate::model::WorkerState { landed: Some(landed.clone()), ..worker.state.clone() },
        ..worker.clone()
    };
    let checked = check::look(hub, &as_landed, false, (progress, cancel)).await?;
    if checked.losses.is_empty() {
        return Ok((Verdict::Remove { proof }, Some(landed)));
    }
    let lost: Vec<String> = checked.losses.iter().map(ToString::to_string).collect();
    Ok((Verdict::Keep { why: format!("{proof}, but it has {}", lost.join("; ")) }, None))
}

/// The last commits that its branch is known to have had.
fn last_commits(worker: &Worker) -> Vec<String> {
    let counted = worker.work.changes.as_ref().map(|it| it.head.clone());
    let landed = worker.state.landed.as_ref().map(|it| it.tip.clone());
    landed.into_iter().chain(counted).collect()
}

/// Why its agent must not be ended.
fn at_work(worker: &Worker) -> Option<String> {
    let turn = &worker.state.turn.value;
    let is_in_the_way = check::is_busy(worker) || worker.is_live() && *turn == AgentState::Draft;
    is_in_the_way.then(|| format!("the agent is `{}`", worker.state.word()))
}

/// Where the work is, and the proof as a phrase.
fn landed(
    found: &Found,
    pull: Option<(String, PullState)>,
    worker: &Worker,
) -> Option<(Landed, String)> {
    let at = worker.state.since();
    let known = worker.state.landed.as_ref();
    let record = |into: &str, tip: &str, how: &str, commit: Option<String>| {
        let same = known.filter(|it| it.tip == tip && it.into == into).cloned();
        same.unwrap_or_else(|| Landed {
            into: into.to_owned(),
            commit,
            tip: tip.to_owned(),
            how: how.to_owned(),
            at,
        })
    };
    match (found, pull) {
        (Found::Contained { into, tip }, _) => {
            Some((record(into, tip, "found", None), format!("`{into}` has its commits")))
        }
        (Found::SameFiles { into, tip }, _) => {
            Some((record(into, tip, "found", None), format!("`{into}` has its files")))
        }
        (Found::Not, Some((tip, pull))) => {
            let proof = format!("{} was merged at its commit", pull.url);
            let landed = Landed {
                into: pull.base,
                commit: pull.merge_commit,
                tip,
                how: "pr".to_owned(),
                at,
            };
            Some((landed, proof))
        }
        // It landed before its branch was deleted.
        (Found::Gone, _) => known.map(|it| (it.clone(), format!("it has landed in `{}`", it.into))),
        (Found::Empty | Found::Not, _) => None,
    }
}

/// The worker's pull request, if the forge merged it at exactly the branch's commit.
async fn merged_pull(
    repo: &Repo,
    worker: &Worker,
    url: &str,
    cancel: &Cancel,
) -> Result<Option<(String, PullState)>, Failure> {
    let cx = sources::Context::new(repo.home(), cancel);
    let Some(tip) = repo.branch_tip(&worker.branch)? else { return Ok(None) };
    match pulls::state(&cx, url).await {
        Ok(pull) if pull.is_merged && pull.head == tip => Ok(Some((tip, pull))),
        // Without the forge's answer, there is no proof.
        Ok(_) => Ok(None),
        Err(sources::Error::Cancelled) => Err(Failure::interrupted()),
        Err(_) => Ok(None),
    }
}
