//! Repositories and worktrees, with real git and real WorkTrunk in scratch directories.
mod backups;
mod bases;
mod damage;
mod hooks;
mod lab;
mod landing;
mod layouts;
mod losses;
mod names;
mod nested;
mod places;
mod races;
mod remotes;
mod removal;
mod safety;
mod scratch;
mod undo;
