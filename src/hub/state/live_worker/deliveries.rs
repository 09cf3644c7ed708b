//! A worker's deliveries, one after the other.
use std::collections::VecDeque;

use super::{LiveWorker, sampling::SETTLE};
use crate::{
    agents::{
        classify,
        echo::{self, Echo, Holding},
        fold::Seen,
        profile::Profile,
    },
    delivery::{Action, Content, DeliveryMachine, Input, Look},
    hub::state::{Act, Effect, LocalEffect, Target, TmuxEffect},
    model::{
        AgentState, Delivery, DeliveryId, DeliveryMode, Fact, FactSource, Happened, Hold, InputBox,
        Need, Now, Process, Sample, Step, Take, Verdict,
    },
    tmux::{Acted, Guard, Refusal},
};

/// Texts that may wait for one worker, and their total size in bytes.
const MAX_OPEN: usize = 100;
const MAX_OPEN_BYTES: usize = 8 << 20;
/// Texts that are recognized on its screen, and their total size in bytes.
const MAX_SENT: usize = 100;
const MAX_SENT_BYTES: usize = 256 << 10;
/// Of a longer text, only the beginning and the end are recognized: no screen shows more.
const MAX_SOUGHT: usize = 32 << 10;

/// The worker's deliveries.
impl LiveWorker {
    /// News go by the agent's own channel, where it has one; what a user sends is typed.
    pub(in crate::hub::state) fn queue(&mut self, now: Now, delivery: Delivery) {
        self.remember_sent(&delivery.text);
        if delivery.mode == DeliveryMode::Argument {
            self.track(now, Seen::Sent(&delivery.text), &mut Vec::new());
        }
        let at = self.place_of(&delivery);
        let held = (at > 0).then_some(Hold::Earlier);
        let delivery = Delivery { held, ..delivery };
        self.note_delivery(&delivery);
        let by_channel = delivery.news && self.has_channel();
        let machine = if by_channel { DeliveryMachine::by_channel } else { DeliveryMachine::new };
        self.queue.insert(at, machine(delivery));
        // Its own wait begins: a capture may have been wanted for long.
        if at == 0 {
            self.unanswered = Some(now.steady);
        }
        self.line_up();
        self.want_look(now.steady);
    }

    /// Its plugin takes texts, and is there: it has reported something to this hub.
    pub(super) fn has_channel(&self) -> bool {
        let has_one = self.profile.hooks.as_ref().is_some_and(|it| it.kind.channel);
        has_one && self.tracker.hooks_speak()
    }

    /// At the end; an interrupt goes before all deliveries of which nothing has reached the agent.
    pub(super) fn place_of(&self, delivery: &Delivery) -> usize {
        let n_waiting = self.queue.iter().rev().take_while(|it| it.can_wait()).count();
        self.queue.len() - if delivery.interrupt { n_waiting } else { 0 }
    }

    /// The first delivery waits for no other; the rest wait for it.
    fn line_up(&mut self) {
        let mut moved = Vec::new();
        for (at, machine) in self.queue.iter_mut().enumerate() {
            if machine.set_behind(at > 0).contains(&Action::Record) {
                moved.push(machine.delivery().clone());
            }
        }
        for delivery in moved {
            self.note_delivery(&delivery);
        }
    }

    /// Why no text of this size can wait, too.
    pub(in crate::hub::state) fn full(&self, n_bytes: usize) -> Option<String> {
        let (n, id) = (self.queue.len(), &self.worker.id);
        let waiting: usize = self.queue.iter().map(|it| it.delivery().text.len()).sum();
        let is_full = n >= MAX_OPEN || waiting + n_bytes > MAX_OPEN_BYTES;
        let mb = MAX_OPEN_BYTES >> 20;
        is_full.then(|| {
            format!(
                "{n} texts already wait for `{id}`; at most {MAX_OPEN} may, with {mb} MB in all"
            )
        })
    }

    pub(super) fn remember_sent(&mut self, text: &str) {
        if text.len() > 2 * MAX_SOUGHT {
            let cut = |at: &usize| text.is_char_boundary(*at);
            let head = (0..MAX_SOUGHT).rev().find(cut).and_then(|at| text.get(..at));
            let tail = (text.len() - MAX_SOUGHT..).find(cut).and_then(|at| text.get(at..));
            self.sent.extend(head.into_iter().chain(tail).map(ToOwned::to_owned));
        } else {
            self.sent.push(text.to_owned());
        }
        let mut room = MAX_SENT_BYTES;
        let fits = self.sent.iter().rev().take(MAX_SENT).take_while(|it| {
            let fits = it.len() <= room;
            room = room.saturating_sub(it.len());
            fits
        });
        let n_old = self.sent.len() - fits.count();
        self.sent.drain(..n_old);
    }

