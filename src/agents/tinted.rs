//! Which answer of a dialog is highlighted, where nothing but its colours tells.
//!
//! Knows one capture with colours. When in doubt, none is highlighted.
use ansi_to_tui::IntoText as _;
use ratatui::style::{Color, Modifier, Style};

use super::menu::{Entry, MAX_DESCRIPTION, Menu};
use crate::model::Sample;

/// One row: its characters, each with its colours.
type Row = Vec<(char, Style)>;

/// Where an answer's label is.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    from: usize,
}

/// The background of a character, and whether the colours are reversed.
type Ground = (Color, bool);

/// The answers with these labels as a list, if one of them looks unlike all others.
pub fn read(sample: &Sample, labels: &[&str]) -> Option<Menu> {
    let rows = rows(sample)?;
    let in_row = |n: usize| beside(&rows, n, labels);
    // A row below the answers may name them, too.
    let buttons = (0..rows.len()).rev().filter_map(in_row);
    let chosen = |places: Vec<Place>| Some((highlighted(&rows, &places)?, places));
    let (selected, places) =
        buttons.filter_map(chosen).next().or_else(|| chosen(below(&rows, labels)?))?;
    let across = places.windows(2).all(|it| matches!(it, [a, b] if a.row == b.row));
    let entry =
        |(label, place): (&&str, &Place)| Entry { label: (*label).to_owned(), row: place.row };
    let entries = labels.iter().zip(&places).map(entry).collect();
    Some(Menu { entries, selected, numbered: false, doubtful: false, across, by_colour: true })
}

/// Its colours were captured, and with the same text: nothing moved in between.
pub fn is_whole(sample: &Sample) -> bool {
    rows(sample).is_some()
}

/// Both captures must show the same.
fn rows(sample: &Sample) -> Option<Vec<Row>> {
    let text = sample.styled.join("\n").into_text().ok()?;
    let cells = |line: &ratatui::text::Line<'_>| -> Row {
        let spans = line.spans.iter();
        spans.flat_map(|it| it.content.chars().map(|c| (c, it.style)).collect::<Row>()).collect()
    };
    let mut rows: Vec<Row> = text.lines.iter().map(cells).collect();
    // A blank row at the end is no line.
    rows.resize(sample.rows.len().max(rows.len()), Row::new());
    let is_same = |(at, plain): (usize, &String)| {
        let styled: String = rows.get(at).into_iter().flatten().map(|it| it.0).collect();
        styled.trim_end() == plain.trim_end()
    };
    let is_there = !sample.styled.is_empty() && !sample.rows.is_empty();
    (is_there && sample.rows.iter().enumerate().all(is_same)).then_some(rows)
}

/// All of them in this row, one after the other.
fn beside(rows: &[Row], n: usize, labels: &[&str]) -> Option<Vec<Place>> {
    let row = rows.get(n)?;
    let mut from = 0;
    let mut place = |label: &&str| {
        let at = find(row, label, from)?;
        from = at + label.chars().count();
        Some(Place { row: n, from: at })
    };
    labels.iter().map(&mut place).collect()
}

/// The lowest rows that have one of them each and no other words, in their order.
fn below(rows: &[Row], labels: &[&str]) -> Option<Vec<Place>> {
    let mut end = rows.len();
    let mut places = labels
        .iter()
        .rev()
        .map(|label| {
            let (row, from) = (0..end).rev().find_map(|n| {
                let row = rows.get(n)?;
                let from = find(row, label, 0)?;
                let to = from + label.chars().count();
                // Beside it, a frame and a number: a description may begin with its words, too.
                let mut others = row.iter().take(from).chain(row.iter().skip(to));
                (!others.any(|it| it.0.is_alphabetic())).then_some((n, from))
            })?;
            end = row;
            Some(Place { row, from })
        })
        .collect::<Option<Vec<_>>>()?;
    places.reverse();
    Some(places)
}

/// The label as whole words.
fn find(row: &Row, label: &str, from: usize) -> Option<usize> {
    let label: Vec<char> = label.chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| row.get(at)).is_some_and(|(it, _)| it.is_alphanumeric())
    };
    let starts = |at: &usize| {
        let rest = row.iter().skip(*at).map(|it| it.0);
        let is_whole = !is_word(at.checked_sub(1)) && !is_word(Some(at + label.len()));
        !label.is_empty() && is_whole && rest.take(label.len()).eq(label.iter().copied())
    };
    (from..row.len()).find(starts)
}

