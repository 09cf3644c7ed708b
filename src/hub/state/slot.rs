//! One worker inside the hub: its record, when to look at it, its tracker and its deliveries.
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Act, Acted, Effect, PaneSeen, Record, SessionId, places::placement};
use crate::{
    agents::{
        self, classify,
        echo::{self, Echo, Holding},
        fold::{Change, Seen, Tracker},
        hooks,
        input_box::Found,
        profile::Profile,
    },
    delivery::{Content, Do, Input, Look, Machine},
    model::{
        Delivery, DeliveryId, DeliveryMode, EndCause, Exit, Happened, Hold, Now, Placement, Sample,
        Verdict, Worker,
    },
};

/// Shortest time between two samples of one pane.
const INTERVAL: Duration = Duration::from_millis(200);
/// The same while its agent animates a turn.
const ANIMATED: Duration = Duration::from_millis(500);
/// A pane that was silent draws for a moment before it is worth a look.
const SETTLE: Duration = Duration::from_millis(60);
/// A look that brought no sample is tried again.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) worker: Worker,
    profile: Arc<Profile>,
    tracker: Tracker,
    watch: Watch,
    last: Option<Sample>,
    /// Where the box was found on the last sample.
    found: Option<Found>,
    /// Open deliveries in order; only the first is under way.
    queue: VecDeque<Machine>,
    /// The newest delivery that is over.
    receipt: Option<Delivery>,
    /// The screen before the paste under way, for boxes that cannot be read.
    before: Option<Sample>,
    echo: Option<Echo>,
    /// Texts delivered here: where they show they are no menu.
    sent: Vec<String>,
    gone: bool,
    notes: Notes,
}

/// What happened to the slot and is to be recorded.
#[derive(Debug, Default)]
struct Notes {
    worker: bool,
    deliveries: Vec<Delivery>,
    happened: Vec<Happened>,
}

/// When to look at the pane.
#[derive(Debug, Default)]
struct Watch {
    /// It rang, and the doorbell is silent until the next look.
    rang: bool,
    /// Rings reach us: we looked since we connected.
    listening: bool,
    quiet_since: Option<Instant>,
    /// The next look that a ring or a delivery wants.
    due: Option<Instant>,
    looking: bool,
    last: Option<Instant>,
}

impl Slot {
    /// A worker whose window was just made.
    pub(super) fn made(worker: Worker, first: Delivery, now: Now) -> Result<Self, String> {
        let mut slot = Self::new(worker, now)?;
        slot.notes.worker = true;
        slot.queue(now, first);
        Ok(slot)
    }

    /// A worker that a former hub recorded.
    pub(super) fn remembered(
        worker: Worker,
        deliveries: Vec<Delivery>,
        now: Now,
    ) -> Result<Self, String> {
        let mut slot = Self::new(worker, now)?;
        slot.gone = slot.worker.place.gone;
        if slot.worker.state.process.value == Process::Starting {
            }
        for delivery in deliveries {
            slot.sent.push(delivery.text.clone());
            if delivery.step.is_final() {
                slot.receipt = Some(delivery);
            } else {
                slot.queue.push_back(Machine::new(delivery));
            }
        }
        Ok(slot)
    }

    fn new(worker: Worker, now: Now) -> Result<Self, String> {
        let agent = &worker.agent;
        let profile = match &agent.profile_text {
            Some(text) => {
                let parsed = Profile::parse(&agent.profile, text);
                Arc::new(parsed.map_err(|it| it.to_string())?)
            }
            None => agents::builtin(&agent.profile)
                .ok_or_else(|| format!("there is no profile `{}`", agent.profile))?,
        };
        let tracker = Tracker::restore(Arc::clone(&profile), worker.state.clone(), now);
        Ok(Self {
            worker,
            profile,
            tracker,
            watch: Watch::default(),
            last: None,
            found: None,
            queue: VecDeque::new(),
            receipt: None,
            before: None,
            echo: None,
            sent: Vec::new(),
            gone: false,
            notes: Notes::default(),
        })
    }

    pub(super) fn last_sample(&self) -> Option<&Sample> {
        self.last.as_ref()
    }

    /// Its pane is there, as far as we know.
    pub(super) fn has_window(&self) -> bool {
        !self.gone
    }

    pub(super) fn open_deliveries(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn newest_delivery(&self) -> Option<Delivery> {
        let open = self.queue.back().map(|it| it.delivery().clone());
        open.or_else(|| self.receipt.clone())
    }

    /// The newest delivery that is over, then the open ones.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        let open = self.queue.iter().map(|it| it.delivery().clone());
        self.receipt.iter().cloned().chain(open).collect()
    }

