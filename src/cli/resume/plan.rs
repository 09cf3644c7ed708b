//! Decides how an agent is started again, and which texts it is still owed. Pure.
use crate::{
    agents::launch::Resume,
    model::{Delivery, EndCause, Exit, Process, Step, Worker},
};

/// How an agent is started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// With its conversation.
    Continue(Resume),
    /// A new conversation, which begins with the brief.
    Fresh(Why),
}

/// Why it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Asked,
    /// It never had its first prompt.
    NeverBegan,
    /// Its profile has no arguments for it.
    NoWay,
}

/// The agent's flags for it, from its profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) by_session: bool,
    pub(super) latest: bool,
}

/// What to do for a worker with these deliveries.
pub(super) fn plan(worker: &Worker, deliveries: &[Delivery], ways: Ways, fresh: bool) -> Plan {
    if fresh {
        return Plan::Fresh(Why::Asked);
    }
    let has_begun = deliveries.iter().any(|it| it.step == Step::Accepted);
    if !has_begun {
        return Plan::Fresh(Why::NeverBegan);
    }
    match &worker.agent_session {
        Some(session) if ways.by_session => Plan::Continue(Resume::Session(session.clone())),
        // Its worktree has no other conversations.
        Some(_) | None if ways.latest => Plan::Continue(Resume::Latest),
        Some(_) | None => Plan::Fresh(Why::NoWay),
    }
}

/// The texts that were held when the agent ended: nothing of them was typed. In their order.
pub(super) fn owed<'a>(
    worker: &Worker,
    deliveries: &'a [Delivery],
    plan: &Plan,
) -> Vec<&'a Delivery> {
    let ended = worker.state.process.since;
    let is_owed = |it: &&Delivery| {
        it.step == Step::Failed
            && it.at(Step::Pasting).is_none()
            && it.steps.last().is_some_and(|last| last.at >= ended)
    };
    // A new conversation begins with the brief anyway.
    let first = deliveries.first().map(|it| it.id);
    let is_brief = |it: &&Delivery| matches!(plan, Plan::Fresh(_)) && Some(it.id) == first;
    deliveries.iter().filter(is_owed).filter(|it| !is_brief(it)).collect()
}

/// Whether its agent ended by no decision of the user.
pub(super) fn was_interrupted(worker: &Worker) -> bool {
    if worker.ended.is_some() || worker.state.landed.is_some() {
        return false;
    }
    match &worker.state.process.value {
        Process::Lost(cause) => is_of_the_server(*cause),
        Process::Exited(exit) => *exit != Exit::Code(0),
        Process::NotStarted(_) => true,
        Process::Starting | Process::Running | Process::Other(_) => false,
    }
}

/// The end of the tmux server or the machine.
pub(in crate::cli) fn is_of_the_server(cause: EndCause) -> bool {
    match cause {
        EndCause::ServerGone | EndCause::Rebooted => true,
        EndCause::WindowClosed
        | EndCause::SessionClosed
        | EndCause::PaneRespawned
        | EndCause::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{DeliveryId, StepAt, Timestamp},
    };

    const BOTH: Ways = Ways { by_session: true, latest: true };
    const NONE: Ways = Ways { by_session: false, latest: false };

    fn lost(cause: EndCause) -> Worker {
        let mut worker = samples::worker("a");
        worker.state.process.value = Process::Lost(cause);
        worker.state.process.since = Timestamp(NOW.0 + 10_000);
        worker.agent_session = Some("s1".into());
        worker
    }

    #[test]
    fn a_conversation_is_continued_if_there_is_one_and_a_way() {
        let worker = lost(EndCause::Rebooted);
        let begun = [samples::delivery(1, "a", Step::Accepted)];
        let session = Plan::Continue(Resume::Session("s1".into()));
        assert_eq!(plan(&worker, &begun, BOTH, false), session);
        let latest = Ways { by_session: false, latest: true };
        assert_eq!(plan(&worker, &begun, latest, false), Plan::Continue(Resume::Latest));
        assert_eq!(plan(&worker, &begun, NONE, false), Plan::Fresh(Why::NoWay));
        assert_eq!(plan(&worker, &begun, BOTH, true), Plan::Fresh(Why::Asked));
        let never = [samples::delivery(1, "a", Step::Failed)];
        assert_eq!(plan(&worker, &never, BOTH, false), Plan::Fresh(Why::NeverBegan));
        let mut unknown = worker;
        unknown.agent_session = None;
        assert_eq!(plan(&unknown, &begun, BOTH, false), Plan::Continue(Resume::Latest));
        let by_session = Ways { by_session: true, latest: false };
        assert_eq!(plan(&unknown, &begun, by_session, false), Plan::Fresh(Why::NoWay));
    }

    #[test]
    fn only_texts_of_which_nothing_was_typed_are_owed() {
        let worker = lost(EndCause::ServerGone);
        let failed = |id: u64, steps: &[Step], millis: u64| {
            let mut it = samples::delivery(id, "a", Step::Queued);
            let at = Timestamp(NOW.0 + millis);
            it.steps.extend(steps.iter().map(|step| StepAt { step: *step, at }));
            it.step = Step::Failed;
            it
        };
        let all = [
            failed(1, &[Step::Failed], 10_000),
            failed(2, &[Step::Failed], 10_000),
            failed(3, &[Step::Ready, Step::Pasting, Step::Failed], 10_000),
            // Failed long before the agent ended.
            failed(4, &[Step::Failed], 5_000),
            samples::delivery(5, "a", Step::Accepted),
        ];
        let ids = |plan: &Plan| -> Vec<u64> {
            owed(&worker, &all, plan).iter().map(|it| it.id).map(|DeliveryId(id)| id).collect()
        };
        assert_eq!(ids(&Plan::Continue(Resume::Latest)), [1, 2]);
        assert_eq!(ids(&Plan::Fresh(Why::Asked)), [2]);
    }

    #[test]
    fn what_a_user_ended_stays_ended() {
        for (process, want) in [
            (Process::Lost(EndCause::Rebooted), true),
            (Process::Lost(EndCause::ServerGone), true),
            (Process::Lost(EndCause::WindowClosed), false),
            (Process::Lost(EndCause::SessionClosed), false),
            (Process::Exited(Exit::Code(1)), true),
            (Process::Exited(Exit::Signal(9)), true),
            (Process::Exited(Exit::Code(0)), false),
            (Process::NotStarted(Exit::Code(127)), true),
            (Process::Running, false),
        ] {
            let mut worker = lost(EndCause::Rebooted);
            worker.state.process.value = process.clone();
            assert_eq!(was_interrupted(&worker), want, "{process:?}");
        }
    }
}
