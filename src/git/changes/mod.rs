//! What a worker changed: its commits since it left its base, and its uncommitted files.
//!
//! [`look`] finds what to compare; [`Sides`] asks git for commits, files and patches; [`count()`] counts.
//! Reads only, and uses no network.
mod count;
mod files;
mod fork;
mod sides;

pub use count::count;
pub use files::{Change, FileChange, Total};
pub use fork::{Fork, fork};
pub use sides::{Commit, Form, PagerSettings, Part, Sides, Subject, look};
