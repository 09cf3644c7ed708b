//! What a worker is doing: three separate facts, and the one state that is shown for them.
use std::fmt;

use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::{
    Ask, DeliveryId, EndCause, Exit, Fact, FactSource, Landed, Timestamp, UnknownName,
    unknown::name_of,
};

/// The agent's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Process {
    /// The window exists; the shell has not started the agent yet.
    Starting,
    Running,
    /// The shell ended before it reached the agent.
    #[serde(rename = "not-started")]
    NotStarted(Exit),
    Exited(Exit),
    /// The pane is gone, and no exit was recorded.
    Lost(EndCause),
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// Where the agent is in its conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// No rule matches the screen; never treated as idle.
    #[default]
    Unknown,
    Blocked(Blocker),
    /// An empty input box is visible, and there was no turn yet.
    Ready,
    Working,
    /// Working, while the provider returns errors and the agent retries.
    Retrying,
    Waiting(Question),
    /// A turn ended; the box is empty.
    Idle,
    /// A turn ended with a provider error.
    Failed,
    /// The provider's usage limit is reached; it answers again after the reset.
    Limited(Limit),
    /// The box holds text that wtmag did not type.
    Draft,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// A provider's usage limit that is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// When it is reset, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The same as a local clock shows it: `15:00`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub clock: String,
    /// A turn ended because of it.
    #[serde(default)]
    pub in_turn: bool,
}

/// What blocks the agent before it can accept input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blocker {
    /// The shell's start-up files ask a question, hang or started another shell.
    Shell,
    Trust,
    Login,
    Onboarding,
    HooksReview,
    Update,
    Other,
    /// A value from a newer version.
    #[serde(untagged)]
    Unknown(UnknownName),
}

/// What the agent asks during a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    Permission,
    Question,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// What the worker reports about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reported {
    Working,
    Done,
    Failed,
    Blocked,
    Question,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// Everything known about one worker's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerState {
    pub process: Fact<Process>,
    pub turn: Fact<AgentState>,
    /// What it asks, while it shows a dialog or a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Ask>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<Fact<Reported>>,
    /// Why wtmag itself needs a human.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<Fact<Need>>,
    /// Its work is part of another branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<Landed>,
}

/// What wtmag cannot do without a human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// This text is stuck: `wtmag receipts` says why.
    Delivery(DeliveryId),
    /// The agent rang the bell or sent a notification, and its screen does not show why.
    Bell,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// The one state shown by `list`, `wait` and the tmux options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisplayState {
    Starting,
    Turn(AgentState),
    NotStarted(Exit),
    Exited(Exit),
    Lost(EndCause),
    NeedsYou(Need),
    /// The turn is over, and this is what the worker reported in it.
    Reported(Reported),
    /// Its agent or window is gone, and its work is part of this branch.
    Landed(String),
}

impl WorkerState {
    /// The state of a worker whose window was just created.
    pub fn starting(at: Timestamp) -> Self {
        let evidence = String::new();
        Self {
            process: Fact {
                value: Process::Starting,
                since: at,
                source: FactSource::Hub,
                evidence: evidence.clone(),
            },
            turn: Fact { value: AgentState::Unknown, since: at, source: FactSource::Hub, evidence },
            asks: None,
            reported: None,
            need: None,
            landed: None,
        }
    }

    /// If the process is gone, it decides, unless the work has landed; a blocked shell is shown while
    /// it starts; else the turn is shown. Until something is known of the agent, it is still starting.
    pub fn word(&self) -> DisplayState {
        match &self.process.value {
            Process::Exited(_) | Process::Lost(_) if let Some(landed) = &self.landed => {
                DisplayState::Landed(landed.into.clone())
            }
            Process::NotStarted(exit) => DisplayState::NotStarted(*exit),
            Process::Exited(exit) => DisplayState::Exited(*exit),
            Process::Lost(cause) => DisplayState::Lost(*cause),
            Process::Starting if self.turn.value == AgentState::Unknown => DisplayState::Starting,
            Process::Starting | Process::Running | Process::Other(_) => self.live_word(),
        }
    }

    /// No screen and no report has said anything about the agent yet.
    fn is_unjudged(&self) -> bool {
        let turn = &self.turn;
        turn.value == AgentState::Unknown
            && turn.source == FactSource::Hub
            && turn.evidence.is_empty()
    }

