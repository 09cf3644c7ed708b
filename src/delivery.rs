//! The life of one delivery: decides what to do next, given what is observed.
//!
//! Knows [`crate::model`] and time as an argument; no tmux, no profile, no clock, no store. The hub
//! passes in captures, replies, hooks and the passing of time, and performs the actions that come
//! out. This module alone guarantees three things: a text is pasted at most once; Enter is pressed
//! only on a box that holds the delivered text alone; every action is recorded before it happens.
use std::time::{Duration, Instant};

use crate::model::{AgentState, Delivery, DeliveryMode, Hold, Now, Step, StepAt, Take};

/// Codex takes an Enter within 120 ms of a paste as a line break.
const SETTLE: Duration = Duration::from_millis(150);
/// How long a pasted text may take to appear.
const ECHO_LIMIT: Duration = Duration::from_secs(15);
/// How long it may appear in part before it counts as mixed with a user's draft.
const PARTIAL: Duration = Duration::from_secs(1);
/// If the box still holds the text alone this long after Enter, Enter is pressed once more.
const ENTER_AGAIN: Duration = Duration::from_secs(5);
/// How long acceptance may take after the last Enter.
const ACCEPT_LIMIT: Duration = Duration::from_secs(15);
/// The same for an agent that draws nothing: it has not even read the Enter.
const STALL_LIMIT: Duration = Duration::from_secs(60);
/// A box that showed the text and then is empty for this long has lost it.
const TAKEN_LIMIT: Duration = Duration::from_secs(3);
/// An agent that is ready for this long has not accepted its prompt argument.
const ARGUMENT_LIMIT: Duration = Duration::from_secs(10);
/// How long an agent may take to stop its turn.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(10);
/// An unfinished action of a dead hub is judged only when the screen had time to settle.
const RESUME_SETTLE: Duration = Duration::from_secs(2);
/// No event reports that a user's panes are no longer synchronized, so this is polled.
const SYNCHRONIZED: Duration = Duration::from_secs(2);

/// A delivery in progress.
#[derive(Debug)]
pub struct DeliveryMachine {
    delivery: Delivery,
    phase: Phase,
    /// The turn that ended before this one was already finished.
    was_idle: bool,
    /// A turn was seen running since Enter, or since the agent started with its argument.
    has_worked: bool,
    /// The value of [`Look::n_drawn`] before the last Enter.
    n_drawn: u64,
    /// A turn was stopped for it.
    interrupted: bool,
    /// The box was cleared for it.
    cleared: bool,
    /// Since when it has been held by something that may never end.
    held_since: Option<Instant>,
    /// A human's decision, until it can be carried out.
    take: Option<Take>,
    /// The agent takes it by a channel of its own: its box is not touched.
    has_channel: bool,
    /// How often the cursor was elsewhere than in the last capture.
    n_moved: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Interrupting {
        since: Option<Instant>,
    },
    /// The box is being cleared.
    Clearing {
        since: Option<Instant>,
    },
    /// Paste sent, no reply yet.
    Pasting,
    Pasted {
        watch: Watch,
        /// The box has held something since.
        shown: bool,
    },
    /// Enter sent, no reply yet.
    Entering {
        n: u8,
    },
    Entered {
        watch: Watch,
        n: u8,
    },
    /// Passed on the command line.
    Argument(PassedArgument),
    /// A hub died or lost its connection in the middle of an action.
    Unsure {
        since: Option<Instant>,
        uncertainty: Uncertainty,
    },
    Over,
}

/// Captures the screen to see the result of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Watch {
    since: Instant,
    looks: u32,
    /// Something was in the way at the last capture: the time limit is suspended.
    held: bool,
}

/// What was seen of an agent that was started with the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PassedArgument {
    /// It is in the box, not submitted.
    ours_since: Option<Instant>,
    /// The agent is ready, and there is no trace of the text.
    idle_since: Option<Instant>,
    /// It has been ready at least once.
    was_up: bool,
}

/// Why the result of an action is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uncertainty {
    Restart,
    NoReply,
}

impl DeliveryMachine {
    /// A new delivery, or one that an earlier hub left.
    pub fn new(delivery: Delivery) -> Self {
        let phase = match (delivery.step, delivery.mode) {
            (Step::Accepted | Step::Ran | Step::Failed | Step::Cancelled | Step::Other(_), _) => {
                Phase::Over
            }
            (Step::Queued, DeliveryMode::Argument) => Phase::Argument(PassedArgument::default()),
            (Step::Queued | Step::Ready, _) => Phase::Waiting,
            (Step::Pasting | Step::Pasted | Step::Echoed | Step::Entering, _) => {
                Phase::Unsure { since: None, uncertainty: Uncertainty::Restart }
            }
        };
        Self {
            delivery,
            phase,
            was_idle: false,
            has_worked: false,
            n_drawn: 0,
            interrupted: false,
            cleared: false,
            held_since: None,
            take: None,
            has_channel: false,
            n_moved: 0,
        }
    }

