//! Coding agents: how their screens read, what they tell of themselves, how they are started.
//!
//! All of it is pure: text, samples and times come in, verdicts, states and arguments come out. No
//! IO, no clock, no environment, no module of the crate but `model`.
pub mod classify;
pub mod echo;
pub mod fold;
mod generic;
pub mod hooks;
pub mod input_box;
pub mod launch;
pub mod menu;
pub mod profile;

pub use classify::{Explanation, classify, explain};
pub use fold::{Changed, Seen, Tracker};
pub use launch::{Launch, launch};
pub use profile::Profile;

/// The profiles that come with the program: their names and their text.
pub const BUILTIN: [(&str, &str); 6] = [
    ("claude", include_str!("profiles/claude.toml")),
    ("codex", include_str!("profiles/codex.toml")),
    ("opencode", include_str!("profiles/opencode.toml")),
    ("pi", include_str!("profiles/pi.toml")),
    ("gemini", include_str!("profiles/gemini.toml")),
    (GENERIC, include_str!("profiles/generic.toml")),
];

/// For agents without a profile of their own.
pub const GENERIC: &str = "generic";

#[cfg(test)]
mod tests;
