//! One worker inside the hub: its record, its capture schedule, its tracker and its deliveries.
mod answering;
mod auto_trust;
mod deliveries;
mod fit;
mod guest;
mod limits;
mod reports;
mod sampling;
mod speech;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;

pub(super) use limits::RESUME;
pub(super) use reports::Stalled;

use super::{Record, SessionId, reconcile::placement};
use crate::{
    agents::{
        self, classify,
        echo::Echo,
        fold::{Seen, Tracker},
        profile::Profile,
    },
    delivery::DeliveryMachine,
    model::{
        Agent, AgentState, Ask, Delivery, EndCause, Explained, Fact, FactSource, Happened, Heard,
        HeardReport, Landed, Now, PaneId, Placement, Process, Sample, Step, Timestamp, Verdict,
        Worker,
    },
    tmux::{Link, PaneRow},
};

/// After this time, a shell that has not started the agent has probably asked something, hung or
/// started another shell.
const START_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct LiveWorker {
    pub(super) worker: Worker,
    profile: Arc<Profile>,
    tracker: Tracker,
    zone: TimeZone,
    /// A limit that ended its turn is reset: it is to be told to go on.
    resumes: bool,
    /// Its agent says that it will continue by itself at the reset.
    continues: bool,
    watch: Watch,
    /// Since when a capture is wanted and none has come.
    unanswered: Option<Instant>,
    last: Option<Arc<Sample>>,
    verdict: Verdict,
    /// Open deliveries in order; only the first is in progress.
    queue: VecDeque<DeliveryMachine>,
    /// The newest finished delivery.
    receipt: Option<Delivery>,
    /// The screen before the current paste, for boxes that cannot be read.
    before: Option<Arc<Sample>>,
    echo: Option<Echo>,
    /// Grows with every ring and every new screen.
    n_drawn: u64,
    /// The same at the last capture.
    pub(super) n_shown: u64,
    /// The last samples, not yet in the screen log.
    recent: VecDeque<Arc<Sample>>,
    /// The state changed since the last sample in the screen log.
    has_changed: bool,
    /// The last texts delivered here: where they show, they are not a menu.
    sent: Vec<String>,
    /// The last hook report, for `explain`.
    heard: Option<Heard>,
    /// The last status reports in its output.
    reports: VecDeque<HeardReport>,
    /// It rang the bell, and nothing tells why: when to look whether that is so.
    beckoned: Option<Instant>,
    fit: fit::Fit,
    silence: reports::Silence,
    counting: work::Counting,
    /// When its last message had come.
    message_at: Option<Timestamp>,
    gone: bool,
    /// A client shows its screen until then.
    pub(super) watched_until: Option<Instant>,
    /// When the hub heard that its window was created.
    made_at: Instant,
    /// When a shell that has not started the agent counts as stuck.
    start_limit: Option<Instant>,
    answer: auto_trust::Answer,
    answering: Option<answering::Answering>,
    /// The dialog that was printed last for a user to answer.
    printed: Option<Ask>,
    notes: Notes,
}

/// What happened and must be recorded.
#[derive(Debug, Default)]
struct Notes {
    worker: bool,
    deliveries: Vec<Delivery>,
    happened: Vec<Happened>,
    samples: Vec<Sample>,
}

/// When to capture the pane.
#[derive(Debug, Default)]
struct Watch {
    /// We looked since we connected.
    is_seen: bool,
    /// Since when the captures have been equal.
    quiet_since: Option<Instant>,
    /// The next capture that a ring or a delivery requests.
    due: Option<Instant>,
    looking: bool,
    /// It rang during the look under way.
    rang: bool,
    /// When the last capture began.
    begun: Option<Instant>,
    last: Option<Instant>,
}

/// Every profile in use, parsed once: compiled patterns would fill the memory of a hub with many
/// workers.
#[derive(Debug)]
pub(super) struct Profiles {
    /// Where the hub is: times that agents print are of this zone.
    zone: TimeZone,
    /// How long a turn may print nothing.
    stalled: Duration,
    /// By name and, if it is not embedded, by text.
    known: BTreeMap<(String, Option<String>), Arc<Profile>>,
}

impl Profiles {
    pub(super) fn new(zone: TimeZone, stalled: Duration) -> Self {
        Self { zone, stalled, known: BTreeMap::new() }
    }

