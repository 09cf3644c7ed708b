//! Decides whether the delivered text is on the screen, and whether it is still where it was
//! pasted.
//!
//! Knows rows of text and the content of a box. Texts are compared by what a terminal shows of
//! them; see [`super::glyphs`].
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use super::{
    generic::split_column,
    glyphs::{self, Glyph, counts},
    profile::Profile,
};
use crate::model::{InputBox, Sample};

/// Where a delivered text appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// First and last row, from 0.
    pub rows: (usize, usize),
    /// The cursor was directly after the text, as in an input box.
    pub cursor_behind: bool,
}

/// What a box holds, compared with the delivered text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// The profile cannot read the box.
    Unseen,
    Empty,
    /// The delivered text and nothing else; of a long text, the part that the box shows.
    Ours,
    /// A placeholder for a long paste and nothing else.
    Folded,
    /// The delivered text among other text.
    Mixed,
    /// Something else.
    Other,
}

/// Longer texts are recognized by their beginning or end.
const SAMPLE_CHARS: usize = 60;
/// If a box shows less of a text than this, it may be any text.
const MIN_PART: usize = 20;
/// A name before a message in a conversation.
const MAX_SPEAKER: usize = 12;

/// What the box holds, compared with `text`.
pub fn holding(profile: &Profile, input: &InputBox, text: &str) -> Holding {
    let held = match input {
        InputBox::Unseen | InputBox::Other(_) => return Holding::Unseen,
        InputBox::Empty => return Holding::Empty,
        InputBox::Holds(held) => held,
    };
    let (shown, ours) = (glyphs::of(held), glyphs::of(text));
    if shown.is_empty() {
        return Holding::Empty;
    }
    let is_part = shown.len() >= MIN_PART && glyphs::is_piece(&shown, &ours);
    if glyphs::is_all(&shown, &ours) || is_part {
        Holding::Ours
    } else if profile.is_folded(held) {
        Holding::Folded
    } else if !ours.is_empty() && glyphs::contains(&shown, &ours) {
        Holding::Mixed
    } else {
        Holding::Other
    }
}

/// What the box holds beside `text` is not a person's: it was there before the paste.
pub fn is_alone(before: &Sample, after: &Sample, input: &InputBox, text: &str) -> bool {
    let InputBox::Holds(held) = input else { return false };
    belongs_to_box(before, held, text) || is_left_over(before, after, held, text)
}

/// The rows that are not `text` were on the screen before it: they belong to the box.
fn belongs_to_box(before: &Sample, held: &str, text: &str) -> bool {
    let lines: Vec<Vec<Glyph>> = held.lines().map(glyphs::of).collect();
    let ours = glyphs::of(text);
    let is_ours = |run: &[Vec<Glyph>]| glyphs::is_all(&run.concat(), &ours);
    let runs = (0..lines.len()).flat_map(|from| (from + 1..=lines.len()).map(move |to| from..to));
    let mut runs = runs.filter(|it| lines.get(it.clone()).is_some_and(is_ours));
    let Some(run) = runs.next() else { return false };
    let rest = lines.iter().enumerate().filter(|(at, _)| !run.contains(at)).map(|(_, line)| line);
    let old: Vec<Vec<Glyph>> = before.used_rows().iter().map(|row| glyphs::of(row)).collect();
    rest.into_iter().all(|line| line.is_empty() || old.contains(line))
}

