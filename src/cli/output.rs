//! How results look: tables, ages, colours. Strings in, strings out.
use std::fmt::Write as _;

pub(crate) use crate::text::{age, count, cut, seconds};
use crate::{
    model::{DisplayState, Tone},
    text::clean,
    text::{cut_start, one_line, width, wrap},
};

/// The output's width, and whether it may have colours.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    pub(crate) colour: bool,
    /// Columns of the terminal; `None` if nothing needs to be cut.
    pub(crate) width: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }

    /// The colour of a state, the same everywhere: red needs you, yellow is working, green is idle.
    pub(crate) fn of(word: &DisplayState) -> Self {
        Self::of_tone(word.face().tone)
    }

    pub(crate) fn of_tone(tone: Tone) -> Self {
        match tone {
            Tone::Busy => Self::Yellow,
            Tone::WantsYou => Self::Red,
            Tone::AtRest => Self::Green,
            Tone::Unsure => Self::Cyan,
            Tone::Over => Self::Dim,
        }
    }
}

impl Style {
    pub(crate) fn paint(self, text: &str, paint: Paint) -> String {
        if !self.colour || paint == Paint::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", paint.code())
    }

    /// On one line, and of at most `max` characters where no terminal cuts it: then the reader may be an agent,
    /// which pays for each word.
    pub(crate) fn brief(self, text: &str, max: usize) -> String {
        one_line(text, if self.width.is_some() { usize::MAX } else { max })
    }
}

/// Removes everything from the text that acts on a terminal, except colours and weights.
pub(crate) fn clean_painted(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, from) = rest.split_at(at);
        match paint_at(from) {
            Some(paint) => {
                cleaned.push_str(&clean(before));
                cleaned.push_str(paint);
                rest = from.strip_prefix(paint).unwrap_or_default();
            }
            None => {
                // Together with the preceding text, so that the whole sequence is seen.
                let end = from.get(2..).and_then(|it| it.find("\x1b["));
                let end = end.map_or(rest.len(), |it| at + 2 + it);
                let (part, after) = rest.split_at(end);
                cleaned.push_str(&clean(part));
                rest = after;
            }
        }
    }
    cleaned.push_str(&clean(rest));
    cleaned
}

/// The colour or weight at the beginning of the text; not what hides text or makes it blink.
fn paint_at(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("\x1b[")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let codes = rest.get(..end)?;
    let is_known = |code: &str| {
        matches!(code, "" | "0" | "1" | "2" | "3" | "4" | "22" | "23" | "24" | "39")
            || matches!(code.as_bytes(), [b'3', b'1'..=b'7'] | [b'9', b'1'..=b'7'])
    };
    let is_paint = rest.get(end..)?.starts_with('m') && codes.split(';').all(is_known);
    is_paint.then(|| text.get(..end + 3)).flatten()
}

/// One cell of a [`Table`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A cell from untrusted text: everything that acts on a terminal is removed.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let mut text = clean(text.as_ref());
        if text.contains(['\n', '\t']) {
            text = text.replace(['\n', '\t'], " ");
        }
        Self { text, paint: Paint::Plain }
    }

    #[must_use]
    pub(crate) fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }
}

/// Rows under a header, with one width per column. If they do not fit, the columns that may shrink
/// are cut, the widest first; then they are left out, and then others from the last on. The first
/// two always stay: a name, which is finally cut at its beginning, and the most important fact
/// about it.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    shrinks: Vec<bool>,
    optional: Vec<bool>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// The mark before the row, if any row has one.
    mark: Option<Cell>,
    cells: Vec<Cell>,
    /// Below the row.
    note: Option<Cell>,
}

/// Space between two columns.
const GAP: usize = 2;
/// A mark and the space after it.
const MARK: usize = 2;
/// How far a note is indented.
const NOTE: usize = 4;
/// No column is cut to less than this.
const NARROWEST: usize = 8;