    /// Text and Enter go to exactly the screen that was captured. After a few tries they go to an agent whose cursor
    /// never rests, too.
    pub fn is_strict(&self) -> bool {
        self.n_moved < MAX_MOVED
    }

    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The text may be in the box or on its way there.
    pub fn is_in_flight(&self) -> bool {
        match self.phase {
            Phase::Waiting
            | Phase::Interrupting { .. }
            | Phase::Clearing { .. }
            | Phase::Argument(_)
            | Phase::Over => false,
            Phase::Pasting
            | Phase::Pasted { .. }
            | Phase::Entering { .. }
            | Phase::Entered { .. }
            | Phase::Unsure { .. } => true,
        }
    }

    /// Nothing of it was sent, and nothing tells why.
    pub fn waits_silently(&self) -> bool {
        let waits = matches!(self.phase, Phase::Waiting | Phase::Argument(_));
        waits && self.delivery.held.is_none()
    }

    /// Another delivery may go first: nothing of this one has reached the agent.
    pub fn can_wait(&self) -> bool {
        self.phase == Phase::Waiting && !self.delivery.interrupt
    }

    /// Records whether earlier deliveries are in its way.
    pub fn set_behind(&mut self, others: bool) -> Vec<Action> {
        match (others, &self.delivery.held) {
            (true, _) => self.hold(Some(Hold::Earlier)),
            (false, Some(Hold::Earlier)) => self.hold(None),
            (false, _) => Vec::new(),
        }
    }

    /// Takes one input and returns the actions.
    pub fn handle(&mut self, now: Now, input: Input<'_>) -> Vec<Action> {
        if self.is_over() {
            return Vec::new();
        }
        match input {
            Input::Look(look) => self.handle_look(now, &look),
            Input::Unseen if self.waits_silently() => self.hold(Some(Hold::Disconnected)),
            Input::Unseen => Vec::new(),
            Input::Done => self.handle_done(now),
            Input::Refused(hold) => self.handle_refused(now, hold),
            Input::Moved => {
                self.n_moved = self.n_moved.saturating_add(1);
                self.handle_refused(now, Hold::Turn(AgentState::Unknown))
            }
            Input::Unknown => self.handle_unknown(now),
            Input::NotTaken => self.handle_not_taken(),
            Input::Told(evidence) if self.may_be_accepted() => self.accept(now, evidence),
            Input::Told(_) => Vec::new(),
            Input::Gone(why) => self.lose(now, why),
            Input::Cancel => self.cancel(now),
            Input::Take(take) => self.hear_human(now, take),
        }
    }

    fn handle_look(&mut self, now: Now, look: &Look<'_>) -> Vec<Action> {
        let mut todo = match self.take {
            Some(take) => self.obey(now, look, take),
            None => self.take_look(now, look),
        };
        self.watch_hold(now, look, &mut todo);
        let program = match self.delivery.held {
            Some(Hold::Foreground) => look.program,
            Some(_) | None => "",
        };
        if !self.is_over() && self.delivery.evidence != program {
            program.clone_into(&mut self.delivery.evidence);
            if !todo.contains(&Action::Record) {
                todo.insert(0, Action::Record);
            }
        }
        todo
    }

    fn take_look(&mut self, now: Now, look: &Look<'_>) -> Vec<Action> {
        match self.phase {
            Phase::Waiting => self.wait(now, look),
            Phase::Interrupting { since } => self.interrupted(now, look, since),
            Phase::Clearing { since } => self.expect_empty(now, look, since),
            Phase::Pasted { watch, shown } => self.expect_echo(now, look, watch, shown),
            Phase::Entered { watch, n } => self.expect_turn(now, look, watch, n),
            Phase::Argument(passed) => self.expect_argument(now, look, passed),
            Phase::Unsure { since, uncertainty } => self.judge(now, look, since, uncertainty),
            Phase::Pasting | Phase::Entering { .. } | Phase::Over => Vec::new(),
        }
    }

