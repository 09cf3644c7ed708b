//! The life of one delivery: what to do next, given what is seen.
//!
//! Knows [`crate::model`] and time as an argument; no tmux, no profile, no clock, no store. The hub
//! hands in looks at the pane, replies to acts, hooks and the passing of time; it performs what
//! comes out. Three promises hold here and nowhere else: a text is pasted at most once; Enter is
//! pressed only on a box that holds our text alone; what is about to be done is recorded first.
use std::time::{Duration, Instant};

use crate::model::{Delivery, DeliveryMode, Hold, Now, Step, StepAt, Turn};

/// Codex takes an Enter within 120 ms of a paste for a line break.
const SETTLE: Duration = Duration::from_millis(150);
/// How long a pasted text may take to show.
const ECHO_LIMIT: Duration = Duration::from_secs(15);
/// How long it may show in part before it is taken for mixed with somebody's draft.
const PARTIAL: Duration = Duration::from_secs(1);
/// A box that still holds our text alone this long after Enter gets one more.
const ENTER_AGAIN: Duration = Duration::from_secs(5);
/// How long acceptance may take after the last Enter.
const ACCEPT_LIMIT: Duration = Duration::from_secs(15);
/// How long an agent may take to stop its turn.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(10);
/// An unfinished act of a hub that died is judged only by a screen that had time to settle.
const RESUME_SETTLE: Duration = Duration::from_secs(2);

/// What is in the input box, compared with the text of this delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// The box, or what is in it, cannot be seen.
    #[default]
    Unseen,
    Empty,
    /// Our text, or the placeholder for it, and nothing else.
    Ours,
    /// Something else, with or without our text.
    Other,
}

/// One look at the worker's pane.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The turn as confirmed over time.
    pub settled: &'a Turn,
    /// The turn as this look alone shows it.
    pub seen: &'a Turn,
    pub content: Content,
    /// Our text stands on the screen outside the box.
    pub in_transcript: bool,
    /// What keeps keys from the agent, whatever it shows.
    pub obstacle: Option<&'a Hold>,
}

/// Something that happened to the worker or to an act of ours.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    Look(Look<'a>),
    /// The guarded act was carried out.
    Done,
    /// The guard refused: nothing was sent.
    Refused(Hold),
    /// The reply was lost: nobody knows.
    Unknown,
    /// A hook says that the agent took this text.
    Told(&'a str),
    /// The agent or its pane is gone.
    Gone(&'a str),
    Cancel,
    Tick,
}

/// What the hub is to do. Records come before the act they announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Store the delivery as it is now and tell subscribers.
    Record,
    Paste,
    Enter,
    /// Press the agent's own interrupt key.
    Interrupt,
    /// Look again after this long, even if nothing rings.
    Look(Duration),
}

/// A delivery under way.
#[derive(Debug)]
pub struct Machine {
    delivery: Delivery,
    phase: Phase,
    /// The turn that ended before ours was a finished one already.
    was_idle: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Interrupting {
        since: Option<Instant>,
    },
    /// Paste sent, no reply yet.
    Pasting,
    Pasted {
        since: Instant,
        looks: u32,
    },
    /// Enter sent, no reply yet.
    Entering {
        n: u8,
    },
    Entered {
        since: Instant,
        n: u8,
        looks: u32,
    },
    /// Passed on the command line; `ours_since` when it sits in the box unsubmitted.
    Argument {
        ours_since: Option<Instant>,
    },
    /// A hub died or lost its connection in the middle of an act.
    Unsure {
        since: Option<Instant>,
    },
    Over,
}

