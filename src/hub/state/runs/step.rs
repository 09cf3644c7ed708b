//! What happens next in a run. Pure: the run, facts about its workers, and a time in; acts out.
//!
//! A task is over when its worker reported so, or came to rest with new commits or a pull request. A
//! time limit only says that it has failed; its worker stays as it is.
use std::{collections::BTreeSet, time::Duration};

use crate::{
    model::{OnFail, Outcome, Run, Task, TaskState, Timestamp, WorkerId},
    text::length,
};

/// Everything that decides, beside the run itself.
pub(super) struct Facts<'a> {
    /// No earlier run of the project holds it back.
    pub(super) may_begin: bool,
    /// Tasks whose program runs now: it creates the worker, or lands its work.
    pub(super) running: &'a BTreeSet<usize>,
    pub(super) worker: &'a dyn Fn(&WorkerId) -> Facet,
}

/// What is known of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facet {
    pub(super) condition: Condition,
    pub(super) reported: Option<Word>,
    pub(super) pr: Option<String>,
    /// Commits since it started, or why git could not count them; `None`: not counted since it came to rest.
    pub(super) commits: Option<Result<usize, String>>,
    pub(super) landed: Option<String>,
    /// It reviews and has nothing to commit.
    pub(super) reviews: bool,
}

/// What its worker is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// In a turn, in a dialog, or about to get a text.
    Busy,
    /// A turn is over, and nothing waits to be delivered.
    AtRest,
    /// Its prompt was not delivered, and it has not begun by itself.
    Unprompted(String),
    /// The agent has ended as it should.
    Ended,
    /// The agent or its window is gone.
    Gone(String),
    /// Lost with its server or machine: `wtmag resume` brings it back.
    Lost,
    /// The worker was removed.
    Removed,
}

/// What the worker reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Done(String),
    Failed(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Create the worker of a task.
    Create(usize),
    /// Land the work of a task.
    Land(usize),
    /// Count the new commits of the worker of a task.
    Count(usize),
}

/// Brings the run up to date.
pub(super) fn step(run: &mut Run, facts: &Facts<'_>, now: Timestamp) -> Vec<Act> {
    let mut acts = Vec::new();
    if run.over.is_some() {
        return acts;
    }
    let lands = run.order.land.is_some();
    let timeout = run.order.timeout_ms.map(Duration::from_millis);
    for (task, n) in run.tasks.iter_mut().zip(1..) {
        match &task.state {
            TaskState::Creating { .. } if !facts.running.contains(&n) => acts.push(Act::Create(n)),
            TaskState::AtWork { .. } => acts.extend(look(task, n, (lands, timeout), facts, now)),
            TaskState::Landing { worker, .. } if !facts.running.contains(&n) => {
                let facet = (facts.worker)(worker);
                match facet.landed {
                    Some(_) => task.state = done(worker, &facet, now),
                    None => acts.push(Act::Land(n)),
                }
            }
            TaskState::Queued
            | TaskState::Creating { .. }
            | TaskState::Landing { .. }
            | TaskState::Done { .. }
            | TaskState::Failed { .. }
            | TaskState::Skipped { .. }
            | TaskState::Other(_) => {}
        }
    }
    skip(run);
    acts.extend(begin(run, facts, now));
    if run.tasks.iter().all(|it| it.state.is_over()) {
        run.over = Some(now);
    }
    acts
}

/// Takes note of what workers have reported, before anything else is known of them: the next report, or a turn that
/// was under way, could replace it.
pub(super) fn heed(run: &mut Run, worker: impl Fn(&WorkerId) -> Facet, now: Timestamp) {
    let lands = run.order.land.is_some();
    for task in &mut run.tasks {
        let TaskState::AtWork { worker: id, .. } = &task.state else { continue };
        let (id, facet) = (id.clone(), Facet { condition: Condition::Busy, ..worker(id) });
        match verdict(&facet, lands) {
            Verdict::Done if facet.landed.is_none() => task.state = done(&id, &facet, now),
            Verdict::Failed(why) => {
                task.state = TaskState::Failed { worker: Some(id), at: now, why };
            }
            Verdict::Done | Verdict::Count | Verdict::Open => {}
        }
    }
}

/// When the run must be looked at again, although nothing happens.
pub(super) fn due(run: &Run, now: Timestamp) -> Option<Timestamp> {
    let timeout = run.order.timeout_ms.filter(|_| run.over.is_none())?;
    let since = run.tasks.iter().filter_map(|it| {
        if let TaskState::AtWork { since, .. } = &it.state { Some(*since) } else { None }
    });
    // A task whose limit has passed is over once its commits are counted.
    since.map(|it| Timestamp(it.0.saturating_add(timeout))).filter(|it| *it > now).min()
}