    pub(super) fn of(&mut self, agent: &Agent) -> Result<Arc<Profile>, String> {
        self.get(&agent.profile, agent.profile_text.as_deref())
    }

    fn get(&mut self, name: &str, text: Option<&str>) -> Result<Arc<Profile>, String> {
        let key = (name.to_owned(), text.map(ToOwned::to_owned));
        if let Some(profile) = self.known.get(&key) {
            return Ok(Arc::clone(profile));
        }
        let profile = match text {
            Some(text) => Profile::parse(name, text).map_err(|it| it.to_string())?,
            None => {
                Profile::embedded(name).ok_or_else(|| format!("there is no profile `{name}`"))?
            }
        };
        let profile = Arc::new(profile);
        self.known.insert(key, Arc::clone(&profile));
        Ok(profile)
    }
}

impl LiveWorker {
    /// A worker whose window was just created.
    pub(super) fn made(
        worker: Worker,
        first: Option<Delivery>,
        profiles: &mut Profiles,
        now: Now,
    ) -> Result<Self, String> {
        let profile = profiles.of(&worker.agent)?;
        let mut live = Self::new(worker, profile, profiles, now);
        live.notes.worker = true;
        if let Some(first) = first {
            live.queue(now, first);
        }
        Ok(live)
    }

    /// A worker from the store, and what is wrong with it. If its profile can no longer be read, it
    /// uses the generic one.
    pub(super) fn remembered(
        worker: Worker,
        (deliveries, sent): (Vec<Delivery>, Vec<&str>),
        profiles: &mut Profiles,
        now: Now,
    ) -> Result<(Self, Option<String>), String> {
        let (profile, problem) = match profiles.of(&worker.agent) {
            Ok(profile) => (profile, None),
            Err(error) => {
                let problem = format!(
                    "`{}` uses the generic profile, because its own cannot be read: {error}",
                    worker.id
                );
                (profiles.get(agents::GENERIC, None)?, Some(problem))
            }
        };
        let mut live = Self::new(worker, profile, profiles, now);
        live.gone = live.worker.place.gone;
        // The profile may have been mended.
        live.worker.profile_note = None;
        for text in sent {
            live.remember_sent(text);
        }
        for delivery in deliveries {
            // From a newer version: it stays in the store, and this version does nothing about it.
            if matches!(delivery.step, Step::Other(_)) {
                continue;
            }
            if delivery.step.is_final() {
                live.receipt = Some(delivery);
            } else {
                let at = live.place_of(&delivery);
                live.queue.insert(at, DeliveryMachine::new(delivery));
            }
        }
        Ok((live, problem))
    }

    fn new(worker: Worker, profile: Arc<Profile>, profiles: &Profiles, now: Now) -> Self {
        let (zone, stalled) = (profiles.zone.clone(), profiles.stalled);
        let tracker = Tracker::new(Arc::clone(&profile), &worker.state, now).in_zone(zone.clone());
        // It came before now.
        let message_at = worker.last_message.is_some().then_some(now.wall);
        let starting = worker.state.process.value == Process::Starting;
        let start_limit = starting.then(|| now.steady + START_LIMIT);
        Self {
            worker,
            profile,
            tracker,
            zone,
            resumes: false,
            continues: false,
            watch: Watch::default(),
            unanswered: Some(now.steady),
            last: None,
            verdict: Verdict::default(),
            queue: VecDeque::new(),
            receipt: None,
            before: None,
            echo: None,
            n_drawn: 0,
            n_shown: 0,
            recent: VecDeque::new(),
            has_changed: false,
            sent: Vec::new(),
            heard: None,
            reports: VecDeque::new(),
            beckoned: None,
            fit: fit::Fit::default(),
            silence: reports::Silence::new(stalled, now),
            counting: work::Counting::default(),
            message_at,
            gone: false,
            watched_until: None,
            made_at: now.steady,
            start_limit,
            answer: auto_trust::Answer::default(),
            answering: None,
            printed: None,
            notes: Notes::default(),
        }
    }

