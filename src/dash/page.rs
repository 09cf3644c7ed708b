//! The views of the selected worker, and the texts that they show. Pure.
use ansi_to_tui::IntoText as _;
use ratatui::text::{Line, Span, Text};

use crate::{model::WorkerId, text::clean};

/// One view of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tab {
    Screen,
    Question,
    Diff,
    Said,
    Log,
    Receipts,
}

impl Tab {
    pub(super) const ALL: [Self; 6] =
        [Self::Screen, Self::Question, Self::Diff, Self::Said, Self::Log, Self::Receipts];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Question => "question",
            Self::Diff => "diff",
            Self::Said => "said",
            Self::Log => "log",
            Self::Receipts => "receipts",
        }
    }

    /// The command whose output it shows.
    pub(super) const fn verb(self) -> Option<&'static str> {
        match self {
            Self::Screen | Self::Question => None,
            Self::Diff => Some("diff"),
            Self::Said => Some("said"),
            Self::Log => Some("log"),
            Self::Receipts => Some("receipts"),
        }
    }

    /// The next one, or the one before.
    pub(super) fn beside(self, forward: bool) -> Self {
        let n = Self::ALL.len();
        let at = Self::ALL.iter().position(|it| *it == self).unwrap_or(0);
        let to = if forward { at + 1 } else { at + n - 1 };
        Self::ALL.get(to % n).copied().unwrap_or(self)
    }
}

/// The output of a command about one worker.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) id: WorkerId,
    pub(super) tab: Tab,
    pub(super) text: Text<'static>,
    /// The command runs; what is shown is its earlier output.
    pub(super) is_loading: bool,
}

/// Text with colours as escape sequences, for a terminal's cells: everything else that acts on a
/// terminal is removed.
pub(super) fn painted(text: &str) -> Text<'static> {
    let Ok(painted) = text.into_text() else { return plain(text) };
    let line = |line: Line<'_>| {
        let span = |it: Span<'_>| Span::styled(clean(&it.content).replace('\t', "    "), it.style);
        Line::from(line.spans.into_iter().map(span).collect::<Vec<_>>())
    };
    Text::from(painted.lines.into_iter().map(line).collect::<Vec<_>>())
}

/// Text as it is, clean.
pub(super) fn plain(text: &str) -> Text<'static> {
    Text::from(clean(text).replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_nothing_else_acts() {
        let text = painted("\x1b[31mred\x1b[0m \x1b]0;title\x07\tend\nnext");
        let [first, second] = text.lines.as_slice() else { panic!("{text:?}") };
        assert_eq!(first.spans[0].style.fg, Some(ratatui::style::Color::Red));
        let all: String = first.spans.iter().map(|it| it.content.as_ref()).collect();
        assert!(
            all.starts_with("red") && !all.contains('\x1b') && !all.contains('\x07'),
            "{all:?}"
        );
        assert_eq!(second.to_string(), "next");
    }

    #[test]
    fn the_views_go_round() {
        assert_eq!(Tab::Screen.beside(false), Tab::Receipts);
        assert_eq!(Tab::Receipts.beside(true), Tab::Screen);
        assert_eq!(Tab::Screen.beside(true), Tab::Question);
    }
}
