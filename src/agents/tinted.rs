//! Which answer of a dialog is highlighted, where nothing but its colours tells.
//!
//! Knows one capture with colours. When in doubt, none is highlighted.
use std::collections::BTreeMap;

use ansi_to_tui::IntoText as _;
use ratatui::style::{Color, Modifier, Style};

use super::menu::{Entry, Menu};
use crate::model::Sample;

/// One row: its characters, each with its colours.
type Row = Vec<(char, Style)>;

/// The answers with these labels as a list, if one of them looks unlike all others.
pub fn read(sample: &Sample, labels: &[&str]) -> Option<Menu> {
    let rows = rows(sample)?;
    let (places, across) = match beside(&rows, labels) {
        Some(places) => (places, true),
        None => (below(&rows, labels)?, false),
    };
    let styles: Vec<Style> =
        places.iter().map(|(row, at)| Some(rows.get(*row)?.get(*at)?.1)).collect::<Option<_>>()?;
    let selected = highlighted(&styles, rows.get(places.first()?.0)?)?;
    let entry = |(label, (row, _)): (&&str, &(usize, usize))| Entry {
        label: (*label).to_owned(),
        row: *row,
    };
    let entries = labels.iter().zip(&places).map(entry).collect();
    Some(Menu { entries, selected, numbered: false, doubtful: false, across })
}

/// Both captures must show the same.
fn rows(sample: &Sample) -> Option<Vec<Row>> {
    let text = sample.styled.join("\n").into_text().ok()?;
    let cells = |line: &ratatui::text::Line<'_>| -> Row {
        let spans = line.spans.iter();
        spans.flat_map(|it| it.content.chars().map(|c| (c, it.style)).collect::<Row>()).collect()
    };
    let rows: Vec<Row> = text.lines.iter().map(cells).collect();
    let is_same = |(at, plain): (usize, &String)| {
        let styled: String = rows.get(at).into_iter().flatten().map(|it| it.0).collect();
        styled.trim_end() == plain.trim_end()
    };
    let is_there = rows.len() >= sample.rows.len() && !sample.rows.is_empty();
    (is_there && sample.rows.iter().enumerate().all(is_same)).then_some(rows)
}

/// The lowest row that has all of them, one after the other.
fn beside(rows: &[Row], labels: &[&str]) -> Option<Vec<(usize, usize)>> {
    rows.iter().enumerate().rev().find_map(|(n, row)| {
        let mut from = 0;
        labels
            .iter()
            .map(|label| {
                let at = find(row, label, from)?;
                from = at + label.chars().count();
                Some((n, at))
            })
            .collect()
    })
}

/// The lowest rows that have one of them each, in their order.
fn below(rows: &[Row], labels: &[&str]) -> Option<Vec<(usize, usize)>> {
    let mut end = rows.len();
    let mut places = labels
        .iter()
        .rev()
        .map(|label| {
            let open = rows.iter().enumerate().take(end).rev();
            // Before it, a frame and a number: a description may have its words, too.
            let begins = |row: &Row, at: usize| !row.iter().take(at).any(|it| it.0.is_alphabetic());
            let at = |row: &Row| find(row, label, 0).filter(|at| begins(row, *at));
            let place = open.into_iter().find_map(|(n, row)| Some((n, at(row)?)))?;
            end = place.0;
            Some(place)
        })
        .collect::<Option<Vec<_>>>()?;
    places.reverse();
    Some(places)
}

fn find(row: &Row, label: &str, from: usize) -> Option<usize> {
    let label: Vec<char> = label.chars().collect();
    let starts = |at: &usize| {
        let rest = row.iter().skip(*at).map(|it| it.0);
        !label.is_empty() && rest.take(label.len()).eq(label.iter().copied())
    };
    (from..row.len()).find(starts)
}

