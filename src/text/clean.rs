//! Other people's text made safe to show: nothing that acts on a terminal, nothing that hides.

/// The text without anything that acts on a terminal or hides from a reader.
///
/// Lines end in `\n`; tabs stay. Colour and cursor sequences (CSI) go; any other control character
/// becomes its visible picture (`␛`, `␀`). Bidi marks, zero-width characters and the invisible
/// "tag" letters go; joiners stay, since emoji and several scripts need them.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        // Most text is only this.
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
        let n_plain = rest.bytes().take_while(is_plain).count();
        let (plain, special) = rest.split_at(n_plain);
        clean.push_str(plain);
        rest = special;
        let Some(c) = rest.chars().next() else { return clean };
        let after = rest.strip_prefix(c).unwrap_or_default();
        rest = match c {
            '\u{1b}' => after_csi(after).unwrap_or(after),
            '\r' => after.strip_prefix('\n').unwrap_or(after),
            _ => after,
        };
        match c {
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\u{1b}' if rest.len() < after.len() => {}
            '\0'..='\u{1f}' => clean.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => clean.push('\u{2421}'),
            '\u{80}'..='\u{9f}' => clean.push(char::REPLACEMENT_CHARACTER),
            _ if is_hidden(c) => {}
            _ => clean.push(c),
        }
    }
}

/// The text as one clean line of at most `max` characters.
pub fn one_line(text: &str, max: usize) -> String {
    let is_one_already = text.bytes().all(|it| matches!(it, b' '..=b'~'))
        && text.trim_matches(' ') == text
        && !text.contains("  ");
    let line = if is_one_already {
        text.to_owned()
    } else {
        clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    if line.chars().count() <= max {
        return line;
    }
    let head: String = line.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

/// What follows a well-formed `[`, parameters and final letter.
fn after_csi(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('[')?;
    let rest = rest.trim_start_matches(|c| ('0'..='?').contains(&c));
    let rest = rest.trim_start_matches(|c| (' '..='/').contains(&c));
    rest.strip_prefix(|c| ('@'..='~').contains(&c))
}

fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(clean(text), want);
    }

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        check("a\x1b[31mred\x1b[0m\x1b[2J", "ared");
        check("\x1b]0;title\x07", "␛]0;title␇");
        check("\x1bPq\x1b\\", "␛Pq␛\\");
        check("\x1b[", "␛[");
        check("nul\0 bell\x07 del\x7f", "nul␀ bell␇ del␡");
        check("c1 \u{9b}31m", "c1 \u{fffd}31m");
    }

    #[test]
    fn lines_end_in_one_way() {
        check("a\r\nb\rc\u{2028}d\n\te", "a\nb\nc\nd\n\te");
        check("over\rwrite", "over\nwrite");
    }

    #[test]
    fn nothing_hides_from_a_reader() {
        check("\u{202e}txt.exe\u{202c}\u{2066}\u{200b}\u{feff}", "txt.exe");
        check("tag\u{e0069}\u{e0067}", "tag");
        check("👩\u{200d}💻 می\u{200c}خواهم", "👩\u{200d}💻 می\u{200c}خواهم");
    }

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(one_line(" a\n\x1b[1mb\t c\0 ", 80), "a b c␀");
        assert_eq!(one_line("Fix äöü", 5), "Fix…");
        assert_eq!(one_line("12345", 5), "12345");
        assert_eq!(one_line("1 2 345", 6), "1 2 3…");
        assert_eq!(one_line("1  2 ", 6), "1 2");
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let once = clean(&text);
            prop_assert_eq!(&clean(&once), &once);
            prop_assert!(!once.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