impl Table {
    /// Columns by their names; `~` before a name means that it may shrink, `?` that it is left out if
    /// it is empty.
    pub(crate) fn new<const N: usize>(columns: [&'static str; N]) -> Self {
        Self {
            head: columns.iter().map(|it| it.trim_start_matches(['~', '?'])).collect(),
            optional: columns.iter().map(|it| it.starts_with('?')).collect(),
            shrinks: columns.iter().map(|it| it.starts_with('~')).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(Row { mark: None, cells: cells.into(), note: None });
    }

    /// Adds a row with one character before it.
    pub(crate) fn marked_row(&mut self, mark: Cell, cells: impl Into<Vec<Cell>>) {
        self.rows.push(Row { mark: Some(mark), cells: cells.into(), note: None });
    }

    /// A line below the last row, cut where the terminal ends.
    pub(crate) fn note(&mut self, note: Cell) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(note);
        }
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let is_marked = self.rows.iter().any(|it| it.mark.is_some());
        let limit = style.width.map(|it| if is_marked { it.saturating_sub(MARK) } else { it });
        let widths = self.widths(limit);
        let bold = |name: &&str| Cell::new(name).paint(Paint::Bold);
        let head = Row { mark: None, cells: self.head.iter().map(bold).collect(), note: None };
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            // Trailing spaces, if nothing follows.
            let mut pending = 0;
            if is_marked {
                let mark = row.mark.as_ref();
                line.push_str(&mark.map_or(" ".to_owned(), |it| style.paint(&it.text, it.paint)));
                pending = MARK - 1;
            }
            let cells = row.cells.iter().zip(&widths).enumerate();
            for (column, (cell, &room)) in cells.filter(|(_, (_, room))| **room > 0) {
                let shown =
                    if column == 0 { cut_start(&cell.text, room) } else { cut(&cell.text, room) };
                if !shown.is_empty() {
                    line.push_str(&" ".repeat(pending));
                    pending = 0;
                }
                line.push_str(&style.paint(&shown, cell.paint));
                pending += room.saturating_sub(width(&shown)) + GAP;
            }
            text.push_str(&line);
            text.push('\n');
            if let Some(note) = &row.note {
                let room = style.width.map_or(usize::MAX, |it| it.saturating_sub(NOTE));
                let shown = style.paint(&cut(&note.text, room), note.paint);
                text.push_str(&format!("{}{shown}\n", " ".repeat(NOTE)));
            }
        }
        text
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let widest = |column: usize, name: &&str| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            let widest = cells.map(|cell| width(&cell.text)).max().unwrap_or(0);
            let is_optional = self.optional.get(column).is_some_and(|it| *it);
            if widest == 0 && is_optional { 0 } else { widest.max(width(name)) }
        };
        let mut widths: Vec<usize> =
            self.head.iter().enumerate().map(|(column, name)| widest(column, name)).collect();
        let Some(limit) = limit else { return widths };
        let columns = || self.shrinks.iter().enumerate();
        let may_go = columns().rev().filter(|(_, shrinks)| **shrinks);
        let may_go = may_go.chain(columns().skip(2).rev());
        while total(&widths) > limit && cut_widest(&mut widths, &self.shrinks) {}
        for (column, _) in may_go {
            if total(&widths) > limit
                && let Some(width) = widths.get_mut(column)
            {
                *width = 0;
            }
        }
        while total(&widths) > limit && cut_widest(&mut widths, &[true]) {}
        let others: Vec<bool> = columns().map(|(column, _)| column > 0).collect();
        while total(&widths) > limit && cut_widest(&mut widths, &others) {}
        widths
    }
}

/// Columns that are left out need no gap.
fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|it| **it > 0).count();
    widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)
}

/// Takes one column from the widest that may be cut; false if none is left.
fn cut_widest(widths: &mut [usize], may: &[bool]) -> bool {
    let may = widths.iter_mut().zip(may).filter(|(width, may)| **may && **width > NARROWEST);
    let widest = may.max_by_key(|(width, _)| **width);
    widest.map(|(width, _)| *width -= 1).is_some()
}

