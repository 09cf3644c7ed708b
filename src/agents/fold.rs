//! Combines captures, hooks and reports into the state of one worker.
//!
//! Knows the profile, the classification of samples, and time as an argument. Does not capture by
//! itself: it says when it needs the next capture ([`Tracker::next_look`]).
//!
//! - A state in which wtmag may type, and every dialog, needs two equal captures
//!   [`Timing::confirm`] apart. A state in which wtmag may type also needs silence, unless the
//!   screen shows that a turn is over. Leaving `working` by the screen alone needs a second capture
//!   [`Timing::settle`] later, so that the state does not flap between two tool calls.
//! - A hook is accepted at once. The screen may contradict it later: no hook reports an interrupt.
//! - `ready` becomes `idle` once a turn was seen.
//!
//! [`Timing::confirm`]: super::profile::Timing::confirm
//! [`Timing::settle`]: super::profile::Timing::settle
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use asking::Asked;
use jiff::tz::TimeZone;
use speech::Reports;

use super::{
    hooks::{self, HookEvent},
    profile::Profile,
};
use crate::model::{
    AgentState, Ask, Blocker, EndCause, Exit, Fact, FactSource, Now, Process, Question, Reported,
    Sample, StatusReport, Timestamp, Verdict, WorkerState,
};

/// How long the screen may lag behind a hook, or contradict it, before the screen wins.
const HOOK_LAG: Duration = Duration::from_secs(2);
/// How long an agent may print nothing after it has shown a prompt.
const ANSWER_LAG: Duration = Duration::from_secs(6);
/// How long the box may be empty after its text was sent, before the turn shows: up to 0.8 s in opencode.
const SENT_LAG: Duration = Duration::from_secs(1);
/// How long no rule may match before a known state is given up.
const UNKNOWN_AFTER: Duration = Duration::from_secs(1);
/// The delivered texts, kept to recognize them on the screen.
const MAX_SENT: usize = 4;

