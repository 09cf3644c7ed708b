//! What an agent asks: from its hook at once, from the screen with the choices after two equal captures.
use std::time::Instant;

use super::Tracker;
use crate::{
    agents::glyphs,
    model::{Ask, FactSource, Now, Process, Sample},
};

/// A question that was seen once.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    ask: Ask,
    pub(super) due: Instant,
}

/// How much of a hook's text is searched on the screen.
const SOUGHT: usize = 30;

impl Tracker {
    /// What the agent asks now, if that changed. `told` came from a hook, `sample` is a new capture.
    pub(super) fn settle_ask(
        &mut self,
        now: Now,
        told: Option<Ask>,
        sample: Option<&Sample>,
    ) -> Option<Option<Ask>> {
        let next = self.next_ask(now, told, sample);
        if next == self.asks {
            return None;
        }
        self.asks.clone_from(&next);
        Some(next)
    }

    fn next_ask(&mut self, now: Now, told: Option<Ask>, sample: Option<&Sample>) -> Option<Ask> {
        let is_there = matches!(self.process, Process::Starting | Process::Running);
        let is_asking = is_there && self.turn.asks();
        let asked = self.asked.take();
        if !is_asking {
            return None;
        }
        // The first report of a hook is about the visible question.
        if let Some(told) = told {
            return Some(self.asks.clone().unwrap_or(told));
        }
        let known = self.asks.clone();
        let Some(sample) = sample.filter(|_| self.verdict.turn.asks()) else { return known };
        let Some(shown) = self.verdict.ask.clone() else { return known };
        let Some(known) = known else { return Some(shown) };
        let shown = merged(&known, shown, sample);
        if shown == known {
            return Some(known);
        }
        let adds_answers = known.choices.is_empty() && shown.about == known.about;
        let due = asked.filter(|it| it.ask == shown).map(|it| it.due);
        let due = due.unwrap_or(now.steady + self.profile.timing.confirm);
        if adds_answers || due <= now.steady {
            return Some(shown);
        }
        self.asked = Some(Asked { ask: shown, due });
        Some(known)
    }
}

/// A hook's text is better than the screen's, while the screen shows the same question.
fn merged(known: &Ask, shown: Ask, sample: &Sample) -> Ask {
    if !matches!(known.source, FactSource::Hook | FactSource::Program) {
        return shown;
    }
    let named = if known.about.is_empty() { &known.question } else { &known.about };
    let sought: String = named.chars().take(SOUGHT).collect();
    let screen = glyphs::of(&sample.used_rows().join(" "));
    let is_shown = glyphs::contains(&screen, &glyphs::of(&sought));
    if !is_shown && !shown.about.is_empty() {
        return shown;
    }
    let question = if known.question.is_empty() { shown.question } else { known.question.clone() };
    let choices = if shown.choices.is_empty() { known.choices.clone() } else { shown.choices };
    Ask { question, choices, ..known.clone() }
}
