//! Texts on the command line that begin with a dash: `send 456 "- fix the title"`. Pure.
//!
//! A word that contains white space is not a flag. Such words are marked before the command line is
//! parsed, with a byte that no argument can contain, and the mark is removed when they are read.
use std::ffi::OsString;

const MARK: char = '\0';

/// Verbs that take texts.
const VERBS: [&str; 5] = ["send", "ask", "report", "inbox", "handoff"];
/// Flags before the verb that have a value.
const SERVER: [&str; 2] = ["-L", "-S"];

/// The words of a command line, with the texts marked.
pub(super) fn protect(words: Vec<OsString>) -> Vec<OsString> {
    let Some(verb) = verb(&words) else { return words };
    let end = words.iter().position(|it| it == "--").unwrap_or(words.len());
    let mark = |(at, word): (usize, OsString)| {
        if at <= verb || at > end || !is_text(&word) {
            return word;
        }
        let mut marked = OsString::from(MARK.to_string());
        marked.push(word);
        marked
    };
    words.into_iter().enumerate().map(mark).collect()
}

/// The position of the verb, if it takes texts.
fn verb(words: &[OsString]) -> Option<usize> {
    let mut words = words.iter().enumerate().skip(1);
    while let Some((at, word)) = words.next() {
        let word = word.to_str()?;
        if SERVER.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            return VERBS.contains(&word).then_some(at);
        }
    }
    None
}

fn is_text(word: &OsString) -> bool {
    let text = word.to_string_lossy();
    text.starts_with('-') && text.contains(char::is_whitespace)
}

/// A value as the user typed it.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
pub(super) fn read(value: &str) -> Result<String, String> {
    Ok(value.strip_prefix(MARK).unwrap_or(value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[&str], want: &[&str]) {
        let words = line.iter().map(OsString::from).collect();
        assert_eq!(protect(words), want.iter().map(OsString::from).collect::<Vec<_>>());
    }

    #[test]
    fn only_texts_are_marked() {
        check(&["w", "send", "a", "- b"], &["w", "send", "a", "\0- b"]);
        check(
            &["w", "-L", "x y", "send", "a", "--now", "-f x"],
            &["w", "-L", "x y", "send", "a", "--now", "\0-f x"],
        );
        check(&["w", "send", "a", "--", "- b"], &["w", "send", "a", "--", "- b"]);
        check(&["w", "list", "- b"], &["w", "list", "- b"]);
        check(&["w", "send", "a", "b - c"], &["w", "send", "a", "b - c"]);
        check(&["w", "-x y"], &["w", "-x y"]);
    }
}
