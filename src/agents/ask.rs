//! Extracts what a dialog on the screen asks: the kind, the question, the choices.
//!
//! Knows rows of text and the screen's classification. Judges by shape and common words, so that it works
//! for every profile; what it cannot read stays empty. All texts are cleaned and short.
use std::sync::LazyLock;

use regex::Regex;

use super::generic::{is_edge, unframed};
use crate::{
    model::{AgentState, Ask, AskKind, Blocker, Choice, FactSource, Question},
    text::one_line,
};

/// A dialog extends at most this far above its choices.
const MAX_ROWS: usize = 24;

/// A pattern that is compiled when it is first used.
macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
    };
}

mod answers;

use answers::{Answers, answers};

pattern!(PLAN, r"(?i)\bplan\b(?:.*\?|$)");
pattern!(TOOL, r"(?i)\btool use\b|\bmcp\b");
pattern!(COMMAND, r"(?i)\b(?:bash|shell|commands?|execut\w*|run)\b");
pattern!(URL, r"(?i)\b(?:fetch\w*|browse|web ?search|download|domain|url)\b|https?://");
pattern!(
    PATH,
    r"(?i)\b(?:edits?|writ\w+|creat\w+|overwrite|delet\w+|changes?|patch|files?|read\w*|diff)\b"
);
pattern!(LEAVE, r"(?i)\b(?:allow|permission|permit|approve|authori[sz]e)\b");
pattern!(
    LEAVE_TO,
    r"(?i)(?:\b(?:do you want|would you like|may i|can i|shall i|should i|ok(?:ay)?)\b.{0,40}\b|^\W*)(?:run|execut\w+|proceed|make|creat\w+|edit|write|use|fetch|read|delete|apply|continue)\b.*\?"
);
pattern!(LEAVE_BY, r"(?i)\b(?:allow|don't ask again|approve|deny|reject)\b");
pattern!(NAMED, r"(?i)^\W*(?:will run|command|path|file|url|tool):\s*(\S.*)$");
pattern!(
    TITLE,
    r"(?i)^\W*(?:bash|shell|edit|write|create|read|fetch|web ?fetch|update|delete|run|execute|tool)\b[^.?:]{0,30}$"
);
pattern!(
    OBJECT,
    r"(?i)\b(?:to|of|from|create|edit|write|read|delete)\s+([\w~./-]*[./][\w~./-]*\w)\?"
);
pattern!(A_PATH, r"^(?:~|/|[A-Za-z]:\\)\S*$");
pattern!(
    NOISE,
    r"(?i)^\W*(?:tip|note|reason|environment|warning|hint|esc|press|enter|security guide)\b|^[#⚠↑↓]|^\S+(?: \S+){7,}[.)]$"
);
pattern!(SAID, r"^ {0,2}[●•◆✻✶❯›>⏺○◉■□⎿]\s");

// An entry that is an input box, or becomes one; `(esc)` means that it leads back to the agent's own box.
pattern!(FREE, r"(?i)^type (?:something|your own)\b|\btell \S+ what to do\b");
pattern!(BACK, r"(?i)\btell \S+ what to do\b.*\(esc\)");
pattern!(AMEND, r"(?i)\btab to amend\b");

/// What is typed while this entry is highlighted becomes its text.
pub fn takes_words(label: &str) -> bool {
    is(&FREE, label) && !leads_back(label)
}

/// This entry leads back to the agent's own box, where the words can be typed.
pub fn leads_back(label: &str) -> bool {
    is(&BACK, label)
}

/// Tab makes the highlighted entry take words.
pub fn is_amendable(rows: &[String]) -> bool {
    rows.iter().rev().filter(|it| !it.trim().is_empty()).take(3).any(|it| is(&AMEND, it))
}

fn is(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|it| it.is_match(text))
}

fn group<'t>(pattern: &LazyLock<Option<Regex>>, text: &'t str) -> Option<&'t str> {
    pattern.as_ref()?.captures(text)?.get(1).map(|it| it.as_str())
}

