//! The blocks `[sources.NAME]`: trackers that are asked by commands.
use serde::{Deserialize, Serialize};
use toml::{Spanned, de::DeValue};

use super::{Fault, Keys, Layer, Shape, parse_table, require_table};
use crate::model::SourceKind;

/// One tracker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCommands {
    /// Prints a task, whose key is its last argument.
    pub command: String,
    /// Prints the tasks that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
}

impl SourceCommands {
    pub fn argv(&self) -> Vec<String> {
        words(&self.command)
    }

    pub fn ready_argv(&self) -> Option<Vec<String>> {
        self.ready.as_deref().map(words)
    }
}

fn words(command: &str) -> Vec<String> {
    shlex::split(command).unwrap_or_default()
}

const KEYS: Keys = &[("command", Shape::CommandLine), ("ready", Shape::CommandLine)];

pub(super) fn parse(value: &Spanned<DeValue<'_>>, layer: &mut Layer) -> Result<(), Fault> {
    for (key, value) in require_table("sources", value)? {
        let (name, at) = (key.get_ref(), key.span().start);
        if SourceKind::custom(name).is_none() {
            let message = format!(
                "a source cannot be called `{name}`: use letters, digits, `-` and `_`, at most 31, and not the \
                 name of a built-in source"
            );
            return Err(Fault { at, message });
        }
        let path = format!("sources.{name}");
        layer.places.insert(path.clone(), at);
        parse_table(&path, KEYS, value, layer)?;
        if !layer.places.contains_key(&format!("{path}.command")) {
            return Err(Fault { at, message: format!("`[{path}]` needs a `command`") });
        }
    }
    Ok(())
}