/// Lines `name  value`, with the names in one column; a value of several lines is indented.
pub(crate) fn fields(style: Style, fields: &[(&str, String)]) -> String {
    let widest = fields.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in fields {
        let pad = " ".repeat(widest - width(name));
        // On a terminal, broken between words, and never too narrow to read.
        let room = style.width.map_or(usize::MAX, |it| it.saturating_sub(widest + 4).max(20));
        let mut lines = value.lines().flat_map(|line| wrap(line, room)).map(str::trim_end);
        let name = style.paint(name, Paint::Dim);
        let first = lines.next().unwrap_or_default();
        writeln!(text, "  {name}{pad}  {first}").unwrap_or_default();
        for line in lines {
            writeln!(text, "  {}  {line}", " ".repeat(widest)).unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["ID", "~BRANCH", "PR"]);
        table.row([Cell::new("a"), Cell::new("日本語-branch-of-some-length"), Cell::new("#1")]);
        table.row([Cell::new("bb").paint(Paint::Red), Cell::new("x\x1b[2J\ny"), Cell::default()]);
        table
    }

    #[test]
    fn columns_line_up_and_nothing_trails() {
        insta::assert_snapshot!(table().render(Style::default()), @r"
        ID  BRANCH                        PR
        a   日本語-branch-of-some-length  #1
        bb  x y
        ");
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let style = Style { colour: false, width: Some(24) };
        insta::assert_snapshot!(table().render(style), @r"
        ID  BRANCH            PR
        a   日本語-branch-o…  #1
        bb  x y
        ");
        // The column that may shrink is less important than the others.
        let narrow = Style { colour: false, width: Some(9) };
        insta::assert_snapshot!(table().render(narrow), @r"
        ID  PR
        a   #1
        bb
        ");
    }

    #[test]
    fn a_name_is_cut_at_its_beginning_and_last() {
        let mut table = Table::new(["WORKER", "STATE", "AGE", "~TITLE"]);
        let state = Cell::new("waiting: permission");
        table.marked_row(
            Cell::new("!"),
            [Cell::new("github-issue-456"), state, Cell::new("2m"), Cell::new("Fix the title")],
        );
        let style = Style { colour: false, width: Some(32) };
        insta::assert_snapshot!(table.render(style), @r"
          WORKER     STATE
        ! …ssue-456  waiting: permission
        ");
    }

    #[test]
    fn colour_does_not_count_as_width() {
        let style = Style { colour: true, width: None };
        let text = table().render(style);
        assert!(text.contains("\x1b[31mbb\x1b[0m  x y"), "{text:?}");
    }

    #[test]
    fn only_colours_reach_the_terminal() {
        for (text, want) in [
            ("a\x1b[31mb\x1b[0mc", "a\x1b[31mb\x1b[0mc"),
            ("\x1b[2Ja\x1b[1mb", "a\x1b[1mb"),
            ("\x1b[8mhidden\x1b[0m", "hidden\x1b[0m"),
            ("\x1b]0;title\x07\u{202e}x", "␛]0;title␇x"),
            ("\x1b[\x1b[31mx", "␛[\x1b[31mx"),
            ("äß\x1b[38;5;1mö", "äßö"),
        ] {
            assert_eq!(clean_painted(text), want, "{text:?}");
        }
    }

    #[test]
    fn fields_line_up() {
        let text = fields(Style::default(), &[("a", "1".into()), ("long", "2\n3".into())]);
        assert_eq!(text, "  a     1\n  long  2\n        3\n");
        let style = Style { colour: false, width: Some(30) };
        let text = fields(style, &[("name", "words that do not fit on one row".into())]);
        assert_eq!(text, "  name  words that do not fit\n        on one row\n");
    }
}
