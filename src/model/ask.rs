//! What an agent asks, with the answers that it offers.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FactSource, UnknownName, WorkerId};

/// A question that an agent shows or reports. Its texts are clean and short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub kind: AskKind,
    /// The command, path, address, tool or plan that it is about; empty when nothing names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The question in the agent's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question: String,
    /// The answers, top to bottom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// Who said what it is about. The choices are always from the screen or the same hook.
    pub source: FactSource,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub label: String,
    /// Enter would choose it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selected: bool,
}

/// The answer that a user chose in a dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogAnswer {
    pub id: WorkerId,
    pub label: String,
    /// Words for an answer that takes some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The dialog that the user was shown.
    pub asked: Ask,
    /// The user has named what it is about: it need not be the dialog that was printed last.
    #[serde(default)]
    pub expected: bool,
}

/// What kind of thing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskKind {
    /// To run a command.
    Command,
    /// To read or change a file.
    Path,
    /// To fetch from the network.
    Url,
    /// To use some other tool.
    Tool,
    /// To carry out a plan.
    Plan,
    /// To be trusted with a directory.
    Trust,
    /// To be signed in.
    Login,
    /// Something else: an answer, a choice, a setting.
    Question,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

impl Ask {
    /// Longest text of one, in characters.
    pub const MAX_TEXT: usize = 300;
    /// Most choices of one.
    pub const MAX_CHOICES: usize = 20;

    /// It asks for permission to do something.
    pub fn is_permission(&self) -> bool {
        match self.kind {
            AskKind::Command | AskKind::Path | AskKind::Url | AskKind::Tool | AskKind::Plan => true,
            AskKind::Trust | AskKind::Login | AskKind::Question | AskKind::Other(_) => false,
        }
    }
}

impl fmt::Display for AskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Command => "command",
            Self::Path => "path",
            Self::Url => "url",
            Self::Tool => "tool",
            Self::Plan => "plan",
            Self::Trust => "trust",
            Self::Login => "login",
            Self::Question => "question",
            Self::Other(name) => name.as_str(),
        })
    }
}

impl fmt::Display for Ask {
    /// On one line: `command: npm test`, or the question where nothing names what it is about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.about.is_empty() { &self.question } else { &self.about };
        if text.is_empty() {
            return f.pad(&self.kind.to_string());
        }
        f.pad(&format!("{}: {text}", self.kind))
    }
}