    /// The agent's question is more informative than the fact that a text waits for the answer, and
    /// its report more than the fact that the turn is over.
    fn live_word(&self) -> DisplayState {
        match (&self.need, self.settled_report()) {
            (Some(need), _) if !self.turn.value.asks() => {
                DisplayState::NeedsYou(need.value.clone())
            }
            (None, Some(report)) => DisplayState::Reported(report.value),
            (Some(_), _) | (None, None) if self.is_unjudged() => DisplayState::Starting,
            (Some(_), _) | (None, None) => DisplayState::Turn(self.turn.value.clone()),
        }
    }

    /// What it reported, once its turn is over.
    pub fn settled_report(&self) -> Option<&Fact<Reported>> {
        let is_over = matches!(self.turn.value, AgentState::Idle | AgentState::Ready);
        self.reported.as_ref().filter(|it| is_over && it.value.is_settled())
    }

    /// Its state has this name, or its turn has: a worker that is `done` is also `idle`.
    pub fn is_named(&self, name: &str) -> bool {
        let word = self.word();
        let turn = || DisplayState::Turn(self.turn.value.clone()).name() == name;
        word.name() == name || matches!(word, DisplayState::Reported(_)) && turn()
    }

    /// Since when this state is shown.
    pub fn since(&self) -> Timestamp {
        match self.word() {
            DisplayState::NotStarted(_)
            | DisplayState::Exited(_)
            | DisplayState::Lost(_)
            | DisplayState::Starting => self.process.since,
            DisplayState::Landed(_) => {
                self.landed.as_ref().map_or(self.process.since, |landed| landed.at)
            }
            DisplayState::Turn(_) => self.turn.since,
            DisplayState::NeedsYou(_) => {
                self.need.as_ref().map_or(self.turn.since, |need| need.since)
            }
            DisplayState::Reported(_) => {
                self.reported.as_ref().map_or(self.turn.since, |report| report.since)
            }
        }
    }

    /// The process runs or may still start.
    pub fn is_live(&self) -> bool {
        !self.word().is_over()
    }
}

impl Reported {
    /// It says how the turn ended, and not that it continues.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::Blocked | Self::Question => true,
            Self::Working | Self::Other(_) => false,
        }
    }
}

impl AgentState {
    /// The agent accepts a prompt now.
    pub fn listens(&self) -> bool {
        matches!(self, Self::Ready | Self::Idle | Self::Failed)
    }

    /// A turn is running.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Working | Self::Retrying)
    }

    /// A dialog or a question is visible.
    pub fn asks(&self) -> bool {
        DisplayState::Turn(self.clone()).face().asks
    }
}

impl DisplayState {
    /// With how long it will last, where that is known: `limited: until 15:00 (resets in 2h)`.
    pub fn text_at(&self, now: Timestamp) -> String {
        let until = match self {
            Self::Turn(AgentState::Limited(limit)) => limit.until,
            Self::Turn(_)
            | Self::Starting
            | Self::NotStarted(_)
            | Self::Exited(_)
            | Self::Lost(_)
            | Self::NeedsYou(_)
            | Self::Reported(_)
            | Self::Landed(_) => None,
        };
        let Some(left) = until.map(|it| it.since(now)).filter(|it| !it.is_zero()) else {
            return self.to_string();
        };
        let minutes = left.as_secs().div_ceil(60);
        let left = match (minutes / 60, minutes % 60) {
            _ if left.as_secs() < 60 => format!("{} s", left.as_secs()),
            (0, minutes) => format!("{minutes} min"),
            (hours @ 48.., _) => format!("{} days", hours / 24),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        };
        format!("{self} (resets in {left})")
    }
}

