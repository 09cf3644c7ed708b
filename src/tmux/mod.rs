//! tmux.
pub mod parse;
