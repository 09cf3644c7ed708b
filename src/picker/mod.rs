//! The picker: every worker with its state, live, and a few keys to find the one to go to.
//!
//! Knows how to ask a hub and how to draw; the caller knows where the chosen worker is and how to
//! go there. `list`, `keys` and `view` are pure, `run` owns the terminal.
mod keys;
mod list;
mod run;
mod view;

pub use run::{Error, pick};
pub use view::Theme;
