//! Makes other people's text safe to show: no control or hidden characters, fenced, cut.
//!
//! Knows characters; not where a text comes from.
use std::borrow::Cow;

/// Removes everything from the text that acts on a terminal or hides from a reader.
///
/// Lines end in `\n`; tabs stay. Colour and cursor sequences (CSI) go; any other control character
/// becomes its visible picture (`␛`, `␀`). Bidi marks, zero-width characters and the invisible
/// "tag" letters go; joiners stay, since emoji and several scripts need them.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.strip_prefix(c).unwrap_or_default();
        rest = match c {
            '\u{1b}' => after_csi(after).unwrap_or(after),
            '\r' => after.strip_prefix('\n').unwrap_or(after),
            _ => after,
        };
        match c {
            '\n' | '\t' => clean.push(c),
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\u{1b}' if rest.len() < after.len() => {}
            '\0'..='\u{1f}' => clean.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => clean.push('\u{2421}'),
            '\u{80}'..='\u{9f}' => clean.push(char::REPLACEMENT_CHARACTER),
            _ if is_hidden(c) => {}
            _ => clean.push(c),
        }
    }
    clean
}

/// The text as one clean line of at most `max` characters.
pub fn one_line(text: &str, max: usize) -> String {
    let text = clean(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= max {
        return line;
    }
    let head: String = line.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

/// The text in a code fence that is longer than any run of backticks in it, so that the text cannot
/// end it.
pub fn fence(info: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(3) + 1);
    format!("{fence}{info}\n{text}\n{fence}")
}

/// At most `max` bytes of the text, cut after a whole line where one is near; whether it was cut.
pub fn cut(text: &str, max: usize) -> (Cow<'_, str>, bool) {
    if text.len() <= max {
        return (Cow::Borrowed(text), false);
    }
    let head = (0..=max).rev().find_map(|at| text.get(..at)).unwrap_or_default();
    let line_end = head.rfind('\n').filter(|at| max - at < max / 8);
    let head = line_end.and_then(|at| head.get(..at)).unwrap_or(head);
    (Cow::Owned(format!("{head}\n[…]")), true)
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
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fence("untrusted", "x"), "````untrusted\nx\n````");
        assert_eq!(fence("", "a ````` b"), "``````\na ````` b\n``````");
    }

    #[test]
    fn a_cut_keeps_whole_lines_and_characters() {
        assert_eq!(cut("short", 5), (Cow::Borrowed("short"), false));
        let long = format!("{}\nlast line", "x".repeat(100));
        assert_eq!(cut(&long, 105).0, format!("{}\n[…]", "x".repeat(100)));
        assert_eq!(cut("ääää", 5).0, "ää\n[…]");
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let once = clean(&text);
            prop_assert_eq!(&clean(&once), &once);
            prop_assert!(!once.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        }

        #[test]
        fn a_fence_closes_once(text in "[`\n a]{0,60}") {
            let fenced = fence("untrusted", &text);
            let mark = fenced.lines().last().unwrap();
            let n_marks = fenced.lines().skip(1).filter(|line| line.trim().starts_with(mark)).count();
            prop_assert_eq!(n_marks, 1);
        }
    }
}
