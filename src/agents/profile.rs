//! What is known about one agent, as data: how to read its screen, start it and type into it.
//!
//! Knows TOML and regular expressions. Reads no file: text comes in; a [`Profile`] comes out, or an
//! error that names the file, the line and the key. [`crate::agents`] describes the format.
use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, de};

mod embedded;
mod means;
mod pattern;
mod versions;

pub use means::{LimitsSpec, UsageSpec};
pub use pattern::Pattern;
pub use versions::Versions;

use super::{
    keys::is_key,
    kinds::{self, AgentKind},
};
use crate::model::{AgentState, Blocker, Question};

/// A profile that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("profile `{path}` cannot be used")]
pub struct Error {
    /// The file, or the name of an embedded profile.
    pub path: String,
    /// Names the line and the key.
    pub source: Box<toml::de::Error>,
}

/// One agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    /// Versions whose screens it was checked against.
    #[serde(default)]
    pub checked: Vec<Versions>,
    /// False if it was written from documentation alone.
    #[serde(default)]
    pub verified: bool,
    /// Names of the agent in `pane_current_command`; none: anything except a shell.
    #[serde(default)]
    pub foreground: Vec<String>,
    /// Also search for boxes, menus and questions by their shape.
    #[serde(default)]
    pub structural: bool,
    #[serde(default)]
    pub timing: Timing,
    #[serde(default)]
    pub paste: Paste,
    #[serde(default)]
    pub keys: Keys,
    /// Where text is typed. Without it, only `structural` finds a box.
    #[serde(rename = "box")]
    pub input: Option<BoxSpec>,
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub launch: LaunchSpec,
    #[serde(default)]
    pub model: Option<ModelSpec>,
    #[serde(default)]
    pub trust: TrustSpec,
    #[serde(default)]
    pub limits: LimitsSpec,
    #[serde(default)]
    pub usage: UsageSpec,
    /// How the agent reports its activity, if it can.
    #[serde(default)]
    pub hooks: Option<HooksSpec>,
}

/// How long a screen must be unchanged before it is accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Silence before a state in which wtmag may type is accepted.
    #[serde(rename = "quiet_ms", deserialize_with = "millis")]
    pub quiet: Duration,
    /// The same when something is written below the box: a program that still starts has drawn its box
    /// at most; zero: as long as without.
    #[serde(rename = "footer_quiet_ms", deserialize_with = "millis")]
    pub footer_quiet: Duration,
    /// Time between the two equal captures that such a state needs.
    #[serde(rename = "confirm_ms", deserialize_with = "millis")]
    pub confirm: Duration,
    /// The same for leaving `working` by the screen alone.
    #[serde(rename = "settle_ms", deserialize_with = "millis")]
    pub settle: Duration,
    /// An agent that prints this long without a known working sign is working; zero: never.
    #[serde(rename = "noise_ms", deserialize_with = "millis")]
    pub noise: Duration,
}

/// What the box can take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paste {
    /// Longer texts are written to a file and announced by one line.
    pub comfortable_bytes: usize,
    /// The same as a number of lines. One unless the profile sets it, because an agent without
    /// bracketed paste takes every line as a separate prompt.
    pub comfortable_lines: usize,
    /// The placeholder for a long paste in a box that is found by its shape.
    pub folded: Vec<Pattern>,
    /// A text with this prefix would be a command to the agent, not a message: it is written to a
    /// file.
    pub prefixes: Vec<String>,
    /// So is a text with something like this: the agent draws it at other columns than the terminal.
    pub by_file: Vec<Pattern>,
}

/// Key names as `send-keys` accepts them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Stops a running turn; pressed one after the other.
    pub interrupt: Vec<String>,
    /// Time between two of them.
    #[serde(rename = "interrupt_gap_ms", deserialize_with = "millis")]
    pub interrupt_gap: Duration,
    /// Empties the input box if it holds one delivered text; pressed one after the other.
    pub clear: Vec<String>,
    /// Time between two of them.
    #[serde(rename = "clear_gap_ms", deserialize_with = "millis")]
    pub clear_gap: Duration,
    /// Ends the agent.
    pub quit: Vec<String>,
    #[serde(rename = "quit_gap_ms", deserialize_with = "millis")]
    pub quit_gap: Duration,
}

