//! Reserves an id and a place in tmux for the new worker while the rest is created.
use super::{
    order::{Order, Task},
    repo_context::RepoContext,
};
use crate::{
    cli::{Failure, unexpected},
    client::{self, Hub},
    git,
    model::{Answer, Kind, RefusalKind, Request, Reservation, Reserve},
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

/// How many hubs in a row may go away before the reservation succeeds.
const SUCCESSORS: usize = 10;

/// Reserves the id; the hub refuses if a worker already handles the task.
pub(super) async fn reserve(
    hub: &mut Hub,
    repo_context: &RepoContext,
    order: &Order,
) -> Result<Reserved, Failure> {
    for branch in branches(order) {
        let tip = repo_context.repo.branch_tip(&branch)?;
        let free = if tip.is_some() { Ok(()) } else { check_free(repo_context, order, &branch) };
        if is_numbered(order) && (tip.is_some() || free.is_err()) {
            continue;
        }
        free?;
        let answer = match hub.ask_any(preparation(repo_context, order, &branch)).await {
            Err(client::Error::Refused(refusal))
                if refusal.kind == RefusalKind::Exists && is_numbered(order) =>
            {
                continue;
            }
            other => other?,
        };
        let Answer::Reserved(reservation) = answer else { return Err(unexpected(&answer)) };
        if tip.is_some() {
            check_reuse(repo_context, order, &branch)?;
        }
        return Ok(Reserved { reservation, branch, keeper: hub.hello.pid });
    }
    Err(Failure::user("too many branches have that name with a number")
        .hint("choose one with `--name`"))
}

/// A hub that went away has forgotten the reservation: its successor is asked for the same one.
pub(super) async fn renew(
    hub: &mut Hub,
    repo_context: &RepoContext,
    order: &Order,
    reserved: &mut Reserved,
) -> Result<(), Failure> {
    for _ in 0..SUCCESSORS {
        // This also closes a window that a hub created but did not record.
        hub.ask_any(Request::Recover { id: reserved.reservation.id.clone() }).await?;
        if hub.hello.pid == reserved.keeper {
            return Ok(());
        }
        let keeper = hub.hello.pid;
        match hub.ask(preparation(repo_context, order, &reserved.branch)).await {
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

fn preparation(repo_context: &RepoContext, order: &Order, branch: &str) -> Request {
    Request::Reserve(Reserve {
        project: repo_context.repo.project(),
        repo: repo_context.repo.common_dir().to_owned(),
        branch: branch.to_owned(),
        source_key: order.task.outline().task_key(),
        placement: repo_context.placement,
        caller: repo_context.caller.clone(),
        is_served: repo_context.is_served,
        resumes: None,
    })
}

/// For a branch that does not exist here: checks that no remote or other branch blocks the name.
pub(super) fn check_free(
    repo_context: &RepoContext,
    order: &Order,
    branch: &str,
) -> Result<(), git::Error> {
    if order.reuse || order.task.kind() == Kind::Review {
        return Ok(());
    }
    git::check_free(&repo_context.repo, branch)
}

/// An existing branch is used only on request, and never if its worktree is the user's.
fn check_reuse(repo_context: &RepoContext, order: &Order, branch: &str) -> Result<(), Failure> {
    let worktree = repo_context.repo.worktree_of(branch)?;
    let is_main = worktree.as_ref().is_some_and(|it| it.is_main);
    let path = worktree.map(|it| it.path);
    if !order.reuse {
        return Err(git::Error::BranchExists { branch: branch.to_owned(), worktree: path }.into());
    }
    match path {
        Some(path) if is_main => Err(git::Error::MainWorktree { path }.into()),
        Some(_) | None => Ok(()),
    }
}

/// The branch; for a prompt, numbered alternatives in case it is taken.
pub(super) fn branches(order: &Order) -> impl Iterator<Item = String> {
    let first = order.name.clone().unwrap_or_else(|| order.task.outline().branch());
    let n = if is_numbered(order) { MAX_ALIKE } else { 1 };
    (1..=n).map(move |n| if n == 1 { first.clone() } else { format!("{first}-{n}") })
}

/// Two prompts are two tasks, even if they are alike.
pub(super) fn is_numbered(order: &Order) -> bool {
    matches!(order.task, Task::Prompt(_)) && order.name.is_none() && !order.reuse
}