    /// Whether its profile names the keys that stop a turn.
    pub(in crate::hub::state) fn can_interrupt(&self) -> bool {
        !self.profile.keys.interrupt.is_empty()
    }

    /// Whether its profile names the keys that clear the box.
    pub(in crate::hub::state) fn can_clear(&self) -> bool {
        !self.profile.keys.clear.is_empty()
    }

    pub(in crate::hub::state) fn has_open(&self, id: DeliveryId) -> bool {
        self.queue.iter().any(|it| it.delivery().id == id)
    }

    /// A text is on its way, or nothing holds it.
    pub(in crate::hub::state) fn is_delivering(&self) -> bool {
        let first = self.queue.front();
        first.is_some_and(|it| it.is_in_flight() || it.delivery().held.is_none())
    }

    /// It is here, and nothing of it has reached the agent.
    pub(in crate::hub::state) fn can_still_wait(&self, id: DeliveryId) -> bool {
        self.queue.iter().any(|it| it.delivery().id == id && it.can_wait())
    }

    /// None: no such delivery here; false: it can no longer be withdrawn.
    pub(in crate::hub::state) fn cancel(&mut self, now: Now, id: DeliveryId) -> Option<bool> {
        let at = self.queue.iter().position(|it| it.delivery().id == id)?;
        let machine = self.queue.get_mut(at)?;
        machine.handle(now, Input::Cancel);
        if !machine.is_over() {
            return Some(false);
        }
        let delivery = machine.delivery().clone();
        self.queue.remove(at);
        self.finished(delivery);
        if at == 0 {
            self.go_on(now, Seen::SentDone, &mut Vec::new());
            self.want_look(now.steady);
        }
        Some(true)
    }

    pub(in crate::hub::state) fn fail_deliveries(&mut self, now: Now, why: &str) {
        for mut machine in std::mem::take(&mut self.queue) {
            machine.handle(now, Input::Gone(why));
            self.finished(machine.delivery().clone());
        }
    }

    /// Its agent is about to be replaced. Returns the texts of which nothing was typed, for the next one,
    /// without `drops`; the others fail.
    pub(in crate::hub::state) fn hand_over(
        &mut self,
        now: Now,
        drops: &[DeliveryId],
    ) -> Vec<Delivery> {
        let mut waiting = Vec::new();
        let mut rest = VecDeque::new();
        for machine in std::mem::take(&mut self.queue) {
            let is_for_next = machine.can_wait() && !drops.contains(&machine.delivery().id);
            if is_for_next {
                waiting.push(machine.delivery().clone());
            } else {
                rest.push_back(machine);
            }
        }
        self.queue = rest;
        self.fail_deliveries(now, "another agent has taken over");
        waiting
    }

    pub(in crate::hub::state) fn acted(
        &mut self,
        now: Now,
        id: DeliveryId,
        acted: Result<Acted, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(machine) = self.queue.front_mut().filter(|it| it.delivery().id == id) else {
            return;
        };
        let todo = machine.handle(
            now,
            match acted {
                Ok(Acted::Done) => Input::Done,
                Ok(Acted::Refused(Refusal::Moved)) => Input::Moved,
                Ok(Acted::Refused(why)) => Input::Refused(hold_of(&why)),
                Err(_) => Input::Unknown,
            },
        );
        self.follow(now, todo, out);
    }

    pub(in crate::hub::state) fn passed(
        &mut self,
        now: Now,
        id: DeliveryId,
        taken: &Result<bool, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(machine) = self.queue.front_mut().filter(|it| it.delivery().id == id) else {
            return;
        };
        let input = match taken {
            Ok(true) => Input::Done,
            Ok(false) => Input::NotTaken,
            Err(_) => Input::Unknown,
        };
        let todo = machine.handle(now, input);
        self.follow(now, todo, out);
    }

