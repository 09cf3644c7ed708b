//! How the boxes of today's agents draw a text: what they leave out, and where they break it.
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Drawing {
    /// As a terminal would: a line break, or no more room.
    #[default]
    Plain,
    /// Composed, without what has no width, broken between words.
    Claude,
    /// Cell by cell, each of one letter and its marks; broken between words.
    Codex,
    /// Tabs and a Thai vowel in parts, else as it is; broken between words.
    Pi,
    /// As it is; broken between words, without the space between them.
    Ink,
    /// Controls in letters; broken where the row ends.
    Toolkit,
}

impl Drawing {
    pub(crate) fn lines(self, text: &str, width: usize) -> Vec<String> {
        let shown: Vec<String> = text.split('\n').map(|line| self.shown(line)).collect();
        let broken = shown.iter().flat_map(|line| match self {
            Self::Plain | Self::Toolkit => by_width(line, width),
            Self::Claude | Self::Codex | Self::Pi => by_word(line, width, false),
            Self::Ink => by_word(line, width, true),
        });
        broken.collect()
    }

    fn shown(self, line: &str) -> String {
        match self {
            Self::Plain => line.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
            Self::Claude => {
                let line = line.replace('\t', "    ");
                line.nfc().filter(|c| c.width().is_some_and(|it| it > 0) || is_mark(*c)).collect()
            }
            Self::Codex => line.chars().filter(|c| c.width().is_some()).collect(),
            Self::Pi => {
                let line = line.replace('\t', "    ");
                let line = line.replace('\u{e33}', "\u{e4d}\u{e32}");
                line.replace('\u{eb3}', "\u{ecd}\u{eb2}")
            }
            Self::Ink => line.to_owned(),
            Self::Toolkit => line.chars().map(in_letters).collect(),
        }
    }
}

/// Drawn over the letter before it, and not a format character.
fn is_mark(c: char) -> bool {
    c.width() == Some(0)
        && c.nfd().next().is_some_and(unicode_normalization::char::is_combining_mark)
}

fn in_letters(c: char) -> String {
    match u32::from(c) {
        code @ 0..0x20 => format!("^{}", char::from_u32(code + 0x40).unwrap_or('?')),
        0x7f => "^?".to_owned(),
        code @ 0x80..0xa0 => format!("<{code:02x}>"),
        0xa0 => " ".to_owned(),
        _ => c.to_string(),
    }
}

fn by_width(line: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for c in line.chars() {
        let room = rows.last().is_none_or(|row| row.width() + c.width().unwrap_or(0) <= width);
        if !room {
            rows.push(String::new());
        }
        rows.last_mut().into_iter().for_each(|row| row.push(c));
    }
    rows
}

fn by_word(line: &str, width: usize, trims: bool) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let Some(row) = rows.last_mut() else { break };
        if row.width() + word.trim_end_matches(' ').width() <= width {
            row.push_str(word);
            continue;
        }
        let mut pieces = by_width(word, width);
        if row.is_empty() {
            rows.pop();
        }
        rows.append(&mut pieces);
    }
    if trims {
        rows.iter_mut().for_each(|row| row.truncate(row.trim_end_matches(' ').len()));
    }
    rows
}
