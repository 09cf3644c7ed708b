//! The background process: one per tmux server.
//!
//! [`state`] decides, `run` loops, `perform` does, [`store`] remembers, `listen` talks to clients.
//! The hub has no terminal, reads no keys and runs no project code.
pub mod state;
pub mod store;
