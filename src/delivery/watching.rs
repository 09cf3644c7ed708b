//! What captures after an action prove: that a text is in the box, that a turn has started.
//!
//! What was on the screen before proves nothing: occurrences are counted before the paste.
use std::time::{Duration, Instant};

use super::{
    ACCEPT_LIMIT, ARGUMENT_LIMIT, Action, Content, DeliveryMachine, ECHO_LIMIT, ENTER_AGAIN, Look,
    PARTIAL, PassedArgument, Phase, RESUME_SETTLE, SETTLE, STALL_LIMIT, TAKEN_LIMIT, Uncertainty,
    Watch, pace,
};
use crate::model::{AgentState, DeliveryMode, Hold, Now, Step};

/// Of what the agent shows, a receipt has so many characters.
const MAX_SHOWN: usize = 300;

impl Watch {
    pub(super) fn from(now: Now) -> Self {
        Self { since: now.steady, looks: 0, held: false }
    }

    /// The obstacle has gone and may have left its frame on the screen, or another one appears:
    /// check everything again.
    fn resumed(self, now: Now) -> Self {
        if self.held { Self::from(now) } else { self }
    }

    fn held(now: Now) -> Self {
        Self { held: true, ..Self::from(now) }
    }

    fn age(&self, now: Now) -> Duration {
        now.steady.duration_since(self.since)
    }

    fn next(self) -> Self {
        Self { looks: self.looks + 1, ..self }
    }
}

