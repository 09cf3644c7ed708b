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

    /// The screen shows no other question that is yet to be seen once more.
    pub fn knows_the_question(&self) -> bool {
        self.asked.is_none()
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
    // A second dialog about the same thing, as after `Allow always`, asks something else.
    let has = |ask: &Ask, label: &str| ask.choices.iter().any(|it| it.label == label);
    let is_next = !known.choices.is_empty()
        && !shown.choices.is_empty()
        && !known.choices.iter().any(|it| has(&shown, &it.label));
    let is_known = !known.question.is_empty() && !is_next;
    let question = if is_known { known.question.clone() } else { shown.question };
    let choices = if shown.choices.is_empty() { known.choices.clone() } else { shown.choices };
    Ask { question, choices, ..known.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AskKind, Choice};

    fn ask(source: FactSource, question: &str, labels: &[&str]) -> Ask {
        let choice = |it: &&str| Choice { label: (*it).to_owned(), selected: false };
        Ask {
            kind: AskKind::Command,
            about: "echo hi".into(),
            question: question.into(),
            choices: labels.iter().map(choice).collect(),
            source,
        }
    }

    #[track_caller]
    fn check(known: (&str, &[&str]), shown: (&str, &[&str]), want: &str) {
        let sample = Sample { rows: vec!["$ echo hi".into()], ..Sample::default() };
        let known = ask(FactSource::Hook, known.0, known.1);
        let shown = ask(FactSource::Screen, shown.0, shown.1);
        let merged = merged(&known, shown.clone(), &sample);
        assert_eq!(merged, Ask { choices: shown.choices, ..ask(FactSource::Hook, want, &[]) });
    }

    #[test]
    fn a_second_dialog_about_the_same_asks_its_own_question() {
        let first: (&str, &[&str]) = ("Allow it?", &["Allow once", "Allow always", "Reject"]);
        check(first, ("Always allow?", &["Confirm", "Cancel"]), "Always allow?");
        check(first, ("Allow …", &["Allow once", "Allow always", "Reject"]), "Allow it?");
        let told: (&str, &[&str]) = ("Which colour?", &["Red", "Blue"]);
        check(told, ("colour?", &["Red", "Blue", "Type something."]), "Which colour?");
    }
}
