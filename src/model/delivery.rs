//! One text on its way to one worker, and the receipt for it.
use std::fmt;

use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::{AgentState, DeliveryId, Timestamp, UnknownName, WorkerId, unknown::name_of};

/// A delivery as it is stored and shown: the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub worker: WorkerId,
    pub text: String,
    /// The file in the worktree that holds the long text that `text` announces.
    #[serde(default)]
    pub file: Option<String>,
    pub mode: DeliveryMode,
    /// Press Enter; false leaves the text in the box.
    pub submit: bool,
    /// Interrupt a running turn first.
    pub interrupt: bool,
    pub step: Step,
    /// Why it is held; only while the delivery is open.
    pub held: Option<Hold>,
    /// How acceptance was seen, or why it failed.
    pub evidence: String,
    /// Every step with its time, oldest first.
    pub steps: Vec<StepAt>,
    /// Why a human should look at it: it has waited for too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
    /// How often the conversation on the screen contained the text before it was pasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_before: Option<usize>,
    /// The hub tells what workers need. If nothing of it was typed, the hub tells it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub news: bool,
    /// A paste marks the pane: without the mark, it did not happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marks_pane: bool,
}

/// A delivery that is stuck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    pub at: Timestamp,
    /// What the input box holds, or the last rows of the screen.
    pub shows: String,
}

/// What a human decided about a stuck delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// The box holds the text: press Enter.
    Enter,
    /// The agent has the text: the receipt is closed.
    Done,
    /// The box is empty: type the text again.
    Retry,
    /// Clear the box, then type it.
    Clear,
}

/// How a text reaches the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// Pasted into the input box when the agent is ready.
    Ready,
    /// Passed on the agent's command line.
    Argument,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Queued,
    /// Two captures showed a ready agent.
    Ready,
    /// Recorded before the paste is sent.
    Pasting,
    Pasted,
    /// The text was seen in the box.
    Echoed,
    /// Recorded before Enter is sent.
    Entering,
    Accepted,
    /// The agent took it for a command of its own, and no turn began.
    Ran,
    Failed,
    Cancelled,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepAt {
    pub step: Step,
    pub at: Timestamp,
}

/// Why a delivery waits. Held is not failed: it goes out when nothing is in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why", content = "turn")]
pub enum Hold {
    /// The agent shows something that is not an empty box.
    Turn(AgentState),
    /// The pane is in copy mode or another tmux mode.
    PaneMode,
    /// `select-pane -d`.
    InputOff,
    /// `synchronize-panes` is on: keys would also go to the user's other panes.
    Synchronized,
    /// Another program is in the foreground.
    Foreground,
    /// An earlier delivery to this worker is still open.
    Earlier,
    /// tmux cannot be reached, or has not shown the pane for more than a second.
    Disconnected,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

impl Step {
    pub fn is_final(self) -> bool {
        matches!(self, Self::Accepted | Self::Ran | Self::Failed | Self::Cancelled)
    }
}

/// How much of a text a receipt shows.
const SHOWN: usize = 1 << 10;

impl Delivery {
    /// The receipt with the beginning of its text: texts may be long, and receipts are many.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        if let Some((at, _)) = self.text.char_indices().find(|(at, _)| *at >= SHOWN) {
            self.text.truncate(at);
            self.text.push('…');
        }
        self
    }

    /// Nothing was sent to the agent: the last paste did not happen.
    pub fn take_back(&mut self) {
        self.step = Step::Queued;
        self.steps.pop_if(|it| it.step == Step::Pasting);
    }

    /// Something of it may have reached the agent.
    pub fn was_typed(&self) -> bool {
        self.at(Step::Pasting).is_some()
    }

    /// When `step` was taken, if it was.
    pub fn at(&self, step: Step) -> Option<Timestamp> {
        self.steps.iter().find(|it| it.step == step).map(|it| it.at)
    }
}

impl Hold {
    /// Nothing else shows that the agent needs attention, and the hold may never end by itself.
    pub fn is_open_ended(&self) -> bool {
        match self {
            Self::Turn(AgentState::Limited(limit)) => limit.until.is_none(),
            Self::Turn(turn) => !turn.asks() && !turn.is_busy(),
            Self::PaneMode | Self::InputOff | Self::Synchronized | Self::Foreground => true,
            Self::Earlier | Self::Disconnected | Self::Other(_) => false,
        }
    }

    /// What ends the hold.
    pub fn way_out(&self) -> String {
        match self {
            Self::Turn(AgentState::Limited(limit)) if limit.until.is_some() => {
                return format!("it goes out at {}, when the limit is reset", limit.clock);
            }
            Self::Turn(AgentState::Limited(_)) => {
                "the agent names no reset time: `--take retry` sends it now"
            }
            Self::Turn(AgentState::Draft) => "it goes out when the box is empty",
            Self::Turn(turn) if turn.asks() => "it goes out when the question is answered",
            Self::Turn(turn) if turn.is_busy() => "it goes out when the turn is over",
            Self::Turn(_) => "it goes out when the agent shows an empty box",
            Self::PaneMode => "it goes out when you leave the mode",
            Self::InputOff => "it goes out when you run `tmux select-pane -e`",
            Self::Synchronized => "it goes out when synchronize-panes is off",
            Self::Foreground => "it goes out when the agent is in the foreground",
            Self::Earlier => "it goes out after the earlier text",
            Self::Disconnected => "it goes out when tmux answers",
            Self::Other(_) => "a newer version of wtmag holds it",
        }
        .to_owned()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Ready => "ready",
            Self::Pasting => "pasting",
            Self::Pasted => "pasted",
            Self::Echoed => "echoed",
            Self::Entering => "entering",
            Self::Accepted => "accepted",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Other(name) => name.as_str(),
        })
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn(AgentState::Blocked(by)) => write!(f, "the agent shows a dialog ({by})"),
            Self::Turn(AgentState::Waiting(question)) => {
                write!(f, "the agent waits for an answer ({question})")
            }
            Self::Turn(AgentState::Draft) => f.write_str("the input box holds a draft"),
            Self::Turn(AgentState::Limited(limit)) => {
                f.write_str("the provider's limit is reached")?;
                if limit.clock.is_empty() { Ok(()) } else { write!(f, ", until {}", limit.clock) }
            }
            Self::Turn(turn) if turn.is_busy() => f.write_str("a turn is running"),
            Self::Turn(_) => f.write_str("the agent is not ready yet"),
            Self::PaneMode => f.write_str("the pane is in a tmux mode"),
            Self::InputOff => f.write_str("input to the pane is off"),
            Self::Synchronized => {
                f.write_str("synchronize-panes is on: keys would also go to other panes")
            }
            Self::Foreground => f.write_str("another program is in the foreground"),
            Self::Earlier => f.write_str("an earlier text is still being delivered"),
            Self::Disconnected => f.write_str("tmux does not answer"),
            Self::Other(value) => f.write_str(name_of(value)),
        }
    }
}
