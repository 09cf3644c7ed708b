//! What one fake agent does: plain data, printed by `--describe`, read from a TOML file, changed by `--set`.
use serde::{Deserialize, Serialize};

use crate::{dialog::Dialog, drawing::Drawing};

/// One life, in the order in which things happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub seed: u64,
    /// The terminal is still in its cooked mode: input is echoed by it, and Ctrl-C kills.
    pub start_delay_ms: u64,
    /// A line printed meanwhile; empty for none.
    pub notice: String,
    /// What becomes of input that came in the cooked mode.
    pub early_input: Input,
    /// Raw mode, modes on, a blank screen.
    pub silence_ms: u64,
    /// Something is drawn that is not a box.
    pub splash_ms: u64,
    /// What becomes of input during the silence and the splash.
    pub deaf_input: Input,
    /// The box is painted, takes text, and keeps Enter for later.
    pub loading_ms: u64,
    pub bracketed_paste: Bracketed,
    pub alternate_screen: bool,
    /// Before the first prompt, one after the other.
    pub dialogs: Vec<Dialog>,
    /// Someone answers every dialog rightly, at another keyboard, this long after it shows; 0: never.
    pub human_ms: u64,
    /// This long after the first paste, and after one of each three later ones, a dialog takes the screen; the text
    /// stays in the box beneath.
    pub after_paste: Option<Interruption>,
    /// What becomes of Enter so soon after a paste.
    pub enter_guard: Guard,
    pub enter_guard_ms: u64,
    /// How long after a key the screen shows it.
    pub lag_ms: u64,
    /// The pause in the middle of a frame when the whole screen changes.
    pub torn_ms: u64,
    /// A paste of more characters, or of more than three lines, is shown as a placeholder; 0: never.
    pub fold_chars: usize,
    pub turn: Turns,
    pub leave: Option<Leave>,
    /// It runs what begins with a slash itself, without a turn.
    pub commands: bool,
    /// It reports its status in its output (OSC 7501).
    pub says: bool,
    pub look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Input {
    /// Read and thrown away.
    Dropped,
    /// Typed into the box when that comes; Enter as a line break.
    Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bracketed {
    /// With the raw mode, long before anything listens.
    Early,
    /// With the box.
    Ready,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Guard {
    None,
    /// Enter does nothing.
    Swallow,
    /// Enter is a line break.
    Newline,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interruption {
    pub delay_ms: u64,
    pub dialog: Dialog,
}

/// Every turn of this life.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Turns {
    pub min_ms: u64,
    pub max_ms: u64,
    /// Asked in the middle of the first turn and of each fourth later one.
    pub permission: Option<Dialog>,
    /// So many times the provider fails and is asked again, one second apart.
    pub retries: u64,
    /// The turn ends with the provider's error.
    pub fails: bool,
    /// The first turn ends with this message of the provider instead of an answer; empty: with an answer.
    pub limit: String,
    /// Prints at full speed for so long.
    pub flood_ms: u64,
    /// The box shows while a turn runs.
    pub shows_box: bool,
    /// Frames of the spinner in a second.
    pub fps: u64,
}

/// Leaves by itself, this long after a phase began.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leave {
    pub phase: Phase,
    pub after_ms: u64,
    /// Exit code, or, below 0, the signal that kills it.
    pub code: i32,
}

/// Where the agent is in its life; every byte it receives is logged with one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// The terminal echoes.
    Cooked,
    /// Silence and splash.
    Deaf,
    Dialog,
    /// The box is painted and takes text; Enter is kept for later.
    Loading,
    Ready,
    Working,
}

/// Glyphs and words.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    pub name: String,
    pub frame: Frame,
    /// Repeated for a rule; the corners of a box fit it.
    pub rule: String,
    pub prompt: String,
    /// Shown in an empty box; may be empty.
    pub placeholder: String,
    /// Under the box; may be empty.
    pub footer: String,
    pub cursor_visible: bool,
    /// What becomes of a text in the box.
    pub drawing: Drawing,
    /// The window's title at rest; empty: never set.
    pub title: String,
    /// The title shows the spinner.
    pub title_spins: bool,
    pub spinner: Vec<String>,
    pub verb: String,
    /// Beside the verb while a turn runs.
    pub interrupt_hint: String,
    /// Before what the user said, and before an answer.
    pub bullet: String,
    /// Marks the chosen entry of a menu.
    pub pointer: String,
    /// The box is at the bottom of the screen, not under the transcript.
    pub docked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Frame {
    /// A rule above and below.
    Rules,
    /// Four sides.
    Box,
    /// A bar at the left.
    Bar,
    /// Only the prompt.
    Bare,
}