fn highlighted(rows: &[Row], places: &[Place]) -> Option<usize> {
    let styles: Vec<Style> =
        places.iter().map(|it| Some(rows.get(it.row)?.get(it.from)?.1)).collect::<Option<_>>()?;
    let grounds: Vec<Ground> = styles.iter().map(ground).collect();
    match (places, grounds.as_slice(), styles.as_slice()) {
        ([one, other], [ground, other_ground], [style, other_style]) => {
            let pair = [(one, *ground), (other, *other_ground)];
            (ground != other_ground)
                .then(|| unlike_the_rest(rows, pair))
                .flatten()
                .or_else(|| emphasized(style, other_style))
        }
        _ => odd(&grounds).or_else(|| odd(&styles.iter().map(look).collect::<Vec<_>>())),
    }
}

/// Of two with different backgrounds, the one whose background is not that of the rest of the dialog.
fn unlike_the_rest(rows: &[Row], [one, other]: [(&Place, Ground); 2]) -> Option<usize> {
    let usual = enclosing(rows, one)
        .filter(|it| *it == other.1)
        .or_else(|| enclosing(rows, other).filter(|it| *it == one.1))
        .or_else(|| around(rows, one.0, other.0).filter(|it| [one.1, other.1].contains(it)))
        .or_else(|| [one.1, other.1].into_iter().find(|it| *it == ground(&Style::new())))
        .or_else(|| (one.1.1 != other.1.1).then_some(if one.1.1 { other.1 } else { one.1 }))?;
    Some(usize::from(usual == one.1))
}

/// The one background on both sides of a label's own, in its row.
fn enclosing(rows: &[Row], (place, own): (&Place, Ground)) -> Option<Ground> {
    let row = rows.get(place.row)?;
    let (before, after) = row.split_at_checked(place.from)?;
    let is_other = |it: &Ground| *it != own;
    let left = before.iter().rev().map(|it| ground(&it.1)).find(is_other)?;
    let right = after.iter().map(|it| ground(&it.1)).find(is_other)?;
    (left == right).then_some(left)
}

/// The one background above the first and below the last of two answers.
fn around(rows: &[Row], first: &Place, last: &Place) -> Option<Ground> {
    let at = |n: usize, place: &Place| {
        let cell = rows.get(n)?.get(place.from);
        Some(cell.map_or_else(|| ground(&Style::new()), |it| ground(&it.1)))
    };
    let above = at(first.row.checked_sub(1)?, first)?;
    let is_blank = |row: &&Row| row.iter().all(|it| it.0.is_whitespace());
    let describing = rows.iter().skip(last.row + 1).take(MAX_DESCRIPTION);
    let n_describing = match first.row == last.row {
        true => 0,
        false => describing.take_while(|it| !is_blank(it)).count(),
    };
    let below = at(last.row + 1 + n_describing, last)?;
    (above == below).then_some(above)
}

/// Of two on the same background, the only bold one, or the only one that is not dim.
fn emphasized(one: &Style, other: &Style) -> Option<usize> {
    let rank = |it: &Style| {
        let has = |modifier| i8::from(it.add_modifier.contains(modifier));
        has(Modifier::BOLD) - has(Modifier::DIM)
    };
    (rank(one) != rank(other)).then_some(usize::from(rank(other) > rank(one)))
}

fn look(style: &Style) -> (Color, Ground, Modifier) {
    (style.fg.unwrap_or(Color::Reset), ground(style), style.add_modifier)
}

fn ground(style: &Style) -> Ground {
    let is_reversed = style.add_modifier.contains(Modifier::REVERSED);
    (style.bg.unwrap_or(Color::Reset), is_reversed)
}