/// The only one with a background of its own; of three or more also the only one in another colour.
fn highlighted(styles: &[Style], row: &Row) -> Option<usize> {
    let mut n_cells: BTreeMap<String, usize> = BTreeMap::new();
    row.iter().for_each(|it| *n_cells.entry(ground(&it.1)).or_default() += 1);
    let usual = n_cells.into_iter().max_by_key(|it| it.1)?.0;
    let grounds: Vec<String> = styles.iter().map(ground).collect();
    let looks: Vec<String> = styles.iter().map(look).collect();
    only(&grounds, |it| *it != usual).or_else(|| odd(&grounds)).or_else(|| odd(&looks))
}

fn look(style: &Style) -> String {
    format!("{:?} {} {:?}", style.fg.unwrap_or(Color::Reset), ground(style), style.add_modifier)
}

fn ground(style: &Style) -> String {
    let is_reversed = style.add_modifier.contains(Modifier::REVERSED);
    format!("{:?} {is_reversed}", style.bg.unwrap_or(Color::Reset))
}

fn only<T>(all: &[T], fits: impl Fn(&T) -> bool) -> Option<usize> {
    let mut fitting = all.iter().enumerate().filter(|(_, it)| fits(it)).map(|it| it.0);
    fitting.next().filter(|_| fitting.next().is_none())
}

/// The one that is unlike the others, which are alike.
fn odd<T: PartialEq>(all: &[T]) -> Option<usize> {
    let alike = |it: &T| all.iter().filter(|other| *other == it).count();
    if all.len() < 3 || !all.iter().any(|it| alike(it) == all.len() - 1) {
        return None;
    }
    only(all, |it| alike(it) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(styled: &[&str]) -> Sample {
        let plain = |row: &&str| {
            let parts = row.split('\u{1b}').enumerate();
            let parts =
                parts.map(|(n, it)| if n == 0 { it } else { it.split_once('m').unwrap().1 });
            parts.collect::<String>().trim_end().to_owned()
        };
        Sample {
            rows: styled.iter().map(plain).collect(),
            styled: styled.iter().map(ToString::to_string).collect(),
            ..Sample::default()
        }
    }

    #[track_caller]
    fn check(styled: &[&str], labels: &[&str], want: Option<(usize, bool)>) {
        let found = read(&sample(styled), labels).map(|it| (it.selected, it.across));
        assert_eq!(found, want, "{styled:?}");
    }

    #[test]
    fn buttons_are_told_by_their_background() {
        let labels = ["Allow once", "Allow always", "Reject"];
        let first = "\x1b[48;5;234m  \x1b[30m\x1b[48;5;214m Allow once \x1b[37m\x1b[48;5;234m  Allow always   Reject      ";
        check(&["text", first], &labels, Some((0, true)));
        let last =
            "\x1b[48;5;234m   Allow once   Allow always  \x1b[48;5;214m Reject \x1b[48;5;234m     ";
        check(&["text", last], &labels, Some((2, true)));
        let two = "\x1b[48;5;234m   Confirm  \x1b[7m Cancel \x1b[27m            ";
        check(&[two], &["Confirm", "Cancel"], Some((1, true)));
        // Nothing tells them apart, or too much does.
        check(&["   Allow once   Allow always   Reject"], &labels, None);
        check(
            &["  \x1b[41mConfirm  Cancel\x1b[49m                    "],
            &["Confirm", "Cancel"],
            None,
        );
        check(&["  \x1b[31mConfirm  \x1b[32mCancel"], &["Confirm", "Cancel"], None);
    }

    #[test]
    fn a_list_is_told_by_its_colours() {
        let rows = ["  1. Red", "     the first", "  \x1b[34m2. Blue\x1b[39m", "  3. Other"];
        check(&rows, &["Red", "Blue", "Other"], Some((1, false)));
        let grounds = [
            "\x1b[48;5;233m┃  1. Red           ",
            "┃     the Red one   ",
            "┃  \x1b[48;5;234m2. Blue\x1b[48;5;233m          ",
            "┃     the Blue one  ",
        ];
        check(&grounds, &["Red", "Blue"], Some((1, false)));
        // The colours are of another screen.
        let mut other = sample(&rows);
        other.rows[0] = "  1. Green".into();
        assert_eq!(read(&other, &["Red", "Blue", "Other"]), None);
        other.styled.clear();
        assert_eq!(read(&other, &["Red", "Blue", "Other"]), None);
    }
}
