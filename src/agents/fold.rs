//! From single looks, hooks and reports to what is believed about one worker.
//!
//! Knows the profile, the classification of samples, and time as an argument. Asks nobody: it says
//! when it wants to see the screen again ([`Tracker::next_look`]).
//!
//! - What lets us type, and every dialog, needs two equal looks [`Timing::confirm`] apart; a state
//!   that lets us type also needs silence, unless the screen says that a turn is over. Leaving `working` by the screen alone needs a second look
//!   [`Timing::settle`] later, so that nothing flaps between two tool calls.
//! - A hook is believed at once. The screen may contradict it later: hooks see no interrupt.
//! - `ready` becomes `idle` once a turn was seen.
//!
//! [`Timing::confirm`]: super::profile::Timing::confirm
//! [`Timing::settle`]: super::profile::Timing::settle
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    hooks::{self, HookEvent},
    profile::Profile,
};
use crate::model::{
    AgentState, Blocker, EndCause, Exit, Fact, FactSource, Now, Process, Question, Reported,
    Sample, Verdict, WorkerState,
};

/// How long the screen may lag behind a hook, or contradict it before it wins.
const HOOK_LAG: Duration = Duration::from_secs(2);
/// How long nothing may match before a known state is given up.
const UNKNOWN_AFTER: Duration = Duration::from_secs(1);
/// Our own texts, kept to know them again on the screen.
const MAX_SENT: usize = 4;