impl DeliveryMachine {
    /// Pasted: the box must show the text alone, and still show it after the paste burst.
    pub(super) fn expect_echo(
        &mut self,
        now: Now,
        look: &Look<'_>,
        watch: Watch,
        shown: bool,
    ) -> Vec<Action> {
        let shown = shown || !matches!(look.content, Content::Empty | Content::Unseen);
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()) {
            self.phase = Phase::Pasted { watch: Watch::held(now), shown };
            return self.hold(Some(hold));
        }
        let is_other = matches!(look.content, Content::Other | Content::Former);
        if is_other && (watch.held || watch.age(now) >= PARTIAL) {
            self.phase = Phase::Pasted { watch: Watch::held(now), shown };
            return self.hold(Some(Hold::Turn(AgentState::Draft)));
        }
        let watch = watch.resumed(now);
        let age = watch.age(now);
        self.phase = Phase::Pasted { watch: watch.next(), shown };
        match look.content {
            Content::Ours if age < SETTLE => vec![Action::Look(SETTLE.saturating_sub(age))],
            Content::Ours => self.echoed(now, look),
            // Text that arrives as keys appears bit by bit.
            Content::Other | Content::Former => vec![Action::Look(pace(watch.looks))],
            Content::Empty | Content::Unseen => self.expect_more(now, look, watch, shown),
        }
    }

    /// The text is not in the box: not yet, no longer, or another client has submitted it.
    fn expect_more(&mut self, now: Now, look: &Look<'_>, watch: Watch, shown: bool) -> Vec<Action> {
        let is_empty = look.content == Content::Empty;
        if is_empty && self.is_new(look) && (look.seen.is_busy() || shown) {
            return self
                .accept(now, "Enter was pressed outside wtmag; the conversation shows the text");
        }
        if is_empty && shown && watch.age(now) > TAKEN_LIMIT {
            return self.fail(now, "the text was removed from the box");
        }
        if watch.age(now) > ECHO_LIMIT {
            return self.fail(now, "the text was pasted but did not appear in the box");
        }
        let mut todo = self.hold(None);
        todo.push(Action::Look(pace(watch.looks)));
        todo
    }

    pub(super) fn echoed(&mut self, now: Now, look: &Look<'_>) -> Vec<Action> {
        self.hold_silently(None);
        self.step(now, Step::Echoed);
        if !self.delivery.submit {
            return self.accept(now, "left in the box, as requested");
        }
        self.has_worked = false;
        self.enter(now, look, 1)
    }

    fn enter(&mut self, now: Now, look: &Look<'_>, n: u8) -> Vec<Action> {
        self.n_drawn = look.n_drawn;
        self.step(now, Step::Entering);
        self.phase = Phase::Entering { n };
        vec![Action::Record, Action::Enter]
    }

    /// Enter was sent: the turn must start, or the box must empty into the transcript.
    pub(super) fn expect_turn(
        &mut self,
        now: Now,
        look: &Look<'_>,
        watch: Watch,
        n: u8,
    ) -> Vec<Action> {
        self.has_worked |= look.seen.is_busy() || look.settled.is_busy();
        if look.is_command {
            return self.expect_run(now, look, watch, n);
        }
        if let Some(evidence) = self.evidence(look) {
            return self.accept(now, evidence);
        }
        if let Some(hold) = Self::dialog(look) {
            self.phase = Phase::Entered { watch: Watch::held(now), n };
            return self.hold(Some(hold));
        }
        let watch = watch.resumed(now);
        let age = watch.age(now);
        let is_ours = look.content == Content::Ours;
        // An agent that draws nothing has not read the first Enter. It would find both at once, and
        // take the second for an answer to its next question.
        let has_drawn = look.n_drawn > self.n_drawn;
        if is_ours && has_drawn && n == 1 && age > ENTER_AGAIN && look.obstacle.is_none() {
            return self.enter(now, look, 2);
        }
        let is_stalled = is_ours && !has_drawn;
        if age > if is_stalled { STALL_LIMIT } else { ACCEPT_LIMIT } {
            let why = match look.content {
                _ if self.has_channel => "its plugin took the text, but no turn was seen",
                Content::Ours if is_stalled => {
                    "the text is still in the box; the agent is not drawing and may accept it later"
                }
                Content::Ours if n == 1 => "the text is still in the box after Enter",
                Content::Ours => "the text is still in the box after two Enters",
                Content::Other | Content::Former => "the box changed under the delivery",
                Content::Empty | Content::Unseen => "the box emptied, but no turn was seen",
            };
            return self.fail(now, why);
        }
        self.phase = Phase::Entered { watch: watch.next(), n };
        vec![Action::Look(pace(watch.looks))]
    }

    /// Enter was sent to a command: a turn may start, a dialog may open, or the agent answers at once. A
    /// spinner proves no turn: a command has one, too.
    fn expect_run(&mut self, now: Now, look: &Look<'_>, watch: Watch, n: u8) -> Vec<Action> {
        let age = watch.age(now);
        let is_busy = look.seen.is_busy() || look.settled.is_busy();
        let is_turn = !look.hooks_tell && look.seen.is_busy() && look.settled.is_busy();
        if is_turn {
            return self.accept(now, "the turn started");
        }
        let waited = age > TAKEN_LIMIT && look.obstacle.is_none();
        let shows = look.shows.split_whitespace().collect::<Vec<_>>().join(" ");
        let shows: String = shows.chars().take(MAX_SHOWN).collect();
        if waited && look.content == Content::Ours && age > ENTER_AGAIN {
            return self.fail(now, &format!("the agent left the command in its box: {shows}"));
        }
        if waited && !is_busy && look.content != Content::Ours {
            let what = match (look.seen.asks(), self.has_worked) {
                (true, _) => "it opened a dialog",
                (false, true) => "it ran, and no turn of the model began",
                (false, false) => "no turn began",
            };
            return self.end(now, Step::Ran, &format!("{what}; the agent shows: {shows}"));
        }
        self.phase = Phase::Entered { watch: watch.next(), n };
        vec![Action::Look(pace(watch.looks))]
    }

    /// What a capture after Enter proves, if anything.
    fn evidence(&self, look: &Look<'_>) -> Option<&'static str> {
        if look.content == Content::Ours {
            return None;
        }
        let is_new = self.is_new(look);
        match look.seen {
            AgentState::Working | AgentState::Retrying => Some("the turn started"),
            // A dialog that appeared in between has taken the Enter, and hides the box.
            AgentState::Waiting(_) if is_new || self.has_worked => {
                Some("the turn started and asks a question")
            }
            AgentState::Idle | AgentState::Failed if !self.was_idle => Some("a turn ended"),
            AgentState::Unknown
            | AgentState::Blocked(_)
            | AgentState::Ready
            | AgentState::Waiting(_)
            | AgentState::Idle
            | AgentState::Failed
            | AgentState::Limited(_)
            | AgentState::Draft
            | AgentState::Other(_) => (is_new && look.content == Content::Empty)
                .then_some("the box emptied and the transcript has the text"),
        }
    }

    /// The conversation contains the text once more than before the paste.
    fn is_new(&self, look: &Look<'_>) -> bool {
        match (self.delivery.shown_before, self.delivery.mode) {
            (Some(before), _) => look.n_shown > before,
            (None, DeliveryMode::Argument) => look.n_shown > 0,
            // Recorded by a hub that did not count.
            (None, DeliveryMode::Ready | DeliveryMode::Other(_)) => false,
        }
    }

    /// Passed on the command line: the same proof, without a paste or Enter.
    pub(super) fn expect_argument(
        &mut self,
        now: Now,
        look: &Look<'_>,
        passed: PassedArgument,
    ) -> Vec<Action> {
        if let Some(evidence) = self.argument_evidence(look, passed) {
            return self.accept(now, evidence);
        }
        self.has_worked |= look.seen.is_busy();
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()) {
            self.phase =
                Phase::Argument(PassedArgument { idle_since: None, ours_since: None, ..passed });
            return self.hold(Some(hold));
        }
        if look.content != Content::Ours {
            return self.expect_no_argument(now, look, passed);
        }
        // Some agents put the argument into the box and leave it there.
        let since = passed.ours_since.unwrap_or(now.steady);
        self.phase = Phase::Argument(PassedArgument { ours_since: Some(since), ..passed });
        if now.steady.duration_since(since) < ENTER_AGAIN {
            return vec![Action::Look(SETTLE)];
        }
        self.echoed(now, look)
    }

    /// What a capture of an agent that was started with the text proves. An agent that is only
    /// starting also shows spinners and questions.
    fn argument_evidence(&self, look: &Look<'_>, passed: PassedArgument) -> Option<&'static str> {
        if look.obstacle == Some(&Hold::Foreground) || look.content == Content::Ours {
            return None;
        }
        let is_new = self.is_new(look);
        match look.seen {
            AgentState::Working | AgentState::Retrying if is_new || passed.was_up => {
                Some("the turn started")
            }
            AgentState::Waiting(_) if is_new => Some("the turn started and asks a question"),
            AgentState::Idle | AgentState::Failed if is_new || self.has_worked => {
                Some("a turn ended")
            }
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
            | AgentState::Other(_) => (is_new && look.content == Content::Empty)
                .then_some("the box emptied and the transcript has the text"),
        }
    }

    /// No trace of the argument: the agent is still starting, or has not accepted it.
    fn expect_no_argument(
        &mut self,
        now: Now,
        look: &Look<'_>,
        passed: PassedArgument,
    ) -> Vec<Action> {
        let listens = look.settled.listens() && look.seen.listens();
        let is_up = listens && !matches!(look.content, Content::Other | Content::Former);
        let idle_since = is_up.then(|| passed.idle_since.unwrap_or(now.steady));
        let was_up = passed.was_up || is_up;
        self.phase = Phase::Argument(PassedArgument { ours_since: None, idle_since, was_up });
        let Some(since) = idle_since else {
            return self.hold(Some(Hold::Turn(look.settled.clone())));
        };
        let age = now.steady.duration_since(since);
        if age >= ARGUMENT_LIMIT {
            return self.fail(
                now,
                "the agent started without its prompt argument; `delivery = \"ready\"` pastes \
                 the prompt instead",
            );
        }
        let mut todo = self.hold(None);
        todo.push(Action::Look(ARGUMENT_LIMIT.saturating_sub(age)));
        todo
    }

    /// An action was in progress when the hub or the connection died: the screen must show its
    /// result. If it cannot, nothing is sent twice.
    pub(super) fn judge(
        &mut self,
        now: Now,
        look: &Look<'_>,
        since: Option<Instant>,
        uncertainty: Uncertainty,
    ) -> Vec<Action> {
        let since = since.unwrap_or(now.steady);
        self.phase = Phase::Unsure { since: Some(since), uncertainty };
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()) {
            self.phase = Phase::Unsure { since: None, uncertainty };
            return self.hold(Some(hold));
        }
        if look.content == Content::Ours {
            self.step(now, Step::Pasted);
            self.phase = Phase::Pasted { watch: Watch::from(now), shown: true };
            return vec![Action::Record, Action::Look(SETTLE)];
        }
        let is_taken = look.content == Content::Empty && self.is_new(look);
        let has_started = match self.delivery.step == Step::Entering {
            true => look.seen.is_busy() || is_taken,
            // Without Enter from wtmag, someone else may have started the turn.
            false => look.seen.is_busy() && is_taken,
        };
        if has_started {
            let evidence = match uncertainty {
                Uncertainty::Restart => "the turn had started before the hub restarted",
                Uncertainty::NoReply if self.has_channel => "the turn started",
                Uncertainty::NoReply => "the turn had started before tmux answered again",
            };
            return self.accept(now, evidence);
        }
        if now.steady.duration_since(since) < RESUME_SETTLE {
            return vec![Action::Look(SETTLE)];
        }
        // By now tmux has carried out whatever it was told before.
        let is_unmarked = self.delivery.marks_pane && look.pasted != Some(self.delivery.id);
        if self.delivery.step == Step::Pasting && is_unmarked {
            self.phase = Phase::Waiting;
            self.delivery.take_back();
            return vec![Action::Record, Action::Look(SETTLE)];
        }
        let why = match uncertainty {
            Uncertainty::Restart => "outcome unknown after restart",
            Uncertainty::NoReply if self.has_channel => {
                "outcome unknown: the agent's plugin did not report what happened"
            }
            Uncertainty::NoReply => "outcome unknown: tmux did not report what happened",
        };
        self.fail(now, why)
    }

    /// A dialog is visible, or is missing from only this one capture. It has the name that the worker's
    /// state has, so that it keeps it to its end.
    pub(super) fn dialog(look: &Look<'_>) -> Option<Hold> {
        let shown = [look.settled, look.seen].into_iter().find(|turn| turn.asks());
        shown.map(|turn| Hold::Turn(turn.clone()))
    }
}
