//! Answers a dialog with the entry that a user chose by its label, and with the user's words where it takes some.
//!
//! One key at a time: the next one is pressed when a capture shows the effect of the last, and none if
//! the dialog is another one by then. A dialog that does not react is left to the user.
use std::time::{Duration, Instant};

use super::{LiveWorker, deliveries::obstacle};
use crate::{
    agents::{
        ask::{is_amendable, takes_words},
        menu::{self, Menu},
        tinted,
    },
    hub::state::{Act, Effect, RequestId, TmuxEffect},
    model::{Ask, DialogAnswer, Happened, Now, Sample},
    text::one_line,
};

/// A dialog that does not react to a key for this long is left alone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon to look at what a key has done.
const LOOK: Duration = Duration::from_millis(150);
const MAX_KEYS: u8 = 30;
/// So many characters of the words must show in the dialog; it may cut the rest.
const SHOWN: usize = 30;

/// Longest words, in characters.
const MAX_WORDS: usize = 1000;

/// An answer under way.
#[derive(Debug)]
pub(super) struct Answering {
    request_id: RequestId,
    label: String,
    /// Words for the entry.
    words: Option<String>,
    asked: Ask,
    /// Which entry was highlighted before the last key, and when it was pressed.
    moved: Option<(usize, Instant)>,
    /// A key has moved what is taken for the highlighted entry.
    follows: bool,
    n_keys: u8,
    /// When the entry was made to take words, and when they were typed.
    opened: Option<Instant>,
    typed: Option<Instant>,
    /// When Enter was pressed.
    confirmed: Option<Instant>,
    /// Since when captures have no colours, or moved between text and colours.
    uncoloured: Option<Instant>,
}

/// What is to be done about the dialog that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    Press(&'static str),
    Type(String),
    Wait,
    Over,
}

/// The newest capture, as far as it matters.
struct Seen<'a> {
    /// What the screen asks, and what the worker is known to ask.
    shown: Option<&'a Ask>,
    known: Option<&'a Ask>,
    menu: Option<Menu>,
    /// Its colours are known.
    is_styled: bool,
    /// Why no key can reach the agent.
    obstacle: Option<String>,
    /// A key makes the highlighted entry take words.
    is_amendable: bool,
}

const IN_ITS_WINDOW: &str = "look at its window";

impl LiveWorker {
    /// Begins to answer. Another answer that is under way comes first.
    pub(in crate::hub::state) fn answer_dialog(
        &mut self,
        now: Now,
        request_id: RequestId,
        DialogAnswer { label, words, asked, expected, .. }: DialogAnswer,
    ) -> Result<(), &'static str> {
        if self.answering.is_some() {
            return Err("another answer is under way");
        }
        let is_it = |printed: &Ask| expected || is_same(printed, &asked, None);
        if !self.printed.as_ref().is_none_or(is_it) {
            return Err("the agent shows another dialog than the one that was printed last");
        }
        self.printed = None;
        // One line: a line feed might confirm, and a longer text might be folded.
        let words = words.map(|it| one_line(&it, MAX_WORDS)).filter(|it| !it.is_empty());
        self.answering = Some(Answering::new(request_id, label, words, asked));
        self.want_look(now.steady);
        Ok(())
    }

    /// No more key is pressed. Returns who waits for the answer.
    pub(in crate::hub::state) fn give_up_answer(&mut self) -> Option<RequestId> {
        self.answering.take().map(|it| it.request_id)
    }

    /// This client is gone, and with it the user who chose an answer.
    pub(in crate::hub::state) fn forget_answer_of(&mut self, client: u64) {
        self.answering.take_if(|it| it.request_id.client == client);
    }

    /// A user chooses an answer of this dialog, perhaps much later.
    pub(in crate::hub::state) fn dialog_printed(&mut self, asked: Ask) {
        self.printed = Some(asked);
    }

    /// Presses the next key, if the newest capture allows one. Returns the outcome when it is over.
    pub(in crate::hub::state) fn go_on_answering(
        &mut self,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Option<(RequestId, Result<(), String>)> {
        let (Some(it), Some(sample)) = (&mut self.answering, &self.last) else { return None };
        let shown = self.verdict.ask.as_ref();
        let seen = Seen {
            shown,
            known: self.worker.state.asks.as_ref(),
            menu: menu_of(sample, shown),
            is_styled: tinted::is_whole(sample),
            obstacle: obstacle(&self.profile, sample).map(|it| it.to_string()),
            is_amendable: is_amendable(&sample.rows),
        };
        let request_id = it.request_id;
        let act = match it.next(now.steady, &seen) {
            Ok(Next::Press(key)) => Act::Keys(vec![key.to_owned()], Duration::ZERO),
            Ok(Next::Type(words)) => Act::Paste(words),
            Ok(Next::Wait) => {
                self.want_look(now.steady + LOOK);
                return None;
            }
            Ok(Next::Over) => {
                let words = it.words.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
                let text = format!("chose `{}`{words}: {}", it.label, it.asked);
                self.notes.happened.push(Happened::Told { about: "answered".into(), text });
                self.answering = None;
                return Some((request_id, Ok(())));
            }
            Err(why) => {
                self.answering = None;
                return Some((request_id, Err(why)));
            }
        };
        out.push(Effect::Tmux(TmuxEffect::Press { to: self.target(), act }));
        self.want_look(now.steady + LOOK);
        None
    }
}

