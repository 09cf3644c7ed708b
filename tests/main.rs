//! One integration binary; one module per capability.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot continue should stop, with the line, and a test with counts prints them"
)]
mod batch;
mod cli;
mod completions;
mod config;
mod control;
mod delivery;
mod demo;
mod doctor;
mod gitlab;
mod hazards;
mod hints;
mod hooks;
mod hub;
mod load;
mod mcp;
mod pane;
mod plugin;
mod real_agents;
mod recordings;
mod skill;
mod sources;
mod stage;
mod states;
mod support;
mod tidy;
mod tour;
mod unicode;
mod worktree;
