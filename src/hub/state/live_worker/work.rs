//! When a worker's changes are to be counted, and what was counted.
use super::LiveWorker;
use crate::model::{AgentState, Changes, Happened};

/// Whether a turn has run since the last count.
#[derive(Debug, Default)]
pub(super) struct Counting {
    is_in_turn: bool,
    is_due: bool,
}

impl Counting {
    /// A dialog is a part of the turn, and an unreadable screen ends none.
    pub(super) fn turned(&mut self, from: &AgentState, to: &AgentState) {
        let runs = |it: &AgentState| it.is_busy() || matches!(it, AgentState::Waiting(_));
        self.is_in_turn |= runs(from) || runs(to);
        let is_over = to.listens() || matches!(to, AgentState::Limited(_) | AgentState::Draft);
        if self.is_in_turn && is_over {
            (self.is_in_turn, self.is_due) = (false, true);
        }
    }

    /// Its agent has ended, or was started again.
    pub(super) fn ended(&mut self, is_live: bool) {
        self.is_due |= !is_live && std::mem::take(&mut self.is_in_turn);
    }
}

impl LiveWorker {
    /// A turn is over that was not counted.
    pub(in crate::hub::state) fn takes_count(&mut self) -> bool {
        std::mem::take(&mut self.counting.is_due)
    }

    /// What changes now will be counted at the end of its turn.
    pub(in crate::hub::state) fn will_count(&self) -> bool {
        self.counting.is_in_turn && self.worker.state.is_live()
    }

    pub(in crate::hub::state) fn counted(&mut self, changes: Changes) {
        let known = self.worker.work.changes.as_ref();
        if known.is_some_and(|it| it.is_same(&changes)) {
            return;
        }
        self.worker.work.changes = Some(changes.clone());
        self.notes.worker = true;
        self.notes.happened.push(Happened::Changes(changes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Question;

    #[test]
    fn a_turn_is_counted_once_when_it_is_over() {
        use AgentState::{Idle, Ready, Unknown, Waiting, Working};
        let asks = || Waiting(Question::Permission);
        let count = |states: &[AgentState]| {
            let mut counting = Counting::default();
            let mut n = 0;
            for pair in states.windows(2) {
                counting.turned(&pair[0], &pair[1]);
                n += usize::from(std::mem::take(&mut counting.is_due));
            }
            n
        };
        assert_eq!(count(&[Unknown, Ready, Idle]), 0);
        assert_eq!(count(&[Ready, Working, Idle, Idle]), 1);
        assert_eq!(count(&[Ready, Working, Unknown, Working, asks(), Working, Idle]), 1);
        assert_eq!(count(&[Working, asks(), Idle, Working, Unknown]), 1);
        assert_eq!(count(&[Working, Unknown, Idle]), 1);
        let mut counting = Counting::default();
        counting.ended(false);
        assert!(!counting.is_due);
        counting.turned(&Ready, &Working);
        counting.ended(false);
        assert!(counting.is_due);
    }
}
