//! A text that the agent takes by a channel of its own: its plugin is offered the text.
use super::{Action, DeliveryMachine, ECHO_PACE, Look, Phase};
use crate::model::{AgentState, Delivery, Now};

impl DeliveryMachine {
    /// A new delivery by the agent's own channel; by its box, if it does not take it there.
    pub fn by_channel(delivery: Delivery) -> Self {
        Self { has_channel: true, ..Self::new(delivery) }
    }

    /// What is known of it is lost with the connection to tmux.
    pub fn depends_on_tmux(&self) -> bool {
        self.is_in_flight() && !self.has_channel
    }

    /// The agent's channel is not read: nothing of the text has reached it.
    pub(super) fn handle_not_taken(&mut self) -> Vec<Action> {
        if !self.is_offered() {
            return Vec::new();
        }
        self.has_channel = false;
        self.phase = Phase::Waiting;
        self.delivery.take_back();
        vec![Action::Record, Action::Look(ECHO_PACE)]
    }

    /// The agent is gone. A text that its channel offers is withdrawn.
    pub(super) fn lose(&mut self, now: Now, why: &str) -> Vec<Action> {
        if self.is_offered() {
            self.delivery.take_back();
        }
        self.fail(now, why)
    }

    /// Its channel offers the text, and the agent has not taken it.
    fn is_offered(&self) -> bool {
        self.has_channel && self.phase == Phase::Pasting
    }
}

/// Nothing is in the way but what a person has typed.
pub(super) fn is_only_a_draft(look: &Look<'_>) -> bool {
    let rests = |it: &AgentState| it.listens() || *it == AgentState::Draft;
    look.obstacle.is_none() && rests(look.seen) && rests(look.settled)
}
