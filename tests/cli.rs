//! The commands, as people and programs use them: real tmux, git and WorkTrunk, real `gh` against a stub.
#![expect(clippy::indexing_slicing, reason = "what is not in the JSON is null")]
mod approval;
mod asking;
mod cleanup;
mod create;
mod desk;
mod diff;
mod environment;
mod forms;
mod help;
mod hostile;
mod inbox;
mod land;
mod later;
mod limits;
mod names;
mod orchestration;
mod places;
mod resume;
mod servers;
mod settings;
mod shapes;
mod sweep;
mod talk;
mod tasks;
mod undo;
mod why;
