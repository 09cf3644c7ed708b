//! Undoes what a failed `create` made: this one, or a killed one.
use super::build::{BuildError, Created, Job};
use crate::{
    cli::{Failure, progress::Progress},
    client::Hub,
    git::{self, CreateJournal, News, Run},
    model::{Request, WorkerId},
    proc,
};

/// Creates the worker, or restores the state before.
pub(super) async fn build_or_undo(mut job: Job<'_>, hub: &mut Hub) -> Result<Created, BuildError> {
    let id = job.reserved.reservation.id.clone();
    let dir = job.repo_context.hub.state.creates();
    let mut journal = git::undo::start(&dir, &job.repo_context.repo)?;
    let mut created = match job.build(hub, &mut journal).await {
        Ok(created) => created,
        Err(BuildError::Before(failure)) => {
            release(hub, id).await;
            return Err(BuildError::Before(undo(job.progress, journal, failure).await.0));
        }
        Err(BuildError::Taken(failure)) => {
            release(hub, id).await;
            let (failure, is_clean) = undo(job.progress, journal, failure).await;
            return Err(if is_clean {
                BuildError::Taken(failure)
            } else {
                BuildError::Before(failure)
            });
        }
        // The journal stays: the next command knows more.
        Err(BuildError::Unsure(failure)) => {
            let hint = format!("could not find out whether worker `{id}` was created");
            let failure = failure.hint(hint).hint("if it was, `wtmag list` shows it");
            return Err(BuildError::Unsure(failure));
        }
    };
    if job.options.carried.is_some() {
        created.journal = Some(journal);
        return Ok(created);
    }
    // The hub has the worker. If this fails, the next command sees the worker and removes the
    // journal.
    if let Err(error) = journal.commit() {
        job.progress.note(&error.to_string());
    }
    Ok(created)
}

/// If the hub cannot be told, it drops the reservation with the connection.
async fn release(hub: &mut Hub, id: WorkerId) {
    drop(hub.ask(Request::Release { id }).await);
}

/// The failure with what was not undone, and whether everything was.
async fn undo(progress: &Progress, journal: CreateJournal, failure: Failure) -> (Failure, bool) {
    progress.step("undoing");
    let mut tell = |news: &News| progress.news(news);
    let never = proc::never();
    let mut run = Run { cancel: &never, tell: &mut tell };
    match git::undo::undo(journal, &mut run).await {
        Ok(undone) => {
            let is_clean = undone.kept.is_empty();
            let failure = undone.kept.into_iter().fold(failure, |failure, kept| {
                failure.hint(format!("everything else was undone; kept {kept}"))
            });
            (failure, is_clean)
        }
        Err(error) => {
            let failure = failure
                .hint(format!("not everything could be undone: {error}"))
                .hint("the next `wtmag list` tries again");
            (failure, false)
        }
    }
}
