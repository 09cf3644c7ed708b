//! The real claude, codex, opencode and pi, offline, driven by the real `wtmag` in the real tmux.
//!
//! They run with `tests/run --real-agents` only, which says where the agents are (`WTMAG_AGENTS_BIN`).
//! Judges: what the stand-in for the model's provider was asked, what the panes show, git.
mod agent;
mod conversations;
mod desk;
mod dialogs;
mod figures;
mod lives;
mod mcp;
mod orchestrators;
mod prompts;
mod reboot;
mod sandboxes;
mod table;
mod talk;
mod turns;
mod unknown;
