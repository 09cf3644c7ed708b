//! Is our text on the screen, and is it still where we put it?
//!
//! Knows rows of text and what a box holds. Programs wrap, indent and frame what is typed, so texts
//! are compared without white space and line drawing.
use super::profile::Profile;
use crate::model::{InputBox, Sample};

/// Where a text of ours appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// First and last row, from 0.
    pub rows: (usize, usize),
    /// The cursor stood directly behind the text, as it does in an input box.
    pub cursor_behind: bool,
}

/// What a box holds, compared with a text of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// The profile cannot read the box.
    Unseen,
    Empty,
    /// Our text and nothing else; of a long text, the part that the box shows.
    Ours,
    /// A placeholder for a long paste and nothing else.
    Folded,
    /// Our text among other text.
    Mixed,
    /// Something else.
    Other,
}

/// Texts longer than this are known by their beginning or end.
const SAMPLE_CHARS: usize = 60;
/// A box that shows less of a text than this may show anything.
const MIN_PART: usize = 20;

/// What the box holds, compared with `text`.
pub fn holding(profile: &Profile, input: &InputBox, text: &str) -> Holding {
    let held = match input {
        InputBox::Unseen => return Holding::Unseen,
        InputBox::Empty => return Holding::Empty,
        InputBox::Holds(held) => held,
    };
    let (bare, ours) = (squeeze(held), squeeze(text));
    let is_part = bare.chars().count() >= MIN_PART && ours.contains(&bare);
    if bare == ours || is_part {
        Holding::Ours
    } else if profile.is_folded(held) {
        Holding::Folded
    } else if !ours.is_empty() && bare.contains(&ours) {
        Holding::Mixed
    } else {
        Holding::Other
    }
}

/// The rows of the box that are not `text` stood on the screen before it: they belong to the box.
pub fn is_alone(before: &Sample, input: &InputBox, text: &str) -> bool {
    let InputBox::Holds(held) = input else { return false };
    let lines: Vec<String> = held.lines().map(squeeze).collect();
    let ours = squeeze(text);
    let runs = (0..lines.len()).flat_map(|from| (from + 1..=lines.len()).map(move |to| from..to));
    let mut runs = runs.filter(|it| lines.get(it.clone()).is_some_and(|run| run.concat() == ours));
    let Some(run) = runs.next() else { return false };
    let rest = lines.iter().enumerate().filter(|(at, _)| !run.contains(at)).map(|(_, line)| line);
    let old: Vec<String> = before.used_rows().iter().map(|row| squeeze(row)).collect();
    rest.into_iter().all(|line| line.is_empty() || old.contains(line))
}

/// Where `text` newly appeared: it shows lower than it did before, or more often.
pub fn echoed(before: &Sample, after: &Sample, text: &str) -> Option<Echo> {
    let old = places(before.used_rows(), text);
    let new = places(after.used_rows(), text);
    let lowest = new.last()?;
    let is_new = new.len() > old.len() || old.last().is_none_or(|old| lowest.rows.1 > old.rows.1);
    is_new.then(|| Echo { rows: lowest.rows, cursor_behind: cursor_behind(after, lowest) })
}

/// Whether `text` left the place where it echoed. A transcript may show it in the very same rows:
/// then the cursor, which stood behind it, does not any more.
pub fn gone(echo: &Echo, after: &Sample, text: &str) -> bool {
    let places = places(after.used_rows(), text);
    let Some(still) = places.iter().find(|it| it.rows == echo.rows) else { return true };
    echo.cursor_behind && !cursor_behind(after, still)
}

/// Two texts that differ only in what programs change: white space and line drawing.
pub fn same_text(one: &str, other: &str) -> bool {
    squeeze(one) == squeeze(other)
}

/// Whether `text` shows above the box: the conversation has it.
pub fn in_transcript(profile: &Profile, sample: &Sample, text: &str) -> bool {
    let found = super::explain(profile, sample, &[text.to_owned()]).found;
    let end = found.map_or(usize::MAX, |it| it.first);
    places(sample.used_rows(), text).iter().any(|it| it.rows.1 < end)
}

/// Every row that shows a part of `text`.
pub(crate) fn rows_with(rows: &[String], text: &str) -> Vec<usize> {
    places(rows, text).iter().flat_map(|it| it.rows.0..=it.rows.1).collect()
}

/// An occurrence: its rows, and the column behind its last character.
struct Place {
    rows: (usize, usize),
    end: usize,
}

fn cursor_behind(sample: &Sample, place: &Place) -> bool {
    let (column, row) = sample.cursor;
    let end = place.end;
    usize::from(row) == place.rows.1 && (end..=end + 1).contains(&usize::from(column))
}

