//! An agent in a pane that is no worker's, and whether an agent can be told something.
use std::path::PathBuf;

use super::{LiveWorker, Profiles, deliveries::obstacle};
use crate::{
    agents::{self, classify},
    hub::state::Met,
    model::{
        Agent, AgentState, DeliveryMode, FactSource, Kind, Now, PaneId, Place, Placement, Process,
        ServerId, Source, Usage, Work, Worker, WorkerId, WorkerState,
    },
};

impl LiveWorker {
    /// `None` if the pane shows no agent with a profile of its own. A shell is no agent.
    pub(in crate::hub::state) fn guest(
        id: WorkerId,
        (pane, server, boot): (PaneId, ServerId, String),
        met: &Met,
        profiles: &mut Profiles,
        now: Now,
    ) -> Option<Self> {
        let programs = met.sample.group.iter().chain([&met.sample.command]);
        let mut known = programs.filter_map(|it| agents::profile_of_program(it));
        let name = known.next()?;
        let profile = profiles.get(name, None).ok()?;
        if classify::foreground(&profile, &met.sample) != classify::Foreground::Agent {
            return None;
        }
        let place = Place {
            server,
            window: met.window,
            pane,
            pid: Some(met.pid),
            session: None,
            session_name: None,
            boot,
            gone: false,
        };
        let mut state = WorkerState::starting(now.wall);
        state.process.value = Process::Running;
        let worker = guest_worker(id, name, (place, state));
        Some(Self::new(worker, profile, profiles, now))
    }

    /// Its agent is at rest with an empty box, and nothing else waits for it.
    pub(in crate::hub::state) fn may_be_woken(&self) -> bool {
        let turn = &self.worker.state.turn;
        let is_at_rest = |it: &AgentState| matches!(it, AgentState::Idle | AgentState::Ready);
        let is_proven = is_at_rest(self.tracker.proven()) && turn.source != FactSource::Program;
        let is_free = self.last.as_ref().is_some_and(|it| obstacle(&self.profile, it).is_none());
        let runs = self.worker.state.process.value == Process::Running && !self.gone;
        is_at_rest(&turn.value) && is_proven && is_free && runs && self.queue.is_empty()
    }
}

fn guest_worker(id: WorkerId, agent: &str, (place, state): (Place, WorkerState)) -> Worker {
    Worker {
        id,
        project: String::new(),
        repo: PathBuf::new(),
        worktree: PathBuf::new(),
        worktree_gone: false,
        git_dir: PathBuf::new(),
        branch: String::new(),
        branch_made: false,
        worktree_made: false,
        base: None,
        source: Source::prompt(""),
        kind: Kind::Implementation,
        agent: Agent {
            name: agent.to_owned(),
            profile: agent.to_owned(),
            profile_text: None,
            argv: Vec::new(),
            model: None,
            delivery: DeliveryMode::Ready,
            trust: false,
            resume_at_reset: false,
        },
        placement: Placement::Window,
        place,
        pr: None,
        parent: None,
        parent_pane: None,
        wakes: None,
        created: state.process.since,
        state,
        ended: None,
        agent_session: None,
        last_message: None,
        usage: Usage::default(),
        progress: None,
        profile_note: None,
        record: false,
        work: Work::default(),
    }
}
