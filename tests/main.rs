//! One integration binary; one module per capability.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop, with the line")]
mod batch;
mod cli;
mod config;
mod control;
mod delivery;
mod pane;
mod sources;
mod stage;
mod support;
mod tidy;
