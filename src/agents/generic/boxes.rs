//! Input boxes by their shape.
//!
//! A box needs the cursor in a frame or after a prompt glyph, or a prompt between two edges. If no
//! cursor tells a hint from a draft, its words and its earlier content do ([`Found::doubtful`]).
use std::sync::LazyLock;

use regex::Regex;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    agents::{glyphs, input_box::Found},
    model::{InputBox, Sample},
};

/// A box taller than this is a page.
const MAX_BOX: usize = 12;
/// How prompts begin; other signs also begin status lines.
const PLAIN_PROMPTS: &str = ">❯›»▸λ→●▌✎:=$%#";
/// A box ends among the last rows that are not blank.
const BOX_ROWS: usize = 8;

fn is_vertical(c: char) -> bool {
    "│┃║|▌▎▏┆┊".contains(c)
}

fn is_line(c: char) -> bool {
    ('\u{2500}'..='\u{259f}').contains(&c) || "-_=+~".contains(c)
}

/// What follows a prompt: up to three characters that are not a word, then a space or nothing.
fn after_prompt(text: &str) -> Option<&str> {
    let token = text.split(char::is_whitespace).next().filter(|it| !it.is_empty())?;
    let is_word = |c: char| c != 'λ' && c.is_alphanumeric() || "\"'`()[]{}<.,;!?".contains(c);
    let fits = token.chars().count() <= 3 && !token.chars().any(is_word) && !token.ends_with('.');
    text.strip_prefix(token).filter(|_| fits)
}

/// A row that is an edge: mostly line drawing, perhaps with a label in it.
pub(crate) fn is_edge(row: &str) -> bool {
    let row = row.trim();
    let n_line = row.chars().filter(|c| is_line(*c)).count();
    let n_all = row.chars().filter(|c| !c.is_whitespace()).count();
    n_line >= 6 && n_line * 10 >= n_all * 6
}

pub(crate) fn find_box(sample: &Sample) -> Option<Found> {
    let at_cursor = at_cursor(sample);
    if sample.cursor_visible {
        return at_cursor;
    }
    let framed = between_edges(sample);
    let is_inside = |it: &Found, row: usize| (it.first..=it.last).contains(&row);
    match (at_cursor, framed) {
        // A frame is a box; a row where a hidden cursor was left may be anything.
        (Some(at_cursor), Some(framed)) => {
            Some(if is_inside(&framed, at_cursor.first) { at_cursor } else { framed })
        }
        (Some(bare), None) => {
            let is_last = bare.last + 1 == sample.used_rows().len();
            let row = sample.rows.get(bare.last).map_or("", |row| row.trim_start());
            let has_prompt = row.starts_with(|c| PLAIN_PROMPTS.contains(c) || is_vertical(c));
            Some(bare).filter(|it| !is_last || has_prompt || it.input == InputBox::Empty)
        }
        (None, framed) => framed,
    }
}

/// Rows with text, without those that only hold a scroll bar.
fn n_filled(rows: &[String]) -> usize {
    rows.iter().filter(|row| !glyphs::is_invisible(row)).count()
}

/// The cursor is in the box: the text is left of it, and a hint can only be right of it. Many
/// programs hide the cursor, but leave it in its place.
fn at_cursor(sample: &Sample) -> Option<Found> {
    let (column, row) = (usize::from(sample.cursor.0), usize::from(sample.cursor.1));
    let blank = String::new();
    let text = sample.rows.get(row).unwrap_or(&blank);
    let below = sample.used_rows().get(row + 1..).unwrap_or_default();
    if n_filled(below) >= BOX_ROWS + MAX_BOX || is_edge(text) {
        return None;
    }
    let left = split_column(text, column).0;
    let inner = left.trim_start();
    let framed = inner.starts_with(is_vertical);
    let inner = inner.trim_start_matches(is_vertical).trim_start();
    let edges = edges_around(sample, row);
    let hanging = first_of_hanging(sample, row, column).filter(|_| !framed && edges.is_none());
    let above = match hanging {
        Some(above) => above,
        None if edges.is_none() => first_of_wrapped(sample, row, framed),
        None => row,
    };
    // A prompt at the very end of the row has lost its space; a later row has no prompt.
    let prompt = after_prompt(inner).filter(|it| !it.is_empty() || left.len() == text.len());
    let prompt = prompt.filter(|_| above == row);
    if !framed && prompt.is_none() && edges.is_none() && above == row {
        return None;
    }
    let held = prompt.unwrap_or(inner).trim();
    let above = if held.is_empty() && hanging.is_none() { row } else { above };
    let (first, last) = edges.unwrap_or((above, row));
    // The cursor may be in a later row of a longer text.
    let earlier = if first < row { body(sample, first, row - 1) } else { String::new() };
    let input = if glyphs::is_invisible(held) && glyphs::is_invisible(&earlier) {
        InputBox::Empty
    } else {
        InputBox::Holds(body(sample, first, last))
    };
    Some(Found { first, last, column, input, suggested: None, doubtful: None })
}

