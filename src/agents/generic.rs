//! Boxes and dialogs by their shape, for programs whose words are not known.
//!
//! Knows one [`Sample`]. Errs on the side of a dialog: what may be one is
//! never taken for an input box. An input box needs the cursor in a frame or behind a prompt glyph,
//! or an empty prompt between two rules; where its text cannot be told from a hint, its content is
//! [`InputBox::Unseen`].
use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{input_box::Found, menu};
use crate::model::{AgentState, Blocker, InputBox, Question, Sample};

/// Something that waits for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    pub(crate) shape: &'static str,
    pub(crate) turn: AgentState,
    pub(crate) row: usize,
    pub(crate) evidence: String,
}

/// Rows that are not blank, from the bottom, in which a question is taken to be open.
const OPEN_ROWS: usize = 10;
/// A box higher than this is a page.
const MAX_BOX: usize = 12;
/// A box ends among the last rows that are not blank.
const BOX_ROWS: usize = 8;

// ----- dialogs

/// A shape of one row, by its words where these are the same in every language of programs.
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
        unless: "",
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

/// What waits for a key, but for the rows that show what was `typed`.
pub(super) fn dialogs(
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
    dialogs
}

fn menu(rows: &[String], found: Option<&Found>) -> Option<Dialog> {
    let menu = menu::read(rows)?;
    let evidence = menu.selected()?.label.clone();
    let row = menu.entries.last()?.row;
    if menu.doubtful && found.is_some_and(|it| it.first > row) {
        return None;
    }
    Some(Dialog { shape: "menu", turn: AgentState::Blocked(Blocker::Other), row, evidence })
}

/// `(•)` in one row and `( )` in the next or the one before.
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

/// A row without its frame and indentation.
fn unframed(row: &str) -> &str {
    row.trim().trim_matches(is_vertical).trim()
}

// ----- boxes

fn is_vertical(c: char) -> bool {
    "│┃║|▌▎▏┆┊".contains(c)
}

fn is_line(c: char) -> bool {
    ('\u{2500}'..='\u{259f}').contains(&c) || "-_=+~".contains(c)
}

/// What follows a prompt: one to three characters that are no word, then a space or nothing.
fn after_prompt(text: &str) -> Option<&str> {
    let token = text.split(char::is_whitespace).next().filter(|it| !it.is_empty())?;
    let is_word = |c: char| c != 'λ' && c.is_alphanumeric() || "\"'`()[]{}<.,;!?".contains(c);
    let fits = token.chars().count() <= 3 && !token.chars().any(is_word) && !token.ends_with('.');
    text.strip_prefix(token).filter(|_| fits)
}

/// A row that is an edge: mostly line drawing, perhaps with a label in it.
pub(super) fn is_edge(row: &str) -> bool {
    let row = row.trim();
    let n_line = row.chars().filter(|c| is_line(*c)).count();
    let n_all = row.chars().filter(|c| !c.is_whitespace()).count();
    n_line >= 6 && n_line * 10 >= n_all * 6
}

pub(super) fn find_box(sample: &Sample) -> Option<Found> {
    let at_cursor = at_cursor(sample);
    if sample.cursor_visible { at_cursor } else { at_cursor.or_else(|| between_edges(sample)) }
}

/// The cursor is in the box: what stands left of it is the text, right of it can only be a hint.
/// Many programs hide the cursor, but leave it where it would be.
fn at_cursor(sample: &Sample) -> Option<Found> {
    let (column, row) = (usize::from(sample.cursor.0), usize::from(sample.cursor.1));
    let blank = String::new();
    let text = sample.rows.get(row).unwrap_or(&blank);
    if row + BOX_ROWS + MAX_BOX < sample.used_rows().len() || is_edge(text) {
        return None;
    }
    let left = split_column(text, column).0;
    let inner = left.trim_start();
    let framed = inner.starts_with(is_vertical);
    let inner = inner.trim_start_matches(is_vertical).trim_start();
    let edges = edges_around(sample, row);
    let above = if edges.is_none() { first_of_wrapped(sample, row, framed) } else { row };
    // A prompt at the very end of the row has lost its space; a later row has none.
    let prompt = after_prompt(inner).filter(|it| !it.is_empty() || left.len() == text.len());
    let prompt = prompt.filter(|_| above == row);
    if !framed && prompt.is_none() && edges.is_none() && above == row {
        return None;
    }
    let held = prompt.unwrap_or(inner).trim();
    let above = if held.is_empty() { row } else { above };
    let (first, last) = edges.unwrap_or((above, row));
    // The cursor may stand in a later row of a longer text.
    let earlier = if first < row { body(sample, first, row - 1) } else { String::new() };
    let input = if held.is_empty() && earlier.is_empty() {
        InputBox::Empty
    } else {
        InputBox::Holds(body(sample, first, last))
    };
    Some(Found { first, last, column, input, suggested: None })
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
    let filled: Vec<&str> = inside.filter(|it| !it.is_empty()).collect();
    let input = match filled.as_slice() {
        [] => InputBox::Empty,
        [line] if after_prompt(line)?.is_empty() => InputBox::Empty,
        // A hint or a draft: there is no telling.
        [_] => InputBox::Unseen,
        _ => return None,
    };
    Some(Found { first, last, column: usize::from(sample.cursor.0), input, suggested: None })
}