    pub(super) fn explain(&self) -> (Verdict, Vec<String>) {
        let Some(sample) = &self.last else { return (Verdict::default(), Vec::new()) };
        let why = classify::explain(&self.profile, sample, &self.sent);
        (why.verdict, why.rules.iter().map(ToString::to_string).collect())
    }

    /// What is to be recorded since the last call.
    pub(super) fn take_notes(&mut self) -> Option<(Vec<Record>, Vec<Happened>)> {
        let Notes { worker, deliveries, happened } = std::mem::take(&mut self.notes);
        if !worker && deliveries.is_empty() && happened.is_empty() {
            return None;
        }
        let mut records = Vec::new();
        if worker {
            records.push(Record::Worker(Box::new(self.worker.clone())));
        }
        records.extend(deliveries.into_iter().map(|it| Record::Delivery(Box::new(it))));
        Some((records, happened))
    }
}

/// Where it is.
impl Slot {
    /// The pane is there, shown by these sessions. True when its session was just closed.
    pub(super) fn seen_at(&mut self, row: PaneSeen) -> bool {
        let to = placement(&row, &self.worker.id);
        let kept = row.sessions.iter().find(|(id, _)| Some(*id) == self.worker.place.session);
        let session = kept.or_else(|| row.sessions.first()).cloned();
        let was = self.worker.placement;
        if was == to && session.as_ref().map(|it| it.0) == self.worker.place.session {
            return false;
        }
        self.placed(to, session);
        to == Placement::Fleet && was != Placement::Fleet
    }

    pub(super) fn placed(&mut self, placement: Placement, session: Option<(SessionId, String)>) {
        self.worker.placement = placement;
        self.worker.place.session = session.as_ref().map(|it| it.0);
        self.worker.place.session_name = session.map(|it| it.1);
        self.notes.worker = true;
        let session = self.worker.place.session_name.clone();
        self.notes.happened.push(Happened::Placed { placement, session });
    }

    pub(super) fn boot(&self) -> &str {
        &self.worker.place.boot
    }

    /// Why a pane that should be there is not.
    pub(super) fn cause_of_loss(&self) -> EndCause {
        match self.worker.placement {
            Placement::Session => EndCause::SessionClosed,
            Placement::Window | Placement::Fleet => EndCause::WindowClosed,
        }
    }

    /// The pane is gone and nobody asked for it.
    pub(super) fn lost(&mut self, now: Now, cause: EndCause) {
        self.gone = true;
        self.worker.place.gone = true;
        if self.worker.state.is_live() {
            self.track(now, Seen::PaneGone(cause), &mut Vec::new());
        }
        self.notes.worker = true;
        self.fail_deliveries(now, &format!("the worker's pane is gone: {cause}"));
    }

    /// We closed its window.
    pub(super) fn window_gone(&mut self, now: Now) {
        self.lost(now, EndCause::WindowClosed);
    }

    pub(super) fn disconnected(&mut self, now: Now) {
        let mut todo = Vec::new();
        if let Some(machine) = self.queue.front_mut()
            && machine.is_in_flight()
        {
            todo = machine.handle(now, Input::Unknown);
        }
        self.watch = Watch::default();
        self.follow(now, todo, &mut Vec::new());
    }

    pub(super) fn reconnected(&mut self) {
        self.watch = Watch::default();
    }
}

/// When to look.
impl Slot {
    pub(super) fn next_look(&self) -> Option<Instant> {
        if self.gone || self.watch.looking {
            return None;
        }
        [self.watch.due, self.tracker.next_look()].into_iter().flatten().min()
    }

    /// Looks if it is time to.
    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.gone {
            return;
        }
        let due = [self.watch.due, self.tracker.next_look()].into_iter().flatten().min();
        if self.watch.looking || due.is_none_or(|at| at > now.steady) {
            return;
        }
        self.look(out);
    }

    /// Starts a look. The bell rings again from it on, so that nothing later is missed.
    pub(super) fn look(&mut self, out: &mut Vec<Effect>) {
        let resume = self.watch.rang || !self.watch.listening;
        self.watch.rang = false;
        self.watch.listening = true;
        self.watch.looking = true;
        self.watch.due = None;
        let (worker, pane) = (self.worker.id.clone(), self.worker.place.pane);
        out.push(Effect::Look { worker, pane, resume });
    }

    pub(super) fn rang(&mut self, now: Now) {
        self.watch.rang = true;
        self.watch.quiet_since = None;
        let animated = self.worker.state.turn.value.is_busy();
        let pace = if animated { ANIMATED } else { INTERVAL };
        let next = self.watch.last.map(|last| last + pace);
        self.want_look(next.unwrap_or(now.steady).max(now.steady + SETTLE));
    }

    fn want_look(&mut self, at: Instant) {
        self.watch.due = Some(self.watch.due.map_or(at, |due| due.min(at)));
    }
}