/// How to find the input box on the screen and read its content.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxSpec {
    /// The row below the text; the lowest match counts. Without it: the end of the screen.
    pub bottom: Option<Pattern>,
    /// The row above the text.
    pub top: Option<Pattern>,
    /// Begins every row of the box; the match is cut off.
    pub frame: Option<Pattern>,
    /// Begins the first row with text, and is cut off. No box without it.
    pub prompt: Option<Pattern>,
    /// Cut off the beginning of the other rows.
    pub indent: Option<Pattern>,
    /// Cut off the end of every row.
    pub end: Option<Pattern>,
    /// This many rows at the end, not counting blank ones, are not text.
    #[serde(default)]
    pub footer_rows: usize,
    /// What follows the last blank row is not text.
    #[serde(default)]
    pub footer_block: bool,
    /// Texts that an empty box shows.
    #[serde(default)]
    pub placeholder: Vec<Pattern>,
    /// The placeholder for a long paste.
    #[serde(default)]
    pub folded: Vec<Pattern>,
    /// A text with the cursor before its first letter is a suggestion, not a draft.
    #[serde(default)]
    pub ghost: bool,
}

/// Maps what is on the screen to a state.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawRule")]
pub struct Rule {
    pub name: String,
    pub turn: AgentState,
    pub region: Region,
    /// Each must match.
    pub all: Vec<Pattern>,
    /// At least one must match.
    pub any: Vec<Pattern>,
    /// Not one may match.
    pub none: Vec<Pattern>,
    /// A dialog that does not remove the box below it.
    pub overlay: bool,
    /// The cursor must be visible and inside the box.
    pub cursor_in_box: bool,
}

/// The part of the screen that a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    Screen,
    /// The last rows that are not blank.
    Bottom(usize),
    /// The last row that is not blank.
    Footer,
    /// The rows that are not blank directly above the box.
    Above(usize),
    /// Everything below the box.
    Below,
    /// The text in the box.
    Box,
    Title,
    Command,
}

/// How the agent is started. `{…}` in arguments is filled in, see [`mod@crate::agents::launch`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaunchSpec {
    /// Always added.
    pub args: Vec<String>,
    /// Variables that are set unless the user has them.
    pub env: BTreeMap<String, String>,
    /// How a start-up prompt is passed: `""` alone, else after this flag.
    pub prompt_flag: Option<String>,
    /// Goes before a prompt without a flag, so that it is not read as an option: `--`.
    pub prompt_guard: Option<String>,
    /// Only before prompts with this prefix; empty: always.
    pub guard_before: Vec<char>,
    /// A prompt with this prefix has another meaning on the command line.
    pub refuse_before: Vec<char>,
    /// It begins a prompt of its command line before its trust dialog is answered, and once more after that.
    pub prompt_before_trust: bool,
    pub plan: Vec<String>,
    /// `{session}`: the agent's id of it.
    pub resume: Vec<String>,
    pub resume_latest: Vec<String>,
    /// The same for a new conversation that begins as a copy of the session, in another directory.
    pub fork: Vec<String>,
    /// `{paths_toml}`: the directories outside the worktree that the agent must write to.
    pub writable: Vec<String>,
}

/// How `provider/model[:thinking]` becomes arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    pub args: Vec<String>,
    /// The only providers that it accepts; empty: any.
    #[serde(default)]
    pub providers: Vec<String>,
    /// Added to the arguments.
    #[serde(default)]
    pub thinking_args: Vec<String>,
    /// Added to the last of `args`.
    pub thinking_suffix: Option<String>,
    /// A variable that holds JSON, and the path of the value in it.
    #[serde(default)]
    pub thinking_json: Vec<String>,
    /// wtmag's levels and the agent's names for them; a missing level is an error.
    #[serde(default)]
    pub levels: BTreeMap<String, String>,
}

