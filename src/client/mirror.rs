//! A live copy of what the hub knows of workers and their deliveries.
//!
//! Knows one subscription, and the rule by which an event changes the copy. It survives the end of
//! a hub and missed events.
use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Hub};
use crate::model::{
    Answer, Delivery, DeliveryId, Event, Fact, FactSource, Happened, Request, StepAt, Timestamp,
    Worker, WorkerId,
};

/// Workers and deliveries, kept up to date by events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub workers: BTreeMap<WorkerId, Worker>,
    pub deliveries: BTreeMap<DeliveryId, Delivery>,
}

/// What an event was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A state, a delivery, or something that the copy does not hold.
    Detail,
    /// Workers were added, removed or moved.
    Workers,
    /// The inbox has changed.
    Inbox,
}

#[derive(Debug)]
pub struct Mirror {
    hub: Hub,
    /// Empty means every worker.
    ids: Vec<WorkerId>,
    /// Deliveries to keep even when their worker has newer ones.
    wanted: BTreeSet<DeliveryId>,
    /// Workers that were created, and are not in the copy yet.
    new: BTreeSet<WorkerId>,
    /// The hub has gone, and its successor has no subscription yet.
    is_lost: bool,
    pub known: Known,
}

impl Mirror {
    /// Subscribes on this connection; nothing that happens after the answer is missed.
    pub async fn open(hub: Hub, ids: Vec<WorkerId>) -> Result<Self, Error> {
        let mut mirror = Self {
            hub,
            ids,
            wanted: BTreeSet::new(),
            new: BTreeSet::new(),
            is_lost: false,
            known: Known::default(),
        };
        mirror.subscribe().await?;
        Ok(mirror)
    }

