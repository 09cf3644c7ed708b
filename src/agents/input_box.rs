//! Finds the input box of a profile on a screen and reads it.
//!
//! Knows rows of text and a [`BoxSpec`]. [`mod@super::classify`] decides what the box means for the
//! agent's state.
use std::ops::Range;

use unicode_width::UnicodeWidthStr as _;

use super::{
    glyphs, menu,
    profile::{BoxSpec, Pattern},
};
use crate::model::{InputBox, Sample};

/// A box on the screen. Rows count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// First and last row that belong to the text.
    pub first: usize,
    pub last: usize,
    /// Column where the text begins in the first row with text.
    pub column: usize,
    pub input: InputBox,
    /// A text that is ignored because the cursor is before it.
    pub suggested: Option<String>,
    /// Its text, if no cursor tells whether it is a hint or a draft.
    pub doubtful: Option<String>,
}

impl Found {
    /// The cursor is visible and in the box.
    pub(crate) fn has_cursor(&self, sample: &Sample) -> bool {
        let row = usize::from(sample.cursor.1);
        sample.cursor_visible && (self.first..=self.last).contains(&row)
    }
}

/// The lowest box on the screen, if the profile knows one and it is there.
pub(crate) fn find(spec: &BoxSpec, sample: &Sample) -> Option<Found> {
    let rows = sample.used_rows();
    let (edge, width) = match &spec.bottom {
        Some(bottom) => lowest(rows, bottom)?,
        None => (rows.len(), usize::MAX),
    };
    let above = rows.get(..edge)?;
    let first = first_row(spec, above)?;
    let cropped = above.get(first..)?.iter().map(|row| crop(row, spec, width));
    if spec.prompt.is_some() && is_numbered_menu(above.get(first..)?) {
        return None;
    }
    let mut body: Vec<Row> = cropped.map(|row| Row::new(spec, row)).collect();
    cut_footer(spec, &mut body);
    read(spec, sample, first, &body)
}

/// A list of choices with the same glyph in front of the highlighted one.
fn is_numbered_menu(rows: &[String]) -> bool {
    menu::read(rows).is_some_and(|it| it.numbered && it.selected().is_some_and(|it| it.row == 0))
}

/// One row of the box: the removed prefix, and the rest.
struct Row {
    cut: usize,
    text: String,
}

