//! What is planned for a time: each time fires once, by the wall clock.
//!
//! A time that fires and what comes of it are one batch of records, so a killed hub has either done
//! both or neither. What became due while no hub ran, or while the machine slept, fires once. A text
//! for an agent in a pane without a worker waits until that agent listens.
use std::{collections::BTreeMap, time::Instant};

use super::{
    Effect, HubState, LocalEffect, Record, RequestId,
    requests::{answer, no_worker, refuse},
    waking::{Parent, guest_id},
};
use crate::{
    model::{
        Addressee, Answer, Deed, Delivery, DeliveryMode, Firing, Happened, ItemKind, NewDelivery,
        Now, PaneId, Plan, Refusal, RefusalKind, Schedule, ScheduleId, Step, Timestamp, WorkerId,
    },
    schedule::{lateness, next},
    text::clean,
};

/// Schedules that may exist at once.
const MAX_OPEN: usize = 200;
/// Longest text of one, in bytes.
const MAX_TEXT: usize = 16 << 10;

/// Those that are not over.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    open: BTreeMap<ScheduleId, Schedule>,
    last: ScheduleId,
    /// When the next one fires, if the clock is not set.
    next: Option<Instant>,
}

impl Schedules {
    pub(super) fn remembered(found: Vec<Schedule>, last: u64) -> Self {
        let open = found.into_iter().map(|it| (it.id, it)).collect();
        Self { open, last: ScheduleId(last), next: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// A text waits for an agent that only its pane shows.
    pub(super) fn waits_for_a_pane(&self) -> bool {
        self.open.values().any(|it| it.open.is_some() && !is_create(it))
    }

    fn due(&self, now: Timestamp) -> Vec<ScheduleId> {
        let is_due = |it: &&Schedule| it.next.is_some_and(|next| next <= now);
        self.open.values().filter(is_due).map(|it| it.id).collect()
    }
}

fn is_create(it: &Schedule) -> bool {
    matches!(it.plan.deed, Deed::Create { .. })
}

/// What became of the text of one time.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is in the agent's queue.
    Queued,
    /// It waits for the agent in a pane.
    Waits,
    /// Another time may succeed.
    Failed(String),
    /// No other time can succeed.
    Gone(String),
}

/// Requests.
impl HubState {
    /// The wall clock decides about something: it may be set, or stand still while the machine sleeps.
    pub fn watches_the_clock(&self) -> bool {
        !self.schedules.is_empty()
    }

    pub(super) fn schedule(
        &mut self,
        now: Now,
        request_id: RequestId,
        mut plan: Plan,
        out: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.complete(&mut plan) {
            return refuse(out, request_id, refusal);
        }
        self.schedules.last.0 += 1;
        let schedule = Schedule::new(self.schedules.last, plan, now.wall);
        self.tell_schedule(now, &schedule, "made", String::new(), out);
        self.put_schedule(schedule.clone(), out);
        answer(out, request_id, Answer::Scheduled { schedule: Box::new(schedule) });
    }

    /// Adds what only the hub knows, or refuses the plan.
    fn complete(&self, plan: &mut Plan) -> Result<(), Refusal> {
        let not_now = |message: String| Refusal::new(RefusalKind::NotNow, message);
        if self.schedules.open.len() >= MAX_OPEN {
            return Err(not_now(format!("there are {MAX_OPEN} schedules already")).hint(
                "`wtmag schedule list --all` shows them; `wtmag schedule cancel N` ends one",
            ));
        }
        let n_bytes = plan.deed.text().len();
        if n_bytes > MAX_TEXT {
            return Err(not_now(format!("a text of {n_bytes} bytes is too long for a schedule"))
                .hint("write it to a file, and schedule a text that names the file"));
        }
        match &mut plan.to {
            Addressee::Worker { id } | Addressee::ParentOf { id } => {
                self.workers.get(id).map(drop).ok_or_else(|| no_worker(id))
            }
            Addressee::Pane { server, .. } => {
                *server = self.server();
                let message = "tmux is not connected, so this pane is not known";
                server.map(drop).ok_or_else(|| not_now(message.to_owned()))
            }
            Addressee::Orchestrator | Addressee::NewWorker => Ok(()),
            Addressee::Other(_) => {
                Err(Refusal::new(RefusalKind::BadRequest, "this hub does not know the addressee"))
            }
        }
    }

