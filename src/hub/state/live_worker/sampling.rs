//! Decides when to capture a worker's pane, and evaluates its samples, hooks and exits.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{LiveWorker, Watch};
use crate::{
    agents::{
        classify::{self, Judged},
        echo,
        fold::{Changed, Seen},
        input_box::Found,
        still::stands,
    },
    delivery::{DeliveryMachine, Input},
    hub::state::{Effect, TmuxEffect},
    model::{Exit, Happened, Heard, Now, Process, Sample},
    tmux::PaneRow,
};

/// Shortest time between two samples of one pane.
const INTERVAL: Duration = Duration::from_millis(200);
/// The same while its agent animates a turn.
const ANIMATED: Duration = Duration::from_millis(400);
/// The same while its program reports its status by itself.
const TOLD: Duration = Duration::from_secs(1);
/// A pane that was silent draws for a moment before a capture is useful.
pub(super) const SETTLE: Duration = Duration::from_millis(60);
/// How many samples before a change are also in the screen log.
const RECENT: usize = 4;
/// After this time, a failed capture is retried.
const RETRY: Duration = Duration::from_millis(500);
/// How much of an agent's message is kept, in bytes: every list of workers contains it.
const MAX_TOLD: usize = 16 << 10;
/// After this time without a capture, a text that waits for one says so.
const SLOW: Duration = Duration::from_millis(1500);
/// How often to check an obstacle again: tmux reports once a second that input is off, and reports
/// nothing if it changes twice within a second.
const OBSTRUCTED: Duration = Duration::from_secs(2);

/// When to capture.
impl LiveWorker {
    /// When it wants a tick.
    pub(in crate::hub::state) fn next_deadline(&self) -> Option<Instant> {
        self.next_look().into_iter().chain(self.stall_due()).min()
    }

    pub(in crate::hub::state) fn next_look(&self) -> Option<Instant> {
        if self.gone {
            return None;
        }
        let sample = self.next_sample().filter(|_| !self.watch.looking);
        [sample, self.start_limit, self.slow_at()].into_iter().flatten().min()
    }

    /// When a text that waits for a capture, and has given no reason yet, is to say so.
    fn slow_at(&self) -> Option<Instant> {
        let waits = self.queue.front().is_some_and(DeliveryMachine::waits_silently);
        self.unanswered.filter(|_| waits).map(|it| it + SLOW)
    }

    /// When a sample is due for a ring, a state or a delivery.
    fn next_sample(&self) -> Option<Instant> {
        let delivery = self.queue.front().and_then(DeliveryMachine::next_look);
        let wanted = [self.watch.due, self.tracker.next_look(), delivery, self.beckoned];
        wanted.into_iter().flatten().min()
    }