/// What it shows and tells.
impl Slot {
    pub(super) fn sampled(
        &mut self,
        now: Now,
        sample: Result<Sample, String>,
        out: &mut Vec<Effect>,
    ) {
        self.watch.looking = false;
        self.watch.last = Some(now.steady);
        let Ok(sample) = sample else {
            self.watch.listening = false;
            return self.want_look(now.steady + RETRY);
        };
        if !self.watch.rang {
            self.watch.quiet_since.get_or_insert(now.steady);
        }
        let quiet_since = self.watch.quiet_since;
        self.found = classify::explain(&self.profile, &sample, &self.sent).found;
        self.last = Some(sample.clone());
        let sample = Box::new(sample);
        self.track(now, Seen::Sample { sample, quiet_since }, out);
        self.step_delivery(now, out);
    }

    pub(super) fn hook(&mut self, now: Now, payload: &str, out: &mut Vec<Effect>) {
        let Some(kind) = self.profile.hooks.as_ref().map(|it| it.kind) else { return };
        if let Ok(Some(report)) = hooks::parse(kind, payload) {
            self.track(now, Seen::Hook(report), out);
            self.want_look(now.steady + SETTLE);
        }
    }

    pub(super) fn agent_started(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.track(now, Seen::Started, out);
        self.want_look(now.steady + SETTLE);
    }

    pub(super) fn agent_exited(&mut self, now: Now, exit: Exit, out: &mut Vec<Effect>) {
        self.track(now, Seen::Exited(exit), out);
        self.fail_deliveries(now, &format!("the agent exited ({exit})"));
        self.want_look(now.steady + SETTLE);
    }

    /// Hands the tracker what was seen, and notes what it now believes.
    fn track(&mut self, now: Now, seen: Seen, out: &mut Vec<Effect>) {
        for change in self.tracker.handle(now, seen) {
            let state = self.tracker.state();
            let happened = match change {
                Change::Process => Happened::Process(state.process.clone()),
                Change::Turn => Happened::Turn(state.turn.clone()),
                Change::Reported => match &state.reported {
                    Some(fact) => Happened::Reported(fact.clone()),
                    None => continue,
                },
                Change::Input => continue,
                Change::Session(id) => {
                    self.worker.agent_session = Some(id.clone());
                    Happened::Told { about: "session".into(), text: id }
                }
                Change::Message(text) => {
                    self.worker.last_message = Some(text.clone());
                    Happened::Told { about: "message".into(), text }
                }
                Change::Accepted(text) => {
                    self.prompt_accepted(now, &text, out);
                    continue;
                }
            };
            self.worker.state = self.tracker.state().clone();
            self.notes.happened.push(happened);
            self.notes.worker = true;
        }
    }

    /// A hook says that the agent took a prompt: ours, unless its text is another.
    fn prompt_accepted(&mut self, now: Now, text: &str, out: &mut Vec<Effect>) {
        let Some(machine) = self.queue.front_mut() else { return };
        if text.is_empty() || echo::same_text(text, &machine.delivery().text) {
            let todo = machine.handle(now, Input::Told("the agent's hook says so"));
            self.follow(now, todo, out);
        }
    }
}

/// What it is to be given.
impl Slot {
    pub(super) fn queue(&mut self, now: Now, delivery: Delivery) {
        self.sent.push(delivery.text.clone());
        let mut delivery = delivery;
        delivery.held = (!self.queue.is_empty()).then_some(Hold::Earlier);
        self.note_delivery(&delivery);
        if delivery.mode == DeliveryMode::Argument {
            self.track(now, Seen::Sent(delivery.text.clone()), &mut Vec::new());
        }
        self.queue.push_back(Machine::new(delivery));
        self.want_look(now.steady);
    }

    /// None: no such delivery here; false: it cannot be taken back any more.
    pub(super) fn cancel(&mut self, now: Now, id: DeliveryId) -> Option<bool> {
        let at = self.queue.iter().position(|it| it.delivery().id == id)?;
        let machine = self.queue.get_mut(at)?;
        machine.handle(now, Input::Cancel);
        if !machine.is_over() {
            return Some(false);
        }
        let delivery = machine.delivery().clone();
        self.queue.remove(at);
        self.finished(delivery);
        Some(true)
    }

    pub(super) fn fail_deliveries(&mut self, now: Now, why: &str) {
        for mut machine in std::mem::take(&mut self.queue) {
            machine.handle(now, Input::Gone(why));
            self.finished(machine.delivery().clone());
        }
    }

    pub(super) fn acted(
        &mut self,
        now: Now,
        id: DeliveryId,
        acted: Result<Acted, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(machine) = self.queue.front_mut().filter(|it| it.delivery().id == id) else {
            return;
        };
        let todo = machine.handle(now, match acted {
            Ok(Acted::Done) => Input::Done,
            Ok(Acted::Refused(hold)) => Input::Refused(hold),
            Err(_) => Input::Unknown,
        });
        self.follow(now, todo, out);
    }

