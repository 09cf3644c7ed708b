//! Workers and deliveries in words, as several commands print them.
use super::output::seconds;
use crate::{
    brief::text::clean,
    model::{Delivery, Placement, Step, Timestamp, Worker},
};

/// A delivery on one line: how far it came, when, and why.
pub(crate) fn line(delivery: &Delivery) -> String {
    let start = delivery.at(Step::Queued);
    let after = |at: Timestamp| start.map(|start| seconds(at.since(start)));
    let mut text = delivery.step.to_string();
    if let Some(after) = delivery.at(delivery.step).and_then(after)
        && delivery.step != Step::Queued
    {
        text += &format!(" after {after}");
    }
    let steps = [Step::Ready, Step::Pasted, Step::Echoed, Step::Entering];
    let times = steps
        .iter()
        .filter(|it| **it != delivery.step)
        .filter_map(|&step| Some(format!("{step} {}", after(delivery.at(step)?)?)));
    let times: Vec<String> = times.collect();
    if !times.is_empty() {
        text += &format!(" ({})", times.join(", "));
    }
    if let Some(hold) = &delivery.held {
        text += &format!(", held: {hold}");
    }
    if !delivery.evidence.is_empty() {
        text += &format!(": {}", clean(&delivery.evidence));
    }
    text
}

/// What the worker is there for.
pub(crate) fn task(worker: &Worker) -> String {
    let (source, title) = (&worker.source, worker.source.title());
    if title.is_empty() { source.to_string() } else { format!("{source}: {}", clean(title)) }
}

/// Where in tmux it is shown.
pub(crate) fn place(worker: &Worker) -> String {
    let session = worker.place.session_name.as_deref().unwrap_or("?");
    match worker.placement {
        Placement::Window => format!("{} in session {session}", worker.branch),
        Placement::Session => session.to_owned(),
        Placement::Fleet => "in no session of yours, only in the fleet".to_owned(),
    }
}

/// Its branch, and what that started from.
pub(crate) fn branch(worker: &Worker) -> String {
    let Some(base) = &worker.base else { return worker.branch.clone() };
    let sha = base.sha.get(..10).unwrap_or(&base.sha);
    let age = if base.fresh { "" } else { ", a local copy of unknown age" };
    format!("{} from {} ({sha}{age})", worker.branch, base.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::samples,
        model::{Blocker, Hold, Turn},
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
        held.held = Some(Hold::Turn(Turn::Blocked(Blocker::Trust)));
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