/// Something that was seen.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A look at the pane, and what it says. `quiet_since`: since when nothing was printed, if it is
    /// quiet now.
    Sample { sample: &'a Sample, verdict: &'a Verdict, quiet_since: Option<Instant> },
    /// The agent told, and it was the worker's own agent.
    Hook(&'a HookEvent),
    /// The pane's shell has come to the agent.
    Started,
    /// The pane's shell does not come to the agent; it shows this.
    Stuck { evidence: &'a str },
    /// The shell ended before it reached the agent.
    ShellEnded(Exit),
    /// The agent ended, as its shell saw it.
    Exited(Exit),
    /// The pane is gone.
    PaneGone(EndCause),
    /// The worker said of itself.
    Reported { what: Reported, text: &'a str },
    /// We are about to paste this, or have passed it as an argument.
    Sent(&'a str),
    /// The agent took what we sent: a turn begins, even if the screen does not show it yet.
    Accepted,
    /// What we sent is accepted or given up: what the box holds from now on is a draft.
    SentDone,
}

/// What became different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub process: Option<Fact<Process>>,
    pub turn: Option<Fact<AgentState>>,
    pub reported: Option<Fact<Reported>>,
    /// What the agent told besides: `session`, its own id of the conversation; `message`, what it
    /// said last.
    pub told: Vec<(String, String)>,
    /// A hook says that the agent took this prompt.
    pub accepted: Option<String>,
}

/// What is believed about one worker, and what it takes to believe something else.
#[derive(Clone, Debug)]
pub struct Tracker {
    profile: Arc<Profile>,
    process: Process,
    turn: AgentState,
    reported: Option<Fact<Reported>>,
    born: Instant,
    /// A turn was seen.
    had_turn: bool,
    verdict: Verdict,
    /// A belief that waits for a second look.
    candidate: Option<Candidate>,
    /// The last word of a hook about the turn, while the screen has not contradicted it.
    hooked: Option<Hooked>,
    /// When the screen last showed a running turn.
    last_busy: Option<Instant>,
    /// Since when there is output without a known reason.
    noisy_since: Option<Instant>,
    /// When the last sample was taken.
    looked: Option<Instant>,
    /// The last sample was quiet since.
    quiet_since: Option<Instant>,
    /// When silence will have outlasted the words of work that show.
    outlasted: Option<Instant>,
    /// What the box held, while it has not been seen empty since.
    typed: Option<String>,
    /// What the box shows when it is empty, where no cursor tells.
    hints: Vec<String>,
    sent: Vec<String>,
    /// The last of `sent` may be in the box.
    sending: bool,
    /// The conversation that our prompts went to.
    thread: Option<String>,
}

#[derive(Clone, Debug)]
struct Candidate {
    turn: AgentState,
    first: Instant,
    /// When it may be believed, if it is seen again.
    due: Instant,
}

#[derive(Clone, Debug)]
struct Hooked {
    turn: AgentState,
    at: Instant,
    /// The screen has shown the same since.
    seen: bool,
    /// Not the agent said so, but we conclude it.
    concluded: bool,
}

impl Tracker {
    /// Starts from what was believed before: [`WorkerState::starting`] for a new worker.
    pub fn new(profile: Arc<Profile>, state: &WorkerState, now: Now) -> Self {
        let had_turn = matches!(
            state.turn.value,
            AgentState::Working
                | AgentState::Retrying
                | AgentState::Waiting(_)
                | AgentState::Idle
                | AgentState::Failed
        );
        Self {
            profile,
            process: state.process.value.clone(),
            turn: state.turn.value.clone(),
            reported: state.reported.clone(),
            born: now.steady,
            had_turn,
            verdict: Verdict::default(),
            candidate: None,
            hooked: None,
            last_busy: None,
            noisy_since: None,
            looked: None,
            quiet_since: None,
            outlasted: None,
            typed: None,
            hints: Vec::new(),
            sent: Vec::new(),
            sending: false,
            thread: None,
        }
    }

    /// When to look at the screen again even if nothing is printed.
    pub fn next_look(&self) -> Option<Instant> {
        // Noise that ends rings no more: somebody has to look whether it did.
        let noise_over = self.noisy_since.and(self.looked).map(|at| at + self.profile.timing.noise);
        let candidate = self.candidate.as_ref().map(|it| it.due);
        candidate.into_iter().chain(noise_over).chain(self.outlasted).min()
    }

    /// What the last look says, in the light of what came before it.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What a hook's payload says about this worker; none when it is about something else.
    pub fn read_hook(&self, payload: &str) -> Result<Option<HookEvent>, hooks::Error> {
        let Some(spec) = &self.profile.hooks else { return Ok(None) };
        let event = spec.kind.read(payload)?;
        Ok(event.filter(|it| self.is_about_us(it)))
    }

    /// Takes in what was seen. Time must not go back.
    pub fn handle(&mut self, now: Now, seen: Seen<'_>) -> Changed {
        match seen {
            Seen::Sample { sample, verdict, quiet_since } => {
                self.look(now, sample, verdict, quiet_since)
            }
            Seen::Hook(report) => self.hear(now, report),
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
        let hooked =
            Hooked { turn: AgentState::Working, at: now.steady, seen: false, concluded: true };
        self.hooked = Some(hooked);
        self.believe(
            now,
            AgentState::Working,
            FactSource::Hub,
            "the agent accepted a prompt".to_owned(),
        )
    }

    fn report(&mut self, now: Now, what: Reported, text: &str) -> Changed {
        let same = self.reported.as_ref().filter(|it| it.value == what);
        let since = same.map_or(now.wall, |it| it.since);
        let source = FactSource::Report;
        let fact = Fact { value: what, since, source, evidence: text.to_owned() };
        self.reported = Some(fact.clone());
        Changed { reported: Some(fact), ..Changed::default() }
    }

    // ----- the process

    fn start(&mut self, now: Now, source: FactSource, evidence: &str) -> Changed {
        if self.process != Process::Starting {
            return Changed::default();
        }
        self.process = Process::Running;
        let mut changed = Changed::default();
        if self.turn == AgentState::Blocked(Blocker::Shell) {
            changed = self.believe(now, AgentState::Unknown, FactSource::Process, String::new());
        }
        let evidence = evidence.to_owned();
        changed.process = Some(Fact { value: Process::Running, since: now.wall, source, evidence });
        changed
    }

    fn end(&mut self, now: Now, value: Process, evidence: String) -> Changed {
        if self.process == value {
            return Changed::default();
        }
        self.candidate = None;
        self.hooked = None;
        self.process = value.clone();
        let source = FactSource::Process;
        let fact = Fact { value, since: now.wall, source, evidence };
        Changed { process: Some(fact), ..Changed::default() }
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
        if self.process != Process::Running {
            return changed;
        }
        let (seen, evidence) = if self.is_noise(now) {
            (AgentState::Working, "output is still changing".to_owned())
        } else {
            (self.refine(), self.verdict.evidence.clone())
        };
        if seen.is_busy() {
            self.last_busy = Some(now.steady);
        }
        let weighed = self.weigh(now, seen, evidence);
        changed.turn = weighed.turn.or(changed.turn);
        changed
    }

    /// What the last verdict means with what came before it.
    fn refine(&self) -> AgentState {
        let turn = self.verdict.turn.clone();
        match turn {
            // The error may have scrolled away; only another turn makes it good.
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
            | AgentState::Draft
            | AgentState::Other(_) => turn,
        }
    }

    /// For programs whose signs of work are not known: endless output is one.
    fn is_noise(&mut self, now: Now) -> bool {
        let noise = self.profile.timing.noise;
        if noise.is_zero() || !self.verdict.turn.listens() {
            self.noisy_since = None;
            return false;
        }
        if self
            .quiet_since
            .is_some_and(|since| now.steady.saturating_duration_since(since) >= noise)
        {
            self.noisy_since = None;
            return false;
        }
        let since = *self.noisy_since.get_or_insert(now.steady);
        let was_up = self.turn != AgentState::Unknown;
        was_up && now.steady.saturating_duration_since(since) >= noise
    }

    /// Believes what the screen shows, now or when it shows it again.
    fn weigh(&mut self, now: Now, turn: AgentState, evidence: String) -> Changed {
        if let Some(hooked) = &mut self.hooked
            && hooked.turn == turn
        {
            hooked.seen = true;
        }
        if turn == self.turn {
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
            self.hooked = None;
            return self.believe(now, turn, source, evidence);
        }
        self.candidate = Some(Candidate { turn, first, due });
        Changed::default()
    }

    /// When a turn that the screen first showed at `first` may be believed.
    fn due(&self, now: Now, first: Instant, turn: &AgentState) -> Instant {
        let timing = &self.profile.timing;
        let current = &self.turn;
        let listens = turn.listens() || *turn == AgentState::Draft;
        // codex turns the wheel in its title for a moment when it has come up.
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
            | AgentState::Draft
            | AgentState::Other(_) => first + timing.confirm,
        };
        // A screen that says that the turn is over is taken at its word when it says so twice.
        let says_so = current.is_busy() && self.verdict.turn == AgentState::Idle;
        // A spinner behind a glyph looks like a prompt with a text, and moves.
        let may_be_a_spinner = *turn == AgentState::Draft && current.is_busy();
        if turn.listens() && !says_so || may_be_a_spinner {
            due = due.max(self.quiet_since.unwrap_or(now.steady) + timing.quiet);
        }
        due.max(self.hook_yields(turn))
    }

    /// Until when a hook's word holds against this.
    fn hook_yields(&self, turn: &AgentState) -> Instant {
        let Some(hooked) = &self.hooked else { return self.born };
        let asks = matches!(turn, AgentState::Waiting(_) | AgentState::Blocked(_));
        let is_firm = !(hooked.concluded && hooked.seen);
        if is_firm && hooked.turn.is_busy() && !turn.is_busy() && !asks {
            // An interrupt tells no hook, and a spinner pauses between two tool calls.
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
        self.had_turn |= value.is_busy()
            || matches!(value, AgentState::Waiting(_) | AgentState::Idle | AgentState::Failed);
        if value == self.turn {
            return Changed::default();
        }
        self.turn = value.clone();
        let fact = Fact { value, since: now.wall, source, evidence };
        Changed { turn: Some(fact), ..Changed::default() }
    }
}

mod hearing;
mod memory;

#[cfg(test)]
mod tests;
