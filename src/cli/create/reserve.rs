//! Reserves an id and a place in tmux for the new worker while the rest is created.
use std::time::Duration;

use super::{
    options::{CreateOptions, Task},
    repo_context::RepoContext,
};
use crate::{
    cli::{Failure, progress::Progress, unexpected},
    client::{self, ANSWER_LIMIT, Hub},
    clock, git,
    model::{Answer, InLine, Kind, RefusalKind, Request, Reservation, Reserve, Room, Timestamp},
};

/// The hub's reservation.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) reservation: Reservation,
    pub(super) branch: String,
    /// Pid of the hub that holds it. The reservation ends with that hub.
    keeper: u32,
}

/// Prompts that begin alike get branches with numbers.
const MAX_ALIKE: u32 = 1000;

/// Longest wait for the next place in line.
const NEWS: Duration = Duration::from_secs(24 * 3600);

/// How many hubs in a row may go away before the reservation succeeds.
const SUCCESSORS: usize = 10;

/// Reserves the id; the hub refuses if a worker already handles the task.
pub(super) async fn reserve(
    hub: &mut Hub,
    repo_context: &RepoContext,
    options: &CreateOptions,
    progress: &Progress,
) -> Result<Reserved, Failure> {
    let mut turn = Turn { since: clock::now(), has_waited: false };
    for branch in branches(options) {
        let tip = repo_context.repo.branch_tip(&branch)?;
        let free = if tip.is_some() { Ok(()) } else { check_free(repo_context, options, &branch) };
        if is_numbered(options) && (tip.is_some() || free.is_err()) {
            continue;
        }
        free?;
        let reservation = match turn.ask(hub, (repo_context, options, &branch), progress).await {
            Err(client::Error::Refused(refusal))
                if refusal.kind == RefusalKind::Exists && is_numbered(options) =>
            {
                continue;
            }
            other => other?,
        };
        if turn.has_waited && repo_context.repo.branch_tip(&branch)? != tip {
            // Another command took the name meanwhile.
            let id = reservation.id.clone();
            hub.ask_any(Request::Release { id }).await?;
            if is_numbered(options) {
                continue;
            }
            check_reuse(repo_context, options, &branch)?;
            return Err(Failure::user(format!("branch `{branch}` changed while this waited"))
                .hint("try again"));
        }
        if tip.is_some() {
            check_reuse(repo_context, options, &branch)?;
        }
        return Ok(Reserved { reservation, branch, keeper: hub.hello.pid });
    }
    Err(Failure::user("too many branches have that name with a number")
        .hint("choose one with `--name`"))
}

/// One client's place in line.
struct Turn {
    since: Timestamp,
    has_waited: bool,
}

impl Turn {
    /// Reserves it; with `--queue`, as soon as there is room.
    async fn ask(
        &mut self,
        hub: &mut Hub,
        (repo_context, options, branch): (&RepoContext, &CreateOptions, &str),
        progress: &Progress,
    ) -> Result<Reservation, client::Error> {
        let mut place = 0;
        loop {
            let mut room = repo_context.loaded.config.limits.room(&repo_context.agent.name);
            room.line = options.queue.then_some(InLine { since: self.since, place });
            let limit = if place == 0 { ANSWER_LIMIT } else { NEWS };
            let request = preparation(repo_context, options, (branch, room));
            let answer = hub.ask_any_within(request, limit).await?;
            if let Answer::Reserved(reservation) = answer {
                return Ok(reservation);
            }
            let Answer::InLine { place: now, of } = answer else {
                return Err(client::Error::Unexpected);
            };
            self.has_waited = true;
            place = now;
            progress.step(format!("waiting until another worker ends: {now} of {of} in line"));
        }
    }
}

/// A hub that went away has forgotten the reservation: its successor is asked for the same one.
pub(super) async fn renew(
    hub: &mut Hub,
    repo_context: &RepoContext,
    options: &CreateOptions,
    reserved: &mut Reserved,
) -> Result<(), Failure> {
    for _ in 0..SUCCESSORS {
        // This also closes a window that a hub created but did not record.
        hub.ask_any(Request::Recover { id: reserved.reservation.id.clone() }).await?;
        if hub.hello.pid == reserved.keeper {
            return Ok(());
        }
        let keeper = hub.hello.pid;
        // There was room for it.
        let again = (reserved.branch.as_str(), Room::default());
        match hub.ask(preparation(repo_context, options, again)).await {
            Ok(Answer::Reserved(reservation)) if reservation.id == reserved.reservation.id => {
                reserved.keeper = keeper;
                return Ok(());
            }
            Ok(Answer::Reserved(_)) => break,
            Ok(other) => return Err(unexpected(&other)),
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let id = &reserved.reservation.id;
    Err(Failure::user(format!("another worker took the name `{id}` in the meantime"))
        .hint("try again"))
}

fn preparation(
    repo_context: &RepoContext,
    options: &CreateOptions,
    (branch, room): (&str, Room),
) -> Request {
    Request::Reserve(Reserve {
        project: repo_context.repo.project(),
        repo: repo_context.repo.common_dir().to_owned(),
        branch: branch.to_owned(),
        source_key: options.task.outline().task_key(),
        placement: repo_context.placement,
        caller: repo_context.caller.clone(),
        is_served: repo_context.is_served,
        resumes: None,
        ends_agent: false,
        room,
        attempt: options.of_run.as_ref().map(|it| it.attempt),
    })
}

/// For a branch that does not exist here: checks that no remote or other branch blocks the name.
pub(super) fn check_free(
    repo_context: &RepoContext,
    options: &CreateOptions,
    branch: &str,
) -> Result<(), git::Error> {
    if options.reuse || options.task.kind() == Kind::Review {
        return Ok(());
    }
    git::check_free(&repo_context.repo, branch)
}

/// An existing branch is used only on request, and never if its worktree is the user's.
fn check_reuse(
    repo_context: &RepoContext,
    options: &CreateOptions,
    branch: &str,
) -> Result<(), Failure> {
    let worktree = repo_context.repo.worktree_of(branch)?;
    let is_main = worktree.as_ref().is_some_and(|it| it.is_main);
    let path = worktree.map(|it| it.path);
    if !options.reuse {
        return Err(git::Error::BranchExists { branch: branch.to_owned(), worktree: path }.into());
    }
    match path {
        Some(path) if is_main => Err(git::Error::MainWorktree { path }.into()),
        Some(_) | None => Ok(()),
    }
}

/// The branch; for a prompt, numbered alternatives in case it is taken.
pub(super) fn branches(options: &CreateOptions) -> impl Iterator<Item = String> {
    let fork = options.fork.as_ref().filter(|it| it.waits);
    let fork = fork.map(|it| format!("{}-fork", it.worker.branch));
    let first = options.name.clone().or(fork).unwrap_or_else(|| options.task.outline().branch());
    let n = if is_numbered(options) { MAX_ALIKE } else { 1 };
    (1..=n).map(move |n| if n == 1 { first.clone() } else { format!("{first}-{n}") })
}

/// Two prompts are two tasks, even if they are alike.
pub(super) fn is_numbered(options: &CreateOptions) -> bool {
    matches!(options.task, Task::Prompt(_)) && options.name.is_none() && !options.reuse
}