    /// The connection, to ask something between two events.
    pub fn hub(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// The connection, when the copy is no longer needed.
    pub fn into_hub(self) -> Hub {
        self.hub
    }

    /// Keeps this delivery from now on.
    pub fn want(&mut self, delivery: Delivery) {
        self.wanted.insert(delivery.id);
        self.known.deliveries.entry(delivery.id).or_insert(delivery);
    }

    /// Like [`Mirror::want`], when only the delivery's number is known.
    pub async fn require(&mut self, id: DeliveryId) -> Result<(), Error> {
        self.wanted.insert(id);
        if self.known.deliveries.contains_key(&id) { Ok(()) } else { self.fetch(id).await }
    }

    /// Waits for one more event. If the hub has gone, starts it again and continues from what it recorded.
    /// Safe to drop while it waits: what was begun is done at the next call.
    pub async fn next(&mut self) -> Result<Change, Error> {
        loop {
            if self.is_lost {
                // The answer to the next subscription contains what was missed.
                self.subscribe().await?;
                self.is_lost = false;
                self.new.clear();
                return Ok(Change::Workers);
            }
            if let Some(id) = self.new.first().cloned() {
                self.learn(&id).await?;
                self.new.remove(&id);
                return Ok(Change::Workers);
            }
            match self.hub.event().await {
                Ok(event) => {
                    let is_new = matches!(event.what, Happened::Created) && self.ids.is_empty();
                    self.new.extend(event.worker.clone().filter(|_| is_new));
                    let change = self.known.apply(event);
                    if self.new.is_empty() {
                        return Ok(change);
                    }
                }
                Err(error) if error.is_gone() => self.is_lost = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Brings the wanted deliveries up to date: two steps at once are one event.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        for id in self.wanted.clone() {
            self.fetch(id).await?;
        }
        Ok(())
    }

    /// A worker that was created after the subscription.
    async fn learn(&mut self, id: &WorkerId) -> Result<(), Error> {
        match self.hub.ask(Request::Show { id: id.clone() }).await {
            Ok(Answer::Shown { worker, deliveries, .. }) => {
                self.known.workers.insert(id.clone(), *worker);
                self.known.deliveries.extend(deliveries.into_iter().map(|it| (it.id, it)));
                Ok(())
            }
            // The worker is gone; the event that says so will follow.
            Ok(_) | Err(Error::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn subscribe(&mut self) -> Result<(), Error> {
        let request = Request::Subscribe { workers: self.ids.clone() };
        let answer = self.hub.ask_any(request).await?;
        let Answer::Subscribed { workers, deliveries, .. } = answer else {
            return Err(Error::Unexpected);
        };
        self.known.workers = workers.into_iter().map(|it| (it.id.clone(), it)).collect();
        self.known.deliveries.extend(deliveries.into_iter().map(|it| (it.id, it)));
        self.refresh().await
    }

    async fn fetch(&mut self, id: DeliveryId) -> Result<(), Error> {
        let answer = self.hub.ask(Request::Receipt { delivery: id }).await?;
        let Answer::Receipt { delivery } = answer else { return Err(Error::Unexpected) };
        self.known.deliveries.extend(delivery.map(|it| (id, *it)));
        Ok(())
    }
}

impl Known {
    /// Applies one event to the copy.
    pub fn apply(&mut self, event: Event) -> Change {
        let Event { at, worker, what, .. } = event;
        let worker = worker.and_then(|id| self.workers.get_mut(&id));
        match (what, worker) {
            (Happened::Delivery { id, step, held, evidence }, _) => {
                let Some(delivery) = self.deliveries.get_mut(&id) else { return Change::Detail };
                if delivery.step.is_final() {
                    return Change::Detail;
                }
                if delivery.step != step {
                    delivery.steps.push(StepAt { step, at });
                }
                delivery.step = step;
                delivery.held = held;
                delivery.evidence = evidence;
                Change::Detail
            }
            (Happened::Item { .. }, _) => Change::Inbox,
            (what, Some(worker)) => tell(worker, at, what),
            (_, None) => Change::Detail,
        }
    }
}

fn tell(worker: &mut Worker, at: Timestamp, what: Happened) -> Change {
    match what {
        Happened::Process(fact) => worker.state.process = fact,
        Happened::Turn(fact) => worker.state.turn = fact,
        Happened::Asks { asks } => worker.state.asks = asks,
        Happened::Reported(fact) => worker.state.reported = Some(fact),
        Happened::ReportOver => worker.state.reported = None,
        Happened::Need { need } => worker.state.need = need,
        Happened::Placed { placement, session } => {
            worker.placement = placement;
            worker.place.session_name = session;
            return Change::Workers;
        }
        Happened::Worktree { path } => {
            worker.worktree_gone = path.is_none();
            worker.worktree = path.unwrap_or_else(|| worker.worktree.clone());
        }
        Happened::Renamed { branch } => worker.branch = branch,
        Happened::Told { about, text } => match about.as_str() {
            "session" => worker.agent_session = Some(text),
            "message" => worker.last_message = Some(text),
            "pull-request" => worker.pr = Some(text),
            "progress" => {
                let (since, source) = (at, FactSource::Report);
                let evidence = String::new();
                worker.progress = Some(Fact { value: text, since, source, evidence });
            }
            "profile" => worker.profile_note = Some(text),
            _ => {}
        },
        Happened::Landed(landed) => worker.state.landed = Some(landed),
        Happened::Pull(pull) => worker.work.pull = Some(*pull),
        Happened::Changes(changes) => worker.work.changes = Some(changes),
        Happened::Ended { .. } => {
            worker.ended = Some(at);
            return Change::Workers;
        }
        Happened::Resumed => {
            worker.state = crate::model::WorkerState::starting(at);
            (worker.ended, worker.worktree_gone, worker.place.gone) = (None, false, false);
            return Change::Workers;
        }
        Happened::Created
        | Happened::Item { .. }
        | Happened::Delivery { .. }
        | Happened::CleanupStarted
        | Happened::CleanupFailed { .. }
        | Happened::Schedule { .. }
        | Happened::Command { .. }
        | Happened::Run { .. }
        | Happened::Hub { .. }
        | Happened::Other(_) => {}
    }
    // The process fact alone says that a window is gone.
    worker.place.gone |= matches!(worker.state.process.value, crate::model::Process::Lost(_));
    Change::Detail
}
