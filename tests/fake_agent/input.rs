//! Bytes of a terminal in, keys out; a sequence may come in pieces.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Enter,
    /// Ctrl-J: a line break in the box.
    LineFeed,
    Tab,
    Backspace,
    Escape,
    Up,
    Down,
    Left,
    Right,
    PasteStart,
    PasteEnd,
    /// Control and this letter.
    Control(char),
    /// A sequence that means nothing here.
    Other,
}

/// Holds what is not yet a whole key.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Vec<u8>);

impl Decoder {
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.0.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while let Some((key, len)) = first_key(&self.0) {
            self.0.drain(..len);
            keys.push(key);
        }
        // A lone Escape at the end of a read is the key: terminals send sequences in one piece.
        if self.0 == [0x1b] {
            self.0.clear();
            keys.push(Key::Escape);
        }
        keys
    }
}

fn first_key(bytes: &[u8]) -> Option<(Key, usize)> {
    let key = match *bytes.first()? {
        0x1b => return sequence(bytes),
        b'\r' => Key::Enter,
        b'\n' => Key::LineFeed,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        code @ 0x01..=0x1a => Key::Control(char::from(code | 0x60)),
        0x00..0x20 => Key::Other,
        _ => return character(bytes),
    };
    Some((key, 1))
}

fn character(bytes: &[u8]) -> Option<(Key, usize)> {
    let len = match *bytes.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let text = std::str::from_utf8(bytes.get(..len)?);
    Some(match text.ok().and_then(|text| text.chars().next()) {
        Some(char) => (Key::Char(char), len),
        None => (Key::Other, 1),
    })
}

fn sequence(bytes: &[u8]) -> Option<(Key, usize)> {
    match bytes.get(1)? {
        b'[' => {
            let end = bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte))? + 3;
            let key = match bytes.get(2..end)? {
                b"A" => Key::Up,
                b"B" => Key::Down,
                b"C" => Key::Right,
                b"D" => Key::Left,
                b"200~" => Key::PasteStart,
                b"201~" => Key::PasteEnd,
                _ => Key::Other,
            };
            Some((key, end))
        }
        b'O' => {
            let key = match bytes.get(2)? {
                b'A' => Key::Up,
                b'B' => Key::Down,
                b'C' => Key::Right,
                b'D' => Key::Left,
                _ => Key::Other,
            };
            Some((key, 3))
        }
        _ => Some((Key::Escape, 1)),
    }
}
