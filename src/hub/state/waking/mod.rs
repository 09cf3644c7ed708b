//! Wakes the parents of workers that need attention: one line in the parent's input box.
//!
//! Only an agent at rest with an empty box is told, by an ordinary delivery with a receipt, at most
//! once a minute, and not while it waits for items by itself. The parent is a worker, or an agent in
//! a pane without a worker: a guest, whose pane is sampled only while there is something to tell.
mod guests;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

use guests::Guest;

use super::{
    Effect, HubState, Link, Record, RequestId,
    live_worker::LiveWorker,
    requests::{answer, not_found, refuse},
};
use crate::model::{
    Answer, Caller, Delivery, DeliveryId, DeliveryMode, Happened, Item, ItemId, ItemKind, Now,
    PaneId, ParentPane, Refusal, RefusalKind, Step, StepAt, Told, Worker, WorkerId,
};

pub(super) use guests::id as guest_id;
pub(super) use text::{News, summary as news_line};

/// News within this time are one line.
const COALESCE: Duration = Duration::from_secs(1);
/// Shortest time between two lines to one parent.
const PACE: Duration = Duration::from_secs(60);

/// Who gave the work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parent {
    Worker(WorkerId),
    /// On the connected server.
    Pane(PaneId),
}

#[derive(Debug, Default)]
pub(super) struct Waking {
    /// Since when there is something to tell.
    since: BTreeMap<Parent, Instant>,
    woken: BTreeMap<Parent, Instant>,
    /// Clients that wait for items, with the parents that they are.
    waiting: BTreeMap<u64, Parent>,
    pub(super) guests: BTreeMap<PaneId, Guest>,
    /// Panes that a scheduled text waits for.
    expected: BTreeSet<PaneId>,
    /// Panes that are gone, or that showed no agent for a long time.
    dead: BTreeSet<PaneId>,
    /// Panes that showed no agent in their last capture.
    without_agent: BTreeSet<PaneId>,
}

/// The guest's agent, if one was recognised.
pub(super) fn guest_of(guest: &mut Guest) -> Option<&mut LiveWorker> {
    guest.live_mut()
}

/// Open deliveries to panes that belong to no worker.
pub(super) fn of_guests(deliveries: &[Delivery]) -> Vec<Delivery> {
    let is_orphan =
        |it: &&Delivery| !it.step.is_final() && it.worker.as_str().starts_with("guest-pane-");
    deliveries.iter().filter(is_orphan).cloned().collect()
}

impl HubState {
    /// The parent that runs a command in this pane.
    pub(super) fn party(&self, caller: &Caller) -> Option<Parent> {
        caller.pane.map(|pane| self.owner_of(pane))
    }

    /// The worker of this pane, else the pane itself.
    pub(super) fn owner_of(&self, pane: PaneId) -> Parent {
        let has_pane = |live: &&LiveWorker| live.has_window() && live.worker.place.pane == pane;
        let worker = self.workers.values().find(has_pane).map(|live| live.worker.id.clone());
        worker.map_or(Parent::Pane(pane), Parent::Worker)
    }

    /// Who is told what this worker needs: who gave it its work, else the project's orchestrator.
    pub(super) fn parent_of(&self, worker: &Worker) -> Option<Parent> {
        self.parent_by(worker, |repo| self.orchestrator_of(repo))
    }

    /// The same, where each project's orchestrator may be known already.
    fn parent_by<'a>(
        &self,
        worker: &'a Worker,
        orchestrator_of: impl FnOnce(&'a Path) -> Option<Parent>,
    ) -> Option<Parent> {
        self.live_parent(worker).or_else(|| {
            if worker.is_orchestrator() {
                return None;
            }
            let orchestrator = orchestrator_of(&worker.repo)?;
            (orchestrator != Parent::Worker(worker.id.clone())).then_some(orchestrator)
        })
    }

