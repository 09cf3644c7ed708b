//! A text that is being typed: keys in, text and cursor out. Pure.
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use unicode_width::UnicodeWidthChar as _;

/// A text and the place in it where typing goes.
#[derive(Debug, Default)]
pub(super) struct Input {
    before: String,
    after: String,
}

/// How typing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Entered,
    Left,
}

impl Input {
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// What was pasted goes in as it is, line breaks included.
    pub(super) fn handle_paste(&mut self, text: &str) {
        let plain = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
        self.before.extend(text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(plain));
    }

    /// Enter ends it; Alt-Enter and Ctrl-J begin a new line.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other keys mean nothing here")]
    pub(super) fn handle_key(&mut self, key: KeyEvent) -> Option<End> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Some(End::Left),
            KeyCode::Char('c' | 'd' | 'g') if control => return Some(End::Left),
            KeyCode::Char('j') if control => self.before.push('\n'),
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => self.before.push('\n'),
            KeyCode::Enter => return Some(End::Entered),
            KeyCode::Char('a') if control => self.go_to_start(),
            KeyCode::Char('e') if control => self.go_to_end(),
            KeyCode::Char('b') if control => self.left(),
            KeyCode::Char('f') if control => self.right(),
            KeyCode::Char('u') if control => self.before.clear(),
            KeyCode::Char('k') if control => self.after.clear(),
            KeyCode::Char('w') if control => self.rub_word(),
            KeyCode::Char('h') if control => drop(self.before.pop()),
            KeyCode::Char(_) if control => {}
            KeyCode::Char(c) => self.before.push(c),
            KeyCode::Backspace => drop(self.before.pop()),
            KeyCode::Delete => {
                let rest = self.after.chars().skip(1).collect();
                self.after = rest;
            }
            KeyCode::Left => self.left(),
            KeyCode::Right => self.right(),
            KeyCode::Home => self.go_to_start(),
            KeyCode::End => self.go_to_end(),
            _ => {}
        }
        None
    }

    /// The text in rows of at most `width` columns, and the cursor's column and row in them.
    pub(super) fn wrapped(&self, width: usize) -> (Vec<String>, (usize, usize)) {
        let width = width.max(2);
        let mut rows = vec![String::new()];
        let mut column = 0;
        let mut add = |text: &str| {
            for c in text.chars() {
                let wide = c.width().unwrap_or(0);
                if c == '\n' || column + wide > width {
                    rows.push(String::new());
                    column = 0;
                }
                if let Some(row) = rows.last_mut().filter(|_| c != '\n') {
                    row.push(c);
                    column += wide;
                }
            }
            (column, rows.len() - 1)
        };
        let cursor = add(&self.before);
        add(&self.after);
        (rows, cursor)
    }

    fn left(&mut self) {
        if let Some(c) = self.before.pop() {
            self.after.insert(0, c);
        }
    }

    fn right(&mut self) {
        if !self.after.is_empty() {
            self.before.push(self.after.remove(0));
        }
    }

    fn go_to_start(&mut self) {
        self.after.insert_str(0, &self.before);
        self.before.clear();
    }

    fn go_to_end(&mut self) {
        self.before.push_str(&self.after);
        self.after.clear();
    }

    fn rub_word(&mut self) {
        let kept = self.before.trim_end();
        let kept = kept.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        self.before.truncate(kept);
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
    fn long_text_is_wrapped_with_its_cursor() {
        let mut input = Input::default();
        type_text(&mut input, "abcd日e");
        input.handle_paste("\nf");
        let (rows, cursor) = input.wrapped(5);
        assert_eq!(rows, ["abcd", "日e", "f"]);
        assert_eq!(cursor, (1, 2));
    }
}
