//! Decides when waiting for a delivery or a state is over, and with which outcome.
use std::time::{Duration, Instant};

use tokio::time;

use super::{Failure, progress::Progress};
use crate::{
    client::{Known, Mirror},
    model::{
        Agent, AgentState, Blocker, Delivery, DeliveryId, DisplayState, Hold, Step, Worker,
        WorkerId,
    },
    proc::{self, Cancel},
};

/// The outcome of waiting for one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The agent has the text.
    Accepted,
    /// The agent has it, and has reached one of the wanted states.
    Reached,
    /// The delivery is held by something that a human must answer; it goes out after that.
    Held,
    /// It was a command of the agent's own, and no turn began.
    Ran,
    /// It failed or was withdrawn.
    Failed,
    /// The agent or its window is gone.
    Gone,
    TimedOut,
    Interrupted,
}

/// How long to wait, and for what.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaitPolicy {
    /// The wait ends when a hold lasts this long.
    pub(crate) held: Option<Duration>,
    /// Which holds end the wait.
    pub(crate) only_dialogs: bool,
    /// States to wait for after the delivery; any of them is enough.
    pub(crate) until: Vec<String>,
    pub(crate) limit: Option<Duration>,
}

/// A delivery to wait for.
struct Watched<'a> {
    worker: &'a WorkerId,
    delivery: DeliveryId,
    held: Option<(Hold, Instant)>,
    outcome: Option<Outcome>,
}

/// Waits for a delivery that the mirror knows.
pub(crate) async fn wait(
    mirror: &mut Mirror,
    delivery: (WorkerId, DeliveryId),
    wait_policy: &WaitPolicy,
    (progress, cancel): (&Progress, &Cancel),
) -> Result<Outcome, Failure> {
    let outcomes = wait_all(mirror, &[delivery], wait_policy, (progress, cancel)).await?;
    Ok(outcomes.into_iter().next().unwrap_or(Outcome::TimedOut))
}

/// A dialog that stays this long needs a human. If wtmag answers trust dialogs, that takes one verified key at a time.
pub(crate) fn needs_human_after(agent: &Agent) -> Duration {
    Duration::from_secs(if agent.trust { 10 } else { 2 })
}

/// Waits for several deliveries, and returns the outcome of each.
pub(crate) async fn wait_all(
    mirror: &mut Mirror,
    deliveries: &[(WorkerId, DeliveryId)],
    wait_policy: &WaitPolicy,
    (progress, cancel): (&Progress, &Cancel),
) -> Result<Vec<Outcome>, Failure> {
    let limit = wait_policy.limit.map(|limit| Instant::now() + limit);
    let new = |(worker, delivery): &'_ (WorkerId, DeliveryId)| (worker.clone(), *delivery);
    let named: Vec<_> = deliveries.iter().map(new).collect();
    let watched = named.iter().map(|(worker, delivery)| Watched {
        worker,
        delivery: *delivery,
        held: None,
        outcome: None,
    });
    let mut watched: Vec<Watched<'_>> = watched.collect();
    let mut has_arrived = wait_policy.until.is_empty();
    loop {
        let now = Instant::now();
        if !has_arrived && watched.iter().all(|it| it.is_accepted(&mirror.known)) {
            has_arrived = true;
            progress.step(format!("waiting for {}", wait_policy.until.join(", ")));
        }
        let mut deadline = limit;
        for it in watched.iter_mut().filter(|it| it.outcome.is_none()) {
            let until = it.look(&mirror.known, wait_policy, now)?;
            deadline = deadline.into_iter().chain(until).min();
        }
        let rest = match limit {
            Some(at) if at <= now => Some(Outcome::TimedOut),
            _ if watched.iter().all(|it| it.outcome.is_some()) => Some(Outcome::TimedOut),
            _ => None,
        };
        if let Some(rest) = rest {
            return Ok(watched.iter().map(|it| it.outcome.unwrap_or(rest)).collect());
        }
        tokio::select! {
            more = mirror.next() => drop(more?),
            () = sleep_until(deadline) => {}
            () = interrupt(cancel) => {
                let ended = watched.iter().map(|it| it.outcome.unwrap_or(Outcome::Interrupted));
                return Ok(ended.collect());
            }
        }
    }
}

impl Watched<'_> {
    fn is_accepted(&self, known: &Known) -> bool {
        let found = look_up(known, self.worker, self.delivery);
        found.is_some_and(|(_, delivery)| delivery.step == Step::Accepted)
    }

    /// Decides if it can; otherwise returns when the hold will have lasted too long.
    fn look(
        &mut self,
        known: &Known,
        wait_policy: &WaitPolicy,
        now: Instant,
    ) -> Result<Option<Instant>, Failure> {
        let Some((worker, delivery)) = look_up(known, self.worker, self.delivery) else {
            return Err(Failure::bug(format!("unknown delivery {}", self.delivery)));
        };
        self.outcome = judge(worker, delivery, &wait_policy.until);
        self.held =
            hold(worker, delivery, wait_policy.only_dialogs).map(|hold| match self.held.take() {
                Some((known, since)) if known == hold => (known, since),
                Some(_) | None => (hold, now),
            });
        let (Some((hold, since)), Some(limit), None) = (&self.held, wait_policy.held, self.outcome)
        else {
            return Ok(None);
        };
        // The hub has already waited for the shell.
        let is_old = *hold == Hold::Turn(AgentState::Blocked(Blocker::Shell));
        let at = *since + limit;
        if is_old || at <= now {
            self.outcome = Some(Outcome::Held);
        }
        Ok(Some(at))
    }
}