/// How to trust a worktree for a user who asked for that.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustSpec {
    /// `{dir}`, or `{dir_toml}` as a quoted TOML string.
    pub args: Vec<String>,
    /// The entry to choose in the dialog, if there is no argument for it.
    pub label: Option<Pattern>,
}

/// How the agent reports its activity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HooksSpec {
    #[serde(deserialize_with = "kinds::by_name")]
    pub kind: &'static AgentKind,
    /// Prompts of the agent's own helpers, whose events are not about the worker's turn.
    #[serde(default)]
    pub ignore: Vec<Pattern>,
}

impl Profile {
    /// Reads a profile. `path` is for the error message.
    pub fn parse(path: &str, text: &str) -> Result<Self, Error> {
        let fail = |source| Error { path: path.to_owned(), source: Box::new(source) };
        let profile: Self = toml::from_str(text).map_err(|source| match bad_rule(text) {
            Some(message) => fail(de::Error::custom(message)),
            None => fail(source),
        })?;
        profile.check().map_err(|message| fail(de::Error::custom(message)))?;
        Ok(profile)
    }

    /// Checks that need more than one key.
    fn check(&self) -> Result<(), String> {
        let anchored = |rule: &&Rule| {
            matches!(rule.region, Region::Above(_) | Region::Below | Region::Box)
                || rule.cursor_in_box
        };
        let has_box = self.input.is_some() || self.structural;
        if let Some(rule) = self.rules.iter().find(anchored).filter(|_| !has_box) {
            return Err(format!(
                "rule `{}` has a region relative to the box, but there is no [box]",
                rule.name
            ));
        }
        if let Some(spec) = &self.input
            && spec.top.is_none()
            && spec.frame.is_none()
            && spec.prompt.is_none()
        {
            return Err("[box] needs `top`, `frame` or `prompt`".to_owned());
        }
        let mut keys = self.keys.interrupt.iter().chain(&self.keys.clear).chain(&self.keys.quit);
        if let Some(key) = keys.find(|it| !is_key(it)) {
            return Err(format!(
                "[keys] has `{key}`, which tmux has no key for and would type; its names are Escape, \
                 Enter, Tab, Space, BSpace, Up, F1, a, with C-, M- or S- before them"
            ));
        }
        Ok(())
    }

    /// Whether `text`, read from the box, is just the placeholder for a long paste.
    pub fn is_folded(&self, text: &str) -> bool {
        let mut folds = self.input.iter().flat_map(|spec| &spec.folded).chain(&self.paste.folded);
        folds.any(|fold| {
            fold.find(text.trim()).is_some_and(|it| it.as_str().len() == text.trim().len())
        })
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(200),
            footer_quiet: Duration::ZERO,
            confirm: Duration::from_millis(150),
            settle: Duration::from_millis(300),
            noise: Duration::ZERO,
        }
    }
}

impl Default for Paste {
    fn default() -> Self {
        let prefixes = ["!", "/"].map(str::to_owned).to_vec();
        let (folded, by_file) = (Vec::new(), Vec::new());
        Self { comfortable_bytes: 16 * 1024, comfortable_lines: 1, folded, prefixes, by_file }
    }
}

impl Default for Keys {
    fn default() -> Self {
        let gap = Duration::from_millis(300);
        Self {
            interrupt: Vec::new(),
            interrupt_gap: gap,
            clear: Vec::new(),
            clear_gap: gap,
            quit: Vec::new(),
            quit_gap: gap,
        }
    }
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: Option<String>,
    state: String,
    #[serde(rename = "in", default)]
    region: Option<String>,
    #[serde(default)]
    all: Vec<Pattern>,
    #[serde(default)]
    any: Vec<Pattern>,
    #[serde(default)]
    none: Vec<Pattern>,
    #[serde(default)]
    overlay: bool,
    #[serde(default)]
    cursor_in_box: bool,
}

