//! What the hub has a child do for a task of a run: create its worker, or land its work.
//!
//! The hub runs it again after a crash. It accepts one worker for each attempt, and a landing that is
//! done counts as done.
use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use crate::{
    cli::{Context, Failure, create, job, land},
    model::{Caller, RunJob, RunWork, error_chain},
    proc::{self, Cmd},
    wire::{RunJobResult, read_run_job},
};

/// Create or land for a task of a run (internal)
///
/// Reads a job from standard input and prints the result, both as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let done = match read_run_job(&job::text()?) {
        Ok(job) => work(context, &job).await.map_err(|failure| {
            // The hub that would read it may be gone.
            write!(io::stderr(), "{failure}").unwrap_or_default();
            failure.line()
        }),
        Err(error) => Err(error_chain(&error)),
    };
    match done {
        Ok(landed) => {
            context.print_json(&RunJobResult { landed, ..RunJobResult::default() })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            context.print_json(&RunJobResult::failed(error))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn work(context: &Context, job: &RunJob) -> Result<Option<String>, Failure> {
    match &job.work {
        RunWork::Create { args } => {
            let caller = caller(context, job).await?;
            let of_run = create::OfRun { attempt: job.attempt, caller };
            create::for_run(context, args, of_run).await.map(|()| None)
        }
        RunWork::Land { worker, args } => land::for_run(context, worker, args).await.map(Some),
        RunWork::Other(_) => {
            Err(Failure::bug("the hub sent a job that this version of wtmag does not know"))
        }
    }
}

/// The place that the run was started from, if the server is still the same one.
async fn caller(context: &Context, job: &RunJob) -> Result<Option<Caller>, Failure> {
    let (Some(server), true) = (job.server, job.caller.session.is_some()) else { return Ok(None) };
    let socket = context.whereabouts()?.tmux_socket;
    let tmux = proc::tmux(&socket).await;
    let cmd = Cmd::new(tmux, Path::new("/")).args(["-N", "-S"]).args([&socket]);
    let cmd = cmd.args(["display-message", "-p", "#{pid} #{start_time}"]);
    let output = cmd.run(&proc::never()).await.ok().filter(proc::Output::is_success);
    let now = output.map(|it| it.stdout_text().trim().to_owned());
    let same = format!("{} {}", server.pid, server.started);
    Ok(now.filter(|it| *it == same).map(|_| job.caller.clone()))
}
