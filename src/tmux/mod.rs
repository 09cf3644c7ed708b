//! tmux.
pub mod command;
pub mod doorbell;
pub mod parse;
pub mod quote;
pub mod reply;
pub mod session;
