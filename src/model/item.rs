//! What needs attention: an item of the inbox.
use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Caller, DeliveryId, Timestamp, Tone, UnknownName, WorkerId};

/// The number of an item. It rises with each item and is never used again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ItemId(pub u64);

/// Something about a worker that a person or another agent should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: ItemId,
    pub worker: WorkerId,
    pub kind: ItemKind,
    pub origin: Origin,
    /// The repository that it is about, if it is not about a worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<PathBuf>,
    /// When it happened; a report that waited in the spool is older than its number.
    pub at: Timestamp,
    /// What it is about, clean: a command, a question, a report.
    #[serde(default)]
    pub text: String,
    /// The answers that it offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The id of the report that it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// The text that answers it, on its way to the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<DeliveryId>,
    /// A reader has dealt with it: hidden, as long as its state lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Its worker's parent knows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// When the agent took the question that it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Timestamp>,
    /// The worker's answer to that question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answered>,
    /// The user was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
}

/// What kind of attention it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// The worker asks something.
    Question,
    /// The agent asks for permission.
    Permission,
    /// It cannot continue without a person: a dialog, a login, or its own report.
    Blocked,
    /// The work is done, or a turn is over.
    Done,
    Failed,
    /// A usage limit is reached.
    Limited,
    Exited,
    Lost,
    /// A turn without output.
    Stalled,
    /// A text did not reach the agent.
    Delivery,
    /// The agent rang the bell, and nothing shows why.
    Bell,
    /// A pull request is open: the worker's own, or the one that it reviews.
    Review,
    /// A run is over.
    Run,
    /// A question to the worker; shown when it has been answered and no command waits for it.
    Answer,
    /// Something that was planned for a time could not be done.
    Schedule,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// Where an item is from, which decides how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The worker's state: it ends with the state.
    State,
    /// A message: it ends when a reader acknowledges or answers it.
    Message,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// An answer to a question of `wtmag ask`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub at: Timestamp,
    pub by: AnsweredBy,
    pub text: String,
}

/// Where an answer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    /// The worker reported it.
    Report,
    /// The last message of the turn that took the question.
    Message,
    /// The end of the screen after that turn.
    Screen,
    /// There is none: the text says why.
    Hub,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// When the parent was told, and by which text; without one, it has read the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<DeliveryId>,
}

/// How an item ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub at: Timestamp,
    pub why: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The state that it is about is over.
    Over,
    /// A reader acknowledged it.
    Acked,
    /// The worker has the reply.
    Answered,
    /// A later report of the worker replaces it.
    Replaced,
    /// The worker was removed.
    Removed,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

impl ItemKind {
    /// Every kind, by its name in the configuration.
    pub const NAMES: [&'static str; 15] = [
        "question",
        "permission",
        "blocked",
        "done",
        "failed",
        "limited",
        "exited",
        "lost",
        "stalled",
        "delivery",
        "bell",
        "review",
        "run",
        "answer",
        "schedule",
    ];
}

impl ItemKind {
    /// What it means for the reader, and how urgent it is: lower is more urgent. Who waits for an answer
    /// comes first, then what went wrong, then what is done.
    pub const fn face(self) -> (Tone, u8) {
        match self {
            Self::Question | Self::Permission | Self::Blocked => (Tone::WantsYou, 0),
            Self::Failed
            | Self::Exited
            | Self::Lost
            | Self::Delivery
            | Self::Schedule
            | Self::Bell => (Tone::WantsYou, 1),
            Self::Stalled => (Tone::Unsure, 1),
            Self::Done | Self::Answer | Self::Review | Self::Run => (Tone::AtRest, 2),
            Self::Limited | Self::Other(_) => (Tone::Unsure, 2),
        }
    }
}

impl Item {
    /// Longest text of an item from a state, and longest choice, in characters.
    pub const MAX_LINE: usize = 300;

    /// A new one; its number is given by the hub.
    pub fn new(worker: WorkerId, kind: ItemKind, origin: Origin, at: Timestamp) -> Self {
        Self {
            id: ItemId::default(),
            worker,
            kind,
            origin,
            repo: None,
            at,
            text: String::new(),
            choices: Vec::new(),
            report: None,
            reply: None,
            acked: None,
            closed: None,
            told: None,
            taken: None,
            answer: None,
            announced: false,
        }
    }

    /// It is still in the store's list of open items.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// The inbox shows it.
    pub fn is_shown(&self) -> bool {
        let is_pending = self.kind == ItemKind::Answer && self.answer.is_none();
        self.is_open() && self.acked.is_none() && !is_pending
    }

    /// Users and parents are told of it. Pull requests are only listed.
    pub fn calls(&self) -> bool {
        self.is_shown() && self.kind != ItemKind::Review
    }
}

/// Which items are asked for, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxQuery {
    /// These items, in full; without numbers, all that are not acknowledged.
    #[serde(default)]
    pub items: Vec<ItemId>,
    /// Only of these workers, if there are any.
    #[serde(default)]
    pub workers: Vec<WorkerId>,
    /// Who reads: an agent is not told again of items that it names. They are not sent again.
    #[serde(default)]
    pub reader: Option<Caller>,
    /// The reader waits for more, until it closes the connection.
    #[serde(default)]
    pub waits: bool,
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Question => "question",
            Self::Permission => "permission",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Limited => "limited",
            Self::Exited => "exited",
            Self::Lost => "lost",
            Self::Stalled => "stalled",
            Self::Delivery => "delivery",
            Self::Bell => "bell",
            Self::Review => "review",
            Self::Run => "run",
            Self::Answer => "answer",
            Self::Schedule => "schedule",
            Self::Other(name) => name.as_str(),
        })
    }
}
