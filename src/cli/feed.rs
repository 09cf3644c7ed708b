//! Workers and their deliveries as the hub pushes them, also past the end of one hub.
use std::collections::BTreeMap;

use super::{Context, Failure, unexpected};
use crate::{
    client::Hub,
    model::{
        Answer, Delivery, DeliveryId, Event, Happened, Request, StepAt, Timestamp, Worker, WorkerId,
    },
};

/// What is known now, and a way to wait until more is.
pub(crate) struct Feed<'a> {
    context: &'a Context,
    hub: Hub,
    ids: Vec<WorkerId>,
    /// Deliveries that have to be known even when newer ones of their worker are.
    wanted: Vec<(WorkerId, DeliveryId)>,
    pub(crate) known: Known,
}

/// Workers and deliveries, kept up to date by events.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    pub(crate) deliveries: BTreeMap<DeliveryId, Delivery>,
}

impl<'a> Feed<'a> {
    /// Subscribes on this connection; nothing that happens after the answer is missed.
    pub(crate) async fn open(
        context: &'a Context,
        hub: Hub,
        ids: Vec<WorkerId>,
    ) -> Result<Self, Failure> {
        let mut feed = Self { context, hub, ids, wanted: Vec::new(), known: Known::default() };
        match feed.hub.ask(feed.subscription()).await {
            Ok(answer) => feed.start(answer).await?,
            Err(error) if error.is_gone() => feed.resume().await?,
            Err(error) => return Err(error.into()),
        }
        Ok(feed)
    }

    /// From now on this delivery is known, too.
    pub(crate) fn want(&mut self, delivery: Delivery) {
        self.wanted.push((delivery.worker.clone(), delivery.id));
        self.known.deliveries.entry(delivery.id).or_insert(delivery);
    }

    /// As [`Feed::want`], for one of which only the number is at hand.
    pub(crate) async fn require(
        &mut self,
        worker: &WorkerId,
        id: DeliveryId,
    ) -> Result<(), Failure> {
        self.wanted.push((worker.clone(), id));
        if self.known.deliveries.contains_key(&id) {
            return Ok(());
        }
        self.fetch(worker.clone(), id).await
    }

    /// Waits for one more event. Safe to drop while it waits. A hub that went away is started
    /// again: what it had recorded goes on.
    pub(crate) async fn next(&mut self) -> Result<(), Failure> {
        match self.hub.event().await {
            Ok(event) => {
                self.known.apply(event);
                Ok(())
            }
            Err(error) if error.is_gone() => self.resume().await,
            Err(error) => Err(error.into()),
        }
    }

    fn subscription(&self) -> Request {
        Request::Subscribe { workers: self.ids.clone() }
    }

    /// Goes on with the next hub.
    async fn resume(&mut self) -> Result<(), Failure> {
        let (hub, answer) = self.context.hub_that_answers(self.subscription()).await?;
        self.hub = hub;
        self.start(answer).await
    }

    async fn start(&mut self, answer: Answer) -> Result<(), Failure> {
        let Answer::Subscribed { workers, deliveries, .. } = answer else {
            return Err(unexpected(&answer));
        };
        self.known.workers = workers.into_iter().map(|it| (it.id.clone(), it)).collect();
        self.known.deliveries.extend(deliveries.into_iter().map(|it| (it.id, it)));
        self.refresh().await
    }

    /// Brings the wanted deliveries up to date: two steps at once are one event.
    pub(crate) async fn refresh(&mut self) -> Result<(), Failure> {
        for (worker, id) in self.wanted.clone() {
            self.fetch(worker, id).await?;
        }
        Ok(())
    }

    /// By a connection of its own: an answer on ours would have to be told from events.
    async fn fetch(&mut self, worker: WorkerId, id: DeliveryId) -> Result<(), Failure> {
        let answer = self.context.ask(Request::Receipts { worker: Some(worker) }).await?;
        let Answer::Receipts { deliveries } = answer else { return Err(unexpected(&answer)) };
        let found = deliveries.into_iter().find(|it| it.id == id);
        self.known.deliveries.extend(found.map(|it| (id, it)));
        Ok(())
    }
}

impl Known {
    /// What the event says, added to what is known.
    pub(crate) fn apply(&mut self, event: Event) {
        let Event { at, worker, what, .. } = event;
        let worker = worker.and_then(|id| self.workers.get_mut(&id));
        match (what, worker) {
            (Happened::Delivery { id, step, held, evidence }, _) => {
                let Some(delivery) = self.deliveries.get_mut(&id) else { return };
                if delivery.step.is_final() {
                    return;
                }
                if delivery.step != step {
                    delivery.steps.push(StepAt { step, at });
                }
                delivery.step = step;
                delivery.held = held;
                delivery.evidence = evidence;
            }
            (what, Some(worker)) => tell(worker, at, what),
            (_, None) => {}
        }
    }
}

fn tell(worker: &mut Worker, at: Timestamp, what: Happened) {
    match what {
        Happened::Process(fact) => worker.state.process = fact,
        Happened::Turn(fact) => worker.state.turn = fact,
        Happened::Reported(fact) => worker.state.reported = Some(fact),
        Happened::Placed { placement, session } => {
            worker.placement = placement;
            worker.place.session_name = session;
        }
        Happened::Worktree { path } => {
            worker.worktree_gone = path.is_none();
            worker.worktree = path.unwrap_or_else(|| worker.worktree.clone());
        }
        Happened::Ended { .. } => worker.ended = Some(at),
        Happened::Created
        | Happened::Delivery { .. }
        | Happened::Told { .. }
        | Happened::CleanupStarted
        | Happened::CleanupFailed { .. }
        | Happened::Command { .. }
        | Happened::Hub { .. } => {}
    }
}
