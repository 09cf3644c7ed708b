//! Looks at workers of one repository for the hub, in a process of its own: git may be slow, and runs
//! a project's filters.
use std::process::ExitCode;

use super::{Context, Failure, job};
use crate::{
    clock,
    git::{
        self, Repo, Run,
        changes::{self, Subject},
        land::{self, Found},
    },
    model::{Changes, Kind, Landed, Looked, Worker, error_chain},
    proc,
    wire::LookJob,
};

/// Look at workers of one repository (internal)
///
/// Reads a job from standard input and prints what was seen, both as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let job = job::read(LookJob::parse)?;
    let mut seen = Vec::new();
    for worker in &job.workers {
        seen.push(look(worker, job.counts).await);
    }
    context.print_json(&seen)?;
    Ok(ExitCode::SUCCESS)
}

/// One that cannot be read does not keep the others.
async fn look(worker: &Worker, counts: bool) -> Looked {
    let mut seen = Looked { worker: worker.id.clone(), changes: None, landed: None, error: None };
    if let Err(error) = fill(worker, counts, &mut seen).await {
        seen.error = Some(error_chain(&error));
    }
    seen
}

async fn fill(worker: &Worker, counts: bool, seen: &mut Looked) -> Result<(), git::Error> {
    let repo = Repo::discover(&worker.repo)?;
    let (cancel, mut tell) = (proc::never(), |_: &git::News| {});
    let run = Run { cancel: &cancel, tell: &mut tell };
    if counts {
        let subject = Subject {
            repo: &repo,
            git_dir: &worker.git_dir,
            branch: &worker.branch,
            base: worker.base.as_ref(),
            backup: None,
        };
        seen.changes = changes::count(&subject, clock::now(), &run).await?;
    }
    if worker.kind != Kind::Review && worker.state.landed.is_none() {
        seen.landed = landed(&repo, worker, seen.changes.as_ref(), &run).await?;
    }
    Ok(())
}

/// Where others have landed its work, as far as that is proven by what is here.
async fn landed(
    repo: &Repo,
    worker: &Worker,
    changes: Option<&Changes>,
    run: &Run<'_>,
) -> Result<Option<Landed>, git::Error> {
    let known = changes.or(worker.work.changes.as_ref());
    let last: Vec<String> = known.map(|it| it.head.clone()).into_iter().collect();
    let subject = (worker.branch.as_str(), worker.base.as_ref());
    let (into, tip) = match land::find_here(repo, subject, &last, run).await? {
        Found::Contained { into, tip } | Found::SameFiles { into, tip } => (into, tip),
        Found::Gone | Found::Empty | Found::Not => return Ok(None),
    };
    let how = "found".to_owned();
    Ok(Some(Landed { into, commit: None, tip, how, at: clock::now() }))
}
