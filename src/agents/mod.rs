//! Coding agents: how to read their screens, what their hooks report, how to start them.
//!
//! All of it is pure: text, samples and times come in; verdicts, states and arguments come out. No
//! IO, no clock, no environment, no module of the crate except `model`.
//!
//! | module | question |
//! |---|---|
//! | [`profile`] | what is known about an agent, as data |
//! | [`mod@classify`] | what does this screen show? |
//! | [`ask`] | what does a dialog ask, and which answers does it offer? |
//! | [`fallback`] | what if a profile does not fit the screen? |
//! | [`fold`] | what is the state, after all captures and reports? |
//! | [`limits`] | is the provider's limit reached, and when is it reset? |
//! | [`usage`] | what is left of the context, what has it cost? |
//! | [`hooks`] | what do agents report themselves? |
//! | [`kinds`] | how is each agent program set up to report, and in which format? |
//! | [`transcript`] | what has an agent written down of its conversation? |
//! | [`still`] | is the screen unchanged? |
//! | [`mod@replay`] | what were the states in a screen log? |
//! | [`echo`] | is the delivered text on the screen, is it in the box? |
//! | [`glyphs`] | are two texts the same to a terminal? |
//! | [`menu`] | which entry of a dialog is highlighted? |
//! | [`learn`] | which profile tells these screens apart? |
//! | [`mod@launch`] | which command line does what the user wants? |
//!
//! # A profile
//!
//! One TOML file per agent. Embedded ones are in `src/agents/profiles/`; the user's are in
//! `~/.config/wtmag/agents/<name>.toml` and win. The smallest useful one:
//!
//! ```toml
//! name = "aider"
//! foreground = ["aider", "python3"]    # its names in tmux's pane_current_command
//!
//! [box]
//! prompt = '^(?:\w+ )?> ?'             # begins the line where text is typed
//!
//! [[rule]]
//! state = "waiting: question"
//! in = "bottom 3"
//! all = ['\(Y\)es/\(N\)o']
//!
//! [[rule]]
//! state = "working"
//! in = "bottom 3"
//! any = ['^[░█]{2,} Waiting for', 'Updating repo map']
//! ```
//!
//! `wtmag explain --agent aider --screen FILE` shows the result of every rule on a screen that was
//! saved with `tmux capture-pane -p > FILE`. Regular expressions are those of the `regex` crate;
//! write them in single quotes. Match short pieces, because narrow panes break lines (a match may
//! span a break at a space). An unusable file is an error that names its line.
//!
//! **States**: `ready`, `working`, `retrying`, `idle` (a turn ended), `failed` (it ended with a
//! provider error), `waiting: permission | question`, `blocked: trust | login | onboarding |
//! hooks-review | update | other`.
//!
//! **A rule** matches if all patterns of `all`, at least one of `any` and none of `none` are found
//! in its region. `in` names the region: `bottom N` (the last N rows that are not blank; the
//! default is 25), `screen`, `footer` (the last such row), `above N` (the N rows directly above the
//! box), `below` (under the box), `box`, `title`, `command`. With `cursor_in_box = true` the cursor
//! must also be there. Text that a user typed or wtmag delivered can say anything: only rules for
//! `box` read those rows.
//!
//! **Which rule wins**: a dialog (`waiting`, `blocked`), the lowest on the screen; dialog text
//! above the box is old and is ignored, unless the rule has `overlay = true`. Then `working`. Then
//! the box: with text in it, the agent is in `draft`; if it is empty, the lowest of `idle` and
//! `failed`, else `ready`. If there are rules for `ready`, one of them must match, too. No box and
//! no match: `unknown`, which is never treated as idle. While a shell is in the foreground, no rule
//! counts.
//!
//! **The box** is searched from below: `bottom` is the row under it (without it, the end of the
//! screen). Its first row is the one after `top`, or the first of those that begin with `frame`, or
//! else the lowest that begins with `prompt`. `prompt`, `frame`, `indent` (of the other rows) and
//! `end` are cut off. `footer_rows = N` and `footer_block = true` (everything after the last blank
//! row) mark rows at its end that are not text. A text that matches `placeholder` counts as empty;
//! with `ghost = true`, so does a text with the cursor before its first letter. `folded` is the
//! placeholder for a long paste.
//!
//! **Times** (`[timing]`, milliseconds): a state in which wtmag may type needs `quiet_ms` of
//! silence (`footer_quiet_ms` when something is written below the box) and two captures `confirm_ms` apart; after a turn, `settle_ms`. With `noise_ms`, an
//! agent that prints for so long is working, whatever it shows.
//!
//! **The launch** (`[launch]`): arguments, and `env`: variables that are set unless the user has them.
//!
//! **The rest**: `checked` and `verified` (versions), `structural = true` (also search for menus,
//! questions and boxes by their shape), `[keys]`, `[paste]`, `[launch]`, `[model]`, `[trust]`,
//! `[hooks]`, `[limits]` (`hit`, `soon`: lines about a usage limit), `[usage]` (`context_left`,
//! `context_used`, `cost`): see the fields of [`profile::Profile`], and the embedded files as examples.
#![doc = include_str!("seen.md")]

pub mod ask;
pub mod classify;
pub mod echo;
pub mod fallback;
pub mod fold;
mod generic;
pub mod glyphs;
pub mod hooks;
pub mod input_box;
mod keys;
pub mod kinds;
pub mod launch;
pub mod learn;
pub mod limits;
pub mod menu;
pub mod profile;
pub mod replay;
pub mod still;
pub mod tinted;
pub mod transcript;
mod typed;
pub mod usage;

pub use classify::{Explanation, classify, explain, judge};
pub use fold::{Changed, Seen, Tracker};
pub use launch::{Launch, launch};
pub use profile::Profile;

/// The embedded profiles: their names and their text.
pub const BUILTIN: [(&str, &str); 16] = [
    ("claude", include_str!("profiles/claude.toml")),
    ("codex", include_str!("profiles/codex.toml")),
    ("opencode", include_str!("profiles/opencode.toml")),
    ("pi", include_str!("profiles/pi.toml")),
    ("gemini", include_str!("profiles/gemini.toml")),
    ("qwen", include_str!("profiles/qwen.toml")),
    ("copilot", include_str!("profiles/copilot.toml")),
    ("kilo", include_str!("profiles/kilo.toml")),
    ("cn", include_str!("profiles/cn.toml")),
    ("cline", include_str!("profiles/cline.toml")),
    ("vibe", include_str!("profiles/vibe.toml")),
    ("kimi", include_str!("profiles/kimi.toml")),
    ("grok", include_str!("profiles/grok.toml")),
    ("aider", include_str!("profiles/aider.toml")),
    ("demo", include_str!("profiles/demo.toml")),
    (GENERIC, include_str!("profiles/generic.toml")),
];

/// The profile of the agent that runs as this program, if one has it among its names.
pub fn profile_of_program(program: &str) -> Option<&'static str> {
    let mut names = BUILTIN.iter().map(|(name, _)| *name).filter(|name| *name != GENERIC);
    names.find(|name| Profile::shared(name).is_some_and(|it| runs_as(&it, program)))
}

/// The agent of this profile runs as this program. Interpreters are names of several agents and say nothing.
pub fn runs_as(profile: &Profile, program: &str) -> bool {
    const SHARED: [&str; 6] = ["node", "bun", "deno", "python3", "python", "ruby"];
    profile.foreground.iter().any(|it| it == program) && !SHARED.contains(&program)
}

/// For agents without a profile.
pub const GENERIC: &str = "generic";

#[cfg(test)]
mod tests;
