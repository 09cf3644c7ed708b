//! The process of a worker's pane: runs the agent in the user's shell, and leaves a shell behind. And the
//! one of session `wtmag`'s first window.
//!
//! Knows terminals, process groups and shells; not agents, screens or the hub's state.
mod first_window;
pub mod line;
mod report;
mod run;
mod terminal;

pub use first_window::FirstWindow;
pub use line::{Launch, Parts, launch};
pub use report::{Reached, Told, report, report_and_hear, report_id, report_to_any};
pub use run::{PaneOptions, run};
