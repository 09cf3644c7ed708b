//! The background process: one per tmux server.
//!
//! [`state`] decides, [`run`] loops, `perform` and `acts` do, [`store`] remembers, `listen` talks to clients.
//! The hub has no terminal, reads no keys and runs no project code.
mod acts;
mod listen;
mod perform;
mod publish;
pub mod run;
pub mod screens;
pub mod start;
pub mod state;
pub mod store;
mod visitors;
