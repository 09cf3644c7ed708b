//! The result of `create`: the worker and its receipt, or what is in the way.
use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{build::Created, options::CreateOptions, repo_context::RepoContext};
use crate::{
    cli::{
        Context, Failure,
        agent_shell::AgentShell,
        failure::Kind,
        outcome::Outcome,
        output::{Paint, fields},
        receipt, settings, unexpected,
    },
    client::Hub,
    model::{
        AgentState, Answer, Blocker, Cleanup, Delivery, Exit, Placement, Process, Request, Sample,
        Step, Worker,
    },
    wire::{DeliveryView, WorkerView},
};

/// How long to wait for the removal of a worker whose agent does not exist.
const REMOVAL: Duration = Duration::from_secs(60);
/// The exit code of a shell that does not find the agent.
const MISSING: Process = Process::Exited(Exit::Code(127));
/// Lines of the screen that an error shows.
const SCREEN_LINES: usize = 10;
/// Time between two requests while a new capture is expected.
const GLANCE: Duration = Duration::from_millis(150);

/// What a command says about one worker that it created, or would create.
pub(super) struct Told {
    pub(super) text: String,
    pub(super) value: Value,
    /// For a list: the id, the task, the prompt.
    pub(super) row: [String; 3],
}

/// A worker at the end of the command.
pub(super) struct CreateSummary<'a> {
    repo_context: &'a RepoContext,
    worker: Worker,
    delivery: Option<Delivery>,
    screen: Option<Sample>,
    worktree_made: bool,
    outcome: Option<Outcome>,
    installed: Vec<&'static str>,
    /// Where the caller's PATH has the agent.
    on_path: Option<PathBuf>,
    /// Asked for when it did not find the agent.
    shell: Option<AgentShell>,
    /// The agent could not start, and the worker was removed again.
    removed: bool,
}

impl<'a> CreateSummary<'a> {
    /// Reads the worker once more.
    pub(super) async fn new(
        (context, mut hub): (&Context, Hub),
        repo_context: &'a RepoContext,
        created: Created,
        outcome: Option<Outcome>,
    ) -> Result<Self, Failure> {
        let Created { worker, delivery: first, worktree_made, journal: _ } = created;
        let mut report = Self {
            repo_context,
            worker,
            delivery: None,
            screen: None,
            worktree_made,
            outcome,
            installed: settings::installed(&context.env, settings::KNOWN_AGENTS),
            on_path: settings::on_path(&context.env, &repo_context.agent.command()),
            shell: None,
            removed: false,
        };
        let mut tries = 0;
        // The screen of an agent that just ended is captured a moment later.
        while tries == 0 || outcome == Some(Outcome::Gone) && report.is_blind() && tries < 10 {
            if tries > 0 {
                tokio::time::sleep(GLANCE).await;
            }
            tries += 1;
            match hub.ask(Request::Show { id: report.worker.id.clone() }).await {
                Ok(Answer::Shown { worker, screen, deliveries }) => {
                    report.delivery = deliveries.into_iter().find(|it| it.id == first);
                    report.screen = screen;
                    report.worker = *worker;
                }
                Ok(other) => return Err(unexpected(&other)),
                // Removed meanwhile: use what is already known.
                Err(_) => break,
            }
        }
        if report.worker.state.process.value == MISSING {
            report.shell = Some(AgentShell::find(context).await);
        }
        report.discard_useless(context).await?;
        Ok(report)
    }

    /// Whether its window exists but was not captured since its agent ended.
    fn is_blind(&self) -> bool {
        let since = self.worker.state.process.since;
        !self.worker.place.gone && self.screen.as_ref().is_none_or(|it| it.at < since)
    }

    pub(super) fn finish(
        &self,
        context: &Context,
        options: &CreateOptions,
    ) -> Result<Told, Failure> {
        let failure = match self.outcome {
            None | Some(Outcome::Accepted | Outcome::Ran | Outcome::Reached) => {
                return Ok(self.tell(context, None));
            }
            Some(Outcome::Held) if self.is_shell() => {
                let message = "your shell has not started the agent yet";
                let why =
                    "one of its start-up files asks a question, hangs or starts another shell";
                self.kept(Failure::new(Kind::Waited, message).hint(why))
            }
            Some(Outcome::Held) => return Ok(self.tell(context, Some(self.held()))),
            Some(Outcome::Failed) => {
                let evidence = self.delivery.as_ref().map_or("", |it| it.evidence.as_str());
                self.kept(Failure::user(format!("the prompt was not delivered: {evidence}")))
            }
            Some(Outcome::Gone) if self.removed => self.gone(),
            Some(Outcome::Gone) => self.kept(self.gone()),
            Some(Outcome::TimedOut) => self.kept(self.timed_out(options)),
            Some(Outcome::Interrupted) => {
                let message = format!("interrupted; worker `{}` keeps running", self.worker.id);
                self.with_worker(Failure::new(Kind::Interrupted, message))
            }
        };
        Err(failure)
    }