    pub(super) fn list_schedules(&self, request_id: RequestId, out: &mut Vec<Effect>) {
        let schedules = self.schedules.open.values().cloned().collect();
        answer(out, request_id, Answer::Schedules { schedules });
    }

    pub(super) fn cancel_schedule(
        &mut self,
        now: Now,
        request_id: RequestId,
        id: ScheduleId,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut schedule) = self.schedules.open.get(&id).cloned() else {
            let message = format!("there is no schedule {id}");
            let refusal = Refusal::new(RefusalKind::NotFound, message);
            return refuse(out, request_id, refusal.hint("`wtmag schedule list --all` shows them"));
        };
        schedule.next = None;
        schedule.open = None;
        self.tell_schedule(now, &schedule, "cancelled", String::new(), out);
        self.end_or_keep(now, schedule, out);
        answer(out, request_id, Answer::Done);
    }
}

/// Firing.
impl HubState {
    /// Fires what is due.
    pub(super) fn fire_schedules(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.schedules.next = None;
        // Before the first look, it is unknown which agents a reboot ended.
        if self.schedules.is_empty() || self.is_looking() {
            return;
        }
        for id in self.schedules.due(now.wall) {
            self.fire(now, id, out);
        }
        self.deliver_waiting(now, out);
        let next = self.schedules.open.values().filter_map(|it| it.next).min();
        self.schedules.next = next.map(|next| now.steady + next.since(now.wall));
    }

    /// One time of one schedule. A later one that is due already is passed over.
    fn fire(&mut self, now: Now, id: ScheduleId, out: &mut Vec<Effect>) {
        let Some(mut schedule) = self.schedules.open.get(&id).cloned() else { return };
        let Some(due) = schedule.next else { return };
        let zone = &self.setup.zone;
        let next = next(&schedule.plan.when, due.max(now.wall), zone);
        let late = lateness(due, now.wall, zone);
        schedule.next = next.as_ref().ok().copied().flatten();
        schedule.fired += 1;
        if schedule.open.is_some() {
            // What an earlier time brought still waits, and stands for this one, too.
            return self.put_schedule(schedule, out);
        }
        self.tell_schedule(now, &schedule, "fired", late.clone().unwrap_or_default(), out);
        let mut fate = self.begin(now, &schedule, late.as_deref(), out);
        if fate == Fate::Waits {
            schedule.open = Some(Firing { due, at: now.wall, delivery: None });
        }
        if let Err(error) = next {
            fate = Fate::Gone(error.to_string());
        }
        self.conclude(now, schedule, fate, out);
    }

    fn begin(
        &mut self,
        now: Now,
        schedule: &Schedule,
        late: Option<&str>,
        out: &mut Vec<Effect>,
    ) -> Fate {
        if let Deed::Create { dir, args, env, .. } = &schedule.plan.deed {
            let (dir, args, env) = (dir.clone(), args.clone(), env.clone());
            let create = LocalEffect::Create { schedule: schedule.id, dir, args, env };
            out.push(Effect::Local(create));
            return Fate::Waits;
        }
        match self.addressee(&schedule.plan) {
            Ok(Parent::Worker(worker)) => {
                self.deliver_to(now, worker, &schedule.plan.deed, late, out)
            }
            Ok(Parent::Pane(_)) => match &schedule.plan.deed {
                Deed::Send { .. } => Fate::Waits,
                Deed::Ask { .. } | Deed::Create { .. } | Deed::Other(_) => {
                    Fate::Gone("only a worker can be asked".to_owned())
                }
            },
            Err(why) => Fate::Gone(why),
        }
    }

    pub(super) fn create_over(
        &mut self,
        now: Now,
        id: ScheduleId,
        outcome: Result<(), String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(mut schedule) = self.schedules.open.get(&id).cloned() else { return };
        schedule.open = None;
        let fate = outcome.map_or_else(Fate::Failed, |()| Fate::Queued);
        self.conclude(now, schedule, fate, out);
    }

