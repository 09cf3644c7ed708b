//! Decides how an agent is started again, and which texts it is still owed. Pure.
use crate::{
    agents::launch::Resume,
    brief::{BOOTSTRAP, HANDOFF},
    model::{Delivery, DeliveryId, Exit, Process, Step, Worker},
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
    /// Another agent takes over.
    HandedOff,
}

impl Why {
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Asked => "`--fresh` was given",
            Self::NeverBegan => "it never had its first prompt",
            Self::NoWay => "its profile has no option to continue one",
            Self::HandedOff => "another agent takes over",
        }
    }
}

/// The agent's flags for it, from its profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) by_session: bool,
    pub(super) latest: bool,
}

/// What to do for a worker with these deliveries.
pub(super) fn plan(
    worker: &Worker,
    deliveries: &[Delivery],
    ways: Ways,
    asked: Option<Why>,
) -> Plan {
    if let Some(why) = asked {
        return Plan::Fresh(why);
    }
    // Each conversation begins with such a text.
    let of_this = deliveries.iter().rposition(is_first_prompt).unwrap_or_default();
    let mut has_begun = deliveries.iter().skip(of_this).any(|it| it.step == Step::Accepted);
    // Its user types to it.
    has_begun |= worker.is_orchestrator() && worker.last_message.is_some();
    if !has_begun {
        return Plan::Fresh(Why::NeverBegan);
    }
    match &worker.agent_session {
        Some(session) if ways.by_session => Plan::Continue(Resume::Session(session.clone())),
        // Its worktree has no other conversations.
        Some(_) | None if ways.latest && !worker.is_orchestrator() => {
            Plan::Continue(Resume::Latest)
        }
        Some(_) | None => Plan::Fresh(Why::NoWay),
    }
}

/// The texts that were held when the agent ended: nothing of them was typed. In their order.
pub(super) fn owed<'a>(
    worker: &Worker,
    deliveries: &'a [Delivery],
    plan: &Plan,
) -> Vec<&'a Delivery> {
    if worker.is_live() {
        // The hub has those that wait.
        return Vec::new();
    }
    let ended = worker.state.process.since;
    let is_owed = |it: &&Delivery| {
        it.step == Step::Failed
            && !it.was_typed()
            && !it.news
            && it.steps.last().is_some_and(|last| last.at >= ended)
    };
    // A new conversation begins with one anyway.
    let is_first = |it: &&Delivery| matches!(plan, Plan::Fresh(_)) && is_first_prompt(it);
    deliveries.iter().filter(is_owed).filter(|it| !is_first(it)).collect()
}

/// Texts that wait for its former agent, and are not for the next one.
pub(super) fn dropped(deliveries: &[Delivery]) -> Vec<DeliveryId> {
    let is_open = |it: &&Delivery| !it.step.is_final() && is_first_prompt(it);
    deliveries.iter().filter(is_open).map(|it| it.id).collect()
}

fn is_first_prompt(delivery: &Delivery) -> bool {
    [BOOTSTRAP, HANDOFF].contains(&delivery.text.as_str())
}

impl Plan {
    /// The first prompt: where the conversation is lost, what is known of it.
    pub(super) fn first_prompt(
        &self,
        worker: &Worker,
        deliveries: &[Delivery],
    ) -> Option<&'static str> {
        match self {
            Self::Continue(_) => None,
            // It has no brief: its user tells it what to do.
            Self::Fresh(Why::Asked | Why::NeverBegan) if worker.is_orchestrator() => None,
            Self::Fresh(Why::Asked) => Some(BOOTSTRAP),
            Self::Fresh(Why::NoWay | Why::HandedOff) => Some(HANDOFF),
            Self::Fresh(Why::NeverBegan) => {
                let last = deliveries.iter().rfind(|it| is_first_prompt(it));
                Some(if last.is_some_and(|it| it.text == HANDOFF) { HANDOFF } else { BOOTSTRAP })
            }
        }
    }

    /// The agent gets a file about what was done and said.
    pub(super) fn hands_off(&self) -> bool {
        matches!(self, Self::Fresh(Why::NoWay | Why::HandedOff))
    }
}

