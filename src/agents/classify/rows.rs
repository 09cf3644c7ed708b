//! The text that a rule reads, and where a pattern matches in it.
//!
//! Knows rows and their numbers; not which rows a rule reads, nor what a match means.
use std::cell::OnceCell;

use crate::agents::{generic, profile::Pattern};

/// A row of a region and its number on the screen; the title and the command have none.
pub(super) type Row<'a> = (Option<usize>, &'a str);

/// The text of a region.
pub(super) struct Rows<'a> {
    rows: Vec<Row<'a>>,
    /// The same, where consecutive rows are one line. The lowest first.
    lines: OnceCell<Vec<Line>>,
}

/// Consecutive rows without a blank one or an edge between them.
struct Line {
    text: String,
    /// Where the text of each row ends.
    ends: Vec<(usize, Option<usize>)>,
}

/// The row of a match, and the text of that row.
pub(super) type Match = (Option<usize>, String);

impl<'a> Rows<'a> {
    pub(super) fn new(rows: Vec<Row<'a>>) -> Self {
        Self { rows, lines: OnceCell::new() }
    }

    /// The lowest match: within one row, else across rows that a narrow pane wrapped.
    pub(super) fn find(&self, pattern: &Pattern) -> Option<Match> {
        let in_row = self.rows.iter().rev().find(|(_, row)| pattern.is_match(row));
        if let Some((at, row)) = in_row {
            return Some((*at, row.trim().to_owned()));
        }
        let lines = self.lines.get_or_init(|| lines_of(&self.rows));
        lines.iter().find_map(|line| line.find(pattern))
    }
}

fn lines_of(rows: &[Row<'_>]) -> Vec<Line> {
    let is_broken = |(one, _): &Row<'_>, other: &Row<'_>| {
        one.zip(other.0).is_some_and(|(one, other)| one + 1 == other)
    };
    let parts = rows.split(|(_, row)| generic::is_edge(row));
    let parts = parts.flat_map(|rows| rows.chunk_by(|one, next| is_broken(one, next)));
    parts.rev().map(Line::of).collect()
}

impl Line {
    fn of(rows: &[Row<'_>]) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for (at, row) in rows {
            text.push_str(row.trim());
            text.push(' ');
            ends.push((text.len(), *at));
        }
        Self { text, ends }
    }

    fn find(&self, pattern: &Pattern) -> Option<Match> {
        let hit = pattern.regex()?.find_iter(&self.text).last().filter(|it| !it.is_empty())?;
        let row = self.ends.iter().find(|(end, _)| hit.end() <= *end).and_then(|(_, at)| *at);
        Some((row, hit.as_str().trim().to_owned()))
    }
}
