//! One turn: its stages, one after the other, and what is shown meanwhile.
use std::{collections::VecDeque, time::Duration};

use crate::{
    dialog::Dialog,
    random::Random,
    scenario::{Look, Turns},
};

/// The first turn asks, and then each so many-th.
const ASKS: u64 = 4;

#[derive(Debug)]
pub(crate) struct Turn {
    /// From 1.
    pub n: u64,
    pub text: String,
    pub started: Duration,
    stages: VecDeque<(Stage, Duration)>,
    stage_ends: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Work,
    Flood,
    /// The provider failed for the so-many-th time.
    Retry(u64),
    /// Waits for an answer, however long.
    Request(Box<Dialog>),
    Over,
}

impl Turn {
    pub(crate) fn start(plan: &Turns, seed: u64, n: u64, text: String, now: Duration) -> Self {
        let mut draw = Random::new(seed ^ n.rotate_left(32));
        let millis = Duration::from_millis;
        let whole = draw.between(plan.min_ms, plan.max_ms.max(plan.min_ms));
        let mut stages = VecDeque::from([(Stage::Work, millis(whole / 2))]);
        if plan.flood_ms > 0 {
            stages.push_back((Stage::Flood, millis(plan.flood_ms)));
        }
        stages.extend((1..=plan.retries).map(|it| (Stage::Retry(it), millis(1000))));
        if let Some(dialog) = plan.permission.clone().filter(|_| n % ASKS == 1) {
            stages.push_back((Stage::Request(Box::new(dialog)), Duration::ZERO));
        }
        stages.extend([(Stage::Work, millis(whole / 2)), (Stage::Over, Duration::ZERO)]);
        let stage_ends = now + stages.front().map_or(Duration::ZERO, |stage| stage.1);
        Self { n, text, started: now, stages, stage_ends }
    }

    pub(crate) fn stage(&self) -> &Stage {
        self.stages.front().map_or(&Stage::Over, |stage| &stage.0)
    }

    /// When the stage ends by itself; a question does not.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.stage() {
            Stage::Request(_) => None,
            Stage::Work | Stage::Flood | Stage::Retry(_) | Stage::Over => Some(self.stage_ends),
        }
    }

    pub(crate) fn next_stage(&mut self, now: Duration) {
        self.stages.pop_front();
        self.stage_ends = now + self.stages.front().map_or(Duration::ZERO, |stage| stage.1);
    }

    /// The line that moves while the turn runs.
    pub(crate) fn status(&self, look: &Look, fps: u64, now: Duration) -> String {
        let running = now.saturating_sub(self.started);
        let glyph = spinner(look, fps, running);
        let hint = match look.interrupt_hint.as_str() {
            "" => String::new(),
            hint => format!(" · {hint}"),
        };
        match self.stage() {
            Stage::Retry(n) => format!("{glyph} Error 500: retrying, attempt {n}{hint}"),
            _ => format!("{glyph} {}… ({}s{hint})", look.verb, running.as_secs()),
        }
    }
}

/// The glyph of this moment.
pub(crate) fn spinner(look: &Look, fps: u64, running: Duration) -> String {
    let frame = running.as_millis() * u128::from(fps) / 1000;
    let n_glyphs = u128::try_from(look.spinner.len().max(1)).unwrap_or(1);
    let at = usize::try_from(frame % n_glyphs).unwrap_or(0);
    look.spinner.get(at).cloned().unwrap_or_default()
}
