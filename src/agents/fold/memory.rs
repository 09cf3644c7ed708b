//! Interprets a capture in the light of earlier ones: hints, drafts and silence.
use std::time::Duration;

use super::Tracker;
use crate::{
    agents::{
        classify,
        echo::{self, Holding},
        input_box,
    },
    model::{AgentState, FactSource, InputBox, Now, Sample, Verdict},
};

/// Working signs that are recognized by shape alone, and have been unchanged for this long in
/// silence above an empty box, are part of the conversation: real ones move.
const SILENCE: Duration = Duration::from_secs(15);
/// The same if the cursor is hidden, as in many programs at work.
const HIDDEN_SILENCE: Duration = Duration::from_secs(60);
/// Hints that one agent's box may show in turn.
const MAX_HINTS: usize = 20;

impl Tracker {
    /// For programs whose working signs are unknown: endless output is one.
    pub(super) fn is_noise(&mut self, now: Now) -> bool {
        let noise = self.profile.timing.noise;
        if noise.is_zero() || !self.verdict.turn.listens() {
            self.noisy_since = None;
            return false;
        }
        if self
            .quiet_since
            .is_some_and(|since| now.steady.saturating_duration_since(since) >= noise)
        {
            self.noisy_since = None;
            return false;
        }
        let since = *self.noisy_since.get_or_insert(now.steady);
        let was_up = self.turn != AgentState::Unknown;
        was_up && now.steady.saturating_duration_since(since) >= noise
    }

    /// Whether something is written below the box, where that makes a difference.
    pub(super) fn look_below(&mut self, sample: &Sample) {
        let counts = !self.profile.timing.footer_quiet.is_zero() && self.verdict.turn.listens();
        self.has_footer = counts && classify::has_footer(&self.profile, sample);
    }

    /// How long it must be silent before it is believed to listen.
    pub(super) fn silence_wanted(&self) -> Duration {
        let timing = &self.profile.timing;
        if self.has_footer { timing.footer_quiet } else { timing.quiet }
    }

    /// Discards working signs after a long silence.
    pub(super) fn outlast(&mut self, now: Now, sample: &Sample, verdict: &Verdict) -> Verdict {
        self.outlasted = None;
        let may_be_words = self.profile.structural
            && verdict.turn.is_busy()
            && verdict.input == InputBox::Empty
            && verdict.source == Some(FactSource::Screen);
        let Some(since) = self.quiet_since.filter(|_| may_be_words) else {
            return verdict.clone();
        };
        let end = since + if sample.cursor_visible { SILENCE } else { HIDDEN_SILENCE };
        if now.steady < end {
            self.outlasted = Some(end);
            return verdict.clone();
        }
        let evidence = format!(
            "no output for long and the box is empty, while `{}` still matches",
            verdict.evidence
        );
        Verdict { turn: AgentState::Ready, rule: "silence".to_owned(), evidence, ..verdict.clone() }
    }

    /// A text that was seen while it was typed is a draft, even with the cursor before it.
    pub(super) fn tell_drafts(&mut self, sample: &Sample) {
        let suggested =
            match &self.verdict.input {
                InputBox::Unseen | InputBox::Other(_) => return,
                InputBox::Holds(text) => return self.typed = Some(text.clone()),
                InputBox::Empty => self.profile.input.as_ref().and_then(|spec| {
                    input_box::find(spec, sample).and_then(|found| found.suggested)
                }),
            };
        let Some(text) = suggested else { return self.typed = None };
        if self.typed.as_ref().is_none_or(|typed| !typed.ends_with(&text)) {
            return;
        }
        if self.verdict.turn.listens() {
            self.verdict.turn = AgentState::Draft;
            "typed".clone_into(&mut self.verdict.rule);
            self.verdict.evidence.clone_from(&text);
        }
        self.verdict.input = InputBox::Holds(text);
    }

    /// Without a cursor: a text that was in the box when it first appeared is a hint, a later one
    /// is a draft.
    pub(super) fn tell_hints(&mut self) {
        let Some(text) = self.verdict.doubtful.clone() else { return };
        let is_first = self.hints.is_empty() && !self.had_turn && !self.sending;
        let reads_like_one = self.verdict.input == InputBox::Empty;
        if !self.hints.contains(&text) && (is_first || reads_like_one) {
            if self.hints.len() < MAX_HINTS {
                self.hints.push(text);
            }
        } else if !self.hints.contains(&text) {
            return;
        }
        self.verdict.input = InputBox::Empty;
        if self.verdict.turn == AgentState::Draft {
            self.verdict.turn = AgentState::Ready;
            "hint".clone_into(&mut self.verdict.rule);
        }
    }

    /// The agent's own report that its turn is over, if its box is empty and no rule matches.
    pub(super) fn trust_hook(&mut self) {
        let says_idle = self.hooked.as_ref().is_some_and(|it| it.turn == AgentState::Idle);
        let is_open = self.verdict.rule == classify::NOT_READY;
        if says_idle && is_open && self.verdict.input == InputBox::Empty {
            self.verdict.turn = AgentState::Idle;
            "hook".clone_into(&mut self.verdict.rule);
        }
    }

    /// The box holds the text that is being delivered.
    pub(super) fn is_ours(&self) -> bool {
        let Some(text) = self.sent.last().filter(|_| self.sending) else { return false };
        let holding = echo::holding(&self.profile, &self.verdict.input, text);
        matches!(holding, Holding::Ours | Holding::Folded) && self.turn.listens()
    }

    /// An unknown agent is drawing the last delivered text into the conversation, and is not
    /// finished.
    pub(super) fn is_half_drawn(&self) -> bool {
        let (true, Some(text)) = (self.profile.structural, self.sent.last()) else { return false };
        let InputBox::Holds(held) = &self.verdict.input else { return false };
        let holding = echo::holding(&self.profile, &self.verdict.input, text);
        let is_part = holding == Holding::Ours && !echo::same_text(held, text);
        // A few letters may come from anyone, but an agent that is not at rest is drawing.
        let may_be_a_human = self.turn.listens() || self.turn == AgentState::Draft;
        is_part || !may_be_a_human && echo::begins(text, held)
    }
}
