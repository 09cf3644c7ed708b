//! The process of a worker's pane: runs the agent in the user's shell, and leaves a shell behind.
//!
//! Knows terminals, process groups and shells; not agents, screens or the hub's state.
pub mod line;
mod report;
mod run;
mod terminal;

pub use line::{Launch, Parts, launch};
pub use report::{Reached, Told, report, report_and_hear, report_id, report_to_any};
pub use run::{PaneOptions, placeholder, run};