/// An agent that counts the columns of a text differently than the terminal leaves cells of its hint
/// between those of the text. They are the same as before, and the hint's first cell is gone: in
/// front of a person's draft it would still be there.
fn is_left_over(before: &Sample, after: &Sample, held: &str, text: &str) -> bool {
    let lines: Vec<&str> = held.lines().collect();
    let (old, new) = (before.used_rows(), after.used_rows());
    let holds = |rows: &[String]| rows.iter().zip(&lines).all(|(row, line)| row.contains(line));
    let Some(first) = new.windows(lines.len().max(1)).rposition(holds) else { return false };
    let mut cells = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let row = new.get(first + at).map_or("", String::as_str);
        let start = row.split(line).next().map_or(0, UnicodeWidthStr::width);
        let in_box = |row: &str| -> Vec<Cell> {
            let cells = cells_of((first + at, &row.to_owned())).into_iter();
            cells.filter(|it| it.from >= start).collect()
        };
        let (was, is) = (in_box(old.get(first + at).map_or("", String::as_str)), in_box(row));
        let stands =
            |cell: &Cell| was.iter().any(|it| it.from == cell.from && it.glyph == cell.glyph);
        let is_old_start = |it: &Cell| was.first().is_some_and(|old| old.from == it.from);
        if is.iter().any(|it| is_old_start(it) && stands(it)) {
            return false;
        }
        cells.extend(is.iter().map(|it| (it.glyph, stands(it))));
    }
    glyphs::is_all_among(&cells, &glyphs::of(text))
}

/// Where `text` newly appeared: lower than before, or more often.
pub fn echoed(before: &Sample, after: &Sample, text: &str) -> Option<Echo> {
    let old = places(before.used_rows(), text);
    let new = places(after.used_rows(), text);
    let lowest = new.last()?;
    let is_new = new.len() > old.len() || old.last().is_none_or(|old| lowest.rows.1 > old.rows.1);
    is_new.then(|| Echo { rows: lowest.rows, cursor_behind: cursor_behind(after, lowest) })
}

/// Whether `text` left the place where it was echoed. A transcript may show it in the same rows,
/// but then the cursor is no longer after it.
pub fn gone(echo: &Echo, after: &Sample, text: &str) -> bool {
    let places = places(after.used_rows(), text);
    let Some(still) = places.iter().find(|it| it.rows == echo.rows) else { return true };
    echo.cursor_behind && !cursor_behind(after, still)
}

/// Two texts that differ only in ways that programs and terminals change.
pub fn same_text(one: &str, other: &str) -> bool {
    let (one, other) = (glyphs::of(one), glyphs::of(other));
    glyphs::is_all(&one, &other) || glyphs::is_all(&other, &one)
}

/// Whether `text` begins with `start` and continues.
pub fn begins(text: &str, start: &str) -> bool {
    let (start, text) = (glyphs::of(start), glyphs::of(text));
    glyphs::begins(&start, &text).is_some_and(|n| n < text.len())
}

/// How often `text` shows above the box, that is, in the conversation. A short text may be part of
/// any sentence, so it counts only if it stands alone.
pub fn n_in_transcript(profile: &Profile, sample: &Sample, text: &str) -> usize {
    let found = super::judge(profile, sample, &[text.to_owned()]).found;
    let end = found.map_or(usize::MAX, |it| it.first);
    let rows = sample.used_rows();
    let is_short = text.chars().filter(|c| counts(*c)).take(MIN_PART).count() < MIN_PART;
    let screen = Screen::of(rows);
    let shown = match is_short {
        true => screen.rows_of(text),
        false => screen.places(text).iter().map(|it| it.rows).collect(),
    };
    shown.iter().filter(|(_, last)| *last < end).count()
}

/// What a conversation shows before a text: a glyph, or the speaker.
fn is_prompt(before: &str, n_chars: usize) -> bool {
    let before: String = before.chars().filter(|c| counts(*c)).collect();
    let n_before = before.chars().count();
    let is_glyph = n_before <= 3 && !before.chars().any(char::is_alphanumeric);
    let is_speaker = n_before <= MAX_SPEAKER && before.ends_with([':', '>']);
    is_glyph || is_speaker && n_chars >= MIN_PART
}

