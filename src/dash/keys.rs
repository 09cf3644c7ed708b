//! Maps keys to what they do. Pure.
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::page::Tab;

/// What a key does while the list has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Move the selection by so many rows.
    Move(isize),
    First,
    Last,
    /// Scroll the view by so many rows.
    Scroll(isize),
    ScrollPage(isize),
    Go,
    Answer,
    Send,
    Land,
    Remove,
    RemoveMerged,
    Resume,
    Promote,
    HandOff,
    New,
    Acknowledge,
    OnlyNeeds,
    Filter,
    Mark,
    Show(Tab),
    NextTab(bool),
    Help,
    /// One step back: marks, filter, then the dashboard itself.
    Back,
    Leave,
}

/// The keys by name, with what they do, for the help.
pub(super) const HELP: [(&str, &str); 22] = [
    ("enter", "go to the worker's window"),
    ("a", "answer its question: by the number, or choose with ↑ ↓ and press enter"),
    ("s", "send a text: enter sends, alt-enter begins a line, ctrl-e opens your editor"),
    ("c", "acknowledge what it needs: it leaves the inbox"),
    ("d", "show what it changed"),
    ("l", "show its log"),
    ("m", "land its work: shows first what would be done"),
    ("x", "remove it: shows first what would be lost"),
    ("X", "remove the workers whose work is merged: shows them first"),
    ("r", "start its agent again"),
    ("p", "move it to its own session"),
    ("h", "hand it over to a new agent; begin the text with @codex to choose codex"),
    ("n", "new worker"),
    ("i", "show only the workers that need you"),
    ("/", "filter by id, branch, agent, state and title"),
    ("space", "mark it: s, c, m, x and r then act on all marked workers"),
    ("1 to 6, tab", "the views of the selected worker"),
    ("↑ ↓ j k", "select"),
    ("pgup pgdn J K", "scroll the view"),
    ("?", "this help"),
    ("esc", "back: marks, filter"),
    ("q", "close"),
];

/// None for a key without an action.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other keys mean nothing here")]
pub(super) fn wish(key: KeyEvent) -> Option<Wish> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | 'd') => Some(Wish::Leave),
            KeyCode::Char('p') => Some(Wish::Move(-1)),
            KeyCode::Char('n') => Some(Wish::Move(1)),
            KeyCode::Char('m') => Some(Wish::Go),
            KeyCode::Char('g') => Some(Wish::Back),
            _ => None,
        };
    }
    if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
        return None;
    }
    Some(match key.code {
        KeyCode::Enter => Wish::Go,
        KeyCode::Esc => Wish::Back,
        KeyCode::Up => Wish::Move(-1),
        KeyCode::Down => Wish::Move(1),
        KeyCode::Home => Wish::First,
        KeyCode::End => Wish::Last,
        KeyCode::PageUp => Wish::ScrollPage(-1),
        KeyCode::PageDown => Wish::ScrollPage(1),
        KeyCode::Tab => Wish::NextTab(true),
        KeyCode::BackTab => Wish::NextTab(false),
        KeyCode::Char(letter) => return of_letter(letter),
        _ => return None,
    })
}

fn of_letter(letter: char) -> Option<Wish> {
    Some(match letter {
        'j' => Wish::Move(1),
        'k' => Wish::Move(-1),
        'g' => Wish::First,
        'G' => Wish::Last,
        'J' => Wish::Scroll(1),
        'K' => Wish::Scroll(-1),
        'a' => Wish::Answer,
        's' => Wish::Send,
        'c' => Wish::Acknowledge,
        'd' => Wish::Show(Tab::Diff),
        'l' => Wish::Show(Tab::Log),
        'm' => Wish::Land,
        'x' => Wish::Remove,
        'X' => Wish::RemoveMerged,
        'r' => Wish::Resume,
        'p' => Wish::Promote,
        'h' => Wish::HandOff,
        'n' => Wish::New,
        'i' => Wish::OnlyNeeds,
        '/' => Wish::Filter,
        ' ' => Wish::Mark,
        '?' => Wish::Help,
        'q' => Wish::Leave,
        '1'..='9' => Wish::Show(*Tab::ALL.get(number(letter)?)?),
        _ => return None,
    })
}

/// 0 for `1`.
pub(super) fn number(letter: char) -> Option<usize> {
    let digit = letter.to_digit(10)?.checked_sub(1)?;
    usize::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: KeyCode, modifiers: KeyModifiers, want: Option<Wish>) {
        assert_eq!(wish(KeyEvent::new(code, modifiers)), want);
    }

    #[test]
    fn keys_mean_what_their_help_says() {
        check(KeyCode::Enter, KeyModifiers::NONE, Some(Wish::Go));
        check(KeyCode::Char('G'), KeyModifiers::SHIFT, Some(Wish::Last));
        check(KeyCode::Char('3'), KeyModifiers::NONE, Some(Wish::Show(Tab::Diff)));
        check(KeyCode::Char('7'), KeyModifiers::NONE, None);
        check(KeyCode::Char('p'), KeyModifiers::CONTROL, Some(Wish::Move(-1)));
        check(KeyCode::Char('x'), KeyModifiers::ALT, None);
        check(KeyCode::F(1), KeyModifiers::NONE, None);
        // Each key of one letter in the help does something.
        for (key, _) in HELP {
            let mut letters = key.chars();
            if let (Some(letter), None) = (letters.next(), letters.next()) {
                assert!(of_letter(letter).is_some(), "{key}");
            }
        }
    }
}