/// First and last row between the edges around a row, when both are near.
fn edges_around(sample: &Sample, row: usize) -> Option<(usize, usize)> {
    let rows = &sample.rows;
    let up = rows.get(..row)?.iter().rev().take(MAX_BOX).position(|it| is_edge(it))?;
    let down = rows.get(row + 1..)?.iter().take(MAX_BOX).position(|it| is_edge(it))?;
    Some((row - up, row + down))
}

/// Where a text begins that wraps into this row: at a prompt further left than this row begins; or,
/// behind a bar and when this row has no prompt either, at the first row with the bar. Without a bar
/// the rows above must be nearly full.
fn first_of_wrapped(sample: &Sample, row: usize, framed: bool) -> usize {
    let row_at = |at: usize| sample.rows.get(at).map_or("", String::as_str);
    // A bar behind the frame is a prompt.
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

/// The text of some rows without frame and prompt.
fn body(sample: &Sample, first: usize, last: usize) -> String {
    let rows = sample.rows.get(first..=last).unwrap_or_default();
    let lines: Vec<&str> = rows.iter().map(|row| unframed(row)).collect();
    let text = lines.join("\n");
    let text = text.trim();
    after_prompt(text).unwrap_or(text).trim().to_owned()
}

/// A frame around rows of which the first one with text begins with a prompt.
pub(super) fn is_framed_prompt(sample: &Sample, found: &Found) -> bool {
    let row = |at: usize| sample.rows.get(at).map_or("", String::as_str);
    let above = found.first.checked_sub(1).map_or("", row);
    let framed = is_edge(above) && is_edge(row(found.last + 1))
        || row(found.first).trim_start().starts_with(is_vertical);
    let text = (found.first..=found.last).map(|at| unframed(row(at))).find(|it| !it.is_empty());
    framed && text.is_some_and(|it| after_prompt(it).is_some())
}

/// Splits a row at a column.
pub(super) fn split_column(row: &str, column: usize) -> (&str, &str) {
    let mut width = 0;
    let cut = row.char_indices().find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > column
    });
    row.split_at_checked(cut.map_or(row.len(), |(at, _)| at)).unwrap_or((row, ""))
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::{
        agents::{Profile, classify, echo, echo::Holding, explain},
        model::Verdict,
    };

    const RULES: [&str; 9] = ["─", "━", "═", "╌", "┄", "-", "=", "▔", "~"];
    const PROMPTS: [&str; 13] =
        [">", "❯", "›", "»", "▸", "λ", "→", "●", "▌", "✎", "::", "=>", ">>>"];
    const POINTERS: [&str; 9] = ["❯", "›", ">", "▶", "→", "●", "*", "»", "➤"];
    const ASKS: [&str; 8] = [
        "Press any key to continue",
        "hit any key",
        "press return",
        "Zorp blem? [y/N]",
        "Zorp blem? (y/n)",
        "Zorp? y/n:",
        "Zorp ←→ select · enter confirm",
        "PIN code:",
    ];

    fn screen(rows: &[String], cursor: (usize, usize), cursor_visible: bool) -> Sample {
        let to = |n: usize| u16::try_from(n).unwrap();
        Sample {
            rows: rows.to_vec(),
            command: "frobnicator".to_owned(),
            cursor: (to(cursor.0), to(cursor.1)),
            cursor_visible,
            size: (60, 30),
            ..Sample::default()
        }
    }

    fn judge(sample: &Sample, sent: &[String]) -> Verdict {
        let profile = Profile::shared("generic").unwrap();
        explain(&profile, sample, sent).verdict
    }

    fn words(n: std::ops::Range<usize>) -> impl Strategy<Value = String> {
        proptest::collection::vec("[bcdfgjklmpqrvwz][aeiou][bdfgklmprvz]{1,3}", n)
            .prop_map(|words| words.join(" "))
    }

    fn transcript() -> impl Strategy<Value = Vec<String>> {
        let line = (select(&["", "● ", "  ", "• ", "$ "][..]), words(0..12));
        proptest::collection::vec(line.prop_map(|(lead, text)| lead.to_owned() + &text), 0..8)
    }

    /// A list with a pointer, numbered or not, perhaps in a frame.
    fn menu() -> impl Strategy<Value = Vec<String>> {
        let parts = (select(&POINTERS[..]), proptest::collection::vec(words(1..4), 2..5));
        (parts, any::<prop::sample::Index>(), any::<bool>(), any::<bool>()).prop_map(
            |((pointer, entries), chosen, numbered, framed)| {
                let chosen = chosen.index(entries.len());
                let rows = entries.iter().enumerate().map(|(at, entry)| {
                    let lead = if at == chosen { pointer } else { " " };
                    let number = if numbered { format!("{}. ", at + 1) } else { String::new() };
                    let (open, close) = if framed { ("│", "  │") } else { ("", "") };
                    format!("{open} {lead} {number}{entry}{close}")
                });
                rows.collect()
            },
        )
    }

    fn question() -> impl Strategy<Value = Vec<String>> {
        let buttons = (words(1..2), words(1..2)).prop_map(|(a, b)| format!("  [ {a} ]    {b}  "));
        let asked = prop_oneof![select(&ASKS[..]).prop_map(String::from), buttons];
        prop_oneof![menu(), asked.prop_map(|row| vec![row])]
    }

    /// Rows of a box, and where its text begins.
    fn boxed(frame: u8, rule: &str, prompt: &str, text: &str) -> (Vec<String>, (usize, usize)) {
        let lead = match frame {
            0 | 3 => format!("{prompt} "),
            1 => format!("│ {prompt} "),
            _ => format!("┃ {prompt} "),
        };
        let line = format!("{lead}{text}");
        let rows = match frame {
            0 => vec![rule.repeat(60), line, rule.repeat(60)],
            1 => {
                let fill = " ".repeat(59_usize.saturating_sub(line.width()));
                vec![
                    format!("╭{}╮", "─".repeat(58)),
                    format!("{line}{fill}│"),
                    format!("╰{}╯", "─".repeat(58)),
                ]
            }
            _ => vec![String::new(), line, String::new()],
        };
        (rows, (lead.width(), 1))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn a_dialog_is_never_a_box(
            before in transcript(),
            rule in select(&RULES[..]),
            heading in words(1..4),
            question in question(),
            hint in select(&["", "enter to confirm · esc to cancel", "↑↓ navigate"][..]),
            at_end in any::<bool>(),
            visible in any::<bool>(),
        ) {
            let mut rows = before;
            rows.extend([rule.repeat(60), format!(" {heading}"), String::new()]);
            rows.extend(question);
            rows.extend([String::new(), hint.to_owned()]);
            let end = rows.iter().rposition(|row| !row.is_empty()).unwrap();
            let cursor = if at_end { (rows[end].chars().count(), end) } else { (0, rows.len()) };
            let verdict = judge(&screen(&rows, cursor, visible), &[]);
            prop_assert!(
                matches!(verdict.turn, AgentState::Blocked(_) | AgentState::Waiting(_)),
                "{verdict:?} in\n{}", rows.join("\n"),
            );
        }

        #[test]
        fn a_box_is_found_and_our_text_in_it(
            before in transcript(),
            frame in 0..4_u8,
            rule in select(&RULES[..]),
            prompt in select(&PROMPTS[..]),
            placeholder in words(0..5),
            footer in words(0..6),
            visible in any::<bool>(),
        ) {
            let (drawn, (column, row)) = boxed(frame, rule, prompt, &placeholder);
            let offset = before.len();
            let mut rows = before.clone();
            rows.extend(drawn);
            rows.push(format!("  {footer}"));
            let rows: Vec<String> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
            let empty = screen(&rows, (column, offset + row), visible);
            let verdict = judge(&empty, &[]);
            prop_assert_eq!(&verdict.turn, &AgentState::Ready, "{:?} in\n{}", verdict, rows.join("\n"));
            prop_assert_eq!(&verdict.input, &InputBox::Empty);

            let text = "Read ./.wtmag/prompt.md and use it";
            let (drawn, _) = boxed(frame, rule, prompt, text);
            let mut rows = before;
            rows.extend(drawn);
            rows.push(format!("  {footer}"));
            let cursor = (column + text.len(), offset + row);
            let after = screen(&rows, cursor, visible);
            let verdict = judge(&after, &[text.to_owned()]);
            prop_assert_eq!(&verdict.turn, &AgentState::Draft, "{:?} in\n{}", verdict, rows.join("\n"));
            let profile = Profile::shared("generic").unwrap();
            prop_assert_eq!(echo::holding(&profile, &verdict.input, text), Holding::Ours);
            let echo = echo::echoed(&empty, &after, text).unwrap();
            prop_assert!(echo.cursor_behind);
            prop_assert!(echo::gone(&echo, &empty, text));
        }
    }

    #[test]
    fn a_text_that_wraps_without_a_frame_is_read_whole() {
        let profile = Profile::shared("generic").unwrap();
        let long = "Read ./.wtmag/prompt.md and use it all day and all of the nigh";
        let leads = [("┃ :: ", "┃    "), ("┃ ", "┃    "), (":: ", "   "), ("┃ ▌ ", "┃   ")];
        for (lead, indent) in leads {
            for cut in ["it as the task", "} k", "é", "}", "_id} fix"] {
                let text = format!("{long}{cut}");
                let rows = [
                    "│ said before".to_owned(),
                    String::new(),
                    format!("{lead}{long}"),
                    format!("{indent}{cut}"),
                    String::new(),
                    "  footer".to_owned(),
                ];
                let cursor = (indent.chars().count() + cut.chars().count(), 3);
                for visible in [true, false] {
                    let sample = screen(&rows, cursor, visible);
                    let verdict = judge(&sample, std::slice::from_ref(&text));
                    let holding = echo::holding(&profile, &verdict.input, &text);
                    assert_eq!(holding, Holding::Ours, "{lead} {cut} {verdict:?}");
                }
            }
        }
    }

    #[track_caller]
    fn check(rows: &[&str], cursor: (usize, usize), visible: bool, want: &AgentState) {
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        let verdict = judge(&screen(&rows, cursor, visible), &[]);
        assert_eq!(&verdict.turn, want, "{verdict:?} in\n{}", rows.join("\n"));
    }

    #[test]
    fn a_box_that_asks_for_something_else_is_not_for_prompts() {
        let rule = "─".repeat(40);
        let frame = format!("╭{rule}╮");
        let rows =
            ["Paste code here if prompted", &frame, "│          │", &frame, "Esc to go back"];
        check(&rows, (2, 2), false, &AgentState::Blocked(Blocker::Login));
        check(&["Password:"], (10, 0), true, &AgentState::Blocked(Blocker::Login));
        check(&["Your name?", "Name: "], (6, 1), true, &AgentState::Unknown);
    }

    #[test]
    fn a_hidden_cursor_elsewhere_leaves_only_what_stands_between_two_edges() {
        let rule = "─".repeat(40);
        check(&[&rule, "❯", &rule, "footer"], (0, 9), false, &AgentState::Ready);
        check(&[&rule, "> type here", &rule], (0, 9), false, &AgentState::Ready);
        check(&["> type here", ""], (0, 9), false, &AgentState::Unknown);
        check(&["hello", "", "world"], (0, 9), false, &AgentState::Unknown);
    }

    #[test]
    fn work_shows_by_spinner_and_hint() {
        check(&["⠹ Thinking", "────────", ">", "────────"], (2, 2), true, &AgentState::Working);
        check(&["✶ Pondering…", "────────", ">", "────────"], (2, 2), true, &AgentState::Working);
        check(
            &["────────", ">", "────────", "esc to interrupt"],
            (2, 1),
            true,
            &AgentState::Working,
        );
    }

    #[test]
    fn a_wrapped_text_of_ours_is_no_menu() {
        let text = "Read the brief and use it as the task";
        let rows = ["› Read the brief", "  and use it as", "  the task", "", "› Ask anything"];
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        let sample = screen(&rows, (2, 4), true);
        assert_eq!(judge(&sample, &[text.to_owned()]).turn, AgentState::Ready);
        let profile = Profile::shared("generic").unwrap();
        assert_eq!(
            classify(&profile, &sample).rule,
            "menu",
            "without knowing the text: rather not"
        );
    }
}
