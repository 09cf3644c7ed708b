//! What `create` says in the end: the worker and its receipt, or what is in the way.
use std::process::ExitCode;

use serde_json::json;

use super::{args::Order, build::Created, site::Site};
use crate::{
    cli::{
        Context, Failure,
        failure::Kind,
        outcome::Outcome,
        output::{Paint, fields},
        receipt, unexpected,
    },
    config::Trust,
    model::{
        Answer, Ask, Blocker, Delivery, DeliveryMode, Exit, Placement, Process, Sample, Step, Turn,
        Worker,
    },
    wire::{DeliveryView, WorkerView},
};

/// Lines of the screen that an error shows.
const SCREEN_LINES: usize = 10;

/// A worker as it is when the command ends.
pub(super) struct Report<'a> {
    site: &'a Site,
    worker: Worker,
    delivery: Option<Delivery>,
    screen: Option<Sample>,
    worktree_made: bool,
    outcome: Option<Outcome>,
}

impl<'a> Report<'a> {
    /// Looks once more.
    pub(super) async fn new(
        context: &Context,
        site: &'a Site,
        created: Created,
        outcome: Option<Outcome>,
    ) -> Result<Self, Failure> {
        let Created { worker, delivery: first, worktree_made } = created;
        let (worker, screen, delivery) =
            match context.ask(Ask::Show { id: worker.id.clone() }).await {
                Ok(Answer::Shown { worker, screen, deliveries }) => {
                    (*worker, screen, deliveries.into_iter().find(|it| it.id == first))
                }
                Ok(other) => return Err(unexpected(&other)),
                // Gone meanwhile: what we know has to do.
                Err(_) => (worker, None, None),
            };
        Ok(Self { site, worker, delivery, screen, worktree_made, outcome })
    }

    pub(super) fn finish(&self, context: &Context, order: &Order) -> Result<ExitCode, Failure> {
        let failure = match self.outcome {
            None | Some(Outcome::Accepted | Outcome::Reached) => return self.print(context, None),
            Some(Outcome::Held) => {
                let why = self.held();
                if self.is_shell() {
                    self.failure(Kind::Waited, "your shell has not come to the agent")
                        .hint("its start-up files ask something, hang or start another shell")
                } else {
                    return self.print(context, Some(why));
                }
            }
            Some(Outcome::Failed) => {
                let evidence = self.delivery.as_ref().map_or("", |it| it.evidence.as_str());
                self.failure(Kind::User, &format!("the prompt was not delivered: {evidence}"))
            }
            Some(Outcome::Gone) => self.gone(),
            Some(Outcome::TimedOut) => self.timed_out(order),
            Some(Outcome::Interrupted) => {
                let message = format!("interrupted; worker `{}` goes on", self.worker.id);
                return Err(self.with_worker(Failure::new(Kind::Interrupted, message)));
            }
        };
        Err(failure)
    }

    fn print(&self, context: &Context, held: Option<String>) -> Result<ExitCode, Failure> {
        if context.json() {
            context.print_json(&self.json(held.as_deref()))?;
        } else {
            context.print(&self.text(context, held.as_deref()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn json(&self, held: Option<&str>) -> serde_json::Value {
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
        let prompt = match (&self.delivery, held) {
            (_, Some(why)) => format!("held: {why}"),
            (Some(delivery), None) => receipt::line(delivery),
            (None, None) => "unknown".to_owned(),
        };
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

    /// How the next worker need not wait for a human.
    fn hints(&self) -> Vec<String> {
        let name = &self.site.agent.name;
        let mut hints = Vec::new();
        if self.site.agent.delivery() == DeliveryMode::Ready {
            hints.push(format!(
                "`delivery = \"argument\"` in [agents.{name}] hands the prompt over at the start; \
                 it survives such dialogs"
            ));
        }
        let is_trust = matches!(self.worker.state.turn.value, Turn::Blocked(Blocker::Trust));
        if is_trust && self.site.agent.trust() == Trust::Ask {
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
        self.worker.state.turn.value == Turn::Blocked(Blocker::Shell)
    }

    fn gone(&self) -> Failure {
        let (name, command) = (&self.worker.agent.name, self.site.agent.command());
        let was_ready = self.delivery.as_ref().is_some_and(|it| it.at(Step::Ready).is_some());
        match &self.worker.state.process.value {
            Process::Exited(Exit::Code(127)) => self
                .failure(
                    Kind::User,
                    &format!("your shell found no `{command}`, the command of agent `{name}`"),
                )
                .hint(format!(
                    "install it, or set `command` in [agents.{name}]: `wtmag config edit`"
                )),
            Process::Exited(exit) if was_ready => {
                self.failure(Kind::User, &format!("agent `{name}` exited ({exit})"))
            }
            Process::Exited(exit) => {
                self.failure(Kind::User, &format!("agent `{name}` exited at its start ({exit})"))
            }
            Process::Lost(cause) => {
                self.failure(Kind::User, &format!("the agent's window is gone: {cause}"))
            }
            Process::Starting | Process::Running => {
                self.failure(Kind::User, "the worker was cleaned up")
            }
        }
    }

    fn timed_out(&self, order: &Order) -> Failure {
        let limit = order.wait.limit.flatten().unwrap_or_default().as_secs();
        let name = &self.worker.agent.name;
        let word = self.worker.state.word();
        let accepted = self.delivery.as_ref().is_some_and(|it| it.step == Step::Accepted);
        let held = self.delivery.as_ref().and_then(|it| it.held.as_ref());
        let message = match (accepted, held) {
            (true, _) => format!("after {limit} s agent `{name}` is `{word}`"),
            (false, Some(hold)) => format!("after {limit} s the prompt is still held: {hold}"),
            (false, None) => format!("agent `{name}` has not taken its prompt within {limit} s"),
        };
        let failure = self.failure(Kind::Waited, &message);
        if accepted { failure } else { failure.hint("it is typed as soon as the way is clear") }
    }

    /// An error about a worker that exists: with its screen, and where it is.
    fn failure(&self, kind: Kind, message: &str) -> Failure {
        let screen = self.screen.as_ref().map(|it| it.last_lines(SCREEN_LINES)).unwrap_or_default();
        let (id, path) = (&self.worker.id, self.worker.worktree.display());
        self.with_worker(Failure::new(kind, message))
            .quote(screen)
            .hint(format!("worker `{id}` and its worktree `{path}` are kept"))
            .hint(format!("`wtmag attach {id}` goes there, `wtmag cleanup {id}` drops it"))
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
        Placement::Fleet => "place",
    }
}
