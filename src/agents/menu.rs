//! Selectable lists on a screen: which entry is highlighted, and how far away another one is.
//!
//! Knows rows of text only. A list is recognized by its shape, never by its words: one of at least
//! two aligned lines has a pointer. An entry is chosen by its label; its position means nothing,
//! because versions of one agent have highlighted opposite entries.
use regex::Regex;
use unicode_width::UnicodeWidthStr as _;

/// A list with one highlighted entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Top to bottom; at least two.
    pub entries: Vec<Entry>,
    /// Index of the highlighted one.
    pub selected: usize,
    /// The entries have numbers.
    pub numbered: bool,
    /// The pointer is a mark that paragraphs and list items also use.
    pub doubtful: bool,
    /// The entries stand beside each other, not below.
    pub across: bool,
    /// Only colours tell which entry is highlighted: that is proven when a key moves them.
    pub by_colour: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without pointer, number, check mark and frame.
    pub label: String,
    pub row: usize,
}

/// Used before a highlighted entry, and hardly ever before anything else.
const POINTERS: &str = "❯›>→▶►➤➜»⮞▸☞";
/// Also used before paragraphs and list items: accepted if every entry is short.
const BULLETS: &str = "●•*◆◉◈■";
/// Between the pointer and the label of a checked entry.
const CHECKS: &str = "✔✓☑☐◉○◯●";
const MAX_ENTRY: usize = 70;
/// Entries with a number and a pointer: claude 2.1.332 has one of 71 columns.
const MAX_NUMBERED_ENTRY: usize = 160;
const MAX_BULLET_ENTRY: usize = 40;
/// Rows that describe an entry, below it and indented.
pub(super) const MAX_DESCRIPTION: usize = 3;

impl Menu {
    /// How many entries below the highlighted one the only entry with this label is; negative: above.
    pub fn steps_to(&self, label: &Regex) -> Option<isize> {
        let mut fitting =
            self.entries.iter().enumerate().filter(|(_, it)| label.is_match(&it.label));
        let (at, _) = fitting.next()?;
        if fitting.next().is_some() {
            return None;
        }
        isize::try_from(at).ok()?.checked_sub(isize::try_from(self.selected).ok()?)
    }

    pub fn selected(&self) -> Option<&Entry> {
        self.entries.get(self.selected)
    }
}

/// The lowest list.
pub fn read(rows: &[String]) -> Option<Menu> {
    let lines: Vec<Line<'_>> = rows.iter().map(|row| Line::read(row)).collect();
    (0..lines.len()).rev().find_map(|at| around(&lines, at))
}

/// One row, taken apart.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// Pointer or bullet, when one is in front.
    glyph: Option<char>,
    /// Column of the text, and of the text behind a check mark.
    columns: [usize; 2],
    label: &'a str,
    numbered: bool,
}

impl<'a> Line<'a> {
    fn read(row: &'a str) -> Self {
        let is_frame = |c: char| "│┃║|▌▎".contains(c);
        let is_bar = |c: char| is_frame(c) || "█▐".contains(c);
        let inner = row.trim_end().trim_end_matches(is_bar).trim_end();
        let bare = inner.trim_start();
        let bare = bare.strip_prefix(is_frame).unwrap_or(bare).trim_start();
        let (glyph, text) = cut(bare, |c| POINTERS.contains(c) || BULLETS.contains(c));
        let (_, label) = cut(text, |c| CHECKS.contains(c));
        let column = |rest: &str| {
            let cut = inner.len().saturating_sub(rest.len());
            inner.get(..cut).unwrap_or_default().width()
        };
        let n_digits = label.bytes().take_while(u8::is_ascii_digit).count();
        let (_, behind) = label.split_at_checked(n_digits).unwrap_or(("", label));
        let unnumbered = behind.strip_prefix(['.', ')']).filter(|_| (1..3).contains(&n_digits));
        Self {
            glyph,
            columns: [column(text), column(label)],
            label: unnumbered.unwrap_or(label).trim(),
            numbered: unnumbered.is_some(),
        }
    }

    fn is_blank(&self) -> bool {
        self.label.is_empty()
    }

    fn aligned(&self, with: &Self) -> bool {
        let [own, behind_check] = self.columns;
        with.columns.contains(&own) || with.columns.contains(&behind_check)
    }

    fn is_entry(&self, selected: &Self, max: usize) -> bool {
        self.glyph.is_none()
            && self.aligned(selected)
            && self.numbered == selected.numbered
            && self.label.width() <= max
            && !self.label.starts_with("- ")
            && !self.label.starts_with(is_line)
    }
}

fn is_line(c: char) -> bool {
    ('\u{2500}'..='\u{259f}').contains(&c)
}

/// A leading character of a given kind with a space after it, and the rest.
fn cut(text: &str, kind: impl Fn(char) -> bool) -> (Option<char>, &str) {
    let mut chars = text.chars();
    match chars.next().filter(|c| kind(*c)) {
        Some(glyph) if chars.as_str().starts_with(char::is_whitespace) => {
            (Some(glyph), chars.as_str().trim_start())
        }
        Some(_) | None => (None, text),
    }
}

