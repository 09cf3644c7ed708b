//! Reads everything about a worker that is to be landed, and refuses or asks.
use super::{
    Job,
    refuse::{Case, Refusal, refusals},
};
use crate::{
    cli::{
        Failure,
        cleanup::{check, panes},
        message,
        progress::Progress,
        resolve, unexpected,
    },
    client::Hub,
    config::{self, LandNeed},
    git::{
        News, Repo, RepoLock, Run,
        land::{self, Facts, LandOptions, Outcome, Subject},
        removal::Loss,
    },
    model::{Answer, Delivery, PullState, Request, Worker},
};

/// What was found out about one worker.
pub(super) struct Looked {
    pub(super) worker: Worker,
    deliveries: Vec<Delivery>,
    losses: Vec<Loss>,
    pub(super) facts: Facts,
    busy_target: Option<String>,
}

/// Reads everything about one worker; the lock is to be held until the caller has acted.
pub(super) async fn look(
    job: &Job<'_>,
    hub: &mut Hub,
    worker: &Worker,
    (repo, into, options): (&Repo, Option<&str>, LandOptions<'_>),
    progress: &Progress,
) -> Result<(Looked, RepoLock), Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel: job.cancel, tell: &mut tell };
    let answer = hub.ask(Request::Show { id: worker.id.clone() }).await?;
    let Answer::Shown { worker, deliveries, .. } = answer else { return Err(unexpected(&answer)) };
    let panes = panes::look(hub, &worker, &run).await?;
    let others = resolve::present(hub).await?;
    let lock = RepoLock::acquire(repo, &mut run).await?;
    let checked =
        check::in_repository(&lock, &worker, job.args.keep, &panes.known, &mut run).await?;
    let mut losses = checked.losses;
    losses.extend(panes.busy);
    let subject =
        Subject { repo, git_dir: &worker.git_dir, base: worker.base.as_ref(), into, options };
    let facts = land::look(&lock, &subject, &mut run).await?;
    let busy_target = busy_target(&facts, &others);
    Ok((Looked { worker: *worker, deliveries, losses, facts, busy_target }, lock))
}

/// Refuses, with all reasons at once.
pub(super) async fn judge(
    job: &Job<'_>,
    hub: &mut Hub,
    looked: &Looked,
    (need, pull): (&[LandNeed], Option<&PullState>),
) -> Result<(), Failure> {
    let case = Case {
        worker: &looked.worker,
        deliveries: &looked.deliveries,
        losses: &looked.losses,
        facts: &looked.facts,
        need,
        keep: job.args.keep,
        pull,
        busy_target: looked.busy_target.as_deref(),
    };
    let against = refusals(&case);
    if against.is_empty() {
        return Ok(());
    }
    let id = &looked.worker.id;
    let lines: Vec<String> = against.iter().map(Refusal::to_string).collect();
    let mut failure = Failure::user(format!("`{id}` cannot be landed")).quote(&lines);
    let mut hints: Vec<String> = against.iter().filter_map(|it| it.hint(&case)).collect();
    hints.dedup();
    if let ([Refusal::Conflict { into, files, .. }], true) = (against.as_slice(), job.args.tell) {
        hints = vec![tell(hub, &looked.worker, into, &files.to_string()).await?];
    }
    for hint in hints {
        failure = failure.hint(hint);
    }
    Err(failure.detail(serde_json::json!({ "reasons": lines })))
}

/// With `[land] confirm`: shows the changes and asks.
pub(super) async fn confirm(
    job: &Job<'_>,
    looked: &Looked,
    land: &config::Land,
    (into, mode): (&str, &str),
) -> Result<(), Failure> {
    if !land.confirm || job.args.yes {
        return Ok(());
    }
    let context = job.context;
    let repo = Repo::discover(&looked.worker.repo)?;
    let mut tell = |_: &News| {};
    let run = Run { cancel: job.cancel, tell: &mut tell };
    if let (Some(Outcome::Ready { commit }), Some(target)) =
        (&looked.facts.outcome, &looked.facts.target)
    {
        let stat = land::stat(&repo, (&target.tip, commit), &run).await?;
        context.say(stat.trim_end());
    }
    context.ask_user(&format!("Land `{}` in `{into}` ({mode})? [y/N] ", looked.worker.id));
    let line = context.read_line(job.cancel).await?;
    if ["y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::user("nothing was landed"))
}

/// The worker at work in the worktree that has the target checked out.
fn busy_target(facts: &Facts, workers: &[Worker]) -> Option<String> {
    let paths = facts.target.iter().flat_map(|it| &it.checkouts).map(|it| &it.path);
    let is_busy = |it: &&Worker| check::is_busy(it) && !it.is_orchestrator();
    paths
        .filter_map(|path| workers.iter().filter(is_busy).find(|it| it.worktree == *path))
        .map(|it| it.id.to_string())
        .next()
}

/// Asks the agent to resolve the conflicts. Returns what was done, as a hint.
async fn tell(hub: &mut Hub, worker: &Worker, into: &str, files: &str) -> Result<String, Failure> {
    let text = format!(
        "Your branch `{}` cannot be landed: it conflicts with `{into}` in {files}. Merge `{into}` \
         into your branch (`git merge {into}`), resolve the conflicts, run the tests and commit.",
        worker.branch
    );
    let new = message::compose(worker, &text, message::How::default())?;
    let answer = hub.ask(Request::Send(new)).await?;
    let Answer::Queued { delivery, .. } = answer else { return Err(unexpected(&answer)) };
    Ok(format!("the agent was asked to resolve them (text {})", delivery.id))
}