    /// Its last screen was captured since then, shows the state that a hook or its program reported, and asks
    /// what the worker is known to ask.
    pub(super) fn shows_its_state(&self, since: Instant) -> bool {
        let turn = &self.worker.state.turn;
        let is_new = !self.watch.looking && self.watch.begun.is_some_and(|it| it >= since);
        let is_at_rest = |it: &AgentState| matches!(it, AgentState::Idle | AgentState::Ready);
        let (told, seen) = (&turn.value, &self.verdict.turn);
        let is_same = std::mem::discriminant(told) == std::mem::discriminant(seen);
        let agrees = is_same || is_at_rest(told) && is_at_rest(seen);
        let is_told = matches!(turn.source, FactSource::Hook | FactSource::Program);
        let knows_it = self.tracker.knows_the_question();
        is_new && knows_it && (!is_told || agrees && self.knows_the_answers())
    }

    /// A hook may name fewer answers than the dialog has.
    fn knows_the_answers(&self) -> bool {
        let labels =
            |ask: &Ask| ask.choices.iter().map(|it| it.label.clone()).collect::<Vec<String>>();
        let shown = self.verdict.ask.as_ref().map(labels).filter(|it| !it.is_empty());
        let known = self.worker.state.asks.as_ref().map(labels);
        shown.is_none() || !self.worker.state.turn.value.asks() || shown == known
    }

    pub(super) fn last_sample(&self) -> Option<&Sample> {
        self.last.as_deref()
    }

    /// Its pane is there, as far as we know.
    pub(super) fn has_window(&self) -> bool {
        !self.gone
    }

    pub(super) fn has_pane(&self, pane: PaneId) -> bool {
        self.worker.place.pane == pane && self.has_window()
    }

    pub(super) fn open_deliveries(&self) -> usize {
        self.queue.len()
    }

    /// The open deliveries, in their order.
    pub(super) fn open(&self) -> Vec<Delivery> {
        self.queue.iter().map(|it| it.delivery().clone().shortened()).collect()
    }

    pub(super) fn newest_delivery(&self) -> Option<&Delivery> {
        let open = self.queue.back().map(DeliveryMachine::delivery);
        open.or(self.receipt.as_ref())
    }

    /// The newest delivery that is over, then the open ones.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        let open = self.queue.iter().map(|it| it.delivery().clone());
        self.receipt.iter().cloned().chain(open).collect()
    }

    pub(super) fn explain(&self, now: Now) -> Explained {
        let look = |sample| classify::explain(&self.profile, sample, &self.sent);
        let why = self.last_sample().map(look);
        let rules = why.map(|it| it.rules).unwrap_or_default();
        let silence = |since| now.steady.saturating_duration_since(since).as_millis();
        Explained {
            worker: self.worker.clone(),
            sample: self.last_sample().cloned(),
            verdict: self.verdict.clone(),
            rules,
            quiet_ms: self.watch.quiet_since.and_then(|it| u64::try_from(silence(it)).ok()),
            hook: self.heard.clone(),
            reports: self.reports.iter().cloned().collect(),
        }
    }

    /// Its agent should be there, but this hub has not captured it yet.
    pub(super) fn is_unseen(&self) -> bool {
        self.has_window() && self.last.is_none() && self.worker.is_live()
    }

    /// Facts of the previous hub are not current.
    pub(super) fn forget_state(&mut self, now: Now) {
        if self.worker.state.turn.value == AgentState::Unknown {
            return;
        }
        let evidence = "not captured since the hub started".to_owned();
        let (value, source) = (AgentState::Unknown, FactSource::Hub);
        let turn = Fact { value, since: now.wall, source, evidence };
        self.worker.state.turn = turn.clone();
        self.worker.state.asks = None;
        let tracker = Tracker::new(Arc::clone(&self.profile), &self.worker.state, now);
        self.tracker = tracker.in_zone(self.zone.clone());
        self.notes.worker = true;
        self.notes.happened.push(Happened::Turn(turn));
    }

    pub(super) fn has_notes(&self) -> bool {
        let Notes { worker, deliveries, happened, samples } = &self.notes;
        *worker || !(deliveries.is_empty() && happened.is_empty() && samples.is_empty())
    }

    /// What is to be recorded since the last call.
    pub(super) fn take_notes(&mut self) -> Option<Noted> {
        if !self.has_notes() {
            return None;
        }
        let Notes { worker, deliveries, happened, samples } = std::mem::take(&mut self.notes);
        let record = worker.then(|| Record::Worker(Box::new(self.worker.clone())));
        Some(Noted { record, deliveries, happened, samples })
    }
}