    /// Passes the newest sample to the first delivery.
    pub(in crate::hub::state) fn step_delivery(&mut self, now: Now, out: &mut Vec<Effect>) {
        let (Some(sample), Some(machine)) = (&self.last, self.queue.front()) else { return };
        let text = machine.delivery().text.clone();
        if self.echo.is_none()
            && let Some(before) = &self.before
        {
            self.echo = echo::echoed(before, sample, &text);
        }
        let content = content(&self.profile, &self.verdict, sample, &text, self.echo.as_ref());
        let is_alone = |it: &Sample| echo::is_alone(it, sample, &self.verdict.input, &text);
        let is_former = content == Content::Other && self.is_former(&text);
        let content = if is_former { Content::Former } else { content };
        let content = match &self.before {
            Some(before) if content == Content::Other && is_alone(before) => Content::Ours,
            Some(_) | None => content,
        };
        let obstacle = obstacle(&self.profile, sample).map(|it| self.at_start(it, sample));
        let settled = self.tracker.proven().clone();
        let program = program(&self.profile, sample);
        let shows = shows(&self.verdict, sample);
        let look = Look {
            settled: &settled,
            seen: &self.verdict.turn.clone(),
            content,
            n_shown: echo::n_in_transcript(&self.profile, sample, &text),
            n_drawn: self.n_drawn,
            obstacle: obstacle.as_ref(),
            program: &program,
            shows: &shows,
            can_clear: self.can_clear(),
            is_command: self.profile.is_command(&text),
            hooks_tell: self.tracker.hooks_speak(),
            pasted: sample.pasted,
        };
        let Some(machine) = self.queue.front_mut() else { return };
        let todo = machine.handle(now, Input::Look(look));
        self.follow(now, todo, out);
    }

    /// Performs the actions of the first delivery.
    pub(in crate::hub::state) fn follow(
        &mut self,
        now: Now,
        todo: Vec<Action>,
        out: &mut Vec<Effect>,
    ) {
        for it in todo {
            let Some(machine) = self.queue.front() else { return };
            let delivery = machine.delivery().clone();
            match it {
                Action::Record => self.note_delivery(&delivery),
                Action::Paste => {
                    self.before.clone_from(&self.last);
                    self.echo = None;
                    self.track(now, Seen::Sent(&delivery.text), out);
                    self.act(&delivery, Act::Paste(delivery.text.clone()), out);
                }
                Action::Pass => {
                    self.track(now, Seen::Sent(&delivery.text), out);
                    let Delivery { worker, id: delivery, text, .. } = delivery;
                    out.push(Effect::Local(LocalEffect::Pass { worker, delivery, text }));
                }
                Action::Enter => self.act(&delivery, Act::Enter, out),
                Action::Interrupt => {
                    let keys = &self.profile.keys;
                    let act = Act::Keys(keys.interrupt.clone(), keys.interrupt_gap);
                    self.act(&delivery, act, out);
                }
                Action::Clear => {
                    let keys = &self.profile.keys;
                    let act = Act::Keys(keys.clear.clone(), keys.clear_gap);
                    self.act(&delivery, act, out);
                }
                Action::Look(after) => self.want_look(now.steady + after),
            }
        }
        let over = self.queue.front().filter(|it| it.is_over());
        if let Some(delivery) = over.map(|it| it.delivery().clone()) {
            self.queue.pop_front();
            let began = delivery.step == Step::Accepted && delivery.submit;
            self.receipt = Some(delivery);
            self.go_on(now, if began { Seen::Accepted } else { Seen::SentDone }, out);
            self.want_look(now.steady + SETTLE);
        }
    }

    /// The box holds the previous text and nothing else.
    fn is_former(&self, text: &str) -> bool {
        let InputBox::Holds(held) = &self.verdict.input else { return false };
        let former = self.receipt.as_ref().filter(|it| it.step == Step::Accepted && it.submit);
        former.is_some_and(|it| it.text != text && echo::same_text(held, &it.text))
    }

    /// A human's decision about a delivery. None: no such delivery here; false: it does not fit.
    pub(in crate::hub::state) fn take(
        &mut self,
        now: Now,
        id: DeliveryId,
        take: Take,
        out: &mut Vec<Effect>,
    ) -> Option<bool> {
        let at = self.queue.iter().position(|it| it.delivery().id == id)?;
        let machine = self.queue.front_mut().filter(|_| at == 0);
        let todo = machine.map(|it| it.handle(now, Input::Take(take))).unwrap_or_default();
        let is_heard = !todo.is_empty();
        self.follow(now, todo, out);
        Some(is_heard)
    }

    /// The first delivery has left the queue.
    fn go_on(&mut self, now: Now, seen: Seen<'_>, out: &mut Vec<Effect>) {
        self.before = None;
        self.echo = None;
        self.track(now, seen, out);
        self.line_up();
    }

    /// Until the agent is started, the program in the foreground is the shell that will start it.
    fn at_start(&self, hold: Hold, sample: &Sample) -> Hold {
        let is_starting = self.worker.state.process.value == Process::Starting && !sample.dead;
        if is_starting && hold == Hold::Foreground { Hold::Turn(AgentState::Unknown) } else { hold }
    }