impl Row {
    fn new(spec: &BoxSpec, row: String) -> Self {
        let framed = spec.frame.as_ref().and_then(|frame| frame.find(&row));
        let (cut, text) = split(&row, framed.map_or(0, |it| it.end()));
        let end = spec.end.as_ref().and_then(|end| end.find(text));
        let text = end.map_or(text, |it| text.get(..it.start()).unwrap_or_default());
        Self { cut: cut.width(), text: text.trim_end().to_owned() }
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// The lowest row that matches, and the column where the match ends.
fn lowest(rows: &[String], pattern: &Pattern) -> Option<(usize, usize)> {
    let hits = rows.iter().enumerate().rev();
    hits.filter_map(|(at, row)| pattern.find(row).map(|it| (at, split(row, it.end()).0.width())))
        .next()
}

fn first_row(spec: &BoxSpec, above: &[String]) -> Option<usize> {
    if let Some(frame) = &spec.frame {
        let n_framed = above.iter().rev().take_while(|row| frame.is_match(row)).count();
        return (n_framed > 0).then(|| above.len() - n_framed);
    }
    if let Some(top) = &spec.top {
        return above.iter().rposition(|row| top.is_match(row)).map(|at| at + 1);
    }
    let prompt = spec.prompt.as_ref()?;
    above.iter().rposition(|row| find_prompt(prompt, row).is_some())
}

/// Captured rows end with their last character, so a prompt that ends with a space also matches
/// where nothing follows.
fn find_prompt(prompt: &Pattern, row: &str) -> Option<Range<usize>> {
    let find = |row: &str| prompt.find(row).map(|it| it.range());
    find(row).or_else(|| find(&format!("{row} ")).map(|it| it.start..it.end.min(row.len())))
}

/// Text beside a framed box does not belong to it.
fn crop(row: &str, spec: &BoxSpec, width: usize) -> String {
    if spec.frame.is_none() || row.width() <= width {
        return row.to_owned();
    }
    let mut used = 0;
    row.chars()
        .take_while(|c| {
            used += c.to_string().width();
            used <= width
        })
        .collect()
}

fn cut_footer(spec: &BoxSpec, body: &mut Vec<Row>) {
    if spec.footer_block
        && let Some(blank) = body.iter().rposition(Row::is_blank)
    {
        body.truncate(blank + 1);
    }
    for _ in 0..spec.footer_rows {
        let last = body.iter().rposition(|row| !row.is_blank());
        body.truncate(last.unwrap_or(0));
    }
}

fn read(spec: &BoxSpec, sample: &Sample, first: usize, body: &[Row]) -> Option<Found> {
    let begin = body.iter().position(|row| !row.is_blank());
    let mut lines = Vec::new();
    let mut column = body.first().map_or(0, |row| row.cut);
    for (at, row) in body.iter().enumerate().skip(begin.unwrap_or(body.len())) {
        let prefix = if Some(at) == begin { spec.prompt.as_ref() } else { spec.indent.as_ref() };
        let hit = prefix.and_then(|it| find_prompt(it, &row.text)).filter(|it| it.start == 0);
        if Some(at) == begin && spec.prompt.is_some() && hit.is_none() {
            return None;
        }
        let (cut, text) = split(&row.text, hit.map_or(0, |it| it.end));
        if Some(at) == begin {
            column = row.cut + cut.width();
        }
        lines.push(text.trim_end().to_owned());
    }
    if begin.is_none() && spec.prompt.is_some() {
        return None;
    }
    let text = lines.join("\n").trim_end().to_owned();
    let text_row = first + begin.unwrap_or(0);
    let at_start =
        (usize::from(sample.cursor.0), usize::from(sample.cursor.1)) == (column, text_row);
    let is_empty =
        glyphs::is_invisible(&text) || spec.placeholder.iter().any(|it| it.is_match(text.trim()));
    let (input, suggested) = match text {
        _ if is_empty => (InputBox::Empty, None),
        text if spec.ghost && at_start => (InputBox::Empty, Some(text)),
        text => (InputBox::Holds(text), None),
    };
    Some(Found {
        first,
        last: first + body.len().saturating_sub(1),
        column,
        input,
        suggested,
        doubtful: None,
    })
}

/// Splits at a byte index where a match ended.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::Profile;

    /// What the embedded profile of an agent reads from its box.
    fn read_at(agent: &str, rows: &[&str], cursor: (u16, u16)) -> Option<InputBox> {
        let profile = Profile::shared(agent).unwrap();
        let rows = rows.iter().map(ToString::to_string).collect();
        let sample = Sample { rows, cursor, ..Sample::default() };
        find(profile.input.as_ref().unwrap(), &sample).map(|found| found.input)
    }

    fn read(agent: &str, rows: &[&str]) -> Option<InputBox> {
        read_at(agent, rows, (99, 99))
    }

    fn holds(text: &str) -> Option<InputBox> {
        Some(InputBox::Holds(text.to_owned()))
    }

    const EMPTY: Option<InputBox> = Some(InputBox::Empty);

    #[test]
    fn claude_between_two_rules() {
        let rule = "────────────────────────";
        assert_eq!(read("claude", &["❯ old", rule, "❯\u{a0}", rule, "  footer"]), EMPTY);
        assert_eq!(read("claude", &[rule, "❯", rule]), EMPTY);
        assert_eq!(read("claude", &[rule, "❯\u{a0}a b", "  c", rule]), holds("a b\nc"));
        assert_eq!(read("claude", &["──────── name ──", "❯ x", rule]), holds("x"));
        assert_eq!(read("claude", &[rule, " ❯ No, exit", "   Yes", rule]), None);
        assert_eq!(read("claude", &[rule, "❯ 1. Yes", "  2. No", rule]), None, "a menu");
        assert_eq!(read("claude", &[rule, "❯ Try \"fix it\"", rule]), EMPTY);
    }

    #[test]
    fn a_suggestion_has_the_cursor_before_it() {
        let rows = ["────────────", "❯ run the tests", "────────────"];
        assert_eq!(read_at("claude", &rows, (2, 1)), EMPTY);
        assert_eq!(read_at("claude", &rows, (15, 1)), holds("run the tests"));
    }

    #[test]
    fn codex_from_its_prompt_to_the_footer() {
        let footer = "  model default · /home/me";
        assert_eq!(
            read("codex", &["› old", "", "• reply", "", "› Ask Codex to do anything", "", footer]),
            EMPTY
        );
        assert_eq!(
            read("codex", &["› a", "  b", "", "  c", "", footer, "  more"]),
            holds("a\nb\n\nc")
        );
        assert_eq!(
            read("codex", &["› old", "", "›", "  a", "", "  b", "", footer]),
            holds("\na\n\nb"),
            "a text may begin with an empty line"
        );
        assert_eq!(
            read("codex", &["› [Pasted Content 9 chars]", "", footer]),
            holds("[Pasted Content 9 chars]")
        );
        assert_eq!(
            read("codex", &["› 1. Trust and continue", "  2. Back", "", "  enter continue"]),
            None
        );
    }

    #[test]
    fn opencode_in_its_bar_whatever_stands_beside() {
        let edge = "  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀";
        let rows =
            ["  ┃  sent before", "", "  ┃", "  ┃", "  ┃", "  ┃  Build · Model", edge, "  path"];
        assert_eq!(read("opencode", &rows), EMPTY);
        let rows = [
            "  ┃",
            "  ┃  do it             Context",
            "  ┃  now               15 tokens",
            "  ┃",
            "  ┃  Build · Model",
            edge,
        ];
        assert_eq!(read("opencode", &rows), holds("do it\nnow"));
        let rows = ["  ┃", "  ┃  Ask anything… \"x\"", "  ┃", "  ┃  Build · Model", edge];
        assert_eq!(read("opencode", &rows), EMPTY);
    }

    #[test]
    fn pi_between_rules_without_a_prompt() {
        let rule = "────────────────────────";
        assert_eq!(read("pi", &[rule, "", rule, "path", "0%/100k (auto)   model"]), EMPTY);
        assert_eq!(read("pi", &["── ⠹ Working ────────", "", rule, "path"]), EMPTY);
        assert_eq!(read("pi", &[rule, "a", "b", rule, "path"]), holds("a\nb"));
        assert_eq!(
            read("pi", &["─── ↑ 3 more ────────", "b", "─── ↓ 2 more ────────"]),
            holds("b")
        );
    }

    #[test]
    fn gemini_in_a_frame() {
        let rows = ["╭──────────╮", "│ > do it  │", "│   now    │", "╰──────────╯", "~/x"];
        assert_eq!(read("gemini", &rows), holds("do it\nnow"));
        let rows = [
            "╭────────────────────────╮",
            "│ >   Type your message or @path/to/file │",
            "╰────────────────────────╯",
        ];
        assert_eq!(read("gemini", &rows), EMPTY);
    }
}