/// What a worker reports to the hub.
pub(super) struct Noted {
    pub(super) record: Option<Record>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) happened: Vec<Happened>,
    /// For the screen log.
    pub(super) samples: Vec<Sample>,
}

/// Where it is.
impl LiveWorker {
    /// The pane exists and is shown by these sessions. True if its session was just closed.
    pub(super) fn seen_at(&mut self, row: &PaneRow) -> bool {
        let to = placement(row, &self.worker.id);
        let kept = row.links.iter().find(|it| Some(it.session) == self.worker.place.session);
        let session = kept.or_else(|| row.links.first()).map(Link::place);
        let was = self.worker.placement;
        let place = &self.worker.place;
        // A session may be renamed.
        let known = place.session.zip(place.session_name.clone());
        if was == to && session == known {
            return false;
        }
        self.placed(to, session);
        to == Placement::Fleet && was != Placement::Fleet
    }

    pub(super) fn placed(&mut self, placement: Placement, session: Option<(SessionId, String)>) {
        self.worker.placement = placement;
        self.worker.place.session = session.as_ref().map(|it| it.0);
        self.worker.place.session_name = session.map(|it| it.1);
        self.notes.worker = true;
        let session = self.worker.place.session_name.clone();
        self.notes.happened.push(Happened::Placed { placement, session });
    }

    /// Where git says its worktree is; `None`: it was removed.
    pub(super) fn worktree_at(&mut self, path: Option<PathBuf>) {
        let is_gone = path.is_none();
        let has_moved = path.as_ref().is_some_and(|it| *it != self.worker.worktree);
        if is_gone == self.worker.worktree_gone && !has_moved {
            return;
        }
        self.worker.worktree_gone = is_gone;
        self.worker.worktree = path.clone().unwrap_or_else(|| self.worker.worktree.clone());
        self.notes.worker = true;
        self.notes.happened.push(Happened::Worktree { path });
    }

    /// Its branch was renamed.
    pub(super) fn renamed(&mut self, branch: String) {
        self.worker.branch.clone_from(&branch);
        self.notes.worker = true;
        self.notes.happened.push(Happened::Renamed { branch });
    }

    /// Its work is part of another branch.
    pub(super) fn has_landed(&mut self, landed: Landed) {
        if self.worker.state.landed.as_ref() == Some(&landed) {
            return;
        }
        self.worker.state.landed = Some(landed.clone());
        self.notes.worker = true;
        self.notes.happened.push(Happened::Landed(landed));
    }

    pub(super) fn boot(&self) -> &str {
        &self.worker.place.boot
    }

    /// True if a list that was requested then may not contain this worker's pane.
    pub(super) fn is_made_since(&self, then: Instant) -> bool {
        self.made_at >= then
    }

    /// Why a pane that should exist does not.
    pub(super) fn cause_of_loss(&self, sessions: &BTreeSet<SessionId>) -> EndCause {
        let is_there = self.worker.place.session.is_some_and(|it| sessions.contains(&it));
        match self.worker.placement {
            Placement::Session if !is_there => EndCause::SessionClosed,
            Placement::Session | Placement::Window | Placement::Fleet | Placement::Other(_) => {
                EndCause::WindowClosed
            }
        }
    }

    /// The pane is gone, but not at wtmag's request.
    pub(super) fn lost(&mut self, now: Now, cause: EndCause) {
        self.gone = true;
        self.worker.place.gone = true;
        if self.worker.state.is_live() {
            self.track(now, Seen::PaneGone(cause), &mut Vec::new());
        }
        self.notes.worker = true;
        self.fail_deliveries(now, &format!("the worker's pane is gone: {cause}"));
    }

    /// A user put another program into its pane: the agent is gone, and what is typed there now is
    /// not for it. The window stays until the worker is cleaned up.
    pub(super) fn respawned(&mut self, now: Now) {
        let cause = EndCause::PaneRespawned;
        self.track(now, Seen::PaneGone(cause), &mut Vec::new());
        self.fail_deliveries(now, &format!("the agent is gone: {cause}"));
    }

    /// wtmag closed its window.
    pub(super) fn window_gone(&mut self, now: Now) {
        self.lost(now, EndCause::WindowClosed);
    }
}
