//! Keys, pasted text and the mouse.
use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use tui_input::{InputRequest, backend::crossterm::to_input_request};

use super::{Addressee, Dash, Effect, Mode, begin::help};
use crate::dash::{
    act::Act,
    keys::{Wish, number, wish},
    text_area::pasted,
};

/// Rows that a turn of the mouse wheel moves by.
const WHEEL: isize = 3;

impl Dash {
    pub(super) fn key(&mut self, now: Instant, key: KeyEvent, out: &mut Vec<Effect>) {
        match &self.mode {
            Mode::Browse => {
                if let Some(wish) = wish(key) {
                    self.wish(now, wish, out);
                }
            }
            Mode::Filter => self.key_in_filter(key, out),
            Mode::Answer { .. } => self.key_in_answer(now, key, out),
            Mode::Send { .. } => self.key_in_send(key, out),
            Mode::Dialog(_) => self.key_in_dialog(key, out),
        }
    }

    fn wish(&mut self, now: Instant, wish: Wish, out: &mut Vec<Effect>) {
        match wish {
            Wish::Move(by) => self.rows.move_by(by),
            Wish::First => self.rows.select_at(0),
            Wish::Last => self.rows.select_at(usize::MAX),
            Wish::Scroll(by) => self.scroll_by(by),
            Wish::ScrollPage(by) => {
                let page = isize::from(i16::try_from(self.drawn.detail.height / 2).unwrap_or(10));
                self.scroll_by(by.saturating_mul(page.max(1)));
            }
            Wish::Go => self.go(now, out),
            Wish::Answer => self.begin_answer(now),
            Wish::Send => self.begin_send(now),
            Wish::Land => self.about_chosen(now, out, |ids| Act::CheckLand { ids }),
            Wish::Remove => self.begin_removal(now),
            Wish::RemoveMerged => self.run(Act::CheckMerged { all: self.is_all }, out),
            Wish::Resume => self.about_chosen(now, out, |ids| Act::Resume { ids }),
            Wish::Promote => {
                if let Some(id) = self.rows.selected().map(|it| it.id.clone()) {
                    self.run(Act::Promote { id }, out);
                }
            }
            Wish::HandOff => self.begin_handoff(now),
            Wish::New => out.push(Effect::New),
            Wish::Acknowledge => self.acknowledge(now, out),
            Wish::OnlyNeeds => self.rows.toggle_needs(),
            Wish::Filter => self.mode = Mode::Filter,
            Wish::Mark => self.rows.toggle_mark(),
            Wish::Show(tab) => self.show(now, tab),
            Wish::NextTab(forward) => self.show(now, self.tab.beside(forward)),
            Wish::Help => self.mode = Mode::Dialog(help()),
            Wish::Back => self.back(out),
            Wish::Leave => out.push(Effect::Leave),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys are the filter's")]
    fn key_in_filter(&mut self, key: KeyEvent, out: &mut Vec<Effect>) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'd') if control && self.picks => out.push(Effect::Leave),
            KeyCode::Esc if self.picks => out.push(Effect::Leave),
            KeyCode::Esc => {
                self.filter.reset();
                self.rows.set_query("");
                self.mode = Mode::Browse;
            }
            KeyCode::Enter if self.picks => {
                let chosen = self.rows.selected().cloned();
                out.extend(chosen.map(|it| Effect::Go(Box::new(it))));
            }
            KeyCode::Enter => self.mode = Mode::Browse,
            KeyCode::Char('m') if control && self.picks => {
                let chosen = self.rows.selected().cloned();
                out.extend(chosen.map(|it| Effect::Go(Box::new(it))));
            }
            KeyCode::Up | KeyCode::BackTab => self.rows.move_by(-1),
            KeyCode::Down | KeyCode::Tab => self.rows.move_by(1),
            KeyCode::Char('p' | 'k') if control => self.rows.move_by(-1),
            KeyCode::Char('n' | 'j') if control => self.rows.move_by(1),
            _ => {
                let request = to_input_request(&crossterm::event::Event::Key(key));
                request.map(|it| self.filter.handle(it));
                self.rows.set_query(self.filter.value());
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys mean nothing here")]
    fn key_in_answer(&mut self, now: Instant, key: KeyEvent, out: &mut Vec<Effect>) {
        let Mode::Answer { ask, chosen, .. } = &mut self.mode else { return };
        let last = ask.choices.len().saturating_sub(1);
        match key.code {
            KeyCode::Char(letter) if number(letter).is_some_and(|n| n <= last) => {
                *chosen = number(letter);
                self.answer(now, out);
            }
            KeyCode::Up => *chosen = Some(chosen.map_or(last, |it| it.saturating_sub(1))),
            KeyCode::Down => *chosen = Some(chosen.map_or(0, |it| (it + 1).min(last))),
            KeyCode::Enter => self.answer(now, out),
            KeyCode::Esc | KeyCode::Char('q') => self.mode = Mode::Browse,
            _ => {}
        }
    }

    fn answer(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let Mode::Answer { id, ask, chosen } = &self.mode else { return };
        let Some(choice) = chosen.and_then(|it| ask.choices.get(it)) else {
            return self.say(now, "choose an answer by its number", true);
        };
        let act = Act::answer(id, ask, &choice.label);
        self.mode = Mode::Browse;
        self.run(act, out);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys are the text's")]
    fn key_in_send(&mut self, key: KeyEvent, out: &mut Vec<Effect>) {
        let Mode::Send { to, area } = &mut self.mode else { return };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => self.keep_draft(),
            KeyCode::Char('c' | 'g') if control => self.keep_draft(),
            KeyCode::Char('e') if control => out.push(Effect::Edit(area.lines().join("\n"))),
            KeyCode::Char('j') if control => area.insert_newline(),
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => area.insert_newline(),
            KeyCode::Enter => {
                let act = act_of(to, &area.lines().join("\n"));
                if let Some(act) = act {
                    match to {
                        Addressee::Workers(_) => self.draft.clear(),
                        Addressee::Successor(_) => self.handoff_draft.clear(),
                    }
                    self.mode = Mode::Browse;
                    self.run(act, out);
                }
            }
            _ => {
                area.input(key);
            }
        }
    }

    /// What was typed is there again at the next time.
    pub(super) fn keep_draft(&mut self) {
        if let Mode::Send { to, area } = &self.mode {
            let draft = match to {
                Addressee::Workers(_) => &mut self.draft,
                Addressee::Successor(_) => &mut self.handoff_draft,
            };
            *draft = area.lines().join("\n");
        }
        self.mode = Mode::Browse;
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys close it")]
    fn key_in_dialog(&mut self, key: KeyEvent, out: &mut Vec<Effect>) {
        let Mode::Dialog(dialog) = &mut self.mode else { return };
        match key.code {
            KeyCode::Up => dialog.scroll = dialog.scroll.saturating_sub(1),
            KeyCode::Down => dialog.scroll = dialog.scroll.saturating_add(1),
            KeyCode::PageUp => dialog.scroll = dialog.scroll.saturating_sub(10),
            KeyCode::PageDown => dialog.scroll = dialog.scroll.saturating_add(10),
            KeyCode::Char(letter) => {
                let found = dialog.keys.iter().find(|(key, _, _)| *key == letter);
                let act = found.map(|(_, _, act)| act.clone());
                self.mode = Mode::Browse;
                if let Some(act) = act {
                    self.run(act, out);
                }
            }
            _ => self.mode = Mode::Browse,
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        match &mut self.mode {
            Mode::Send { area, .. } => {
                area.insert_str(pasted(text));
            }
            Mode::Filter => {
                for c in text.chars().filter(|it| !it.is_control()) {
                    self.filter.handle(InputRequest::InsertChar(c));
                }
                self.rows.set_query(self.filter.value());
            }
            Mode::Browse | Mode::Answer { .. } | Mode::Dialog(_) => {}
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent, out: &mut Vec<Effect>) {
        let at = ratatui::layout::Position { x: mouse.column, y: mouse.row };
        let is_list = self.drawn.list.contains(at);
        match (mouse.kind, &self.mode) {
            (MouseEventKind::Down(MouseButton::Left), Mode::Browse | Mode::Filter) if is_list => {
                let row = usize::from(at.y.saturating_sub(self.drawn.list.y));
                let Some(row) = self.drawn.rows.get(row).copied().flatten() else { return };
                if self.rows.position() == Some(row) {
                    let chosen = self.rows.selected().filter(|it| !it.place.gone).cloned();
                    out.extend(chosen.map(|it| Effect::Go(Box::new(it))));
                } else {
                    self.rows.select_at(row);
                }
            }
            (MouseEventKind::ScrollDown, _) if is_list => self.rows.move_by(1),
            (MouseEventKind::ScrollUp, _) if is_list => self.rows.move_by(-1),
            (MouseEventKind::ScrollDown, Mode::Browse) => self.scroll_by(WHEEL),
            (MouseEventKind::ScrollUp, Mode::Browse) => self.scroll_by(-WHEEL),
            _ => {}
        }
    }
}

/// What a text in the box does; none, if there is no text and one is needed.
fn act_of(to: &Addressee, text: &str) -> Option<Act> {
    match to {
        Addressee::Workers(_) if text.trim().is_empty() => None,
        Addressee::Workers(ids) => Some(Act::Send { ids: ids.clone(), text: text.to_owned() }),
        Addressee::Successor(id) => {
            let named = text.trim_start().strip_prefix('@');
            let (agent, text) = match named.map(|it| it.split_once(char::is_whitespace)) {
                Some(Some((agent, rest))) => (Some(agent), rest.trim_start()),
                Some(None) => (named.map(str::trim), ""),
                None => (None, text),
            };
            let agent = agent.filter(|it| !it.is_empty()).map(str::to_owned);
            Some(Act::HandOff { id: id.clone(), agent, text: text.to_owned() })
        }
    }
}