    /// Workers that the previous hub was creating. Nobody knows how far it came, so it is not repeated.
    pub(super) fn give_up_creates(&mut self, now: Now, out: &mut Vec<Effect>) {
        let begun = self.schedules.open.values().filter(|it| is_create(it) && it.open.is_some());
        for id in begun.map(|it| it.id).collect::<Vec<_>>() {
            let why =
                "the hub ended while the worker was created; `wtmag list` shows whether it was";
            self.create_over(now, id, Err(why.to_owned()), out);
        }
    }

    /// Who gets it now.
    fn addressee(&self, plan: &Plan) -> Result<Parent, String> {
        let found = match &plan.to {
            Addressee::Worker { id } => {
                let gone = || format!("the worker `{id}` was removed");
                let worker = self.workers.get(id).map(|live| live.worker.id.clone());
                return worker.map(Parent::Worker).ok_or_else(gone);
            }
            Addressee::Pane { pane, server } => {
                let is_here = self.server().is_none() || *server == self.server();
                let has_pane = is_here && !self.is_dead(*pane);
                let message = || format!("there is no agent in pane {pane} any more");
                return has_pane.then(|| self.owner_of(*pane)).ok_or_else(message);
            }
            Addressee::ParentOf { id } => {
                let worker = self.workers.get(id).map(|live| &live.worker);
                let worker = worker.ok_or_else(|| format!("the worker `{id}` was removed"))?;
                self.parent_of(worker)
            }
            Addressee::Orchestrator => {
                plan.repo.as_deref().and_then(|repo| self.orchestrator_of(repo))
            }
            Addressee::NewWorker | Addressee::Other(_) => None,
        };
        found.ok_or_else(|| format!("there is no live agent that is the {}", plan.to))
    }

    fn deliver_to(
        &mut self,
        now: Now,
        worker: WorkerId,
        deed: &Deed,
        late: Option<&str>,
        out: &mut Vec<Effect>,
    ) -> Fate {
        let new = |text: &str| NewDelivery {
            worker,
            text: with_lateness(text, late),
            submit: true,
            interrupt: false,
            file: None,
        };
        let done = match deed {
            Deed::Send { text, file, submit, interrupt } => {
                let (submit, interrupt, file) = (*submit, *interrupt, file.clone());
                let new = NewDelivery { submit, interrupt, file, ..new(text) };
                self.queue_text(now, new, out).map(drop)
            }
            Deed::Ask { text } => self.queue_question(now, new(text), out).map(drop),
            Deed::Create { .. } | Deed::Other(_) => {
                return Fate::Gone("this hub does not know what to do".to_owned());
            }
        };
        done.map_or_else(|refusal| Fate::Failed(refusal.message), |()| Fate::Queued)
    }

    /// Texts whose time has come, for agents in panes that are no worker's.
    fn deliver_waiting(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.expect_no_guests();
        let waiting = self.schedules.open.values().filter(|it| it.open.is_some() && !is_create(it));
        for schedule in waiting.cloned().collect::<Vec<_>>() {
            let Some(firing) = &schedule.open else { continue };
            if firing.delivery.is_some() {
                continue;
            }
            let late = lateness(firing.due, now.wall, &self.setup.zone);
            let fate = match self.addressee(&schedule.plan) {
                Ok(Parent::Pane(pane)) if self.guest_listens(pane) => {
                    self.deliver_in(now, pane, &schedule, late.as_deref(), out);
                    continue;
                }
                Ok(Parent::Pane(pane)) => {
                    self.expect_guest(now, pane);
                    self.want_link(out);
                    continue;
                }
                // A worker is the orchestrator by now.
                Ok(Parent::Worker(worker)) => {
                    self.deliver_to(now, worker, &schedule.plan.deed, late.as_deref(), out)
                }
                Err(why) => Fate::Gone(why),
            };
            self.conclude(now, Schedule { open: None, ..schedule }, fate, out);
        }
    }

