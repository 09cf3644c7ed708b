//! The user's and the project's settings.
//!
//! Knows the files that hold them, their order and their keys; not how the settings are used.
mod load;
mod schema;

pub use load::{Error, Loaded, Origin, PROJECT_FILE, Setting, load, write_template};
pub use schema::{
    Agent, AgentHooks, Agents, Backend, BoardConfig, Config, DefaultAgent, History, Land, LandMode,
    LandNeed, Launch, MoreHooks, NoAgent, PrMethod, ReadyConfig, ScreenLogConfig, SourceCommands,
    TEMPLATE, Trust, Worktree,
};
