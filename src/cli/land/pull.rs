//! Lands a worker's work by merging its pull request on the forge, at exactly the commit that was
//! checked.
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Job,
    look::{Looked, confirm, judge, look},
    report::Done,
};
use crate::{
    cli::{
        Failure, cleanup::end, failure::Kind, outcome::interrupt, progress::Progress, pulls_job,
        worktree_tool::Asked,
    },
    client::Hub,
    clock,
    config::{self, PrMethod},
    git::{
        News, Repo, Run,
        land::{self, LandOptions, Mode},
    },
    model::{Checks, Landed, PullState, Request, Worker, pull_name},
    sources::{self, pulls},
};

/// How often the forge is asked while its checks run: it tells nothing by itself.
const EVERY: Duration = Duration::from_secs(5);

pub(super) async fn land(
    job: &Job<'_>,
    hub: &mut Hub,
    worker: &Worker,
    (repo, land): (&Repo, &config::Land),
) -> Result<Done, Failure> {
    let id = &worker.id;
    let cx = sources::Context::new(repo.home(), job.cancel);
    let progress = Progress::new(&job.context.env);
    let url = url(&cx, repo, worker, &progress).await?;
    progress.step(format!("asking for {url}"));
    let pull = waited(job, &cx, &url, &progress).await?;
    let need = job.need(land);
    let options = LandOptions { mode: Mode::Merge, branch: &worker.branch, message: None };
    let (looked, lock) =
        look(job, hub, worker, (repo, Some(&pull.base), options), &progress).await?;
    judge(job, hub, &looked, (&need, Some(&pull))).await?;
    let mut done = done(&looked, &pull, land, job.args.dry_run);
    drop(lock);
    if job.args.dry_run {
        return Ok(done);
    }
    drop(progress);
    confirm(job, &looked, land, (&pull.base, &done.mode)).await?;
    if !done.already {
        done.commit = pulls::merge(&cx, &url, &pull.head, method(land)).await?;
    }
    let landed = Landed {
        into: pull.base.clone(),
        commit: Some(done.commit.clone()).filter(|it| !it.is_empty()),
        tip: pull.head.clone(),
        how: "pr".to_owned(),
        at: clock::now(),
    };
    hub.ask(Request::Landed { id: id.clone(), landed }).await?;
    done.notes.extend(fetch(job, repo, &pull.base).await?);
    if !job.args.keep {
        let (how, mut asked) = (end::How::default(), Asked::default());
        asked.about_removal(job.context, &looked.worker, job.cancel).await?;
        let removed = end::remove(job.context, hub, &looked.worker, how, job.cancel).await;
        done.removed = Some(removed.map_err(|failure| {
            failure.hint(format!("{url} is merged, but the worker is still there"))
        })?);
    }
    Ok(done)
}

/// The pull request that is known, else the one that the forge has for the branch.
async fn url(
    cx: &sources::Context<'_>,
    repo: &Repo,
    worker: &Worker,
    progress: &Progress,
) -> Result<String, Failure> {
    if let Some(url) = &worker.pr {
        return Ok(url.clone());
    }
    let branch = &worker.branch;
    progress.step(format!("asking for the pull request of `{branch}`"));
    let found = pulls_job::find(cx, repo, worker).await;
    found.url.ok_or_else(|| {
        let why = match found.error {
            Some(error) => format!("the pull request of `{branch}` is not known: {error}"),
            None => {
                format!(
                    "there is no open pull request for `{branch}` at a commit that your clone has"
                )
            }
        };
        Failure::user(why).hint("`--mode merge`, `squash` or `rebase` lands it without one")
    })
}

/// The pull request, once its checks are over; at most as long as the user waits.
async fn waited(
    job: &Job<'_>,
    cx: &sources::Context<'_>,
    url: &str,
    progress: &Progress,
) -> Result<PullState, Failure> {
    let until = job.args.wait.map(|it| Instant::now() + it);
    loop {
        let pull = pulls::state(cx, url).await?;
        let Some(until) = until.filter(|_| pull.is_open && pull.checks == Checks::Pending) else {
            return Ok(pull);
        };
        if Instant::now() >= until {
            return Err(Failure::new(Kind::Waited, format!("the checks of {url} still run")));
        }
        progress.step(format!("waiting for the checks of {url}"));
        tokio::select! {
            () = sleep(EVERY) => {}
            () = interrupt(job.cancel) => return Err(Failure::interrupted()),
        }
    }
}

fn done(looked: &Looked, pull: &PullState, land: &config::Land, dry_run: bool) -> Done {
    Done {
        worker: looked.worker.clone(),
        into: pull.base.clone(),
        from: String::new(),
        commit: pull.merge_commit.clone().unwrap_or_default(),
        mode: format!("pr {}, {}", method(land), pull_name(&pull.url)),
        commits: looked.facts.commits.clone(),
        already: pull.is_merged,
        dry_run,
        to_push: 0,
        remote: None,
        removed: None,
        notes: Vec::new(),
    }
}

fn method(land: &config::Land) -> &'static str {
    match land.pr {
        PrMethod::Merge => "merge",
        PrMethod::Squash => "squash",
        PrMethod::Rebase => "rebase",
    }
}

/// Brings the merged base here. Without it nothing is lost, so a failure is a note.
async fn fetch(job: &Job<'_>, repo: &Repo, base: &str) -> Result<Option<String>, Failure> {
    let mut tell = |_: &News| {};
    let run = Run { cancel: job.cancel, tell: &mut tell };
    Ok(land::fetch(repo, base, &run).await?)
}
