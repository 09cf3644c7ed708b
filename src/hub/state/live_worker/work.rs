//! When a worker's changes are to be counted, and what was counted.
use super::LiveWorker;
use crate::model::{AgentState, Changes, Happened, Landed, Now, Pull, PullState, pull_requests_in};

/// Pull requests that are kept of one text: the last ones.
const MAX_NAMED: usize = 8;

/// Whether a turn has run since the last count.
#[derive(Debug, Default)]
pub(super) struct Counting {
    is_in_turn: bool,
    is_due: bool,
    /// Pull requests that its agent has named.
    candidates: Vec<String>,
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

    /// True if its branch was pushed since the last count.
    pub(in crate::hub::state) fn counted(&mut self, changes: Changes) -> bool {
        let known = self.worker.work.changes.as_ref();
        let was_pushed = known.and_then(|it| it.pushed.as_ref());
        let has_pushed = changes.pushed.is_some() && changes.pushed.as_ref() != was_pushed;
        if known.is_some_and(|it| it.is_same(&changes)) {
            return false;
        }
        let landed = self.worker.state.landed.as_ref();
        // It has more commits since.
        if landed.is_some_and(|it| it.tip != changes.head) && changes.ahead > 0 {
            self.worker.state.landed = None;
        }
        self.worker.work.changes = Some(changes.clone());
        self.notes.worker = true;
        self.notes.happened.push(Happened::Changes(changes));
        has_pushed
    }

    /// What the forge says about its pull request.
    pub(in crate::hub::state) fn note_pull(&mut self, now: Now, state: PullState) {
        let known = self.worker.work.pull.as_ref();
        let same = known.filter(|it| it.state.head == state.head && it.state.url == state.url);
        let since = same.map_or(now.wall, |it| it.since);
        let is_news = known.is_none_or(|it| it.state != state);
        let pull = Pull { since, at: now.wall, state };
        self.worker.work.pull = Some(pull.clone());
        self.notes.worker = true;
        if is_news {
            self.notes.happened.push(Happened::Pull(Box::new(pull)));
        }
    }

    /// The forge need not be asked again: its pull request was merged at this commit.
    pub(in crate::hub::state) fn note_merge(&mut self, now: Now, landed: &Landed) {
        let known = self.worker.work.pull.as_ref().map(|it| &it.state);
        let Some(state) = known.filter(|it| landed.how == "pr" && it.head == landed.tip) else {
            return;
        };
        let merge_commit = landed.commit.clone();
        let state = PullState { is_open: false, is_merged: true, merge_commit, ..state.clone() };
        self.note_pull(now, state);
    }

    /// Its task was not moved on its board.
    pub(in crate::hub::state) fn note_board(&mut self, text: String) {
        self.notes.happened.push(Happened::Told { about: "board".to_owned(), text });
    }

    /// Pull requests that its agent has named since the last call.
    pub(in crate::hub::state) fn take_candidates(&mut self) -> Vec<String> {
        std::mem::take(&mut self.counting.candidates)
    }

    /// The agent names pull requests, in its message or in what its tools print.
    pub(in crate::hub::state) fn note_candidates(&mut self, text: &str) {
        if self.worker.pr.is_none() && self.worker.opens_pull_request() {
            let found = pull_requests_in(text);
            let at = found.len().saturating_sub(MAX_NAMED);
            self.counting.candidates.extend(found.into_iter().skip(at));
        }
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
