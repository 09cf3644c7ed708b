//! Quotes text for a tmux command line.
//!
//! Knows how tmux reads a quoted argument and expands a format; not the commands. No IO.
use std::fmt::Write as _;

/// Appends `bytes` as one argument that tmux reads back byte for byte. A NUL, which no argument can
/// contain, is left out.
pub fn push_quoted(line: &mut String, bytes: &[u8]) {
    line.push('"');
    for &byte in bytes {
        match byte {
            0 => {}
            // A backslash escapes, `$` and `~` expand, and raw 0xff ends the input.
            b'"' | b'\\' | b'$' | b'~' | ..=0x1f | 0x7f.. => push_octal(line, byte),
            plain => line.push(char::from(plain)),
        }
    }
    line.push('"');
}

fn push_octal(line: &mut String, byte: u8) {
    // Writing to a String does not fail.
    write!(line, "\\{byte:03o}").unwrap_or_default();
}

/// Text that tmux expands: `#{…}` is replaced, `#(…)` runs a command. External text enters it only
/// through [`Format::literal`] and [`Format::equals`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<u8>);

impl Format {
    /// A format from the source code.
    pub fn code(format: &'static str) -> Self {
        Self(format.into())
    }

    /// Expands to `text` and runs nothing.
    pub fn literal(text: impl AsRef<[u8]>) -> Self {
        let mut escaped = Vec::new();
        let mut rest = text.as_ref();
        while let Some(at) = memchr::memchr(b'#', rest) {
            let (plain, hashes) = rest.split_at(at);
            let n_hashes = hashes.iter().take_while(|&&it| it == b'#').count();
            let (run, tail) = hashes.split_at(n_hashes);
            escaped.extend_from_slice(plain);
            escaped.extend_from_slice(run);
            // Before `[` tmux takes a run of `#` for the start of a style and keeps it as it is.
            if !tail.starts_with(b"[") {
                escaped.extend_from_slice(run);
            }
            rest = tail;
        }
        escaped.extend_from_slice(rest);
        Self(escaped)
    }

    /// True when the value of `format` is `text`.
    pub fn equals(format: &'static str, text: impl AsRef<[u8]>) -> Self {
        let mut condition = format!("#{{==:{format},").into_bytes();
        for byte in Self::literal(text).0 {
            // These two characters end an operand.
            if matches!(byte, b',' | b'}') {
                condition.push(b'#');
            }
            condition.push(byte);
        }
        condition.push(b'}');
        Self(condition)
    }

    /// True if both are.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self([b"#{&&:", self.0.as_slice(), b",", other.0.as_slice(), b"}"].concat())
    }

    /// The value of `format` in the session for which this is true.
    #[must_use]
    pub fn in_session(&self, format: &'static str) -> Self {
        let value = format.as_bytes();
        Self([b"#{S:#{?", self.0.as_slice(), b",", value, b",}}"].concat())
    }

    /// For `display-message`, which inserts the time before it expands the rest: makes `%` stand
    /// for itself.
    #[must_use]
    pub fn timeless(&self) -> Self {
        let double = |byte: &u8| if *byte == b'%' { vec![b'%', b'%'] } else { vec![*byte] };
        Self(self.0.iter().flat_map(double).collect())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut line = String::new();
        push_quoted(&mut line, bytes);
        line
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(Format::literal(text).as_bytes(), want.as_bytes());
    }

    #[test]
    fn what_tmux_would_read_otherwise_is_octal() {
        assert_eq!(quoted(b"a b;#{}'"), "\"a b;#{}'\"");
        assert_eq!(quoted(b"~\"\\$\n\x7f\xff"), r#""\176\042\134\044\012\177\377""#);
        assert_eq!(quoted(b"a\0b"), "\"ab\"");
        assert_eq!(quoted(b""), "\"\"");
    }

    #[test]
    fn a_literal_expands_to_itself() {
        check("plain, {text}", "plain, {text}");
        check("#(touch x)#{pane_id}#S", "##(touch x)##{pane_id}##S");
        check("###", "######");
        check("#[red]##[x", "#[red]##[x");
    }

    #[test]
    fn an_operand_ends_where_we_end_it() {
        let condition = Format::equals("#{pane_id}", "a,b}#");
        assert_eq!(condition.as_bytes(), b"#{==:#{pane_id},a#,b#}##}");
        let both = condition.and(&Format::code("#{x}"));
        assert_eq!(both.as_bytes(), b"#{&&:#{==:#{pane_id},a#,b#}##},#{x}}");
    }

    proptest! {
        #[test]
        fn a_quoted_argument_is_one_line_of_plain_ascii(bytes: Vec<u8>) {
            let line = quoted(&bytes);
            prop_assert!(line.bytes().all(|it| (b' '..0x7f).contains(&it)));
            prop_assert!(!line[1..line.len() - 1].contains('"'));
        }
    }
}
