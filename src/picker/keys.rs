//! Maps keys to actions. Pure.
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The action of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Type(char),
    /// Delete the last character of the query.
    Rub,
    RubWord,
    RubAll,
    /// Move the selection by so many rows.
    Move(isize),
    First,
    Last,
    Choose,
    Leave,
}

/// Rows that a page key moves by.
const PAGE: isize = 10;

/// None for a key without an action.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other keys mean nothing here")]
pub(super) fn wish(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return control(key.code);
    }
    if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
        return None;
    }
    Some(match key.code {
        KeyCode::Enter => Wish::Choose,
        KeyCode::Esc => Wish::Leave,
        KeyCode::Backspace => Wish::Rub,
        KeyCode::Up | KeyCode::BackTab => Wish::Move(-1),
        KeyCode::Down | KeyCode::Tab => Wish::Move(1),
        KeyCode::PageUp => Wish::Move(-PAGE),
        KeyCode::PageDown => Wish::Move(PAGE),
        KeyCode::Home => Wish::First,
        KeyCode::End => Wish::Last,
        KeyCode::Char(c) => Wish::Type(c),
        _ => return None,
    })
}

fn control(code: KeyCode) -> Option<Wish> {
    let KeyCode::Char(letter) = code else { return None };
    Some(match letter {
        'c' | 'd' | 'g' => Wish::Leave,
        'p' | 'k' => Wish::Move(-1),
        'n' | 'j' => Wish::Move(1),
        'm' => Wish::Choose,
        'h' => Wish::Rub,
        'w' => Wish::RubWord,
        'u' => Wish::RubAll,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: KeyCode, modifiers: KeyModifiers, want: Option<Wish>) {
        assert_eq!(wish(KeyEvent::new(code, modifiers)), want);
    }

    #[test]
    fn keys_mean_what_they_mean_in_a_shell() {
        check(KeyCode::Char('x'), KeyModifiers::NONE, Some(Wish::Type('x')));
        check(KeyCode::Char('X'), KeyModifiers::SHIFT, Some(Wish::Type('X')));
        check(KeyCode::Char('p'), KeyModifiers::CONTROL, Some(Wish::Move(-1)));
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Wish::Leave));
        check(KeyCode::Char('x'), KeyModifiers::ALT, None);
        check(KeyCode::Enter, KeyModifiers::NONE, Some(Wish::Choose));
        check(KeyCode::F(1), KeyModifiers::NONE, None);
    }
}
