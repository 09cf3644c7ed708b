//! Coding agents: how their screens read, what they tell of themselves, how they are started.
//!
//! All of it is pure: text, samples and times come in, verdicts, states and arguments come out. No
//! IO, no clock, no environment, no module of the crate but `model`.
//!
//! | module | question |
//! |---|---|
//! | [`profile`] | what is known of an agent, as data |
//! | [`mod@classify`] | what does this screen say? |
//! | [`fold`] | what is to be believed, after all that was seen and told? |
//! | [`hooks`] | what do agents report by themselves? |
//! | [`kinds`] | how is each agent program made to report, and how does it say it? |
//! | [`still`] | does the screen stand still? |
//! | [`mod@replay`] | the same, of a screen log |
//! | [`echo`] | is our text on the screen, is it in the box? |
//! | [`glyphs`] | are two texts the same to a terminal? |
//! | [`menu`] | which entry of a dialog is highlighted? |
//! | [`mod@launch`] | which command line does what the user wants? |
//!
//! # A profile
//!
//! One TOML file per agent. Those that come with the program are in `src/agents/profiles/`; the
//! user's are in `~/.config/wtmag/agents/<name>.toml` and win. The smallest useful one:
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
//! `wtmag explain --agent aider --screen FILE` shows what every rule says of a screen saved with
//! `tmux capture-pane -p > FILE`. Regular expressions are those of the `regex` crate; write them in
//! single quotes. Match short pieces: narrow panes break lines (a match may run over a break at a
//! space). A file that cannot be used is an error that names its line.
//!
//! **States**: `ready`, `working`, `retrying`, `idle` (a turn ended), `failed` (it ended with the
//! provider's error), `waiting: permission | question`, `blocked: trust | login | onboarding |
//! hooks-review | update | other`.
//!
//! **A rule** holds when each of `all`, at least one of `any` and not one of `none` is found in its
//! region. `in` names the region: `bottom N` (the last N rows that are not blank; 25 if nothing is
//! said), `screen`, `footer` (the last such row), `above N` (those directly above the box), `below`
//! (under the box), `box`, `title`, `command`. `cursor_in_box = true` also wants the cursor there.
//! What somebody types into the box, and what we sent, may say anything: those rows are read by rules
//! for `box` alone.
//!
//! **Which rule wins**: a dialog (`waiting`, `blocked`), the lowest on the screen; text of a dialog
//! above the box is old and does not count, unless the rule says `overlay = true`. Then `working`.
//! Then the box: with text in it the agent is in `draft`; when it is empty, the lowest of `idle` and
//! `failed`, else `ready`. If there are rules for `ready`, one of them must hold, too. No box and no
//! rule: `unknown`, which is never taken for idle. Nothing counts while a shell is in front.
//!
//! **The box** is found from below: `bottom` is the row under it (without it, the end of the
//! screen). Its first row is the one after `top`, or the first of those that begin with `frame`, or
//! else the lowest that begins with `prompt`. `prompt`, `frame`, `indent` (of the other rows) and
//! `end` are cut off. `footer_rows = N` and `footer_block = true` (all after the last blank row) say
//! what at its end is not text. A text that matches `placeholder` is none; with `ghost = true`
//! neither is one that has the cursor before its first letter. `folded` is what stands for a long
//! paste.
//!
//! **Times** (`[timing]`, milliseconds): `quiet_ms` of silence and two looks `confirm_ms` apart
//! before a state is believed in which we may type, `settle_ms` after a turn; with `noise_ms` an
//! agent that prints for so long is working, whatever it shows.
//!
//! **The rest**: `checked` and `verified` (versions), `structural = true` (look for menus, questions
//! and boxes by their shape, too), `[keys]`, `[paste]`, `[launch]`, `[model]`, `[trust]`, `[hooks]`:
//! the fields of [`profile::Profile`], and the embedded files as examples.
#![doc = include_str!("seen.md")]

pub mod classify;
pub mod echo;
pub mod fold;
mod generic;
pub mod glyphs;
pub mod hooks;
pub mod input_box;
pub mod kinds;
pub mod launch;
pub mod menu;
pub mod profile;
pub mod replay;
pub mod still;
mod typed;

pub use classify::{Explanation, classify, explain};
pub use fold::{Changed, Seen, Tracker};
pub use launch::{Launch, launch};
pub use profile::Profile;

/// The profiles that come with the program: their names and their text.
pub const BUILTIN: [(&str, &str); 7] = [
    ("claude", include_str!("profiles/claude.toml")),
    ("codex", include_str!("profiles/codex.toml")),
    ("opencode", include_str!("profiles/opencode.toml")),
    ("pi", include_str!("profiles/pi.toml")),
    ("gemini", include_str!("profiles/gemini.toml")),
    ("demo", include_str!("profiles/demo.toml")),
    (GENERIC, include_str!("profiles/generic.toml")),
];

/// For agents without a profile of their own.
pub const GENERIC: &str = "generic";

#[cfg(test)]
mod tests;
