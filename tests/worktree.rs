//! Repositories and worktrees, with real git and real WorkTrunk in scratch directories.
mod bases;
mod hooks;
mod lab;
mod layouts;
mod races;
mod removal;
mod safety;
mod scratch;
mod undo;
