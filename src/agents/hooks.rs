//! The events that agents report through hooks, in common terms. [`super::kinds`] knows each
//! agent's format; the callers check who reported and when.
use std::fmt;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    pub event: Event,
    /// The agent's id of the conversation, to resume it.
    pub session: Option<String>,
    /// The prompt of the event's turn, if the event names it.
    pub prompt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent's program has started; its box may not be ready.
    Started,
    /// It accepted a prompt and is working.
    PromptAccepted { text: String },
    /// It is working.
    Busy,
    /// It asks for permission to do this.
    Permission { what: String },
    /// It asks something else.
    Question { what: String },
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
            Self::Permission { what } => write!(f, "it asks for permission: {what}"),
            Self::Question { what } => write!(f, "it asks: {what}"),
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

/// A payload that does not have the known format.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the hook payload of `{agent}`")]
pub struct Error {
    pub agent: &'static str,
    pub source: serde_json::Error,
}