    fn tell(&self, context: &Context, held: Option<String>) -> Told {
        let held = held.as_deref();
        let step = self.delivery.as_ref().map(|it| it.step.to_string());
        let prompt = held.map_or(step, |it| Some(format!("held: {it}"))).unwrap_or_default();
        let row = [self.worker.id.to_string(), receipt::task(&self.worker), prompt];
        let text = if context.json() { String::new() } else { self.text(context, held) };
        Told { text, value: self.json(held), row }
    }

    fn prompt(&self, held: Option<&str>) -> String {
        match (&self.delivery, held) {
            (_, Some(why)) => format!("held: {why}"),
            (Some(delivery), None) => receipt::line(delivery),
            (None, None) => "unknown".to_owned(),
        }
    }

    fn json(&self, held: Option<&str>) -> Value {
        let outcome = match self.outcome {
            None => "created",
            Some(Outcome::Reached) => "reached",
            Some(Outcome::Held) => "held",
            Some(_) => "accepted",
        };
        json!({
            "worker": WorkerView::new(&self.worker, self.delivery.as_ref()),
            "delivery": self.delivery.as_ref().map(DeliveryView::from),
            "outcome": outcome,
            "held": held,
            "worktree_made": self.worktree_made,
        })
    }

    fn text(&self, context: &Context, held: Option<&str>) -> String {
        let (style, worker) = (context.style(), &self.worker);
        let id = &worker.id;
        let word = worker.state.word();
        let prompt = self.prompt(held);
        let mut text = format!("created {}\n", style.paint(id.as_str(), Paint::Bold));
        text += &fields(
            style,
            &[
                ("task", receipt::task(worker)),
                (
                    "agent",
                    format!(
                        "{}, {}",
                        worker.agent.name,
                        style.paint(&word.to_string(), Paint::of(&word))
                    ),
                ),
                (place_name(worker), receipt::place(worker)),
                ("worktree", worker.worktree.display().to_string()),
                ("branch", receipt::branch(worker)),
                ("prompt", prompt),
            ],
        );
        text.push('\n');
        if held.is_some() {
            text += &format!("It is typed as soon as you have answered: wtmag attach {id}\n");
            for hint in self.hints() {
                text += &format!("hint: {hint}\n");
            }
            return text;
        }
        text + &format!(
            "  wtmag attach {id}\n  wtmag send {id} \"…\"\n  wtmag wait {id}\n  wtmag cleanup {id}\n"
        )
    }

    /// How the next worker can avoid such a dialog.
    fn hints(&self) -> Vec<String> {
        let name = &self.repo_context.agent.name;
        let mut hints = Vec::new();
        if self.repo_context.agent.could_take_argument() {
            hints.push(format!(
                "`delivery = \"argument\"` in [agents.{name}] passes the prompt on the \
                 command line, where it survives such dialogs"
            ));
        }
        let is_trust = matches!(self.worker.state.turn.value, AgentState::Blocked(Blocker::Trust));
        if is_trust && self.repo_context.agent.could_be_trusted() {
            hints.push(format!(
                "`trust = \"worktree\"` in [agents.{name}] trusts each new worktree for you"
            ));
        }
        hints
    }

    fn held(&self) -> String {
        let hold = self.delivery.as_ref().and_then(|it| it.held.as_ref());
        let word = self.worker.state.word();
        hold.map_or_else(|| format!("the agent shows a dialog ({word})"), ToString::to_string)
    }

    fn is_shell(&self) -> bool {
        self.worker.state.turn.value == AgentState::Blocked(Blocker::Shell)
    }