/// An observation.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A capture and its verdict. `quiet_since`: since when nothing was printed, if the pane is
    /// quiet now.
    Sample { sample: &'a Sample, verdict: &'a Verdict, quiet_since: Option<Instant> },
    /// A hook report of the worker's own agent.
    Hook(&'a HookEvent),
    /// A status report in the pane's output, of whatever program.
    Said(&'a StatusReport),
    /// The pane's shell is about to start the agent.
    Started,
    /// The pane's shell has not started the agent; it shows this.
    Stuck { evidence: &'a str },
    /// The shell ended before it reached the agent.
    ShellEnded(Exit),
    /// The agent ended, as its shell saw it.
    Exited(Exit),
    /// The pane is gone.
    PaneGone(EndCause),
    /// A report of the worker about itself.
    Reported { what: Reported, text: &'a str },
    /// This text is about to be pasted, or was passed as an argument.
    Sent(&'a str),
    /// The agent accepted the text: a turn begins, even if the screen does not show it yet.
    Accepted,
    /// The text was accepted or given up: from now on, text in the box is a draft.
    SentDone,
}

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub process: Option<Fact<Process>>,
    pub turn: Option<Fact<AgentState>>,
    /// What it asks has changed, or it asks nothing.
    pub asks: Option<Option<Ask>>,
    pub reported: Option<Fact<Reported>>,
    /// A new turn began: what the worker reported is no longer its state.
    pub report_over: bool,
    /// Other facts from the agent: `session`, the id of its conversation; `message`, its last
    /// message.
    pub told: Vec<(String, String)>,
    /// A hook reports that the agent accepted this prompt.
    pub accepted: Option<String>,
}

/// The state of one worker, and what is needed to change it.
#[derive(Clone, Debug)]
pub struct Tracker {
    profile: Arc<Profile>,
    process: Process,
    turn: AgentState,
    /// The same without what rests on a status report alone.
    proven: AgentState,
    asks: Option<Ask>,
    /// A new question, which waits for a second capture.
    asked: Option<Asked>,
    reported: Option<Fact<Reported>>,
    /// It came before the first capture.
    reported_unseen: bool,
    born: Instant,
    /// A turn was seen.
    had_turn: bool,
    verdict: Verdict,
    /// A state that waits for a second capture.
    candidate: Option<Candidate>,
    /// The last hook report about the turn, until the screen contradicts it.
    hooked: Option<Hooked>,
    /// When the screen last showed a running turn.
    last_busy: Option<Instant>,
    /// Since when there is output without a known reason.
    noisy_since: Option<Instant>,
    /// When the last sample was taken.
    looked: Option<Instant>,
    /// Since when the pane was quiet at the last sample.
    quiet_since: Option<Instant>,
    /// The last capture shows something below the box.
    has_footer: bool,
    /// When the silence will have lasted longer than visible working signs justify.
    outlasted: Option<Instant>,
    /// The content of the box, until the box is seen empty.
    typed: Option<String>,
    /// What the empty box shows, if no cursor distinguishes it from a draft.
    hints: Vec<String>,
    sent: Vec<String>,
    /// When the last of them was pasted.
    sent_at: Option<Timestamp>,
    /// The last of `sent` may be in the box.
    sending: bool,
    /// The conversation that received the delivered prompts.
    thread: Option<String>,
    /// The time zone of the clocks in its messages.
    zone: TimeZone,
    limit: Option<limited::KnownLimit>,
    /// When to check whether the limit is reset.
    limit_due: Option<Instant>,
    /// A screen or a hook of the agent was recognized once.
    is_up: bool,
    reports: Reports,
}

#[derive(Clone, Debug)]
struct Candidate {
    turn: AgentState,
    first: Instant,
    /// When it is accepted, if it is seen again.
    due: Instant,
}

#[derive(Clone, Debug)]
struct Hooked {
    turn: AgentState,
    at: Instant,
    /// Since when the screen has been unchanged.
    seen: bool,
    /// Concluded, not reported by the agent.
    concluded: bool,
    /// Not a hook said so, but a report that any program can print.
    said: bool,
}

impl Tracker {
    /// Starts from the previous state: [`WorkerState::starting`] for a new worker.
    pub fn new(profile: Arc<Profile>, state: &WorkerState, now: Now) -> Self {
        let had_turn = matches!(
            state.turn.value,
            AgentState::Working
                | AgentState::Retrying
                | AgentState::Waiting(_)
                | AgentState::Idle
                | AgentState::Failed
                | AgentState::Limited(_)
        );
        let proven = Some(&state.turn).filter(|it| it.source != FactSource::Program);
        Self {
            profile,
            process: state.process.value.clone(),
            turn: state.turn.value.clone(),
            proven: proven.map_or(AgentState::Unknown, |it| it.value.clone()),
            asks: state.asks.clone(),
            asked: None,
            reported: state.reported.clone(),
            reported_unseen: false,
            born: now.steady,
            had_turn,
            verdict: Verdict::default(),
            candidate: None,
            hooked: None,
            last_busy: None,
            noisy_since: None,
            looked: None,
            quiet_since: None,
            has_footer: false,
            outlasted: None,
            typed: None,
            hints: Vec::new(),
            sent: Vec::new(),
            sent_at: None,
            sending: false,
            thread: None,
            zone: TimeZone::UTC,
            limit: limited::KnownLimit::of(&state.turn),
            limit_due: None,
            is_up: proven.is_some_and(|it| it.value != AgentState::Unknown),
            reports: Reports::default(),
        }
    }

    /// Times without a zone of their own are of this one.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// When to capture the screen again even if nothing is printed.
    pub fn next_look(&self) -> Option<Instant> {
        // The end of output causes no event, so a capture must find it.
        let noise_over = self.noisy_since.and(self.looked).map(|at| at + self.profile.timing.noise);
        let candidate = self.candidate.as_ref().map(|it| it.due);
        let asked = self.asked.as_ref().map(|it| it.due);
        candidate
            .into_iter()
            .chain(asked)
            .chain(noise_over)
            .chain(self.outlasted)
            .chain(self.limit_due)
            .min()
    }

    /// The verdict on the last capture, in the light of the earlier ones.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What a hook's payload means for this worker; none if it is about something else.
    pub fn read_hook(&self, payload: &str) -> Result<Option<HookEvent>, hooks::Error> {
        let Some(spec) = &self.profile.hooks else { return Ok(None) };
        let event = spec.kind.read(payload)?;
        Ok(event.filter(|it| self.is_about_us(it)))
    }

    /// Takes in an observation. Time must not go back.
    pub fn handle(&mut self, now: Now, seen: Seen<'_>) -> Changed {
        let told =
            if let Seen::Hook(HookEvent { event: hooks::Event::Asks { ask, .. }, .. }) = &seen {
                Some(ask.clone())
            } else {
                speech::asked(&seen)
            };
        let sample = if let Seen::Sample { sample, .. } = &seen { Some(*sample) } else { None };
        let (before, is_accepted) = (self.turn.clone(), matches!(seen, Seen::Accepted));
        let mut changed = self.take_in(now, seen);
        changed.report_over = self.outdate_report(now, &before, is_accepted);
        changed.asks = self.settle_ask(now, told, sample);
        changed
    }

    fn take_in(&mut self, now: Now, seen: Seen<'_>) -> Changed {
        match seen {
            Seen::Sample { sample, verdict, quiet_since } => {
                self.look(now, sample, verdict, quiet_since)
            }
            Seen::Hook(report) => self.hear(now, report),
            Seen::Said(report) => self.listen(now, report),
            Seen::Started => self.start(now, FactSource::Process, "the shell started the agent"),
            Seen::Stuck { evidence } if self.process == Process::Starting => {
                let (turn, source) = (AgentState::Blocked(Blocker::Shell), FactSource::Process);
                self.believe(now, turn, source, evidence.to_owned())
            }
            Seen::ShellEnded(exit) => self.end(now, Process::NotStarted(exit), exit.to_string()),
            Seen::Exited(exit) => self.end(now, Process::Exited(exit), exit.to_string()),
            Seen::PaneGone(cause)
                if !matches!(self.process, Process::Exited(_) | Process::NotStarted(_)) =>
            {
                self.end(now, Process::Lost(cause), cause.to_string())
            }
            Seen::Reported { what, text } => self.report(now, what, text),
            Seen::Sent(text) => {
                self.sent.push(text.to_owned());
                self.sent.drain(..self.sent.len().saturating_sub(MAX_SENT));
                self.sending = true;
                self.sent_at = Some(now.wall);
                Changed::default()
            }
            Seen::Accepted => self.accepted(now),
            Seen::SentDone => {
                self.sending = false;
                Changed::default()
            }
            Seen::Stuck { .. } | Seen::PaneGone(_) => Changed::default(),
        }
    }

    fn accepted(&mut self, now: Now) -> Changed {
        self.sending = false;
        if !self.turn.listens() && self.turn != AgentState::Draft {
            return Changed::default();
        }
        let hooked = Hooked {
            turn: AgentState::Working,
            at: now.steady,
            seen: false,
            concluded: true,
            said: false,
        };
        self.hooked = Some(hooked);
        self.believe(
            now,
            AgentState::Working,
            FactSource::Hub,
            "the agent accepted a prompt".to_owned(),
        )
    }

    // ----- the screen

    fn look(
        &mut self,
        now: Now,
        sample: &Sample,
        verdict: &Verdict,
        quiet: Option<Instant>,
    ) -> Changed {
        let mut changed = Changed::default();
        if !sample.dead && self.profile.foreground.contains(&sample.command) {
            changed = self.start(now, FactSource::Process, &sample.command);
        }
        self.quiet_since = quiet;
        self.looked = Some(now.steady);
        self.verdict = self.outlast(now, sample, verdict);
        self.tell_drafts(sample);
        self.tell_hints();
        self.trust_hook();
        self.look_below(sample);
        if self.process != Process::Running {
            return changed;
        }
        let (seen, evidence) = if self.is_noise(now) {
            (AgentState::Working, "output is still changing".to_owned())
        } else {
            (self.refine(), self.verdict.evidence.clone())
        };
        let (seen, evidence) = self.weigh_limit(now, seen, evidence);
        if seen.is_busy() {
            self.last_busy = Some(now.steady);
        }
        let weighed = self.weigh(now, seen, evidence);
        changed.turn = weighed.turn.or(changed.turn);
        changed
    }

    /// The meaning of the last verdict in the light of the earlier ones.
    fn refine(&self) -> AgentState {
        let turn = self.verdict.turn.clone();
        match turn {
            // The error may have scrolled away; only another turn clears it.
            AgentState::Ready | AgentState::Idle if self.turn == AgentState::Failed => {
                AgentState::Failed
            }
            AgentState::Ready if self.had_turn => AgentState::Idle,
            AgentState::Blocked(Blocker::Other) if self.had_turn && self.profile.structural => {
                AgentState::Waiting(Question::Question)
            }
            AgentState::Draft if self.is_ours() => self.turn.clone(),
            AgentState::Draft if self.is_half_drawn() => AgentState::Unknown,
            AgentState::Unknown
            | AgentState::Blocked(_)
            | AgentState::Ready
            | AgentState::Working
            | AgentState::Retrying
            | AgentState::Waiting(_)
            | AgentState::Idle
            | AgentState::Failed
            | AgentState::Limited(_)
            | AgentState::Draft
            | AgentState::Other(_) => turn,
        }
    }

    /// Accepts what the screen shows, now or when it shows it again.
    fn weigh(&mut self, now: Now, turn: AgentState, evidence: String) -> Changed {
        if let Some(hooked) = &mut self.hooked
            && hooked.turn == turn
        {
            hooked.seen = true;
        }
        if turn == self.turn && turn == self.proven {
            self.candidate = None;
            return Changed::default();
        }
        let first = match &self.candidate {
            Some(candidate) if candidate.turn == turn => candidate.first,
            Some(_) | None => now.steady,
        };
        let due = self.due(now, first, &turn);
        if due <= now.steady {
            let source = self.verdict.source.unwrap_or(FactSource::Screen);
            self.overrule(now, &turn);
            return self.believe(now, turn, source, evidence);
        }
        self.candidate = Some(Candidate { turn, first, due });
        Changed::default()
    }

    /// When a turn that the screen first showed at `first` may be accepted.
    fn due(&self, now: Now, first: Instant, turn: &AgentState) -> Instant {
        let timing = &self.profile.timing;
        let current = &self.proven;
        let at_rest = matches!(turn, AgentState::Draft | AgentState::Limited(_));
        let listens = turn.listens() || at_rest;
        // codex animates the spinner in its title for a moment at start-up.
        let is_title = self.verdict.source == Some(FactSource::Title) && !current.is_busy();
        let mut due = match turn {
            AgentState::Working | AgentState::Retrying if is_title => first + timing.confirm,
            AgentState::Working | AgentState::Retrying => first,
            AgentState::Unknown if *current != AgentState::Unknown => first + UNKNOWN_AFTER,
            _ if current.is_busy() && listens => first + timing.settle.max(timing.confirm),
            AgentState::Unknown
            | AgentState::Blocked(_)
            | AgentState::Ready
            | AgentState::Waiting(_)
            | AgentState::Idle
            | AgentState::Failed
            | AgentState::Limited(_)
            | AgentState::Draft
            | AgentState::Other(_) => first + timing.confirm,
        };
        // A screen that shows that the turn is over is accepted when it shows it twice.
        let says_so = current.is_busy() && self.verdict.turn == AgentState::Idle;
        // A spinner after a glyph looks like a prompt with a text, but it moves.
        let may_be_a_spinner = *turn == AgentState::Draft && current.is_busy();
        if turn.listens() && !says_so || may_be_a_spinner {
            due = due.max(self.quiet_since.unwrap_or(now.steady) + self.silence_wanted());
        }
        if listens && *current == AgentState::Draft {
            due = due.max(first + SENT_LAG);
        }
        if current.is_busy() && listens && self.verdict.unanswered {
            due = due.max(self.quiet_since.unwrap_or(now.steady) + ANSWER_LAG);
        }
        due.max(self.hook_yields(turn))
    }

    /// Until when a hook's report wins against this.
    fn hook_yields(&self, turn: &AgentState) -> Instant {
        let Some(hooked) = &self.hooked else { return self.born };
        let asks = matches!(turn, AgentState::Waiting(_) | AgentState::Blocked(_));
        let is_firm = if hooked.seen { !hooked.concluded } else { !hooked.said };
        if is_firm && hooked.turn.is_busy() && !turn.is_busy() && !asks {
            // No hook reports an interrupt, and a spinner pauses between two tool calls.
            let busy = self.last_busy.map_or(hooked.at, |it| it.max(hooked.at));
            let quiet = self.quiet_since.map_or(busy, |it| it.max(busy));
            return quiet + HOOK_LAG;
        }
        if hooked.seen { hooked.at } else { hooked.at + HOOK_LAG }
    }

    fn believe(
        &mut self,
        now: Now,
        value: AgentState,
        source: FactSource,
        evidence: String,
    ) -> Changed {
        self.candidate = None;
        let is_turn = value.is_busy()
            || matches!(
                value,
                AgentState::Waiting(_)
                    | AgentState::Idle
                    | AgentState::Failed
                    | AgentState::Limited(_)
            );
        if source != FactSource::Program {
            self.had_turn |= is_turn;
            self.is_up |= value != AgentState::Unknown;
            self.proven = value.clone();
        }
        if value == self.turn {
            return Changed::default();
        }
        self.turn = value.clone();
        let fact = Fact { value, since: now.wall, source, evidence };
        Changed { turn: Some(fact), ..Changed::default() }
    }
}

mod asking;
mod hearing;
mod limited;
mod memory;
mod process;
mod speech;

#[cfg(test)]
mod tests;