impl Answering {
    fn new(request_id: RequestId, label: String, words: Option<String>, asked: Ask) -> Self {
        Self {
            request_id,
            label,
            words,
            asked,
            moved: None,
            follows: false,
            n_keys: 0,
            opened: None,
            typed: None,
            confirmed: None,
            uncoloured: None,
        }
    }

    /// Pure but for its own notes about what was pressed.
    fn next(&mut self, now: Instant, seen: &Seen<'_>) -> Result<Next, String> {
        let is_known = seen.known.is_some_and(|known| known.about == self.asked.about);
        // What is typed replaces the entry's label.
        let free = self.words.as_ref().and_then(|_| self.index());
        let is_shown = seen.shown.is_some_and(|shown| is_same(shown, &self.asked, free));
        if let Some(at) = self.confirmed {
            return match is_shown && is_known {
                false => Ok(Next::Over),
                true => wait(now, at, "the dialog did not react to Enter"),
            };
        }
        if !is_shown || !is_known {
            return Err(match self.typed {
                None => {
                    "the agent shows another dialog, or none, by now: nothing was answered".into()
                }
                Some(_) => {
                    format!("the dialog changed while the answer was typed: {IN_ITS_WINDOW}")
                }
            });
        }
        if let Some(hold) = &seen.obstacle {
            return Err(format!("no key can reach the agent: {hold}"));
        }
        let Some(menu) = &seen.menu else {
            if !seen.is_styled {
                let since = *self.uncoloured.get_or_insert(now);
                return wait(now, since, "the dialog does not stand still");
            }
            return Err(
                "its answers cannot be chosen with the arrow keys: answer in its window".into()
            );
        };
        self.uncoloured = None;
        let steps = self.steps(menu)?;
        self.follows |= self.moved.is_some_and(|(from, _)| from != menu.selected);
        // Another entry may have a colour of its own.
        let is_doubtful = menu.by_colour && !self.follows;
        if let Some((from, at)) = self.moved
            && from == menu.selected
            && (steps != 0 || is_doubtful)
        {
            return wait(now, at, "the dialog did not react to the arrow keys");
        }
        if self.n_keys >= MAX_KEYS {
            return Err(format!("the dialog does not stand still: {IN_ITS_WINDOW}"));
        }
        let [back, forth] = if menu.across { ["Left", "Right"] } else { ["Up", "Down"] };
        let next = match steps {
            // It comes back, if it moves.
            0 if is_doubtful && menu.selected > 0 => Next::Press(back),
            0 if is_doubtful => Next::Press(forth),
            0 => self.choose(now, menu, seen.is_amendable)?,
            1.. => Next::Press(forth),
            _ => Next::Press(back),
        };
        if matches!(next, Next::Press(_) | Next::Type(_)) {
            self.n_keys += 1;
            self.moved = Some((menu.selected, now));
        }
        Ok(next)
    }

