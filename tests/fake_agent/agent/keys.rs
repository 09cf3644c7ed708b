//! What a key does in each phase.
use std::time::Duration;

use serde_json::json;

use super::{Agent, Effect};
use crate::{
    dialog::Answer,
    input::Key,
    scenario::{Guard, Input, Phase},
};

/// Two Ctrl-C within this time end the agent.
const SECOND_CTRL_C: Duration = Duration::from_millis(800);
/// Characters that follow each other faster than this were not typed.
const BURST: Duration = Duration::from_millis(10);
/// So many of them are a paste.
const BURST_LEN: usize = 4;

impl Agent {
    pub(super) fn handle_key(&mut self, now: Duration, key: &Key, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Cooked => {}
            Phase::Deaf if self.plan.deaf_input == Input::Dropped => {}
            Phase::Deaf => self.edit(now, key),
            Phase::Dialog => self.key_in_dialog(now, key, effects),
            Phase::Loading if *key == Key::Enter => self.enter_is_kept = true,
            Phase::Loading | Phase::Ready | Phase::Working => match key {
                Key::Control('c') => self.control_c(now, effects),
                Key::Escape if self.phase == Phase::Working => {
                    self.end_turn(now, "interrupted", effects);
                }
                Key::Enter if self.pasting.is_none() => self.press_enter(now, effects),
                _ => {
                    self.edit(now, key);
                    self.redraw_soon(now);
                }
            },
        }
    }

    fn key_in_dialog(&mut self, now: Duration, key: &Key, effects: &mut Vec<Effect>) {
        let Some(open) = &mut self.dialog else { return };
        let shown_ms = u64::try_from((now - open.since).as_millis()).unwrap_or(0);
        let what = json!({ "key": format!("{key:?}"), "shown_ms": shown_ms });
        effects.push(Effect::Note("key_in_dialog", what));
        match open.dialog.handle_key(key) {
            Answer::Nothing => {}
            Answer::Moved => effects.push(Effect::Draw),
            Answer::Given(entry) => self.answer(now, entry, "keys", effects),
        }
    }

    /// Text, pastes and corrections; Enter only as a line break.
    pub(super) fn edit(&mut self, now: Duration, key: &Key) {
        let char = match key {
            Key::PasteStart => {
                self.pasting = Some(String::new());
                return;
            }
            Key::PasteEnd => {
                let text = self.pasting.take().unwrap_or_default();
                self.draft.paste(&text, self.plan.fold_chars);
                return self.note_paste(now);
            }
            Key::Backspace => return self.draft.erase(),
            Key::Char(char) => *char,
            Key::Enter | Key::LineFeed => '\n',
            Key::Tab => '\t',
            _ => return,
        };
        if let Some(text) = &mut self.pasting {
            return text.push(char);
        }
        self.draft.push(char);
        let is_fast = now.saturating_sub(self.last_char) < BURST;
        self.burst_len = if is_fast { self.burst_len + 1 } else { 1 };
        self.last_char = now;
        if self.burst_len >= BURST_LEN {
            self.note_paste(now);
        }
    }

    fn note_paste(&mut self, now: Duration) {
        self.last_paste = Some(now);
        if self.phase == Phase::Ready
            && self.n_turns >= self.no_dialog_before
            && let Some(interruption) = &self.plan.after_paste
        {
            let delay = Duration::from_millis(interruption.delay_ms);
            self.interrupt_at.get_or_insert(now + delay);
        }
    }

    fn press_enter(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let guard = Duration::from_millis(self.plan.enter_guard_ms);
        let is_guarded = self.last_paste.is_some_and(|at| now.saturating_sub(at) < guard);
        match self.plan.enter_guard {
            Guard::Swallow if is_guarded => {
                effects.push(Effect::Note("swallowed", json!({ "as": "nothing" })));
            }
            Guard::Newline if is_guarded => {
                effects.push(Effect::Note("swallowed", json!({ "as": "newline" })));
                self.draft.push('\n');
                self.redraw_soon(now);
            }
            _ if self.draft.is_empty() => {}
            _ if self.phase == Phase::Working => {
                let text = self.draft.take();
                effects.push(Effect::Note("queued", json!({ "text": text })));
                self.queued.push_back(text);
                self.redraw_soon(now);
            }
            _ => self.submit(now, "enter", effects),
        }
    }

    fn control_c(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Working {
            return self.end_turn(now, "interrupted", effects);
        }
        if self.ctrl_c_at.is_some_and(|at| now - at < SECOND_CTRL_C) {
            return effects.push(Effect::Leave(0));
        }
        self.ctrl_c_at = Some(now);
        self.draft.take();
        self.redraw_soon(now);
    }

    fn redraw_soon(&mut self, now: Duration) {
        let at = now + Duration::from_millis(self.plan.lag_ms);
        self.redraw_at.get_or_insert(at);
    }
}