/// Every occurrence, top to bottom.
fn places(rows: &[String], text: &str) -> Vec<Place> {
    let wanted: Vec<char> = squeeze(text).chars().collect();
    let screen: Vec<(char, usize, usize)> = rows.iter().enumerate().flat_map(row_chars).collect();
    let shown: Vec<char> = screen.iter().map(|(c, _, _)| *c).collect();
    let n_head = wanted.len().min(SAMPLE_CHARS);
    let Some(head) = wanted.get(..n_head).filter(|it| !it.is_empty()) else { return Vec::new() };
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = shown.get(from..).and_then(|rest| find(rest, head)) {
        let start = from + at;
        let rest = shown.get(start..).unwrap_or_default();
        let n_same = rest.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
        let (first, last) = (screen.get(start), screen.get(start + n_same.saturating_sub(1)));
        if let (Some((_, top, _)), Some((_, bottom, end))) = (first, last) {
            found.push(Place { rows: (*top, *bottom), end: *end });
        }
        from = start + n_same.max(1);
    }
    found
}

fn find(text: &[char], wanted: &[char]) -> Option<usize> {
    text.windows(wanted.len()).position(|it| it == wanted)
}

/// The characters of a row that count, with the row and the column behind each.
fn row_chars((at, row): (usize, &String)) -> Vec<(char, usize, usize)> {
    use unicode_width::UnicodeWidthChar as _;
    let mut column = 0;
    let mut chars = Vec::new();
    for c in row.chars() {
        column += c.width().unwrap_or(0);
        if counts(c) {
            chars.push((c, at, column));
        }
    }
    chars
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| counts(*c)).collect()
}

/// White space, controls and line drawing come from the program, not from the text.
fn counts(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !('\u{2500}'..='\u{259f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(rows: &[&str], cursor: (u16, u16)) -> Sample {
        let rows = rows.iter().map(ToString::to_string).collect();
        Sample { rows, cursor, ..Sample::default() }
    }

    #[test]
    fn a_wrapped_and_framed_text_is_found() {
        let before = screen(&["╭────╮", "│ >  │", "╰────╯"], (4, 1));
        let after = screen(&["╭──────╮", "│ > do │", "│   it │", "╰──────╯"], (6, 2));
        let echo = echoed(&before, &after, "do it").unwrap();
        assert_eq!(echo, Echo { rows: (1, 2), cursor_behind: true });
    }

    #[test]
    fn a_text_that_was_there_before_is_no_echo() {
        let before = screen(&["you: hello", "", ">"], (2, 2));
        assert_eq!(echoed(&before, &before, "hello"), None);
        let after = screen(&["you: hello", "", "> hello"], (7, 2));
        assert!(echoed(&before, &after, "hello").is_some());
    }

    #[test]
    fn rows_that_a_box_always_has_are_no_draft() {
        let before = screen(&["┃", "┃  Ask anything…", "┃", "┃  Build · Model", "╹▀▀"], (3, 1));
        let alone = |held: &str| is_alone(&before, &InputBox::Holds(held.to_owned()), "do it");
        assert!(alone("do it\n\nBuild · Model"));
        assert!(alone("do\nit\n\nBuild · Model"), "wrapped");
        assert!(!alone("do it\nand that\n\nBuild · Model"));
        assert!(!alone("first do it\n\nBuild · Model"));
        assert!(!alone("Build · Model"));
    }

    #[test]
    fn a_submitted_text_is_gone_even_when_the_transcript_has_it_in_the_same_row() {
        let before = screen(&["──", "", "──"], (0, 1));
        let pasted = screen(&["──", "hello", "──"], (5, 1));
        let echo = echoed(&before, &pasted, "hello").unwrap();
        assert!(!gone(&echo, &pasted, "hello"));
        assert!(gone(&echo, &screen(&["", "hello", "", "──", "", "──"], (0, 4)), "hello"));
        assert!(gone(&echo, &screen(&["──", "", "──"], (0, 1)), "hello"));
    }

    #[test]
    fn a_long_text_is_known_by_what_shows_of_it() {
        let text = "lorem ipsum dolor ".repeat(100);
        let after = screen(
            &[
                "> lorem ipsum dolor lorem ipsum dolor lorem ipsum dolor",
                "  lorem ipsum dolor lorem ipsum dolor",
            ],
            (2, 0),
        );
        assert!(echoed(&screen(&[">"], (2, 0)), &after, &text).is_some());
        assert_eq!(echoed(&screen(&[">"], (2, 0)), &screen(&["> lorem"], (7, 0)), &text), None);
    }

    #[test]
    fn a_box_is_compared_with_our_text() {
        let profile = Profile::parse(
            "test",
            "name = 'test'\nbox = { prompt = '^> ', folded = ['\\[paste \\d+\\]'] }",
        )
        .unwrap();
        let check = |held: &str, want| {
            let input = InputBox::Holds(held.to_owned());
            assert_eq!(
                holding(&profile, &input, "please read the brief and do it"),
                want,
                "{held}"
            );
        };
        check("please read\nthe brief and\ndo it", Holding::Ours);
        check("the brief and do it ple", Holding::Other);
        check("please read the brief an", Holding::Ours);
        check("please", Holding::Other);
        check("[paste 1]", Holding::Folded);
        check("FAIL now [paste 1]", Holding::Other);
        check("FAIL now please read the brief and do it", Holding::Mixed);
        assert_eq!(holding(&profile, &InputBox::Empty, "x"), Holding::Empty);
    }
}