/// What may follow it: nothing, or in a separate column the time or, beside a long text, anything.
fn is_margin(behind: &str, n_chars: usize) -> bool {
    let is_bare = !behind.chars().any(|c| counts(c) && c.is_alphanumeric());
    is_bare || behind.starts_with("   ") && (n_chars >= MIN_PART || is_time(behind))
}

/// `13:24`, maybe in front of a frame.
fn is_time(behind: &str) -> bool {
    let bare: String = behind.chars().filter(|c| counts(*c)).collect();
    let digits = |it: &str| (1..=2).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_digit());
    let hours = bare.trim_end_matches(['A', 'P', 'M', 'a', 'p', 'm']).split(':');
    let parts: Vec<&str> = hours.collect();
    (2..=3).contains(&parts.len()) && parts.iter().all(|it| digits(it))
}

/// An occurrence: its rows, the column of its first character and the column after its last.
struct Place {
    rows: (usize, usize),
    start: usize,
    end: usize,
}

fn cursor_behind(sample: &Sample, place: &Place) -> bool {
    let (column, row) = sample.cursor;
    let end = place.end;
    usize::from(row) == place.rows.1 && (end..=end + 1).contains(&usize::from(column))
}

/// Every occurrence, top to bottom.
fn places(rows: &[String], text: &str) -> Vec<Place> {
    Screen::of(rows).places(text)
}

/// The glyphs of a screen, in which many texts are looked for.
pub(crate) struct Screen<'a> {
    rows: &'a [String],
    cells: Vec<Cell>,
    glyphs: Vec<Glyph>,
}

impl<'a> Screen<'a> {
    pub(crate) fn of(rows: &'a [String]) -> Self {
        let cells: Vec<Cell> = rows.iter().enumerate().flat_map(cells_of).collect();
        let glyphs = cells.iter().map(|it| it.glyph).collect();
        Self { rows, cells, glyphs }
    }

    /// Every occurrence, top to bottom.
    fn places(&self, text: &str) -> Vec<Place> {
        // The rest of a long text does not fit on the screen.
        let room: usize = self.rows.iter().map(String::len).sum();
        let wanted = glyphs::up_to(text, room.max(SAMPLE_CHARS));
        let n_head = wanted.len().min(SAMPLE_CHARS);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(rest) = self.glyphs.get(from..).filter(|it| !it.is_empty() && n_head > 0) {
            let may_begin = rest.first().is_some_and(|it| glyphs::may_begin(it, &wanted));
            let (n_shown, n_text) = if may_begin { glyphs::walk(rest, &wanted) } else { (0, 0) };
            if n_shown == 0 || n_text < n_head {
                from += 1;
                continue;
            }
            let (first, last) = (self.cells.get(from), self.cells.get(from + n_shown - 1));
            if let Some((first, last)) = first.zip(last) {
                found.push(Place { rows: (first.row, last.row), start: first.from, end: last.to });
            }
            from += n_shown;
        }
        found
    }

    /// First and last row of every place that shows `text` alone, except for a prompt before it.
    pub(crate) fn rows_of(&self, text: &str) -> Vec<(usize, usize)> {
        let n_chars = text.chars().filter(|c| counts(*c)).take(MIN_PART).count();
        let is_alone = |it: &Place| {
            let before = self.rows.get(it.rows.0).map(|row| split_column(row, it.start).0);
            let behind = self.rows.get(it.rows.1).map(|row| split_column(row, it.end).1);
            before.is_some_and(|it| is_prompt(it, n_chars))
                && behind.is_some_and(|it| is_margin(it, n_chars))
        };
        self.places(text).iter().filter(|it| is_alone(it)).map(|it| it.rows).collect()
    }
}

/// A glyph on the screen, its row and its columns.
struct Cell {
    glyph: Glyph,
    row: usize,
    from: usize,
    to: usize,
}

