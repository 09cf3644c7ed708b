//! The events that agents report through hooks, in common terms. [`super::kinds`] knows each
//! agent's format; the callers check who reported and when.
use std::fmt;

use crate::{
    model::{Ask, AskKind, Choice, FactSource, Question},
    text::one_line,
};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    pub event: Event,
    /// The agent's id of the conversation, to resume it.
    pub session: Option<String>,
    /// The prompt of the event's turn, if the event names it.
    pub prompt: Option<String>,
    /// What a tool printed, where the hook shows it.
    pub printed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent's program has started; its box may not be ready.
    Started,
    /// It accepted a prompt and is working.
    PromptAccepted { text: String },
    /// It is working.
    Busy,
    /// It asks for permission, or something else.
    Asks { question: Question, ask: Ask },
    /// The question was answered.
    Answered,
    /// The provider returns errors; the agent tries again.
    Retrying { error: String },
    /// The turn is over; this was its last message.
    TurnEnded { message: Option<String> },
    /// The turn ended with this error.
    TurnFailed { error: String, message: Option<String> },
    /// The turn is over, but work continues in the background.
    Background { message: Option<String>, what: String },
    /// The agent exits.
    Ended { reason: String },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the agent started"),
            Self::PromptAccepted { text } => write!(f, "accepted a prompt: {text}"),
            Self::Busy => f.write_str("the agent is working"),
            Self::Asks { question: Question::Permission, ask } => {
                write!(f, "it asks for permission: {ask}")
            }
            Self::Asks { ask, .. } => write!(f, "it asks: {ask}"),
            Self::Answered => f.write_str("its question was answered, or a tool call ended"),
            Self::Retrying { error } => write!(f, "retrying after a provider error: {error}"),
            Self::TurnEnded { message } => {
                write!(f, "its turn is over: {}", message.as_deref().unwrap_or_default())
            }
            Self::TurnFailed { error, .. } => write!(f, "its turn failed: {error}"),
            Self::Background { what, .. } => {
                write!(f, "its turn is over; in the background: {what}")
            }
            Self::Ended { reason } => write!(f, "the agent exits: {reason}"),
        }
    }
}

impl Event {
    /// What a hook says that the agent asks permission for: a command, a path, ….
    pub(super) fn permission(kind: AskKind, about: &str) -> Self {
        let (question, choices) = (String::new(), Vec::new());
        Self::asks(Question::Permission, (kind, about), question, choices)
    }

    /// A question with its answers.
    pub(super) fn question(text: &str, choices: Vec<String>) -> Self {
        Self::asks(Question::Question, (AskKind::Question, ""), text.to_owned(), choices)
    }

    fn asks(
        question: Question,
        (kind, about): (AskKind, &str),
        text: String,
        choices: Vec<String>,
    ) -> Self {
        let short = |text: &str| one_line(text, Ask::MAX_TEXT);
        let choices = choices.iter().take(Ask::MAX_CHOICES);
        let choices = choices.map(|it| Choice { label: short(it), selected: false }).collect();
        let (about, text) = (short(about), short(&text));
        let ask = Ask { kind, about, question: text, choices, source: FactSource::Hook };
        Self::Asks { question, ask }
    }
}

/// A payload that does not have the known format.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the hook payload of `{agent}`")]
pub struct Error {
    pub agent: &'static str,
    pub source: serde_json::Error,
}
