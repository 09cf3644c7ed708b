//! The background process: one per tmux server.
pub mod state {}
