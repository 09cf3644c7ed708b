//! How each state is shown: a table.
use super::{AgentState, DisplayState, Reported};
use crate::model::unknown::name_of;

/// How a state is shown, and how urgently it needs a human.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    /// The name without its detail: what `wait --until` and filters use.
    pub name: &'static str,
    pub tone: Tone,
    /// One character that distinguishes states without colour.
    pub mark: char,
    /// Lower is more urgent.
    pub urgency: u8,
    /// The agent shows a question that only a human can answer.
    pub asks: bool,
}

/// What a state means for the human. Its colour is the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Red: it needs you.
    WantsYou,
    /// Yellow: it is working.
    Busy,
    /// Green: it is idle.
    AtRest,
    /// Cyan: check it when you have time.
    Unsure,
    /// Dim: it has ended.
    Over,
}

const fn face(name: &'static str, tone: Tone, mark: char, urgency: u8) -> Face {
    Face { name, tone, mark, urgency, asks: false }
}

const fn asking(name: &'static str) -> Face {
    Face { asks: true, ..face(name, Tone::WantsYou, '!', 0) }
}

impl DisplayState {
    /// The state's row in the table: everything that is shown for a new state belongs here.
    pub const fn face(&self) -> Face {
        match self {
            Self::Starting => face("starting", Tone::Busy, '…', 3),
            Self::Turn(turn) => match turn {
                AgentState::Unknown => face("unknown", Tone::Unsure, '?', 3),
                AgentState::Blocked(_) => asking("blocked"),
                AgentState::Ready => face("ready", Tone::AtRest, '○', 2),
                AgentState::Working => face("working", Tone::Busy, '●', 3),
                AgentState::Retrying => face("retrying", Tone::Busy, '●', 3),
                AgentState::Waiting(_) => asking("waiting"),
                AgentState::Idle => face("idle", Tone::AtRest, '○', 2),
                AgentState::Failed => face("failed", Tone::WantsYou, '✗', 1),
                AgentState::Limited(_) => face("limited", Tone::Unsure, '◔', 2),
                AgentState::Draft => face("draft", Tone::Unsure, '✎', 1),
                AgentState::Other(_) => face("unknown", Tone::Unsure, '?', 3),
            },
            Self::NotStarted(_) => face("not-started", Tone::Over, '✗', 1),
            Self::Exited(_) => face("exited", Tone::Over, '-', 4),
            Self::Lost(_) => face("lost", Tone::Over, '✗', 4),
            Self::NeedsYou(_) => asking("needs-you"),
            Self::Reported(report) => match report {
                Reported::Done => face("done", Tone::AtRest, '✓', 1),
                Reported::Failed => face("failed", Tone::WantsYou, '✗', 1),
                Reported::Blocked => asking("blocked"),
                Reported::Question => asking("waiting"),
                Reported::Working | Reported::Other(_) => face("idle", Tone::AtRest, '○', 2),
            },
            Self::Landed(_) => face("landed", Tone::Over, '✓', 3),
        }
    }

    /// The name without its detail.
    pub fn name(&self) -> &str {
        match self {
            Self::Turn(AgentState::Other(value)) => name_of(value),
            Self::Starting
            | Self::Turn(_)
            | Self::NotStarted(_)
            | Self::Exited(_)
            | Self::Lost(_)
            | Self::NeedsYou(_)
            | Self::Reported(_)
            | Self::Landed(_) => self.face().name,
        }
    }

    /// The agent has ended.
    pub fn is_over(&self) -> bool {
        self.face().tone == Tone::Over
    }

    /// Every name, in the order of a worker's life.
    pub const NAMES: [&'static str; 17] = [
        "starting",
        "not-started",
        "unknown",
        "blocked",
        "ready",
        "working",
        "retrying",
        "waiting",
        "idle",
        "done",
        "failed",
        "limited",
        "draft",
        "needs-you",
        "exited",
        "lost",
        "landed",
    ];
}
