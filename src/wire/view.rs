//! What `--json` prints: stable shapes, documented in `src/docs/programs.md`, made from the hub's records.
use serde::Serialize;

use crate::{
    model::{
        AgentState, Ask, Base, Changes, Delivery, DeliveryMode, DisplayState, Event, Exit,
        Happened, Hold, Kind, Placement, Progress, Pull, RuleSaid, Said, Source, Step, StepAt,
        Timestamp, Usage, Worker, WorkerState, current, name_of,
    },
    text::one_line,
};

/// A worker, as `list --json` and `show --json` print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerView<'a> {
    pub id: &'a str,
    pub project: &'a str,
    pub branch: &'a str,
    pub worktree: &'a std::path::Path,
    pub worktree_gone: bool,
    pub repo: &'a std::path::Path,
    pub kind: Kind,
    pub source: &'a Source,
    pub base: Option<&'a Base>,
    pub agent: &'a str,
    pub model: Option<&'a str>,
    pub placement: Placement,
    pub session: Option<&'a str>,
    pub window: String,
    pub pane: String,
    pub pr: Option<&'a str>,
    /// What the forge said about its pull request; null before that.
    pub pull: Option<&'a Pull>,
    /// What it changed; null before the first count.
    pub changes: Option<&'a Changes>,
    pub parent: Option<&'a str>,
    pub created: Timestamp,
    pub ended: Option<Timestamp>,
    pub state: StateView<'a>,
    /// The newest delivery.
    pub delivery: Option<DeliveryView<'a>>,
    pub last_message: Option<&'a str>,
    /// What is left of its context, what it has cost, a limit that comes near.
    pub usage: &'a Usage,
    /// What it last reported that it was doing, and when.
    pub progress: Option<&'a Progress>,
}

/// A worker in short form, as `list --json` prints it: fields without a value are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerSummary<'a> {
    pub id: &'a str,
    /// The state with its detail, such as `waiting: permission`.
    pub state: String,
    pub since: String,
    /// Why it needs the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    pub agent: &'a str,
    pub branch: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr: Option<&'a str>,
    /// What is most important about it, as `✗ checks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr_state: Option<&'static str>,
    /// What it changed, as `+12 -3 ↑2 ↓1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    pub title: String,
    /// The beginning of its last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it last reported that it was doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
}

/// A worker's state: its name, and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateView<'a> {
    /// `starting`, `ready`, `working`, `waiting`, `blocked`, `idle`, `failed`, `draft`, `retrying`,
    /// `unknown`, `not-started`, `exited` or `lost`.
    pub state: String,
    /// The name with its detail, such as `blocked: trust` or `exited(3)`.
    pub text: String,
    pub since: Timestamp,
    pub source: crate::model::FactSource,
    pub evidence: &'a str,
    pub process: &'a crate::model::Process,
    pub turn: &'a AgentState,
    /// What it asks; null when it asks nothing.
    pub asks: Option<&'a Ask>,
    pub reported: Option<crate::model::Reported>,
}

/// A delivery receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryView<'a> {
    pub id: u64,
    pub worker: &'a str,
    /// The file that holds a long text; null if the text was typed itself.
    pub file: Option<&'a str>,
    pub mode: DeliveryMode,
    pub step: Step,
    /// Why it is held, in words; null if it is not.
    pub held: Option<String>,
    pub hold: Option<&'a Hold>,
    pub evidence: &'a str,
    pub steps: &'a [StepAt],
    /// From the ready screen to acceptance, in milliseconds.
    pub latency_ms: Option<u64>,
}

/// One line of `events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventView<'a> {
    pub seq: u64,
    pub at: Timestamp,
    pub worker: Option<&'a str>,
    #[serde(flatten)]
    pub what: &'a Happened,
}

/// The result of one profile rule on a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleView<'a> {
    pub name: &'a str,
    /// The state that the rule stands for.
    pub state: String,
    /// `matched`, `missing`, `excluded`, `no-region` or `stale`.
    pub said: &'a str,
    /// Where it matched, from 0.
    pub row: Option<usize>,
    /// The line that matched, or the pattern that decided.
    pub text: Option<&'a str>,
}

impl<'a> WorkerView<'a> {
    pub fn new(worker: &'a Worker, delivery: Option<&'a Delivery>) -> Self {
        Self {
            id: worker.id.as_str(),
            project: &worker.project,
            branch: &worker.branch,
            worktree: &worker.worktree,
            worktree_gone: worker.worktree_gone,
            repo: &worker.repo,
            kind: worker.kind,
            source: &worker.source,
            base: worker.base.as_ref(),
            agent: &worker.agent.name,
            model: worker.agent.model.as_deref(),
            placement: worker.placement,
            session: worker.place.session_name.as_deref(),
            window: worker.place.window.to_string(),
            pane: worker.place.pane.to_string(),
            pr: worker.pr.as_deref(),
            pull: worker.work.pull.as_ref(),
            changes: worker.work.changes.as_ref(),
            parent: worker.parent.as_ref().map(crate::model::WorkerId::as_str),
            created: worker.created,
            ended: worker.ended,
            state: StateView::from(&worker.state),
            delivery: delivery.map(DeliveryView::from),
            last_message: worker.last_message.as_deref(),
            usage: &worker.usage,
            progress: worker.progress.as_ref(),
        }
    }
}

