//! `wtmag orchestrate`: an agent that directs the workers of a project, in a session of its own.
mod dashboard;
mod persona;
mod start;
mod status;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use serde_json::json;

use self::start::Started;
use super::{
    Context, Failure, attach, cleanup, create,
    progress::Progress,
    receipt, resolve,
    resume::{self, Handoff, How, Resumed},
};
use crate::{
    agents::launch::Model,
    client::Hub,
    git::Repo,
    model::{Source, SourceKind, Worker},
    proc::Cancel,
};

/// Start an agent that directs the workers of this project, or go to it
///
/// You tell the orchestrator what you want done. It creates workers, learns from wtmag when they need something, and
/// reports to you. It runs in the session `PROJECT-orchestrator`, in the directory of your repository. If the
/// terminal has at least 130 columns, `wtmag watch` runs beside it. wtmag gives it a skill, and instructions for its
/// role. Your files in the repository and your agent's settings stay as they are.
///
/// If the orchestrator runs, wtmag goes there. If its agent has ended, wtmag starts it again with its conversation.
/// With --name, a project can have several orchestrators, for example one for each agent.
///
/// `wtmag list` lists it with the workers. `wtmag send`, `said`, `resume` and `handoff` work with it. `wtmag cleanup`
/// ends it, and deletes nothing in the repository. It does not count towards `[limits]` in the configuration.
///
/// codex cannot be given a skill when it starts: run `wtmag skill install --agent codex` once. `wtmag help
/// orchestrator` explains more.
///
/// With --json: {"id", "agent", "session", "pane", "what": "started", "resumed" or "running", "notes": […]}; with --status an array
/// of {"id", "name", "present", "state", "agent", "model", "since", "last_seen", "session", "workers": ids}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Agent to start [default: `name` in `[agents.default]`]
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Model and thinking level, as in `wtmag create`
    #[arg(long, value_name = "PROVIDER/MODEL[:THINKING]")]
    model: Option<String>,
    /// Start, or go to, a further orchestrator of the project, in the session `PROJECT-orchestrator-NAME`
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Add a persona to its instructions: a file, or the name of one in `~/.config/wtmag/personas` or in the
    /// repository's `wtmag-personas`. wtmag asks you to approve a persona of the repository
    #[arg(long, value_name = "FILE|NAME")]
    persona: Option<String>,
    /// Do not open the dashboard beside it
    #[arg(long)]
    no_watch: bool,
    /// Continue the conversation. If there is none, fail; do not start a new one
    #[arg(long, conflicts_with = "fresh")]
    resume: bool,
    /// If the agent has ended, start a new conversation
    #[arg(long)]
    fresh: bool,
    /// Print the orchestrators of this project and their workers; start nothing
    #[arg(long, conflicts_with_all = ["agent", "model", "persona", "no_watch", "resume", "fresh"])]
    status: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag orchestrate
  wtmag orchestrate --agent codex --name codex
  wtmag orchestrate --persona reviewer --name strict
  wtmag orchestrate --status
  wtmag handoff orchestrator --agent codex";

/// Longest name.
const MAX_NAME: usize = 30;

fn name(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    match text.len() {
        1..=MAX_NAME if is_plain => Ok(text.to_owned()),
        _ => Err(format!("a name has 1 to {MAX_NAME} characters, each from `a` to `z` or a digit")),
    }
}

/// Which orchestrator, and how it is started.
struct Startup<'a> {
    context: &'a Context,
    args: &'a Args,
    model: Option<Model>,
    persona: Option<String>,
    repo: Repo,
    source: Source,
    cancel: Cancel,
}

/// What was done.
struct Done {
    worker: Worker,
    what: &'static str,
    /// For the user, in words.
    how: String,
    notes: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let model = args.model.as_deref().map(Model::parse).transpose();
    let model = model.map_err(|it| Failure::from(it).into_usage())?;
    let repo = create::repo(None)?;
    if args.status {
        return status::run(context, &repo, args.name.as_deref()).await;
    }
    let cancel = context.cancel()?;
    let source = source(&repo.project(), args.name.as_deref());
    let persona = match &args.persona {
        Some(wanted) => Some(persona::read(context, &repo, wanted, &cancel).await?),
        None => None,
    };
    let startup = Startup { context, args: &args, model, persona, repo, source, cancel };
    let mut hub = context.hub().await?;
    let progress = Progress::new(&context.env);
    cleanup::clear_leftovers(context, &mut hub, &progress, &startup.cancel).await?;
    drop(progress);
    let known = find(&mut hub, &startup.repo, &startup.source).await?;
    let mut done = match known {
        Some(worker) if worker.is_live() => startup.running(worker)?,
        Some(worker) => startup.again(&mut hub, &worker).await?,
        None => startup.start(&mut hub).await?,
    };
    if !args.no_watch {
        done.notes.extend(dashboard::open(context, &done.worker).await?);
    }
    finish(context, &mut hub, done).await
}

