//! Looks at workers of one repository for the hub, in a process of its own: git may be slow, and runs
//! a project's filters.
use std::{
    io::{self, Read as _},
    process::ExitCode,
};

use super::{Context, Failure};
use crate::{
    clock,
    git::{
        self, Repo, Run,
        changes::{self, Subject},
    },
    model::{Changes, Looked, Worker, error_chain},
    proc,
    wire::LookJob,
};

/// Look at workers of one repository (internal)
///
/// Reads a job from standard input and prints what was seen, both as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    let job = LookJob::parse(&text).map_err(Failure::bug)?;
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
    if counts {
        match count(worker).await {
            Ok(changes) => seen.changes = changes,
            Err(error) => seen.error = Some(error_chain(&error)),
        }
    }
    seen
}

async fn count(worker: &Worker) -> Result<Option<Changes>, git::Error> {
    let repo = Repo::discover(&worker.repo)?;
    let subject = Subject {
        repo: &repo,
        git_dir: &worker.git_dir,
        branch: &worker.branch,
        base: worker.base.as_ref(),
        backup: None,
    };
    let (cancel, mut tell) = (proc::never(), |_: &git::News| {});
    let run = Run { cancel: &cancel, tell: &mut tell };
    changes::count(&subject, clock::now(), &run).await
}
