//! Repositories and worktrees, with real git and real WorkTrunk in scratch directories.
mod bases;
mod hooks;
mod lab;
mod layouts;
mod names;
mod places;
mod races;
mod remotes;
mod removal;
mod safety;
mod scratch;
mod undo;
