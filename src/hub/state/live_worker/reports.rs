//! What the worker reports about itself, and a turn that prints nothing.
use std::time::{Duration, Instant};

use super::LiveWorker;
use crate::{
    agents::{fold::Seen, hooks::Event},
    model::{
        Fact, FactSource, Happened, Now, ParentPane, ProgramState, Reported, Timestamp, WorkerId,
    },
};

/// When it last printed something, and whether that is too long ago.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    pub(super) printed: Instant,
    /// Since when its turn counts as stalled, and when it had printed something before that.
    stalled: Option<(Timestamp, Instant)>,
    /// The agent's last hook or report said that no turn runs.
    told_over: bool,
}

/// A turn that has printed nothing for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub::state) struct Stalled {
    /// When that was noticed.
    pub since: Timestamp,
    /// For how long it may print nothing.
    pub limit: Duration,
    /// The agent itself said that the turn is over; only the screen shows one.
    pub told_over: bool,
}

impl Silence {
    pub(super) fn new(limit: Duration, now: Now) -> Self {
        Self { limit, printed: now.steady, stalled: None, told_over: false }
    }

    /// What its program reports of the turn.
    pub(super) fn program_says(&mut self, state: ProgramState) {
        self.told_over = matches!(state, ProgramState::Idle | ProgramState::Done);
    }

    /// What a hook of its agent says about the turn.
    pub(super) fn told(&mut self, event: &Event) {
        self.told_over = match event {
            Event::TurnEnded { .. } | Event::TurnFailed { .. } => true,
            Event::Started
            | Event::PromptAccepted { .. }
            | Event::Busy
            | Event::Asks { .. }
            | Event::Answered
            | Event::Retrying { .. }
            | Event::Background { .. } => false,
            Event::Ended { .. } => self.told_over,
        };
    }

    /// It printed something.
    pub(super) fn broken(&mut self, now: Now) {
        self.printed = now.steady;
    }
}

impl LiveWorker {
    pub(in crate::hub::state) fn reported(&mut self, now: Now, what: Reported, text: &str) {
        self.track(now, Seen::Reported { what, text }, &mut Vec::new());
    }

    pub(in crate::hub::state) fn note_progress(&mut self, now: Now, text: String) {
        let (since, source) = (now.wall, FactSource::Report);
        let progress = Fact { value: text.clone(), since, source, evidence: String::new() };
        self.worker.progress = Some(progress);
        self.notes.happened.push(Happened::Told { about: "progress".to_owned(), text });
        self.notes.worker = true;
    }

    pub(in crate::hub::state) fn note_pr(&mut self, url: String) {
        if self.worker.pr.as_ref() == Some(&url) {
            return;
        }
        self.worker.pr = Some(url.clone());
        self.notes.happened.push(Happened::Told { about: "pull-request".to_owned(), text: url });
        self.notes.worker = true;
    }

    /// Another one gives it work from now on.
    pub(in crate::hub::state) fn adopted(
        &mut self,
        parent: Option<WorkerId>,
        pane: Option<ParentPane>,
    ) {
        self.worker.parent = parent;
        self.worker.parent_pane = pane;
        self.notes.worker = true;
    }

    /// Its last message, if it came after that moment.
    pub(in crate::hub::state) fn message_since(&self, at: Timestamp) -> Option<String> {
        let is_new = self.message_at.is_some_and(|came| came >= at);
        self.worker.last_message.clone().filter(|_| is_new)
    }

    /// Its hooks report messages.
    pub(in crate::hub::state) fn tells_messages(&self) -> bool {
        self.profile.hooks.is_some()
    }

    pub(in crate::hub::state) fn stalled(&self) -> Option<Stalled> {
        let Silence { limit, told_over, .. } = self.silence;
        self.silence.stalled.map(|(since, _)| Stalled { since, limit, told_over })
    }

    /// When its turn will count as stalled, or no longer does.
    pub(super) fn stall_due(&self) -> Option<Instant> {
        let Silence { limit, printed, stalled, .. } = self.silence;
        match stalled {
            None => self.is_in_turn().then(|| printed + limit),
            Some((_, before)) => (!self.is_in_turn() || printed > before).then_some(printed),
        }
    }

    fn is_in_turn(&self) -> bool {
        !self.gone && self.worker.state.turn.value.is_busy() && self.worker.state.is_live()
    }

    /// Looks whether its turn has stalled, or continues.
    pub(super) fn check_silence(&mut self, now: Now) {
        let silent = now.steady.duration_since(self.silence.printed);
        let is_stalled = self.is_in_turn() && silent >= self.silence.limit;
        let since = self.silence.stalled.map_or(now.wall, |(since, _)| since);
        let stalled = is_stalled.then_some((since, self.silence.printed));
        let before = std::mem::replace(&mut self.silence.stalled, stalled);
        // The inbox is compared with what was noted.
        self.notes.worker |= before.is_some() != is_stalled;
    }
}
