//! tmux, over one held control-mode connection per server.
//!
//! `parse`, `quote`, `verb`, `command`, `reply`, `session`, `osc` and `doorbell` decide and are pure;
//! `pty`, `relay`, `driver`, `watch`, `start`, `client` and `windows` act. Knows nothing about
//! workers except their ids.
pub mod command;
pub mod doorbell;
pub mod osc;
pub mod parse;
pub mod quote;
pub mod reply;
pub mod session;
pub mod values;
pub mod verb;

mod client;
mod driver;
mod error;
mod events;
mod pty;
mod relay;
mod start;
mod watch;
mod windows;

pub use client::Connection;
pub use error::Error;
pub use events::{Event, Events, Said};
pub use pty::Server;
pub use reply::{ClientRow, Link, PaneRow, ServerInfo, SessionRow};
pub use start::revive_socket;
pub use values::{Acted, Created, Guard, NewWindow, NoConnection, Promoted, Refusal, Show};