/// Whether a task at work is over.
fn look(
    task: &mut Task,
    n: usize,
    (lands, timeout): (bool, Option<Duration>),
    facts: &Facts<'_>,
    now: Timestamp,
) -> Option<Act> {
    let TaskState::AtWork { worker, since, .. } = &task.state else { return None };
    let (worker, since) = (worker.clone(), *since);
    let facet = (facts.worker)(&worker);
    match verdict(&facet, lands) {
        Verdict::Done if lands && facet.landed.is_none() => {
            task.state = TaskState::Landing { worker, since: now };
            return Some(Act::Land(n));
        }
        Verdict::Done => task.state = done(&worker, &facet, now),
        Verdict::Failed(why) => {
            task.state = TaskState::Failed { worker: Some(worker), at: now, why };
        }
        Verdict::Count => return Some(Act::Count(n)),
        Verdict::Open => {
            let limit = timeout.filter(|it| now.since(since) >= *it)?;
            let why = format!("timed out after {}; its worker keeps running", length(limit));
            task.state = TaskState::Failed { worker: Some(worker), at: now, why };
        }
    }
    None
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    /// The new commits are to be counted first.
    Count,
    Done,
    Failed(String),
}

fn verdict(facet: &Facet, lands: bool) -> Verdict {
    if facet.landed.is_some() {
        return Verdict::Done;
    }
    let is_at_rest = matches!(facet.condition, Condition::AtRest | Condition::Ended);
    match (&facet.reported, &facet.condition) {
        (Some(Word::Failed(text)), _) => return Verdict::Failed(format!("it reported: {text}")),
        // Only what is at rest can be landed.
        (Some(Word::Done(_)), _) if is_at_rest || !lands => return Verdict::Done,
        (_, Condition::Busy | Condition::Lost) => return Verdict::Open,
        (_, Condition::Gone(why)) => return Verdict::Failed(why.clone()),
        (_, Condition::Unprompted(why)) => {
            return Verdict::Failed(format!("its prompt was not delivered: {why}"));
        }
        (_, Condition::Removed) => return Verdict::Failed("its worker was removed".into()),
        (Some(Word::Done(_)) | None, Condition::AtRest | Condition::Ended) => {}
    }
    let has_pull = facet.pr.is_some() || facet.reviews;
    match &facet.commits {
        _ if has_pull => Verdict::Done,
        None => Verdict::Count,
        Some(Ok(0)) if facet.condition == Condition::Ended => {
            Verdict::Failed("the agent ended without a new commit or a pull request".into())
        }
        Some(Err(why)) if facet.condition == Condition::Ended => {
            Verdict::Failed(format!("the agent ended, and its commits could not be counted: {why}"))
        }
        // It asks something in its own words, or was interrupted; or that is unknown.
        Some(Ok(0) | Err(_)) => Verdict::Open,
        Some(Ok(_)) => Verdict::Done,
    }
}

pub(super) fn done(worker: &WorkerId, facet: &Facet, now: Timestamp) -> TaskState {
    let text = match &facet.reported {
        Some(Word::Done(text)) => text.clone(),
        Some(Word::Failed(_)) | None => String::new(),
    };
    let result = Outcome {
        commits: facet.commits.clone().and_then(Result::ok),
        pr: facet.pr.clone(),
        landed: facet.landed.clone(),
        text,
    };
    TaskState::Done { worker: worker.clone(), at: now, result }
}

/// After a stop, or a failure that stops the run, nothing new is begun.
fn skip(run: &mut Run) {
    let failed = |it: &Task| matches!(it.state, TaskState::Failed { .. }) && !it.forgiven;
    let failed = run.tasks.iter().position(failed).filter(|_| run.order.on_fail == OnFail::Stop);
    let why = match (run.stopped, failed) {
        (Some(_), _) => "the run was stopped".to_owned(),
        (None, Some(at)) => format!("task {} failed", at + 1),
        (None, None) => return,
    };
    for task in run.tasks.iter_mut().filter(|it| it.state == TaskState::Queued) {
        task.state = TaskState::Skipped { why: why.clone() };
    }
}

fn begin(run: &mut Run, facts: &Facts<'_>, now: Timestamp) -> Vec<Act> {
    let n_begun = run.tasks.iter().filter(|it| it.state.is_begun()).count();
    let n_free = if facts.may_begin { run.order.jobs.saturating_sub(n_begun) } else { 0 };
    // The program of one for which there was no room ends first.
    let is_free = |n: &usize| !facts.running.contains(n);
    let queued = run.tasks.iter_mut().zip(1..).filter(|(it, _)| it.state == TaskState::Queued);
    let queued = queued.filter(|(_, n)| is_free(n));
    let begun = queued.take(n_free).map(|(task, n)| {
        task.state = TaskState::Creating { since: now };
        Act::Create(n)
    });
    begun.collect()
}

#[cfg(test)]
mod tests;
