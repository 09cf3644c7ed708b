//! A text of several lines that a user is typing: keys in, rows and a cursor out. Pure.
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::{InputRequest, backend::crossterm::to_input_request};

use crate::text::{width, wrap_at};

/// The text and the cursor's position in it.
#[derive(Debug, Default)]
pub(super) struct Input(tui_input::Input);

/// How typing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Entered,
    Left,
}

impl Input {
    pub(super) fn text(&self) -> &str {
        self.0.value()
    }

    /// Pasted text is inserted unchanged, including line breaks.
    pub(super) fn handle_paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let plain = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
        text.chars().filter(plain).for_each(|c| self.insert(c));
    }

    /// Enter ends it; Alt-Enter and Ctrl-J begin a new line.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys are the editor's")]
    pub(super) fn handle_key(&mut self, key: KeyEvent) -> Option<End> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Some(End::Left),
            KeyCode::Char('c' | 'd' | 'g') if control => return Some(End::Left),
            KeyCode::Char('j') if control => self.insert('\n'),
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => self.insert('\n'),
            KeyCode::Enter => return Some(End::Entered),
            _ => {
                if let Some(request) = to_input_request(&Event::Key(key)) {
                    self.0.handle(request);
                }
            }
        }
        None
    }

    /// The text in rows of at most `width` columns, and the cursor's column and row in them.
    pub(super) fn wrapped(&self, columns: usize) -> (Vec<String>, (usize, usize)) {
        let text = self.text();
        let cursor = text.char_indices().nth(self.0.cursor()).map_or(text.len(), |(at, _)| at);
        let rows = wrap_at(text, columns);
        let row = rows.iter().rposition(|it| it.start <= cursor).unwrap_or(0);
        let start = rows.get(row).map_or(0, |it| it.start);
        let column = width(text.get(start..cursor).unwrap_or_default()).min(columns);
        let rows = rows.into_iter().map(|it| text.get(it).unwrap_or_default().to_owned());
        (rows.collect(), (column, row))
    }

    fn insert(&mut self, c: char) {
        self.0.handle(InputRequest::InsertChar(c));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode, modifiers: KeyModifiers) -> Option<End> {
        input.handle_key(KeyEvent::new(code, modifiers))
    }

    fn type_text(input: &mut Input, text: &str) {
        for c in text.chars() {
            assert_eq!(press(input, KeyCode::Char(c), KeyModifiers::NONE), None);
        }
    }

    #[test]
    fn text_is_typed_where_the_cursor_is() {
        let mut input = Input::default();
        type_text(&mut input, "fix bug");
        for _ in 0..3 {
            press(&mut input, KeyCode::Left, KeyModifiers::NONE);
        }
        type_text(&mut input, "the ");
        assert_eq!(input.text(), "fix the bug");
        press(&mut input, KeyCode::End, KeyModifiers::NONE);
        press(&mut input, KeyCode::Char('w'), KeyModifiers::CONTROL);
        press(&mut input, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(input.text(), "fix the");
        assert_eq!(press(&mut input, KeyCode::Enter, KeyModifiers::ALT), None);
        assert_eq!(input.text(), "fix the\n");
        assert_eq!(press(&mut input, KeyCode::Enter, KeyModifiers::NONE), Some(End::Entered));
        assert_eq!(press(&mut input, KeyCode::Esc, KeyModifiers::NONE), Some(End::Left));
    }

    #[test]
    fn a_paste_keeps_its_lines_and_loses_what_acts_on_a_terminal() {
        let mut input = Input::default();
        input.handle_paste("one\r\ntwo\x1b[31m\rthree");
        assert_eq!(input.text(), "one\ntwo[31m\nthree");
    }

    #[test]
    fn long_text_is_wrapped_between_words_with_its_cursor() {
        let mut input = Input::default();
        type_text(&mut input, "the agent's 日");
        input.handle_paste("\nf");
        let (rows, cursor) = input.wrapped(8);
        assert_eq!(rows, ["the ", "agent's ", "日", "f"]);
        assert_eq!(cursor, (1, 3));
        for _ in 0..4 {
            press(&mut input, KeyCode::Left, KeyModifiers::NONE);
        }
        assert_eq!(input.wrapped(8).1, (7, 1));
    }
}
