//! Finds rows with text that the user typed or wtmag delivered. Such text can say anything, so it
//! is not evidence of the agent's state.
//!
//! Knows one [`Sample`], the position of the box, and the delivered texts. A doubtful row belongs
//! to the agent: rows that may be part of a dialog never count as typed text.
use std::collections::BTreeSet;

use super::{echo, generic, input_box::Found, menu, profile::Profile};
use crate::model::{InputBox, Sample};

/// A text this short could also be the label of a button.
const SHORT: usize = 12;

/// Numbers of the rows that show a text in the live box, or one of `sent`.
pub(super) fn rows(
    profile: &Profile,
    sample: &Sample,
    found: Option<&Found>,
    sent: &[String],
) -> BTreeSet<usize> {
    let used = sample.used_rows();
    let menu = menu::read(used).map(|it| it.entries).unwrap_or_default();
    let is_entry = |row: usize| menu.iter().any(|it| it.row == row);
    let mut typed = BTreeSet::new();
    let screen = echo::Screen::of(if sent.is_empty() { &[] } else { used });
    for text in sent {
        let is_short = text.chars().count() < SHORT;
        for (first, last) in screen.rows_of(text) {
            if !(is_short && first == last && is_entry(first)) {
                typed.extend(first..=last);
            }
        }
    }
    let is_menu = |it: &Found| (it.first..=it.last).any(is_entry);
    if let Some(found) = found.filter(|it| holds_a_draft(profile, sample, it) && !is_menu(it)) {
        typed.extend(found.first..=last_of(profile, found));
    }
    typed
}

/// If nothing shows the end of the box, rows below its first one may be the agent's.
fn last_of(profile: &Profile, found: &Found) -> usize {
    let is_open = profile
        .input
        .as_ref()
        .is_some_and(|it| it.bottom.is_none() && it.footer_rows == 0 && !it.footer_block);
    if is_open { found.first } else { found.last }
}

/// The box holds what a user types: the cursor is in it, and nothing in it is a choice or a
/// question.
fn holds_a_draft(profile: &Profile, sample: &Sample, found: &Found) -> bool {
    let InputBox::Holds(text) = &found.input else { return false };
    let rows = sample.rows.get(found.first..=found.last).unwrap_or_default();
    let has_cursor = (found.first..=found.last).contains(&usize::from(sample.cursor.1));
    let tells_by_cursor = profile.rules.iter().any(|rule| rule.cursor_in_box);
    let is_live = has_cursor && (sample.cursor_visible || !tells_by_cursor);
    let is_known = !profile.structural || generic::is_framed_prompt(sample, found) && !asks(text);
    is_live && is_known && menu::read(rows).is_none()
}

