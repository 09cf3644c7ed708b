//! What a program says of itself in its output.
use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Serialize};

use super::UnknownName;

/// One word of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// Program Status Protocol, OSC 7501.
    Status(StatusReport),
    /// The question whether such reports are read.
    Query,
    /// A notification, OSC 9 or 777.
    Notice,
    Bell,
}

/// A report of the Program Status Protocol: any program in the pane may print one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    pub state: ProgramState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<BlockKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Not cleaned: what it holds acts on a terminal as any text of a program does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramState {
    Idle,
    Working,
    Blocked,
    Done,
    Error,
    /// It takes back what it said.
    Clear,
    /// Of a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// What a program is blocked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    Permission,
    Question,
    Auth,
    /// Of a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// Longest name or number of a report, and longest message, in bytes.
const MAX_NAME: usize = 64;
const MAX_MESSAGE: usize = 1 << 10;

impl StatusReport {
    /// `state=…:kind=…:app=…:msg=BASE64:id=…`. Without a known state it says nothing; of the rest, what
    /// is too long or has other letters than it may have is left out.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut fields = text.rsplit(':').filter_map(|it| it.split_once('='));
            fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
        };
        let state = match value("state")? {
            "idle" => ProgramState::Idle,
            "working" => ProgramState::Working,
            "blocked" => ProgramState::Blocked,
            "done" => ProgramState::Done,
            "error" => ProgramState::Error,
            "clear" => ProgramState::Clear,
            _ => return None,
        };
        let kind = value("kind").and_then(|it| match it {
            "permission" => Some(BlockKind::Permission),
            "question" => Some(BlockKind::Question),
            "auth" => Some(BlockKind::Auth),
            _ => None,
        });
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
        let name = |key: &str| {
            let name = value(key).filter(|it| it.len() <= MAX_NAME && it.chars().all(plain))?;
            Some(name.to_owned()).filter(|it| !it.is_empty())
        };
        let message = value("msg").filter(|it| it.len() <= MAX_MESSAGE * 4 / 3 + 4);
        let message = message.and_then(|it| String::from_utf8(BASE64.decode(it).ok()?).ok());
        let message = message.filter(|it| !it.is_empty());
        Some(Self { state, kind, app: name("app"), message, id: name("id") })
    }
}

/// Programs leave out the padding, or do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl fmt::Display for StatusReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        match self.kind {
            Some(BlockKind::Permission) => f.write_str(" by a permission")?,
            Some(BlockKind::Question) => f.write_str(" by a question")?,
            Some(BlockKind::Auth) => f.write_str(" by a login")?,
            Some(BlockKind::Other(name)) => write!(f, " by {name}")?,
            None => {}
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ProgramState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Working => "working",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Error => "error",
            Self::Clear => "clear",
            Self::Other(name) => name.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_known_words_and_bounded_texts() {
        let text = "state=blocked:kind=permission:app=codex:msg=bnBtIHRlc3Q:id=t-1:progress=3";
        let want = StatusReport {
            state: ProgramState::Blocked,
            kind: Some(BlockKind::Permission),
            app: Some("codex".into()),
            message: Some("npm test".into()),
            id: Some("t-1".into()),
        };
        assert_eq!(want.to_string(), "blocked by a permission: npm test");
        assert_eq!(StatusReport::parse(text), Some(want));
        let bare = |state| StatusReport { state, kind: None, app: None, message: None, id: None };
        for text in [
            "state=done:kind=party:app=a;b:msg=%%%:id=",
            "state=idle:state=done",
            "app=$(x):state=done",
            &format!("state=done:app={}:msg={}", "a".repeat(65), "YWFh".repeat(400)),
        ] {
            assert_eq!(StatusReport::parse(text), Some(bare(ProgramState::Done)), "{text}");
        }
        assert_eq!(StatusReport::parse("kind=auth"), None);
        assert_eq!(StatusReport::parse("state=Idle"), None);
    }
}
