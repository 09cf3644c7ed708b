//! The agent itself: keys and time in, effects out. It touches no terminal, file or clock.
mod keys;
mod steps;

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;

use crate::{
    dialog::Dialog,
    draft::Draft,
    input::Decoder,
    journal,
    scenario::{Input, Phase, Scenario},
    screen::Scene,
    turn::Turn,
};

/// What the loop has to do, in this order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Leave the cooked mode and hand over what had been typed before.
    MakeRaw,
    Note(&'static str, Value),
    /// Modes, titles and floods: straight to the terminal.
    Write(String),
    Draw,
    /// The whole screen changes: with the pause in the middle.
    DrawTorn,
    /// Exit code, or below 0 a signal for ourselves.
    Leave(i32),
}

#[derive(Debug)]
pub(crate) struct Agent {
    plan: Scenario,
    phase: Phase,
    phase_since: Duration,
    /// What happens by itself, and when.
    startup: VecDeque<(Duration, Step)>,
    decoder: Decoder,
    draft: Draft,
    /// The text between the brackets of a paste that has not ended.
    pasting: Option<String>,
    last_char: Duration,
    burst_len: usize,
    last_paste: Option<Duration>,
    interrupt_at: Option<Duration>,
    /// After so few turns no dialog comes after a paste.
    no_dialog_before: u64,
    /// Enter came while the box was loading, or the prompt came as an argument.
    enter_is_kept: bool,
    dialog: Option<Open>,
    transcript: Vec<String>,
    turn: Option<Turn>,
    queued: VecDeque<String>,
    n_turns: u64,
    /// The spinner's next frame.
    frame_at: Option<Duration>,
    redraw_at: Option<Duration>,
    ctrl_c_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    MakeRaw,
    Splash,
    FirstScreen,
    Open,
}

#[derive(Debug)]
struct Open {
    dialog: Dialog,
    since: Duration,
    then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    FirstScreen,
    Box,
    Turn,
}

impl Agent {
    pub(crate) fn new(plan: Scenario, prompt: Option<&str>) -> Self {
        let raw_at = Duration::from_millis(plan.start_delay_ms);
        let splash_at = raw_at + Duration::from_millis(plan.silence_ms);
        let first_at = splash_at + Duration::from_millis(plan.splash_ms);
        let mut draft = Draft::default();
        prompt.unwrap_or_default().chars().for_each(|char| draft.push(char));
        Self {
            startup: VecDeque::from([
                (raw_at, Step::MakeRaw),
                (splash_at, Step::Splash),
                (first_at, Step::FirstScreen),
            ]),
            phase: Phase::Cooked,
            phase_since: Duration::ZERO,
            decoder: Decoder::default(),
            enter_is_kept: !draft.is_empty(),
            draft,
            pasting: None,
            last_char: Duration::ZERO,
            burst_len: 0,
            last_paste: None,
            interrupt_at: None,
            no_dialog_before: 0,
            dialog: None,
            transcript: vec![format!("{} v{}", plan.look.name, plan.seed % 100)],
            turn: None,
            queued: VecDeque::new(),
            n_turns: 0,
            frame_at: None,
            redraw_at: None,
            ctrl_c_at: None,
            plan,
        }
    }

    pub(crate) fn plan(&self) -> &Scenario {
        &self.plan
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Nothing happens by itself before this.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let leave = self.plan.leave.as_ref().filter(|it| it.phase == self.phase);
        let human = Duration::from_millis(self.plan.human_ms);
        [
            self.startup.front().map(|step| step.0),
            leave.map(|it| self.phase_since + Duration::from_millis(it.after_ms)),
            self.dialog.as_ref().filter(|_| !human.is_zero()).map(|it| it.since + human),
            self.turn.as_ref().and_then(Turn::deadline),
            self.redraw_at,
            self.interrupt_at,
            self.frame_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What was typed while the terminal echoed.
    pub(crate) fn handle_early(&mut self, now: Duration, bytes: &[u8]) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !bytes.is_empty() {
            effects.push(received(Phase::Cooked, bytes));
        }
        if self.plan.early_input == Input::Kept {
            for key in self.decoder.handle_bytes(bytes) {
                self.edit(now, &key);
            }
        }
        effects
    }

    pub(crate) fn handle_bytes(&mut self, now: Duration, bytes: &[u8]) -> Vec<Effect> {
        let mut effects = vec![received(self.phase, bytes)];
        for key in self.decoder.handle_bytes(bytes) {
            self.handle_key(now, &key, &mut effects);
        }
        effects
    }

    /// Someone who sees the screen answers the dialog, at another keyboard.
    pub(crate) fn handle_human(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(right) = self.dialog.as_ref().map(|open| open.dialog.right) {
            self.answer(now, right, "human", &mut effects);
        }
        effects
    }

    pub(crate) fn handle_tick(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(&(_, step)) = self.startup.front().filter(|step| step.0 <= now) {
            self.startup.pop_front();
            self.start_step(now, step, &mut effects);
        }
        let leave = self.plan.leave.as_ref().filter(|it| it.phase == self.phase);
        if let Some(leave) =
            leave.filter(|it| self.phase_since + Duration::from_millis(it.after_ms) <= now)
        {
            effects.push(Effect::Leave(leave.code));
            return effects;
        }
        let human = Duration::from_millis(self.plan.human_ms);
        if !human.is_zero() && self.dialog.as_ref().is_some_and(|open| open.since + human <= now) {
            effects.extend(self.handle_human(now));
        }
        if self.interrupt_at.take_if(|at| *at <= now).is_some() {
            self.interrupt_the_box(now, &mut effects);
        }
        self.tick_turn(now, &mut effects);
        if self.redraw_at.take_if(|at| *at <= now).is_some() {
            effects.push(Effect::Draw);
        }
        effects
    }

    pub(crate) fn scene(&self, now: Duration) -> Scene<'_> {
        let turn = self.turn.as_ref();
        let shows_box = match self.phase {
            Phase::Cooked | Phase::Deaf | Phase::Dialog => false,
            Phase::Loading | Phase::Ready => true,
            Phase::Working => self.plan.turn.shows_box,
        };
        Scene {
            look: &self.plan.look,
            transcript: &self.transcript,
            dialog: self.dialog.as_ref().map(|open| &open.dialog),
            status: turn.map(|turn| turn.status(&self.plan.look, self.plan.turn.fps, now)),
            draft: shows_box.then(|| self.draft.shown()),
            is_open: self.phase != Phase::Loading,
        }
    }
}

fn received(phase: Phase, bytes: &[u8]) -> Effect {
    let mut what = journal::bytes(bytes);
    if let Value::Object(fields) = &mut what {
        fields.insert("phase".into(), serde_json::to_value(phase).unwrap_or_default());
    }
    Effect::Note("bytes", what)
}
