//! tmux.
pub mod parse;
pub mod quote;