    fn gone(&self) -> Failure {
        let (name, command) = (&self.worker.agent.name, self.repo_context.agent.command());
        let was_ready = self.delivery.as_ref().is_some_and(|it| it.at(Step::Ready).is_some());
        match &self.worker.state.process.value {
            process if *process == MISSING => {
                let shell = self.shell.as_ref();
                let which = shell.map(|it| format!(" ({})", it.described())).unwrap_or_default();
                let what = format!("`{command}`, the command of agent `{name}`");
                let failure = Failure::user(format!("your shell{which} did not find {what}"));
                let surprises = shell.map(AgentShell::surprises).unwrap_or_default();
                let failure = surprises
                    .into_iter()
                    .fold(failure, |failure, (what, act)| failure.hint(format!("{what}; {act}")));
                if let Some(path) = &self.on_path {
                    let dir = path.parent().unwrap_or(path).display();
                    return failure.hint(format!(
                        "your PATH has it in `{dir}`: add that directory to PATH in a start-up file of that shell"
                    ));
                }
                self.others_installed(failure).hint(format!(
                    "install it, or set `command` in [agents.{name}]: `wtmag config edit`"
                ))
            }
            Process::Exited(exit) if was_ready => {
                Failure::user(format!("agent `{name}` exited ({exit})"))
            }
            Process::Exited(exit) => {
                Failure::user(format!("agent `{name}` exited at its start ({exit})"))
            }
            Process::NotStarted(exit) => Failure::user(format!(
                "your shell ended ({exit}) before it started the agent"
            ))
            .hint(
                "one of your shell's start-up files ends it, or puts another program in its place",
            ),
            Process::Lost(cause) => Failure::user(format!("the agent's window is gone: {cause}")),
            Process::Starting | Process::Running | Process::Other(_) => {
                Failure::user("the worker was cleaned up")
            }
        }
    }

    fn others_installed(&self, failure: Failure) -> Failure {
        let known = &self.repo_context.loaded.config.agents.by_name;
        let others = self.installed.iter().filter(|it| known.contains_key(**it));
        let others: Vec<_> = others.map(|it| format!("`--agent {it}`")).collect();
        if others.is_empty() {
            return failure;
        }
        failure.hint(format!(
            "installed: {}; `[agents.default] name` sets the default",
            others.join(", ")
        ))
    }

    /// Removes a worker whose agent does not exist, unless its worktree now holds work.
    async fn discard_useless(&mut self, context: &Context) -> Result<(), Failure> {
        let is_useless = self.outcome == Some(Outcome::Gone)
            && self.worker.state.process.value == MISSING
            && self.delivery.as_ref().is_none_or(|it| it.at(Step::Ready).is_none());
        if !is_useless {
            return Ok(());
        }
        let cleanup = Cleanup {
            id: self.worker.id.clone(),
            force: false,
            abandon: false,
            discard: None,
            keep_branch: false,
            env: Vec::new(),
        };
        let asked = context.hub().await?.ask_within(Request::Cleanup(cleanup), REMOVAL).await;
        self.removed = matches!(asked, Ok(Answer::CleanedUp { .. }));
        Ok(())
    }

    fn timed_out(&self, options: &CreateOptions) -> Failure {
        let limit = options.wait.limit.flatten().unwrap_or_default().as_secs();
        let name = &self.worker.agent.name;
        let word = self.worker.state.word();
        let accepted = self.delivery.as_ref().is_some_and(|it| it.step == Step::Accepted);
        let held = self.delivery.as_ref().and_then(|it| it.held.as_ref());
        let message = match (accepted, held) {
            (true, _) => format!("after {limit} s agent `{name}` is `{word}`"),
            (false, Some(hold)) => format!("after {limit} s the prompt is still held: {hold}"),
            (false, None) => format!("agent `{name}` has not taken its prompt within {limit} s"),
        };
        let failure = Failure::new(Kind::Waited, message);
        if accepted { failure } else { failure.hint("wtmag types it as soon as nothing holds it") }
    }

    /// The error for a worker that exists: with its screen and its place.
    fn kept(&self, failure: Failure) -> Failure {
        let screen = self.screen.as_ref().map(|it| it.last_lines(SCREEN_LINES)).unwrap_or_default();
        let (id, path) = (&self.worker.id, self.worker.worktree.display());
        self.with_worker(failure)
            .quote(screen)
            .hint(format!("worker `{id}` and its worktree `{path}` are kept"))
            .hint(format!("`wtmag attach {id}` goes there, `wtmag cleanup {id}` removes it"))
    }

    fn with_worker(&self, failure: Failure) -> Failure {
        let held = self.delivery.as_ref().and_then(|it| it.held.as_ref()).map(ToString::to_string);
        failure.detail(json!({
            "worker": WorkerView::new(&self.worker, self.delivery.as_ref()),
            "held": held,
        }))
    }
}

fn place_name(worker: &Worker) -> &'static str {
    match worker.placement {
        Placement::Window => "window",
        Placement::Session => "session",
        Placement::Fleet | Placement::Other(_) => "place",
    }
}
