//! Finds the choices of a dialog by their shape.
use std::sync::LazyLock;

use regex::Regex;

use crate::{
    agents::{generic::unframed, menu},
    model::Choice,
};

pub(super) struct Answers {
    /// The row of the first one.
    pub(super) first: usize,
    pub(super) choices: Vec<Choice>,
    /// The question, where it stands in the same row.
    pub(super) question: Option<String>,
}

/// Choices are among this many of the last rows that are not blank.
const OPEN_ROWS: usize = 24;
/// Rows that describe an answer.
const MAX_DESCRIPTION: usize = 3;

pattern!(NUMBERED, r"^(\d{1,2})[.)] (\S.*)$");
pattern!(
    BUTTON,
    r"(?i)^[\[<(]?\s?(?:yes|no|ok|allow|deny|accept|reject|cancel|confirm|approve|trust|skip|always|once|continue|never|don't)\b.{0,24}$"
);
pattern!(LETTERED, r"\(([A-Z])\)([a-z][a-z' ]*)");
pattern!(YES_NO, r"(?i)[\[(]\s*(y)(?:es)?\s*/\s*(n)(?:o)?\s*[\])]");

/// The lowest answers on the screen.
pub(super) fn answers(rows: &[String]) -> Option<Answers> {
    let filled = rows.iter().enumerate().rev().filter(|(_, row)| !row.trim().is_empty());
    let from = filled.take(OPEN_ROWS).last().map_or(0, |(at, _)| at);
    let open = |it: &Answers| it.first >= from;
    let by_pointer = listed(rows).filter(open);
    by_pointer.or_else(|| numbered(rows).filter(open)).or_else(|| in_one_row(rows, from))
}

fn listed(rows: &[String]) -> Option<Answers> {
    let menu = menu::read(rows).filter(|it| !it.doubtful)?;
    let choice = |(at, entry): (usize, &menu::Entry)| Choice {
        label: entry.label.clone(),
        selected: at == menu.selected,
    };
    let choices = menu.entries.iter().enumerate().map(choice).collect();
    Some(Answers { first: menu.entries.first()?.row, choices, question: None })
}

/// Rows with the numbers 1, 2, …: what marks the chosen one may be a colour.
fn numbered(rows: &[String]) -> Option<Answers> {
    let pattern = NUMBERED.as_ref()?;
    let of = |row: &str| -> Option<(usize, String)> {
        let found = pattern.captures(unframed(row))?;
        Some((found.get(1)?.as_str().parse().ok()?, found.get(2)?.as_str().to_owned()))
    };
    let first = rows.iter().rposition(|row| of(row).is_some_and(|(n, _)| n == 1))?;
    let mut choices = Vec::new();
    let mut n_between = 0;
    for row in rows.get(first..)? {
        match of(row) {
            Some((n, label)) if n == choices.len() + 1 => {
                choices.push(Choice { label, selected: false });
                n_between = 0;
            }
            Some(_) | None => n_between += 1,
        }
        if n_between > MAX_DESCRIPTION {
            break;
        }
    }
    (choices.len() > 1).then_some(Answers { first, choices, question: None })
}

/// `Allow once   Reject`, `(Y)es/(N)o [Yes]`, `[y/n]`.
fn in_one_row(rows: &[String], from: usize) -> Option<Answers> {
    let open = rows.iter().enumerate().skip(from).rev();
    open.filter(|(_, row)| !row.trim().is_empty()).find_map(|(first, row)| {
        let text = unframed(row);
        buttons(text).map(|choices| Answers { first, choices, question: None }).or_else(|| {
            let (choices, question) = lettered(text)?;
            // The question may begin in rows above.
            let question = Some(question).filter(|it| it.ends_with(['?', ':'])).map(str::to_owned);
            Some(Answers { first, choices, question })
        })
    })
}

fn buttons(text: &str) -> Option<Vec<Choice>> {
    let pattern = BUTTON.as_ref()?;
    let parts = text.split("  ").map(str::trim).filter(|it| !it.is_empty());
    let labels = parts.take_while(|it| pattern.is_match(it));
    let bare = |it: &str| it.trim_matches(|c: char| "[]<>() ".contains(c)).to_owned();
    let choices: Vec<Choice> =
        labels.map(|it| Choice { label: bare(it), selected: false }).collect();
    (choices.len() > 1).then_some(choices)
}

/// The answers in a row, and what stands before them.
fn lettered(text: &str) -> Option<(Vec<Choice>, &str)> {
    let found: Vec<_> = LETTERED.as_ref()?.captures_iter(text).collect();
    if found.len() > 1 {
        let start = found.first()?.get(0)?.start();
        let part = |it: &regex::Captures<'_>, n: usize| {
            it.get(n).map(|it| it.as_str().trim()).unwrap_or_default().to_owned()
        };
        let choice = |it: &regex::Captures<'_>| {
            let label = part(it, 1) + &part(it, 2);
            let selected = text.contains(&format!("[{label}]"));
            Choice { label, selected }
        };
        return Some((found.iter().map(choice).collect(), text.get(..start)?.trim()));
    }
    let found = YES_NO.as_ref()?.captures(text)?;
    let is_default =
        |n: usize| found.get(n).is_some_and(|it| it.as_str() == it.as_str().to_uppercase());
    let one = is_default(1) != is_default(2);
    let choice =
        |label: &str, n| Choice { label: label.to_owned(), selected: one && is_default(n) };
    let before = text.get(..found.get(0)?.start())?.trim();
    Some((vec![choice("Yes", 1), choice("No", 2)], before))
}