/// The list whose highlighted entry is in row `at`.
fn around(lines: &[Line<'_>], at: usize) -> Option<Menu> {
    let selected = lines.get(at).filter(|it| it.label.contains(char::is_alphanumeric))?;
    let glyph = selected.glyph?;
    let max = match (POINTERS.contains(glyph), selected.numbered) {
        (true, true) => MAX_NUMBERED_ENTRY,
        (true, false) => MAX_ENTRY,
        (false, _) => MAX_BULLET_ENTRY,
    };
    if selected.label.width() > max {
        return None;
    }
    let mut above: Vec<usize> = siblings(lines, selected, max, (0..at).rev())?;
    above.reverse();
    let below = siblings(lines, selected, max, at + 1..lines.len())?;
    let index = above.len();
    let entry = |row: usize| Some(Entry { label: lines.get(row)?.label.to_owned(), row });
    let rows = above.into_iter().chain([at]).chain(below);
    let entries: Vec<Entry> = rows.filter_map(entry).collect();
    let (numbered, doubtful) = (selected.numbered, !POINTERS.contains(glyph) && !selected.numbered);
    (entries.len() > 1).then_some(Menu {
        entries,
        selected: index,
        numbered,
        doubtful,
        across: false,
        by_colour: false,
    })
}

/// The rows of other entries, nearest first; none when another row has the same pointer.
fn siblings(
    lines: &[Line<'_>],
    selected: &Line<'_>,
    max: usize,
    rows: impl Iterator<Item = usize>,
) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let mut n_between = 0;
    for row in rows {
        let Some(line) = lines.get(row) else { break };
        if line.glyph == selected.glyph && line.aligned(selected) {
            return None;
        }
        let describes = line.columns.iter().min() > selected.columns.iter().min();
        if line.is_entry(selected, max) {
            found.push(row);
            n_between = 0;
        } else if (line.is_blank() && selected.numbered) || (describes && !line.is_blank()) {
            n_between += 1;
        } else {
            break;
        }
        if n_between > MAX_DESCRIPTION {
            break;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(screen: &str, want: Option<(&[&str], usize)>) {
        let rows: Vec<String> = screen.lines().map(String::from).collect();
        let menu = read(&rows);
        let labels = |menu: &Menu| -> Vec<String> {
            menu.entries.iter().map(|entry| entry.label.clone()).collect()
        };
        let found = menu.as_ref().map(|menu| (labels(menu), menu.selected));
        let want = want.map(|(labels, at)| (labels.iter().map(ToString::to_string).collect(), at));
        assert_eq!(found, want, "{screen}");
    }

    #[test]
    fn one_pointer_before_aligned_lines_is_a_menu() {
        check(
            " ❯ No, exit\n   Yes, I trust this folder",
            Some((&["No, exit", "Yes, I trust this folder"], 0)),
        );
        check("   Blorp\n → Quux\n   Fnord", Some((&["Blorp", "Quux", "Fnord"], 1)));
        check("│ ● Zim  │\n│   Zam  │", Some((&["Zim", "Zam"], 0)));
        check(
            " ❯ ✔ Auto (match terminal)\n     Dark mode\n     Light mode",
            Some((&["Auto (match terminal)", "Dark mode", "Light mode"], 0)),
        );
    }

    #[test]
    fn numbered_entries_may_have_descriptions_and_gaps() {
        check(
            "> 1. Sign in\n     with a plan\n\n  2. Device code\n     on another device",
            Some((&["Sign in", "Device code"], 0)),
        );
    }

    #[test]
    fn a_numbered_entry_may_be_long() {
        let long = "Yes, and switch to auto mode · auto mode handles these prompts for you";
        check(&format!("❯ 1. Yes\n  2. {long}\n  3. No"), Some((&["Yes", long, "No"], 0)));
    }

    #[test]
    fn prose_lists_and_prompts_are_no_menu() {
        check("❯ Read ./.wtmag/prompt.md\n\n● Stub reply", None);
        check("> quoted\n> again", None);
        check("• one\n• two\n• three", None);
        check("1. one\n2. two", None);
        check("❯ \n──────────", None);
        check("● Files:\n  - a.rs\n  - b.rs", None);
        check("› Ask anything\n\n  ? for shortcuts", None);
        let long = "● A reply that runs for quite a while and is then wrapped by the program,\n";
        check(&format!("{long}  so that it has a second line."), None);
    }

    #[test]
    fn an_entry_is_chosen_by_its_only_label() {
        let rows = ["   Yes, always", " ❯ No", "   Yes, once", "   Maybe"].map(String::from);
        let menu = read(&rows).unwrap();
        assert_eq!(menu.steps_to(&Regex::new("^Yes, once$").unwrap()), Some(1));
        assert_eq!(menu.steps_to(&Regex::new("^Yes, always").unwrap()), Some(-1));
        assert_eq!(menu.steps_to(&Regex::new("^Yes").unwrap()), None, "two entries fit");
        assert_eq!(menu.steps_to(&Regex::new("^Sure").unwrap()), None);
    }
}
