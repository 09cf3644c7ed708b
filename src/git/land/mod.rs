//! Landing a branch: its work becomes part of another branch, the target.
//!
//! [`look()`] collects facts and builds the commits, which nothing refers to yet; the caller decides.
//! [`advance()`] moves the target to them: by `git merge --ff-only` in the worktree that has the target
//! checked out, else by compare-and-swap of the ref. It announces that in a journal first, so that
//! [`leftovers()`] finds what a killed process left: the target has moved, or its worktree is put back.
//! Neither the branch nor its worktree is changed.
mod advance;
mod after;
mod combine;
mod facts;
mod found;
mod hooks;
mod look;
mod recover;
mod steps;

pub use advance::{advance, start};
pub use after::{fetch, left_to_push, message, stat};
pub use combine::{LandOptions, Mode};
pub use facts::{CheckedOut, Checkout, Facts, Found, Outcome, Target};
pub use found::{find, find_here};
pub use hooks::run_hook;
pub use look::{Subject, look};
pub use recover::{Ended, Leftover, leftovers};
pub use steps::{Advance, LandJournal, Landing, Step};
