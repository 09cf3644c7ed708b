//! A dialog in the way: what it shows, and what each key does.
use serde::{Deserialize, Serialize};

use crate::input::Key;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialog {
    pub kind: Kind,
    pub heading: String,
    pub question: String,
    /// Two or more for menus and buttons; `yes` and `no` for y/n; one for a key.
    pub entries: Vec<String>,
    /// Highlighted when it opens; may be the one that ends everything.
    pub chosen: usize,
    /// The entry that lets the agent continue; any other makes it exit with code 1.
    pub right: usize,
    /// How to answer, in words; may be empty for menus.
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `❯ 1. …`: digits, arrows and Enter.
    Numbered,
    /// `❯ …`: arrows and Enter.
    Menu,
    /// `… [y/N]`: a letter.
    Letter,
    /// Entries side by side: arrows or Tab, and Enter.
    Buttons,
    /// Any key at all.
    Key,
}

/// What a key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Nothing,
    Moved,
    /// The entry that was confirmed.
    Given(usize),
}

impl Dialog {
    /// Escape and Ctrl-C give an entry that does not exist, which is never the right one.
    pub(crate) fn handle_key(&mut self, key: &Key) -> Answer {
        let last = self.entries.len().saturating_sub(1);
        match (self.kind, key) {
            (Kind::Key, Key::PasteStart | Key::PasteEnd) => Answer::Nothing,
            (Kind::Key, _) => Answer::Given(self.right),
            (_, Key::Escape | Key::Control('c')) => Answer::Given(self.entries.len()),
            (Kind::Letter, Key::Char('y' | 'Y')) => Answer::Given(0),
            (Kind::Letter, Key::Char('n' | 'N')) => Answer::Given(1),
            (_, Key::Enter) => Answer::Given(self.chosen),
            (Kind::Letter, _) => Answer::Nothing,
            (Kind::Numbered, Key::Char(digit @ '1'..='9')) => {
                let entry = digit.to_digit(10).and_then(|it| usize::try_from(it).ok());
                match entry.map(|it| it - 1) {
                    Some(entry) if entry <= last => Answer::Given(entry),
                    _ => Answer::Nothing,
                }
            }
            (_, Key::Up | Key::Left) => self.choose(self.chosen.saturating_sub(1)),
            (_, Key::Down | Key::Right | Key::Tab) => self.choose((self.chosen + 1).min(last)),
            _ => Answer::Nothing,
        }
    }

    fn choose(&mut self, entry: usize) -> Answer {
        self.chosen = entry;
        Answer::Moved
    }

    /// The keys with which a human who sees the screen would let the agent continue.
    pub(crate) fn right_keys(&self) -> String {
        let steps = |key: &str| key.repeat(self.right.abs_diff(self.chosen));
        let (back, on) = match self.kind {
            Kind::Key => return " ".to_owned(),
            Kind::Letter => return if self.right == 0 { "y" } else { "n" }.to_owned(),
            Kind::Numbered => return (self.right + 1).to_string(),
            Kind::Menu => ("\x1b[A", "\x1b[B"),
            Kind::Buttons => ("\x1b[D", "\x1b[C"),
        };
        steps(if self.right < self.chosen { back } else { on }) + "\r"
    }
}
