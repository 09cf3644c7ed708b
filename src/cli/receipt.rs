//! Describes workers and deliveries in words, for several commands.
use super::output::seconds;
use crate::{
    model::{Delivery, DisplayState, Placement, Process, Step, Worker, name_of},
    text::clean,
};

/// A delivery on one line: its step, the time, the steps before it, and why.
pub(crate) fn line(delivery: &Delivery) -> String {
    let steps = [Step::Ready, Step::Pasted, Step::Echoed, Step::Entering];
    let before = steps.iter().filter(|it| **it != delivery.step);
    let times = before.filter_map(|&step| Some(format!("{step} {}", after(delivery, step)?)));
    let times: Vec<String> = times.collect();
    let times = if times.is_empty() { String::new() } else { format!(" ({})", times.join(", ")) };
    describe(delivery, &times)
}

/// Like `line`, without the times of its steps.
pub(crate) fn short(delivery: &Delivery) -> String {
    describe(delivery, "")
}

fn describe(delivery: &Delivery, times: &str) -> String {
    let mut text = delivery.step.to_string();
    if let Some(after) = after(delivery, delivery.step)
        && delivery.step != Step::Queued
    {
        text += &format!(" after {after}");
    }
    text += times;
    if let Some(file) = &delivery.file {
        text += &format!(", as {}", clean(file));
    }
    if let Some(hold) = &delivery.held {
        text += &format!(", held: {hold}");
    }
    if !delivery.evidence.is_empty() {
        text += &format!(": {}", clean(&delivery.evidence));
    }
    text
}

/// The time from its start to a step.
fn after(delivery: &Delivery, step: Step) -> Option<String> {
    Some(seconds(delivery.at(step)?.since(delivery.at(Step::Queued)?)))
}

/// The worker's task.
pub(crate) fn task(worker: &Worker) -> String {
    let (source, title) = (&worker.source, worker.source.title.as_str());
    if title.is_empty() { source.to_string() } else { format!("{source}: {}", clean(title)) }
}

/// What happened to its process.
pub(crate) fn process(process: &Process) -> String {
    match process {
        Process::Starting => DisplayState::Starting.to_string(),
        Process::Running => "running".to_owned(),
        Process::Exited(exit) => DisplayState::Exited(*exit).to_string(),
        Process::NotStarted(exit) => DisplayState::NotStarted(*exit).to_string(),
        Process::Lost(cause) => DisplayState::Lost(*cause).to_string(),
        Process::Other(value) => name_of(value).to_owned(),
    }
}

/// Where in tmux it is shown.
pub(crate) fn place(worker: &Worker) -> String {
    let session = worker.place.session_name.as_deref().unwrap_or("?");
    match worker.placement {
        Placement::Window => format!("{} in session {session}", worker.branch),
        Placement::Session => session.to_owned(),
        Placement::Fleet => {
            "only in session `wtmag`: the session that showed it was closed".to_owned()
        }
        Placement::Other(name) => name.to_string(),
    }
}

/// Its branch and base.
pub(crate) fn branch(worker: &Worker) -> String {
    let Some(base) = &worker.base else { return worker.branch.clone() };
    let sha = base.sha.get(..10).unwrap_or(&base.sha);
    if base.name == base.sha {
        return format!("{} from commit {sha}", worker.branch);
    }
    let age = if base.fresh { "" } else { ", not fetched" };
    format!("{} from {} ({sha}{age})", worker.branch, base.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples,
        model::{AgentState, Blocker, Hold},
    };

    #[test]
    fn a_receipt_tells_its_times() {
        let accepted = samples::delivery(1, "a", Step::Accepted);
        assert_eq!(
            line(&accepted),
            "accepted after 3.2 s (ready 2.9 s, pasted 2.9 s, echoed 3.1 s, entering 3.1 s): \
             the turn started"
        );
        let mut held = samples::delivery(1, "a", Step::Queued);
        held.held = Some(Hold::Turn(AgentState::Blocked(Blocker::Trust)));
        assert_eq!(line(&held), "queued, held: the agent shows a dialog (trust)");
    }

    #[test]
    fn a_worker_is_described() {
        let mut worker = samples::worker("a");
        assert_eq!(task(&worker), "issue #456: Fix the title");
        assert_eq!(place(&worker), "github-issue-456 in session main");
        assert_eq!(branch(&worker), "github-issue-456 from main (1a2b3c4d1a)");
        worker.base = None;
        assert_eq!(branch(&worker), "github-issue-456");
    }
}
