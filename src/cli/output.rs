//! How results look: tables, ages, colours. Strings in, strings out.
use std::{fmt::Write as _, time::Duration};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    brief::text::clean,
    model::{DisplayState, Tone},
};

/// What the output is for: how wide it may be, and whether it may have colours.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    pub(crate) colour: bool,
    /// Columns of the terminal; `None` where nothing needs to be cut.
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

    /// The colour that a state has everywhere: red wants you, yellow is at work, green is at rest.
    pub(crate) fn of(word: &DisplayState) -> Self {
        match word.face().tone {
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
}

/// One cell of a [`Table`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A text of anybody's: what acts on a terminal is taken out.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let text = clean(text.as_ref()).replace(['\n', '\t'], " ");
        Self { text, paint: Paint::Plain }
    }

    #[must_use]
    pub(crate) fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }
}

/// Rows under a head, in columns of one width each. Where they do not fit, the columns that may
/// shrink are cut, the widest first; then they go, and then others, the last first. The first column stays as it is: it
/// is what somebody types.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    shrinks: Vec<bool>,
    rows: Vec<Vec<Cell>>,
}

/// Space between two columns.
const GAP: usize = 2;
/// No column is cut below this.
const NARROWEST: usize = 8;

impl Table {
    /// Columns by their names; `~` before a name says that it may shrink.
    pub(crate) fn new<const N: usize>(columns: [&'static str; N]) -> Self {
        Self {
            head: columns.iter().map(|it| it.trim_start_matches('~')).collect(),
            shrinks: columns.iter().map(|it| it.starts_with('~')).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let widths = self.widths(style.width);
        let head: Vec<Cell> =
            self.head.iter().map(|name| Cell::new(name).paint(Paint::Bold)).collect();
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            let mut pending = 0;
            for (cell, &width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                let shown = cut(&cell.text, width);
                if !shown.is_empty() {
                    line.push_str(&" ".repeat(pending));
                    pending = 0;
                }
                line.push_str(&style.paint(&shown, cell.paint));
                pending += width.saturating_sub(shown.width()) + GAP;
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let width = |idx: usize, name: &&str| {
            let cells = self.rows.iter().filter_map(|row| row.get(idx));
            cells.map(|cell| cell.text.width()).max().unwrap_or(0).max(name.width())
        };
        let mut widths: Vec<usize> =
            self.head.iter().enumerate().map(|(idx, name)| width(idx, name)).collect();
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
        let others: Vec<bool> = columns().map(|(column, _)| column > 0).collect();
        while total(&widths) > limit && cut_widest(&mut widths, &others) {}
        widths
    }
}

/// Columns that are not shown need no gap.
fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|it| **it > 0).count();
    widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)
}

/// Takes one from the widest of those that may be cut; false when none may be any more.
fn cut_widest(widths: &mut [usize], may: &[bool]) -> bool {
    let may = widths.iter_mut().zip(may).filter(|(width, may)| **may && **width > NARROWEST);
    let widest = may.max_by_key(|(width, _)| **width);
    widest.map(|(width, _)| *width -= 1).is_some()
}

/// The text in at most `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        shown.push(c);
    }
    shown.push('…');
    shown
}

/// Lines `name  value`, names in one column; a value of several lines is indented.
pub(crate) fn fields(style: Style, fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in fields {
        let pad = " ".repeat(width - name.width());
        let mut lines = value.lines();
        let name = style.paint(name, Paint::Dim);
        let first = lines.next().unwrap_or_default();
        writeln!(text, "  {name}{pad}  {first}").unwrap_or_default();
        for line in lines {
            writeln!(text, "  {}  {line}", " ".repeat(width)).unwrap_or_default();
        }
    }
    text
}

/// How long ago, in its largest unit: `4s`, `3m`, `2h`, `5d`.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m", secs / 60),
        secs @ 3600..86_400 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86_400),
    }
}

/// A short time with a tenth of a second: `3.2 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// `1 worker`, `2 workers`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
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
        // The column that may shrink is worth less than the others.
        let narrow = Style { colour: false, width: Some(9) };
        insta::assert_snapshot!(table().render(narrow), @r"
        ID  PR
        a   #1
        bb
        ");
    }

    #[test]
    fn colour_does_not_count_as_width() {
        let style = Style { colour: true, width: None };
        let text = table().render(style);
        assert!(text.contains("\x1b[31mbb\x1b[0m  x y"), "{text:?}");
    }

    #[test]
    fn an_age_is_one_number() {
        let shown = [0, 59, 60, 3599, 7200, 200_000].map(|secs| age(Duration::from_secs(secs)));
        assert_eq!(shown, ["0s", "59s", "1m", "59m", "2h", "2d"]);
    }

    #[test]
    fn fields_line_up() {
        let text = fields(Style::default(), &[("a", "1".into()), ("long", "2\n3".into())]);
        assert_eq!(text, "  a     1\n  long  2\n        3\n");
    }
}
