//! `wtmag orchestrate --status`: who directs the workers of a project.
use std::process::ExitCode;

use serde_json::json;

use crate::{
    cli::{
        Context, Failure,
        output::{age, count},
        resolve,
    },
    clock,
    git::Repo,
    model::{Timestamp, Worker, WorkerId},
};

/// Workers that are named in a line.
const NAMED: usize = 12;

pub(super) async fn run(
    context: &Context,
    repo: &Repo,
    name: Option<&str>,
) -> Result<ExitCode, Failure> {
    let mut workers = match context.hub_to_look().await? {
        Some(mut hub) => resolve::present(&mut hub).await?,
        None => Vec::new(),
    };
    workers.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let is_meant = |it: &&Worker| {
        it.is_orchestrator()
            && it.repo == repo.common_dir()
            && name.is_none_or(|name| it.source.key == name)
    };
    let found: Vec<&Worker> = workers.iter().filter(is_meant).collect();
    if context.json() {
        let all: Vec<_> = found.iter().map(|it| to_json(it, &workers)).collect();
        context.print_json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        context.print("no orchestrator in this project; `wtmag orchestrate` starts one\n")?;
    }
    for it in found {
        context.print(&text(it, &children(it, &workers), clock::now()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn children(of: &Worker, workers: &[Worker]) -> Vec<WorkerId> {
    let is_its = |it: &&Worker| it.parent.as_ref() == Some(&of.id);
    workers.iter().filter(is_its).map(|it| it.id.clone()).collect()
}

fn to_json(worker: &Worker, workers: &[Worker]) -> serde_json::Value {
    json!({
        "id": worker.id, "name": worker.source.key, "present": worker.is_live(),
        "state": worker.state.word().to_string(), "agent": worker.agent.name,
        "model": worker.agent.model, "since": worker.created, "last_seen": last_seen(worker),
        "session": worker.place.session_name, "workers": children(worker, workers),
    })
}

/// When its agent was last known to run; now, if it does.
fn last_seen(worker: &Worker) -> Timestamp {
    if worker.is_live() { clock::now() } else { worker.state.process.since }
}

fn text(worker: &Worker, children: &[WorkerId], now: Timestamp) -> String {
    let (id, agent, word) = (&worker.id, &worker.agent.name, worker.state.word());
    let since = age(now.since(worker.created));
    let seen = match worker.is_live() {
        true => String::new(),
        false => format!(", last seen {} ago", age(now.since(worker.state.process.since))),
    };
    let mut text = format!(
        "{id}  {agent}, {} for {}, started {since} ago{seen}\n",
        word.text_at(now),
        age(now.since(worker.state.since()))
    );
    let names: Vec<&str> = children.iter().take(NAMED).map(WorkerId::as_str).collect();
    let more = children.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    text += &match names.as_slice() {
        [] => "  no workers\n".to_owned(),
        names => format!("  {}: {}{more}\n", count(children.len(), "worker"), names.join(", ")),
    };
    text
}
