//! What a program reports of its status in the pane's output (OSC 7501).
//!
//! Any program in the pane can print such a report, and some are missed. So it is the last word, perhaps
//! an old one: it changes what is shown at once, but no box opens before the screen says so, too. One that
//! the screen contradicts is overruled, and then no report is believed for a while.
use std::time::{Duration, Instant};

use super::{Changed, HOOK_LAG, Hooked, Seen, Tracker};
use crate::{
    model::{
        AgentState, Ask, AskKind, BlockKind, Blocker, FactSource, Now, Process, ProgramState,
        Question, StatusReport,
    },
    text::one_line,
};

/// For so long no report is believed after one that was wrong.
const DOUBT: Duration = Duration::from_secs(60);
/// Nor after so many in a row that the screen has not borne out.
const MAX_UNPROVEN: u8 = 3;

/// What a program has reported so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    /// None is believed until then: the screen contradicted one.
    doubted: Option<Instant>,
    /// How many in a row the screen has not borne out.
    n_unproven: u8,
    /// The last one told of a turn.
    in_turn: bool,
    /// What the last one decided.
    decided: &'static str,
}

impl Tracker {
    /// The turn that more than a status report tells of: what decides whether wtmag may type.
    pub fn proven(&self) -> &AgentState {
        &self.proven
    }

    /// What the last report decided.
    pub fn heard(&self) -> &'static str {
        self.reports.decided
    }

    /// A report tells what the screen shows.
    pub fn tells(&self) -> bool {
        self.hooked.as_ref().is_some_and(|it| it.said && it.seen)
    }

    pub(super) fn listen(&mut self, now: Now, report: &StatusReport) -> Changed {
        let in_turn = std::mem::replace(&mut self.reports.in_turn, is_in_turn(report));
        let turn = match self.judge(now, report, in_turn) {
            Ok(turn) => turn,
            Err(why) => {
                self.reports.decided = why;
                return Changed::default();
            }
        };
        let is_unproven = |it: &Hooked| it.said && !it.seen && it.turn != self.proven;
        let n_before =
            if self.hooked.as_ref().is_some_and(is_unproven) { self.reports.n_unproven } else { 0 };
        self.reports.n_unproven = n_before + 1;
        if self.reports.n_unproven > MAX_UNPROVEN {
            self.reports.doubted = Some(now.steady + DOUBT);
            self.reports.decided = "nothing: the screen bears out none of its reports";
            return Changed::default();
        }
        self.hooked = Some(Hooked {
            turn: turn.clone(),
            at: now.steady,
            seen: false,
            concluded: false,
            said: true,
        });
        self.reports.decided = "shown, until the screen contradicts it";
        let evidence = one_line(&format!("its program reports: {report}"), Ask::MAX_TEXT);
        self.believe(now, turn, FactSource::Program, evidence)
    }

    /// The turn that a report tells of, or why it changes nothing. `in_turn`: the report before it told
    /// of a turn.
    fn judge(
        &self,
        now: Now,
        report: &StatusReport,
        in_turn: bool,
    ) -> Result<AgentState, &'static str> {
        if self.process != Process::Running {
            return Err("nothing: the agent does not run");
        }
        if self.verdict.source == Some(FactSource::Process) {
            return Err("nothing: another program is in the foreground");
        }
        let mut turn = turn_of(report).ok_or("nothing: it names no state")?;
        // codex reports work, and the end of it, before it draws its box and takes what was typed too early.
        if !self.is_up && !self.profile.structural {
            return Err("nothing: the agent's screen was not recognized yet");
        }
        if self.reports.doubted.is_some_and(|until| now.steady < until) {
            return Err("nothing: the screen contradicted a report a moment ago");
        }
        // No report tells of the text in the box.
        if turn == AgentState::Idle && self.proven == AgentState::Draft {
            turn = AgentState::Draft;
        }
        let is_same = std::mem::discriminant(&turn) == std::mem::discriminant(&self.turn);
        if is_same || rests(&turn) && rests(&self.turn) {
            return Err("nothing: that is known");
        }
        // Programs report at their start that they rest, also when a prompt waits for them already.
        if report.state == ProgramState::Idle && !in_turn {
            return Err("nothing: it has reported no turn that could be over");
        }
        let is_told =
            |it: &Hooked| !it.said && now.steady.saturating_duration_since(it.at) < HOOK_LAG;
        if self.hooked.as_ref().is_some_and(is_told) {
            return Err("nothing: wtmag knows better since a moment ago");
        }
        Ok(turn)
    }

    /// The screen has the last word; a report that it does not bear out makes others doubtful. `idle` of a
    /// program that is ready for its first prompt is no such report: codex begins with it.
    pub(super) fn overrule(&mut self, now: Now, turn: &AgentState) {
        let Some(hooked) = self.hooked.take_if(|it| it.turn != *turn) else { return };
        if hooked.said && !hooked.seen && !(rests(&hooked.turn) && rests(turn)) {
            self.reports.doubted = Some(now.steady + DOUBT);
        }
    }
}

fn rests(turn: &AgentState) -> bool {
    matches!(turn, AgentState::Idle | AgentState::Ready | AgentState::Limited(_))
}

fn is_in_turn(report: &StatusReport) -> bool {
    matches!(report.state, ProgramState::Working | ProgramState::Blocked)
}

fn turn_of(report: &StatusReport) -> Option<AgentState> {
    Some(match (report.state, report.kind) {
        (ProgramState::Idle | ProgramState::Done, _) => AgentState::Idle,
        (ProgramState::Working, _) => AgentState::Working,
        (ProgramState::Blocked, Some(BlockKind::Permission)) => {
            AgentState::Waiting(Question::Permission)
        }
        (ProgramState::Blocked, Some(BlockKind::Auth)) => AgentState::Blocked(Blocker::Login),
        (ProgramState::Blocked, Some(BlockKind::Question | BlockKind::Other(_)) | None) => {
            AgentState::Waiting(Question::Question)
        }
        (ProgramState::Error, _) => AgentState::Failed,
        (ProgramState::Clear | ProgramState::Other(_), _) => return None,
    })
}

/// What a report says that its program asks.
pub(super) fn asked(seen: &Seen<'_>) -> Option<Ask> {
    let Seen::Said(report) = seen else { return None };
    if report.state != ProgramState::Blocked {
        return None;
    }
    let kind = match report.kind {
        Some(BlockKind::Permission) => AskKind::Tool,
        Some(BlockKind::Auth) => AskKind::Login,
        Some(BlockKind::Question | BlockKind::Other(_)) | None => AskKind::Question,
    };
    let text = one_line(report.message.as_deref().unwrap_or_default(), Ask::MAX_TEXT);
    let (about, question) =
        if kind == AskKind::Question { (String::new(), text) } else { (text, String::new()) };
    Some(Ask { kind, about, question, choices: Vec::new(), source: FactSource::Program })
}