/// What an orchestrator of this name is recorded as.
fn source(project: &str, name: Option<&str>) -> Source {
    let title = format!("directs the workers of {project}");
    Source::new(SourceKind::Orchestrator, name.unwrap_or_default(), "", title)
}

async fn find(hub: &mut Hub, repo: &Repo, source: &Source) -> Result<Option<Worker>, Failure> {
    let workers = resolve::present(hub).await?;
    let is_it = |it: &Worker| {
        it.is_orchestrator() && it.repo == repo.common_dir() && it.source.key == source.key
    };
    Ok(workers.into_iter().find(is_it))
}

impl Startup<'_> {
    /// It runs: what was asked for must be what it is.
    fn running(&self, worker: Worker) -> Result<Done, Failure> {
        let id = &worker.id;
        let is_other = |it: &String| *it != worker.agent.name;
        if let Some(agent) = self.args.agent.as_ref().filter(|it| is_other(it)) {
            return Err(Failure::user(format!(
                "`{id}` is already running with {}",
                worker.agent.name
            ))
            .hint(format!("to let {agent} take over: `wtmag handoff {id} --agent {agent}`"))
            .hint(format!(
                "to start another one: `wtmag orchestrate --agent {agent} --name {agent}`"
            )));
        }
        if self.args.fresh || self.args.model.is_some() || self.persona.is_some() {
            let why = "`--fresh`, `--model` and `--persona` work only after its agent has ended";
            return Err(Failure::user(format!("`{id}` is running: {why}"))
                .hint(format!("to start a new conversation in its place: `wtmag handoff {id}`"))
                .hint(format!("to end it: `wtmag cleanup {id}`")));
        }
        let how = format!("running, {}", worker.state.word());
        Ok(Done { worker, what: "running", how, notes: Vec::new() })
    }

    /// Its agent has ended.
    async fn again(&self, hub: &mut Hub, worker: &Worker) -> Result<Done, Failure> {
        let Args { agent, resume: only_continue, fresh, .. } = self.args;
        let is_other = agent.as_ref().is_some_and(|it| *it != worker.agent.name);
        let handoff = (is_other || self.model.is_some()).then(|| Handoff {
            agent: agent.clone(),
            model: self.model.clone(),
            words: None,
        });
        let (fresh, only_continue) = (*fresh, *only_continue);
        let persona = self.persona.clone();
        let how = How { fresh, only_continue, handoff, persona, ..How::default() };
        let job = resume::Job { context: self.context, how: &how, cancel: &self.cancel };
        let resumed = resume::start(&job, hub, worker).await?;
        let how = format!("started again {}", resumed.how());
        let Resumed { worker, notes, .. } = resumed;
        Ok(Done { worker, what: "resumed", how, notes })
    }

    async fn start(&self, hub: &mut Hub) -> Result<Done, Failure> {
        if self.args.resume {
            return Err(Failure::user("no orchestrator has a conversation to continue")
                .hint("leave `--resume` out to start one"));
        }
        let Started { worker, notes } = start::start(self, hub).await?;
        Ok(Done { worker, what: "started", how: "started".to_owned(), notes })
    }
}

/// Goes there, if a person is at the terminal.
async fn finish(context: &Context, hub: &mut Hub, done: Done) -> Result<ExitCode, Failure> {
    let Done { worker, what, how, notes } = done;
    if context.json() {
        context.print_json(&json!({
            "id": worker.id, "agent": worker.agent.name, "session": worker.place.session_name,
            "pane": worker.place.pane, "what": what, "notes": notes,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    notes.iter().for_each(|it| context.say(&format!("note: {it}")));
    let (id, agent, place) = (&worker.id, &worker.agent.name, receipt::place(&worker));
    context.print(&format!("{id}  {agent} {how}; {place}\n"))?;
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return attach::go(context, hub, worker.id, None).await;
    }
    context.say(&format!("to go there: `wtmag attach {id}`"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_of_the_session() {
        assert!(name("codex2").is_ok());
        for bad in ["", "Codex", "a-b", "a b", "ä", &"x".repeat(31)] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