    /// Nothing sent yet: continue when the agent is ready, its box is empty and nothing is in the
    /// way.
    fn wait(&mut self, now: Now, look: &Look<'_>) -> Vec<Action> {
        // A dialog would take the key as an answer, and a turn that just ended needs no key.
        let runs =
            look.settled.is_busy() && (look.seen.is_busy() || *look.seen == AgentState::Unknown);
        if self.delivery.interrupt && runs && look.obstacle.is_none() {
            self.phase = Phase::Interrupting { since: None };
            let mut todo = self.hold(Some(Hold::Turn(look.settled.clone())));
            todo.push(Action::Interrupt);
            return todo;
        }
        if let Some(todo) = self.clear_former(now, look) {
            return todo;
        }
        if let Some(hold) = Self::reason_to_hold(look)
            && !(self.has_channel && channel::is_only_a_draft(look))
        {
            return self.hold(Some(hold));
        }
        self.paste(now, look)
    }

    fn paste(&mut self, now: Now, look: &Look<'_>) -> Vec<Action> {
        self.was_idle = matches!(look.seen, AgentState::Idle | AgentState::Failed);
        self.delivery.shown_before = Some(look.n_shown);
        self.hold_silently(None);
        self.step(now, Step::Ready);
        self.step(now, Step::Pasting);
        self.phase = Phase::Pasting;
        self.n_drawn = look.n_drawn;
        self.delivery.marks_pane = !self.has_channel;
        vec![Action::Record, if self.has_channel { Action::Pass } else { Action::Paste }]
    }

    fn reason_to_hold(look: &Look<'_>) -> Option<Hold> {
        if let Some(hold) = look.obstacle {
            return Some(hold.clone());
        }
        let (seen, settled) = (look.seen, look.settled);
        let reason = match (seen.asks(), settled.asks()) {
            (true, _) => Some(seen.clone()),
            // One capture may catch a half-drawn frame.
            (false, false) if !settled.listens() => Some(settled.clone()),
            (false, _) if !seen.listens() => Some(seen.clone()),
            // The obstacle is gone, but what followed it has not been visible long enough.
            (false, true) => Some(AgentState::Unknown),
            (false, false) => None,
        };
        if let Some(turn) = reason {
            return Some(Hold::Turn(turn));
        }
        match look.content {
            Content::Empty | Content::Unseen => None,
            Content::Ours | Content::Former | Content::Other => Some(Hold::Turn(AgentState::Draft)),
        }
    }

    /// The interrupt key was pressed; the turn must be seen to stop.
    fn interrupted(&mut self, now: Now, look: &Look<'_>, since: Option<Instant>) -> Vec<Action> {
        let Some(since) = since else { return Vec::new() };
        if !look.settled.is_busy() {
            self.phase = Phase::Waiting;
            self.interrupted = true;
            self.delivery.interrupt = false;
            return self.wait(now, look);
        }
        if now.steady.duration_since(since) > INTERRUPT_LIMIT {
            return self.fail(now, "the running turn did not stop");
        }
        vec![Action::Look(SETTLE)]
    }

    fn handle_done(&mut self, now: Now) -> Vec<Action> {
        match self.phase {
            Phase::Interrupting { .. } => {
                self.phase = Phase::Interrupting { since: Some(now.steady) };
                vec![Action::Look(SETTLE)]
            }
            Phase::Clearing { .. } => {
                self.phase = Phase::Clearing { since: Some(now.steady) };
                vec![Action::Look(SETTLE)]
            }
            // The agent submits it by itself.
            Phase::Pasting if self.has_channel => {
                self.step(now, Step::Pasted);
                self.step(now, Step::Entering);
                self.phase = Phase::Entered { watch: Watch::from(now), n: 2 };
                vec![Action::Record, Action::Look(pace(0))]
            }
            Phase::Pasting => {
                self.step(now, Step::Pasted);
                self.phase = Phase::Pasted { watch: Watch::from(now), shown: false };
                vec![Action::Record, Action::Look(pace(0))]
            }
            Phase::Entering { n } => {
                self.phase = Phase::Entered { watch: Watch::from(now), n };
                vec![Action::Look(pace(0))]
            }
            Phase::Waiting
            | Phase::Pasted { .. }
            | Phase::Entered { .. }
            | Phase::Argument(_)
            | Phase::Unsure { .. }
            | Phase::Over => Vec::new(),
        }
    }

