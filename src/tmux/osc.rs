//! What programs say of themselves in what they print: status reports (OSC 7501), notifications (OSC 9
//! and 777) and the bell.
//!
//! Bytes in, words out; any cut between two pieces gives the same words. Knows no pane and no clock,
//! keeps at most [`MAX_SEQUENCE`] bytes. What comes out is any program's word: bounded and of known
//! letters, and no more to be believed than the program.
use crate::model::{Spoken, StatusReport};

/// A longer sequence says nothing.
const MAX_SEQUENCE: usize = 4 << 10;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// Reads one pane's output.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    state: State,
    /// The payload of the sequence under way.
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After an escape character.
    Escape,
    /// In a sequence whose payload is kept, or no longer because it is too long.
    Osc {
        is_long: bool,
    },
    /// In another string, whose bytes mean nothing here.
    Text,
    /// After an escape character in either.
    OscEscape {
        is_long: bool,
    },
    TextEscape,
}

impl Scanner {
    /// What comes next does not follow what came last: the pane was silent for a while.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The words that end in these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Spoken> {
        let mut words = Vec::new();
        for &byte in bytes {
            words.extend(self.step(byte));
        }
        words
    }

    fn step(&mut self, byte: u8) -> Option<Spoken> {
        let (next, word) = match (self.state, byte) {
            (State::Osc { is_long }, ESC) => (State::OscEscape { is_long }, None),
            (State::Osc { is_long: false } | State::OscEscape { is_long: false }, _)
                if self.ends_osc(byte) =>
            {
                (State::Ground, spoken(&self.payload))
            }
            (State::Osc { .. }, BEL | CAN | SUB) | (State::Text, CAN | SUB) => {
                (State::Ground, None)
            }
            (State::Osc { is_long }, _) => {
                let is_long = is_long || self.payload.len() >= MAX_SEQUENCE;
                if !is_long {
                    self.payload.push(byte);
                }
                (State::Osc { is_long }, None)
            }
            (State::OscEscape { .. } | State::TextEscape, b'\\') => (State::Ground, None),
            // Doubled within what tmux is to hand on.
            (State::TextEscape, ESC) => (State::Text, None),
            (State::Text, ESC) => (State::TextEscape, None),
            (State::Text, _) => (State::Text, None),
            (State::Ground | State::Escape, ESC) => (State::Escape, None),
            (State::Escape | State::OscEscape { .. } | State::TextEscape, _) => {
                self.payload.clear();
                (after_escape(byte), None)
            }
            (State::Ground, BEL) => (State::Ground, Some(Spoken::Bell)),
            (State::Ground, _) => (State::Ground, None),
        };
        self.state = next;
        word
    }

    fn ends_osc(&self, byte: u8) -> bool {
        match self.state {
            State::Osc { .. } => byte == BEL,
            State::OscEscape { .. } => byte == b'\\',
            State::Ground | State::Escape | State::Text | State::TextEscape => false,
        }
    }
}

/// Which kind of sequence an escape character and this byte begin.
fn after_escape(byte: u8) -> State {
    match byte {
        ESC => State::Escape,
        b']' => State::Osc { is_long: false },
        // Device control, application, privacy, start of string, and the title of screen.
        b'P' | b'_' | b'^' | b'X' | b'k' => State::Text,
        _ => State::Ground,
    }
}