/// The cursor is elsewhere: only a prompt between two edges is a box.
fn between_edges(sample: &Sample) -> Option<Found> {
    let rows = sample.used_rows();
    let filled = rows.iter().enumerate().rev().filter(|(_, row)| !row.trim().is_empty());
    let bottom = filled.take(BOX_ROWS).find(|(_, row)| is_edge(row)).map(|(at, _)| at)?;
    let above = rows.get(..bottom)?;
    let top = above.iter().rposition(|row| is_edge(row))?;
    let (first, last) = (top + 1, bottom.checked_sub(1)?);
    if last < first || last - first >= MAX_BOX {
        return None;
    }
    let inside = rows.get(first..=last)?.iter().map(|row| unframed(row));
    let filled: Vec<&str> = inside.filter(|it| !glyphs::is_invisible(it)).collect();
    let prompted = filled.first().map(|line| after_prompt(line));
    let text = match (filled.as_slice(), prompted) {
        ([], _) => String::new(),
        ([_, ..], Some(Some(_))) => body(sample, first, last),
        _ => return None,
    };
    // Some programs draw a block as the cursor: if it is before the first letter, the text is a
    // hint.
    let is_block = |c: char| ('\u{2580}'..='\u{259f}').contains(&c);
    let starts_with_cursor = text.starts_with(is_block);
    let text = text.trim_matches(is_block).trim().to_owned();
    let is_empty = glyphs::is_invisible(&text);
    let input = if is_empty || starts_with_cursor || reads_like_a_hint(&text) {
        InputBox::Empty
    } else {
        InputBox::Holds(text.clone())
    };
    let doubtful = Some(text).filter(|_| !is_empty);
    let column = usize::from(sample.cursor.0);
    Some(Found { first, last, column, input, suggested: None, doubtful })
}

/// What an empty box says to the user: one line that does not name a task.
fn reads_like_a_hint(text: &str) -> bool {
    static HINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)^(?:ask|type|enter|message|try|send|say|what|how can|describe|tell|write|chat|talk)\b",
            r"[^\n]*(?:…|\.\.\.|\?|@|/|\bmessage\b|\bprompt\b|\banything\b|\bcommand|\bquestion|\btask\b|\bhere\b)[^\n]*$",
        ))
        .ok()
    });
    HINT.as_ref().is_some_and(|it| it.is_match(text))
}

/// First and last row between the edges around a row, when both are near.
fn edges_around(sample: &Sample, row: usize) -> Option<(usize, usize)> {
    let rows = &sample.rows;
    let up = rows.get(..row)?.iter().rev().take(MAX_BOX).position(|it| is_edge(it))?;
    let down = rows.get(row + 1..)?.iter().take(MAX_BOX).position(|it| is_edge(it))?;
    Some((row - up, row + down))
}

/// Where a text begins that wraps into this row: at a prompt further left than this row; or, after
/// a bar and if this row has no prompt either, at the first row with the bar. Without a bar, the
/// rows above must be nearly full.
fn first_of_wrapped(sample: &Sample, row: usize, framed: bool) -> usize {
    let row_at = |at: usize| sample.rows.get(at).map_or("", String::as_str);
    // A bar after the frame is a prompt.
    let lead = |at: usize| {
        let inside = row_at(at).trim_start().trim_start_matches(is_vertical).trim_start();
        row_at(at).chars().count() - inside.chars().count()
    };
    let has_prompt = |at: usize| after_prompt(unframed(row_at(at))).is_some();
    let belongs = |at: &usize| match framed {
        true => row_at(*at).trim_start().starts_with(is_vertical),
        false => row_at(*at).width() * 4 >= usize::from(sample.size.0) * 3,
    };
    let mut first = row;
    for at in (0..row).rev().take(MAX_BOX).take_while(belongs) {
        if has_prompt(at) {
            return if lead(at) < lead(row) { at } else { row };
        }
        first = at;
    }
    if framed && !has_prompt(row) { first } else { row }
}

/// The cursor is in a blank row, right under the first letter of a text after a prompt: where that
/// text begins.
fn first_of_hanging(sample: &Sample, row: usize, column: usize) -> Option<usize> {
    let rows = sample.rows.get(..=row)?;
    let indent = |text: &str| text.width() - text.trim_start().width();
    if rows.last().is_some_and(|it| !it.trim().is_empty()) || column == 0 {
        return None;
    }
    for (at, text) in rows.iter().enumerate().rev().skip(1).take(MAX_BOX) {
        if !text.trim().is_empty() && indent(text) < column {
            let rest = after_prompt(text.trim_start())?.trim_start();
            return (!rest.is_empty() && text.width() - rest.width() == column).then_some(at);
        }
    }
    None
}

/// The text of some rows without frame and prompt.
fn body(sample: &Sample, first: usize, last: usize) -> String {
    let rows = sample.rows.get(first..=last).unwrap_or_default();
    let lines: Vec<&str> = rows.iter().map(|row| unframed(row)).collect();
    let text = lines.join("\n");
    let text = text.trim();
    after_prompt(text).unwrap_or(text).trim().to_owned()
}

/// A frame around rows of which the first one with text begins with a prompt.
pub(crate) fn is_framed_prompt(sample: &Sample, found: &Found) -> bool {
    let row = |at: usize| sample.rows.get(at).map_or("", String::as_str);
    let above = found.first.checked_sub(1).map_or("", row);
    let framed = is_edge(above) && is_edge(row(found.last + 1))
        || row(found.first).trim_start().starts_with(is_vertical);
    let text = (found.first..=found.last).map(|at| unframed(row(at))).find(|it| !it.is_empty());
    framed && text.is_some_and(|it| after_prompt(it).is_some())
}

/// Splits a row at a column.
pub(crate) fn split_column(row: &str, column: usize) -> (&str, &str) {
    let mut width = 0;
    let cut = row.char_indices().find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > column
    });
    row.split_at_checked(cut.map_or(row.len(), |(at, _)| at)).unwrap_or((row, ""))
}

/// A row without its frame and indentation.
pub(crate) fn unframed(row: &str) -> &str {
    row.trim().trim_matches(is_vertical).trim()
}