/// What a screen asks that was classified as `turn` because of its row `row`.
pub(super) fn read(rows: &[String], turn: &AgentState, row: Option<usize>) -> Option<Ask> {
    if !turn.asks() || rows.is_empty() {
        return None;
    }
    let answers = answers(rows);
    let end = match &answers {
        Some(it) => it.first,
        None => row.map_or(rows.len(), |row| row + 1),
    };
    let dialog = Dialog::above(rows, end, row);
    let question = match &answers {
        Some(Answers { question: Some(text), .. }) => text.clone(),
        Some(_) | None => dialog.question(),
    };
    let choices = answers.map(|it| it.choices).unwrap_or_default();
    let kind = dialog.kind(turn, &question, &choices);
    let about = dialog.about(kind, &question, &choices).unwrap_or_default();
    let short = |text: &str| one_line(text, Ask::MAX_TEXT);
    let choices = choices.into_iter().take(Ask::MAX_CHOICES);
    let choices = choices.map(|it| Choice { label: short(&it.label), ..it }).collect();
    let (about, question) = (short(&about), short(&question));
    Some(Ask { kind, about, question, choices, source: FactSource::Screen })
}

/// The state of a turn whose words ask for permission.
pub(super) fn named(turn: AgentState, ask: Option<&Ask>, by_shape: bool) -> AgentState {
    let may_be_leave = match &turn {
        AgentState::Blocked(Blocker::Other) => true,
        AgentState::Waiting(Question::Question) => by_shape,
        AgentState::Blocked(_)
        | AgentState::Waiting(_)
        | AgentState::Unknown
        | AgentState::Ready
        | AgentState::Working
        | AgentState::Retrying
        | AgentState::Idle
        | AgentState::Failed
        | AgentState::Limited(_)
        | AgentState::Draft
        | AgentState::Other(_) => false,
    };
    let asks_leave = ask.is_some_and(Ask::is_permission);
    if may_be_leave && asks_leave { AgentState::Waiting(Question::Permission) } else { turn }
}

/// The rows of a dialog above its answers.
struct Dialog<'a> {
    /// Without frames, blank ones left out, dashed edges as they are.
    lines: Vec<&'a str>,
}

impl<'a> Dialog<'a> {
    fn above(rows: &'a [String], end: usize, row: Option<usize>) -> Self {
        let is_framed = |text: &str| unframed(text) != text.trim();
        let at = end.min(rows.len().saturating_sub(1));
        let framed = rows.get(at).is_some_and(|it| is_framed(it));
        let mut first = end;
        let mut n_blank = 0;
        for at in (end.saturating_sub(MAX_ROWS)..end).rev() {
            let text = rows.get(at).map(String::as_str).unwrap_or_default();
            let is_blank = unframed(text).is_empty();
            n_blank = if is_blank { n_blank + 1 } else { 0 };
            let is_over = is_edge(text) && !is_dashed(text)
                || framed && !is_framed(text)
                || !framed && (n_blank > 2 || is(&SAID, text) && Some(at) != row);
            if is_over {
                break;
            }
            first = at;
        }
        let lines = rows.get(first..end).unwrap_or_default().iter().map(|it| unframed(it));
        Self { lines: lines.filter(|it| !it.is_empty()).collect() }
    }

    /// The lines that say something.
    fn words(&self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.lines.iter().copied().filter(|it| !is_edge(it))
    }