    /// A delivery waits, and the last capture showed what keeps keys from the agent.
    pub(super) fn is_obstructed(&self) -> bool {
        let obstacle = self.last.as_ref().and_then(|it| obstacle(&self.profile, it));
        obstacle.is_some() && !self.queue.is_empty()
    }

    fn act(&mut self, delivery: &Delivery, act: Act, out: &mut Vec<Effect>) {
        let (worker, delivery) = (self.worker.id.clone(), delivery.id);
        let mut to = self.target();
        // What was drawn since the last capture may be a dialog.
        let is_text = matches!(act, Act::Paste(_) | Act::Enter);
        let is_strict = is_text && self.queue.front().is_some_and(DeliveryMachine::is_strict);
        to.guard.cursor = self.last.as_ref().map(|it| it.cursor).filter(|_| is_strict);
        out.push(Effect::Tmux(TmuxEffect::Act { worker, delivery, to, act }));
    }

    /// Its pane as it was seen last.
    pub(super) fn target(&self) -> Target {
        let program = self.last.as_ref().and_then(|it| classify::behind(&self.profile, it));
        let program = program.map(ToOwned::to_owned);
        let command = self.last.as_ref().map(|it| it.command.clone()).unwrap_or_default();
        let guard = Guard { pid: self.worker.place.pid, command, cursor: None };
        Target { pane: self.worker.place.pane, guard, program }
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
        self.note_need(delivery);
    }

    /// The worker needs a human for a stuck delivery.
    fn note_need(&mut self, delivery: &Delivery) {
        let known = self.worker.state.need.as_ref().map(|it| it.value.clone());
        let value = Need::Delivery(delivery.id);
        let need = delivery.stuck.as_ref().filter(|_| !delivery.step.is_final()).map(|stuck| {
            let held = delivery.held.as_ref().map(ToString::to_string).unwrap_or_default();
            let evidence = format!("text {} is stuck: {held}", delivery.id);
            Fact { value: value.clone(), since: stuck.at, source: FactSource::Hub, evidence }
        });
        let is_news = if need.is_some() { known != Some(value) } else { known == Some(value) };
        if is_news {
            self.worker.state.need.clone_from(&need);
            self.notes.happened.push(Happened::Need { need });
            self.notes.worker = true;
        }
    }
}

/// How much of a screen a receipt shows.
const SHOWN_ROWS: usize = 6;
const SHOWN_BYTES: usize = 2000;

/// What the box holds, or the end of the screen.
fn shows(verdict: &Verdict, sample: &Sample) -> String {
    let mut text = match &verdict.input {
        InputBox::Holds(text) => text.clone(),
        InputBox::Empty | InputBox::Unseen | InputBox::Other(_) => {
            sample.last_lines(SHOWN_ROWS).join("\n")
        }
    };
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= SHOWN_BYTES);
    text.truncate(end.unwrap_or(text.len()));
    text
}

/// The content of the box, compared with the text; if the box cannot be read, judged by the echo.
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

/// The foreground program, in words for a user whose agent it may be.
fn program(profile: &Profile, sample: &Sample) -> String {
    let command = &sample.command;
    match classify::foreground(profile, sample) {
        _ if sample.dead => "the pane's process has ended".to_owned(),
        classify::Foreground::Other => format!(
            "`{command}`; if that is the agent, its name is missing in `foreground` of the profile \
             `{}`",
            profile.name
        ),
        classify::Foreground::Agent | classify::Foreground::Shell => format!("`{command}`"),
    }
}

/// Why tmux's guard kept keys or text from the agent.
fn hold_of(refusal: &Refusal) -> Hold {
    match refusal {
        Refusal::InMode => Hold::PaneMode,
        Refusal::InputOff => Hold::InputOff,
        Refusal::Synchronized => Hold::Synchronized,
        Refusal::Gone | Refusal::Dead | Refusal::Foreground(_) => Hold::Foreground,
        Refusal::Moved => Hold::Turn(AgentState::Unknown),
    }
}

/// What keeps keys from the agent, whatever its screen shows.
pub(super) fn obstacle(profile: &Profile, sample: &Sample) -> Option<Hold> {
    if sample.in_mode {
        return Some(Hold::PaneMode);
    }
    if sample.input_off {
        return Some(Hold::InputOff);
    }
    let foreground = classify::foreground(profile, sample);
    (sample.dead || foreground != classify::Foreground::Agent).then_some(Hold::Foreground)
}