    /// Who gave this worker its work, if that is still there.
    fn live_parent(&self, worker: &Worker) -> Option<Parent> {
        if let Some(id) = &worker.parent {
            let is_live = self.workers.get(id).is_some_and(|live| live.worker.is_live());
            return is_live.then(|| Parent::Worker(id.clone()));
        }
        let place = worker.parent_pane.as_ref()?;
        let is_here = Some(place.server) == self.server() && !self.is_dead(place.pane);
        is_here.then_some(Parent::Pane(place.pane))
    }

    /// The oldest live orchestrator of a project: one of that kind, else the parent of its workers. A shell from
    /// which a person made some is none.
    pub(super) fn orchestrator_of(&self, repo: &Path) -> Option<Parent> {
        let workers = || self.workers.values().map(|live| &live.worker);
        let own = workers().filter(|it| it.is_orchestrator() && it.is_live() && it.repo == repo);
        if let Some(own) = own.min_by_key(|it| it.created) {
            return Some(Parent::Worker(own.id.clone()));
        }
        let parents = workers()
            .filter(|it| it.repo == repo)
            .filter_map(|it| Some((it.created, self.live_parent(it)?)));
        let is_agent = |parent: &Parent| match parent {
            Parent::Worker(_) => true,
            Parent::Pane(pane) => !self.waking.without_agent.contains(pane),
        };
        let parents = parents.filter(|(_, parent)| is_agent(parent));
        parents.min_by_key(|(created, _)| *created).map(|(_, parent)| parent)
    }

    /// This client waits for items by itself, until it leaves.
    pub(super) fn note_waiting(&mut self, client: u64, parent: Parent) {
        self.waking.waiting.insert(client, parent);
    }

    pub(super) fn forget_waiting(&mut self, client: u64) {
        self.waking.waiting.remove(&client);
    }

    /// Tells what is due.
    pub(super) fn wake_parents(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.inbox.has_untold() || !self.waking.since.is_empty() {
            self.tell_news(now, out);
        }
        self.tend_guests(now, out);
    }

    fn tell_news(&mut self, now: Now, out: &mut Vec<Effect>) {
        let news = self.news();
        self.waking.since.retain(|parent, _| news.contains_key(parent));
        for (parent, items) in news {
            self.waking.since.entry(parent.clone()).or_insert(now.steady);
            if let Parent::Pane(pane) = parent {
                self.waking.guests.entry(pane).or_insert_with(|| Guest::new(now));
            }
            if self.may_be_woken(&parent) && self.wake_at(&parent) <= Some(now.steady) {
                self.wake(now, &parent, &items, out);
            }
        }
    }

