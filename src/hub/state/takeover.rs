//! Starts a worker's agent again, or lets another one take over: what it keeps, and how the former pane
//! gives way.
use super::{Effect, HubState, TmuxEffect, dialogs::give_up_answer, live_worker::LiveWorker};
use crate::model::{
    Answer, Delivery, NewDelivery, NewWorker, Now, Refusal, RefusalKind, Worker, WorkerId,
};

impl HubState {
    /// Only an agent that has ended is started again, or one that is to end for it.
    pub(super) fn cannot_resume(&self, id: &WorkerId, ends_agent: bool) -> Option<Refusal> {
        let message = if self.reserved.contains_key(id) {
            format!("the agent of `{id}` is being started already")
        } else if self.cleanups.contains_key(id) {
            format!("`{id}` is being removed")
        } else if !ends_agent && self.workers.get(id).is_some_and(|live| live.worker.is_live()) {
            format!("the agent of `{id}` is running")
        } else {
            return None;
        };
        Some(Refusal::new(RefusalKind::NotNow, message))
    }

    /// What the hub knows of a worker whose agent is started again is newer than what its client read.
    /// Returns the texts that wait for the former agent and are for the new one.
    pub(super) fn hand_over(
        &mut self,
        now: Now,
        new: &mut NewWorker,
        out: &mut Vec<Effect>,
    ) -> Vec<Delivery> {
        let (Some(earlier), Some(live)) = (&mut new.resumes, self.workers.get_mut(&new.id)) else {
            return Vec::new();
        };
        let waiting = live.hand_over(now, &new.drops);
        let agent_session = earlier.agent_session.take();
        **earlier = Worker { agent_session, ..live.worker.clone() };
        self.flush_workers(now, out);
        waiting
    }

    /// It will be where its former window is.
    pub(super) fn keep_place(&self, worker: &mut Worker) {
        let Some(old) = self.workers.get(&worker.id).filter(|it| it.has_window()) else { return };
        worker.placement = old.worker.placement;
        worker.place.session = old.worker.place.session;
        worker.place.session_name.clone_from(&old.worker.place.session_name);
    }

    /// Queues what waited for the former agent, then what the client adds.
    pub(super) fn queue_all(&mut self, now: Now, waiting: Vec<Delivery>, texts: Vec<NewDelivery>) {
        let new: Vec<Delivery> = texts.into_iter().map(|it| self.delivery_of(now, it)).collect();
        for delivery in waiting.into_iter().chain(new) {
            if let Some(live) = self.workers.get_mut(&delivery.worker) {
                live.queue(now, delivery);
            }
        }
    }

    pub(super) fn resumed(&self, worker: Worker) -> Answer {
        let deliveries = self.workers.get(&worker.id).map(LiveWorker::open).unwrap_or_default();
        Answer::Resumed { worker: Box::new(worker), deliveries }
    }

    /// The new pane takes the place of the former one, in its window beside the user's other panes.
    pub(super) fn give_way(&mut self, to: &Worker, out: &mut Vec<Effect>) {
        let Some(mut old) = self.workers.remove(&to.id) else { return };
        give_up_answer(&mut old, out);
        if !old.has_window() {
            return;
        }
        let (worker, new, old) = (to.id.clone(), to.place.pane, old.worker.place.pane);
        out.push(Effect::Tmux(TmuxEffect::TakePlace { worker, new, old }));
    }
}