/// The relevant cells of a row. What a joiner or a modifier adds to an emoji is in its cell.
fn cells_of((row, text): (usize, &String)) -> Vec<Cell> {
    let (mut to, mut is_joined) = (0, false);
    let mut cells = Vec::new();
    for c in text.chars() {
        let from = to;
        let is_part = is_joined && !c.is_ascii() || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c);
        to += if is_part { 0 } else { c.width().unwrap_or(0) };
        is_joined = c == '\u{200d}';
        cells.extend(glyphs::of_char(c).map(|glyph| Cell { glyph, row, from, to }));
    }
    cells
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
        let alone =
            |held: &str| is_alone(&before, &before, &InputBox::Holds(held.to_owned()), "do it");
        assert!(alone("do it\n\nBuild · Model"));
        assert!(alone("do\nit\n\nBuild · Model"), "wrapped");
        assert!(!alone("do it\nand that\n\nBuild · Model"));
        assert!(!alone("first do it\n\nBuild · Model"));
        assert!(!alone("Build · Model"));
    }

    #[test]
    fn what_an_agent_left_of_its_hint_is_no_draft() {
        let alone = |before: &str, after: &str, text: &str| {
            let [before, after] = [before, after].map(|row| screen(&["╭──╮", row, "╰──╯"], (9, 1)));
            let held = after.rows[1].trim_matches(['│', ' ', '>']).to_owned();
            is_alone(&before, &after, &InputBox::Holds(held), text)
        };
        let hint = "│ > Ask me anything...       │";
        assert!(alone(hint, "│ > \u{488}\u{a670} sk  do it         │", "\u{488}\u{a670} do it"));
        assert!(alone(hint, "│ > do ite anything...       │", "do it"), "behind it");
        let (family, coder) = ("👩\u{200d}👩\u{200d}👧\u{200d}", "👩🏽\u{200d}💻");
        let drawn = format!("│ > Mike {family}th     family {coder}   end  │");
        let text = format!("Mike {family}👦 family {coder} end");
        assert!(alone("│ > Ask anything...     │", &drawn, &text), "joined emoji are one cell");
        assert!(!alone(hint, "│ > sk  do it         │", "do that"));
        assert!(!alone(hint, "│ > Ask me anything...do it   │", "do it"), "all of it is there");
        assert!(!alone("│ > fix the bug     │", "│ > fix the bugdo it │", "do it"), "a draft");
        assert!(!alone("│ > fix the bug     │", "│ > do itfix the bug │", "do it"), "behind it");
        assert!(!alone("│ >                 │", "│ > do it and more  │", "do it"));
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
    fn a_short_text_counts_only_where_it_stands_alone() {
        let profile = Profile::parse("test", "name = 'test'\n[box]\nprompt = '^> '").unwrap();
        let rows = ["* go", "It goes far, or so I go.", "* go on", "│ go │", "> go"];
        assert_eq!(n_in_transcript(&profile, &screen(&rows, (4, 4)), "go"), 2);
        // With the time at the edge.
        let rows =
            ["❯ go      13:24 ┃", "❯ go   9:05:11 PM", "❯ go      on: 5", "❯ go 13:24", "> "];
        assert_eq!(n_in_transcript(&profile, &screen(&rows, (2, 4)), "go"), 2);
        let long = "go on with what you did before";
        let rows = ["> old", &format!("You told me to {long}, didn't you?"), "> "];
        assert_eq!(n_in_transcript(&profile, &screen(&rows, (2, 2)), long), 1);
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

    /// Some marks are letters to Unicode; they show nothing of their own.
    #[test]
    fn marks_behind_a_text_are_part_of_it() {
        let row =
            "│ ❯  text9of27904010 \u{109b}\u{bc2}\u{93e}\u{11342}\u{1b3d}          │".to_owned();
        let text = "text9of27904010 \u{109b}\u{bc2}\u{93e}\u{11342}\u{1b3d} \n\u{20e2}";
        assert_eq!(Screen::of(&[row]).rows_of(text), [(0, 0)]);
    }
}
