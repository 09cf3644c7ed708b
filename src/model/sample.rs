//! One capture of a pane, and the verdict on it.
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AgentState, Ask, DeliveryId, DisplayState, FactSource, Timestamp, unknown::name_of};

/// What tmux's grid and formats showed of a pane at one moment, read in one atomic command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub at: Timestamp,
    /// The visible screen, top to bottom, trailing blanks cut, without escape sequences.
    pub rows: Vec<String>,
    /// The same with colours as escape sequences, where they matter.
    #[serde(skip)]
    pub styled: Vec<String>,
    pub title: String,
    /// Foreground command of the pane's terminal (`pane_current_command`).
    pub command: String,
    /// Programs in the foreground's process group, where they were looked for: a script that started
    /// the agent and waits for it gives the group its own name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<String>,
    /// Column and row of the cursor, from 0.
    pub cursor: (u16, u16),
    pub cursor_visible: bool,
    /// Columns and rows of the pane.
    pub size: (u16, u16),
    pub alternate: bool,
    /// The pane is in a mode (copy mode, view mode, …): keys go to tmux.
    pub in_mode: bool,
    /// `select-pane -d`: input is off.
    pub input_off: bool,
    pub dead: bool,
    /// Bracketed paste, if tmux reports it (3.7 and later).
    pub bracketed_paste: Option<bool>,
    /// The delivery whose text was pasted last, as the pane is marked.
    #[serde(skip)]
    pub pasted: Option<DeliveryId>,
}

/// What the screen shows, according to one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub turn: AgentState,
    pub input: InputBox,
    pub source: Option<FactSource>,
    /// Name of the rule that decided; empty when none did.
    pub rule: String,
    /// The text that the rule matched.
    pub evidence: String,
    /// Its row, from 0, when it was on the screen.
    pub row: Option<usize>,
    /// The text in the box, when this capture alone cannot tell a hint from a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubtful: Option<String>,
    /// What a dialog asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// The message that a provider's limit is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The newest prompt stands above the box, and nothing has come of it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
}

/// The agent's input box, as far as a profile can see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is", content = "text")]
pub enum InputBox {
    /// The profile cannot tell, or no box is visible.
    #[default]
    Unseen,
    Empty,
    /// Its text, lines joined by `\n`, prompt glyph and frame removed.
    Holds(String),
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// The result of one profile rule on a sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSaid {
    pub name: String,
    pub turn: AgentState,
    pub said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// It matches. No row: in the title or the foreground command.
    Matched { row: Option<usize>, evidence: String },
    /// This pattern was not found.
    Missing(String),
    /// This pattern was found but must be absent.
    Excluded(String),
    /// The region does not exist on this screen: no box, or the cursor is not in it.
    NoRegion,
    /// It matches above the box: the text of an old dialog.
    Stale { row: usize, evidence: String },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

impl Sample {
    /// Rows without the blank ones at the end.
    pub fn used_rows(&self) -> &[String] {
        let end = self.rows.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |at| at + 1);
        self.rows.get(..end).unwrap_or_default()
    }

    /// It shows the same, maybe at another time.
    pub fn is_like(&self, other: &Self) -> bool {
        let Self {
            at: _,
            rows,
            styled,
            title,
            command,
            group,
            cursor,
            cursor_visible,
            size,
            alternate,
            in_mode,
            input_off,
            dead,
            bracketed_paste,
            pasted,
        } = self;
        let is_on = |it: &Self| (it.alternate, it.in_mode, it.input_off, it.dead);
        (*cursor, *cursor_visible, *size) == (other.cursor, other.cursor_visible, other.size)
            && (*alternate, *in_mode, *input_off, *dead) == is_on(other)
            && (*bracketed_paste, *pasted) == (other.bracketed_paste, other.pasted)
            && (title, command, group) == (&other.title, &other.command, &other.group)
            && (rows, styled) == (&other.rows, &other.styled)
    }

    /// The last `n` rows that are not blank, in order, to quote in an error message.
    pub fn last_lines(&self, n: usize) -> Vec<String> {
        let filled: Vec<_> = self.rows.iter().filter(|row| !row.trim().is_empty()).collect();
        filled.iter().skip(filled.len().saturating_sub(n)).map(ToString::to_string).collect()
    }
}

impl fmt::Display for RuleSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, turn, said } = self;
        write!(f, "{name} ({}): {said}", DisplayState::Turn(turn.clone()))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched { row: Some(row), evidence } => {
                write!(f, "matches row {row}: `{evidence}`")
            }
            Self::Matched { row: None, evidence } => write!(f, "matches `{evidence}`"),
            Self::Missing(pattern) => write!(f, "does not find `{pattern}`"),
            Self::Excluded(pattern) => write!(f, "ruled out by `{pattern}`"),
            Self::NoRegion => f.write_str("finds no rows in its region"),
            Self::Stale { row, evidence } => {
                write!(f, "matches row {row}, above the live box: `{evidence}`")
            }
            Self::Other(value) => f.write_str(name_of(value)),
        }
    }
}