    /// Shows the newest sample to the delivery at the head.
    fn step_delivery(&mut self, now: Now, out: &mut Vec<Effect>) {
        let (Some(sample), Some(machine)) = (&self.last, self.queue.front()) else { return };
        let text = machine.delivery().text.clone();
        if self.echo.is_none()
            && let Some(before) = &self.before
        {
            self.echo = echo::echoed(before, sample, &text);
        }
        let verdict = self.tracker.verdict();
        let content = content(&self.profile, verdict, sample, &text, self.echo.as_ref());
        let obstacle = obstacle(&self.profile, sample);
        let settled = self.worker.state.turn.value.clone();
        let look = Look {
            settled: &settled,
            seen: &verdict.turn.clone(),
            content,
            in_transcript: in_transcript(sample, self.found.as_ref(), &text),
            obstacle: obstacle.as_ref(),
        };
        let Some(machine) = self.queue.front_mut() else { return };
        let todo = machine.handle(now, Input::Look(look));
        self.follow(now, todo, out);
    }

    /// Does what the delivery at the head asks for.
    fn follow(&mut self, now: Now, todo: Vec<Do>, out: &mut Vec<Effect>) {
        for it in todo {
            let Some(machine) = self.queue.front() else { return };
            let delivery = machine.delivery().clone();
            match it {
                Do::Record => self.note_delivery(&delivery),
                Do::Paste => {
                    self.before.clone_from(&self.last);
                    self.echo = None;
                    self.track(now, Seen::Sent(delivery.text.clone()), out);
                    self.act(&delivery, Act::Paste(delivery.text.clone()), out);
                }
                Do::Enter => self.act(&delivery, Act::Enter, out),
                Do::Interrupt => {
                    let keys = self.profile.keys.interrupt.clone();
                    self.act(&delivery, Act::Keys(keys), out);
                }
                Do::Look(after) => self.want_look(now.steady + after),
            }
        }
        let over = self.queue.front().filter(|it| it.is_over());
        if let Some(delivery) = over.map(|it| it.delivery().clone()) {
            self.queue.pop_front();
            self.before = None;
            self.echo = None;
            self.receipt = Some(delivery);
            self.track(now, Seen::SentDone, out);
            self.want_look(now.steady + SETTLE);
        }
    }

    fn act(&mut self, delivery: &Delivery, act: Act, out: &mut Vec<Effect>) {
        let command = self.last.as_ref().map(|it| it.command.clone()).unwrap_or_default();
        out.push(Effect::Act {
            worker: self.worker.id.clone(),
            delivery: delivery.id,
            pane: self.worker.place.pane,
            command,
            act,
        });
    }

    fn finished(&mut self, delivery: Delivery) {
        self.note_delivery(&delivery);
        self.receipt = Some(delivery);
    }

    fn note_delivery(&mut self, delivery: &Delivery) {
        self.notes.happened.push(Happened::Delivery {
            id: delivery.id,
            step: delivery.step,
            held: delivery.held.clone(),
            evidence: delivery.evidence.clone(),
        });
        self.notes.deliveries.push(delivery.clone());
    }
}

/// What the box holds, compared with our text; by its echo when the box cannot be read.
fn content(
    profile: &Profile,
    verdict: &Verdict,
    sample: &Sample,
    text: &str,
    echo: Option<&Echo>,
) -> Content {
    match (echo::holding(profile, &verdict.input, text), echo) {
        (Holding::Ours | Holding::Folded, _) => Content::Ours,
        (Holding::Mixed | Holding::Other, _) => Content::Other,
        (Holding::Empty, _) => Content::Empty,
        (Holding::Unseen, None) => Content::Unseen,
        (Holding::Unseen, Some(echo)) if echo::gone(echo, sample, text) => Content::Empty,
        (Holding::Unseen, Some(_)) => Content::Ours,
    }
}

/// Our text shows outside the box.
fn in_transcript(sample: &Sample, found: Option<&Found>, text: &str) -> bool {
    let in_box = |row: &usize| found.is_some_and(|it| (it.first..=it.last).contains(row));
    !echo::rows_with(&sample.rows, text).iter().all(in_box)
}

/// What keeps keys from the agent, whatever it shows.
fn obstacle(profile: &Profile, sample: &Sample) -> Option<Hold> {
    if sample.in_mode {
        return Some(Hold::PaneMode);
    }
    if sample.input_off {
        return Some(Hold::InputOff);
    }
    let foreground = classify::foreground(profile, &sample.command);
    (sample.dead || foreground != classify::Foreground::Agent).then_some(Hold::Foreground)
}
