//! Follows a run to its end: each change of a task is a line, what is at work is the progress.
use std::process::ExitCode;

use super::{one, view};
use crate::{
    cli::{Context, Failure, outcome::interrupt, progress::Progress, resolve},
    client::Hub,
    model::{Happened, Request, Run, RunId, TaskState, Worker},
    text::count,
};

pub(super) async fn follow(context: &Context, id: RunId) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let progress = Progress::new(&context.env);
    let following = to_the_end(context, id, &progress);
    let (mut hub, run) = tokio::select! {
        done = following => done?,
        () = interrupt(&cancel) => {
            let hint = format!("the run continues; to follow it again: wtmag run show {id} --wait");
            return Err(Failure::interrupted().hint(hint));
        }
    };
    drop(progress);
    view::print(context, &mut hub, &run).await?;
    let is_done = run.tasks.iter().all(|it| matches!(it.state, TaskState::Done { .. }));
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A hub that ends on the way is started again.
async fn to_the_end(
    context: &Context,
    id: RunId,
    progress: &Progress,
) -> Result<(Hub, Run), Failure> {
    let mut known: Option<Run> = None;
    loop {
        let (mut hub, _) =
            context.hub_that_answers(Request::Subscribe { workers: Vec::new() }).await?;
        loop {
            let run = one(&mut hub, Request::Runs { run: Some(id) }).await?;
            let workers = resolve::present(&mut hub).await?;
            tell(context, progress, known.as_ref(), &run, &workers);
            if run.over.is_some() {
                return Ok((hub, run));
            }
            known = Some(run);
            match next(&mut hub, id, &workers).await {
                Ok(()) => {}
                Err(error) if error.is_gone() => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Waits until something has changed that is shown.
async fn next(hub: &mut Hub, id: RunId, workers: &[Worker]) -> Result<(), crate::client::Error> {
    loop {
        let event = hub.event().await?;
        if let Happened::Run { run, .. } = &event.what
            && *run == id
        {
            return Ok(());
        }
        let is_state =
            matches!(&event.what, Happened::Turn(_) | Happened::Process(_) | Happened::Reported(_));
        if is_state && workers.iter().any(|it| Some(&it.id) == event.worker.as_ref()) {
            return Ok(());
        }
    }
}

fn tell(
    context: &Context,
    progress: &Progress,
    before: Option<&Run>,
    run: &Run,
    workers: &[Worker],
) {
    for (task, n) in run.tasks.iter().zip(1..) {
        let was = before.and_then(|it| it.task(n)).map(|it| it.state.name());
        let name = task.state.name();
        if task.state.is_over() && before.is_some() && was != Some(name) {
            let line = format!("task {n} {name}: {}", view::line(task, None));
            progress.above(|| context.say(&line));
        }
    }
    let at_work = run.tasks.iter().filter_map(|it| {
        let worker = workers.iter().find(|worker| Some(&worker.id) == it.state.worker())?;
        it.state.is_begun().then(|| format!("{} {}", worker.short_name(), worker.state.word()))
    });
    let at_work: Vec<String> = at_work.collect();
    let n = count(run.tasks.len(), "task");
    progress.step(format!("run {}, {n}: {}; {}", run.id, run.account(), at_work.join(", ")));
}