    /// Captures if it is due.
    pub(in crate::hub::state) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.check_silence(now);
        if self.gone {
            return;
        }
        if self.start_limit.is_some_and(|at| at <= now.steady) {
            self.start_limit = None;
            let last = self.last.as_ref();
            let evidence = last.map(|it| it.last_lines(3).join(" / ")).unwrap_or_default();
            self.track(now, Seen::Stuck { evidence: &evidence }, out);
        }
        if self.slow_at().is_some_and(|at| at <= now.steady)
            && let Some(machine) = self.queue.front_mut()
        {
            let todo = machine.handle(now, Input::Unseen);
            self.follow(now, todo, out);
        }
        let due = self.next_sample();
        if self.watch.looking || due.is_none_or(|at| at > now.steady) {
            return;
        }
        self.look(now, out);
    }

    pub(in crate::hub::state) fn look(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.watch.is_seen = true;
        self.watch.looking = true;
        self.watch.begun = Some(now.steady);
        self.watch.due = None;
        self.unanswered.get_or_insert(now.steady);
        let (worker, pane) = (self.worker.id.clone(), self.worker.place.pane);
        let group_of = self.worker.place.pid.filter(|_| self.may_be_behind());
        let styled = self.answering.is_some();
        out.push(Effect::Tmux(TmuxEffect::Look { worker, pane, group_of, styled }));
    }

    /// Whether the agent may run behind a wrapper: the line that starts it is running, and the last
    /// capture did not show the agent's own name. Once the agent has ended, another name is a shell or
    /// a user's program.
    fn may_be_behind(&self) -> bool {
        let name = self.last.as_ref().map(|it| classify::named(&self.profile, &it.command));
        let is_running = self.worker.state.process.value == Process::Running;
        is_running && name.is_none_or(|it| it != classify::Foreground::Agent)
    }

    /// It shows something new, or will: a look is due, in its pace.
    pub(in crate::hub::state) fn rang(&mut self, now: Now) {
        self.silence.broken(now);
        self.n_drawn += 1;
        if self.watch.looking {
            self.watch.rang = true;
            return;
        }
        let next = self.watch.last.map_or(now.steady, |last| last + self.pace(now));
        self.want_look(next.max(now.steady + SETTLE));
    }

    fn pace(&self, now: Now) -> Duration {
        if self.watched_until.is_some_and(|until| now.steady < until) {
            return INTERVAL;
        }
        match self.worker.state.turn.value.is_busy() {
            true if self.tracker.tells() => TOLD,
            true => ANIMATED,
            false => INTERVAL,
        }
    }

    /// What a new look tells of silence, and when the next one is due for a ring.
    fn heed(&mut self, now: Now, sample: &Sample, found: Option<&Found>) {
        let is_new = self.last.as_ref().is_none_or(|last| last.rows != sample.rows);
        self.n_drawn += u64::from(is_new);
        if is_new {
            self.silence.broken(now);
        }
        let stands = self.last.as_ref().is_some_and(|last| stands(last, sample, found));
        if !stands || self.watch.quiet_since.is_none() {
            self.watch.quiet_since = Some(now.steady);
        }
        if std::mem::take(&mut self.watch.rang) {
            self.want_look(now.steady + self.pace(now));
        }
    }

    /// Its pane was found. A look is due if nothing is known of what it shows, if it was out of the
    /// fleet for a moment, or if something was in the way of a delivery: a mode that ends and input
    /// that is on again ring no bell.
    pub(in crate::hub::state) fn found(&mut self, now: Now, row: &PaneRow) {
        if row.window != self.worker.place.window {
            self.worker.place.window = row.window;
            self.notes.worker = true;
            self.watch.is_seen = false;
        }
        // Hubs of before did not record it.
        let pid = *self.worker.place.pid.get_or_insert(row.pid);
        if pid != row.pid && !row.dead && self.worker.state.is_live() {
            self.respawned(now);
        }
        if !self.watch.is_seen || self.is_obstructed() {
            self.want_look(now.steady);
        }
    }

    pub(in crate::hub::state) fn disconnected(&mut self, now: Now) {
        let mut todo = Vec::new();
        if let Some(machine) = self.queue.front_mut()
            && machine.depends_on_tmux()
        {
            todo = machine.handle(now, Input::Unknown);
        }
        self.watch = Watch::default();
        self.follow(now, todo, &mut Vec::new());
    }

    pub(in crate::hub::state) fn reconnected(&mut self) {
        self.watch = Watch::default();
    }

    pub(in crate::hub::state) fn want_look(&mut self, at: Instant) {
        self.watch.due = Some(self.watch.due.map_or(at, |due| due.min(at)));
        self.unanswered = Some(self.unanswered.map_or(at, |since| since.min(at)));
    }
}

/// What it shows and tells.
impl LiveWorker {
    pub(in crate::hub::state) fn sampled(
        &mut self,
        now: Now,
        sample: Result<Sample, String>,
        out: &mut Vec<Effect>,
    ) {
        self.watch.looking = false;
        self.watch.last = Some(now.steady);
        let Ok(mut sample) = sample else {
            self.watch.is_seen = false;
            return self.want_look(now.steady + RETRY);
        };
        sample.at = now.wall;
        self.unanswered = None;
        let Judged { verdict, found } = classify::judge(&self.profile, &sample, &self.sent);
        self.heed(now, &sample, found.as_ref());
        self.n_shown = self.n_drawn;
        let quiet_since = self.watch.quiet_since;
        self.note_usage(now, &sample, found.as_ref());
        self.note_beckoning(now, &sample, found.as_ref());
        let seen = Seen::Sample { sample: &sample, verdict: &verdict, quiet_since };
        self.track(now, seen, out);
        self.check_fit(now, &sample);
        let sample = Arc::new(sample);
        self.keep(&sample);
        (self.last, self.verdict) = (Some(sample), self.tracker.verdict().clone());
        self.step_delivery(now, out);
        self.answer_trust(now, out);
        if self.is_obstructed() {
            self.want_look(now.steady + OBSTRUCTED);
        }
    }

