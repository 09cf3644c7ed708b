//! The life of the agent's process, and what the worker reports of itself.
use std::time::Duration;

use super::{Changed, Tracker};
use crate::model::{AgentState, Blocker, Fact, FactSource, Now, Process, Reported};

/// How long the screen may take to show the turn in which a report was sent.
const REPORT_LAG: Duration = Duration::from_secs(2);

impl Tracker {
    pub(super) fn report(&mut self, now: Now, what: Reported, text: &str) -> Changed {
        let same = self.reported.as_ref().filter(|it| it.value == what);
        let since = same.map_or(now.wall, |it| it.since);
        let source = FactSource::Report;
        let fact = Fact { value: what, since, source, evidence: text.to_owned() };
        self.reported = Some(fact.clone());
        self.reported_unseen = self.looked.is_none();
        Changed { reported: Some(fact), ..Changed::default() }
    }

    /// Whether a turn began after the report, which is about an earlier one then. A program may
    /// report in a turn that its screen does not show yet.
    pub(super) fn outdate_report(
        &mut self,
        now: Now,
        before: &AgentState,
        is_accepted: bool,
    ) -> bool {
        // What was believed before the first capture is from an earlier hub: the turn may have begun long ago.
        if self.reported_unseen && self.looked.is_some() {
            self.reported_unseen = false;
            return false;
        }
        let was_at_rest = before.listens() || *before == AgentState::Draft;
        let begins = was_at_rest && self.turn.is_busy();
        let sent_at = self.sent_at;
        let is_over = |it: &Fact<Reported>| {
            let is_earlier = sent_at.is_some_and(|at| it.since < at);
            let is_old = now.wall.since(it.since) > REPORT_LAG;
            is_accepted && is_earlier || begins && (is_earlier || is_old)
        };
        self.reported.take_if(|it| is_over(it)).is_some()
    }

    pub(super) fn start(&mut self, now: Now, source: FactSource, evidence: &str) -> Changed {
        if self.process != Process::Starting {
            return Changed::default();
        }
        self.process = Process::Running;
        let mut changed = Changed::default();
        if self.turn == AgentState::Blocked(Blocker::Shell) {
            changed = self.believe(now, AgentState::Unknown, FactSource::Hub, String::new());
        }
        let evidence = evidence.to_owned();
        changed.process = Some(Fact { value: Process::Running, since: now.wall, source, evidence });
        changed
    }

    pub(super) fn end(&mut self, now: Now, value: Process, evidence: String) -> Changed {
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
}