    fn deliver_in(
        &mut self,
        now: Now,
        pane: PaneId,
        schedule: &Schedule,
        late: Option<&str>,
        out: &mut Vec<Effect>,
    ) {
        let text = with_lateness(schedule.plan.deed.text(), late);
        let guest = guest_id(pane);
        let delivery = self.new_delivery(now, &guest, text, DeliveryMode::Ready);
        let mut schedule = schedule.clone();
        if let Some(firing) = &mut schedule.open {
            firing.delivery = Some(delivery.id);
        }
        if let Some(live) = self.live_mut(&guest) {
            live.queue(now, delivery);
        }
        self.put_schedule(schedule, out);
        self.flush_workers(now, out);
    }

    /// A delivery is over. If nothing of it was typed, its text waits again.
    pub(super) fn note_scheduled(&mut self, now: Now, delivery: &Delivery, out: &mut Vec<Effect>) {
        let has_it = |it: &Firing| it.delivery == Some(delivery.id);
        let is_its = |it: &&Schedule| it.open.as_ref().is_some_and(has_it);
        let Some(mut schedule) = self.schedules.open.values().find(is_its).cloned() else { return };
        let has_failed = matches!(delivery.step, Step::Failed | Step::Cancelled);
        if has_failed && !delivery.was_typed() {
            if let Some(firing) = &mut schedule.open {
                firing.delivery = None;
            }
            return self.put_schedule(schedule, out);
        }
        schedule.open = None;
        let evidence = || delivery.evidence.clone();
        let fate = if has_failed { Fate::Failed(evidence()) } else { Fate::Queued };
        self.conclude(now, schedule, fate, out);
    }
}

/// Records.
impl HubState {
    /// What became of one text. A failure is an item of the inbox.
    fn conclude(&mut self, now: Now, mut schedule: Schedule, fate: Fate, out: &mut Vec<Effect>) {
        let why = match fate {
            Fate::Queued | Fate::Waits => None,
            Fate::Failed(why) => Some(why),
            Fate::Gone(why) => {
                schedule.next = None;
                Some(why)
            }
        };
        if let Some(why) = why {
            self.tell_schedule(now, &schedule, "failed", why.clone(), out);
            let about = match &schedule.plan.to {
                Addressee::Worker { id } | Addressee::ParentOf { id } => id.clone(),
                Addressee::Pane { pane, .. } => guest_id(*pane),
                Addressee::Orchestrator | Addressee::NewWorker | Addressee::Other(_) => {
                    WorkerId::for_branch("schedule", &schedule.id.to_string())
                }
            };
            let text = format!("schedule {}: {why}: {}", schedule.id, schedule.plan.deed.text());
            // One that fails again and again is told once, until it is dealt with.
            let is_told = self.inbox.all().any(|it| {
                it.kind == ItemKind::Schedule && it.worker == about && it.text == clean(&text)
            });
            if !is_told {
                self.add_message(now, &about, ItemKind::Schedule, &text, out);
            }
        }
        self.end_or_keep(now, schedule, out);
    }

    fn end_or_keep(&mut self, now: Now, mut schedule: Schedule, out: &mut Vec<Effect>) {
        if schedule.next.is_none() && schedule.open.is_none() {
            schedule.over = Some(now.wall);
        }
        self.put_schedule(schedule, out);
    }

    fn put_schedule(&mut self, schedule: Schedule, out: &mut Vec<Effect>) {
        out.push(Effect::Record(Record::Schedule(Box::new(schedule.clone()))));
        if schedule.over.is_some() {
            self.schedules.open.remove(&schedule.id);
        } else {
            self.schedules.open.insert(schedule.id, schedule);
        }
    }

    fn tell_schedule(
        &mut self,
        now: Now,
        schedule: &Schedule,
        what: &str,
        text: String,
        out: &mut Vec<Effect>,
    ) {
        let worker = match &schedule.plan.to {
            Addressee::Worker { id } | Addressee::ParentOf { id } => Some(id.clone()),
            Addressee::Pane { .. }
            | Addressee::Orchestrator
            | Addressee::NewWorker
            | Addressee::Other(_) => None,
        };
        let happened = Happened::Schedule { id: schedule.id, what: what.to_owned(), text };
        self.log(now, out, worker.as_ref(), happened);
    }
}

fn with_lateness(text: &str, late: Option<&str>) -> String {
    late.map_or_else(|| text.to_owned(), |late| format!("{text} (wtmag: {late})"))
}
