//! Other people's text in a brief: fenced, cut.
//!
//! Knows characters; not where a text comes from.
use std::borrow::Cow;

/// The text in a code fence longer than any run of backticks in it, so that it cannot end it.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        fn a_fence_closes_once(text in "[`\n a]{0,60}") {
            let fenced = fence("untrusted", &text);
            let mark = fenced.lines().last().unwrap();
            let n_marks = fenced.lines().skip(1).filter(|line| line.trim().starts_with(mark)).count();
            prop_assert_eq!(n_marks, 1);
        }
    }
}
