//! The real claude, codex, opencode and pi, offline, driven by the real `wtmag` in the real tmux.
//!
//! They run with `tests/run --real-agents` only, which says where the agents are (`WTMAG_AGENTS_BIN`).
//! Judges: what the stand-in for the model's provider was asked, what the panes show, git.
mod agent;
mod desk;
mod figures;
mod lives;
mod prompts;
mod sandboxes;
mod table;
mod turns;
mod unknown;