fn look_up<'k>(
    known: &'k Known,
    worker: &WorkerId,
    delivery: DeliveryId,
) -> Option<(&'k Worker, &'k Delivery)> {
    Some((known.workers.get(worker)?, known.deliveries.get(&delivery)?))
}

/// The outcome, if it is certain at any time.
fn judge(worker: &Worker, delivery: &Delivery, until: &[String]) -> Option<Outcome> {
    let is_gone = worker.ended.is_some() || !worker.state.is_live();
    match delivery.step {
        Step::Accepted if until.is_empty() => Some(Outcome::Accepted),
        Step::Accepted if is_one_of(worker, until) => Some(Outcome::Reached),
        Step::Accepted => is_gone.then_some(Outcome::Gone),
        Step::Ran => Some(Outcome::Ran),
        // If the agent is gone, its delivery fails for that reason.
        Step::Failed if is_gone => Some(Outcome::Gone),
        Step::Failed | Step::Cancelled => Some(Outcome::Failed),
        Step::Other(_) => is_gone.then_some(Outcome::Gone),
        Step::Queued
        | Step::Ready
        | Step::Pasting
        | Step::Pasted
        | Step::Echoed
        | Step::Entering => is_gone.then_some(Outcome::Gone),
    }
}

/// Whether the worker's state is one of these.
pub(crate) fn is_one_of(worker: &Worker, states: &[String]) -> bool {
    states.iter().any(|name| worker.state.is_named(name))
}

/// Why the delivery is held, if the reason is more than an agent that is still starting.
fn hold(worker: &Worker, delivery: &Delivery, only_dialogs: bool) -> Option<Hold> {
    let turn = &worker.state.turn.value;
    if turn.asks() && worker.state.is_live() {
        return Some(Hold::Turn(turn.clone()));
    }
    if only_dialogs { None } else { delivery.held.clone() }
}

/// State names, separated by commas.
pub(crate) fn states(text: &str) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = text.split(',').map(|it| it.trim().to_lowercase()).collect();
    match names.iter().find(|name| !DisplayState::NAMES.contains(&name.as_str())) {
        None => Ok(names),
        Some(name) => Err(Failure::usage(format!("unknown state `{name}`"))
            .hint(format!("valid states: {}", DisplayState::NAMES.join(", ")))),
    }
}

/// Resolves when the user cancels.
pub(crate) async fn interrupt(cancel: &Cancel) {
    proc::cancelled(&mut cancel.clone()).await;
}

/// Never resolves without a deadline.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples,
        model::{Exit, Process, Question},
    };

    fn judged(step: Step, process: Process, until: &[&str]) -> Option<Outcome> {
        let mut worker = samples::worker("a");
        worker.state.process.value = process;
        worker.state.turn.value = AgentState::Idle;
        let delivery = samples::delivery(1, "a", step);
        let until: Vec<String> = until.iter().map(ToString::to_string).collect();
        judge(&worker, &delivery, &until)
    }

    #[test]
    fn a_receipt_ends_the_wait_unless_a_state_is_wanted_too() {
        let running = Process::Running;
        assert_eq!(judged(Step::Accepted, running.clone(), &[]), Some(Outcome::Accepted));
        assert_eq!(judged(Step::Accepted, running.clone(), &["idle"]), Some(Outcome::Reached));
        assert_eq!(judged(Step::Accepted, running.clone(), &["exited"]), None);
        assert_eq!(judged(Step::Entering, running.clone(), &["idle"]), None);
        assert_eq!(judged(Step::Failed, running, &[]), Some(Outcome::Failed));
    }

    #[test]
    fn an_agent_that_is_gone_ends_every_wait() {
        let gone = Process::Exited(Exit::Code(127));
        assert_eq!(judged(Step::Queued, gone.clone(), &[]), Some(Outcome::Gone));
        assert_eq!(judged(Step::Failed, gone.clone(), &[]), Some(Outcome::Gone));
        assert_eq!(judged(Step::Accepted, gone.clone(), &["idle"]), Some(Outcome::Gone));
        assert_eq!(judged(Step::Accepted, gone.clone(), &["exited"]), Some(Outcome::Reached));
        assert_eq!(judged(Step::Accepted, gone, &[]), Some(Outcome::Accepted));
    }

    #[test]
    fn a_dialog_holds_and_a_slow_start_does_not() {
        let mut worker = samples::worker("a");
        worker.state.process.value = Process::Running;
        let mut delivery = samples::delivery(1, "a", Step::Queued);
        delivery.held = Some(Hold::Turn(AgentState::Unknown));
        assert_eq!(hold(&worker, &delivery, true), None);
        for turn in [AgentState::Blocked(Blocker::Trust), AgentState::Waiting(Question::Permission)]
        {
            worker.state.turn.value = turn.clone();
            assert_eq!(hold(&worker, &delivery, true), Some(Hold::Turn(turn)));
        }
        worker.state.turn.value = AgentState::Unknown;
        assert_eq!(hold(&worker, &delivery, false), delivery.held);
    }
}
