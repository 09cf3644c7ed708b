//! Coding agents: how their screens read, what they tell of themselves, how they are started.
//!
//! All of it is pure: text, samples and times come in, verdicts, states and arguments come out. No
//! IO, no clock, no environment, no module of the crate but `model`.
pub mod classify;
pub mod echo;
mod generic;
pub mod hooks;
pub mod input_box;
pub mod menu;
pub mod profile;
