//! What a worker's pane says of itself in its output: status reports, notifications and the bell.
use std::time::Duration;

use super::LiveWorker;
use crate::{
    agents::{fold::Seen, input_box::Found, still::stands},
    hub::state::Effect,
    model::{AgentState, Fact, FactSource, Happened, HeardReport, Need, Now, Process, Sample},
    text::one_line,
    tmux::Said,
};

/// Reports that `explain` shows.
const MAX_REPORTS: usize = 8;
const MAX_TEXT: usize = 200;
/// How long after the bell the screen may take to show why it rang.
const BECKON_LAG: Duration = Duration::from_secs(2);

impl LiveWorker {
    pub(in crate::hub::state) fn said(&mut self, now: Now, said: &Said, out: &mut Vec<Effect>) {
        if let Some(report) = &said.report {
            self.silence.program_says(report.state);
            self.track(now, Seen::Said(report), out);
            let text = one_line(&report.to_string(), MAX_TEXT);
            let decided = self.tracker.heard().to_owned();
            self.reports.push_back(HeardReport { at: now.wall, text, decided });
            self.reports.drain(..self.reports.len().saturating_sub(MAX_REPORTS));
        }
        if said.beckons && self.is_unclear() {
            self.beckoned = Some(now.steady + BECKON_LAG);
        }
    }

    /// Nothing better than the bell tells whether it needs someone.
    fn is_unclear(&self) -> bool {
        let turn = &self.worker.state.turn.value;
        let is_silent = self.profile.hooks.is_none() && self.reports.is_empty();
        let may_ask = turn.is_busy() && self.profile.structural;
        let is_unclear = *turn == AgentState::Unknown || may_ask;
        is_silent && is_unclear && self.worker.state.process.value == Process::Running
    }

    /// It beckoned, and after that its screen has stood still and does not show why.
    pub(super) fn note_beckoning(&mut self, now: Now, sample: &Sample, found: Option<&Found>) {
        let is_still = self.last.as_ref().is_some_and(|last| stands(last, sample, found));
        let known = self.worker.state.need.as_ref().map(|it| it.value.clone());
        if known == Some(Need::Bell) && !(is_still && self.is_unclear()) {
            self.note_bell(None);
        }
        let is_due = self.beckoned.is_some_and(|at| at <= now.steady);
        if !is_due {
            return;
        }
        self.beckoned = None;
        if known.is_none() && is_still && self.is_unclear() {
            let (value, since, source) = (Need::Bell, now.wall, FactSource::Program);
            let evidence = "it rang the bell, and its screen does not show why".to_owned();
            self.note_bell(Some(Fact { value, since, source, evidence }));
        }
    }

    fn note_bell(&mut self, need: Option<Fact<Need>>) {
        self.worker.state.need.clone_from(&need);
        self.notes.happened.push(Happened::Need { need });
        self.notes.worker = true;
    }
}
