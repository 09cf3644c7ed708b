pub(crate) mod agent;

/// How the demo's agent reads on the screen.
const PROFILE: &str = include_str!("profile.toml");
