//! Decides when a human is told about a stuck delivery, and carries out their decision.
use std::time::{Duration, Instant};

use super::{Action, Content, DeliveryMachine, Look, Phase, SETTLE};
use crate::model::{AgentState, Hold, Now, Step, Stuck, Take};

/// The user is told after at most a minute that a text is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(50);
/// How long a box may take to empty.
const CLEAR_LIMIT: Duration = Duration::from_secs(3);

impl DeliveryMachine {
    /// Reports that the delivery is stuck, once a hold that may never end has lasted long, and when
    /// it no longer is.
    pub(super) fn watch_hold(&mut self, now: Now, look: &Look<'_>, todo: &mut Vec<Action>) {
        let held = self.delivery.held.as_ref();
        if !held.is_some_and(Hold::is_open_ended) || self.is_over() {
            self.held_since = None;
            if self.delivery.stuck.take().is_some() {
                record(todo);
            }
            return;
        }
        let since = *self.held_since.get_or_insert(now.steady);
        let waited = now.steady.saturating_duration_since(since);
        if self.delivery.stuck.is_some() {
            return;
        }
        if waited >= STUCK_AFTER {
            self.be_stuck(now, look);
            record(todo);
        }
    }

    /// When the next capture could show that it is stuck.
    pub fn next_look(&self) -> Option<Instant> {
        let since = self.held_since.filter(|_| self.delivery.stuck.is_none());
        since.map(|it| it + STUCK_AFTER)
    }

    fn be_stuck(&mut self, now: Now, look: &Look<'_>) {
        self.delivery.stuck = Some(Stuck { at: now.wall, shows: look.shows.to_owned() });
    }

    /// Takes a human's decision. A decision that does not fit changes nothing, and the caller is
    /// told.
    pub(super) fn hear_human(&mut self, now: Now, take: Take) -> Vec<Action> {
        let is_pasted = matches!(self.phase, Phase::Pasted { .. });
        let may = match take {
            Take::Done => return self.accept(now, "you said that the agent has it"),
            Take::Enter => is_pasted,
            Take::Retry | Take::Clear => is_pasted || self.phase == Phase::Waiting,
        };
        if !may {
            return Vec::new();
        }
        self.take = Some(take);
        vec![Action::Look(Duration::ZERO)]
    }

    /// Does what the human decided, as soon as no dialog and no turn would take the key.
    pub(super) fn obey(&mut self, now: Now, look: &Look<'_>, take: Take) -> Vec<Action> {
        let busy = [look.seen, look.settled].into_iter().find(|it| it.is_busy());
        let busy = busy.map(|turn| Hold::Turn(turn.clone()));
        if let Some(hold) = Self::dialog(look).or_else(|| look.obstacle.cloned()).or(busy) {
            return self.hold(Some(hold));
        }
        self.take = None;
        self.held_since = None;
        match take {
            Take::Enter => self.echoed(now, look),
            Take::Retry => self.paste(now, look),
            Take::Clear if look.can_clear => self.clear(),
            Take::Clear | Take::Done => self.hold(Some(Hold::Turn(AgentState::Draft))),
        }
    }

    fn clear(&mut self) -> Vec<Action> {
        self.cleared = true;
        self.phase = Phase::Clearing { since: None };
        self.delivery.step = Step::Queued;
        vec![Action::Record, Action::Clear]
    }

    /// The turn that was stopped for this text had not answered, so the agent put its prompt back:
    /// that is a delivered text, and is cleared. What cannot be cleared is reported at once.
    pub(super) fn clear_former(&mut self, now: Now, look: &Look<'_>) -> Option<Vec<Action>> {
        let is_clear = Self::dialog(look).is_none() && look.obstacle.is_none();
        let gave_back = self.interrupted && look.content == Content::Former;
        if !gave_back || !is_clear || look.settled.is_busy() || look.seen.is_busy() {
            return None;
        }
        if look.can_clear && !self.cleared {
            return Some(self.clear());
        }
        if self.delivery.stuck.is_none() {
            self.be_stuck(now, look);
            self.hold_silently(None);
        }
        Some(self.hold(Some(Hold::Turn(AgentState::Draft))))
    }

    /// The key that clears was pressed: the box must be seen empty.
    pub(super) fn expect_empty(
        &mut self,
        now: Now,
        look: &Look<'_>,
        since: Option<Instant>,
    ) -> Vec<Action> {
        let Some(since) = since else { return Vec::new() };
        let is_empty = matches!(look.content, Content::Empty | Content::Unseen);
        if is_empty {
            self.phase = Phase::Waiting;
            return self.wait(now, look);
        }
        if now.steady.saturating_duration_since(since) > CLEAR_LIMIT {
            self.phase = Phase::Waiting;
            self.be_stuck(now, look);
            self.hold_silently(Some(Hold::Turn(AgentState::Draft)));
            return vec![Action::Record];
        }
        vec![Action::Look(SETTLE)]
    }
}

fn record(todo: &mut Vec<Action>) {
    if !todo.contains(&Action::Record) {
        todo.insert(0, Action::Record);
    }
}