    /// The screen log has every sample that changed the state, the few before it, and the first
    /// after a change that a hook or the shell reported.
    fn keep(&mut self, sample: &Arc<Sample>) {
        // Of an unchanged screen, the first capture and the last: they show how long it was
        // unchanged.
        if self.recent.iter().rev().take_while(|it| it.is_like(sample)).nth(1).is_some() {
            self.recent.pop_back();
        }
        while self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Arc::clone(sample));
        if std::mem::take(&mut self.has_changed) {
            let recent = self.recent.drain(..).map(Arc::unwrap_or_clone);
            self.notes.samples.extend(recent);
        }
    }

    pub(in crate::hub::state) fn hook(&mut self, now: Now, payload: &str, out: &mut Vec<Effect>) {
        let Ok(Some(report)) = self.tracker.read_hook(payload) else { return };
        self.heard = Some(Heard { at: now.wall, text: report.event.to_string() });
        self.silence.told(&report.event);
        if let Some(printed) = &report.printed {
            self.note_candidates(printed);
        }
        self.track(now, Seen::Hook(&report), out);
        self.want_look(now.steady + SETTLE);
    }

    pub(in crate::hub::state) fn agent_started(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.start_limit = None;
        self.track(now, Seen::Started, out);
        self.want_look(now.steady + SETTLE);
    }

    /// The first end of an agent is final: a later report changes nothing.
    pub(in crate::hub::state) fn agent_exited(
        &mut self,
        now: Now,
        (exit, started): (Exit, bool),
        out: &mut Vec<Effect>,
    ) {
        if matches!(self.worker.state.process.value, Process::Exited(_) | Process::NotStarted(_)) {
            return;
        }
        self.start_limit = None;
        let (seen, why) = if started {
            (Seen::Exited(exit), format!("the agent exited ({exit})"))
        } else {
            (
                Seen::ShellEnded(exit),
                format!("the shell ended ({exit}) before it started the agent"),
            )
        };
        self.track(now, seen, out);
        self.fail_deliveries(now, &why);
        self.want_look(now.steady + SETTLE);
    }

    /// Passes an observation to the tracker, and notes the resulting state.
    pub(in crate::hub::state) fn track(&mut self, now: Now, seen: Seen<'_>, out: &mut Vec<Effect>) {
        let Changed { process, turn, asks, reported, report_over, told, accepted } =
            self.tracker.handle(now, seen);
        let before = self.notes.happened.len();
        self.has_changed |= process.is_some() || turn.is_some();
        // First: who waits for the end of a turn knows the turn's message when it comes.
        told.into_iter().for_each(|(about, text)| self.note_told(now, about, text));
        if let Some(fact) = process {
            self.worker.state.process = fact.clone();
            self.counting.ended(self.worker.state.is_live());
            self.notes.happened.push(Happened::Process(fact));
        }
        if let Some(asks) = asks {
            self.worker.state.asks.clone_from(&asks);
            self.notes.happened.push(Happened::Asks { asks });
        }
        if let Some(fact) = turn {
            let before = std::mem::replace(&mut self.worker.state.turn, fact.clone());
            self.note_reset(&before.value);
            self.counting.turned(&before.value, &fact.value);
            self.notes.happened.push(Happened::Turn(fact));
        }
        if report_over {
            self.worker.state.reported = None;
            self.notes.happened.push(Happened::ReportOver);
        }
        if let Some(fact) = reported {
            self.worker.state.reported = Some(fact.clone());
            self.notes.happened.push(Happened::Reported(fact));
        }
        self.notes.worker |= self.notes.happened.len() > before;
        if let Some(text) = accepted {
            self.prompt_accepted(now, &text, out);
        }
    }

    /// What a hook tells besides the state.
    fn note_told(&mut self, now: Now, about: String, mut text: String) {
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_TOLD);
        text.truncate(end.unwrap_or(text.len()));
        match about.as_str() {
            "session" => self.worker.agent_session = Some(text.clone()),
            "message" => {
                self.worker.last_message = Some(text.clone());
                self.message_at = Some(now.wall);
                self.note_candidates(&text);
            }
            _ => {}
        }
        self.notes.happened.push(Happened::Told { about, text });
    }

    /// A hook reports that the agent accepted a prompt: the delivered one, unless its text differs.
    fn prompt_accepted(&mut self, now: Now, text: &str, out: &mut Vec<Effect>) {
        let Some(machine) = self.queue.front_mut() else { return };
        if text.is_empty() || echo::same_text(text, &machine.delivery().text) {
            let todo = machine.handle(now, Input::Told("the agent's hook says so"));
            self.follow(now, todo, out);
        }
    }
}