impl TryFrom<RawRule> for Rule {
    type Error = String;

    fn try_from(raw: RawRule) -> Result<Self, String> {
        let turn = turn(&raw.state)?;
        let region = raw.region.as_deref().map_or(Ok(Region::Bottom(BOTTOM)), region)?;
        if raw.all.is_empty() && raw.any.is_empty() && !raw.cursor_in_box {
            return Err(format!("rule for `{}` needs `all` or `any`", raw.state));
        }
        Ok(Self {
            name: raw.name.unwrap_or_else(|| raw.state.replace(": ", "-")),
            turn,
            region,
            all: raw.all,
            any: raw.any,
            none: raw.none,
            overlay: raw.overlay,
            cursor_in_box: raw.cursor_in_box,
        })
    }
}

/// How many rows that are not blank a rule reads by default.
const BOTTOM: usize = 25;

/// Every state that a rule may name, as `list` prints it.
const STATES: [(&str, AgentState); 14] = [
    ("ready", AgentState::Ready),
    ("working", AgentState::Working),
    ("retrying", AgentState::Retrying),
    ("idle", AgentState::Idle),
    ("failed", AgentState::Failed),
    ("draft", AgentState::Draft),
    ("waiting: permission", AgentState::Waiting(Question::Permission)),
    ("waiting: question", AgentState::Waiting(Question::Question)),
    ("blocked: trust", AgentState::Blocked(Blocker::Trust)),
    ("blocked: login", AgentState::Blocked(Blocker::Login)),
    ("blocked: onboarding", AgentState::Blocked(Blocker::Onboarding)),
    ("blocked: hooks-review", AgentState::Blocked(Blocker::HooksReview)),
    ("blocked: update", AgentState::Blocked(Blocker::Update)),
    ("blocked: other", AgentState::Blocked(Blocker::Other)),
];

fn turn(text: &str) -> Result<AgentState, String> {
    let found = STATES.iter().find(|(name, _)| *name == text);
    found.map(|(_, turn)| turn.clone()).ok_or_else(|| {
        let names: Vec<&str> = STATES.iter().map(|(name, _)| *name).collect();
        format!("unknown state `{text}`, expected one of: {}", names.join(", "))
    })
}

fn region(text: &str) -> Result<Region, String> {
    let bad = || {
        format!(
            "unknown region `{text}`, expected screen, bottom, bottom N, footer, above N, below, \
             box, title or command"
        )
    };
    let count = |n: &str| n.parse().ok().filter(|n| *n > 0).ok_or_else(bad);
    match text.split_once(' ').map_or((text, None), |(word, n)| (word, Some(n))) {
        ("screen", None) => Ok(Region::Screen),
        ("bottom", None) => Ok(Region::Bottom(BOTTOM)),
        ("bottom", Some(n)) => count(n).map(Region::Bottom),
        ("footer", None) => Ok(Region::Footer),
        ("above", Some(n)) => count(n).map(Region::Above),
        ("below", None) => Ok(Region::Below),
        ("box", None) => Ok(Region::Box),
        ("title", None) => Ok(Region::Title),
        ("command", None) => Ok(Region::Command),
        _ => Err(bad()),
    }
}

/// The first invalid rule, by its line: an error about a whole rule has no position in the text.
fn bad_rule(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Rules {
        rule: Vec<toml::Spanned<RawRule>>,
    }
    let rules = toml::from_str::<Rules>(text).ok()?.rule;
    rules.into_iter().find_map(|rule| {
        let before = text.get(..rule.span().start)?;
        let line = before.matches('\n').count() + 1;
        let error = Rule::try_from(rule.into_inner()).err()?;
        Some(format!("in the rule at line {line}: {error}"))
    })
}

fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_millis)
}

#[cfg(test)]
mod tests;