    fn title(&self) -> &'a str {
        self.words().next().unwrap_or_default()
    }

    /// The lowest line that ends in a question mark, else one with a question in it, else the title.
    fn question(&self) -> String {
        let whole = self.words().rev().find(|it| it.trim_end_matches(['"', '\'']).ends_with('?'));
        let part = || {
            let line = self.words().rev().find(|it| it.contains("? "))?;
            line.split_inclusive('?').next()
        };
        whole.or_else(part).unwrap_or(self.title()).to_owned()
    }

    fn kind(&self, turn: &AgentState, question: &str, choices: &[Choice]) -> AskKind {
        match turn {
            AgentState::Blocked(Blocker::Trust) => return AskKind::Trust,
            AgentState::Blocked(Blocker::Login) => return AskKind::Login,
            AgentState::Waiting(_) | AgentState::Blocked(Blocker::Other) => {}
            AgentState::Blocked(_)
            | AgentState::Unknown
            | AgentState::Ready
            | AgentState::Working
            | AgentState::Retrying
            | AgentState::Idle
            | AgentState::Failed
            | AgentState::Limited(_)
            | AgentState::Draft
            | AgentState::Other(_) => return AskKind::Question,
        }
        let asks_leave = *turn == AgentState::Waiting(Question::Permission)
            || is(&LEAVE, question)
            || is(&LEAVE, self.title())
            || is(&LEAVE_TO, question)
            || choices.iter().any(|it| is(&LEAVE_BY, &it.label));
        if !asks_leave {
            return AskKind::Question;
        }
        let heads = [self.title(), question];
        if heads.iter().any(|it| is(&PLAN, it)) {
            return AskKind::Plan;
        }
        if self.command().is_some() {
            return AskKind::Command;
        }
        let kinds = [
            (&TOOL, AskKind::Tool),
            (&COMMAND, AskKind::Command),
            (&URL, AskKind::Url),
            (&PATH, AskKind::Path),
        ];
        let of = |text: &str| kinds.iter().find(|(it, _)| is(it, text)).map(|(_, kind)| *kind);
        let in_heads = heads.iter().find_map(|it| of(it));
        in_heads.or_else(|| self.words().find_map(of)).unwrap_or(AskKind::Tool)
    }

    /// A line behind a shell's prompt.
    fn command(&self) -> Option<&'a str> {
        self.words().find_map(|it| it.strip_prefix("$ "))
    }

    fn about(&self, kind: AskKind, question: &str, choices: &[Choice]) -> Option<String> {
        match kind {
            AskKind::Trust => {
                let path = self.words().find(|it| is(&A_PATH, it)).map(str::to_owned);
                path.or_else(|| in_brackets(choices))
            }
            AskKind::Login | AskKind::Question | AskKind::Other(_) => None,
            AskKind::Command => {
                let named = self.words().find_map(|it| group(&NAMED, it));
                let line = self.command().or(named).map(str::to_owned);
                line.or_else(|| self.between_dashes()).or_else(|| self.nearest(question))
            }
            AskKind::Path => {
                let object = group(&OBJECT, question).map(str::to_owned);
                let below_title = self.below_title().map(str::to_owned);
                below_title.or(object).or_else(|| self.nearest(question))
            }
            AskKind::Url | AskKind::Tool | AskKind::Plan => self.nearest(question),
        }
    }

    /// What stands between dashed edges.
    fn between_dashes(&self) -> Option<String> {
        let mut parts = self.lines.split(|it| is_edge(it) && is_dashed(it));
        let (_, inner, _) = (parts.next()?, parts.next()?, parts.next()?);
        Some(inner.join(" ")).filter(|it| !it.is_empty())
    }

    fn below_title(&self) -> Option<&'a str> {
        let mut words = self.words();
        let is_title = words.next().is_some_and(|it| is(&TITLE, it));
        words.find(|it| !is(&NOISE, it)).filter(|it| is_title && !it.ends_with('?'))
    }

    /// The line before the question that says most, else the one after it.
    fn nearest(&self, question: &str) -> Option<String> {
        let is_head = |it: &str| is(&TITLE, it) || it.ends_with('?') || question.contains(it);
        let is_told = |it: &&str| !is(&NOISE, it) && !is_head(it);
        let lines: Vec<&str> = self.words().collect();
        let at = lines.iter().rposition(|it| question.contains(it)).unwrap_or(lines.len());
        let (before, after) = lines.split_at_checked(at)?;
        let line = self.below_title().or_else(|| before.iter().rev().copied().find(is_told));
        let line = line.or_else(|| after.iter().skip(1).copied().find(is_told));
        line.map(|it| it.trim_start_matches(|c: char| "←→⎿└•●".contains(c)).trim().to_owned())
    }
}

/// An edge within a dialog.
fn is_dashed(text: &str) -> bool {
    text.contains(['╌', '┄', '┈', '╍', '┅', '┉'])
}

/// `Trust folder (blog)` names it.
fn in_brackets(choices: &[Choice]) -> Option<String> {
    let label = choices.iter().map(|it| it.label.as_str()).find(|it| it.contains('('))?;
    let (_, inner) = label.split_once('(')?;
    Some(inner.trim_end_matches(')').to_owned())
}

#[cfg(test)]
mod tests;
