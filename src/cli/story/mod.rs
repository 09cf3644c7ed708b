//! What is known of a worker's work, written down for the next agent: `.wtmag/handoff.md`.
mod text;

use std::{collections::BTreeMap, fs, path::Path};

use self::text::{Said, Story, render};
use super::{Failure, events, unexpected};
use crate::{
    brief::{BOOTSTRAP, HANDOFF},
    client::Hub,
    clock,
    git::{
        self, Repo, Run,
        changes::{self, Form, Part, Subject},
    },
    model::{
        Answer, Delivery, Event, Happened, Item, ItemId, ItemKind, Request, Step, Timestamp, Worker,
    },
};

/// Rows of the former agent's screen.
const ROWS: usize = 40;
/// Messages of the former agent, and texts to it; the last ones.
const MESSAGES: usize = 10;
const TEXTS: usize = 30;
/// Commits that are listed; the newest.
const COMMITS: usize = 100;
/// Width of the list of changed files.
const WIDTH: usize = 100;

/// Whom it is written for: the worktree that gets the file.
pub(in crate::cli) enum To<'a> {
    /// The next agent of the worker, with what it is to do first.
    Next(&'a Path, Option<&'a str>),
    /// A new worker that starts from its newest commit.
    Copy(&'a Path),
}

/// Writes `.wtmag/handoff.md`.
pub(in crate::cli) async fn write(
    hub: &mut Hub,
    (worker, deliveries): (&Worker, &[Delivery]),
    (repo, to): (&Repo, To<'_>),
    run: &Run<'_>,
) -> Result<(), Failure> {
    let (path, words, is_copy) = match to {
        To::Next(path, words) => (path, words, false),
        To::Copy(path) => (path, None, true),
    };
    let mut events = events::load_all(hub, &worker.id).await?;
    // An earlier worker may have had the same id.
    events.retain(|it| it.at >= worker.history_since());
    let screen = screen(hub, worker).await?;
    let mut story = Story {
        worker,
        is_copy,
        words,
        now: clock::now(),
        told: told(deliveries),
        said: said(&events),
        open: open(&events),
        screen,
        commits: Vec::new(),
        committed: String::new(),
        uncommitted: String::new(),
        notes: Vec::new(),
        brief: None,
    };
    if !worker.is_orchestrator() {
        story.brief = fs::read_to_string(worker.worktree.join(".wtmag/prompt.md")).ok();
        add_changes(&mut story, repo, run).await?;
    }
    git::scratch::write_handoff(path, &render(&story))?;
    Ok(())
}

async fn add_changes(story: &mut Story<'_>, repo: &Repo, run: &Run<'_>) -> Result<(), Failure> {
    let worker = story.worker;
    let (git_dir, branch) = (worker.git_dir.as_path(), worker.branch.as_str());
    let subject = Subject { repo, git_dir, branch, base: worker.base.as_ref(), backup: None };
    let Some(sides) = changes::look(&subject, run).await? else { return Ok(()) };
    let form = Form::Stat { colour: false, width: Some(WIDTH) };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
    story.committed = text(sides.text(Part::Committed, form, run).await?);
    story.uncommitted = text(sides.text(Part::Uncommitted, form, run).await?);
    story.commits = sides.commits(run).await?;
    story.commits.truncate(COMMITS);
    story.notes = sides.notes.clone();
    Ok(())
}

/// The end of what it shows, if it has a window.
async fn screen(hub: &mut Hub, worker: &Worker) -> Result<Vec<String>, Failure> {
    if worker.place.gone || worker.ended.is_some() {
        return Ok(Vec::new());
    }
    let answer = hub.ask(Request::Show { id: worker.id.clone() }).await?;
    let Answer::Shown { screen, .. } = answer else { return Err(unexpected(&answer)) };
    let rows = screen.iter().flat_map(|it| it.last_lines(ROWS));
    Ok(rows.collect())
}

/// What it was told after its first prompt.
fn told(deliveries: &[Delivery]) -> Vec<Said> {
    let is_meant = |it: &&Delivery| {
        matches!(it.step, Step::Accepted) && ![BOOTSTRAP, HANDOFF].contains(&it.text.as_str())
    };
    let said = |it: &Delivery| Said {
        at: it.at(Step::Queued).unwrap_or(Timestamp(0)),
        text: it.text.clone(),
    };
    last(deliveries.iter().filter(is_meant).map(said).collect(), TEXTS)
}

fn said(events: &[Event]) -> Vec<Said> {
    let message = |event: &Event| {
        let Happened::Told { about, text } = &event.what else { return None };
        (about == "message").then(|| Said { at: event.at, text: text.clone() })
    };
    last(events.iter().filter_map(message).collect(), MESSAGES)
}

fn last(mut all: Vec<Said>, n: usize) -> Vec<Said> {
    all.drain(..all.len().saturating_sub(n));
    all
}

/// Questions by it and to it that nobody has answered.
fn open(events: &[Event]) -> Vec<Item> {
    let mut items: BTreeMap<ItemId, &Item> = BTreeMap::new();
    for event in events {
        if let Happened::Item { item } = &event.what {
            items.insert(item.id, item);
        }
    }
    let is_question = |it: &&Item| match it.kind {
        ItemKind::Question | ItemKind::Permission | ItemKind::Blocked => true,
        ItemKind::Answer => it.answer.is_none(),
        ItemKind::Done
        | ItemKind::Failed
        | ItemKind::Limited
        | ItemKind::Exited
        | ItemKind::Lost
        | ItemKind::Stalled
        | ItemKind::Delivery
        | ItemKind::Bell
        | ItemKind::Review
        | ItemKind::Run
        | ItemKind::Schedule
        | ItemKind::Other(_) => false,
    };
    let open = items.into_values().filter(|it| it.closed.is_none());
    open.filter(is_question).cloned().collect()
}

/// Its deliveries, oldest first.
pub(in crate::cli) async fn deliveries(
    hub: &mut Hub,
    worker: &Worker,
) -> Result<Vec<Delivery>, Failure> {
    let answer = hub.ask(Request::Receipts { worker: Some(worker.id.clone()) }).await?;
    let Answer::Receipts { mut deliveries, .. } = answer else { return Err(unexpected(&answer)) };
    // An earlier worker may have had the same id.
    let began = |it: &Delivery| it.steps.first().map(|first| first.at);
    deliveries.retain(|it| began(it).is_some_and(|at: Timestamp| at >= worker.created));
    deliveries.sort_by_key(|it| it.id);
    Ok(deliveries)
}
