//! What is specific to one agent program: how to set up its hooks for one run, what their payloads
//! mean, and which of the user's settings a launch must keep.
//!
//! One file per agent, one row in [`ALL`]. Everything else about an agent is data in its profile.
//! Pure: the user's settings come in as a parsed table; arguments and files to write come out.
use serde::{Deserialize as _, Deserializer, de};
use serde_json::{Value, json};

use super::hooks::{Error, HookEvent};

mod claude;
mod codex;
mod opencode;
mod pi;
mod plugin;

/// One agent program.
#[derive(Debug)]
pub struct AgentKind {
    pub name: &'static str,
    /// Where the payload of a hook comes from.
    pub payload: PayloadSource,
    /// The user's settings that [`Wiring::config`] needs.
    pub user_config: Option<UserConfig>,
    /// Variables of the caller whose JSON a launch extends.
    pub merged_env: &'static [&'static str],
    /// Its plugin takes texts from wtmag and submits them, without its input box.
    pub channel: bool,
    wire: fn(&Wiring) -> Wire,
    direct: fn(&Lead) -> Wire,
    read: fn(&str) -> serde_json::Result<Option<HookEvent>>,
    writable: fn(&toml::Table) -> Vec<String>,
}

/// How an agent passes a payload to its hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadSource {
    Stdin,
    /// Without one, standard input.
    LastArgument,
}

/// A TOML file in a directory that a variable names, else below the home directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserConfig {
    pub dir_variable: &'static str,
    pub default_dir: &'static str,
    pub file: &'static str,
}

/// How to call wtmag from inside the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wiring {
    /// Command word and arguments; the payload follows as [`AgentKind::payload`] says.
    pub command: Vec<String>,
    /// Where a plugin may be written: an absolute path without an extension.
    pub plugin: String,
    /// The user's settings, if [`AgentKind::user_config`] names a file.
    pub config: toml::Table,
    /// Also the hooks that the agent asks the user to review before it runs them.
    pub reviewed: bool,
}

/// What an orchestrator is started with. The files are there by then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lead {
    /// A directory with the skill in `skills/wtmag`, a manifest for claude, and `prime.js` and `prime.ts`.
    pub plugin: String,
    /// The file with its instructions, and their text.
    pub instructions: String,
    pub text: String,
    /// The user's settings, if [`AgentKind::user_config`] names a file.
    pub config: toml::Table,
}

/// The setup that makes an agent report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    pub args: Vec<String>,
    /// A variable, and the JSON to merge into the user's value.
    pub env: Option<(&'static str, Value)>,
    /// A file to write before the launch: its path and its text.
    pub file: Option<(String, String)>,
}

/// Every agent program with hooks.
pub static ALL: [AgentKind; 4] = [claude::KIND, codex::KIND, opencode::KIND, pi::KIND];

/// The agent program with this name.
pub fn find(name: &str) -> Option<&'static AgentKind> {
    ALL.iter().find(|it| it.name == name)
}

impl AgentKind {
    /// The setup that makes an agent of this kind report.
    pub fn wire(&self, wiring: &Wiring) -> Wire {
        (self.wire)(wiring)
    }

    /// The meaning of a payload; none if it is irrelevant.
    pub fn read(&self, payload: &str) -> Result<Option<HookEvent>, Error> {
        (self.read)(payload).map_err(|source| Error { agent: self.name, source })
    }

    /// The setup of an orchestrator: the skill, where a launch can add one, and instructions.
    pub fn direct(&self, lead: &Lead) -> Wire {
        (self.direct)(lead)
    }

    /// Directories that the user's settings make writable in its sandbox.
    pub fn writable(&self, config: &toml::Table) -> Vec<String> {
        (self.writable)(config)
    }
}

impl PartialEq for AgentKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Reads the `kind` of a profile.
pub(super) fn by_name<'de, D: Deserializer<'de>>(from: D) -> Result<&'static AgentKind, D::Error> {
    let name = String::deserialize(from)?;
    find(&name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|it| it.name).collect();
        de::Error::custom(format!(
            "unknown hooks kind `{name}`, expected one of: {}",
            names.join(", ")
        ))
    })
}

/// For an agent whose settings name no directories.
const fn no_writable(_: &toml::Table) -> Vec<String> {
    Vec::new()
}

/// The strings of a list.
fn strings(list: &toml::Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
}

/// A plugin that knows the command to call wtmag.
fn script(text: &str, wiring: &Wiring) -> String {
    text.replace("__HOOK__", &json!(wiring.command).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::hooks::Event;

    pub(super) fn wiring() -> Wiring {
        let command = ["/opt/my tools/wtmag", "hook", "x"].map(String::from).to_vec();
        Wiring { command, plugin: "/state/plugin".into(), ..Wiring::default() }
    }

    #[track_caller]
    pub(super) fn check(kind: &AgentKind, payload: &str, want: Option<Event>) {
        let event = kind.read(payload).unwrap();
        assert_eq!(event.map(|it| it.event), want, "{payload}");
    }

    #[test]
    fn each_kind_is_found_by_its_name_and_says_who_sent_nonsense() {
        for kind in &ALL {
            assert_eq!(find(kind.name), Some(kind));
            assert!(kind.read("[]").unwrap_err().to_string().contains(kind.name));
        }
        assert_eq!(find("new"), None);
    }
}
