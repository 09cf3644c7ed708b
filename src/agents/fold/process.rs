//! The life of the agent's process, and what the worker reports of itself.
use super::{Changed, Tracker};
use crate::model::{AgentState, Blocker, Fact, FactSource, Now, Process, Reported};

impl Tracker {
    pub(super) fn report(&mut self, now: Now, what: Reported, text: &str) -> Changed {
        let same = self.reported.as_ref().filter(|it| it.value == what);
        let since = same.map_or(now.wall, |it| it.since);
        let source = FactSource::Report;
        let fact = Fact { value: what, since, source, evidence: text.to_owned() };
        self.reported = Some(fact.clone());
        Changed { reported: Some(fact), ..Changed::default() }
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
