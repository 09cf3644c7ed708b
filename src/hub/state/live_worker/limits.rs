//! What is left of a worker's means, and what happens when a provider's limit is reset.
use super::LiveWorker;
use crate::{
    agents::{input_box::Found, usage},
    model::{AgentState, Fact, FactSource, Happened, Now, Sample},
};

/// Names the task: an agent that is only told to continue forgets what for.
pub(in crate::hub::state) const RESUME: &str = "The usage limit is reset. The task is in ./.wtmag/prompt.md: see what is done of it, and do the rest.";

impl LiveWorker {
    /// Notes the figures that a look shows. What does not show any more is the last that was known; a
    /// warning is over when it is gone.
    pub(super) fn note_usage(&mut self, now: Now, sample: &Sample, found: Option<&Found>) {
        let means = usage::read(&self.profile, sample, found);
        self.continues = means.continues;
        let usage = &mut self.worker.usage;
        let is_new = update(&mut usage.context_left, means.context_left, now)
            | update(&mut usage.cost, means.cost, now);
        let warning = means.limit_soon.map(|it| (it.clone(), it));
        let is_warned = update(&mut usage.limit_soon, warning.clone(), now);
        let is_over =
            warning.is_none() && self.verdict.turn.listens() && usage.limit_soon.take().is_some();
        if let Some(fact) = usage.limit_soon.as_ref().filter(|_| is_warned) {
            let text = fact.value.clone();
            self.notes.happened.push(Happened::Told { about: "limit".to_owned(), text });
        }
        self.notes.worker |= is_new || is_warned || is_over;
    }

    /// The turn became another: one that a limit had ended may go on.
    pub(super) fn note_reset(&mut self, before: &AgentState) {
        let AgentState::Limited(limit) = before else { return };
        let is_reset = limit.in_turn && limit.until.is_some();
        let listens = self.worker.state.turn.value.listens() && !self.continues;
        self.resumes =
            is_reset && listens && self.worker.agent.resume_at_reset && self.queue.is_empty();
    }

    /// It is to be told to go on with its task, once.
    pub(in crate::hub::state) fn take_resume(&mut self) -> bool {
        std::mem::take(&mut self.resumes)
    }
}

/// Takes a figure that shows; true if it is another one.
fn update<T: PartialEq>(known: &mut Option<Fact<T>>, shown: Option<(T, String)>, now: Now) -> bool {
    let Some((value, evidence)) = shown else { return false };
    if known.as_ref().is_some_and(|it| it.value == value) {
        return false;
    }
    let (since, source) = (now.wall, FactSource::Screen);
    *known = Some(Fact { value, since, source, evidence });
    true
}