impl Machine {
    /// A delivery that starts, or one that a former hub left behind.
    pub fn new(delivery: Delivery) -> Self {
        let phase = match (delivery.step, delivery.mode) {
            (Step::Accepted | Step::Failed | Step::Cancelled, _) => Phase::Over,
            (Step::Queued, DeliveryMode::Argument) => Phase::Argument { ours_since: None },
            (Step::Queued | Step::Ready, _) => Phase::Waiting,
            (Step::Pasting | Step::Pasted | Step::Echoed | Step::Entering, _) => {
                Phase::Unsure { since: None }
            }
        };
        Self { delivery, phase, was_idle: false }
    }

    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Text of ours may be in the box or on its way there.
    pub fn is_in_flight(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Interrupting { .. } | Phase::Over)
            && self.delivery.mode == DeliveryMode::Ready
    }

    /// Takes one input and says what to do about it.
    pub fn handle(&mut self, now: Now, input: Input<'_>) -> Vec<Do> {
        if self.is_over() {
            return Vec::new();
        }
        match input {
            Input::Look(look) => self.handle_look(now, &look),
            Input::Done => self.handle_done(now),
            Input::Refused(hold) => self.handle_refused(hold),
            Input::Unknown => {
                self.phase = Phase::Unsure { since: None };
                vec![Do::Look(SETTLE)]
            }
            Input::Told(evidence) if self.may_be_accepted() => self.accept(now, evidence),
            Input::Told(_) | Input::Tick => Vec::new(),
            Input::Gone(why) => self.fail(now, why),
            Input::Cancel if self.is_in_flight() => Vec::new(),
            Input::Cancel => self.end(now, Step::Cancelled, "cancelled"),
        }
    }

    fn handle_look(&mut self, now: Now, look: &Look<'_>) -> Vec<Do> {
        match self.phase {
            Phase::Waiting => self.wait(now, look),
            Phase::Interrupting { since } => self.interrupted(now, look, since),
            Phase::Pasted { since, looks } => self.expect_echo(now, look, since, looks),
            Phase::Entered { since, n, looks } => self.expect_turn(now, look, since, (n, looks)),
            Phase::Argument { ours_since } => self.expect_argument(now, look, ours_since),
            Phase::Unsure { since } => self.judge(now, look, since),
            Phase::Pasting | Phase::Entering { .. } | Phase::Over => Vec::new(),
        }
    }

    /// Nothing sent yet: go when the agent listens, its box is empty and nothing is in the way.
    fn wait(&mut self, now: Now, look: &Look<'_>) -> Vec<Do> {
        // A dialog would take the key for an answer, and a turn that just ended needs none.
        let runs = look.settled.is_busy() && (look.seen.is_busy() || *look.seen == Turn::Unknown);
        if self.delivery.interrupt && runs && look.obstacle.is_none() {
            self.phase = Phase::Interrupting { since: None };
            let mut todo = self.hold(Some(Hold::Turn(look.settled.clone())));
            todo.push(Do::Interrupt);
            return todo;
        }
        if let Some(hold) = Self::reason_to_hold(look) {
            return self.hold(Some(hold));
        }
        self.was_idle = matches!(look.seen, Turn::Idle | Turn::Failed);
        self.hold_silently(None);
        self.step(now, Step::Ready);
        self.step(now, Step::Pasting);
        self.phase = Phase::Pasting;
        vec![Do::Record, Do::Paste]
    }

    fn reason_to_hold(look: &Look<'_>) -> Option<Hold> {
        if let Some(hold) = look.obstacle {
            return Some(hold.clone());
        }
        let (seen, settled) = (look.seen, look.settled);
        let reason = match (Self::is_dialog(seen), Self::is_dialog(settled)) {
            (true, _) => Some(seen.clone()),
            // One look may fall into a frame that is half drawn.
            (false, false) if !settled.listens() => Some(settled.clone()),
            (false, _) if !seen.listens() => Some(seen.clone()),
            // It is gone, and what came after it has not stood long enough.
            (false, true) => Some(Turn::Unknown),
            (false, false) => None,
        };
        if let Some(turn) = reason {
            return Some(Hold::Turn(turn));
        }
        match look.content {
            Content::Empty | Content::Unseen => None,
            Content::Ours | Content::Other => Some(Hold::Turn(Turn::Draft)),
        }
    }

    /// The interrupt key was pressed; the turn has to be seen to stop.
    fn interrupted(&mut self, now: Now, look: &Look<'_>, since: Option<Instant>) -> Vec<Do> {
        let Some(since) = since else { return Vec::new() };
        if !look.settled.is_busy() {
            self.phase = Phase::Waiting;
            self.delivery.interrupt = false;
            return self.wait(now, look);
        }
        if now.steady.duration_since(since) > INTERRUPT_LIMIT {
            return self.fail(now, "the running turn did not stop");
        }
        vec![Do::Look(SETTLE)]
    }

    /// Pasted: the text has to show in the box alone, and stay past the paste burst.
    fn expect_echo(&mut self, now: Now, look: &Look<'_>, since: Instant, looks: u32) -> Vec<Do> {
        let age = now.steady.duration_since(since);
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()) {
            // While something else has the keys, the clock of the echo stands still.
            self.phase = Phase::Pasted { since: now.steady, looks };
            return self.hold(Some(hold));
        }
        match look.content {
            Content::Ours if age < SETTLE => vec![Do::Look(SETTLE.saturating_sub(age))],
            Content::Ours => self.echoed(now),
            // What comes as keys shows bit by bit.
            Content::Other if age < PARTIAL => vec![Do::Look(pace(looks))],
            Content::Other => {
                self.phase = Phase::Pasted { since: now.steady, looks };
                self.hold(Some(Hold::Turn(Turn::Draft)))
            }
            Content::Empty | Content::Unseen if look.seen.is_busy() && look.in_transcript => {
                self.accept(now, "the turn started; somebody else pressed Enter")
            }
            Content::Empty | Content::Unseen if age > ECHO_LIMIT => {
                self.fail(now, "the text was pasted and did not show in the box")
            }
            Content::Empty | Content::Unseen => {
                self.phase = Phase::Pasted { since, looks: looks + 1 };
                vec![Do::Look(pace(looks))]
            }
        }
    }

    fn echoed(&mut self, now: Now) -> Vec<Do> {
        self.hold_silently(None);
        self.step(now, Step::Echoed);
        if !self.delivery.submit {
            return self.accept(now, "left in the box as asked");
        }
        self.enter(now, 1)
    }

    fn enter(&mut self, now: Now, n: u8) -> Vec<Do> {
        self.step(now, Step::Entering);
        self.phase = Phase::Entering { n };
        vec![Do::Record, Do::Enter]
    }

    /// Enter was sent: the turn has to start, or the box to empty into the transcript.
    fn expect_turn(
        &mut self,
        now: Now,
        look: &Look<'_>,
        since: Instant,
        (n, looks): (u8, u32),
    ) -> Vec<Do> {
        let age = now.steady.duration_since(since);
        if let Some(evidence) = self.evidence(look) {
            return self.accept(now, evidence);
        }
        if let Some(hold) = Self::dialog(look) {
            self.phase = Phase::Entered { since: now.steady, n, looks };
            return self.hold(Some(hold));
        }
        if look.content == Content::Ours && n == 1 && age > ENTER_AGAIN && look.obstacle.is_none() {
            return self.enter(now, 2);
        }
        if age > ACCEPT_LIMIT {
            return self.fail(
                now,
                match look.content {
                    Content::Ours => "the text is still in the box after two Enters",
                    Content::Other => "the box changed under the delivery",
                    Content::Empty | Content::Unseen => "the box emptied, but no turn was seen",
                },
            );
        }
        self.phase = Phase::Entered { since, n, looks: looks + 1 };
        vec![Do::Look(pace(looks))]
    }

    /// What a look after Enter proves, if anything.
    fn evidence(&self, look: &Look<'_>) -> Option<&'static str> {
        if look.seen.is_busy() && look.content != Content::Ours {
            return Some("the turn started");
        }
        if matches!(look.seen, Turn::Waiting(_)) && look.content != Content::Ours {
            return Some("the turn started and asks something");
        }
        if look.content == Content::Empty && look.in_transcript {
            return Some("the box emptied and the transcript has the text");
        }
        let ended = matches!(look.seen, Turn::Idle | Turn::Failed) && !self.was_idle;
        (ended && look.content != Content::Ours).then_some("a turn ended")
    }

    /// Passed on the command line: the same proof, without an act of ours.
    fn expect_argument(
        &mut self,
        now: Now,
        look: &Look<'_>,
        ours_since: Option<Instant>,
    ) -> Vec<Do> {
        // Before the first turn a question that reads like one of a turn is the start-up's.
        let is_before = matches!(look.seen, Turn::Waiting(_)) && !look.in_transcript;
        if look.obstacle != Some(&Hold::Foreground)
            && !is_before
            && let Some(evidence) = self.evidence(look)
        {
            return self.accept(now, evidence);
        }
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()) {
            return self.hold(Some(hold));
        }
        if look.content != Content::Ours {
            self.phase = Phase::Argument { ours_since: None };
            return self.hold(Some(Hold::Turn(look.settled.clone())));
        }
        // Some agents put the argument into the box and leave it there.
        let since = ours_since.unwrap_or(now.steady);
        self.phase = Phase::Argument { ours_since: Some(since) };
        if now.steady.duration_since(since) < ENTER_AGAIN {
            return vec![Do::Look(SETTLE)];
        }
        self.hold_silently(None);
        self.step(now, Step::Echoed);
        self.enter(now, 1)
    }

    /// An act was under way when its hub or connection died: the screen has to tell what became
    /// of it, and where it cannot, nobody sends anything twice.
    fn judge(&mut self, now: Now, look: &Look<'_>, since: Option<Instant>) -> Vec<Do> {
        let since = since.unwrap_or(now.steady);
        self.phase = Phase::Unsure { since: Some(since) };
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()) {
            self.phase = Phase::Unsure { since: None };
            return self.hold(Some(hold));
        }
        if look.content == Content::Ours {
            self.step(now, Step::Pasted);
            self.phase = Phase::Pasted { since: now.steady, looks: 0 };
            return vec![Do::Record, Do::Look(SETTLE)];
        }
        if look.seen.is_busy() || look.in_transcript {
            return self.accept(now, "the turn had started when the hub came back");
        }
        if now.steady.duration_since(since) < RESUME_SETTLE {
            return vec![Do::Look(SETTLE)];
        }
        self.fail(now, "outcome unknown after restart")
    }

    fn handle_done(&mut self, now: Now) -> Vec<Do> {
        match self.phase {
            Phase::Interrupting { .. } => {
                self.phase = Phase::Interrupting { since: Some(now.steady) };
                vec![Do::Look(SETTLE)]
            }
            Phase::Pasting => {
                self.step(now, Step::Pasted);
                self.phase = Phase::Pasted { since: now.steady, looks: 0 };
                vec![Do::Record, Do::Look(pace(0))]
            }
            Phase::Entering { n } => {
                self.phase = Phase::Entered { since: now.steady, n, looks: 0 };
                vec![Do::Look(pace(0))]
            }
            Phase::Waiting
            | Phase::Pasted { .. }
            | Phase::Entered { .. }
            | Phase::Argument { .. }
            | Phase::Unsure { .. }
            | Phase::Over => Vec::new(),
        }
    }

    /// The guard in tmux saw something in the way: nothing was sent, so the step is taken back.
    fn handle_refused(&mut self, hold: Hold) -> Vec<Do> {
        match self.phase {
            Phase::Interrupting { .. } | Phase::Pasting => {
                self.phase = Phase::Waiting;
                self.delivery.step = Step::Queued;
            }
            Phase::Entering { .. } => {
                self.phase = Phase::Unsure { since: None };
                self.delivery.step = Step::Echoed;
            }
            Phase::Waiting
            | Phase::Pasted { .. }
            | Phase::Entered { .. }
            | Phase::Argument { .. }
            | Phase::Unsure { .. }
            | Phase::Over => return Vec::new(),
        }
        self.hold_silently(Some(hold));
        vec![Do::Record, Do::Look(ECHO_PACE)]
    }

    fn may_be_accepted(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Interrupting { .. })
    }

    fn dialog(look: &Look<'_>) -> Option<Hold> {
        Self::is_dialog(look.seen).then(|| Hold::Turn(look.seen.clone()))
    }

    fn is_dialog(turn: &Turn) -> bool {
        matches!(turn, Turn::Blocked(_) | Turn::Waiting(_))
    }

    fn hold(&mut self, hold: Option<Hold>) -> Vec<Do> {
        if self.delivery.held == hold {
            return Vec::new();
        }
        self.hold_silently(hold);
        vec![Do::Record]
    }

    fn hold_silently(&mut self, hold: Option<Hold>) {
        self.delivery.held = hold;
    }

    fn accept(&mut self, now: Now, evidence: &str) -> Vec<Do> {
        self.end(now, Step::Accepted, evidence)
    }

    fn fail(&mut self, now: Now, why: &str) -> Vec<Do> {
        self.end(now, Step::Failed, why)
    }

    fn end(&mut self, now: Now, step: Step, evidence: &str) -> Vec<Do> {
        self.phase = Phase::Over;
        self.delivery.held = None;
        evidence.clone_into(&mut self.delivery.evidence);
        self.step(now, step);
        vec![Do::Record]
    }

    fn step(&mut self, now: Now, step: Step) {
        self.delivery.step = step;
        self.delivery.steps.push(StepAt { step, at: now.wall });
    }
}

const ECHO_PACE: Duration = Duration::from_millis(200);

/// Looks after an act come quickly at first.
fn pace(looks: u32) -> Duration {
    match looks {
        0 => Duration::from_millis(50),
        1 => Duration::from_millis(100),
        2 => Duration::from_millis(150),
        _ => ECHO_PACE,
    }
}

#[cfg(test)]
mod tests;
