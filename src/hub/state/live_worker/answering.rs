//! Answers a dialog with the entry that a user chose by its label.
//!
//! One key at a time: the next one is pressed when a capture shows the effect of the last, and none if
//! the dialog is another one by then. A dialog that does not react is left to the user.
use std::time::{Duration, Instant};

use super::{LiveWorker, deliveries::obstacle};
use crate::{
    agents::menu::{self, Menu},
    hub::state::{Effect, RequestId, TmuxEffect},
    model::{Ask, FactSource, Happened, Now},
};

/// A dialog that does not react to a key for this long is left alone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon to look at what a key has done.
const LOOK: Duration = Duration::from_millis(150);
const MAX_KEYS: u8 = 30;

/// An answer under way.
#[derive(Debug)]
pub(super) struct Answering {
    request_id: RequestId,
    label: String,
    asked: Ask,
    /// Which entry was highlighted before the last key, and when it was pressed.
    moved: Option<(usize, Instant)>,
    n_keys: u8,
    /// When Enter was pressed.
    confirmed: Option<Instant>,
}

/// What is to be done about the dialog that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Press(&'static str),
    Wait,
    Over,
}

impl LiveWorker {
    /// Begins to answer. Another answer that is under way comes first.
    pub(in crate::hub::state) fn answer_dialog(
        &mut self,
        now: Now,
        request_id: RequestId,
        (label, asked): (String, Ask),
    ) -> Result<(), &'static str> {
        if self.answering.is_some() {
            return Err("another answer is under way");
        }
        let (moved, confirmed) = (None, None);
        self.answering = Some(Answering { request_id, label, asked, moved, n_keys: 0, confirmed });
        self.want_look(now.steady);
        Ok(())
    }

    /// Presses the next key, if the newest capture allows one. Returns the outcome when it is over.
    pub(in crate::hub::state) fn go_on_answering(
        &mut self,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Option<(RequestId, Result<(), String>)> {
        let next = self.next_key(now);
        let it = self.answering.as_mut()?;
        let request_id = it.request_id;
        let key = match next {
            Ok(Next::Press(key)) => key,
            Ok(Next::Wait) => {
                self.want_look(now.steady + LOOK);
                return None;
            }
            Ok(Next::Over) => {
                let text = format!("chose `{}`: {}", it.label, it.asked);
                self.notes.happened.push(Happened::Told { about: "answered".into(), text });
                self.answering = None;
                return Some((request_id, Ok(())));
            }
            Err(why) => {
                self.answering = None;
                return Some((request_id, Err(why)));
            }
        };
        it.n_keys += 1;
        if key == "Enter" {
            it.confirmed = Some(now.steady);
        }
        let (to, key) = (self.target(), key.to_owned());
        out.push(Effect::Tmux(TmuxEffect::Press { to, key }));
        self.want_look(now.steady + LOOK);
        None
    }

    fn next_key(&mut self, now: Now) -> Result<Next, String> {
        let (Some(it), Some(sample)) = (&mut self.answering, &self.last) else {
            return Ok(Next::Wait);
        };
        let known = self.worker.state.asks.as_ref();
        let is_known = known.is_some_and(|known| known.about == it.asked.about);
        let is_shown = self.verdict.ask.as_ref().is_some_and(|shown| is_same(shown, &it.asked));
        if let Some(at) = it.confirmed {
            return match is_shown && is_known {
                false => Ok(Next::Over),
                true if now.steady.duration_since(at) < PATIENCE => Ok(Next::Wait),
                true => Err("the dialog did not react to Enter: look at its window".to_owned()),
            };
        }
        if !is_shown || !is_known {
            return Err(
                "the agent shows another dialog, or none, by now: nothing was answered".into()
            );
        }
        if let Some(hold) = obstacle(&self.profile, sample) {
            return Err(format!("no key can reach the agent: {hold}"));
        }
        let menu = menu::read(&sample.rows).filter(|it| !it.doubtful);
        let Some(menu) = menu else {
            return Err(
                "its answers cannot be chosen with the arrow keys: answer in its window".into()
            );
        };
        let steps = steps_to(&menu, &it.label)?;
        if let Some((from, at)) = it.moved
            && from == menu.selected
            && steps != 0
        {
            return match now.steady.duration_since(at) < PATIENCE {
                true => Ok(Next::Wait),
                false => {
                    Err("the dialog did not react to the arrow keys: look at its window".into())
                }
            };
        }
        if it.n_keys >= MAX_KEYS {
            return Err("the dialog does not stand still: look at its window".to_owned());
        }
        it.moved = Some((menu.selected, now.steady));
        Ok(Next::Press(match steps {
            0 => "Enter",
            1.. => "Down",
            _ => "Up",
        }))
    }
}

/// How many entries below the highlighted one the only entry with this label is.
fn steps_to(menu: &Menu, label: &str) -> Result<isize, String> {
    let mut fitting = menu.entries.iter().enumerate().filter(|(_, it)| it.label == label);
    let (Some((at, _)), None) = (fitting.next(), fitting.next()) else {
        return Err(format!("the dialog does not show `{label}` exactly once"));
    };
    let index = |n: usize| isize::try_from(n).unwrap_or(isize::MAX);
    Ok(index(at).saturating_sub(index(menu.selected)))
}

/// The same question with the same answers, whichever is highlighted. A hook may know better than
/// the screen what it is about.
fn is_same(shown: &Ask, asked: &Ask) -> bool {
    let labels = |it: &Ask| it.choices.iter().map(|it| it.label.clone()).collect::<Vec<_>>();
    let is_alike = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
    let by_screen = asked.source == FactSource::Screen && shown.source == FactSource::Screen;
    labels(shown) == labels(asked)
        && is_alike(&shown.question, &asked.question)
        && (!by_screen || is_alike(&shown.about, &asked.about))
}
