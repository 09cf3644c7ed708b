//! A provider's limit: since when its message shows, and until when it holds.
//!
//! The message stays on the screen when the limit is over: the wall clock decides, also after a sleep of
//! the machine, which no other clock notices.
use std::time::Duration;

use super::Tracker;
use crate::{
    agents::limits,
    model::{AgentState, Fact, Limit, Now, Timestamp},
};

/// While a machine sleeps its steady clock stands still, so the wall clock is looked at now and then.
const CHECK: Duration = Duration::from_secs(30);
/// Two times of one countdown differ by less.
const SAME: Duration = Duration::from_secs(90);

/// The message that shows, read when it was new.
#[derive(Clone, Debug)]
pub(super) struct KnownLimit {
    text: String,
    until: Option<Timestamp>,
    /// A turn ran since.
    is_old: bool,
}

impl KnownLimit {
    /// What a former hub knew.
    pub(super) fn of(turn: &Fact<AgentState>) -> Option<Self> {
        let AgentState::Limited(limit) = &turn.value else { return None };
        Some(Self { text: turn.evidence.clone(), until: limit.until, is_old: false })
    }
}

impl Tracker {
    /// A screen at rest that shows the message of a limit is at rest until that is over.
    pub(super) fn weigh_limit(
        &mut self,
        now: Now,
        seen: AgentState,
        evidence: String,
    ) -> (AgentState, String) {
        self.limit_due = None;
        if seen.is_busy()
            && let Some(known) = &mut self.limit
        {
            known.is_old = true;
        }
        if !seen.listens() {
            return (seen, evidence);
        }
        let Some(text) = self.verdict.limit.clone() else {
            self.limit = None;
            return (seen, evidence);
        };
        let until = self.limit_until(now, &text);
        self.limit = Some(KnownLimit { text: text.clone(), until, is_old: false });
        let left = until.map(|it| it.since(now.wall));
        if left.is_some_and(|it| it.is_zero()) {
            return (seen, evidence);
        }
        self.limit_due = left.map(|it| now.steady + it.min(CHECK));
        let clock = until.map(|it| limits::clock(it, now.wall, &self.zone)).unwrap_or_default();
        let limit = if let AgentState::Limited(known) = &self.turn {
            // `15:00` does not become a date at midnight.
            let clock = if known.until == until { known.clock.clone() } else { clock };
            Limit { until, clock, in_turn: known.in_turn }
        } else {
            let ended = matches!(self.turn, AgentState::Idle | AgentState::Failed);
            Limit { until, clock, in_turn: self.turn.is_busy() || ended }
        };
        (AgentState::Limited(limit), text)
    }

    /// A message says the same for as long as it shows, however late it is read again.
    fn limit_until(&self, now: Now, text: &str) -> Option<Timestamp> {
        let known = self.limit.as_ref().filter(|it| !it.is_old);
        if let Some(known) = known.filter(|it| it.text == text) {
            return known.until;
        }
        let until = limits::reset(text, now.wall, &self.zone);
        let former = known.and_then(|it| it.until);
        let is_same =
            |one: Timestamp, other: Timestamp| one.since(other).max(other.since(one)) < SAME;
        match (former, until) {
            (Some(former), Some(until)) if is_same(former, until) => Some(former),
            _ => until,
        }
    }
}
