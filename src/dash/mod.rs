//! The dashboard: every worker with its state, live, and a key for each act.
//!
//! Knows workers, items of the inbox and screens, and how to draw them; not how an act is done: it is
//! the command of the same name, run as a child. `rows`, `state`, `keys`, `act` and `view` are pure;
//! `run` owns the terminal, `feed` the connections, `child` the children.
mod act;
mod child;
mod feed;
mod keys;
mod page;
mod rows;
mod run;
mod state;
pub mod terminal;
mod text_area;
mod view;

pub use run::{Error, Options, Purpose, once, run};
pub use text_area::{pasted, text_area};
pub use view::Theme;

#[cfg(test)]
mod tests;