/// The one that is unlike the others, which are alike.
fn odd<T: PartialEq>(all: &[T]) -> Option<usize> {
    let alike = |it: &T| all.iter().filter(|other| *other == it).count();
    let mut single = all.iter().enumerate().filter(|(_, it)| alike(it) == 1).map(|it| it.0);
    let found = single.next().filter(|_| single.next().is_none())?;
    let others_are_alike = all.iter().any(|it| alike(it) == all.len() - 1);
    (all.len() > 2 && others_are_alike).then_some(found)
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

    /// One of two rows looks different: which one is highlighted is told by what is around them.
    #[test]
    fn of_two_rows_the_one_unlike_the_rest_is_highlighted() {
        const GREY: &str = "\x1b[48;5;234m";
        const GOLD: &str = "\x1b[48;5;214m";
        const NONE: &str = "\x1b[49m";
        let row = |ground: &str, text: &str| format!("{ground}{text:<30}{NONE}");
        let rows = |rows: &[String], want: Option<usize>| {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            check(&rows, &["Yes", "No"], want.map(|it| (it, false)));
        };
        let (title, blank) = (row(NONE, "  Allow?"), String::new());
        // The whole row is highlighted.
        for (yes, no, want) in [(GOLD, NONE, 0), (NONE, GOLD, 1)] {
            rows(&[title.clone(), row(yes, "  Yes"), row(no, "  No"), blank.clone()], Some(want));
            rows(&[row(yes, "  Yes"), row(no, "  No")], Some(want));
            // A title has the same colour, or another one.
            for title in [row(GOLD, "  Allow?"), row(GREY, "  Allow?")] {
                rows(&[title, row(yes, "  Yes"), row(no, "  No"), blank.clone()], Some(want));
            }
        }
        // The dialog has a ground of its own, and each answer a description.
        for (yes, no, want) in [(GOLD, GREY, 0), (GREY, GOLD, 1)] {
            let answers = [
                row(yes, "  Yes"),
                row(yes, "     it may run"),
                row(no, "  No"),
                row(no, "     it may not"),
            ];
            let within = |above: &str, below: &str| {
                [&[row(above, "  Allow?"), row(above, "")], &answers[..], &[row(below, "")]]
                    .concat()
            };
            rows(&within(GREY, GREY), Some(want));
            // Nothing tells which of them is the ground of the dialog.
            rows(&within(NONE, NONE), None);
            rows(&within(GOLD, NONE), None);
            rows(&answers, None);
        }
        // Only the words are highlighted.
        let words = |it: &str| format!("{GREY}   {GOLD}{it}{GREY}          ");
        rows(&[words("Yes"), row(GREY, "   No")], Some(0));
        rows(&[row(GREY, "   Yes"), words("No")], Some(1));
        // Reversed, bold, dim.
        let with = |on: &str, it: &str| format!("  \x1b[{on}m{it}\x1b[0m");
        rows(&[with("7", "Yes"), "  No".into()], Some(0));
        rows(&["  Yes".into(), with("7", "No")], Some(1));
        rows(&[with("1", "Yes"), "  No".into()], Some(0));
        rows(&["  Yes".into(), with("1", "No")], Some(1));
        rows(&[with("2", "Yes"), "  No".into()], Some(1));
        rows(&[with("34", "Yes"), "  No".into()], None);
    }

    #[test]
    fn of_two_buttons_the_one_unlike_the_rest_is_highlighted() {
        let labels = ["Allow for this session", "No"];
        let rows = |rows: &[&str], want: Option<usize>| {
            check(rows, &labels, want.map(|it| (it, true)));
        };
        let text = "\x1b[48;5;234m  rm -rf build                                ";
        // The highlighted one fills most of the row.
        let first = "\x1b[48;5;214m Allow for this session \x1b[48;5;234m No ";
        rows(&[text, first, text], Some(0));
        rows(&[first], None);
        let last = "\x1b[48;5;234m Allow for this session \x1b[48;5;214m No ";
        rows(&[text, last, text], Some(1));
        // Each has a ground of its own.
        let own = "  \x1b[44m Allow for this session \x1b[49m  \x1b[42m No \x1b[49m  ";
        rows(&["", own, ""], None);
        // A row below names them, too.
        let hint = "\x1b[48;5;234m  y: Allow for this session  n: No                ";
        rows(&[text, last, hint], Some(1));
    }

    #[test]
    fn a_label_is_found_as_whole_words() {
        let rows = ["  \x1b[7mRed\x1b[27m", "  Red is warm", "  Reddish", "  Blue"];
        check(&rows, &["Red", "Reddish", "Blue"], Some((0, false)));
        check(&["Nothing", "  \x1b[7mYes\x1b[27m   No  "], &["Yes", "No"], Some((0, true)));
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
