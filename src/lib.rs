#![doc = include_str!("ARCHITECTURE.md")]
pub mod config;
pub mod delivery;
pub mod hub;
pub mod model;
pub mod paths;
pub mod proc;
pub mod wire;
