//! What agents report by their hooks, in our words. How each agent program says it is in
//! [`super::kinds`]; who called and when is for others to check.
use std::fmt;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    pub event: Event,
    /// The agent's own id of the conversation, to resume it by.
    pub session: Option<String>,
    /// The prompt of the turn that the event is about, where the event names it.
    pub prompt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent's program is up; its box need not be.
    Started,
    /// It took a prompt, and works.
    PromptAccepted { text: String },
    /// It works.
    Busy,
    /// It asks for leave to do this.
    Permission { what: String },
    /// It asks something else.
    Question { what: String },
    /// The question is answered.
    Answered,
    /// The provider answers with errors; it tries again.
    Retrying { error: String },
    /// The turn is over, and this was said last.
    TurnEnded { message: Option<String> },
    /// The turn is over because of this.
    TurnFailed { error: String, message: Option<String> },
    /// The turn is over, and work goes on beside it.
    Background { message: Option<String>, what: String },
    /// The agent leaves.
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

/// A payload that is not what the agent's version was known to send.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the hook payload of `{agent}`")]
pub struct Error {
    pub agent: &'static str,
    pub source: serde_json::Error,
}