    /// The entry is highlighted: Enter chooses it, after the words, if there are any.
    fn choose(&mut self, now: Instant, menu: &Menu, is_amendable: bool) -> Result<Next, String> {
        let label = menu.selected().map(|it| it.label.as_str()).unwrap_or_default();
        let Some(words) = &self.words else {
            self.confirmed = Some(now);
            return Ok(Next::Press("Enter"));
        };
        if holds(label, words) {
            self.confirmed = Some(now);
            return Ok(Next::Press("Enter"));
        }
        if let Some(at) = self.typed {
            return wait(now, at, "the dialog does not show the words that were typed");
        }
        if takes_words(label) {
            self.typed = Some(now);
            return Ok(Next::Type(words.clone()));
        }
        if let Some(at) = self.opened {
            return wait(now, at, "the dialog did not react to Tab");
        }
        if is_amendable {
            self.opened = Some(now);
            return Ok(Next::Press("Tab"));
        }
        Err(format!("the answer `{}` takes no text: nothing was answered", self.label))
    }

    /// Which of the answers was chosen, if only one is called so.
    fn index(&self) -> Option<usize> {
        let mut fitting =
            self.asked.choices.iter().enumerate().filter(|(_, it)| it.label == self.label);
        let (at, _) = fitting.next()?;
        fitting.next().is_none().then_some(at)
    }

    /// How many entries below the highlighted one the answer is; negative: above.
    fn steps(&self, menu: &Menu) -> Result<isize, String> {
        let at = match (&self.words, self.index()) {
            (Some(_), at) => at.filter(|_| menu.entries.len() == self.asked.choices.len()),
            (None, _) => {
                let mut fitting =
                    menu.entries.iter().enumerate().filter(|(_, it)| it.label == self.label);
                let first = fitting.next().map(|(at, _)| at);
                first.filter(|_| fitting.next().is_none())
            }
        };
        let at = at.ok_or_else(|| {
            format!("the dialog does not show exactly one answer `{}`: {IN_ITS_WINDOW}", self.label)
        })?;
        let index = |n: usize| isize::try_from(n).unwrap_or(isize::MAX);
        Ok(index(at).saturating_sub(index(menu.selected)))
    }
}

/// Its answers with the highlighted one: by a pointer, else by colours.
fn menu_of(sample: &Sample, shown: Option<&Ask>) -> Option<Menu> {
    let labels: Vec<&str> = shown?.choices.iter().map(|it| it.label.as_str()).collect();
    // Another list may stand above the dialog.
    let is_its = |menu: &Menu| menu.entries.iter().any(|it| labels.contains(&it.label.as_str()));
    let by_pointer = menu::read(&sample.rows).filter(|it| !it.doubtful && is_its(it));
    by_pointer.or_else(|| (labels.len() > 1).then(|| tinted::read(sample, &labels)).flatten())
}

fn wait(now: Instant, since: Instant, fault: &str) -> Result<Next, String> {
    match now.duration_since(since) < PATIENCE {
        true => Ok(Next::Wait),
        false => Err(format!("{fault}: {IN_ITS_WINDOW}")),
    }
}

/// The entry shows the words, alone or behind its own.
fn holds(label: &str, words: &str) -> bool {
    let beginning: String = words.chars().take(SHOWN).collect();
    label.contains(beginning.trim_end())
}

/// The same question with the same answers, whichever is highlighted, but for the one at `free`. A hook may know
/// better than the screen what it is about.
fn is_same(shown: &Ask, asked: &Ask, free: Option<usize>) -> bool {
    let labels = |it: &Ask| -> Vec<Option<String>> {
        let labels = it.choices.iter().enumerate();
        labels.map(|(at, it)| Some(it.label.clone()).filter(|_| Some(at) != free)).collect()
    };
    let is_alike = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
    labels(shown) == labels(asked)
        && is_alike(&shown.question, &asked.question)
        && (shown.source != asked.source || is_alike(&shown.about, &asked.about))
}

#[cfg(test)]
mod tests;