    /// An item with what belongs to it; its worker may be gone.
    pub(super) fn news_of(&self, id: ItemId) -> Option<News<'_>> {
        let item = self.inbox.get(id)?;
        let worker = self.workers.get(&item.worker).map(|live| &live.worker);
        Some((item, worker.and_then(|it| it.pr.as_deref())))
    }

    /// What each parent has not been told, the newest first. Runs after every input, and items can be many.
    fn news(&self) -> BTreeMap<Parent, Vec<ItemId>> {
        let mut news: BTreeMap<Parent, Vec<ItemId>> = BTreeMap::new();
        let mut known: BTreeMap<&Path, Option<Parent>> = BTreeMap::new();
        let mut orchestrator_of =
            |repo| known.entry(repo).or_insert_with(|| self.orchestrator_of(repo)).clone();
        for item in self.inbox.untold().rev() {
            let worker = self.workers.get(&item.worker).map(|live| &live.worker);
            let told = worker.filter(|it| it.wakes_for(item.kind) && item.kind != ItemKind::Run);
            let parent = told.and_then(|it| self.parent_by(it, &mut orchestrator_of));
            if let Some(parent) = parent.or_else(|| self.parent_of_run(item)) {
                news.entry(parent).or_default().push(item.id);
            }
        }
        news
    }

    fn may_be_woken(&self, parent: &Parent) -> bool {
        if self.waking.waiting.values().any(|it| it == parent) {
            return false;
        }
        match parent {
            Parent::Worker(id) => self.workers.get(id).is_some_and(LiveWorker::may_be_woken),
            Parent::Pane(pane) => self.waking.guests.get(pane).is_some_and(Guest::may_be_woken),
        }
    }

    /// When the parent may be told, if there is something to tell.
    fn wake_at(&self, parent: &Parent) -> Option<Instant> {
        let since = *self.waking.since.get(parent)?;
        let paced = self.waking.woken.get(parent).map(|at| *at + PACE);
        Some(paced.into_iter().chain([since + COALESCE]).max().unwrap_or(since))
    }

    /// The next time at which a parent that listens is to be told something.
    pub(super) fn next_waking(&self) -> Option<Instant> {
        if !matches!(self.link, Link::Up(_)) {
            return None;
        }
        let parents = self.waking.since.keys().filter(|it| self.may_be_woken(it));
        let news = parents.filter_map(|it| self.wake_at(it));
        news.chain(self.waking.guests.values().filter_map(Guest::next_look)).min()
    }

    fn wake(&mut self, now: Now, parent: &Parent, items: &[ItemId], out: &mut Vec<Effect>) {
        let news: Vec<News<'_>> = items.iter().filter_map(|id| self.news_of(*id)).collect();
        let line = text::line(&news);
        let target = match parent {
            Parent::Worker(id) => id.clone(),
            Parent::Pane(pane) => guests::id(*pane),
        };
        let delivery = self.new_delivery(now, &target, line, DeliveryMode::Ready);
        let id = delivery.id;
        if let Some(live) = self.live_mut(&target) {
            live.queue(now, Delivery { news: true, ..delivery });
        }
        self.waking.woken.insert(parent.clone(), now.steady);
        self.waking.since.remove(parent);
        let told = Told { at: now.wall, by: Some(id) };
        for item in items {
            self.set_told(*item, Some(told.clone()), out);
        }
        self.flush_workers(now, out);
    }

    /// An agent in a pane without a worker is to be told something, as far as there is an agent.
    pub(super) fn has_news_for_a_pane(&self) -> bool {
        let has_agent = |pane: &PaneId| !self.waking.without_agent.contains(pane);
        let told = self.waking.since.keys().filter_map(|it| match it {
            Parent::Pane(pane) => Some(pane),
            Parent::Worker(_) => None,
        });
        let busy = self.waking.guests.iter().filter(|(_, it)| it.is_busy()).map(|(pane, _)| pane);
        told.chain(busy).any(has_agent)
    }

    /// Workers and guests.
    pub(super) fn agents_mut(&mut self) -> impl Iterator<Item = &mut LiveWorker> {
        let guests = self.waking.guests.values_mut().filter_map(Guest::live_mut);
        self.workers.values_mut().chain(guests)
    }

    /// A worker, or a guest by its id.
    pub(super) fn live_mut(&mut self, id: &WorkerId) -> Option<&mut LiveWorker> {
        if self.workers.contains_key(id) {
            return self.workers.get_mut(id);
        }
        let mut guests = self.waking.guests.values_mut().filter_map(Guest::live_mut);
        guests.find(|live| live.worker.id == *id)
    }

    /// A waking line is over. If nothing of it has reached the agent, its news are told again.
    pub(super) fn note_waking(&mut self, line: &Delivery, out: &mut Vec<Effect>) {
        if line.was_typed() || !matches!(line.step, Step::Failed | Step::Cancelled) {
            return;
        }
        let told_by = |it: &&Item| it.told.as_ref().is_some_and(|told| told.by == Some(line.id));
        let items: Vec<ItemId> = self.inbox.all().filter(told_by).map(|it| it.id).collect();
        for item in items {
            self.set_told(item, None, out);
        }
    }

    /// Withdraws a waking line that is about nothing any more, unless it is being typed.
    pub(super) fn drop_moot(&mut self, now: Now, id: DeliveryId, out: &mut Vec<Effect>) {
        let told_by = |it: &Item| it.told.as_ref().is_some_and(|told| told.by == Some(id));
        if self.inbox.all().any(|it| it.is_shown() && told_by(it)) {
            return;
        }
        for live in self.agents_mut() {
            if live.can_still_wait(id) {
                live.cancel(now, id);
            }
        }
        self.flush_workers(now, out);
    }

    pub(super) fn has_parent(&self, id: &WorkerId) -> bool {
        let worker = self.workers.get(id).map(|live| &live.worker);
        let has_own = |it: &Worker| it.parent.is_some() || it.parent_pane.is_some();
        worker.is_some_and(|it| has_own(it) || self.parent_of(it).is_some())
    }

    /// The caller is the parent of these workers from now on, and is told what is open.
    pub(super) fn adopt(
        &mut self,
        now: Now,
        request_id: RequestId,
        (ids, caller): (&[WorkerId], &Caller),
        out: &mut Vec<Effect>,
    ) {
        self.revive(caller);
        let (Some(party), server) = (self.party(caller), self.server()) else {
            let refusal =
                Refusal::new(RefusalKind::NotNow, "this command does not run in a tmux pane");
            return refuse(out, request_id, refusal.hint("run it in the pane of the orchestrator"));
        };
        if let Some(id) = ids.iter().find(|id| !self.workers.contains_key(id)) {
            return not_found(out, request_id, id);
        }
        for id in ids {
            let Some(live) = self.workers.get_mut(id) else { continue };
            let (parent, pane) = match &party {
                Parent::Worker(parent) if parent == id => {
                    let message = format!("`{id}` cannot be its own parent");
                    return refuse(out, request_id, Refusal::new(RefusalKind::NotNow, message));
                }
                Parent::Worker(parent) => (Some(parent.clone()), None),
                Parent::Pane(pane) => {
                    (None, server.map(|server| ParentPane { server, pane: *pane }))
                }
            };
            live.adopted(parent, pane);
            let is_open = |it: &&Item| it.worker == *id && it.is_shown();
            let told_by = |it: &Item| it.told.as_ref().and_then(|told| told.by);
            let items: Vec<_> =
                self.inbox.all().filter(is_open).map(|it| (it.id, told_by(it))).collect();
            for (item, line) in items {
                self.set_told(item, None, out);
                // The former parent need not be told any more.
                line.iter().for_each(|line| self.drop_moot(now, *line, out));
            }
            self.log(now, out, Some(id), Happened::Command { verb: "adopt".into() });
        }
        self.flush_workers(now, out);
        answer(out, request_id, Answer::Done);
    }

    /// Lines to guests that the previous hub left: what had not been typed is told again.
    pub(super) fn give_up_guests(&mut self, now: Now, open: Vec<Delivery>, out: &mut Vec<Effect>) {
        for mut delivery in open {
            let was_typed = delivery.was_typed();
            let when = if was_typed { "while this was typed" } else { "before this was typed" };
            delivery.step = Step::Failed;
            delivery.held = None;
            delivery.evidence = format!("the hub ended {when}");
            delivery.steps.push(StepAt { step: Step::Failed, at: now.wall });
            out.push(Effect::Record(Record::Delivery(Box::new(delivery.clone()))));
            self.note_waking(&delivery, out);
            self.note_scheduled(now, &delivery, out);
        }
    }

    /// The reader has seen these items: its agent need not be told.
    pub(super) fn note_read(
        &mut self,
        now: Now,
        parent: &Parent,
        items: &[ItemId],
        out: &mut Vec<Effect>,
    ) {
        for id in self.untold(parent, items.iter().filter_map(|id| self.inbox.get(*id))) {
            self.set_told(id, Some(Told { at: now.wall, by: None }), out);
        }
    }

    /// Of these items, those of the parent's workers that it has not heard of.
    pub(super) fn untold<'a>(
        &self,
        parent: &Parent,
        items: impl Iterator<Item = &'a Item>,
    ) -> Vec<ItemId> {
        // Many items are of few workers.
        let mut known = BTreeMap::new();
        let is_its = |item: &&Item| {
            *known.entry(item.worker.clone()).or_insert_with_key(|id| {
                let worker = self.workers.get(id).map(|live| &live.worker);
                worker.and_then(|it| self.parent_of(it)).as_ref() == Some(parent)
            })
        };
        items.filter(|it| it.told.is_none()).filter(is_its).map(|it| it.id).collect()
    }
}
