//! How an agent shows what it has used and what is left of it, beside the words that agents share.
use serde::Deserialize;

use super::{Pattern, Profile};

/// `[limits]`: lines about a provider's limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// The limit is reached; no time of its reset need be named.
    pub hit: Vec<Pattern>,
    /// It comes near.
    pub soon: Vec<Pattern>,
}

/// `[usage]`: in rows near the box. The first group of each pattern is the value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsageSpec {
    /// What is left of the context, in percent.
    pub context_left: Vec<Pattern>,
    /// What of it is used, in percent.
    pub context_used: Vec<Pattern>,
    /// What the session has cost, with its currency.
    pub cost: Vec<Pattern>,
}

impl Profile {
    /// The agent would run the text as a command of its own: `!` runs a shell command without asking.
    pub fn is_command(&self, text: &str) -> bool {
        self.paste.is_command(text)
    }
}

impl super::Paste {
    /// See [`Profile::is_command`].
    pub fn is_command(&self, text: &str) -> bool {
        let bare = text.trim_start();
        self.prefixes.iter().any(|prefix| bare.starts_with(prefix.as_str()))
    }
    /// The agent may draw the text at other columns than the terminal, or tmux not all of it.
    pub fn may_be_drawn_wrongly(&self, text: &str) -> bool {
        self.by_file.iter().any(|it| it.is_match(text)) || has_lone_joiner(text)
    }
}

/// tmux 3.3 waits for what a zero-width joiner joins. ASCII does not end the wait, so a later character is
/// not shown: an accent of the text, or the sign before the agent's box.
fn has_lone_joiner(text: &str) -> bool {
    let next = text.chars().skip(1).chain([' ']);
    text.chars().zip(next).any(|(c, next)| c == '\u{200D}' && next.is_ascii())
}

#[cfg(test)]
mod tests {
    use crate::agents::profile::Paste;

    #[test]
    fn a_joiner_with_nothing_to_join_is_drawn_wrongly() {
        let check = |text, want| {
            assert_eq!(Paste::default().may_be_drawn_wrongly(text), want, "{text:?}");
        };
        check("family 👩\u{200D}💻", false);
        check("नमस्\u{200D}ते", false);
        check("a\u{200C} b", false);
        check("a\u{200D} b", true);
        check("👩\u{200D}💻\u{200D}", true);
        check("a\u{200D}\u{200D}é", false);
        check("\u{200D}", true);
    }
}