/// Programs ask in the line where the answer is typed.
fn asks(text: &str) -> bool {
    text.trim_end().ends_with([':', '?', ')', ']', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agents::explain, model::AgentState};

    const RULE: &str = "────────────────────────────────────────";

    /// What the words in the box would mean if the agent had printed them.
    const WORDS: [(&str, &str); 8] = [
        ("claude", "Print 'Press Enter to continue' at the end"),
        ("claude", "fix: Paste code here"),
        ("claude", "use Enter to save, Esc to quit"),
        ("codex", "Add a 'Sign in with ChatGPT' button"),
        ("opencode", "why is it retrying in 5s"),
        ("opencode", "Permission required: Allow once   Allow always   Reject"),
        ("pi", "Trust project folder? is asked twice"),
        ("generic", "Users cannot sign in with their API key"),
    ];

    /// A screen of an agent with a text in its box, or with an empty box and the text above it.
    fn screen(agent: &str, text: &str, submitted: bool) -> Sample {
        let (said, held) = if submitted { (text, "") } else { ("", text) };
        let (rows, row, lead): (Vec<String>, u16, usize) = match agent {
            "claude" | "generic" => {
                let rows = [format!("❯ {said}"), RULE.into(), format!("❯ {held}"), RULE.into()];
                (rows.into(), 2, 2)
            }
            "codex" => {
                let held = if submitted { "Ask Codex to do anything" } else { held };
                let rows = [format!("› {said}"), String::new(), format!("› {held}")];
                let footer = [String::new(), "  model default · /home/me".into()];
                (rows.into_iter().chain(footer).collect(), 2, 2)
            }
            "opencode" => {
                let held = if submitted { "Ask anything… \"x\"" } else { held };
                let rows = [format!("  ┃  {said}"), String::new(), format!("  ┃  {held}")];
                let edge =
                    ["  ┃".into(), "  ┃  Build · Model".into(), format!("  ╹{}", "▀".repeat(30))];
                let footer = ["  3 (1%)  ctrl+p commands".to_owned()];
                (rows.into_iter().chain(edge).chain(footer).collect(), 2, 5)
            }
            _ => {
                let footer = "0.0%/100k (auto)   stub-model".into();
                (vec![format!(" {said}"), RULE.into(), held.into(), RULE.into(), footer], 2, 0)
            }
        };
        let behind = if submitted { lead } else { lead + text.chars().count() };
        Sample {
            rows,
            cursor: (u16::try_from(behind).unwrap(), row),
            cursor_visible: agent == "opencode" || agent == "codex",
            command: Profile::shared(agent)
                .unwrap()
                .foreground
                .first()
                .cloned()
                .unwrap_or_default(),
            size: (120, 40),
            ..Sample::default()
        }
    }

    #[test]
    fn words_of_a_dialog_in_the_box_are_a_draft() {
        for (agent, text) in WORDS {
            let profile = Profile::shared(agent).unwrap();
            let sample = screen(agent, text, false);
            for sent in [vec![], vec![text.to_owned()]] {
                let why = explain(&profile, &sample, &sent);
                assert_eq!(
                    why.verdict.turn,
                    AgentState::Draft,
                    "{agent} {text} {sent:?}: {why:#?}"
                );
            }
        }
    }

    #[test]
    fn our_own_words_in_the_conversation_are_no_dialog_and_no_turn() {
        for (agent, text) in WORDS {
            let profile = Profile::shared(agent).unwrap();
            let sample = screen(agent, text, true);
            let why = explain(&profile, &sample, &[text.to_owned()]);
            assert!(why.verdict.turn.listens(), "{agent} {text}: {why:#?}");
        }
    }

    #[track_caller]
    fn check(agent: &str, rows: &[&str], cursor: (u16, u16), sent: &str, want: &str) {
        let profile = Profile::shared(agent).unwrap();
        let rows = rows.iter().map(ToString::to_string).collect();
        let command = profile.foreground.first().cloned().unwrap_or_default();
        let sample = Sample { rows, cursor, command, size: (60, 30), ..Sample::default() };
        let why = explain(&profile, &sample, &[sent.to_owned()]);
        assert_eq!(
            crate::model::DisplayState::Turn(why.verdict.turn.clone()).to_string(),
            want,
            "{why:#?}"
        );
    }

    #[test]
    fn a_dialog_in_the_place_of_the_box_is_a_dialog() {
        let trust =
            [RULE, " Trust project folder?", " /x", "", " → Trust", "   Do not trust", RULE];
        check("pi", &trust, (0, 9), "x", "blocked: trust");
        check("pi", &trust, (1, 4), "x", "blocked: trust");
        let asks = [RULE, "> Sign in with your API key:", RULE];
        check("generic", &asks, (28, 1), "x", "blocked: login");
        check("generic", &[RULE, "Log in first", "> Ada", RULE], (5, 2), "x", "blocked: login");
    }

    #[test]
    fn a_dialog_that_has_a_word_of_ours_is_still_one() {
        let menu = [RULE, "Go on?", " ❯ Yes", "   No", RULE];
        check("generic", &menu, (1, 2), "Yes", "blocked: other");
        check("generic", &["Press Enter to continue"], (0, 5), "continue", "blocked: other");
        check("generic", &["  Yes   No   Always"], (0, 5), "Yes", "waiting: question");
    }
}
