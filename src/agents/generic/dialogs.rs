//! Questions by their shape.
use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use super::boxes::{is_edge, is_framed_prompt, unframed};
use crate::{
    agents::{input_box::Found, menu},
    model::{AgentState, Blocker, InputBox, Question, Sample},
};

/// Something that waits for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    pub(crate) shape: &'static str,
    pub(crate) turn: AgentState,
    pub(crate) row: usize,
    pub(crate) evidence: String,
}

/// Rows that are not blank, from the bottom, in which a question counts as open.
const OPEN_ROWS: usize = 10;

/// The shape of one row, or its words if programs use the same ones in every language.
struct Shape {
    name: &'static str,
    turn: AgentState,
    pattern: &'static str,
    /// Not a question after all.
    unless: &'static str,
}

const SHAPES: [Shape; 6] = [
    Shape {
        name: "yes-no",
        turn: AgentState::Waiting(Question::Question),
        pattern: r"(?i)[\[(]\s*y(es)?\s*[/|]\s*n(o)?\s*[\])]|[\[(]y[\])]e?s?\b.*[\[(]n[\])]|\by/n\b",
        unless: "",
    },
    Shape {
        name: "buttons",
        turn: AgentState::Waiting(Question::Question),
        pattern: r"^(?:[\[<(]\s?[^\[\]<>()]{1,24}\s?[\]>)]\s*){2,}$|^(?:\S.{0,24}\s{2,})?\[ .{1,24} \](?:\s{2,}\S.{0,24})?$",
        unless: "",
    },
    Shape {
        name: "choices",
        turn: AgentState::Waiting(Question::Question),
        pattern: r"(?i)^(?:\S.{0,20}\s{2,})?(?:yes|no|allow|deny|accept|reject|cancel|ok|confirm|approve|trust|skip|always|once)\b(?:\s{2,}\S+(?: \S+)?)+$",
        unless: "",
    },
    Shape {
        name: "any-key",
        turn: AgentState::Blocked(Blocker::Other),
        pattern: r"(?i)\b(?:press|hit|push)\b.{0,12}\b(?:any key|enter|return|space)\b|\bany key to\b",
        unless: r"(?i)\bto (?:send|submit)\b|\bagain to\b",
    },
    Shape {
        name: "navigation",
        turn: AgentState::Blocked(Blocker::Other),
        pattern: r"(?i)\b(?:enter|return|⏎|↵)\b?[^.]{0,6}\b(?:confirm|select|choose|continue|accept|apply)\b|(?:↑/?↓|←/?→).{0,16}\b(?:navigate|move|select|choose)\b",
        // The shape above covers that.
        unless: r"(?i)\b(?:press|hit|push)\b",
    },
    Shape {
        name: "secret",
        turn: AgentState::Blocked(Blocker::Login),
        pattern: r"(?i)\b(?:password|passphrase|passcode|pin|token|api[ _-]?key|code)\b[^:]{0,40}:\s*[*•]*$",
        unless: "",
    },
];

static PATTERNS: LazyLock<Vec<(Option<Regex>, Option<Regex>)>> = LazyLock::new(|| {
    let compile = |text: &str| Regex::new(text).ok().filter(|_| !text.is_empty());
    SHAPES.iter().map(|it| (compile(it.pattern), compile(it.unless))).collect()
});

/// What waits for a key, except in the rows of `typed` text.
pub(crate) fn dialogs(
    sample: &Sample,
    found: Option<&Found>,
    typed: &BTreeSet<usize>,
) -> Vec<Dialog> {
    let mut rows = sample.used_rows().to_vec();
    for row in typed {
        if let Some(row) = rows.get_mut(*row) {
            row.clear();
        }
    }
    let filled = rows.iter().enumerate().rev().filter(|(_, row)| !row.trim().is_empty());
    let open: Vec<(usize, String)> =
        filled.take(OPEN_ROWS).map(|(at, row)| (at, unframed(row).to_owned())).collect();
    let mut dialogs: Vec<Dialog> = Vec::new();
    for (shape, (pattern, unless)) in SHAPES.iter().zip(PATTERNS.iter()) {
        let fits = |text: &str| {
            pattern.as_ref().is_some_and(|it| it.is_match(text))
                && !unless.as_ref().is_some_and(|it| it.is_match(text))
        };
        if let Some((row, text)) = open.iter().find(|(_, text)| fits(text)) {
            let (evidence, turn) = (text.clone(), shape.turn.clone());
            dialogs.push(Dialog { shape: shape.name, turn, row: *row, evidence });
        }
    }
    dialogs.extend(menu(&rows, found));
    dialogs.extend(radio(&rows));
    dialogs.retain(|it| !is_past(it, sample, found));
    dialogs
}

/// Above a box that is framed, empty and has a prompt, some words and lists belong to the
/// conversation.
fn is_past(dialog: &Dialog, sample: &Sample, found: Option<&Found>) -> bool {
    let is_live = |it: &&Found| it.input == InputBox::Empty && is_framed_prompt(sample, it);
    let Some(found) = found.filter(is_live).filter(|it| dialog.row < it.first) else {
        return false;
    };
    let between = sample.rows.get(dialog.row + 1..found.first).unwrap_or_default();
    let is_text = |row: &&String| !is_edge(row) && !unframed(row).is_empty();
    match dialog.shape {
        "any-key" if dialog.evidence.contains("continue") => true,
        "menu" | "radio" => between.iter().any(|row| is_text(&row)),
        _ => between.iter().filter(is_text).count() >= PAST_ROWS,
    }
}

/// This many rows of text below a question answer it.
const PAST_ROWS: usize = 4;

fn menu(rows: &[String], found: Option<&Found>) -> Option<Dialog> {
    let menu = menu::read(rows)?;
    let evidence = menu.selected()?.label.clone();
    let row = menu.entries.last()?.row;
    if menu.doubtful && found.is_some_and(|it| it.first > row) {
        return None;
    }
    Some(Dialog { shape: "menu", turn: AgentState::Blocked(Blocker::Other), row, evidence })
}

/// `(•)` in one row and `( )` in the next or the previous one.
fn radio(rows: &[String]) -> Option<Dialog> {
    const SET: [&str; 7] = ["(•)", "(●)", "(*)", "(x)", "◉", "●", "[x]"];
    const UNSET: [&str; 4] = ["( )", "○", "◯", "[ ]"];
    let is = |row: Option<&String>, marks: &[&str]| {
        row.is_some_and(|row| marks.iter().any(|mark| unframed(row).starts_with(mark)))
    };
    let at = (0..rows.len()).rev().find(|at| {
        let near = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        let other = |marks| near.clone().any(|at| is(rows.get(at), marks));
        is(rows.get(*at), &SET) && other(&UNSET)
    })?;
    let evidence = rows.get(at).map(|row| unframed(row).to_owned())?;
    Some(Dialog { shape: "radio", turn: AgentState::Blocked(Blocker::Other), row: at, evidence })
}