    /// The guard in tmux found an obstacle: nothing was sent, so the step is taken back.
    fn handle_refused(&mut self, now: Now, hold: Hold) -> Vec<Action> {
        let watch = Watch { held: true, ..Watch::from(now) };
        match self.phase {
            Phase::Interrupting { .. } | Phase::Clearing { .. } | Phase::Pasting => {
                self.phase = Phase::Waiting;
                self.delivery.take_back();
            }
            Phase::Entering { n: 0 | 1 } => {
                self.phase = Phase::Pasted { watch, shown: true };
                self.delivery.step = Step::Echoed;
            }
            Phase::Entering { n } => self.phase = Phase::Entered { watch, n: n - 1 },
            Phase::Waiting
            | Phase::Pasted { .. }
            | Phase::Entered { .. }
            | Phase::Argument(_)
            | Phase::Unsure { .. }
            | Phase::Over => return Vec::new(),
        }
        let again = if hold == Hold::Synchronized { SYNCHRONIZED } else { ECHO_PACE };
        self.hold_silently(Some(hold));
        vec![Action::Record, Action::Look(again)]
    }

    /// The reply to an action was lost. An interrupt key that may have been pressed is not pressed
    /// again: some agents treat a second one differently.
    fn handle_unknown(&mut self, now: Now) -> Vec<Action> {
        self.phase = match self.phase {
            Phase::Waiting => Phase::Waiting,
            Phase::Interrupting { since } => {
                Phase::Interrupting { since: since.or(Some(now.steady)) }
            }
            // Nothing of the text is in the box; a key that clears is not pressed twice.
            Phase::Clearing { .. } => Phase::Waiting,
            Phase::Argument(passed) => Phase::Argument(passed),
            Phase::Pasting
            | Phase::Pasted { .. }
            | Phase::Entering { .. }
            | Phase::Entered { .. }
            | Phase::Unsure { .. }
            | Phase::Over => Phase::Unsure { since: None, uncertainty: Uncertainty::NoReply },
        };
        vec![Action::Look(SETTLE)]
    }

    /// Until Enter it can be withdrawn, but no key is pressed to remove the text from the box.
    fn cancel(&mut self, now: Now) -> Vec<Action> {
        let may_be_sent = self.delivery.step == Step::Entering;
        match self.phase {
            Phase::Waiting
            | Phase::Interrupting { .. }
            | Phase::Clearing { .. }
            | Phase::Argument(_) => self.end(now, Step::Cancelled, "cancelled"),
            Phase::Pasted { shown: true, .. } => {
                self.end(now, Step::Cancelled, "cancelled; its text was left in the input box")
            }
            Phase::Pasted { .. } | Phase::Unsure { .. } if !may_be_sent => {
                self.end(now, Step::Cancelled, "cancelled; its text may be in the input box")
            }
            Phase::Pasting
            | Phase::Pasted { .. }
            | Phase::Entering { .. }
            | Phase::Entered { .. }
            | Phase::Unsure { .. }
            | Phase::Over => Vec::new(),
        }
    }

    fn may_be_accepted(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Interrupting { .. } | Phase::Clearing { .. })
    }

    fn hold(&mut self, hold: Option<Hold>) -> Vec<Action> {
        if self.delivery.held == hold {
            return Vec::new();
        }
        self.hold_silently(hold);
        vec![Action::Record]
    }

    fn hold_silently(&mut self, hold: Option<Hold>) {
        self.delivery.held = hold;
    }

    fn accept(&mut self, now: Now, evidence: &str) -> Vec<Action> {
        self.end(now, Step::Accepted, evidence)
    }

    fn fail(&mut self, now: Now, why: &str) -> Vec<Action> {
        self.end(now, Step::Failed, why)
    }

    fn end(&mut self, now: Now, step: Step, evidence: &str) -> Vec<Action> {
        self.phase = Phase::Over;
        self.delivery.held = None;
        self.delivery.stuck = None;
        evidence.clone_into(&mut self.delivery.evidence);
        self.step(now, step);
        vec![Action::Record]
    }

    fn step(&mut self, now: Now, step: Step) {
        self.delivery.step = step;
        self.delivery.steps.push(StepAt { step, at: now.wall });
    }
}

const ECHO_PACE: Duration = Duration::from_millis(200);
/// How often the cursor may have moved before it is no longer looked at.
const MAX_MOVED: u8 = 5;

/// Captures after an action come quickly at first.
fn pace(looks: u32) -> Duration {
    match looks {
        0 => Duration::from_millis(50),
        1 => Duration::from_millis(100),
        2 => Duration::from_millis(150),
        _ => ECHO_PACE,
    }
}

mod channel;
mod human;
mod inputs;
mod watching;

pub use inputs::{Action, Content, Input, Look};

#[cfg(test)]
mod tests;