fn spoken(payload: &[u8]) -> Option<Spoken> {
    let text = std::str::from_utf8(payload).ok()?;
    let (number, rest) = text.split_once(';')?;
    match number {
        "7501" if rest.trim() == "?" => Some(Spoken::Query),
        "7501" => StatusReport::parse(rest).map(Spoken::Status),
        // `9;4` is a progress bar, and other numbers are of other terminals.
        "9" if !rest.starts_with(|c: char| c.is_ascii_digit()) => Some(Spoken::Notice),
        "777" if rest.starts_with("notify;") => Some(Spoken::Notice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ProgramState;

    fn read(bytes: &[u8]) -> Vec<Spoken> {
        Scanner::default().read(bytes)
    }

    fn status(state: ProgramState) -> Spoken {
        Spoken::Status(StatusReport { state, kind: None, app: None, message: None, id: None })
    }

    #[test]
    fn a_report_is_read_wherever_it_stands() {
        let want = [status(ProgramState::Working)];
        assert_eq!(read(b"text\x1b[31m\x1b]7501;state=working\x1b\\more"), want);
        assert_eq!(read(b"\x1b]0;title\x07\x1b]7501;state=working\x07"), want);
        assert_eq!(read(b"\x1b]broken\x1b]7501;state=working\x1b\\"), want);
        assert_eq!(read(b"\x1b]7501;?\x1b\\"), [Spoken::Query]);
    }

    #[test]
    fn what_is_no_report_says_nothing() {
        for bytes in [
            &b"\x1b]7501;state=dancing\x1b\\"[..],
            b"\x1b]7501;kind=auth\x1b\\",
            b"\x1b]7501;\x1b\\",
            b"\x1b]7501\x1b\\",
            b"\x1b]7501;state=idle\x18",
            b"\x1b]7501;state=idle",
            b"]7501;state=idle\x1b\\",
            b"\x1bPtmux;\x1b\x1b]7501;state=idle\x07",
            b"\x1b]7501;state=\xff\xfeidle\x1b\\",
            b"\x1b]9;4;1;50\x1b\\",
        ] {
            assert_eq!(read(bytes), [], "{bytes:?}");
        }
        let long =
            [&b"\x1b]7501;state=idle:app="[..], &b"x".repeat(MAX_SEQUENCE), b"\x1b\\"].concat();
        assert_eq!(read(&long), []);
        assert_eq!(
            read(&[&long[..], b"\x1b]7501;state=idle\x07"].concat()),
            [status(ProgramState::Idle)]
        );
    }

    #[test]
    fn the_bell_and_notifications_are_heard() {
        assert_eq!(read(b"a\x07b"), [Spoken::Bell]);
        assert_eq!(read(b"\x1b]0;title\x07"), [], "the end of a title");
        assert_eq!(
            read(b"\x1b]9;done\x07\x1b]777;notify;a;b\x1b\\"),
            [Spoken::Notice, Spoken::Notice]
        );
    }

    #[test]
    fn what_comes_after_a_gap_does_not_continue_what_came_before() {
        let mut scanner = Scanner::default();
        scanner.read(b"\x1b]7501;state=");
        scanner.restart();
        assert_eq!(scanner.read(b"idle\x1b]7501;state=idle\x07"), [status(ProgramState::Idle)]);
    }

    /// Pieces of sequences, whole ones, and noise.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            prop::sample::select(vec![
                &b"\x1b]7501;state=idle\x1b\\"[..],
                b"\x1b]7501;state=blocked:kind=permission:msg=aGk=\x07",
                b"\x1b]7501;",
                b"state=working",
                b"\x1b]",
                b"\x1b",
                b"\\",
                b"\x07",
                b"\x1bP",
                b"\x1b]9;x\x07",
            ])
            .prop_map(<[u8]>::to_vec),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|it| it.concat())
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_words(bytes in output(), cuts in prop::collection::vec(1usize..9, 1..50)) {
            let whole = Scanner::default().read(&bytes);
            let (mut scanner, mut words, mut rest) = (Scanner::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                words.extend(scanner.read(piece));
                prop_assert!(scanner.payload.len() <= MAX_SEQUENCE);
                rest = after;
            }
            prop_assert_eq!(words, whole);
        }

        #[test]
        fn nothing_is_kept_beyond_the_bound(bytes in prop::collection::vec(32u8..127, 0..10_000)) {
            let mut scanner = Scanner::default();
            scanner.read(b"\x1b]7501;");
            scanner.read(&bytes);
            prop_assert!(scanner.payload.len() <= MAX_SEQUENCE);
        }
    }
}
