//! An agent in a pane without a worker, and whether an agent can be told something.
use std::path::PathBuf;

use super::{LiveWorker, Profiles, deliveries::obstacle};
use crate::{
    agents::{self, classify},
    hub::state::Met,
    model::{
        Agent, AgentState, DeliveryMode, Kind, Now, PaneId, Place, Placement, Process, ServerId,
        Source, Usage, Work, Worker, WorkerId, WorkerState,
    },
};

impl LiveWorker {
    /// `None` if the pane shows no agent with a profile, the user's or wtmag's. A shell is no agent.
    pub(in crate::hub::state) fn guest(
        id: WorkerId,
        (pane, server, boot): (PaneId, ServerId, String),
        met: &Met,
        profiles: &mut Profiles,
        now: Now,
    ) -> Option<Self> {
        let (name, text) = profile_of(met, profiles)?;
        let profile = profiles.get(&name, text.as_deref()).ok()?;
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
        let worker = guest_worker(id, (name, text), (place, state));
        Some(Self::new(worker, profile, profiles, now))
    }

    /// Its agent has ended: the shell that it ran in is in the foreground.
    pub(in crate::hub::state) fn shows_a_shell(&self) -> bool {
        let is_shell = |it| classify::foreground(&self.profile, it) == classify::Foreground::Shell;
        self.last.as_ref().is_some_and(|it| it.dead || is_shell(it))
    }

    /// Its agent is at rest with an empty box, and nothing else waits for it. By its own channel it is told
    /// beside what a person types.
    pub(in crate::hub::state) fn may_be_woken(&self) -> bool {
        let turn = &self.worker.state.turn;
        let has_channel = self.has_channel();
        let is_at_rest = |it: &AgentState| {
            let rests = matches!(it, AgentState::Idle | AgentState::Ready);
            rests || has_channel && *it == AgentState::Draft
        };
        // What a report said first keeps that source when the screen agrees.
        let is_proven = is_at_rest(self.tracker.proven());
        let is_free = self.last.as_ref().is_some_and(|it| obstacle(&self.profile, it).is_none());
        let runs = self.worker.state.process.value == Process::Running && !self.gone;
        is_at_rest(&turn.value) && is_proven && is_free && runs && self.queue.is_empty()
    }
}

/// The profile of what runs in the pane: its name, and its text if it is the user's, who may have replaced one of
/// wtmag's.
fn profile_of(met: &Met, profiles: &mut Profiles) -> Option<(String, Option<String>)> {
    let programs = || met.sample.group.iter().chain([&met.sample.command]);
    let own = |(name, text): &(String, String)| {
        let profile = profiles.get(name, Some(text)).ok()?;
        let runs = programs().any(|it| agents::runs_as(&profile, it));
        runs.then(|| (name.clone(), Some(text.clone())))
    };
    let own = met.profiles.iter().find_map(own);
    let built_in =
        || Some((programs().find_map(|it| agents::profile_of_program(it))?.to_owned(), None));
    own.or_else(built_in)
}

fn guest_worker(
    id: WorkerId,
    (agent, profile_text): (String, Option<String>),
    (place, state): (Place, WorkerState),
) -> Worker {
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
            name: agent.clone(),
            profile: agent,
            profile_text,
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
        follows: None,
        state,
        ended: None,
        agent_session: None,
        last_message: None,
        usage: Usage::default(),
        progress: None,
        profile_note: None,
        record: false,
        markers: false,
        work: Work::default(),
    }
}
