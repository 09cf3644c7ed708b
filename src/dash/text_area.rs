//! The box in which a user writes a text. Pure.
use ratatui::style::Style;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

/// A box with this text, the cursor at its end.
pub fn text_area(text: &str) -> TextArea<'static> {
    let lines = text.trim_end().split('\n').map(|it| it.replace('\t', "    "));
    let mut area = TextArea::new(lines.collect());
    area.set_cursor_line_style(Style::new());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}

/// A text from the clipboard, which is text whatever is in it: no other control characters than newlines.
pub fn pasted(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_lines_of_text() {
        assert_eq!(pasted("a\r\nb\rc\td\x1b[2J\u{7}"), "a\nb\nc    d[2J");
    }
}