impl fmt::Display for DisplayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Turn(AgentState::Blocked(by)) => format!("blocked: {by}"),
            Self::Turn(AgentState::Waiting(question)) => format!("waiting: {question}"),
            Self::Turn(AgentState::Limited(Limit { clock, .. })) if !clock.is_empty() => {
                format!("limited: until {clock}")
            }
            Self::NotStarted(exit) => format!("not-started({exit})"),
            Self::Exited(exit) => format!("exited({exit})"),
            Self::Lost(cause) => format!("lost: {cause}"),
            Self::Landed(into) => format!("landed: {into}"),
            Self::NeedsYou(Need::Delivery(_)) => "needs you: delivery".to_owned(),
            Self::NeedsYou(Need::Bell) => "needs you: bell".to_owned(),
            Self::NeedsYou(Need::Other(value)) => format!("needs you: {}", name_of(value)),
            Self::Reported(Reported::Blocked) => "blocked: reported".to_owned(),
            Self::Reported(Reported::Question) => "waiting: question".to_owned(),
            Self::Starting | Self::Turn(_) | Self::Reported(_) => self.name().to_owned(),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Shell => "shell",
            Self::Trust => "trust",
            Self::Login => "login",
            Self::Onboarding => "onboarding",
            Self::HooksReview => "hooks-review",
            Self::Update => "update",
            Self::Other => "other",
            Self::Unknown(name) => name.as_str(),
        })
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Permission => "permission",
            Self::Question => "question",
            Self::Other(name) => name.as_str(),
        })
    }
}

mod face;

pub use face::{Face, Tone};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(process: Process, turn: AgentState, want: &str) {
        let mut state = WorkerState::starting(Timestamp(0));
        state.process.value = process;
        state.turn.value = turn;
        assert_eq!(state.word().to_string(), want);
        assert!(DisplayState::NAMES.contains(&state.word().name()));
    }

    #[test]
    fn one_word_is_derived() {
        check(Process::Starting, AgentState::Unknown, "starting");
        check(Process::Running, AgentState::Unknown, "starting");
        check(Process::Starting, AgentState::Blocked(Blocker::Shell), "blocked: shell");
        check(Process::Running, AgentState::Waiting(Question::Permission), "waiting: permission");
        let mut state = WorkerState::starting(Timestamp(0));
        state.process.value = Process::Running;
        let (value, since) = (Need::Delivery(DeliveryId(3)), Timestamp(5));
        let (source, evidence) = (FactSource::Hub, String::new());
        state.need = Some(Fact { value, since, source, evidence });
        assert_eq!(state.word().to_string(), "needs you: delivery");
        assert_eq!((state.since(), state.word().face().asks), (Timestamp(5), true));
        state.need = None;
        state.turn.source = FactSource::Screen;
        assert_eq!(state.word().to_string(), "unknown", "a screen was seen");
        state.turn.value = AgentState::Waiting(Question::Question);
        assert_eq!(state.word().to_string(), "waiting: question");
        let limit =
            Limit { until: Some(Timestamp(9_000_000)), clock: "15:00".into(), in_turn: true };
        check(Process::Running, AgentState::Limited(Limit::default()), "limited");
        check(Process::Running, AgentState::Limited(limit.clone()), "limited: until 15:00");
        let word = DisplayState::Turn(AgentState::Limited(limit));
        let left =
            [0, 1_800_000, 8_000_000, 8_990_000, 9_000_000].map(|it| word.text_at(Timestamp(it)));
        assert_eq!(left[0], "limited: until 15:00 (resets in 2 h 30 min)");
        assert_eq!(left[1], "limited: until 15:00 (resets in 2 h)");
        assert_eq!(left[2], "limited: until 15:00 (resets in 17 min)");
        assert_eq!(left[3], "limited: until 15:00 (resets in 10 s)");
        assert_eq!(left[4], "limited: until 15:00");
        check(Process::Exited(Exit::Code(137)), AgentState::Working, "exited(137, SIGKILL?)");
        check(Process::Exited(Exit::Signal(9)), AgentState::Working, "exited(SIGKILL)");
        check(Process::Exited(Exit::Code(3)), AgentState::Working, "exited(3)");
        check(Process::Lost(EndCause::ServerGone), AgentState::Idle, "lost: tmux server gone");
        state.landed = Some(Landed {
            into: "main".into(),
            commit: None,
            tip: "1".into(),
            how: "merge".into(),
            at: Timestamp(7),
        });
        assert_eq!(state.word().to_string(), "waiting: question");
        state.process.value = Process::Lost(EndCause::WindowClosed);
        assert_eq!(
            (state.word().to_string().as_str(), state.since()),
            ("landed: main", Timestamp(7))
        );
        assert!(!state.is_live());
    }
}
