//! Text on a terminal: its width, how to cut and wrap it, what is safe to show, and times in words. Pure.
mod clean;

use std::{ops::Range, time::Duration};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

pub use clean::{clean, one_line};

/// How many columns the text occupies.
pub fn width(text: &str) -> usize {
    // Most text is only this.
    if text.bytes().all(|it| matches!(it, b' '..=b'~')) { text.len() } else { text.width() }
}

/// The text in at most `room` columns, its end cut off.
pub fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used < room
    };
    let mut shown: String = text.chars().take_while(fits).collect();
    if room > 0 {
        shown.push('…');
    }
    shown
}

/// The text in at most `room` columns, its beginning cut off, because names mostly differ at the
/// end.
pub fn cut_start(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    format!("…{}", tail(text, room - 1))
}

/// The end of a text, in at most `room` columns.
pub fn tail(text: &str, room: usize) -> &str {
    let mut rest = text;
    while width(rest) > room {
        rest = rest.get(rest.chars().next().map_or(1, char::len_utf8)..).unwrap_or_default();
    }
    rest
}

/// The text cut or padded to exactly `room` columns.
pub fn pad(text: &str, room: usize) -> String {
    let text = cut(text, room);
    let gap = room.saturating_sub(width(&text));
    format!("{text}{}", " ".repeat(gap))
}

/// The text in rows of at most `width` columns, broken between words if possible. Spaces at the end
/// of a row take no room.
pub fn wrap(text: &str, width: usize) -> Vec<&str> {
    wrap_at(text, width).into_iter().filter_map(|it| text.get(it)).collect()
}

/// Like `wrap`, as ranges of the text.
pub fn wrap_at(text: &str, width: usize) -> Vec<Range<usize>> {
    let width = width.max(2);
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap_line(line, start, width, &mut rows);
        start += line.len() + 1;
    }
    rows
}

fn wrap_line(line: &str, start: usize, width: usize, rows: &mut Vec<Range<usize>>) {
    let (mut row, mut at, mut used) = (start, start, 0);
    for word in line.split_inclusive(' ') {
        if used > 0 && used + word.trim_end().width() > width {
            rows.push(row..at);
            (row, used) = (at, 0);
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used + columns > width && c != ' ' {
                rows.push(row..at);
                (row, used) = (at, 0);
            }
            used += columns;
            at += c.len_utf8();
        }
    }
    rows.push(row..at);
}

/// As many of the items as fit into `width` columns, none cut in the middle.
pub fn items(items: &[&str], width: usize) -> String {
    let mut line = String::new();
    for item in items {
        let gap = if line.is_empty() { "" } else { "   " };
        if line.width() + gap.width() + item.width() > width {
            break;
        }
        line.push_str(gap);
        line.push_str(item);
    }
    line
}

/// How long ago, in its largest unit: `4s`, `3m`, `2h`, `5d`.
pub fn age(age: Duration) -> String {
    match age.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m", secs / 60),
        secs @ 3600..86_400 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86_400),
    }
}

/// A length of time that was given, exactly: `90m`, `2h`, `45s`.
pub fn length(time: Duration) -> String {
    let secs = time.as_secs();
    match (secs % 3600, secs % 60) {
        (0, _) if secs > 0 => format!("{}h", secs / 3600),
        (_, 0) if secs > 0 => format!("{}m", secs / 60),
        _ => format!("{secs}s"),
    }
}

/// A short time with a tenth of a second: `3.2 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// `1 worker`, `2 workers`.
pub fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("ab", 0), "");
        assert_eq!(cut_start("github-issue-456", 10), "…issue-456");
        assert_eq!(cut_start("ab", 2), "ab");
        assert_eq!(pad("ab", 4), "ab  ");
        assert_eq!(tail("日本語", 4), "本語");
        assert_eq!([width("a ~"), width("日a"), width("e\u{301}")], [3, 3, 1]);
    }

    #[test]
    fn rows_are_broken_between_words() {
        assert_eq!(wrap("the agent's hook", 8), ["the ", "agent's ", "hook"]);
        assert_eq!(wrap("one two", 7), ["one two"]);
        assert_eq!(wrap("a\n\nb", 5), ["a", "", "b"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh ", "ij"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn items_are_whole_or_not_there() {
        assert_eq!(items(&["enter go", "esc leave"], 20), "enter go   esc leave");
        assert_eq!(items(&["enter go", "esc leave"], 19), "enter go");
        assert_eq!(items(&["enter go"], 3), "");
    }

    #[test]
    fn an_age_is_one_number() {
        let shown = [0, 59, 60, 3599, 7200, 200_000].map(|secs| age(Duration::from_secs(secs)));
        assert_eq!(shown, ["0s", "59s", "1m", "59m", "2h", "2d"]);
    }
}
