//! A profile that has never fitted its agent's screen makes way for the generic rules. If they do not
//! fit either, the state is unknown; until then, the agent counts as starting.
//!
//! Only before it has fitted once: later an unknown screen is a screen of the agent that the profile does
//! not know, and the generic rules may take it for a box.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::LiveWorker;
use crate::{
    agents::{
        classify::{Foreground, foreground},
        fallback,
        fold::Tracker,
    },
    model::{AgentState, Fact, FactSource, Happened, Now, Process, Sample},
};

/// How long nothing may match on a screen that shows something.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the profile fits.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// A rule has matched once, or the generic rules do not match either.
    is_known: bool,
    unknown_since: Option<Instant>,
}

impl LiveWorker {
    /// Looks whether the profile fits, and falls back if it does not.
    pub(super) fn check_fit(&mut self, now: Now, sample: &Sample) {
        if self.fit.is_known {
            return;
        }
        let runs = self.worker.state.process.value == Process::Running;
        let program = foreground(&self.profile, sample);
        let is_there = runs && !sample.dead && program != Foreground::Shell;
        if *self.tracker.proven() != AgentState::Unknown && is_there {
            self.fit.is_known = true;
            return;
        }
        let is_unknown = self.tracker.verdict().turn == AgentState::Unknown;
        if !is_there || !is_unknown || sample.used_rows().is_empty() {
            self.fit.unknown_since = None;
            return;
        }
        let since = *self.fit.unknown_since.get_or_insert(now.steady);
        if now.steady.duration_since(since) < PATIENCE {
            return self.want_look(since + PATIENCE);
        }
        if self.profile.structural {
            self.fit.is_known = true;
            self.note_unknown(now);
        } else {
            self.fall_back(now, program == Foreground::Other, &sample.command);
        }
    }

    fn note_unknown(&mut self, now: Now) {
        let evidence = "no rule matches the screen".to_owned();
        let (value, source) = (AgentState::Unknown, FactSource::Screen);
        let turn = Fact { value, since: now.wall, source, evidence };
        self.worker.state.turn = turn.clone();
        self.notes.happened.push(Happened::Turn(turn));
        self.notes.worker = true;
        self.has_changed = true;
    }

    fn fall_back(&mut self, now: Now, any_program: bool, command: &str) {
        self.fit.unknown_since = None;
        let name = &self.profile.name;
        let why = if any_program {
            format!("it does not know the program `{command}`")
        } else {
            "none of its rules matches the screen".to_owned()
        };
        let text = format!("the profile `{name}` does not fit: {why}; the generic rules are used");
        self.profile = Arc::new(fallback::by_shape(&self.profile, any_program));
        let tracker = Tracker::new(Arc::clone(&self.profile), &self.worker.state, now);
        self.tracker = tracker.in_zone(self.zone.clone());
        self.worker.profile_note = Some(text.clone());
        self.notes.happened.push(Happened::Told { about: "profile".to_owned(), text });
        self.notes.worker = true;
        self.want_look(now.steady);
    }
}
