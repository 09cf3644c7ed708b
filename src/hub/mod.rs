//! The background process: one per tmux server.
//!
//! [`state`] decides, [`run`] loops, `perform` and `acts` act, [`store`] stores, `listen` talks to
//! clients.
//! The hub has no terminal, reads no keys and runs no project code.
mod acts;
mod bell;
mod channel;
mod git_watch;
mod jobs;
mod listen;
mod log;
mod notify;
mod perform;
mod publish;
pub mod run;
pub mod screens;
mod spool;
pub mod start;
mod starter;
pub mod state;
pub mod store;
mod stray_clients;
mod wake;

pub use wake::HubOptions;