/// Most characters of a message or other quote in a summary.
const CLIPPED: usize = 200;
const SHORT: usize = 80;

impl<'a> WorkerSummary<'a> {
    pub fn new(worker: &'a Worker, delivery: Option<&Delivery>, now: Timestamp) -> Self {
        let word = worker.state.word();
        let state = worker.ended.map_or_else(|| word.to_string(), |_| "removed".to_owned());
        let since = worker.ended.unwrap_or_else(|| worker.state.since()).to_string();
        let since = since.split_once('.').map_or(since.clone(), |(whole, _)| format!("{whole}Z"));
        // Its last message answers an earlier question than the one it now asks.
        let is_asking =
            matches!(word, DisplayState::Turn(AgentState::Waiting(_) | AgentState::Blocked(_)));
        let message = worker.last_message.as_deref().filter(|_| !is_asking);
        let verdict = worker.work.pull.as_ref().map(|it| it.state.verdict());
        let changes = worker.work.changes.as_ref().map(ToString::to_string);
        Self {
            id: worker.id.as_str(),
            state,
            since,
            needs: needs(worker, &word, delivery),
            agent: &worker.agent.name,
            branch: &worker.branch,
            pr: worker.pr.as_deref(),
            pr_state: verdict.filter(|it| !it.is_empty()),
            changes: changes.filter(|it| !it.is_empty()),
            title: one_line(&worker.source.title, SHORT),
            message: message.map(|it| one_line(it, CLIPPED)),
            progress: current(worker.progress.as_ref(), now).map(|it| one_line(it, CLIPPED)),
        }
    }
}

/// Why a worker cannot continue by itself; nothing for one that was removed.
pub fn needs(worker: &Worker, word: &DisplayState, delivery: Option<&Delivery>) -> Option<String> {
    if worker.ended.is_some() {
        return None;
    }
    let state = &worker.state;
    let evidence = match word {
        DisplayState::Turn(
            AgentState::Waiting(_) | AgentState::Blocked(_) | AgentState::Failed,
        ) => match &state.asks {
            Some(ask) => &ask.to_string(),
            None => &state.turn.evidence,
        },
        DisplayState::Exited(exit) if *exit != Exit::Code(0) => &state.process.evidence,
        DisplayState::Lost(_) | DisplayState::NotStarted(_) => &state.process.evidence,
        DisplayState::NeedsYou(_) => state.need.as_ref().map(|it| &it.evidence)?,
        DisplayState::Reported(_) => state.reported.as_ref().map(|it| &it.evidence)?,
        DisplayState::Landed(_) => return None,
        DisplayState::Turn(_) | DisplayState::Starting | DisplayState::Exited(_) => {
            let failed = delivery.filter(|it| it.step == Step::Failed)?;
            return Some(one_line(&format!("text not delivered: {}", failed.evidence), SHORT));
        }
    };
    Some(if evidence.is_empty() { word.to_string() } else { one_line(evidence, SHORT) })
}

impl<'a> From<&'a WorkerState> for StateView<'a> {
    fn from(state: &'a WorkerState) -> Self {
        let word = state.word();
        let by_process =
            matches!(word.name(), "starting" | "not-started" | "exited" | "lost" | "landed");
        let (source, evidence) = if by_process {
            (state.process.source, state.process.evidence.as_str())
        } else {
            (state.turn.source, state.turn.evidence.as_str())
        };
        Self {
            state: word.name().to_owned(),
            text: word.to_string(),
            since: state.since(),
            source,
            evidence,
            process: &state.process.value,
            turn: &state.turn.value,
            asks: state.asks.as_ref(),
            reported: state.reported.as_ref().map(|fact| fact.value),
        }
    }
}

impl<'a> From<&'a Delivery> for DeliveryView<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let latency = delivery.at(Step::Accepted).zip(delivery.at(Step::Ready));
        Self {
            id: delivery.id.0,
            worker: delivery.worker.as_str(),
            file: delivery.file.as_deref(),
            mode: delivery.mode,
            step: delivery.step,
            held: delivery.held.as_ref().map(Hold::to_string),
            hold: delivery.held.as_ref(),
            evidence: &delivery.evidence,
            steps: &delivery.steps,
            latency_ms: latency.map(|(end, start)| {
                u64::try_from(end.since(start).as_millis()).unwrap_or(u64::MAX)
            }),
        }
    }
}

impl<'a> From<&'a RuleSaid> for RuleView<'a> {
    fn from(rule: &'a RuleSaid) -> Self {
        let (said, row, text) = match &rule.said {
            Said::Matched { row, evidence } => ("matched", *row, Some(evidence)),
            Said::Missing(pattern) => ("missing", None, Some(pattern)),
            Said::Excluded(pattern) => ("excluded", None, Some(pattern)),
            Said::NoRegion => ("no-region", None, None),
            Said::Stale { row, evidence } => ("stale", Some(*row), Some(evidence)),
            Said::Other(value) => (name_of(value), None, None),
        };
        let state = DisplayState::Turn(rule.turn.clone()).to_string();
        Self { name: &rule.name, state, said, row, text: text.map(String::as_str) }
    }
}

impl<'a> From<&'a Event> for EventView<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            seq: event.seq,
            at: event.at,
            worker: event.worker.as_ref().map(crate::model::WorkerId::as_str),
            what: &event.what,
        }
    }
}