/// Whether its agent ended by no decision of the user.
pub(super) fn was_interrupted(worker: &Worker) -> bool {
    if worker.ended.is_some() || worker.state.landed.is_some() {
        return false;
    }
    match &worker.state.process.value {
        Process::Lost(cause) => cause.is_of_the_server(),
        Process::Exited(exit) => *exit != Exit::Code(0),
        Process::NotStarted(_) => true,
        Process::Starting | Process::Running | Process::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples::{self, NOW},
        model::{EndCause, StepAt, Timestamp},
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
        assert_eq!(plan(&worker, &begun, BOTH, None), session);
        let latest = Ways { by_session: false, latest: true };
        assert_eq!(plan(&worker, &begun, latest, None), Plan::Continue(Resume::Latest));
        assert_eq!(plan(&worker, &begun, NONE, None), Plan::Fresh(Why::NoWay));
        assert_eq!(plan(&worker, &begun, BOTH, Some(Why::Asked)), Plan::Fresh(Why::Asked));
        let never = [samples::delivery(1, "a", Step::Failed)];
        assert_eq!(plan(&worker, &never, BOTH, None), Plan::Fresh(Why::NeverBegan));
        let mut unknown = worker;
        unknown.agent_session = None;
        assert_eq!(plan(&unknown, &begun, BOTH, None), Plan::Continue(Resume::Latest));
        let by_session = Ways { by_session: true, latest: false };
        assert_eq!(plan(&unknown, &begun, by_session, None), Plan::Fresh(Why::NoWay));
    }

    #[test]
    fn only_texts_of_which_nothing_was_typed_are_owed() {
        let worker = lost(EndCause::ServerGone);
        let failed = |id: u64, steps: &[Step], millis: u64| {
            let mut it = samples::delivery(id, "a", Step::Queued);
            let at = Timestamp(NOW.0 + millis);
            it.steps.extend(steps.iter().map(|step| StepAt { step: *step, at }));
            it.step = Step::Failed;
            it.text = if id == 1 { BOOTSTRAP.to_owned() } else { format!("text {id}") };
            it
        };
        let all = [
            failed(1, &[Step::Failed], 10_000),
            failed(2, &[Step::Failed], 10_000),
            failed(3, &[Step::Ready, Step::Pasting, Step::Failed], 10_000),
            // Failed long before the agent ended.
            failed(4, &[Step::Failed], 5_000),
            samples::delivery(5, "a", Step::Accepted),
            // The hub tells it again.
            Delivery { news: true, ..failed(6, &[Step::Failed], 10_000) },
        ];
        let ids = |plan: &Plan| -> Vec<u64> {
            owed(&worker, &all, plan).iter().map(|it| it.id).map(|DeliveryId(id)| id).collect()
        };
        assert_eq!(ids(&Plan::Continue(Resume::Latest)), [1, 2]);
        assert_eq!(ids(&Plan::Fresh(Why::Asked)), [2]);
    }

    #[test]
    fn a_conversation_that_was_handed_off_is_judged_from_there() {
        let worker = lost(EndCause::Rebooted);
        let of = |id, text: &str, step| Delivery {
            text: text.to_owned(),
            ..samples::delivery(id, "a", step)
        };
        let mut all = vec![of(1, BOOTSTRAP, Step::Accepted), of(2, HANDOFF, Step::Failed)];
        let never = plan(&worker, &all, BOTH, None);
        assert_eq!(never, Plan::Fresh(Why::NeverBegan));
        assert_eq!(never.first_prompt(&worker, &all), Some(HANDOFF));
        assert_eq!(never.first_prompt(&worker, &all[..1]), Some(BOOTSTRAP));
        assert!(!never.hands_off());
        all.push(of(3, "x", Step::Accepted));
        assert!(matches!(plan(&worker, &all, BOTH, None), Plan::Continue(_)));
        let handed = plan(&worker, &all, BOTH, Some(Why::HandedOff));
        assert!(handed.hands_off() && handed.first_prompt(&worker, &all) == Some(HANDOFF));
        // A first prompt that still waits is not for the next agent; other texts are.
        let open = [of(1, BOOTSTRAP, Step::Queued), of(2, "x", Step::Queued)];
        assert_eq!(dropped(&open), [DeliveryId(1)]);
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
